//! Whether this process can serve: what `GET /health` tells.

use core::time::Duration;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tidemark_service::Service;
use tidemark_store::StoreError;
use tidemark_store::records::{MailboxRow, MailboxScope, MailboxState};

/// How long the simulator may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What has to be there before this process serves.
pub(crate) struct Readiness {
    pub(crate) service: Arc<Service>,
    /// The mailboxes that it is to serve.
    pub(crate) mailboxes: Vec<MailboxScope>,
    /// `host:port` of the simulator, if there is one.
    pub(crate) simulator: Option<String>,
}

/// Why this process cannot serve yet. Holds no addresses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotReady {
    Simulator,
    Store,
    Mailboxes { unsubscribed: usize, uncopied: usize },
}

impl core::fmt::Display for NotReady {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Simulator => f.write_str("the simulator does not listen"),
            Self::Store => f.write_str("the store does not answer"),
            Self::Mailboxes { unsubscribed, uncopied } => write!(
                f,
                "mailboxes without a subscription: {unsubscribed}, without a first copy: {uncopied}"
            ),
        }
    }
}

impl Readiness {
    /// Looks.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) async fn check(&self) -> Result<(), NotReady> {
        if let Some(address) = &self.simulator {
            let connected = tokio::net::TcpStream::connect(address);
            match tokio::time::timeout(CONNECT_TIMEOUT, connected).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => return Err(NotReady::Simulator),
            }
        }
        let (mut unsubscribed, mut uncopied) = (0, 0);
        for scope in &self.mailboxes {
            match self.look_at(scope).await.map_err(|_| NotReady::Store)? {
                Progress::Ready => {}
                Progress::Unsubscribed => unsubscribed += 1,
                Progress::Uncopied => uncopied += 1,
            }
        }
        if unsubscribed + uncopied == 0 {
            Ok(())
        } else {
            Err(NotReady::Mailboxes { unsubscribed, uncopied })
        }
    }

    async fn look_at(&self, scope: &MailboxScope) -> Result<Progress, StoreError> {
        let records = &self.service.records;
        let Some(row) = records.mailbox(scope).await? else {
            return Ok(Progress::Uncopied);
        };
        if !is_copied(&row.value) {
            return Ok(Progress::Uncopied);
        }
        let subscribed = records
            .subscriptions(scope)
            .await?
            .iter()
            .any(|row| !row.value.retired && row.value.subscription_id.is_some());
        Ok(if subscribed { Progress::Ready } else { Progress::Unsubscribed })
    }
}

enum Progress {
    Ready,
    Unsubscribed,
    Uncopied,
}

fn is_copied(row: &MailboxRow) -> bool {
    row.state == MailboxState::Synced
}

/// `GET /health`.
pub(crate) fn router(readiness: Arc<Readiness>) -> Router {
    Router::new().route("/health", get(health)).with_state(readiness)
}

async fn health(State(readiness): State<Arc<Readiness>>) -> Response {
    match readiness.check().await {
        Ok(()) => answer(StatusCode::OK, "application/json", &json!({"status": "ok"})),
        Err(missing) => {
            let problem = json!({
                "type": "about:blank",
                "title": "not ready",
                "status": 503,
                "detail": missing.to_string(),
            });
            answer(StatusCode::SERVICE_UNAVAILABLE, "application/problem+json", &problem)
        }
    }
}

fn answer(status: StatusCode, content_type: &str, body: &serde_json::Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (status, headers, body.to_string()).into_response()
}

//! What people see: the status page and a line per change.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use jiff::SignedDuration;
use serde::Deserialize;
use tidemark_model::OrganisationId;
use tidemark_service::Service;
use tidemark_store::records::{
    FeedCursor, FeedError, FeedRecord, MailboxRow, MailboxScope, MailboxState,
};

use crate::readiness::Readiness;
use crate::setup::all_mailboxes;

/// How often new changes are looked for.
const LOOK_EVERY: SignedDuration = SignedDuration::from_millis(250);
/// How long to wait after the feed could not be read.
const STORE_WAIT: SignedDuration = SignedDuration::from_secs(2);
/// Changes that are read at once.
const PAGE_ENTRIES: usize = 100;

/// Writes a line for the person at the terminal. A terminal that is gone is no reason to end.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Writes a line per change of an organisation, from now on: type, mailbox and id, no content.
pub(crate) async fn run_lines(service: Arc<Service>, organisation: OrganisationId) {
    let mut cursor: Option<FeedCursor> = None;
    let clock = service.world.clock();
    loop {
        let wait = match tell_news(&service, &organisation, &mut cursor).await {
            Ok(()) => LOOK_EVERY,
            Err(error) => {
                tracing::warn!(error = %error, "the feed cannot be read for the terminal");
                cursor = None;
                STORE_WAIT
            }
        };
        clock.sleep(wait.unsigned_abs()).await;
    }
}

async fn tell_news(
    service: &Service,
    organisation: &OrganisationId,
    cursor: &mut Option<FeedCursor>,
) -> Result<(), FeedError> {
    let records = &service.records;
    let Some(at) = cursor else {
        *cursor = Some(records.feed_heads(organisation).await?);
        return Ok(());
    };
    let page = records.read_feed(organisation, Some(at), PAGE_ENTRIES, service.world.now()).await?;
    *at = page.cursor;
    for entry in &page.entries {
        if let Some(line) = line_of(entry) {
            say(&line);
        }
    }
    Ok(())
}

/// The parts of a CloudEvent that a line shows.
#[derive(Deserialize)]
struct Shown {
    #[serde(rename = "type")]
    event: String,
    subject: String,
    time: Option<String>,
}

fn line_of(entry: &FeedRecord) -> Option<String> {
    let shown: Shown = serde_json::from_slice(entry.event.as_deref()?).ok()?;
    let time = shown.time.unwrap_or_default();
    Some(format!("{time}  {}  {}", shown.event, shown.subject).trim_start().to_owned())
}

/// What the status page shows.
pub(crate) struct StatusPage {
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) organisation: OrganisationId,
}

/// `GET /`.
pub(crate) fn router(page: Arc<StatusPage>) -> Router {
    Router::new().route("/", get(status)).with_state(page)
}

async fn status(State(page): State<Arc<StatusPage>>) -> Response {
    let ready = match page.readiness.check().await {
        Ok(()) => "ready".to_owned(),
        Err(missing) => format!("not ready: {missing}"),
    };
    let rows = match all_mailboxes(&page.readiness.service, &page.organisation).await {
        Ok(mailboxes) => {
            let mut rows = String::new();
            for found in &mailboxes {
                rows.push_str(&row_of(&page, &found.value).await);
            }
            rows
        }
        Err(_) => String::new(),
    };
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tidemark</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem;max-width:60rem}}\
         td,th{{padding:.2rem 1rem .2rem 0;text-align:left}}</style>\
         <h1>Tidemark</h1><p>This connector is {}.</p>\
         <table><tr><th>Mailbox</th><th>State</th><th>First copy</th><th>Lag</th>\
         <th>Troubles</th></tr>{rows}</table>\
         <p>The API is described in <a href=\"/openapi.json\">openapi.json</a>. Calls carry \
         <code>Authorization: Bearer KEY</code> with the key that the terminal shows.</p></html>",
        escaped(&ready),
    );
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(html)).into_response()
}

async fn row_of(page: &StatusPage, row: &MailboxRow) -> String {
    let scope = MailboxScope { organisation: page.organisation.clone(), mailbox: row.id };
    let (copied, lag) = match page.readiness.service.progress_of(&scope, row).await {
        Ok((copied, lag)) => (escaped(&copied.text), escaped(&lag.text)),
        Err(_) => ("unknown".to_owned(), "unknown".to_owned()),
    };
    let troubles: Vec<_> = row.troubles.iter().map(|trouble| escaped(&trouble.code)).collect();
    let (state, troubles) = (word_of(row.state), troubles.join(", "));
    format!(
        "<tr><td>{}</td><td>{state}</td><td>{copied}</td><td>{lag}</td><td>{troubles}</td></tr>",
        row.id
    )
}

const fn word_of(state: MailboxState) -> &'static str {
    match state {
        MailboxState::New => "new",
        MailboxState::Subscribed => "subscribed",
        MailboxState::FirstSync => "first copy",
        MailboxState::Synced => "synced",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use tidemark_model::{LinkId, MailboxId, SystemId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_line_names_type_and_subject_and_no_content() {
        let event = serde_json::json!({
            "type": "tidemark.appointment.created",
            "subject": "mailboxes/m/appointments/1",
            "time": "2026-11-22T17:00:00Z",
            "data": {"item": {"title": "Secret"}},
        });
        let mut entry = FeedRecord {
            shard: 0,
            number: 1,
            id: Uuid::nil(),
            mailbox: MailboxId::new(Uuid::nil()),
            link: LinkId::new(Uuid::nil()),
            system: SystemId::parse("crm").unwrap(),
            at: jiff::Timestamp::UNIX_EPOCH,
            event: Some(event.to_string().into_bytes()),
        };
        assert_eq!(
            line_of(&entry).unwrap(),
            "2026-11-22T17:00:00Z  tidemark.appointment.created  mailboxes/m/appointments/1"
        );
        entry.event = None;
        assert_eq!(line_of(&entry), None);
    }

    #[test]
    fn what_comes_from_outside_is_escaped() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}

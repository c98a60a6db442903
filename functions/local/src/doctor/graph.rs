//! The way to mailboxes over Microsoft Graph, step by step.

use std::sync::Arc;

use async_trait::async_trait;
use tidemark_graph::{GraphRoot, UserKey};
use tidemark_identity::{
    AccessToken, Application, CertificateKey, ClientCredential, Entra, TokenError, TokenSource,
};
use tidemark_mailbox::ews::ConnectionLimiter;
use tidemark_mailbox::graph::{ChangeFeed, GraphEndpoint, GraphMailbox};
use tidemark_model::Zone;
use tidemark_service::border::GraphSettings;
use tidemark_service::refresh::application_of;
use tidemark_transport::{
    Clock, HttpOptions, HttpPort, PlainHttp, ReqwestHttp, SystemClock, SystemEntropy, TargetPolicy,
};

use crate::console::say;
use crate::setup::{ConnectionSetup, MailboxSetup};

/// The token of one check. Nothing renews it: a check is over in minutes.
struct OneToken(AccessToken);

#[async_trait]
impl TokenSource for OneToken {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        Ok(self.0.clone())
    }

    async fn refused(&self, _: &AccessToken) {}
}

/// Asks for a token and looks at each mailbox of a connection over Graph. False when a step fails.
pub(super) async fn check(
    connection: &ConnectionSetup,
    access: &GraphSettings,
) -> anyhow::Result<bool> {
    let options = HttpOptions {
        extra_roots_pem: connection.extra_ca_pem.clone().into_iter().collect(),
        plain_http: PlainHttp::LoopbackLiterals,
        targets: TargetPolicy::Any,
        ..HttpOptions::default()
    };
    let http: Arc<dyn HttpPort> = Arc::new(ReqwestHttp::new(options)?);
    let application = application_of(&access.to_access())?;
    let token = match issue(&http, &application, access).await? {
        Ok(token) => token,
        Err(error) => {
            let (code, text) = match &error {
                TokenError::Refused { code, text } | TokenError::Later { code, text, .. } => {
                    (code, text)
                }
            };
            say(&format!("  WRONG token: {text}"));
            say(&format!("        ({code})"));
            return Ok(false);
        }
    };
    say(&format!("  ok    token, until {}", token.expires_at()));
    let tokens: Arc<dyn TokenSource> = Arc::new(OneToken(token));
    let limiter = ConnectionLimiter::new();
    let mut is_well = true;
    for (index, mailbox) in connection.mailboxes.iter().enumerate() {
        // The terminal is the operator's own, but its lines end up in tickets.
        say(&format!("  mailbox {} of {}", index + 1, connection.mailboxes.len()));
        let root = GraphRoot::parse(application.cloud.graph())?;
        let endpoint = endpoint(root, mailbox, &tokens, &http, &limiter)?;
        is_well &= look(endpoint).await;
    }
    Ok(is_well)
}

async fn issue(
    http: &Arc<dyn HttpPort>,
    application: &Application,
    access: &GraphSettings,
) -> anyhow::Result<Result<AccessToken, TokenError>> {
    let credential = match (access.credential.pem(), &access.credential.secret) {
        (Some(pem), _) => {
            let key = CertificateKey::from_pem(&pem)?;
            say(&format!("  ok    certificate, until {}", key.not_after()));
            ClientCredential::Certificate(Arc::new(key))
        }
        (None, Some(secret)) => ClientCredential::Secret(secret.clone()),
        // One that is made lies in the data directory, which a check does not open.
        (None, None) => {
            return Ok(Err(TokenError::Refused {
                code: "credential-made".to_owned(),
                text: "The certificate is made at the first start. Upload its public part, which \
                       GET /v1/connections/{id}/credentials shows, and look at the errors of the \
                       connection."
                    .to_owned(),
            }));
        }
    };
    let entra = Entra::new(Arc::clone(http), Arc::new(SystemClock), Arc::new(SystemEntropy));
    Ok(entra.issue(application, &[credential]).await.map(|issued| issued.token))
}

fn endpoint(
    root: GraphRoot,
    mailbox: &MailboxSetup,
    tokens: &Arc<dyn TokenSource>,
    http: &Arc<dyn HttpPort>,
    limiter: &ConnectionLimiter,
) -> anyhow::Result<GraphEndpoint> {
    Ok(GraphEndpoint {
        root,
        user: UserKey::parse(&mailbox.address)?,
        addresses: vec![mailbox.address.to_lowercase()],
        zone: match &mailbox.time_zone {
            Some(name) => Zone::parse(name)?,
            None => Zone::utc(),
        },
        feed: ChangeFeed::Window,
        tokens: Arc::clone(tokens),
        http: Arc::clone(http),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        limiter: limiter.mailbox(&mailbox.address, SystemClock.now()),
    })
}

/// Looks at one mailbox; false when it cannot be synced.
async fn look(endpoint: GraphEndpoint) -> bool {
    match GraphMailbox::new(endpoint).check().await {
        Ok(facts) if facts.can_edit == Some(false) => {
            say(
                "    WRONG calendar: it can be read but not written; grant Calendars.ReadWrite, or \
                 the role \"Application Calendars.ReadWrite\" in the scope of this mailbox",
            );
            false
        }
        Ok(_) => {
            say("    ok    calendar");
            true
        }
        Err(error) => {
            say(&format!("    WRONG calendar: {}", error.text));
            say(&format!("          ({})", error.code));
            false
        }
    }
}

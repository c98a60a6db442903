//! What a preflight looks with, over the real network.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tidemark_graph::GraphRoot;
use tidemark_identity::{AccessToken, TokenError, TokenSource};
use tidemark_mailbox::ews::EwsUrl;
use tidemark_mailbox::graph::MailboxPart;
use tidemark_mailbox::{Disposition, Greeting, MailboxError, ews, graph, greet};
use tidemark_model::OrganisationId;
use tidemark_proofs::connect_to_cloud;
use tidemark_service::ports::{Part, Probe, Seen, TokenFacts};
use tidemark_service::preflight::{OneToken, roles_of};
use tidemark_service::refresh::application_of;
use tidemark_store::records::{ConnectionRow, MailboxRow, Protocol};

use crate::cloud::EveryExchange;
use crate::exchange::refused;

#[async_trait]
impl Probe for EveryExchange {
    async fn greet(&self, connection: &ConnectionRow) -> Result<Greeting, MailboxError> {
        // Clients of their own, so that no connection which was opened before stands for the way now.
        match &connection.protocol {
            Protocol::Ews(access) => {
                let url = EwsUrl::parse(&access.url).map_err(|error| unusable(&error))?;
                let http = crate::exchange::http_of(connection)?;
                greet(&*http, url.as_str()).await.map_err(|error| ews::unanswered(&error))
            }
            Protocol::Graph(access) => {
                let application = application_of(access).map_err(|error| no_token(&error))?;
                let root = GraphRoot::parse(application.cloud.graph())
                    .map_err(|error| unusable(&error))?;
                let http = connect_to_cloud(connection.extra_ca_pem.as_deref())
                    .map_err(|error| no_token(&error))?;
                // It needs a token like everything else, and names nobody.
                let greeted = greet(&*http, &root.at("/organization")).await;
                greeted.map_err(|error| graph::unanswered(&error))
            }
        }
    }

    async fn token(&self, connection: &ConnectionRow) -> Result<TokenFacts, MailboxError> {
        let issued = self.graph.tokens().issue_apart(connection).await;
        let issued = issued.map_err(|error| no_token(&error))?;
        Ok(TokenFacts { roles: roles_of(issued.token.expose()), token: issued.token })
    }

    async fn password_ends(
        &self,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<Option<Timestamp>, MailboxError> {
        match &connection.protocol {
            Protocol::Ews(_) => self.ews.open_ews(connection, mailbox).await?.password_ends().await,
            Protocol::Graph(_) => Ok(None),
        }
    }

    async fn look(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
        part: Part,
        token: Option<&AccessToken>,
    ) -> Result<Seen, MailboxError> {
        match &connection.protocol {
            Protocol::Ews(_) => {
                // Impersonation opens a mailbox as a whole.
                let facts = self.ews.open_ews(connection, mailbox).await?.check().await?;
                Ok(Seen { version: facts.version, items: facts.calendar_items, can_edit: None })
            }
            Protocol::Graph(_) => {
                let own = token
                    .map(|token| -> Arc<dyn TokenSource> { Arc::new(OneToken(token.clone())) });
                let mailbox = self.graph.open_with(organisation, connection, mailbox, own)?;
                match part {
                    Part::Calendar => {
                        let facts = mailbox.check().await?;
                        Ok(Seen { can_edit: facts.can_edit, ..Seen::default() })
                    }
                    Part::Contacts => {
                        mailbox.try_part(MailboxPart::Contacts).await.map(|()| Seen::default())
                    }
                    Part::Mail => {
                        mailbox.try_part(MailboxPart::Mail).await.map(|()| Seen::default())
                    }
                }
            }
        }
    }
}

fn unusable(error: &dyn core::fmt::Display) -> MailboxError {
    let text = format!("The connection's settings cannot be used: {error}.");
    refused(Disposition::Reject, "url-refused", text)
}

fn no_token(error: &TokenError) -> MailboxError {
    match error {
        TokenError::Refused { code, text } => refused(Disposition::Authorize, code, text.clone()),
        TokenError::Later { after, code, text } => {
            refused(Disposition::RetryAfter(*after), code, text.clone())
        }
    }
}

//! Which way leads to a mailbox that its connection does not lead to any more (pains 20, 21).

use jiff::SignedDuration;
use tidemark_mailbox::MailboxError;
use tidemark_store::StoreError;
use tidemark_store::records::{ConnectionId, ConnectionRow, MailboxRow, MailboxScope, Protocol};

use crate::service::Service;

/// What EWS answers for a mailbox that is on this server no more, or that it is closed for: the
/// mailbox was migrated, is being moved, lives elsewhere, or EWS is blocked (HTTP 403, in Exchange
/// Online since 2026-10-01 unless the application is allowed). Responsecode page; exchange-graph.md 14.
const TELLING: [&str; 6] = [
    "ErrorNonExistentMailbox",
    "ErrorMailboxMoveInProgress",
    "ErrorWrongServerVersion",
    "ErrorProxyRequestNotAllowed",
    "http-403",
    "http-451",
];
/// Most connections over Graph that are tried.
const TRIED_MAX: usize = 3;

/// What to do about a mailbox that its connection does not lead to.
#[derive(Debug, Default)]
pub(in crate::sync) struct WayOut {
    /// In words; empty where nothing is known.
    pub(in crate::sync) text: String,
    /// The connection that leads to it. Nobody but an administrator moves it there.
    pub(in crate::sync) to: Option<ConnectionId>,
}

impl Service {
    /// What to do about an error of EWS that says that the mailbox is to be reached another way: the
    /// connections over Graph are asked for it. Nothing for any other error.
    pub(in crate::sync) async fn way_out(
        &self,
        scope: &MailboxScope,
        row: &MailboxRow,
        error: &MailboxError,
    ) -> Result<WayOut, StoreError> {
        if !TELLING.contains(&error.code.as_str()) {
            return Ok(WayOut::default());
        }
        let movement = self.records.mailbox_move(scope).await?;
        if movement.is_some_and(|movement| movement.is_under_way()) {
            // An administrator has asked for it.
            return Ok(WayOut::default());
        }
        let connections = self.records.connections(&scope.organisation).await?;
        let connections = connections.into_iter().map(|found| found.value);
        let (own, others): (Vec<_>, Vec<_>) = connections.partition(|it| it.id == row.connection);
        if own.iter().any(|own| matches!(own.protocol, Protocol::Graph(_))) {
            return Ok(WayOut::default());
        }
        let is_open = |it: &ConnectionRow| {
            matches!(it.protocol, Protocol::Graph(_)) && it.enabled && it.appointments
        };
        for other in others.into_iter().filter(is_open).take(TRIED_MAX) {
            if self.answers(scope, &other, row).await {
                let id = other.id.uuid();
                let from = row.connection.uuid();
                let text = format!(
                    "The mailbox is in Exchange Online: it answers over the connection {id}. Move this \
                     mailbox to a Graph connection: POST /v1/connections/{from}/move with \
                     {{\"to\": \"{id}\", \"mailboxes\": [\"{}\"]}}.",
                    row.id
                );
                return Ok(WayOut { text, to: Some(other.id) });
            }
        }
        let text = "If the mailbox is in Exchange Online now, move this mailbox to a Graph connection: \
                    make one, then POST /v1/connections/{id}/move.";
        Ok(WayOut { text: text.to_owned(), to: None })
    }

    async fn answers(
        &self,
        scope: &MailboxScope,
        connection: &ConnectionRow,
        row: &MailboxRow,
    ) -> bool {
        let Ok(mailbox) = self.exchange.open(&scope.organisation, connection, row).await else {
            return false;
        };
        let now = self.world.now();
        mailbox.first_look(now, now + SignedDuration::from_mins(1)).await.is_ok()
    }
}

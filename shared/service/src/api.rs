//! What the HTTP API asks for: [`Border`] for [`Service`].

pub(crate) mod access;
mod connections;
mod costs;
mod feed;
mod holds;
mod items;
mod moves;
mod preflight;
mod progress;
mod webhooks;

#[cfg(test)]
mod tests;

use core::time::Duration;

use async_trait::async_trait;
use tidemark_model::Kind;
use tidemark_store::StoreError;
use tidemark_store::records::SaveError;
use uuid::Uuid;

use crate::border::{
    Accepted, AssignmentView, Border, Caller, ConnectionChange, ConnectionView, CostView,
    CredentialDetails, FeedView, FenceChange, FenceView, Guards, HistoryView, HoldChoice,
    HoldDetails, HoldView, ItemChangeRequest, ItemView, Listing, MailboxView, MoveEntry,
    MoveRequest, MoveView, MovesAsked, NewConnection, PreflightAsk, PreflightView, Refusal,
    ServerCertificateView, WebhookView,
};
use crate::service::Service;

pub(crate) use access::join;

/// The store's failure, as a caller sees it. Its cause is logged here, once; it holds no content.
pub(crate) fn refusal_of(error: &StoreError) -> Refusal {
    match error {
        StoreError::Corrupt(_) | StoreError::TooLarge(_) => {
            tracing::error!(error = %error, "the store refuses: {error}");
            Refusal::Internal
        }
        StoreError::ConditionFailed { .. }
        | StoreError::Conflict
        | StoreError::Throttled
        | StoreError::Unavailable(_) => {
            tracing::warn!(error = %error, "the store fails: {error}");
            Refusal::Unavailable
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        refusal_of(&error)
    }
}

/// Why a row was not saved, as a caller sees it.
pub(crate) fn save_refusal(error: SaveError) -> Refusal {
    match error {
        SaveError::RevisionMoved => {
            Refusal::Conflict("somebody changed it in the same moment: try again".to_owned())
        }
        SaveError::Store(error) => error.into(),
    }
}

#[async_trait]
impl Border for Service {
    async fn authenticate(&self, bearer: &str) -> Result<Caller, Refusal> {
        self.caller_of(bearer).await
    }

    async fn health(&self) -> Result<(), String> {
        match self.records.organisations().await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(error = %error, "the store fails: {error}");
                Err("the store does not answer".to_owned())
            }
        }
    }

    async fn mailboxes(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<MailboxView>, Refusal> {
        self.list_mailboxes(caller, after, limit).await
    }

    async fn mailbox(&self, caller: &Caller, name: &str) -> Result<MailboxView, Refusal> {
        self.view_mailbox(caller, name).await
    }

    async fn cost(&self, caller: &Caller, name: &str) -> Result<CostView, Refusal> {
        self.view_cost(caller, name).await
    }

    async fn change_item(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
        change: ItemChangeRequest,
        guards: Guards,
    ) -> Result<Accepted, Refusal> {
        self.accept_change(caller, mailbox, kind, id, change, guards).await
    }

    async fn item(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
    ) -> Result<ItemView, Refusal> {
        self.view_item(caller, mailbox, kind, id).await
    }

    async fn items(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<ItemView>, Refusal> {
        self.list_items(caller, mailbox, kind, after, limit).await
    }

    async fn item_history(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<HistoryView>, Refusal> {
        self.list_history(caller, mailbox, kind, id, after, limit).await
    }

    async fn sync_now(&self, caller: &Caller, mailbox: &str) -> Result<(), Refusal> {
        self.wake_mailbox(caller, mailbox).await
    }

    async fn changes(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
        wait: Duration,
    ) -> Result<FeedView, Refusal> {
        self.poll_feed(caller, after, limit, wait).await
    }

    async fn create_webhook(
        &self,
        caller: &Caller,
        url: &str,
    ) -> Result<(WebhookView, String), Refusal> {
        self.register_webhook(caller, url).await
    }

    async fn webhooks(&self, caller: &Caller) -> Result<Vec<WebhookView>, Refusal> {
        self.list_webhooks(caller).await
    }

    async fn delete_webhook(&self, caller: &Caller, id: Uuid) -> Result<(), Refusal> {
        self.remove_webhook(caller, id).await
    }

    async fn pause_webhook(
        &self,
        caller: &Caller,
        id: Uuid,
        paused: bool,
    ) -> Result<WebhookView, Refusal> {
        self.switch_webhook(caller, id, paused).await
    }

    async fn replay_webhook(
        &self,
        caller: &Caller,
        id: Uuid,
        after: Option<&str>,
    ) -> Result<WebhookView, Refusal> {
        self.rewind_webhook(caller, id, after).await
    }

    async fn holds(&self, caller: &Caller) -> Result<Vec<HoldView>, Refusal> {
        self.list_holds(caller).await
    }

    async fn hold(&self, caller: &Caller, id: Uuid) -> Result<HoldDetails, Refusal> {
        self.view_details(caller, id).await
    }

    async fn decide_hold(
        &self,
        caller: &Caller,
        id: Uuid,
        choice: HoldChoice,
    ) -> Result<(), Refusal> {
        self.settle_hold(caller, id, choice).await
    }

    async fn connections(&self, caller: &Caller) -> Result<Vec<ConnectionView>, Refusal> {
        self.list_connections(caller).await
    }

    async fn connection(&self, caller: &Caller, id: Uuid) -> Result<ConnectionView, Refusal> {
        self.view_connection(caller, id).await
    }

    async fn connection_credentials(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Vec<CredentialDetails>, Refusal> {
        self.list_credentials(caller, id).await
    }

    async fn create_connection(
        &self,
        caller: &Caller,
        new: NewConnection,
    ) -> Result<ConnectionView, Refusal> {
        self.make_connection(caller, new).await
    }

    async fn change_connection(
        &self,
        caller: &Caller,
        id: Uuid,
        change: ConnectionChange,
    ) -> Result<ConnectionView, Refusal> {
        self.change_connection_row(caller, id, change).await
    }

    async fn server_certificate(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<ServerCertificateView, Refusal> {
        self.look_at_certificate(caller, id).await
    }

    async fn confirm_certificate(
        &self,
        caller: &Caller,
        id: Uuid,
        sha256: &str,
    ) -> Result<ConnectionView, Refusal> {
        self.confirm_shown(caller, id, sha256).await
    }

    async fn forget_certificate(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<ConnectionView, Refusal> {
        self.forget_confirmed(caller, id).await
    }

    async fn preflight(
        &self,
        caller: &Caller,
        id: Uuid,
        ask: PreflightAsk,
    ) -> Result<PreflightView, Refusal> {
        self.run_preflight(caller, id, &ask).await
    }

    async fn check_assignment(
        &self,
        caller: &Caller,
        id: Uuid,
        after: Option<&str>,
    ) -> Result<AssignmentView, Refusal> {
        self.check_page(caller, id, after).await
    }

    async fn fence(&self, caller: &Caller, id: Uuid) -> Result<FenceView, Refusal> {
        self.view_fence(caller, id).await
    }

    async fn change_fence(
        &self,
        caller: &Caller,
        id: Uuid,
        change: FenceChange,
    ) -> Result<FenceView, Refusal> {
        self.set_fence(caller, id, change).await
    }

    async fn move_mailboxes(
        &self,
        caller: &Caller,
        from: Uuid,
        request: MoveRequest,
    ) -> Result<MovesAsked, Refusal> {
        self.ask_moves(caller, from, request).await
    }

    async fn moves(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<MoveEntry>, Refusal> {
        self.list_moves(caller, after, limit).await
    }

    async fn withdraw_move(&self, caller: &Caller, mailbox: &str) -> Result<(), Refusal> {
        self.end_move(caller, mailbox).await
    }

    async fn mailbox_move(&self, caller: &Caller, mailbox: &str) -> Result<MoveView, Refusal> {
        self.view_move(caller, mailbox).await
    }
}

//! What the end of an organisation and its start from a backup look like.

use serde::Serialize;
use tidemark_service::border::{RestoreView, ShutdownView};
use utoipa::ToSchema;

/// How far the shutdown of an organisation has come.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shutdown {
    /// Mailboxes that this call looked at.
    mailboxes: u64,
    /// Subscriptions that this call ended.
    ended: u64,
    /// Subscriptions of Exchange Server that end with its next call: they are told so then.
    waiting: u64,
    /// Subscriptions that could not be ended. Call again; what is left then ends by itself.
    failed: u64,
    /// When what waits or failed is over at the latest, RFC 3339; `null` when nothing is left.
    #[schema(required)]
    over: Option<String>,
    /// What to send as `after` next time; `null` when that were all mailboxes.
    #[schema(required)]
    next: Option<String>,
}

impl From<ShutdownView> for Shutdown {
    fn from(view: ShutdownView) -> Self {
        Self {
            mailboxes: view.mailboxes,
            ended: view.ended,
            waiting: view.waiting,
            failed: view.failed,
            over: view.over,
            next: view.next,
        }
    }
}

/// How far an organisation has started from a restored table.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Restored {
    /// Mailboxes that this call woke.
    mailboxes: u64,
    /// Subscriptions of the backup that are not used any more; new ones are made by themselves.
    retired: u64,
    /// What to send as `after` next time; `null` when that were all mailboxes.
    #[schema(required)]
    next: Option<String>,
}

impl From<RestoreView> for Restored {
    fn from(view: RestoreView) -> Self {
        Self { mailboxes: view.mailboxes, retired: view.retired, next: view.next }
    }
}

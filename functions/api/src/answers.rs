//! What answers look like. The views of the border become these; only these are JSON.

mod administration;
mod connections;
mod costs;
mod export;
mod graph;
mod moves;
mod preflight;
mod shutdown;

pub(crate) use administration::{
    Activity, ActivityEntry, AddedMailboxes, Key, Keys, NewKey, Organisation, System, Systems,
};
pub(crate) use connections::{Connection, Connections, ServerCertificate};
pub(crate) use costs::Cost;
pub(crate) use export::{Export, ExportedRow};
pub(crate) use graph::{Credentials, PublicCredential};
pub(crate) use moves::{MailboxMove, Moves, MovesAsked};
pub(crate) use preflight::{Assignment, Fence, Preflight};
pub(crate) use shutdown::{Restored, Shutdown};

use serde::Serialize;
use serde_json::Value;
use tidemark_service::border::{
    Accepted, BrakePreview, FeedView, FirstCopyView, HistoryView, HoldDetails, HoldView, ItemView,
    LagView, Listing, MailboxErrorView, MailboxView, WebhookView,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::commands::Choice;
use crate::etag;

/// An item: a JSCalendar Event (RFC 8984), with what the standard lacks under `tidemark:`.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(crate) struct Item(pub(crate) Value);

/// It works.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`: what does not work is answered with a problem.
    #[schema(value_type = String, example = "ok")]
    pub(crate) status: &'static str,
}

/// Something was written down and will be done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Queued {
    /// Always `queued`.
    #[schema(value_type = String, example = "queued")]
    pub(crate) status: &'static str,
}

impl Queued {
    /// The only value.
    pub(crate) const NOW: Self = Self { status: "queued" };
}

/// A change was written down durably; what becomes of it comes as a change event.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangeAccepted {
    /// Its number in the order of acceptance within the mailbox; changes are applied in this order.
    number: u64,
    /// The item's id.
    id: String,
    /// Always `queued`.
    #[schema(value_type = String, example = "queued")]
    status: &'static str,
    /// Members that are legal but not carried, as JSON pointers.
    ignored: Vec<String>,
}

impl From<Accepted> for ChangeAccepted {
    fn from(accepted: Accepted) -> Self {
        Self {
            number: accepted.number,
            id: accepted.id,
            status: "queued",
            ignored: accepted.ignored,
        }
    }
}

/// A page of the mailboxes.
#[derive(Serialize, ToSchema)]
pub(crate) struct Mailboxes {
    mailboxes: Vec<Mailbox>,
    /// Where to go on; `null` when there is no more.
    #[schema(required)]
    next: Option<String>,
}

impl From<Listing<MailboxView>> for Mailboxes {
    fn from(listing: Listing<MailboxView>) -> Self {
        Self {
            mailboxes: listing.entries.into_iter().map(Mailbox::from).collect(),
            next: listing.next,
        }
    }
}

/// A mailbox and how it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mailbox {
    /// Our id of it: it stays when the address changes.
    id: String,
    /// Primary SMTP address.
    address: String,
    /// Further addresses.
    aliases: Vec<String>,
    /// The business system that its items belong to.
    #[schema(example = "crm")]
    system: String,
    /// Name of its connection.
    connection: String,
    /// Whether it is switched on.
    enabled: bool,
    /// `new`, `copying`, `synced`, `paused`, `failing` or `disabled`.
    #[schema(value_type = String, example = "synced")]
    state: &'static str,
    /// Items dealt with so far in the first copy.
    first_copy_items: u64,
    /// How far the first copy has come.
    first_copy: FirstCopy,
    /// How far the mailbox lags behind.
    lag: Lag,
    /// When a run last ended with everything done, RFC 3339.
    #[schema(required)]
    last_synced: Option<String>,
    /// Whether changes are known that are not dealt with yet.
    dirty: bool,
    /// What is wrong now.
    errors: Vec<MailboxError>,
}

impl From<MailboxView> for Mailbox {
    fn from(view: MailboxView) -> Self {
        Self {
            id: view.id,
            address: view.address,
            aliases: view.aliases,
            system: view.system,
            connection: view.connection,
            enabled: view.enabled,
            state: view.state,
            first_copy_items: view.first_copy_items,
            first_copy: view.first_copy.into(),
            lag: view.lag.into(),
            last_synced: view.last_synced,
            dirty: view.dirty,
            errors: view.errors.into_iter().map(MailboxError::from).collect(),
        }
    }
}

/// How far the first copy of a mailbox has come.
#[derive(Serialize, ToSchema)]
pub(crate) struct FirstCopy {
    /// `waiting`, `coming-days` (today and the next 14 days), `everything` or `done`.
    #[schema(value_type = String, example = "done")]
    phase: &'static str,
    /// Items copied so far.
    items: u64,
    /// About how many there are in all; `null` where the server does not say it.
    #[schema(required)]
    total: Option<u64>,
    /// The same in words.
    text: String,
}

impl From<FirstCopyView> for FirstCopy {
    fn from(view: FirstCopyView) -> Self {
        Self { phase: view.phase, items: view.items, total: view.total, text: view.text }
    }
}

/// How far a mailbox lags behind.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lag {
    /// Age of the oldest thing that waits, in seconds; 0 while nothing waits.
    seconds: u64,
    /// Changes of the business system that wait; at most 500 are counted.
    changes: u64,
    /// Whether there are more than were counted.
    more_changes: bool,
    /// Notices of changes, from either side, that were not dealt with yet.
    notices: u64,
    /// Since when the oldest thing waits, RFC 3339.
    #[schema(required)]
    since: Option<String>,
    /// When the mailbox is looked at again at the latest, RFC 3339.
    #[schema(required)]
    next_attempt: Option<String>,
    /// When Exchange last sent a notification or a heartbeat, RFC 3339.
    #[schema(required)]
    last_heard: Option<String>,
    /// The same in words.
    text: String,
}

impl From<LagView> for Lag {
    fn from(view: LagView) -> Self {
        Self {
            seconds: view.seconds,
            changes: view.changes,
            more_changes: view.more_changes,
            notices: view.notices,
            since: view.since,
            next_attempt: view.next_attempt,
            last_heard: view.last_heard,
            text: view.text,
        }
    }
}

/// A current error of a mailbox.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailboxError {
    /// A stable word, for programs.
    code: String,
    /// What happened and how to mend it.
    text: String,
    /// Since when, RFC 3339.
    since: String,
}

impl From<MailboxErrorView> for MailboxError {
    fn from(view: MailboxErrorView) -> Self {
        Self { code: view.code, text: view.text, since: view.since }
    }
}

/// A page of the items of a mailbox.
#[derive(Serialize, ToSchema)]
pub(crate) struct Items {
    items: Vec<ItemEntry>,
    /// Where to go on; `null` when there is no more.
    #[schema(required)]
    next: Option<String>,
}

/// An item in a listing.
#[derive(Serialize, ToSchema)]
pub(crate) struct ItemEntry {
    /// The id that the business system knows it by.
    id: String,
    /// Its ETag, as GET of the item answers it.
    #[schema(example = "\"7\"")]
    etag: String,
    /// How many changes of it wait to be applied.
    pending: usize,
    /// The item.
    item: Item,
}

impl From<Listing<ItemView>> for Items {
    fn from(listing: Listing<ItemView>) -> Self {
        Self {
            items: listing.entries.into_iter().map(ItemEntry::from).collect(),
            next: listing.next,
        }
    }
}

impl From<ItemView> for ItemEntry {
    fn from(view: ItemView) -> Self {
        Self {
            id: view.id,
            etag: etag::write(view.version),
            pending: view.pending,
            item: Item(view.item),
        }
    }
}

/// A page of an item's history, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    history: Vec<HistoryEntry>,
    /// Where to go on; `null` when there is no more.
    #[schema(required)]
    next: Option<String>,
}

/// A decision about an item, explained.
#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryEntry {
    /// When, RFC 3339.
    at: String,
    /// Who caused it: `exchange`, `business` or `tidemark`.
    actor: String,
    /// What was done, in stable words.
    decision: String,
    /// Why, in words.
    reason: String,
    /// The version of the item afterwards.
    revision: u64,
}

impl From<Listing<HistoryView>> for History {
    fn from(listing: Listing<HistoryView>) -> Self {
        Self {
            history: listing.entries.into_iter().map(HistoryEntry::from).collect(),
            next: listing.next,
        }
    }
}

impl From<HistoryView> for HistoryEntry {
    fn from(view: HistoryView) -> Self {
        Self {
            at: view.at,
            actor: view.actor,
            decision: view.decision,
            reason: view.reason,
            revision: view.revision,
        }
    }
}

/// A CloudEvent (structured mode, version 1.0) that tells of a change.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(crate) struct Change(Value);

/// A piece of the change feed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Changes {
    /// The changes, in order for each item; empty when there is none.
    changes: Vec<Change>,
    /// What to send as `after` next time.
    cursor: String,
}

impl From<FeedView> for Changes {
    fn from(view: FeedView) -> Self {
        Self { changes: view.changes.into_iter().map(Change).collect(), cursor: view.cursor }
    }
}

/// The webhook endpoints.
#[derive(Serialize, ToSchema)]
pub(crate) struct Webhooks {
    pub(crate) webhooks: Vec<Webhook>,
    /// Always `null`: there are few.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// A webhook endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Webhook {
    /// Its id.
    id: Uuid,
    /// Where deliveries go.
    url: String,
    /// Whether deliveries are paused.
    paused: bool,
    /// Why, if it was paused by us.
    #[schema(required)]
    pause_reason: Option<String>,
    /// Failures of the delivery that is being tried, in a row.
    failures: u32,
    /// When it is tried again, RFC 3339.
    #[schema(required)]
    next_attempt: Option<String>,
    /// When it was made, RFC 3339.
    created: String,
}

impl From<WebhookView> for Webhook {
    fn from(view: WebhookView) -> Self {
        Self {
            id: view.id,
            url: view.url,
            paused: view.paused,
            pause_reason: view.pause_reason,
            failures: view.failures,
            next_attempt: view.next_attempt,
            created: view.created,
        }
    }
}

/// A webhook endpoint that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewWebhook {
    /// The endpoint.
    #[serde(flatten)]
    pub(crate) webhook: Webhook,
    /// What deliveries are signed with (Standard Webhooks); shown only this once.
    #[schema(example = "whsec_…")]
    pub(crate) secret: String,
}

/// What waits for a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct Holds {
    pub(crate) holds: Vec<Hold>,
    /// Always `null`: there are few.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// Something that waits for a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct Hold {
    /// Its id.
    id: Uuid,
    /// Primary address of the mailbox.
    mailbox: String,
    /// The item's id; `null` where the mailbox as a whole is held by the brake.
    #[schema(required)]
    item: Option<String>,
    /// A stable word: `would-mail`, `cannot-be-silent`, `loop`, `late-copy-changed`,
    /// `late-copy-mails`, `brake-deletes`, `brake-mails`.
    why: String,
    /// What waits and what to do, in words.
    text: String,
    /// How many people would be mailed.
    people: u32,
    /// What can be decided about it.
    choices: Vec<Choice>,
    /// Since when, RFC 3339.
    since: String,
}

impl From<HoldView> for Hold {
    fn from(view: HoldView) -> Self {
        Self {
            id: view.id,
            mailbox: view.mailbox,
            item: view.item,
            why: view.why,
            text: view.text,
            people: view.people,
            choices: view.choices.into_iter().map(Choice::from).collect(),
            since: view.since,
        }
    }
}

/// A hold with what a person has to know to decide about it.
#[derive(Serialize, ToSchema)]
pub(crate) struct DetailedHold {
    /// The hold.
    #[serde(flatten)]
    hold: Hold,
    /// What waits behind the brake of a mailbox; `null` for a hold of one item.
    #[schema(required)]
    preview: Option<Preview>,
}

impl From<HoldDetails> for DetailedHold {
    fn from(details: HoldDetails) -> Self {
        Self { hold: details.hold.into(), preview: details.preview.map(Preview::from) }
    }
}

/// What the waiting changes of the business system would do in Exchange, as both sides were known
/// last. What Exchange has to tell is not read while the mailbox is paused, and so is not in it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Preview {
    /// Changes that were looked at, at most 200.
    changes: usize,
    /// Whether more of them wait.
    more: bool,
    /// Items that would be deleted.
    deletes: u64,
    /// People who would be mailed, each as often as that happens.
    mails: u64,
    /// The first items for which something would happen, at most 50, in the order of their changes.
    items: Vec<PreviewEntry>,
}

impl From<BrakePreview> for Preview {
    fn from(preview: BrakePreview) -> Self {
        Self {
            changes: preview.changes,
            more: preview.more,
            deletes: preview.deletes,
            mails: preview.mails,
            items: preview
                .items
                .into_iter()
                .map(|item| PreviewEntry { id: item.id, action: item.action, people: item.people })
                .collect(),
        }
    }
}

/// What would happen to one item.
#[derive(Serialize, ToSchema)]
pub(crate) struct PreviewEntry {
    /// The id that its business system knows it by.
    id: String,
    /// `create`, `update`, `delete`, `respond`, or `hold` where it would wait for a person.
    #[schema(value_type = String, example = "delete")]
    action: &'static str,
    /// How many people would be mailed.
    people: u32,
}

/// What became of one change of a batch: as if it had been sent alone.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// The status.
    pub(crate) status: u16,
    /// The body: what was accepted, or a problem.
    #[schema(value_type = Object)]
    pub(crate) body: Value,
}

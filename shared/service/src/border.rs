//! What the HTTP API asks of the product: the use cases of integrators, administrators and operators.
//!
//! [`Border`] is implemented by [`crate::Service`]. The API function parses, calls one of these and
//! answers; every decision is taken behind this trait.

mod administration;
mod connections;
mod costs;
mod graph;
mod holds;
mod moves;
mod preflight;
mod shutdown;

use core::fmt;
use core::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tidemark_jscalendar::Problem;
use tidemark_model::{Kind, OrganisationId, SystemId};
use uuid::Uuid;

pub use administration::{
    ActivityView, AddedMailbox, Addition, Administration, KeyView, MailboxChange,
    NEW_MAILBOXES_MAX, NewKey, NewMailbox, NewMailboxes, OrganisationChange, OrganisationView,
    SystemView,
};
pub use connections::{
    CertificateView, ConnectionChange, ConnectionView, NewAccess, NewConnection, NotificationMode,
    ServerCertificateView,
};
pub use costs::{CapView, CostView};
pub use graph::{
    CredentialDetails, CredentialSettings, CredentialView, GraphChange, GraphSettings, GraphView,
};
pub use holds::{BrakePreview, HoldChoice, HoldDetails, HoldView, PreviewItem};
pub use moves::{MOVED_AT_ONCE_MAX, MoveEntry, MoveRequest, MoveView, MovedItems, MovesAsked};
pub use preflight::{
    AssignmentView, FenceChange, FenceView, GateChoice, MailboxSteps, PREFLIGHT_MAILBOXES_MAX,
    PreflightAsk, PreflightStep, PreflightView, StepState, WAIVER_REASON_BYTES_MAX, WaiverView,
};
pub use shutdown::{RestoreView, ShutdownView};
pub use tidemark_store::records::{Cloud as CloudName, IDEMPOTENCY_HOURS};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads state, never items.
    Operator,
    /// Reads and writes items, feed and webhooks of its business system.
    Integrator,
    /// Everything in the organisation.
    Administrator,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The organisation that everything is scoped to.
    pub organisation: OrganisationId,
    /// The business system that the key speaks for: its own, or the only one that there is. None for
    /// a key of administrators or operators where there are none or several.
    pub system: Option<SystemId>,
    /// What it may do.
    pub role: Role,
    /// A short name of the key for the audit log and for limits per key; no secret.
    pub key_id: String,
}

impl Caller {
    /// The business system that the caller speaks for.
    ///
    /// # Errors
    /// [`Refusal::NoSystem`] where the key speaks for none.
    pub fn own_system(&self) -> Result<&SystemId, Refusal> {
        self.system.as_ref().ok_or(Refusal::NoSystem)
    }
}

/// Why something is not done. Texts are for people, name the mend, and hold no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No key, or not a valid one.
    #[error("the API key is missing or not valid")]
    Unauthenticated,
    /// The key's role does not allow this.
    #[error("this needs the role {0:?}")]
    Forbidden(Role),
    /// There is no such thing in this organisation.
    #[error("there is no {what} of this name here")]
    NotFound {
        /// What was named: `mailbox`, `appointment`, `webhook`, `hold`.
        what: &'static str,
    },
    /// The request cannot be understood or carried out as it is.
    #[error("the request is not valid")]
    Invalid(Vec<Problem>),
    /// The mailbox's items belong to another business system than the key's (W19).
    #[error(
        "the items of this mailbox belong to another business system: use a key of that system \
         (GET /v1/mailboxes/{{mailbox}} names it)"
    )]
    OtherSystem,
    /// The key speaks for no business system, and this is about items, their changes or webhooks.
    #[error(
        "this key speaks for no business system: use a key that does; an administrator lists the \
         systems with GET /v1/systems and makes such a key with POST /v1/keys {{\"label\": \"…\", \
         \"roles\": [\"integrator\"], \"system\": \"ID\"}}"
    )]
    NoSystem,
    /// The item was there and is no more.
    #[error("the {what} was deleted {}: PUT it to make it anew", deleted_where(*in_exchange))]
    Deleted {
        /// What was named: `appointment`.
        what: &'static str,
        /// Whether a person deleted it in Exchange, not the business system.
        in_exchange: bool,
    },
    /// A parameter of the query is no cursor of this listing.
    #[error("the request does not have the form that this route asks for")]
    InvalidCursor {
        /// Which parameter.
        parameter: &'static str,
    },
    /// `If-Match` names a version that is not the current one.
    #[error("the item has another version than If-Match demands: GET it and try again")]
    PreconditionFailed,
    /// `If-Match` came while changes of the item wait.
    #[error(
        "changes of this item wait, so that nobody can say in which version it will stand: wait for \
         their outcomes, then GET it and try again"
    )]
    ChangesWait,
    /// The same `Idempotency-Key` came before with another request.
    #[error("this Idempotency-Key was used for another request")]
    IdempotencyMismatch,
    /// The feed no longer has what comes after this cursor.
    #[error(
        "the cursor is older than the feed's retention, or than a restored backup: read the items, then \
         start without a cursor"
    )]
    CursorExpired,
    /// The state of the thing does not allow it now.
    #[error("{0}")]
    Conflict(String),
    /// Too many at once; try again after so long.
    #[error("too many requests at once")]
    TooMany(Duration),
    /// The store does not answer; nothing was done, or it is not known.
    #[error("the store does not answer now: try again")]
    Unavailable,
    /// Something that should not happen; the log has more.
    #[error("an internal error: give the request id to the operator")]
    Internal,
}

fn deleted_where(in_exchange: bool) -> &'static str {
    if in_exchange { "in Exchange" } else { "by the business system" }
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Where to go on; none when there is no more.
    pub next: Option<String>,
}

/// A mailbox as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxView {
    /// Our id of it.
    pub id: String,
    /// Primary address.
    pub address: String,
    /// Further addresses.
    pub aliases: Vec<String>,
    /// The business system that its items belong to.
    pub system: String,
    /// Name of its connection.
    pub connection: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// `new`, `copying`, `synced`, `paused`, `failing` or `disabled`.
    pub state: &'static str,
    /// Items dealt with so far in the first copy.
    pub first_copy_items: u64,
    /// How far the first copy has come (A6).
    pub first_copy: FirstCopyView,
    /// How far the mailbox lags behind (A12).
    pub lag: LagView,
    /// When a run last ended with everything done, RFC 3339.
    pub last_synced: Option<String>,
    /// Whether changes are known that are not dealt with yet.
    pub dirty: bool,
    /// Current errors: cause and mend.
    pub errors: Vec<MailboxErrorView>,
}

/// How far the first copy of a mailbox has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstCopyView {
    /// `waiting`, `coming-days`, `everything` or `done`.
    pub phase: &'static str,
    /// Items copied so far.
    pub items: u64,
    /// About how many there are in all, where the server says it.
    pub total: Option<u64>,
    /// The same in words.
    pub text: String,
}

/// How far a mailbox lags behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LagView {
    /// Age of the oldest thing that waits, in seconds; 0 while nothing waits.
    pub seconds: u64,
    /// Changes of the business system that wait, as far as they were counted.
    pub changes: u64,
    /// Whether there are more than were counted.
    pub more_changes: bool,
    /// Notices of changes, from either side, that were not dealt with yet.
    pub notices: u64,
    /// Since when the oldest thing waits, RFC 3339.
    pub since: Option<String>,
    /// When the mailbox is looked at again at the latest, RFC 3339.
    pub next_attempt: Option<String>,
    /// When Exchange last sent a notification or a heartbeat, RFC 3339.
    pub last_heard: Option<String>,
    /// The same in words.
    pub text: String,
}

/// A current error of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxErrorView {
    /// A stable word.
    pub code: String,
    /// What happened and how to mend it.
    pub text: String,
    /// Since when, RFC 3339.
    pub since: String,
}

/// What the business system wants of an item.
#[derive(Clone, PartialEq, Eq)]
pub enum ItemChangeRequest {
    /// The item is to exist with these properties; absent ones have no opinion.
    Put(Value),
    /// An RFC 7386 merge patch.
    Patch(Value),
    /// The item is not to exist.
    Delete,
}

/// Headers that guard a change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guards {
    /// `If-Match`: the version that the caller saw, as its `ETag` gave it.
    pub if_match: Option<ItemVersion>,
    /// `Idempotency-Key`, 1 to 255 visible ASCII characters.
    pub idempotency_key: Option<String>,
}

/// A change was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its number in the order of acceptance within the mailbox.
    pub number: u64,
    /// The item's id.
    pub id: String,
    /// Members that are legal but not carried, as JSON pointers.
    pub ignored: Vec<String>,
}

/// An item with its version.
#[derive(Clone, PartialEq, Eq)]
pub struct ItemView {
    /// The id that the business system knows it by.
    pub id: String,
    /// The item: JSCalendar.
    pub item: Value,
    /// Its version, for `ETag`.
    pub version: ItemVersion,
    /// How many changes of it wait to be applied.
    pub pending: usize,
}

/// The version of an item as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemVersion {
    /// Nothing waits: the item stands in this revision.
    Settled(u64),
    /// Changes wait, so that the version will not last. `If-Match` never holds against it.
    Waiting {
        /// The revision that the item stands in.
        revision: u64,
        /// The number of the last change that waits.
        last: u64,
    },
}

impl ItemVersion {
    /// The revision that the item stands in.
    pub const fn revision(self) -> u64 {
        match self {
            Self::Settled(revision) | Self::Waiting { revision, .. } => revision,
        }
    }
}

/// `7`, or `7-31` while changes wait.
impl fmt::Display for ItemVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settled(revision) => write!(f, "{revision}"),
            Self::Waiting { revision, last } => write!(f, "{revision}-{last}"),
        }
    }
}

/// A decision about an item, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryView {
    /// When, RFC 3339.
    pub at: String,
    /// Who caused it: `exchange`, `business` or `tidemark`.
    pub actor: String,
    /// What was done, in stable words.
    pub decision: String,
    /// Why, in words.
    pub reason: String,
    /// The version of the item afterwards.
    pub revision: u64,
}

/// A piece of the change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedView {
    /// CloudEvents, as JSON values.
    pub changes: Vec<Value>,
    /// Where to go on.
    pub cursor: String,
}

/// A webhook endpoint. The secret is shown only once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookView {
    /// Its id.
    pub id: Uuid,
    /// Where deliveries go.
    pub url: String,
    /// Whether deliveries are paused.
    pub paused: bool,
    /// Why, if it was paused by us.
    pub pause_reason: Option<String>,
    /// Failures of the delivery that is being tried, in a row.
    pub failures: u32,
    /// When it is tried again, RFC 3339.
    pub next_attempt: Option<String>,
    /// When it was made, RFC 3339.
    pub created: String,
}

/// The use cases behind the API.
#[async_trait]
pub trait Border: Administration + Send + Sync {
    /// Who is behind a bearer token. Takes the same time whatever is wrong with it.
    async fn authenticate(&self, bearer: &str) -> Result<Caller, Refusal>;

    /// Whether everything that this process serves works; the text says what does not.
    async fn health(&self) -> Result<(), String>;

    /// The mailboxes of the organisation.
    async fn mailboxes(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<MailboxView>, Refusal>;

    /// One mailbox by primary address, alias or id.
    async fn mailbox(&self, caller: &Caller, name: &str) -> Result<MailboxView, Refusal>;

    /// What a mailbox costs.
    async fn cost(&self, caller: &Caller, name: &str) -> Result<CostView, Refusal>;

    /// Writes a change down, durably, and wakes the sync.
    async fn change_item(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
        change: ItemChangeRequest,
        guards: Guards,
    ) -> Result<Accepted, Refusal>;

    /// One item as the business system knows it.
    async fn item(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
    ) -> Result<ItemView, Refusal>;

    /// The items of a mailbox.
    async fn items(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<ItemView>, Refusal>;

    /// What was decided about an item, oldest first (N5).
    async fn item_history(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<HistoryView>, Refusal>;

    /// Raises the mark of a mailbox and wakes its sync (N20).
    async fn sync_now(&self, caller: &Caller, mailbox: &str) -> Result<(), Refusal>;

    /// Changes after a cursor; without one, from the beginning of retention. Waits up to `wait` for
    /// the first one.
    async fn changes(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
        wait: Duration,
    ) -> Result<FeedView, Refusal>;

    /// Registers a webhook endpoint; the second value is its signing secret.
    async fn create_webhook(
        &self,
        caller: &Caller,
        url: &str,
    ) -> Result<(WebhookView, String), Refusal>;

    /// The webhook endpoints.
    async fn webhooks(&self, caller: &Caller) -> Result<Vec<WebhookView>, Refusal>;

    /// Removes a webhook endpoint.
    async fn delete_webhook(&self, caller: &Caller, id: Uuid) -> Result<(), Refusal>;

    /// Pauses or resumes deliveries.
    async fn pause_webhook(
        &self,
        caller: &Caller,
        id: Uuid,
        paused: bool,
    ) -> Result<WebhookView, Refusal>;

    /// Delivers again everything after a cursor of the feed.
    async fn replay_webhook(
        &self,
        caller: &Caller,
        id: Uuid,
        after: Option<&str>,
    ) -> Result<WebhookView, Refusal>;

    /// What waits for a person.
    async fn holds(&self, caller: &Caller) -> Result<Vec<HoldView>, Refusal>;

    /// One of them; of a brake, with what waits behind it.
    async fn hold(&self, caller: &Caller, id: Uuid) -> Result<HoldDetails, Refusal>;

    /// Decides about a hold.
    async fn decide_hold(
        &self,
        caller: &Caller,
        id: Uuid,
        choice: HoldChoice,
    ) -> Result<(), Refusal>;

    /// The connections of the organisation.
    async fn connections(&self, caller: &Caller) -> Result<Vec<ConnectionView>, Refusal>;

    /// One connection.
    async fn connection(&self, caller: &Caller, id: Uuid) -> Result<ConnectionView, Refusal>;

    /// What the application of a connection over Graph proves itself with: the public parts.
    async fn connection_credentials(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Vec<CredentialDetails>, Refusal>;

    /// Makes a connection.
    async fn create_connection(
        &self,
        caller: &Caller,
        new: NewConnection,
    ) -> Result<ConnectionView, Refusal>;

    /// Changes a connection.
    async fn change_connection(
        &self,
        caller: &Caller,
        id: Uuid,
        change: ConnectionChange,
    ) -> Result<ConnectionView, Refusal>;

    /// Looks at the certificate that a connection's server shows now (E8).
    async fn server_certificate(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<ServerCertificateView, Refusal>;

    /// Confirms exactly the certificate with this SHA-256, which the server has to show now: from then
    /// on it is the only one that the connection trusts.
    async fn confirm_certificate(
        &self,
        caller: &Caller,
        id: Uuid,
        sha256: &str,
    ) -> Result<ConnectionView, Refusal>;

    /// Forgets the confirmed certificate: what authorities issued counts again.
    async fn forget_certificate(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<ConnectionView, Refusal>;

    /// Looks at every step on the way to the mailboxes of a connection (N14). Ends within 25 seconds.
    async fn preflight(
        &self,
        caller: &Caller,
        id: Uuid,
        ask: PreflightAsk,
    ) -> Result<PreflightView, Refusal>;

    /// Looks at the next mailboxes of a connection and names those that cannot be reached (E19).
    async fn check_assignment(
        &self,
        caller: &Caller,
        id: Uuid,
        after: Option<&str>,
    ) -> Result<AssignmentView, Refusal>;

    /// What keeps a connection out of mailboxes that are none of its business (N14).
    async fn fence(&self, caller: &Caller, id: Uuid) -> Result<FenceView, Refusal>;

    /// Names the mailbox outside, waives the proof or demands it.
    async fn change_fence(
        &self,
        caller: &Caller,
        id: Uuid,
        change: FenceChange,
    ) -> Result<FenceView, Refusal>;

    /// Asks that mailboxes of a connection over EWS go on over one over Graph (N2).
    async fn move_mailboxes(
        &self,
        caller: &Caller,
        from: Uuid,
        request: MoveRequest,
    ) -> Result<MovesAsked, Refusal>;

    /// How the last move of a mailbox stands.
    async fn mailbox_move(&self, caller: &Caller, mailbox: &str) -> Result<MoveView, Refusal>;

    /// The last move of each mailbox that ever moved. A page may be short of `limit`: only its end
    /// says whether there is more.
    async fn moves(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<MoveEntry>, Refusal>;

    /// Withdraws the move of a mailbox that goes on over its old connection until now.
    async fn withdraw_move(&self, caller: &Caller, mailbox: &str) -> Result<(), Refusal>;
}

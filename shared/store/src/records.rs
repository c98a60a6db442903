//! Everything that is kept, written once above [`Table`].
//!
//! No method reads a clock or makes an id: both are handed in. Every row has a schema version `v`.
//! What the parts of a key may hold is said in `records/keys.rs`, which builds all of them.
//!
//! | Partition | Sort key | What | Who reads it |
//! |---|---|---|---|
//! | `ORGANISATIONS` | organisation | that it exists | the minute schedule: all of them |
//! | `SHARED` | date | what functions used that is no single mailbox's; 400 days | API: what a mailbox costs |
//! | `O#org` | `ORGANISATION` | its settings | API, console |
//! | `O#org` | `SYSTEM#system` | a business system | API; listed |
//! | `O#org` | `APIKEY#id` | an API key as people see it, with the hash of the key | listed, revoked |
//! | `O#org` | `ENDPOINT#id` | a webhook endpoint | deliver; listed |
//! | `C#org` | `CONNECTION#id` | a connection to an Exchange | every run; listed |
//! | `P#org` | `PROFILE#sha256(name)` | rules by which mailboxes are synced | every run; listed |
//! | `APIKEY#sha256(key)` | `APIKEY` | whose key it is | every API call, by hash |
//! | `V#org` | time#0#0#n | what an administrator changed; 400 days | API, newest first |
//! | `L#org` | mailbox | that it exists | API, sweep: listed by page |
//! | `R#org` | mailbox | that it was removed, and rows of it may be left; a day | sweep: listed by page |
//! | `W#org` | mailbox, or `!` | mailboxes that are looked at soon; with which settings it was last swept | sweep: listed |
//! | `A#org#sha256(address)` | `ADDRESS` | whose address or alias it is | API paths, conditional so that it is taken once |
//! | `M#org#mailbox` | `MAILBOX` | settings and visible state | every run, API |
//! | `M#…` | `STATE` | marks, lease, meter, counts of the day, number of the last accepted change | intake, every run; index `sync#00` to `sync#03` by due time |
//! | `M#…` | `KEY` | data key, wrapped | whoever reads content |
//! | `M#…` | `LINK#link` | a pairing with its last common state | run, API; listed by page |
//! | `M#…` | `REDIRECT#link` | the link that it became | API, run |
//! | `M#…` | `REMOTE#sha256(id)` | link of an item in Exchange | run |
//! | `M#…` | `UID#sha256(uid)#link` | links with this iCalendar UID | run: first copy, adoption |
//! | `M#…` | `PENDING#number` | an accepted change of the business system | run, in order |
//! | `M#…` | `WAITS#link#number` | that a change of this link waits | API: pending state of an item |
//! | `M#…` | `IDEMPOTENCY#system#sha256(key)` | the answer that was given; a day | API |
//! | `M#…` | `INTENT#link#intent` | a write that was begun | run, by link and listed |
//! | `M#…` | `CURSOR#collection` | where reading goes on | run |
//! | `M#…` | `HISTORY#link#time#epoch#n` | explained decisions; 400 days | API, newest last |
//! | `M#…` | `HOLD#id` | what waits for a person | run; listed |
//! | `H#org` | hold | in which mailbox it is | API, console: listed by page |
//! | `M#…` | `MAIL#time#epoch#n` | whom Exchange mailed for us; 400 days | console; listed |
//! | `M#…` | `BRAKE#hour` | deletes and mails of the hour; 2 days | run, the latest |
//! | `M#…` | `MOVE` | its last move from one connection to another | every run, API |
//! | `M#…` | `DAY#date` | counts of a day that is over; 400 days | console; listed |
//! | `M#…` | `READING#date` | what the meter showed when a day began; 400 days | API: what a mailbox costs |
//! | `M#…` | `SUBSCRIPTION#sha256(key)` | that the subscription is this mailbox's | renewal; listed |
//! | `M#…` | `CHUNK#sha256#n` | a piece of a content too large for its row | with its row |
//! | `S#sha256(key)` | `SUBSCRIPTION` | a push subscription | webhook, by the key of its URL |
//! | `N#sha256(body)` | `CALL` | that a call of Graph's was dealt with; a day | webhook, by hash |
//! | `T#org#connection` | `TOKEN#sha256(scope)` | the access token that all workers share | every worker, by scope |
//! | `F#org#shard` | `HEAD` | number of the last entry | feed readers, all 16 together; every commit |
//! | `F#org#shard` | `E#number` | an entry; 30 days | feed readers, by number |
//! | `D#org#endpoint` | `STATE` | how far an endpoint has got | deliver; index `deliver` by due time |
//! | `D#org#endpoint` | `RETRY#shard#number` | an entry that is tried again | deliver; listed |

mod activity;
mod administration;
mod api_keys;
mod backlog;
mod calls;
mod commit;
mod content;
mod crypto;
mod cursors;
mod endpoints;
mod feed;
mod fence;
mod history;
mod holds;
mod ids;
mod intents;
mod keys;
mod lease;
mod ledger;
mod links;
mod mailboxes;
mod marks;
mod moves;
mod named;
mod pending;
mod protocol;
mod removed;
mod row;
mod settings;
mod subscriptions;
mod tokens;
mod usage;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;

pub use activity::{ActivityPage, ActivityRow};
pub use administration::{ApiKeyDigest, SettingsChange};
pub use api_keys::{ApiKeyRow, Role};
pub use backlog::Backlog;
pub use commit::{Commit, CommitError, IntentRef, ItemCommit, LinkWrite};
pub use crypto::{CONTENT_BYTES_MAX, FillRandom, Keyring};
pub use cursors::{CursorRow, Kept};
pub use endpoints::{DeliveryState, DueEndpoint, EndpointRow, RETRIES_MAX, RetryRow};
pub use feed::{FeedCursor, FeedEntry, FeedError, FeedPage, FeedRecord};
pub use fence::{Fence, FenceFinding, FenceWaiver, Gate};
pub use history::{HistoryCursor, HistoryEntry, HistoryPage};
pub use holds::{HoldPage, HoldRow};
pub use ids::{
    ApiKeyId, ChangeId, Collection, ConnectionId, EndpointId, HoldId, IntentId, MailboxScope,
};
pub use intents::{IntentRow, WriteKind};
pub use keys::{DUE_SHARDS, SHARDS, due_shard_of, shard_of};
pub use lease::{Lease, LeaseHeld, LeaseLost};
pub use ledger::{Brake, Counter, MailEntry, Statistics};
pub use links::{LinkPage, LinkRow, LinkState};
pub use mailboxes::{
    ADDRESSES_MAX, AddressTaken, FirstSync, FirstSyncPhase, MailboxPage, MailboxRow, MailboxState,
    Trouble,
};
pub use marks::{DueMailbox, Marks, StartedAt, message_id};
pub use moves::{FoundBy, MovePhase, MoveRow, MoveTally};
pub use named::{Hint, NAMED_ID_BYTES_MAX, NAMED_ITEMS_MAX, Named};
pub use pending::{
    AcceptError, Accepted, IDEMPOTENCY_HOURS, IdempotencyKey, PendingChange, PendingOperation,
    PendingRef, PendingRow, Waiting,
};
pub use protocol::{
    CREDENTIALS_MAX, Cloud, CredentialKind, EwsAccess, GraphAccess, GraphCredential, PasswordFacts,
    Protocol,
};
pub use removed::{CLEARED_WITHIN, RemovedMailbox};
pub use row::Document;
pub use settings::{
    ConnectionRow, Notifications, OrganisationRow, ProfileRow, SaveError, SystemRow,
};
pub use subscriptions::{BindError, SubscriptionRow};
pub use tokens::{TokenClaim, TokenRow, TokenScope, TokenSetback, TokenState};
pub use usage::{Gauge, Payer, READINGS_MAX, Reading, SHARED_EVERY, Usage};
pub use watch::{Watch, Watched};

use self::crypto::DataKey;
use self::usage::Meter;
use crate::table::{Condition, Item, StoreError, Table, Write};

/// How long entries of the feed are kept unless told otherwise.
const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Most data keys that are remembered. Beyond that all are forgotten and read again.
const REMEMBERED_KEYS_MAX: usize = 1024;

/// Everything that is kept. Clones share the table.
#[derive(Clone)]
pub struct Records {
    table: Arc<dyn Table>,
    keyring: Arc<Keyring>,
    data_keys: Arc<Mutex<BTreeMap<MailboxScope, DataKey>>>,
    retention: SignedDuration,
    meter: Arc<Meter>,
}

impl Records {
    /// Records in this table, with contents under this keyring.
    pub fn new(table: Arc<dyn Table>, keyring: Arc<Keyring>) -> Self {
        let meter = Arc::default();
        Self { table, keyring, data_keys: Arc::default(), retention: RETENTION, meter }
    }

    /// Keeps entries of the feed for so long from now on.
    #[must_use]
    pub fn with_retention(self, retention: SignedDuration) -> Self {
        Self { retention, ..self }
    }

    pub(crate) async fn put(
        &self,
        item: Item,
        condition: Option<Condition>,
    ) -> Result<(), StoreError> {
        self.table.write(Write::Put { item, condition }).await.map(|_| ())
    }

    /// A transaction, tried again while others are at the same items.
    pub(crate) async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        for _ in 0..marks::ATTEMPTS_MAX {
            match self.table.transact(writes.clone()).await {
                Err(StoreError::Conflict) => {}
                settled => return settled,
            }
        }
        Err(StoreError::Conflict)
    }

    fn remembered_key(&self, scope: &MailboxScope) -> Option<DataKey> {
        self.data_keys.lock().unwrap_or_else(PoisonError::into_inner).get(scope).cloned()
    }

    fn remember_key(&self, scope: &MailboxScope, key: &DataKey) {
        let mut known = self.data_keys.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_KEYS_MAX {
            known.clear();
        }
        known.insert(scope.clone(), key.clone());
    }

    fn forget_key(&self, scope: &MailboxScope) {
        self.data_keys.lock().unwrap_or_else(PoisonError::into_inner).remove(scope);
    }
}

#[cfg(test)]
mod tests;

//! Turns: in which minutes a mailbox is looked at, and which of them were reached.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tidemark_model::{MailboxId, OrganisationId};

/// Up to where this process has looked at the turns of each organisation's mailboxes.
///
/// A sweep that is cut off, or does not reach the store, leaves turns that come again only after a whole
/// period. The next sweep of the same process takes them up where this one stopped, however long ago
/// that is. A process that knows nothing yet looks back some minutes.
#[derive(Debug, Clone, Default)]
pub struct Reached(Arc<Mutex<BTreeMap<OrganisationId, Position>>>);

/// The minutes since 1970 whose turns were all looked at, and whose of the next minute were too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// The last minute that was done.
    pub(super) minute: i64,
    /// In the minute after it, those up to this one.
    pub(super) beyond: Option<MailboxId>,
}

impl Reached {
    pub(super) fn get(&self, organisation: &OrganisationId) -> Option<Position> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(organisation).copied()
    }

    /// Two sweeps at once may come here in any order: the one that is further ahead says where it is.
    pub(super) fn set(&self, organisation: &OrganisationId, position: Position) {
        let mut reached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = reached.entry(organisation.clone()).or_insert(position);
        *known = position.max(*known);
    }

    /// Forgets organisations that there are no more.
    pub(super) fn keep_only(&self, organisations: &[OrganisationId]) {
        let mut reached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reached.retain(|organisation, _| organisations.contains(organisation));
    }
}

/// Minutes since 1970.
pub(super) fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// At least one.
pub(super) fn minutes(duration: SignedDuration) -> i64 {
    (duration.as_secs() / 60).max(1)
}

/// Which minute of a period is a mailbox's. The end of a UUIDv7 is random, so that mailboxes spread.
fn place_of(mailbox: MailboxId, period: i64) -> i64 {
    let [.., a, b, c, d] = *mailbox.uuid().as_bytes();
    i64::from(u32::from_be_bytes([a, b, c, d])) % period.max(1)
}

/// The beginning of the last minute, this one included, that was a mailbox's own.
pub(super) fn last_turn(mailbox: MailboxId, now: Timestamp, period: i64) -> Timestamp {
    let period = period.max(1);
    let since = (minute_of(now) - place_of(mailbox, period)).rem_euclid(period);
    Timestamp::from_second((minute_of(now) - since) * 60).unwrap_or(Timestamp::MIN)
}

//! How many calls of a key wait for changes.
//!
//! The count is this process's own. That bounds the local host; a Lambda instance serves one call
//! at a time, and there the function's reserved concurrency is the bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidemark_model::OrganisationId;
use tidemark_service::border::Caller;

use crate::limits::POLLS_PER_KEY_MAX;

/// Keys have short names of their own in each organisation.
type Key = (OrganisationId, String);

/// The open polls of every key.
#[derive(Clone, Default)]
pub(crate) struct Polls(Arc<Mutex<HashMap<Key, usize>>>);

/// An open poll; it is over when this is dropped, also when the caller hung up.
pub(crate) struct OpenPoll {
    polls: Polls,
    key: Key,
}

impl Polls {
    /// Opens a poll, if the key may have one more.
    pub(crate) fn open(&self, caller: &Caller) -> Option<OpenPoll> {
        let key = (caller.organisation.clone(), caller.key_id.clone());
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(key.clone()).or_insert(0);
        if *count >= POLLS_PER_KEY_MAX {
            return None;
        }
        *count += 1;
        Some(OpenPoll { polls: self.clone(), key })
    }
}

impl Drop for OpenPoll {
    fn drop(&mut self) {
        let mut open = self.polls.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            // Keys come and go; the map holds only those that are waiting now.
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

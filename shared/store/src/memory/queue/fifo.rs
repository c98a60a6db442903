//! The rules of a first-in-first-out queue as a value, without storage.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::limits::{self, DEDUPLICATION_SECONDS};
use crate::queue::{Message, Received};
use crate::table::StoreError;

/// A message in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FifoEntry {
    /// Its place: later messages have greater numbers.
    pub sequence: u64,
    /// Its group.
    pub group: String,
    /// What it says.
    pub body: String,
    /// How often it was taken.
    pub deliveries: u32,
    /// Until when it is in flight; none when nobody has it.
    pub hidden_until: Option<Timestamp>,
}

/// The messages of a queue, who has them, and which ids were seen lately.
///
/// A message that may be taken is found in the order of sending; a group of which a message is in
/// flight is passed over. The receipt of a message names its place and which delivery it was, so
/// that a late receipt from an earlier delivery counts for nothing.
#[derive(Debug)]
pub struct Fifo {
    visibility: SignedDuration,
    next_sequence: u64,
    entries: BTreeMap<u64, FifoEntry>,
    groups: HashMap<String, BTreeSet<u64>>,
    /// The first message of every group. Only these can be taken.
    heads: BTreeSet<u64>,
    seen: HashMap<String, Timestamp>,
    seen_in_order: BTreeSet<(Timestamp, String)>,
}

impl FifoEntry {
    /// A message that nobody has taken yet.
    pub fn new(sequence: u64, message: Message) -> FifoEntry {
        FifoEntry {
            sequence,
            group: message.group,
            body: message.body,
            deliveries: 0,
            hidden_until: None,
        }
    }

    /// The message as its taker sees it.
    pub fn received(self) -> Received {
        Received {
            receipt: format!("{}:{}", self.sequence, self.deliveries),
            body: self.body,
            group: self.group,
            deliveries: self.deliveries,
        }
    }

    fn is_visible(&self, now: Timestamp) -> bool {
        self.hidden_until.is_none_or(|until| until <= now)
    }
}

impl Fifo {
    /// An empty queue. A message that was taken and not finished is visible again after
    /// `visibility`.
    pub fn new(visibility: SignedDuration) -> Fifo {
        Fifo {
            visibility,
            next_sequence: 1,
            entries: BTreeMap::new(),
            groups: HashMap::new(),
            heads: BTreeSet::new(),
            seen: HashMap::new(),
            seen_in_order: BTreeSet::new(),
        }
    }

    /// Refuses what SQS would refuse.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] for a body over 1 MiB, [`StoreError::Corrupt`] for ids that are
    /// empty, longer than 128 characters or of other characters than SQS takes.
    pub fn check(&self, message: &Message) -> Result<(), StoreError> {
        limits::check_message(message)
    }

    /// Notes an id as seen. False if it was seen within the last five minutes; then the message is
    /// to be dropped, and the five minutes go on from the first sight.
    pub fn remember(&mut self, deduplication_id: &str, now: Timestamp) -> bool {
        self.forget_before(now);
        if self.seen.contains_key(deduplication_id) {
            return false;
        }
        self.restore_seen(deduplication_id.to_owned(), now);
        true
    }

    /// Whether an id was seen within the last five minutes.
    pub fn was_seen(&mut self, deduplication_id: &str, now: Timestamp) -> bool {
        self.forget_before(now);
        self.seen.contains_key(deduplication_id)
    }

    /// Notes an id as seen at a moment in the past.
    pub fn restore_seen(&mut self, deduplication_id: String, at: Timestamp) {
        self.seen_in_order.insert((at, deduplication_id.clone()));
        self.seen.insert(deduplication_id, at);
    }

    fn forget_before(&mut self, now: Timestamp) {
        let window = SignedDuration::from_secs(DEDUPLICATION_SECONDS);
        while let Some((at, _)) = self.seen_in_order.first() {
            if at.checked_add(window).is_ok_and(|until| until > now) {
                break;
            }
            if let Some((_, id)) = self.seen_in_order.pop_first() {
                self.seen.remove(&id);
            }
        }
    }

    /// The next place. A place that is not used is left out.
    pub fn allocate(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }

    /// Puts a message in its place.
    pub fn insert(&mut self, entry: FifoEntry) {
        self.next_sequence = self.next_sequence.max(entry.sequence.saturating_add(1));
        let group = self.groups.entry(entry.group.clone()).or_default();
        if let Some(head) = group.first() {
            self.heads.remove(head);
        }
        group.insert(entry.sequence);
        self.heads.extend(group.first());
        self.entries.insert(entry.sequence, entry);
    }

    /// The places of up to `max` messages that may be taken, the oldest first.
    pub fn visible(&self, now: Timestamp, max: usize) -> Vec<u64> {
        self.heads
            .iter()
            .filter_map(|sequence| self.entries.get(sequence))
            .filter(|entry| entry.is_visible(now))
            .map(|entry| entry.sequence)
            .take(max)
            .collect()
    }

    /// How a message looks once it is taken. Nothing changes yet.
    pub fn taken(&self, sequence: u64, now: Timestamp) -> Option<FifoEntry> {
        let mut entry = self.entries.get(&sequence)?.clone();
        entry.deliveries = entry.deliveries.saturating_add(1);
        entry.hidden_until = Some(now.checked_add(self.visibility).unwrap_or(Timestamp::MAX));
        Some(entry)
    }

    /// Takes a message. Returns it as it is now.
    pub fn take(&mut self, sequence: u64, now: Timestamp) -> Option<FifoEntry> {
        let taken = self.taken(sequence, now)?;
        self.entries.insert(sequence, taken.clone());
        Some(taken)
    }

    /// The place of the message that a receipt is for, unless it was taken again since.
    pub fn find(&self, receipt: &str) -> Option<u64> {
        let (sequence, deliveries) = receipt.split_once(':')?;
        let entry = self.entries.get(&sequence.parse().ok()?)?;
        let counts = entry.deliveries.to_string() == deliveries && entry.hidden_until.is_some();
        counts.then_some(entry.sequence)
    }

    /// Lets a message be taken from `until` on; none: at once. False if there is none.
    pub fn hide(&mut self, sequence: u64, until: Option<Timestamp>) -> bool {
        match self.entries.get_mut(&sequence) {
            Some(entry) => {
                entry.hidden_until = until;
                true
            }
            None => false,
        }
    }

    /// Removes a message. False if there is none.
    pub fn remove(&mut self, sequence: u64) -> bool {
        let Some(entry) = self.entries.remove(&sequence) else {
            return false;
        };
        self.heads.remove(&sequence);
        if let Some(group) = self.groups.get_mut(&entry.group) {
            group.remove(&sequence);
            self.heads.extend(group.first());
            if group.is_empty() {
                self.groups.remove(&entry.group);
            }
        }
        true
    }

    /// The messages that are in flight, whether their time is up or not.
    pub fn in_flight(&self) -> Vec<u64> {
        let taken = self.entries.values();
        taken.filter(|entry| entry.hidden_until.is_some()).map(|entry| entry.sequence).collect()
    }

    /// When the next message in flight becomes visible by itself; none when none is in flight.
    pub fn next_visible_at(&self) -> Option<Timestamp> {
        let heads = self.heads.iter().filter_map(|head| self.entries.get(head));
        heads.filter_map(|entry| entry.hidden_until).min()
    }

    /// How many messages there are, those in flight included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no message at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

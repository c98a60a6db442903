//! What is counted and accounted for: the brake, mails, statistics.

mod tally;

use core::fmt;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::LinkId;

pub(crate) use self::tally::{Standing, Tally};
use super::Records;
use super::content::unexpired;
use super::ids::{IntentId, MailboxScope};
use super::row::{Row, later};
use super::{ids, keys};
use crate::table::{EXPIRES, Order, Span, StoreError, UpdateAction, Value, Write};

/// How long the counters of an hour are kept.
const BRAKE_SECONDS: i64 = 2 * 24 * 3600;
/// How long statistics and the ledger of mails are kept.
pub(crate) const LEDGER_SECONDS: i64 = 400 * 24 * 3600;
/// Most rows that are listed.
const LISTED_MAX: usize = 500;

const HOUR: &str = "hour";
const DELETES: &str = "deletes";
const MAILS: &str = "mails";
const COUNT_PREFIX: &str = "n_";
pub(crate) const RECIPIENTS: &str = "recipients";

/// What was spent in an hour, or is to be added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Brake {
    /// Which hour, counted from the Unix epoch; not negative.
    pub hour: i64,
    /// Deletes.
    pub deletes: u32,
    /// People mailed.
    pub mails: u32,
}

impl Brake {
    /// Whether there is anything to add.
    pub const fn is_spent(&self) -> bool {
        self.deletes > 0 || self.mails > 0
    }
}

/// What is counted per mailbox and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counter {
    /// Items of Exchange that were looked at.
    Read,
    /// Items created in Exchange.
    CreatedInExchange,
    /// Items changed in Exchange.
    UpdatedInExchange,
    /// Items deleted in Exchange.
    DeletedInExchange,
    /// Events told to the business system.
    Told,
    /// Conflicts.
    Conflicts,
    /// Changes refused.
    Refused,
    /// Actions held for a person.
    Held,
    /// People mailed.
    Mailed,
    /// Runs that came to their end.
    Runs,
}

impl Counter {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::CreatedInExchange,
        Self::UpdatedInExchange,
        Self::DeletedInExchange,
        Self::Told,
        Self::Conflicts,
        Self::Refused,
        Self::Held,
        Self::Mailed,
        Self::Runs,
    ];

    /// A stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::CreatedInExchange => "created_in_exchange",
            Self::UpdatedInExchange => "updated_in_exchange",
            Self::DeletedInExchange => "deleted_in_exchange",
            Self::Told => "told",
            Self::Conflicts => "conflicts",
            Self::Refused => "refused",
            Self::Held => "held",
            Self::Mailed => "mailed",
            Self::Runs => "runs",
        }
    }
}

/// Counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statistics(BTreeMap<Counter, u64>);

impl Statistics {
    /// Counts something.
    pub fn add(&mut self, counter: Counter, count: u64) {
        let sum = self.0.entry(counter).or_default();
        *sum = sum.saturating_add(count);
    }

    /// How often something was counted.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0.get(&counter).copied().unwrap_or(0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.values().all(|count| *count == 0)
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (counter, count) in &other.0 {
            self.add(*counter, *count);
        }
    }
}

/// A mail that Exchange sent, or would send, for a write of ours. `Debug` shows no address.
#[derive(Clone, PartialEq, Eq)]
pub struct MailEntry {
    /// For which item.
    pub link: LinkId,
    /// For which attempt.
    pub intent: Option<IntentId>,
    /// To whom, lower case.
    pub recipients: Vec<String>,
    /// A word of the caller's for what it was about.
    pub what: String,
    /// When.
    pub at: Timestamp,
}

impl fmt::Debug for MailEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailEntry")
            .field("link", &self.link)
            .field("recipients", &self.recipients.len())
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct MailDocument {
    #[serde(with = "ids::link")]
    link: LinkId,
    intent: Option<IntentId>,
    what: String,
    at: Timestamp,
}

impl MailEntry {
    pub(crate) fn document(&self) -> MailDocument {
        MailDocument { link: self.link, intent: self.intent, what: self.what.clone(), at: self.at }
    }

    pub(crate) fn recipients_text(&self) -> Vec<u8> {
        self.recipients.join("\n").into_bytes()
    }
}

impl Records {
    /// What was spent in the last hour that anything was spent in; none when nothing was in two
    /// days. A clock that steps back finds the later hour.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn brake(&self, scope: &MailboxScope) -> Result<Option<Brake>, StoreError> {
        let partition = keys::mailbox_partition(scope);
        let span = Span::Prefix(keys::BRAKES.to_owned());
        let page = self.table.query(&partition, &span, None, Order::Descending, 1).await?;
        let Some(item) = page.items.first() else {
            return Ok(None);
        };
        let row = Row::new(item)?;
        let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Some(Brake {
            hour: i64::try_from(row.count(HOUR)?).unwrap_or(i64::MAX),
            deletes: narrow(row.count(DELETES)?),
            mails: narrow(row.count(MAILS)?),
        }))
    }

    /// Opens a fresh budget for this hour: what a person does who releases the brake.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_brake(&self, scope: &MailboxScope, hour: i64) -> Result<(), StoreError> {
        let key = keys::brake(scope, hours(hour));
        self.table.write(Write::Delete { key, condition: None }).await.map(|_| ())
    }

    /// The counts of a day (`2026-03-01`, in UTC): those of its row, and those that stand with the
    /// marks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn statistics(
        &self,
        scope: &MailboxScope,
        day: jiff::civil::Date,
    ) -> Result<Statistics, StoreError> {
        // As of one moment: they move from one to the other.
        let keys = [keys::day(scope, &day.to_string()), keys::state(scope)];
        let items = self.table.get_together(&keys).await?;
        let mut statistics = Statistics::default();
        for item in items.iter().flatten() {
            if item.key == keys::state(scope) {
                let tally = Tally::read(item)?;
                statistics.merge(tally.on(day).unwrap_or(&Statistics::default()));
            } else {
                statistics.merge(&Statistics::read(Row::new(item)?)?);
            }
        }
        Ok(statistics)
    }

    /// The latest mails of a mailbox, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mails(
        &self,
        scope: &MailboxScope,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<MailEntry>, StoreError> {
        let partition = keys::mailbox_partition(scope);
        let span = Span::Prefix(keys::MAILS.to_owned());
        let limit = limit.clamp(1, LISTED_MAX);
        let page = self.table.query(&partition, &span, None, Order::Descending, limit).await?;
        let mut mails = Vec::new();
        for item in unexpired(page.items, now) {
            let row = Row::new(&item)?;
            let document: MailDocument = row.document()?;
            let key = self.existing_data_key(scope).await?;
            let context = mail_context(scope, document.link);
            let recipients =
                self.load_content(scope, key.as_ref(), row, RECIPIENTS, &context).await?;
            let recipients = String::from_utf8(recipients.unwrap_or_default())
                .map_err(|_| StoreError::Corrupt("recipients are no text"))?;
            mails.push(MailEntry {
                link: document.link,
                intent: document.intent,
                recipients: recipients.lines().map(str::to_owned).collect(),
                what: document.what,
                at: document.at,
            });
        }
        Ok(mails)
    }
}

pub(crate) fn mail_context(scope: &MailboxScope, link: LinkId) -> String {
    format!("{}#MAIL#{link}", keys::mailbox_partition(scope))
}

/// Adds to the counters of an hour.
pub(crate) fn brake_write(scope: &MailboxScope, brake: Brake, now: Timestamp) -> Write {
    let hour = hours(brake.hour);
    Write::Update {
        key: keys::brake(scope, hour),
        actions: vec![
            UpdateAction::Set(HOUR.to_owned(), super::row::number(hour)),
            UpdateAction::Add(DELETES.to_owned(), i64::from(brake.deletes)),
            UpdateAction::Add(MAILS.to_owned(), i64::from(brake.mails)),
            expires(later(now, BRAKE_SECONDS)),
        ],
        condition: None,
    }
}

fn attribute(counter: Counter) -> String {
    format!("{COUNT_PREFIX}{}", counter.as_str())
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn expires(at: Timestamp) -> UpdateAction {
    UpdateAction::Set(EXPIRES.to_owned(), Value::Number(at.as_second()))
}

fn hours(hour: i64) -> u64 {
    u64::try_from(hour).unwrap_or(0)
}

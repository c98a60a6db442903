//! What a plan answers: effects as plain data.

use core::fmt;
use std::collections::BTreeSet;

use jiff::Timestamp;
use tidemark_model::{Event, MailMode, Participation, Property, PropertyValue};

use crate::input::{Base, Side};
use crate::reason::{Reason, RefusalCode};

/// What to do about one item. `Debug` shows shapes and codes, never content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What to do in Exchange.
    pub exchange: ExchangeAction,
    /// What to tell the business system besides the outcomes of its own changes. The item to tell
    /// is the business side of what [`crate::settle()`] returns.
    pub business: Option<News>,
    /// What became of each of the business system's changes, in their order.
    pub outcomes: Vec<Outcome>,
    /// What to remember.
    pub base: BaseAfter,
    /// The properties that the action changes in Exchange.
    pub written: Vec<Property>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Whom Exchange would mail for the action if it were not silent.
    pub forecast: MailForecast,
    /// What the decision takes from the hour's budgets.
    pub cost: BrakeCost,
}

impl Decision {
    /// The decision in stable words, without content: for logs, digests and `explain` (N5).
    pub fn explain(&self) -> String {
        let mut words = vec![format!("exchange={}", self.exchange.code())];
        if let Some(news) = &self.business {
            words.push(format!("business={}", news.code()));
        }
        for outcome in &self.outcomes {
            words.push(format!("{}={}", outcome.number, outcome.verdict.code()));
        }
        for reason in &self.reasons {
            words.push(reason.code().to_owned());
        }
        words.join(" ")
    }

    /// Whether there is nothing to do, tell or remember.
    pub fn is_quiet(&self) -> bool {
        self.exchange == ExchangeAction::None
            && self.business.is_none()
            && self.outcomes.is_empty()
            && self.base == BaseAfter::Keep
    }
}

/// What to do in Exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeAction {
    /// Nothing.
    None,
    /// Create an item, with our stamp.
    Create {
        /// What it is to say.
        target: Box<Event>,
        /// Who is mailed.
        mail: MailMode,
    },
    /// Change the item as it was seen into the target.
    Update {
        /// What it is to say.
        target: Box<Event>,
        /// Who is mailed.
        mail: MailMode,
    },
    /// Delete the item; a meeting that the owner organises is cancelled.
    Delete {
        /// Who is mailed.
        mail: MailMode,
    },
    /// Answer an invitation.
    Respond {
        /// How.
        answer: Participation,
        /// Who is mailed.
        mail: MailMode,
    },
    /// Do nothing until a person has decided.
    Hold {
        /// Why it waits.
        why: HoldWhy,
        /// What would be done.
        what: Box<ExchangeAction>,
    },
}

impl ExchangeAction {
    /// A stable word for it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Delete { .. } => "delete",
            Self::Respond { .. } => "respond",
            Self::Hold { .. } => "hold",
        }
    }

    /// Whether it writes to Exchange.
    pub const fn writes(&self) -> bool {
        match self {
            Self::None | Self::Hold { .. } => false,
            Self::Create { .. }
            | Self::Update { .. }
            | Self::Delete { .. }
            | Self::Respond { .. } => true,
        }
    }

    /// Who is mailed for it.
    pub const fn mail(&self) -> MailMode {
        match self {
            Self::None | Self::Hold { .. } => MailMode::Silent,
            Self::Create { mail, .. }
            | Self::Update { mail, .. }
            | Self::Delete { mail }
            | Self::Respond { mail, .. } => *mail,
        }
    }
}

/// Why an action waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldWhy {
    /// Exchange would mail people, and nobody has chosen what to do then (N10).
    WouldMail,
    /// The same, of an item that exists, on a server that cannot be kept from it: it can be released
    /// with mail or not at all.
    CannotBeSilent,
    /// Something else writes the same property back again and again (E21).
    Loop,
    /// A late create of ours was changed by somebody before it was found.
    LateCopyChanged,
    /// A late create of ours cannot be removed without mailing the people on it.
    LateCopyMails,
}

/// What the business system is told of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It exists.
    Created,
    /// It changed.
    Updated {
        /// In which properties; empty where only read-only parts changed (attachments, online
        /// meeting, organiser).
        properties: Vec<Property>,
    },
    /// It exists no more.
    Deleted,
}

impl News {
    /// The last part of the event type: `created`, `updated`, `deleted`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated { .. } => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// What became of one change of the business system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// [`crate::BusinessChange::number`].
    pub number: u64,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds on both sides, or a later change of the same system replaced it.
    Applied,
    /// Something was lost to the other side, or the other side lost something to it.
    Conflict {
        /// What was lost, to be kept and shown.
        losers: Vec<Loser>,
    },
    /// It waits and stays pending.
    Held,
    /// It will not be done.
    Refused {
        /// A stable word.
        code: RefusalCode,
        /// The reason and the mend, for people.
        text: &'static str,
    },
}

impl Verdict {
    /// The last part of the event type: `applied`, `conflict`, `held`, `refused`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Conflict { .. } => "conflict",
            Self::Held => "held",
            Self::Refused { .. } => "refused",
        }
    }

    pub(crate) const fn refused(code: RefusalCode) -> Self {
        Self::Refused { code, text: code.sentence() }
    }
}

/// What one side lost in a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loser {
    /// Which side lost.
    pub side: Side,
    /// What it lost.
    pub value: LoserValue,
}

/// The lost part of a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoserValue {
    /// The value of a property.
    Property(PropertyValue),
    /// A delete of the item.
    Delete,
}

/// What to remember of the link once the decision has been carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseAfter {
    /// What is remembered now.
    Keep,
    /// A common state that needs no write.
    Agreed(Box<Base>),
    /// The common state that follows from the write; [`crate::settle()`] completes it from what is
    /// read back.
    AfterWrite(Box<Base>),
    /// Nothing but that it is private; stored copies are to be purged.
    Private {
        /// Where the item was made.
        born: Side,
        /// Whether the business system knows that it exists.
        announced: bool,
    },
    /// That it was deleted.
    Tombstone {
        /// On which side.
        by: Side,
        /// When.
        at: Timestamp,
    },
}

/// What the store has to write about a link after a decision was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkAfter {
    /// Nothing changes.
    Unchanged,
    /// The common state.
    Linked(Box<Base>),
    /// It is private: purge stored copies.
    Private {
        /// Where the item was made.
        born: Side,
        /// Whether the business system knows that it exists.
        announced: bool,
    },
    /// It was deleted: purge the common state, keep the mark.
    Tombstone {
        /// On which side.
        by: Side,
        /// When.
        at: Timestamp,
    },
}

/// Whom Exchange would mail. `Debug` shows how many, not who.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct MailForecast {
    recipients: BTreeSet<String>,
    everybody: bool,
    spared: bool,
    unavoidable: bool,
}

impl MailForecast {
    pub(crate) fn new(recipients: BTreeSet<String>, everybody: bool) -> Self {
        Self { recipients, everybody, spared: false, unavoidable: false }
    }

    /// The same write where it mails nobody: in the first copy, or since it is over.
    pub(crate) fn spare(self) -> Self {
        Self { spared: !self.recipients.is_empty(), ..Self::default() }
    }

    /// The same write on a server that cannot be kept from mailing; `spare` where nobody is to be
    /// mailed.
    pub(crate) fn insist(self, spare: bool) -> Self {
        let somebody = !self.recipients.is_empty();
        Self { spared: spare && somebody, unavoidable: somebody, ..self }
    }

    /// Whether nobody is to be mailed, though people would have been at another time.
    pub(crate) const fn is_spared(&self) -> bool {
        self.spared
    }

    /// Whether these are mailed whatever is asked.
    pub const fn is_unavoidable(&self) -> bool {
        self.unavoidable
    }

    /// The addresses, lower case: for the ledger, never for a log.
    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        self.recipients.iter().map(String::as_str)
    }

    /// How many people.
    pub fn count(&self) -> u32 {
        u32::try_from(self.recipients.len()).unwrap_or(u32::MAX)
    }

    /// Whether nobody would be mailed.
    pub fn is_empty(&self) -> bool {
        self.recipients.is_empty()
    }

    /// The mode that mails these and nobody else.
    pub const fn mode(&self) -> MailMode {
        if self.everybody { MailMode::All } else { MailMode::Changed }
    }
}

impl fmt::Debug for MailForecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailForecast({} people)", self.recipients.len())
    }
}

/// What a decision takes from the hour's budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BrakeCost {
    /// Deletes, on either side.
    pub deletes: u32,
    /// People mailed.
    pub mails: u32,
}

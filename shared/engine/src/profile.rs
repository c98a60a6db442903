//! The rules by which a mailbox is synced.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tidemark_model::Property;

/// The rules by which a mailbox is synced. [`Profile::default`] is the one of DESIGN.md 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Whether changes of the business system are written to Exchange.
    pub to_exchange: bool,
    /// Whether changes in Exchange are told to the business system.
    pub to_business: bool,
    /// Whether what the business system deletes is deleted in Exchange (E3).
    pub deletes_in_exchange: bool,
    /// Whether what is deleted in Exchange is deleted in the business system (E3).
    pub deletes_in_business: bool,
    /// Whether private items are kept from the business system (E3, P5).
    pub no_private: bool,
    /// Who wins where both sides changed the same property differently.
    pub conflicts: ConflictPolicy,
    /// Properties that belong to one side, before the policy is asked. What is not listed belongs
    /// to both.
    pub owners: BTreeMap<PropertyClass, Owner>,
    /// Whether a change wins over a concurrent delete of the same item, either way.
    pub edit_beats_delete: bool,
    /// What to do where Exchange would mail people (N10).
    pub mail: MailRule,
    /// From which moment on changes are carried (E10), or everything (A6).
    pub start: StartOfSync,
    /// Whether an appointment of several employees that was born in the business system is kept
    /// there as it is, whatever becomes of it in Exchange (E5).
    pub protect_conferences: bool,
    /// How much may be deleted and mailed in an hour (N11).
    pub budgets: Budgets,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            to_exchange: true,
            to_business: true,
            deletes_in_exchange: true,
            deletes_in_business: true,
            no_private: true,
            conflicts: ConflictPolicy::ExchangeWins,
            owners: BTreeMap::new(),
            edit_beats_delete: true,
            mail: MailRule::Hold,
            start: StartOfSync::FullCopy,
            protect_conferences: true,
            budgets: Budgets::default(),
        }
    }
}

impl Profile {
    /// Who owns a property.
    pub fn owner(&self, property: Property) -> Owner {
        self.owners.get(&PropertyClass::of(property)).copied().unwrap_or(Owner::Both)
    }
}

/// Who wins where both sides changed the same property differently. The loser is kept and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConflictPolicy {
    /// What stands in Exchange.
    #[default]
    ExchangeWins,
    /// What the business system says.
    BusinessWins,
    /// Whoever changed it later; Exchange where that cannot be told.
    LatestWins,
}

/// To whom a property belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Exchange wins its conflicts.
    Exchange,
    /// The business system wins its conflicts.
    Business,
    /// The policy decides.
    Both,
}

/// A property without the occurrence that it is about: what settings can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PropertyClass {
    /// Subject.
    Title,
    /// Description.
    Body,
    /// Times and rule.
    Schedule,
    /// Any single occurrence.
    Override,
    /// Place.
    Location,
    /// Busy status.
    ShowAs,
    /// Sensitivity.
    Privacy,
    /// Priority.
    Priority,
    /// Categories.
    Categories,
    /// Reminder.
    Reminder,
    /// State.
    Status,
    /// The people invited.
    Attendees,
    /// The owner's own answer.
    MyParticipation,
}

impl PropertyClass {
    /// The class of a property.
    pub const fn of(property: Property) -> Self {
        match property {
            Property::Title => Self::Title,
            Property::Body => Self::Body,
            Property::Schedule => Self::Schedule,
            Property::Override(_) => Self::Override,
            Property::Location => Self::Location,
            Property::ShowAs => Self::ShowAs,
            Property::Privacy => Self::Privacy,
            Property::Priority => Self::Priority,
            Property::Categories => Self::Categories,
            Property::Reminder => Self::Reminder,
            Property::Status => Self::Status,
            Property::Attendees => Self::Attendees,
            Property::MyParticipation => Self::MyParticipation,
        }
    }
}

/// What to do where Exchange would mail people (N10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MailRule {
    /// Hold the write and show it, until somebody has chosen a rule.
    #[default]
    Hold,
    /// Write, and let Exchange mail.
    Send,
    /// Write silently; create without attendees. Where the server cannot be silent, what exists
    /// already is held.
    WithoutAttendees,
    /// Write, and let Exchange mail, even where nobody is to be mailed and the server cannot be kept
    /// from it: a person saw this very write and released it. No profile says so.
    Released,
}

/// From which moment on changes are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StartOfSync {
    /// Everything that exists is copied first (A6).
    #[default]
    FullCopy,
    /// What was last changed before this moment is linked without news (E10).
    From(Timestamp),
}

/// How much may be done in one mailbox in one hour (N11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budgets {
    /// Deletes, on both sides together.
    pub deletes_per_hour: u32,
    /// People mailed.
    pub mails_per_hour: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { deletes_per_hour: 50, mails_per_hour: 20 }
    }
}

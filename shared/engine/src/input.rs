//! What a plan is made from.

use core::fmt;
use std::collections::BTreeSet;

use jiff::Timestamp;
use tidemark_model::{
    CopyRole, Event, EventPatch, Override, Property, PropertyValue, RecurrenceId, Zone,
};

use crate::profile::Profile;
use crate::sameness::holds;

/// One of the two sides that are kept equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The mailbox.
    Exchange,
    /// The business system.
    Business,
}

impl Side {
    /// The word that the border uses for it: `exchange` or `business`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Business => "business",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Exchange => Self::Business,
            Self::Business => Self::Exchange,
        }
    }
}

/// The last common state of a link, as each side holds it.
///
/// They are two because borders lose detail: priority 3 is 3 to the business system and "high",
/// read back as 1, in Exchange. Each side is compared with its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// As last read back from Exchange.
    pub exchange: Event,
    /// As the business system last knew it.
    pub business: Event,
    /// Where the item was made.
    pub born: Side,
    /// Whether the business system knows that it exists; not so for what E10 left out.
    pub announced: bool,
}

/// What is known of one item, and by which rules it is to be dealt with.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The pairing.
    pub link: LinkView<'a>,
    /// What was seen in Exchange.
    pub exchange: ExchangeView<'a>,
    /// Changes of the business system that wait, in order of acceptance.
    pub business: &'a [BusinessChange],
    /// The rules.
    pub profile: &'a Profile,
    /// The mailbox.
    pub mailbox: &'a MailboxFacts,
    /// A write of ours that may have been carried out in part.
    pub unfinished: Option<&'a Unfinished>,
    /// The present moment.
    pub now: Timestamp,
}

/// What the store knows of the pairing.
#[derive(Debug, Clone, Copy)]
pub enum LinkView<'a> {
    /// Nothing: the item was never dealt with.
    New,
    /// Both sides have it.
    Linked(&'a Base),
    /// It is private: copies of its content were purged.
    Private {
        /// Where the item was made.
        born: Side,
        /// Whether the business system knows that it exists.
        announced: bool,
    },
    /// It was deleted.
    Tombstone {
        /// On which side.
        by: Side,
        /// When that was noticed.
        at: Timestamp,
    },
}

/// What was seen in Exchange.
#[derive(Debug, Clone, Copy)]
pub enum ExchangeView<'a> {
    /// It was not looked for, since it is not linked to anything there.
    NotLooked,
    /// It is there.
    Present {
        /// What it says.
        event: &'a Event,
        /// Whose copy it is.
        role: CopyRole,
        /// What our stamp on it says.
        stamped: StampView,
    },
    /// Proved by asking for it by its id: it does not exist. The only proof of a delete (N11).
    Gone,
    /// Out of the selection or the folder, or not readable now. Never a delete.
    Hidden,
}

/// What our stamp on an item says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StampView {
    /// There is none.
    None,
    /// It is the item of this link.
    Ours,
    /// It carries this link's id from another attempt than the linked item's: a create of ours that
    /// arrived late.
    Late,
}

/// One change of the business system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessChange {
    /// Its number in the order of acceptance within the mailbox.
    pub number: u64,
    /// What is wanted.
    pub change: BusinessOperation,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Whether it demanded a version (`If-Match`) that is no longer the current one.
    pub if_match_failed: bool,
}

/// What the business system wants of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusinessOperation {
    /// It is to exist, with these values; what is absent has no opinion.
    Upsert(EventPatch),
    /// It is not to exist.
    Delete,
}

/// A write of ours that was begun and not seen to end. One update of a series is several requests:
/// the series itself in one, then one for each occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// What was to be in Exchange when it was done.
    pub target: Event,
    /// What was seen there when the write was decided; nothing for a create. It tells what we were
    /// about to change from what people had changed before, and what they put back afterwards.
    /// Where an update comes without it, the last common state stands for it.
    pub seen: Option<Event>,
    /// Whether an occurrence is brought back that was taken out. Exchange does that only if the rule of
    /// the series is written again, which takes all of its exceptions out.
    pub brings_back: bool,
    /// What was seen there when this attempt was decided, if it carries on another. Where it differs
    /// from `seen`, earlier attempts have written it, and that it stands there says nothing of this one.
    pub shown: Option<Event>,
}

impl Unfinished {
    /// A create that was begun.
    pub const fn create(target: Event) -> Self {
        Self { target, seen: None, brings_back: false, shown: None }
    }

    /// An update that was begun when Exchange showed `seen`.
    pub fn update(seen: Event, target: Event) -> Self {
        let brings_back = brings_back(&seen, &target);
        Self { target, seen: Some(seen), brings_back, shown: None }
    }

    /// Whether Exchange shows that the rule was written again to bring an occurrence back: there are no
    /// exceptions but those that this write has written since.
    pub(crate) fn has_brought_back(&self, remote: &Event, zone: &Zone) -> bool {
        let is_ours = |id: &RecurrenceId| {
            let property = Property::Override(*id);
            holds(&remote.value(property), &self.target.value(property), zone)
        };
        self.brings_back && remote.overrides.keys().all(is_ours)
    }

    /// Whether a value that Exchange shows comes from this write, or from one that it carries on.
    /// `seen` is what was there before the first of them.
    pub(crate) fn has_written(&self, value: &PropertyValue, seen: &Event, zone: &Zone) -> bool {
        let property = value.property();
        let before = seen.value(property);
        let wrote = |written: &Event| {
            let written = written.value(property);
            !holds(&before, &written, zone) && holds(value, &written, zone)
        };
        wrote(&self.target) || self.shown.as_ref().is_some_and(wrote)
    }

    /// The write that carries this one on, with another target, when Exchange shows `remote`. What
    /// comes from the first attempt is no person's, so what was seen before that is kept.
    #[must_use]
    pub fn carried_on(self, remote: &Event, target: Event, zone: &Zone) -> Self {
        let brings_back = self.brings_back || brings_back(remote, &target);
        let brought_back = self.has_brought_back(remote, zone);
        let shown = Some(remote.clone());
        let Some(mut seen) = self.seen.clone() else {
            return Self { target, seen: None, brings_back, shown };
        };
        let written = |property: Property, seen: &Event| {
            self.has_written(&remote.value(property), seen, zone)
        };
        let moved = written(Property::Schedule, &seen);
        let properties: BTreeSet<Property> =
            remote.properties().into_iter().chain(seen.properties()).collect();
        for property in properties {
            let dropped = matches!(property, Property::Override(id)
                if (moved || brought_back) && !remote.overrides.contains_key(&id));
            if !dropped && !written(property, &seen) {
                seen.apply(remote.value(property));
            }
        }
        Self { target, seen: Some(seen), brings_back, shown }
    }
}

/// Whether a write of `target` over `seen` brings an occurrence back that was taken out.
fn brings_back(seen: &Event, target: &Event) -> bool {
    let excludes = |event: &Event, id| event.overrides.get(id) == Some(&Override::Excluded);
    seen.overrides.keys().any(|id| excludes(seen, id) && !excludes(target, id))
}

/// What a plan has to know of the mailbox. `Debug` shows no address.
#[derive(Clone, PartialEq, Eq)]
pub struct MailboxFacts {
    /// Its own addresses, aliases included, lower case. Nobody is mailed at these.
    pub addresses: BTreeSet<String>,
    /// Addresses of the organisation's other people, lower case: they make a conference (E5).
    pub employees: BTreeSet<String>,
    /// The zone that whole days and floating times are taken in.
    pub zone: Zone,
    /// Whether this is the first copy of the mailbox: nobody is mailed for it (N10).
    pub first_copy: bool,
    /// Whether its server can be kept from mailing.
    pub mailing: Mailing,
}

/// Whether a server can be kept from mailing the people on a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mailing {
    /// Each write says who is mailed, and may say nobody.
    #[default]
    AsAsked,
    /// Whoever is concerned is mailed, whatever is asked. A write then goes out only where the mail
    /// rule allows mail, and waits for a person everywhere else. Answers to invitations can be
    /// silent all the same.
    Always {
        /// The properties that are each one's own: to change them alone tells nobody, of the item
        /// and of its occurrences. All others tell everybody, but for the list of people, which tells
        /// those who are added, taken off or given another role.
        quiet: &'static [Property],
    },
}

impl fmt::Debug for MailboxFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailboxFacts")
            .field("addresses", &self.addresses.len())
            .field("employees", &self.employees.len())
            .field("first_copy", &self.first_copy)
            .field("mailing", &self.mailing)
            .finish_non_exhaustive()
    }
}

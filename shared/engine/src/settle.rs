//! What to remember once a decision has been carried out.

use std::collections::BTreeSet;

use tidemark_model::{Event, Property, Zone};

use crate::decision::{BaseAfter, Decision, ExchangeAction, LinkAfter};
use crate::input::Base;
use crate::sameness::holds;

/// What a decision that was carried out leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What to remember of the link.
    pub link: LinkAfter,
    /// Whether what was read back may hold somebody else's change as well. Its version must not be
    /// remembered then, so that the item is read again and that change is dealt with.
    pub overtaken: bool,
}

/// What the store has to remember once the decision has been carried out.
///
/// `read_back` is the item in exactly the version that the write returned; a later version would
/// hide a person's change behind our own write. The Exchange side of the base is what was read back,
/// as it is. The business side is the merged view as the business system knows it, finer values
/// included (mapping.md 3.3: the priority 3 stays 3 while Exchange says "high"), with what only
/// Exchange writes taken over. Without `read_back` the target stands for it; the next read then
/// shows the server's own form of it as a change.
///
/// A write of several requests returns the version after the last of them, so that a change which
/// somebody made between two of them is in what was read back. Such a write only takes over what
/// holds its target, floating times being bound to `zone`; all else is left to be found as the
/// change that it is.
pub fn settle(decision: &Decision, read_back: Option<&Event>, zone: &Zone) -> Settled {
    let target = match (&decision.exchange, &decision.base) {
        (_, BaseAfter::AfterWrite(base)) => Some(&base.exchange),
        (ExchangeAction::Create { target, .. } | ExchangeAction::Update { target, .. }, _) => {
            Some(&**target)
        }
        _ => None,
    };
    let shared = read_back.filter(|_| is_in_parts(decision));
    let foreign = match (shared, target) {
        (Some(shown), Some(target)) => foreign_values(shown, target, zone),
        _ => Vec::new(),
    };
    let overtaken = !foreign.is_empty() || (shared.is_some() && target.is_none());
    let link = match &decision.base {
        BaseAfter::Keep => LinkAfter::Unchanged,
        BaseAfter::Agreed(base) => LinkAfter::Linked(base.clone()),
        BaseAfter::AfterWrite(base) => {
            let shown = read_back.unwrap_or(&base.exchange);
            let mut exchange = shown.clone();
            for property in foreign {
                exchange.apply(base.exchange.value(property));
            }
            let mut business = base.business.clone();
            copy_read_only(shown, &mut business);
            LinkAfter::Linked(Box::new(Base {
                exchange,
                business,
                born: base.born,
                announced: base.announced,
            }))
        }
        BaseAfter::Private { born, announced } => {
            LinkAfter::Private { born: *born, announced: *announced }
        }
        BaseAfter::Tombstone { by, at } => LinkAfter::Tombstone { by: *by, at: *at },
    };
    Settled { link, overtaken }
}

/// Whether others may have changed the item between the requests of a write: the occurrences of a
/// series are written one after the other, and an answer to an invitation names no version.
fn is_in_parts(decision: &Decision) -> bool {
    let of_occurrence = |property: &Property| matches!(property, Property::Override(_));
    match &decision.exchange {
        ExchangeAction::Create { target, .. } => !target.overrides.is_empty(),
        ExchangeAction::Update { target, .. } => {
            // A series that moves loses its exceptions, which are then written again.
            let moves = decision.written.contains(&Property::Schedule);
            decision.written.iter().any(of_occurrence) || (moves && !target.overrides.is_empty())
        }
        ExchangeAction::Respond { .. } => true,
        ExchangeAction::None | ExchangeAction::Delete { .. } | ExchangeAction::Hold { .. } => false,
    }
}

/// In what an item differs from what we wrote.
fn foreign_values(shown: &Event, target: &Event, zone: &Zone) -> Vec<Property> {
    // An override that says nothing is not written, and so is not shown.
    let normalised = target.clone().normalised();
    let mut properties: BTreeSet<Property> = shown.properties().into_iter().collect();
    properties.extend(target.properties());
    let holds_target = |property: &Property| {
        let value = shown.value(*property);
        [target, &normalised].iter().any(|it| holds(&value, &it.value(*property), zone))
    };
    properties.into_iter().filter(|property| !holds_target(property)).collect()
}

/// Takes over what only Exchange writes: identity, organiser, answers, attachments, revision.
pub(crate) fn copy_read_only(from: &Event, to: &mut Event) {
    to.uid = from.uid.clone().or_else(|| to.uid.take());
    to.organizer.clone_from(&from.organizer);
    to.online_meeting.clone_from(&from.online_meeting);
    to.attachments.clone_from(&from.attachments);
    to.sequence = from.sequence;
    to.created = from.created;
    to.updated = from.updated;
    for (address, attendee) in &mut to.attendees {
        if let Some(known) = from.attendees.get(address) {
            attendee.participation = known.participation;
        }
    }
}

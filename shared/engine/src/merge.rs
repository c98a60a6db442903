//! The three-way merge, property by property, against the last common state (N3).

mod sides;

use std::collections::BTreeSet;

use tidemark_model::{CopyRole, Event, Property, PropertyValue};

use crate::decision::{Loser, LoserValue};
use crate::input::Side;
use crate::reason::Reason;
use crate::series::has_occurrence;
use crate::settle::copy_read_only;

use self::sides::Say;
pub(crate) use self::sides::Sides;

/// What a merge found.
pub(crate) struct Merged {
    /// What is to be in Exchange.
    pub(crate) target: Event,
    /// What the business system is to know.
    pub(crate) business: Event,
    /// Properties that the target changes.
    pub(crate) written: Vec<Property>,
    /// Properties in which the business system learns something.
    pub(crate) told: Vec<Property>,
    /// Of those, the ones that only Exchange changed.
    pub(crate) taken: Vec<Property>,
    pub(crate) losers: Vec<Loser>,
    pub(crate) reasons: Vec<Reason>,
    /// Whether anything has to be remembered anew.
    pub(crate) changed: bool,
}

/// Merges both sides.
pub(crate) fn merge(sides: &Sides<'_>) -> Merged {
    let mut merged = Merged {
        target: sides.remote.clone(),
        business: sides.base.map_or(sides.remote, |base| &base.business).clone(),
        written: Vec::new(),
        told: Vec::new(),
        taken: Vec::new(),
        losers: Vec::new(),
        reasons: Vec::new(),
        changed: sides.base.is_none() || sides.unfinished.is_some(),
    };
    for property in sides.properties() {
        let say = sides.decide(property);
        merged.apply(sides, property, say);
    }
    merged.drop_vanished(sides);
    merged.read_only(sides);
    if sides.unfinished.is_some() && !merged.written.is_empty() {
        merged.reasons.push(Reason::Continued);
    }
    merged
}

impl Merged {
    fn apply(&mut self, sides: &Sides<'_>, property: Property, say: Say) {
        let opinion = sides.opinion(property);
        match (say, opinion) {
            (Say::Nobody, _) | (Say::Business | Say::Agreed | Say::Conflict(_), None) => {}
            (Say::Continue, _) => self.carry_on(sides, property),
            (Say::Exchange, _) => self.take_exchange(sides, property),
            (Say::Business, Some(value)) => self.take_business(sides, value),
            (Say::Restore, _) => self.restore(sides, property),
            (Say::Agreed, Some(value)) => {
                self.changed = true;
                self.keep_in_exchange(sides, &value);
                self.business.apply(value);
                if sides.base.is_some() {
                    self.reason(Reason::SameChange);
                }
            }
            (Say::Conflict(winner), Some(value)) => {
                self.reason(Reason::Conflict { property, winner });
                let lost = match winner {
                    Side::Exchange => value.clone(),
                    Side::Business => sides.theirs(property),
                };
                self.lose(winner.other(), lost);
                match winner {
                    Side::Exchange => {
                        let value = sides.theirs(property);
                        self.changed = true;
                        self.keep_in_exchange(sides, &value);
                        self.business.apply(value);
                        self.told.push(property);
                    }
                    Side::Business => self.take_business(sides, value),
                }
            }
        }
    }

    fn carry_on(&mut self, sides: &Sides<'_>, property: Property) {
        if let Some(target) = sides.unfinished.map(|begun| &begun.target) {
            self.target.apply(target.value(property));
            self.written.push(property);
        }
    }

    /// Puts back an override of a series that stays where the business system wants it.
    fn restore(&mut self, sides: &Sides<'_>, property: Property) {
        if let Some(base) = sides.base {
            self.changed = true;
            self.keep_in_exchange(sides, &base.business.value(property));
        }
    }

    /// Sees to it that Exchange holds a value, by a write if it does not yet.
    fn keep_in_exchange(&mut self, sides: &Sides<'_>, value: &PropertyValue) {
        let property = value.property();
        if !sides.holds(property, value) {
            self.written.push(property);
            self.target.apply(value.clone());
        }
    }

    fn take_exchange(&mut self, sides: &Sides<'_>, property: Property) {
        if sides.base.is_some() {
            self.reason(Reason::ExchangeChanged);
        }
        self.changed = true;
        let value = sides.theirs(property);
        self.keep_in_exchange(sides, &value);
        if sides.to_business {
            let plain = Event::new(sides.remote.schedule.clone());
            if sides.base.is_some() || !value.same(&plain.value(property)) {
                self.told.push(property);
                self.taken.push(property);
            }
            self.business.apply(value);
        }
    }

    fn take_business(&mut self, sides: &Sides<'_>, value: PropertyValue) {
        self.changed = true;
        let property = value.property();
        let forbidden = sides.role == CopyRole::Attendee && property != Property::MyParticipation;
        if forbidden {
            self.lose(Side::Business, value);
            self.reason(Reason::AttendeeCopy);
            return;
        }
        self.reason(Reason::BusinessChanged);
        self.keep_in_exchange(sides, &value);
        self.business.apply(value);
    }

    /// Overrides of occurrences that the merged rule no longer has cannot be written.
    fn drop_vanished(&mut self, sides: &Sides<'_>) {
        let moved = self.written.contains(&Property::Schedule)
            || sides.exchange_changed(Property::Schedule)
            || sides.unfinished.is_some();
        let (times, rule) = (self.target.schedule.clone(), self.target.recurrence.clone());
        let vanished: BTreeSet<_> = self
            .target
            .overrides
            .keys()
            .chain(self.business.overrides.keys())
            .filter(|id| moved || self.written.contains(&Property::Override(**id)))
            .filter(|id| !has_occurrence(&times, rule.as_ref(), **id))
            .copied()
            .collect();
        for id in vanished {
            let property = Property::Override(id);
            let theirs = sides.theirs(property);
            let lost_theirs = sides.exchange_changed(property) && !sides.is_side_effect(property);
            if let Some(value) = sides.intake.patch.get(property)
                && self.written.contains(&property)
                && self.target.value(property).same(value)
                && !(lost_theirs && theirs.same(value))
            {
                self.lose(Side::Business, value.clone());
            }
            if lost_theirs {
                self.lose(Side::Exchange, theirs);
            }
            self.target.overrides.remove(&id);
            self.business.overrides.remove(&id);
            self.written.retain(|one| *one != property);
            if sides.remote.overrides.contains_key(&id) {
                self.written.push(property);
            }
            self.told.retain(|one| *one != property);
            self.taken.retain(|one| *one != property);
            self.reason(Reason::OccurrenceVanished);
        }
    }

    /// Answers, attachments and the like are told, though nobody merges them.
    fn read_only(&mut self, sides: &Sides<'_>) {
        if !sides.to_business {
            return;
        }
        copy_read_only(sides.remote, &mut self.business);
        let Some(base) = sides.base else { return };
        let (old, new) = (&base.exchange, sides.remote);
        let answered = old.attendees.iter().any(|(address, before)| {
            new.attendees
                .get(address)
                .is_some_and(|after| after.participation != before.participation)
        });
        let names = |event: &Event| -> Vec<(String, Option<u64>)> {
            let parts = event.attachments.iter();
            parts.map(|one| (one.name.clone(), one.size_bytes)).collect()
        };
        let other = old.online_meeting != new.online_meeting
            || old.organizer != new.organizer
            // An item that could not be read back after its create has no UID in the base yet.
            || old.uid != new.uid
            || names(old) != names(new);
        if answered || other {
            self.changed = true;
            self.reason(Reason::ReadOnlyChanged);
            if answered && !self.told.contains(&Property::Attendees) {
                self.told.push(Property::Attendees);
                // A list that waits to be written must be seen as a conflict again.
                if !self.written.contains(&Property::Attendees) {
                    self.taken.push(Property::Attendees);
                }
            }
        }
    }

    fn lose(&mut self, side: Side, value: PropertyValue) {
        let loser = Loser { side, value: LoserValue::Property(value) };
        if !self.losers.contains(&loser) {
            self.losers.push(loser);
        }
    }

    fn reason(&mut self, reason: Reason) {
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }
}

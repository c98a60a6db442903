//! The three-way merge, property by property, against the last common state (N3).

use std::collections::BTreeSet;

use tidemark_model::{CopyRole, Event, Property, PropertyValue};

use crate::decision::{Loser, LoserValue};
use crate::input::{Base, Side};
use crate::intake::Intake;
use crate::profile::{ConflictPolicy, Owner, Profile};
use crate::reason::Reason;
use crate::sameness::{FIXED, holds, same};
use crate::series::has_occurrence;
use crate::settle::copy_read_only;

/// What a merge looks at.
pub(crate) struct Sides<'a> {
    pub(crate) base: Option<&'a Base>,
    pub(crate) remote: &'a Event,
    pub(crate) role: CopyRole,
    pub(crate) intake: &'a Intake,
    /// Target of a write that was cut off.
    pub(crate) unfinished: Option<&'a Event>,
    pub(crate) profile: &'a Profile,
    /// Whether what Exchange changed reaches the business system.
    pub(crate) to_business: bool,
}

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

/// Who has the say over one property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Say {
    Nobody,
    Exchange,
    Business,
    Agreed,
    Conflict(Side),
    /// A write of ours that is to be carried on.
    Continue,
}

/// Merges both sides.
pub(crate) fn merge(sides: &Sides<'_>) -> Merged {
    let mut merged = Merged {
        target: sides.remote.clone(),
        business: sides
            .base
            .map_or(sides.remote, |base| &base.business)
            .clone(),
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

impl Sides<'_> {
    /// Whether a person changed anything in Exchange since the base.
    pub(crate) fn exchange_edited(&self) -> bool {
        self.properties()
            .into_iter()
            .any(|property| self.exchange_changed(property))
    }

    fn properties(&self) -> Vec<Property> {
        let events = [
            Some(self.remote),
            self.base.map(|base| &base.exchange),
            self.base.map(|base| &base.business),
            self.unfinished,
        ];
        let mut all: BTreeSet<Property> = FIXED.into_iter().collect();
        for event in events.into_iter().flatten() {
            all.extend(event.overrides.keys().map(|id| Property::Override(*id)));
        }
        all.extend(self.intake.patch.values().map(PropertyValue::property));
        all.into_iter().collect()
    }

    fn decide(&self, property: Property) -> Say {
        let remote = self.remote.value(property);
        let opinion = self.opinion(property);
        let Some(base) = self.base else {
            return match opinion {
                None => Say::Exchange,
                Some(value) if holds(&remote, &value) => Say::Agreed,
                Some(_) => Say::Conflict(self.winner(property)),
            };
        };
        let exchange = self.exchange_changed(property);
        let stated = opinion.filter(|value| {
            !same(value, &base.business.value(property)) || self.began(property, base)
        });
        match (exchange, stated) {
            (false, None) if self.is_cut_off(property) => Say::Continue,
            (false, None) => Say::Nobody,
            (true, None) => Say::Exchange,
            (false, Some(_)) => Say::Business,
            (true, Some(value)) if holds(&remote, &value) => Say::Agreed,
            (true, Some(_)) if self.is_side_effect(property, base) => Say::Business,
            (true, Some(_)) => Say::Conflict(self.winner(property)),
        }
    }

    /// On an own copy there is no answer to give; elsewhere every opinion counts.
    fn opinion(&self, property: Property) -> Option<PropertyValue> {
        let own = self.role != CopyRole::Attendee;
        if own && property == Property::MyParticipation {
            return None;
        }
        self.intake.opinion(property)
    }

    fn exchange_changed(&self, property: Property) -> bool {
        let Some(base) = self.base else { return false };
        let remote = self.remote.value(property);
        if same(&remote, &base.exchange.value(property)) {
            return false;
        }
        match self.unfinished {
            Some(target) => {
                !holds(&remote, &target.value(property)) && !self.dropped_by_us(property, target)
            }
            None => true,
        }
    }

    /// Whether an override is missing because we wrote the series and had not yet written it again.
    fn dropped_by_us(&self, property: Property, target: &Event) -> bool {
        let Property::Override(id) = property else {
            return false;
        };
        !self.remote.overrides.contains_key(&id)
            && holds(
                &self.remote.value(Property::Schedule),
                &target.value(Property::Schedule),
            )
    }

    /// Whether our cut-off write was about to change this property.
    fn began(&self, property: Property, base: &Base) -> bool {
        self.unfinished
            .is_some_and(|target| !same(&target.value(property), &base.exchange.value(property)))
    }

    fn is_cut_off(&self, property: Property) -> bool {
        self.unfinished
            .is_some_and(|target| !holds(&self.remote.value(property), &target.value(property)))
    }

    /// Whether Exchange dropped an override by itself, since a person moved the series.
    fn is_side_effect(&self, property: Property, base: &Base) -> bool {
        let Property::Override(id) = property else {
            return false;
        };
        !self.remote.overrides.contains_key(&id)
            && base.exchange.overrides.contains_key(&id)
            && self.exchange_changed(Property::Schedule)
    }

    fn winner(&self, property: Property) -> Side {
        let hidden = self.profile.no_private && self.remote.privacy.hides_details();
        let invited = self.role == CopyRole::Attendee && property != Property::MyParticipation;
        if invited || (hidden && property == Property::Privacy) {
            return Side::Exchange;
        }
        // Of a private item nothing is remembered, so what the business system sends is its wish.
        if !self.to_business || (hidden && self.base.is_none()) {
            return Side::Business;
        }
        match self.profile.owner(property) {
            Owner::Exchange => Side::Exchange,
            Owner::Business => Side::Business,
            Owner::Both => match self.profile.conflicts {
                ConflictPolicy::ExchangeWins => Side::Exchange,
                ConflictPolicy::BusinessWins => Side::Business,
                ConflictPolicy::LatestWins => {
                    match (self.remote.updated, self.intake.stated_at(property)) {
                        (Some(remote), Some(stated)) if stated > remote => Side::Business,
                        _ => Side::Exchange,
                    }
                }
            },
        }
    }
}

impl Merged {
    fn apply(&mut self, sides: &Sides<'_>, property: Property, say: Say) {
        let opinion = sides.opinion(property);
        match (say, opinion) {
            (Say::Nobody, _) | (Say::Business | Say::Agreed | Say::Conflict(_), None) => {}
            (Say::Continue, _) => self.carry_on(sides, property),
            (Say::Exchange, _) => self.take_exchange(sides, property),
            (Say::Business, Some(value)) => self.take_business(sides, value),
            (Say::Agreed, Some(value)) => {
                self.changed = true;
                self.business.apply(value);
                if sides.base.is_some() {
                    self.reason(Reason::SameChange);
                }
            }
            (Say::Conflict(winner), Some(value)) => {
                self.reason(Reason::Conflict { property, winner });
                let lost = match winner {
                    Side::Exchange => value.clone(),
                    Side::Business => sides.remote.value(property),
                };
                self.losers.push(Loser {
                    side: winner.other(),
                    value: LoserValue::Property(lost),
                });
                match winner {
                    Side::Exchange => {
                        self.changed = true;
                        self.business.apply(sides.remote.value(property));
                        self.told.push(property);
                    }
                    Side::Business => self.take_business(sides, value),
                }
            }
        }
    }

    fn carry_on(&mut self, sides: &Sides<'_>, property: Property) {
        if let Some(target) = sides.unfinished {
            self.target.apply(target.value(property));
            self.written.push(property);
        }
    }

    fn take_exchange(&mut self, sides: &Sides<'_>, property: Property) {
        if sides.base.is_some() {
            self.reason(Reason::ExchangeChanged);
        }
        self.changed = true;
        if sides.to_business {
            let value = sides.remote.value(property);
            let plain = Event::new(sides.remote.schedule.clone());
            if sides.base.is_some() || !same(&value, &plain.value(property)) {
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
            self.losers.push(Loser {
                side: Side::Business,
                value: LoserValue::Property(value),
            });
            self.reason(Reason::AttendeeCopy);
            return;
        }
        self.reason(Reason::BusinessChanged);
        if !holds(&sides.remote.value(property), &value) {
            self.written.push(property);
            self.target.apply(value.clone());
        }
        self.business.apply(value);
    }

    /// Overrides of occurrences that the merged rule no longer has cannot be written.
    fn drop_vanished(&mut self, sides: &Sides<'_>) {
        let schedule = self.target.value(Property::Schedule);
        let touched = !same(&schedule, &sides.remote.value(Property::Schedule))
            || sides.exchange_changed(Property::Schedule);
        if !touched {
            return;
        }
        let (times, rule) = (self.target.schedule.clone(), self.target.recurrence.clone());
        let vanished: BTreeSet<_> = self
            .target
            .overrides
            .keys()
            .chain(self.business.overrides.keys())
            .filter(|id| !has_occurrence(&times, rule.as_ref(), **id))
            .copied()
            .collect();
        for id in vanished {
            let property = Property::Override(id);
            if let Some(value) = sides.intake.patch.get(property)
                && self.written.contains(&property)
            {
                self.losers.push(Loser {
                    side: Side::Business,
                    value: LoserValue::Property(value.clone()),
                });
            }
            if sides.exchange_changed(property) {
                self.losers.push(Loser {
                    side: Side::Exchange,
                    value: LoserValue::Property(sides.remote.value(property)),
                });
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
            parts
                .map(|one| (one.name.clone(), one.size_bytes))
                .collect()
        };
        let other = old.online_meeting != new.online_meeting
            || old.organizer != new.organizer
            || names(old) != names(new);
        if answered || other {
            self.changed = true;
            self.reason(Reason::ReadOnlyChanged);
            if answered && !self.told.contains(&Property::Attendees) {
                self.told.push(Property::Attendees);
                self.taken.push(Property::Attendees);
            }
        }
    }

    fn reason(&mut self, reason: Reason) {
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }
}

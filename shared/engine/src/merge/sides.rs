//! What each side has to say of one property, and who has the say over it.

use std::collections::BTreeSet;

use tidemark_model::{CopyRole, Event, Property, PropertyValue, Zone};

use crate::input::{Base, Side, Unfinished};
use crate::intake::Intake;
use crate::profile::{ConflictPolicy, Owner, Profile};
use crate::sameness::{FIXED, holds};
use crate::series::has_occurrence;

/// What a merge looks at.
pub(crate) struct Sides<'a> {
    pub(crate) base: Option<&'a Base>,
    pub(crate) remote: &'a Event,
    pub(crate) role: CopyRole,
    pub(crate) intake: &'a Intake,
    /// A write that was cut off.
    pub(crate) unfinished: Option<&'a Unfinished>,
    pub(crate) profile: &'a Profile,
    /// The mailbox's zone, which Exchange binds floating times to.
    pub(crate) zone: &'a Zone,
    /// Whether what Exchange changed reaches the business system.
    pub(crate) to_business: bool,
}

/// Who has the say over one property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Say {
    Nobody,
    Exchange,
    Business,
    Agreed,
    Conflict(Side),
    /// A write of ours that is to be carried on.
    Continue,
    /// An override that Exchange dropped when the series was moved there, which does not stand.
    Restore,
}

impl Sides<'_> {
    /// Whether a person changed anything in Exchange since the base.
    pub(crate) fn exchange_edited(&self) -> bool {
        self.exchange_edits().next().is_some()
    }

    /// What people changed in Exchange since the base.
    pub(crate) fn exchange_edits(&self) -> impl Iterator<Item = Property> {
        self.properties().into_iter().filter(|property| self.exchange_changed(*property))
    }

    pub(super) fn properties(&self) -> BTreeSet<Property> {
        let events = [
            Some(self.remote),
            self.base.map(|base| &base.exchange),
            self.base.map(|base| &base.business),
            self.unfinished.map(|begun| &begun.target),
            self.seen(),
        ];
        let mut all: BTreeSet<Property> = FIXED.into_iter().collect();
        for event in events.into_iter().flatten() {
            all.extend(event.overrides.keys().map(|id| Property::Override(*id)));
        }
        all.extend(self.intake.patch.values().map(PropertyValue::property));
        all
    }

    pub(super) fn decide(&self, property: Property) -> Say {
        let opinion = self.opinion(property);
        let Some(base) = self.base else {
            return match opinion {
                None => Say::Exchange,
                Some(value) if self.holds(property, &value) => Say::Agreed,
                Some(_) => Say::Conflict(self.winner(property)),
            };
        };
        let stated = opinion.filter(|value| {
            let began = self.wrote(property);
            (began && (!self.was_to_vanish(property) || self.is_wanted_again(value)))
                || self.was_written_before(property)
                || !value.same(&base.business.value(property))
        });
        match (self.exchange_changed(property), stated) {
            (false, None) if self.is_cut_off(property) => Say::Continue,
            (false, None) => Say::Nobody,
            (true, None) if self.is_side_effect(property) && self.moves_series() => Say::Restore,
            (true, None) => Say::Exchange,
            (false, Some(_)) => Say::Business,
            (true, Some(value)) if holds(&self.theirs(property), &value, self.zone) => Say::Agreed,
            (true, Some(_)) if self.is_side_effect(property) => Say::Business,
            (true, Some(_)) => Say::Conflict(self.winner(property)),
        }
    }

    /// On an own copy there is no answer to give; elsewhere every opinion counts.
    pub(super) fn opinion(&self, property: Property) -> Option<PropertyValue> {
        let own = self.role != CopyRole::Attendee;
        if own && property == Property::MyParticipation {
            return None;
        }
        self.intake.opinion(property)
    }

    /// Whether Exchange holds this value now.
    pub(super) fn holds(&self, property: Property, value: &PropertyValue) -> bool {
        holds(&self.remote.value(property), value, self.zone)
    }

    /// What people made of a property in Exchange. Where our own cut-off write stands in its place,
    /// that is what was seen before it.
    pub(super) fn theirs(&self, property: Property) -> PropertyValue {
        match self.seen() {
            Some(seen) if self.is_ours(property) => seen.value(property),
            _ => self.remote.value(property),
        }
    }

    /// Whether people changed a property in Exchange since the base.
    pub(super) fn exchange_changed(&self, property: Property) -> bool {
        self.base.is_some_and(|base| {
            let differs = !self.theirs(property).same(&base.exchange.value(property));
            self.was_put_back(property) || (differs && !self.was_written_before(property))
        })
    }

    /// Whether Exchange shows what an earlier change of the business system said: a run wrote it and
    /// was cut off before it could say so. Series are written down before, occurrence by occurrence.
    fn was_written_before(&self, property: Property) -> bool {
        let is_override = matches!(property, Property::Override(_));
        let agreed = |base: &Base| self.remote.value(property).same(&base.exchange.value(property));
        !is_override
            && !self.base.is_some_and(agreed)
            && self.intake.superseded(property).any(|value| self.holds(property, value))
    }

    /// What our cut-off write started from.
    fn seen(&self) -> Option<&Event> {
        let begun = self.unfinished?;
        begun.seen.as_ref().or(self.base.map(|base| &base.exchange))
    }

    /// Whether our cut-off write was to change a property.
    fn wrote(&self, property: Property) -> bool {
        let (Some(begun), Some(seen)) = (self.unfinished, self.seen()) else {
            return false;
        };
        let wanted = begun.target.value(property);
        self.was_asked(property) && !holds(&seen.value(property), &wanted, self.zone)
    }

    /// Whether a difference may come from our cut-off write. Without what was seen, one that the
    /// business system did not ask for was a person's and already there.
    fn was_asked(&self, property: Property) -> bool {
        self.unfinished.is_some_and(|begun| begun.seen.is_some())
            || self.opinion(property).is_some()
    }

    /// Whether what Exchange shows comes from our cut-off write: the value that it wrote, or an
    /// override that went away with the series and was not written again yet.
    fn is_ours(&self, property: Property) -> bool {
        let Some(begun) = self.unfinished else {
            return false;
        };
        let target = &begun.target;
        let schedule = Property::Schedule;
        // What goes away with the series went away by somebody else where the series is not ours.
        let by_others =
            self.was_to_vanish(property) && !self.holds(schedule, &target.value(schedule));
        let value = self.remote.value(property);
        let written = self.seen().is_some_and(|seen| begun.has_written(&value, seen, self.zone));
        let written = written && self.was_asked(property) && !self.was_put_back(property);
        (written && !by_others) || self.was_dropped_by_us(property, target)
    }

    fn was_dropped_by_us(&self, property: Property, target: &Event) -> bool {
        let Property::Override(id) = property else {
            return false;
        };
        let schedule = Property::Schedule;
        let brought_back =
            self.unfinished.is_some_and(|begun| begun.has_brought_back(self.remote, self.zone));
        let rewritten = self.wrote(schedule) || self.is_create() || brought_back;
        rewritten
            && !self.remote.overrides.contains_key(&id)
            && self.holds(schedule, &target.value(schedule))
    }

    /// Whether our cut-off write was to take out an override whose occurrence goes away.
    fn was_to_vanish(&self, property: Property) -> bool {
        let (Property::Override(id), Some(begun)) = (property, self.unfinished) else {
            return false;
        };
        let target = &begun.target;
        !has_occurrence(&target.schedule, target.recurrence.as_ref(), id)
    }

    /// Whether the business system wants an override again, of an occurrence that its times have again.
    fn is_wanted_again(&self, value: &PropertyValue) -> bool {
        let PropertyValue::Override(id, Some(_)) = value else {
            return false;
        };
        matches!(
            self.opinion(Property::Schedule),
            Some(PropertyValue::Schedule(times, rule)) if has_occurrence(&times, rule.as_ref(), *id)
        )
    }

    fn is_create(&self) -> bool {
        let same_target = |begun: &Unfinished| {
            let base = self.base.map(|base| &base.exchange);
            begun.seen.is_none()
                && base.is_some_and(|base| {
                    holds(
                        &base.value(Property::Schedule),
                        &begun.target.value(Property::Schedule),
                        self.zone,
                    )
                })
        };
        self.unfinished.is_some_and(same_target)
    }

    /// Whether a person put a property back to what it was before our cut-off write. One request
    /// writes all of the series but its occurrences, so that one value that arrived proves the others,
    /// unless it was there before.
    fn was_put_back(&self, property: Property) -> bool {
        let Some(begun) = self.unfinished else {
            return false;
        };
        let stood = |value: &PropertyValue| {
            let shown = begun.shown.as_ref();
            shown.is_some_and(|shown| holds(&shown.value(value.property()), value, self.zone))
        };
        let arrived = |other: &Property| {
            let wanted = begun.target.value(*other);
            self.wrote(*other) && !stood(&wanted) && self.holds(*other, &wanted)
        };
        // An earlier attempt had changed it, and neither that value is there any more nor ours.
        let was_taken_out = || {
            let before = self.seen().map(|seen| seen.value(property));
            begun.shown.is_some()
                && before.is_some_and(|before| !stood(&before))
                && !stood(&self.remote.value(property))
        };
        is_of_master(property)
            && self.wrote(property)
            && !self.holds(property, &begun.target.value(property))
            && (was_taken_out() || FIXED.iter().filter(|one| is_of_master(**one)).any(arrived))
    }

    /// Whether something of our cut-off write is still to be written.
    fn is_cut_off(&self, property: Property) -> bool {
        self.unfinished.is_some_and(|begun| {
            let target = &begun.target;
            (self.wrote(property) || self.is_ours(property))
                && !self.holds(property, &target.value(property))
        })
    }

    /// Whether Exchange dropped an override by itself, since a person moved the series.
    pub(super) fn is_side_effect(&self, property: Property) -> bool {
        let Property::Override(id) = property else {
            return false;
        };
        let had = |base: &Base| base.exchange.overrides.contains_key(&id);
        matches!(self.theirs(property), PropertyValue::Override(_, None))
            && self.base.is_some_and(had)
            && self.exchange_changed(Property::Schedule)
    }

    /// Whether the business system's times stand against those of Exchange.
    fn moves_series(&self) -> bool {
        self.decide(Property::Schedule) == Say::Conflict(Side::Business)
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
                ConflictPolicy::LatestWins => self.latest(property),
            },
        }
    }

    /// Who changed a property later. Our own write counts as no change of theirs.
    fn latest(&self, property: Property) -> Side {
        let before_us = |seen: &&Event| seen.value(property).same(&self.theirs(property));
        let theirs = self
            .seen()
            .filter(|seen| before_us(seen) && !self.was_put_back(property))
            .unwrap_or(self.remote);
        match (theirs.updated, self.intake.stated_at(property)) {
            (Some(remote), Some(stated)) if stated > remote => Side::Business,
            _ => Side::Exchange,
        }
    }
}

/// Whether a property is written with the series itself.
const fn is_of_master(property: Property) -> bool {
    !matches!(property, Property::Override(_) | Property::MyParticipation)
}

//! The waiting changes of the business system, folded into one wish, with whose is what.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tidemark_model::{
    Event, EventPatch, EventStatus, Property, PropertyValue, Recurrence, Schedule,
};

use crate::decision::{Loser, LoserValue, Outcome, Verdict};
use crate::input::{BusinessChange, BusinessOperation};
use crate::reason::RefusalCode;
use crate::sameness::FIXED;
use crate::series::has_occurrence;

/// What all waiting changes together want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Nothing,
    Upsert,
    Delete,
}

/// The waiting changes, applied to each other in order.
pub(crate) struct Intake {
    pub(crate) wish: Wish,
    pub(crate) patch: EventPatch,
    /// When the last one was accepted.
    pub(crate) accepted_at: Option<Timestamp>,
    /// Whether the wish to delete is a cancellation.
    pub(crate) cancelled: bool,
    /// Whether it is to be deleted and then made anew. A run that was cut off may have deleted it.
    pub(crate) anew: bool,
    /// What waiting changes said and later ones said otherwise. A run that was cut off may have
    /// written it: one request that mails nobody is not written down before.
    superseded: Vec<PropertyValue>,
    authors: BTreeMap<Property, (u64, Timestamp)>,
    live: Vec<u64>,
    refused: BTreeMap<u64, RefusalCode>,
}

impl Intake {
    pub(crate) fn read(changes: &[BusinessChange]) -> Self {
        let mut intake = Self {
            wish: Wish::Nothing,
            patch: EventPatch::new(),
            accepted_at: None,
            cancelled: false,
            anew: false,
            superseded: Vec::new(),
            authors: BTreeMap::new(),
            live: Vec::new(),
            refused: BTreeMap::new(),
        };
        let mut fresh = false;
        for change in changes {
            if change.if_match_failed {
                intake.refused.insert(change.number, RefusalCode::IfMatchFailed);
                continue;
            }
            intake.live.push(change.number);
            intake.accepted_at = Some(change.accepted_at);
            match &change.change {
                BusinessOperation::Upsert(patch) => {
                    fresh |= intake.wish == Wish::Delete;
                    intake.wish = Wish::Upsert;
                    intake.add(patch, change);
                    if fresh {
                        intake.forget_the_rest();
                    }
                }
                BusinessOperation::Delete => {
                    intake.wish = Wish::Delete;
                    let said = core::mem::take(&mut intake.patch);
                    intake.superseded.extend(said.values().cloned());
                    intake.authors.clear();
                }
            }
        }
        if intake.patch.get(Property::Status)
            == Some(&PropertyValue::Status(EventStatus::Cancelled))
        {
            intake.wish = Wish::Delete;
            intake.cancelled = true;
        }
        intake.anew = fresh && intake.wish == Wish::Upsert;
        intake
    }

    /// Takes a cancellation for an ordinary value, where the item is known to be cancelled already:
    /// to state that again is no wish to delete it.
    pub(crate) fn restate_cancelled(&mut self) {
        if self.cancelled {
            self.cancelled = false;
            self.wish = Wish::Upsert;
        }
    }

    /// The same for a delete: nothing is wanted of any property any more, and what was said before
    /// may stand in Exchange.
    pub(crate) fn without_opinions(&self) -> Self {
        let mut intake = Self::read(&[]);
        intake.superseded = self.superseded.iter().chain(self.patch.values()).cloned().collect();
        intake
    }

    /// The values that a waiting change gave a property before another one said otherwise.
    pub(crate) fn superseded(&self, property: Property) -> impl Iterator<Item = &PropertyValue> {
        self.superseded.iter().filter(move |value| value.property() == property)
    }

    /// Whether any change is still to be decided.
    pub(crate) fn is_live(&self) -> bool {
        !self.live.is_empty()
    }

    /// Refuses every change that is still to be decided.
    pub(crate) fn refuse(&mut self, code: RefusalCode) {
        for number in self.live.drain(..) {
            self.refused.insert(number, code);
        }
        self.wish = Wish::Nothing;
        self.patch = EventPatch::new();
    }

    /// When the opinion on a property was accepted.
    pub(crate) fn stated_at(&self, property: Property) -> Option<Timestamp> {
        self.authors.get(&property).map(|(_, at)| *at).or(self.accepted_at)
    }

    /// What is said of one property; a complete list of overrides speaks of the absent ones too.
    pub(crate) fn opinion(&self, property: Property) -> Option<PropertyValue> {
        match (self.patch.get(property), property) {
            (Some(value), _) => Some(value.clone()),
            (None, Property::Override(id)) if self.patch.overrides_complete => {
                Some(PropertyValue::Override(id, None))
            }
            (None, _) => None,
        }
    }

    /// One outcome per change, in order; losers go to the change that they concern.
    pub(crate) fn outcomes(&self, losers: &[Loser], held: bool) -> Vec<Outcome> {
        let mut verdicts: BTreeMap<u64, Verdict> =
            self.refused.iter().map(|(number, code)| (*number, Verdict::refused(*code))).collect();
        for number in &self.live {
            let own: Vec<Loser> = losers
                .iter()
                .filter(|loser| self.author(loser) == Some(*number))
                .cloned()
                .collect();
            let verdict = if held {
                Verdict::Held
            } else if own.is_empty() {
                Verdict::Applied
            } else {
                Verdict::Conflict { losers: own }
            };
            verdicts.insert(*number, verdict);
        }
        verdicts.into_iter().map(|(number, verdict)| Outcome { number, verdict }).collect()
    }

    fn author(&self, loser: &Loser) -> Option<u64> {
        let known = match &loser.value {
            LoserValue::Property(value) => {
                self.authors.get(&value.property()).map(|(number, _)| *number)
            }
            LoserValue::Delete => None,
        };
        known.or(self.live.last().copied())
    }

    fn add(&mut self, patch: &EventPatch, change: &BusinessChange) {
        if patch.overrides_complete {
            self.drop_overrides();
        }
        if let Some(PropertyValue::Schedule(schedule, rule)) = patch.get(Property::Schedule) {
            self.drop_vanished(schedule, rule.as_ref());
        }
        if patch.uid.is_some() {
            self.patch.uid.clone_from(&patch.uid);
        }
        for value in patch.values() {
            self.superseded.extend(self.patch.get(value.property()).cloned());
            self.authors.insert(value.property(), (change.number, change.accepted_at));
            self.patch.set(value.clone());
        }
    }

    /// A complete list of overrides replaces what was said of single ones before.
    fn drop_overrides(&mut self) {
        self.keep(|value| !matches!(value, PropertyValue::Override(..)));
        self.patch.overrides_complete = true;
    }

    /// Whoever moves a series gives up what he said before of occurrences that it has no more: to him
    /// that is no loss.
    fn drop_vanished(&mut self, schedule: &Schedule, rule: Option<&Recurrence>) {
        let is_vanished = |value: &PropertyValue| matches!(value, PropertyValue::Override(id, _) if !has_occurrence(schedule, rule, *id));
        let vanished: Vec<_> =
            self.patch.values().filter(|value| is_vanished(value)).cloned().collect();
        self.keep(|value| !is_vanished(value));
        self.superseded.extend(vanished);
    }

    fn keep(&mut self, stays: impl Fn(&PropertyValue) -> bool) {
        let mut rest = EventPatch::new();
        rest.uid.clone_from(&self.patch.uid);
        rest.overrides_complete = self.patch.overrides_complete;
        for value in self.patch.values().filter(|value| stays(value)) {
            rest.set(value.clone());
        }
        self.patch = rest;
    }

    /// After a delete, what is sent again is the whole item: what it does not say is cleared.
    fn forget_the_rest(&mut self) {
        let Some(PropertyValue::Schedule(schedule, _)) = self.patch.get(Property::Schedule) else {
            return;
        };
        let empty = Event::new(schedule.clone());
        self.patch.overrides_complete = true;
        for property in FIXED {
            if property != Property::MyParticipation && self.patch.get(property).is_none() {
                self.patch.set(empty.value(property));
            }
        }
    }
}

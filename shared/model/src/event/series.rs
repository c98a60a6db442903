//! Series and their occurrences: what each is once the overrides are applied.

use jiff::{Timestamp, ToSpan};

use super::Event;
use crate::recurrence::{OccurrencePatch, Override, RecurrenceId};
use crate::schedule::Schedule;
use crate::zone::Zone;

/// Something that takes place: a single event or one occurrence of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Which occurrence of a series it is; none for a single event.
    pub recurrence_id: Option<RecurrenceId>,
    /// The event itself, without rule and overrides.
    pub event: Event,
}

impl Event {
    /// One occurrence as an event of its own, without rule and overrides.
    ///
    /// None if the rule does not give it, if it was taken out, and for single events.
    pub fn occurrence(&self, id: RecurrenceId) -> Option<Self> {
        let rule = self.recurrence.as_ref()?;
        if !rule.is_occurrence(self.schedule.start(), id) {
            return None;
        }
        let mut occurrence = self.unpatched(id);
        match self.overrides.get(&id) {
            Some(Override::Excluded) => return None,
            Some(Override::Changed(patch)) => patch.apply_to(&mut occurrence),
            None => {}
        }
        Some(occurrence)
    }

    /// What takes place in a window, `until` not included, by start and original start; at most
    /// `max` of them, the earliest. Whole days and floating times are taken in `fallback`.
    ///
    /// Something without duration counts if it starts in the window.
    pub fn instances(
        &self,
        from: Timestamp,
        until: Timestamp,
        fallback: &Zone,
        max: usize,
    ) -> Vec<Instance> {
        if self.recurrence.is_none() {
            let times = self.schedule.instants(fallback);
            return (overlaps(times, from, until) && max > 0)
                .then(|| Instance { recurrence_id: None, event: self.clone() })
                .into_iter()
                .collect();
        }
        let mut found: Vec<_> = self
            .unmoved_in(from, until, fallback)
            .take(max)
            .chain(self.moved_in(from, until, fallback))
            .collect();
        found.sort_unstable();
        found
            .into_iter()
            .take(max)
            .filter_map(|(_, id)| {
                Some(Instance { recurrence_id: Some(id), event: self.occurrence(id)? })
            })
            .collect()
    }

    /// When the last of it is over; none for an endless series. Whole days and floating times are
    /// taken in `fallback`. A series without any occurrence left ends like its event.
    pub fn last_end(&self, fallback: &Zone) -> Option<Timestamp> {
        let own_end = self.schedule.instants(fallback).1;
        let Some(rule) = &self.recurrence else {
            return Some(own_end);
        };
        let first = self.schedule.start();
        if matches!(rule.range, crate::recurrence::Range::NoEnd) {
            return None;
        }
        let moved_end = self.moved().map(|(_, schedule)| schedule.instants(fallback).1);
        let last = rule.last_start(first).and_then(|id| rule.index_of(first, id));
        // Every step back passes an override, so there are no more steps than overrides.
        let unmoved_end = (1..=last.unwrap_or(0))
            .rev()
            .filter_map(|index| rule.nth_start(first, index))
            .find(|id| !self.is_moved_or_excluded(*id))
            .map(|id| self.schedule.moved_to(id.start()).instants(fallback).1);
        Some(moved_end.chain(unmoved_end).max().unwrap_or(own_end))
    }

    /// The series at one of its starts, as the rule alone gives it.
    fn unpatched(&self, id: RecurrenceId) -> Self {
        Self {
            schedule: self.schedule.moved_to(id.start()),
            recurrence: None,
            overrides: std::collections::BTreeMap::new(),
            ..self.clone()
        }
    }

    /// Occurrences in the window that take place where the rule puts them, in order.
    fn unmoved_in(
        &self,
        from: Timestamp,
        until: Timestamp,
        fallback: &Zone,
    ) -> impl Iterator<Item = (Timestamp, RecurrenceId)> {
        let first = self.schedule.start();
        let (start, end) = self.schedule.instants(fallback);
        let length = start.duration_until(end);
        let zone = self.schedule.zone().unwrap_or(fallback);
        // Two days are more than any change of offset moves a start.
        let earliest =
            zone.to_civil(from.saturating_sub(length).unwrap_or(from)).saturating_sub(2.days());
        let latest = zone.to_civil(until).saturating_add(2.days());
        self.recurrence
            .iter()
            .flat_map(move |rule| rule.starts_from(first, earliest.date()))
            .take_while(move |id| id.start() <= latest)
            .filter(|id| !self.is_moved_or_excluded(*id))
            .filter_map(move |id| {
                let times = self.schedule.moved_to(id.start()).instants(fallback);
                overlaps(times, from, until).then_some((times.0, id))
            })
    }

    /// Moved occurrences that lie in the window now.
    fn moved_in(
        &self,
        from: Timestamp,
        until: Timestamp,
        fallback: &Zone,
    ) -> impl Iterator<Item = (Timestamp, RecurrenceId)> {
        self.moved().filter_map(move |(id, schedule)| {
            let times = schedule.instants(fallback);
            overlaps(times, from, until).then_some((times.0, id))
        })
    }

    /// Occurrences with a time of their own.
    fn moved(&self) -> impl Iterator<Item = (RecurrenceId, &Schedule)> {
        let first = self.schedule.start();
        self.overrides
            .iter()
            .filter_map(|(id, change)| Some((*id, moved_schedule(change)?)))
            .filter(move |(id, _)| {
                self.recurrence.as_ref().is_some_and(|rule| rule.is_occurrence(first, *id))
            })
    }

    fn is_moved_or_excluded(&self, id: RecurrenceId) -> bool {
        self.overrides.get(&id).is_some_and(|change| {
            matches!(change, Override::Excluded) || moved_schedule(change).is_some()
        })
    }
}

fn moved_schedule(change: &Override) -> Option<&Schedule> {
    match change {
        Override::Excluded => None,
        Override::Changed(patch) => patch.schedule.as_ref(),
    }
}

fn overlaps((start, end): (Timestamp, Timestamp), from: Timestamp, until: Timestamp) -> bool {
    start < until && (end > from || start >= from)
}

impl OccurrencePatch {
    /// In what an occurrence differs from what the series gives it.
    ///
    /// Only what an exception can override is looked at: sensitivity, status and the rest of an
    /// occurrence are those of its series.
    pub fn between(series: &Event, id: RecurrenceId, occurrence: &Event) -> Self {
        fn differing<T: PartialEq + Clone>(series: &T, occurrence: &T) -> Option<T> {
            (series != occurrence).then(|| occurrence.clone())
        }
        Self {
            title: differing(&series.title, &occurrence.title),
            body: differing(&series.body, &occurrence.body),
            schedule: differing(&series.schedule.moved_to(id.start()), &occurrence.schedule),
            location: differing(&series.location, &occurrence.location),
            show_as: differing(&series.show_as, &occurrence.show_as),
            reminder_minutes: differing(&series.reminder_minutes, &occurrence.reminder_minutes),
            categories: differing(&series.categories, &occurrence.categories),
            attendees: differing(&series.attendees, &occurrence.attendees),
            priority: differing(&series.priority, &occurrence.priority),
        }
    }

    /// Makes an occurrence out of what the series gives it: the inverse of
    /// [`OccurrencePatch::between`].
    pub fn apply_to(&self, occurrence: &mut Event) {
        fn replace<T: Clone>(target: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                target.clone_from(value);
            }
        }
        replace(&mut occurrence.title, self.title.as_ref());
        replace(&mut occurrence.body, self.body.as_ref());
        replace(&mut occurrence.schedule, self.schedule.as_ref());
        replace(&mut occurrence.location, self.location.as_ref());
        replace(&mut occurrence.show_as, self.show_as.as_ref());
        replace(&mut occurrence.reminder_minutes, self.reminder_minutes.as_ref());
        replace(&mut occurrence.categories, self.categories.as_ref());
        replace(&mut occurrence.attendees, self.attendees.as_ref());
        replace(&mut occurrence.priority, self.priority.as_ref());
    }
}

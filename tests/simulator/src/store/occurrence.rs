//! Occurrences of a series: which there are, what each looks like, how one is written.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};

use super::{Appointment, Exception, OccurrenceState, StoreError, series};
use crate::windows_zone::{to_civil, to_instant};

/// One occurrence, as it looks after its exception.
#[derive(Clone)]
pub struct Occurrence {
    /// Civil start that the rule gave it, in the series' zone.
    pub original: DateTime,
    /// The same as an instant.
    pub original_start: Timestamp,
    /// Number in the rule, from 1; deleted ones keep theirs.
    pub index: usize,
    /// Whether it differs from the series.
    pub exception: bool,
    /// What it looks like; without a rule of its own.
    pub appointment: Appointment,
}

/// The first days of a rule, at most `count`.
pub fn first_days(rule: &tidemark_model::Recurrence, start: Date, count: usize) -> Vec<Date> {
    series::days(rule, start).take(count).collect()
}

impl Appointment {
    /// Civil start in the zone of the start.
    pub fn civil_start(&self) -> DateTime {
        to_civil(&self.start_zone, self.start)
    }

    /// How long it takes.
    pub fn duration(&self) -> SignedDuration {
        self.start.duration_until(self.end)
    }

    /// Original civil starts of all occurrences, deleted ones too.
    pub fn originals(&self) -> impl Iterator<Item = DateTime> + use<> {
        let start = self.civil_start();
        self.recurrence
            .as_ref()
            .map(|rule| series::days(rule, start.date()))
            .into_iter()
            .flatten()
            .map(move |day| day.to_datetime(start.time()))
    }

    /// Occurrences that are not deleted, by the order of the rule.
    pub fn occurrences_left(&self) -> impl Iterator<Item = Occurrence> {
        self.originals()
            .enumerate()
            .filter(|(_, original)| {
                self.occurrences.get(original) != Some(&OccurrenceState::Deleted)
            })
            .map(|(at, original)| self.seen(original, at.saturating_add(1)))
    }

    /// Occurrences that are not deleted and overlap a span of time, by the order of the rule. One
    /// of no length overlaps the instant at which it begins.
    pub fn occurrences_between(&self, from: Timestamp, to: Timestamp) -> Vec<Occurrence> {
        let mut found = Vec::new();
        for (at, original) in self.originals().enumerate() {
            let (start, end) = self.regular_times(original);
            let index = at.saturating_add(1);
            match self.occurrences.get(&original) {
                Some(OccurrenceState::Modified(_)) => {
                    let seen = self.seen(original, index);
                    if overlaps(seen.appointment.start, seen.appointment.end, from, to) {
                        found.push(seen);
                    }
                }
                // An exception may lie before its own day, an unchanged occurrence cannot.
                None if start >= to => break,
                None if overlaps(start, end, from, to) => found.push(self.seen(original, index)),
                Some(OccurrenceState::Deleted) | None => {}
            }
        }
        found
    }

    /// The occurrence with this original civil start.
    ///
    /// # Errors
    /// When the item is no series, the rule gives no such start, or it was deleted.
    pub fn occurrence(&self, original: DateTime) -> Result<Occurrence, StoreError> {
        if self.recurrence.is_none() {
            return Err(StoreError::NotRecurring);
        }
        let at = self
            .originals()
            .take_while(|start| *start <= original)
            .position(|start| start == original)
            .ok_or(StoreError::ItemNotFound)?;
        match self.occurrences.get(&original) {
            Some(OccurrenceState::Deleted) => Err(StoreError::OccurrenceDeleted),
            Some(OccurrenceState::Modified(_)) | None => {
                Ok(self.seen(original, at.saturating_add(1)))
            }
        }
    }

    /// The original civil start of the n-th occurrence, counted from 1 with the deleted ones.
    ///
    /// # Errors
    /// When the item is no series, or the rule has not so many, or that one was deleted.
    pub fn original_at(&self, index: usize) -> Result<DateTime, StoreError> {
        if self.recurrence.is_none() {
            return Err(StoreError::NotRecurring);
        }
        let original = index
            .checked_sub(1)
            .and_then(|before| self.originals().nth(before))
            .ok_or(StoreError::IndexOutOfRange)?;
        match self.occurrences.get(&original) {
            Some(OccurrenceState::Deleted) => Err(StoreError::OccurrenceDeleted),
            Some(OccurrenceState::Modified(_)) | None => Ok(original),
        }
    }

    /// Start and end of an unchanged occurrence.
    pub fn regular_times(&self, original: DateTime) -> (Timestamp, Timestamp) {
        let start = to_instant(&self.start_zone, original);
        if self.all_day {
            // Whole days are counted in dates: a day of 23 or 25 hours is one day all the same.
            let first = self.civil_start().date();
            let days = first.until(to_civil(&self.start_zone, self.end).date()).unwrap_or_default();
            let end = original.checked_add(days).unwrap_or(original);
            return (start, to_instant(&self.start_zone, end));
        }
        (start, start.saturating_add(self.duration()).unwrap_or(start))
    }

    fn seen(&self, original: DateTime, index: usize) -> Occurrence {
        let (start, end) = self.regular_times(original);
        let mut appointment = Self {
            start,
            end,
            recurrence: None,
            occurrences: std::collections::BTreeMap::new(),
            ..self.clone()
        };
        let exception = match self.occurrences.get(&original) {
            Some(OccurrenceState::Modified(exception)) => {
                exception.lay_over(&mut appointment);
                true
            }
            Some(OccurrenceState::Deleted) | None => false,
        };
        Occurrence { original, original_start: start, index, exception, appointment }
    }

    /// Whether an exception of `original` may start on `day`: it stays strictly between the days
    /// of its neighbours that are left.
    ///
    /// # Errors
    /// When it would reach one of them.
    pub fn check_boundaries(&self, original: DateTime, day: Date) -> Result<(), StoreError> {
        let (mut before, mut after) = (None, None);
        for neighbour in self.occurrences_left() {
            let on = to_civil(&self.start_zone, neighbour.appointment.start).date();
            if neighbour.original < original {
                before = Some(on);
            } else if neighbour.original > original {
                after = Some(on);
                break;
            }
        }
        let crosses = before.is_some_and(|on| day <= on) || after.is_some_and(|on| day >= on);
        if crosses { Err(StoreError::CrossesBoundary) } else { Ok(()) }
    }

    /// Whether no occurrence of the rule runs into the next one.
    ///
    /// # Errors
    /// When the rule names no day, or occurrences overlap.
    pub fn check_series(&self) -> Result<(), StoreError> {
        let starts: Vec<_> = self.originals().take(60).collect();
        if starts.is_empty() {
            return Err(StoreError::NoOccurrence);
        }
        let overlap = starts.windows(2).any(|pair| match pair {
            [one, next] => self.regular_times(*one).1 > to_instant(&self.start_zone, *next),
            _ => false,
        });
        if overlap { Err(StoreError::OccurrencesOverlap) } else { Ok(()) }
    }
}

impl Exception {
    /// Puts what differs over the series' values.
    fn lay_over(&self, onto: &mut Appointment) {
        if let Some((start, end)) = self.times {
            onto.start = start;
            onto.end = end;
        }
        put(&mut onto.all_day, self.all_day.as_ref());
        put(&mut onto.subject, self.subject.as_ref());
        put(&mut onto.body, self.body.as_ref());
        put(&mut onto.location, self.location.as_ref());
        put(&mut onto.show_as, self.show_as.as_ref());
        put(&mut onto.importance, self.importance.as_ref());
        put(&mut onto.categories, self.categories.as_ref());
        put(&mut onto.reminder_set, self.reminder_set.as_ref());
        put(&mut onto.reminder_minutes, self.reminder_minutes.as_ref());
        put(&mut onto.attendees, self.attendees.as_ref());
        put(&mut onto.my_response, self.my_response.as_ref());
        onto.cancelled |= self.cancelled;
        for (name, values) in &self.extended {
            match values {
                Some(values) => onto.extended.insert(name.clone(), values.clone()),
                None => onto.extended.remove(name),
            };
        }
    }

    /// What differs between a series' occurrence and how it shall look.
    pub(super) fn between(regular: &Appointment, wanted: &Appointment) -> Self {
        let mut extended = std::collections::BTreeMap::new();
        for (name, values) in &wanted.extended {
            if regular.extended.get(name) != Some(values) {
                extended.insert(name.clone(), Some(values.clone()));
            }
        }
        for name in regular.extended.keys() {
            if !wanted.extended.contains_key(name) {
                extended.insert(name.clone(), None);
            }
        }
        let times = (wanted.start, wanted.end);
        Self {
            times: ((regular.start, regular.end) != times).then_some(times),
            all_day: other(&regular.all_day, &wanted.all_day),
            subject: other(&regular.subject, &wanted.subject),
            body: other(&regular.body, &wanted.body),
            location: other(&regular.location, &wanted.location),
            show_as: other(&regular.show_as, &wanted.show_as),
            importance: other(&regular.importance, &wanted.importance),
            categories: other(&regular.categories, &wanted.categories),
            reminder_set: other(&regular.reminder_set, &wanted.reminder_set),
            reminder_minutes: other(&regular.reminder_minutes, &wanted.reminder_minutes),
            attendees: other(&regular.attendees, &wanted.attendees),
            my_response: other(&regular.my_response, &wanted.my_response),
            cancelled: wanted.cancelled && !regular.cancelled,
            extended,
        }
    }
}

/// Whether a time span touches another; the ends do not count.
pub fn overlaps(start: Timestamp, end: Timestamp, from: Timestamp, to: Timestamp) -> bool {
    start < to && (end > from || (start == end && start >= from))
}

fn put<T: Clone>(onto: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        onto.clone_from(value);
    }
}

fn other<T: Clone + PartialEq>(regular: &T, wanted: &T) -> Option<T> {
    (regular != wanted).then(|| wanted.clone())
}

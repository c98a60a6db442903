//! Calendar items as EWS shows them, and the events that they are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Time;
use tidemark_model::{
    CopyRole, Event, OccurrencePatch, Override, Recurrence, RecurrenceId, Schedule, Zone,
};

use super::answer::{WireError, item_reference, reference_of};
use super::property;
use super::tree::Node;
use super::{rule, stamp, time, zone};
use crate::ews::fault;
use crate::port::{ItemRead, RemoteEvent, RemoteId, RemoteRef, Stamp};

/// Most exceptions of one series that are read. Exchange holds some hundreds at most.
const EXCEPTIONS_MAX: usize = 2000;

/// An item as it came, without what hangs on the mailbox's zone.
pub(in crate::ews) struct GotItem {
    reference: RemoteRef,
    /// Everything but times; its schedule is replaced when the item is assembled.
    event: Event,
    role: CopyRole,
    stamp: Option<Stamp>,
    times: ItemTimes,
    rule: Option<Recurrence>,
    exceptions: Vec<(RemoteRef, Timestamp)>,
    deleted: Vec<Timestamp>,
}

struct ItemTimes {
    start: Timestamp,
    end: Timestamp,
    all_day: bool,
    zone: Option<Zone>,
    end_zone: Option<Zone>,
}

impl GotItem {
    /// Reads the item of one response message.
    pub(super) fn read(message: &Node) -> Result<Self, WireError> {
        let items = message.child("Items").into_iter().flat_map(Node::children);
        let item = items.into_iter().next();
        let item = item.ok_or(WireError::Item("there is no item in the answer"))?;
        if item.name() != "CalendarItem" {
            return Err(WireError::Item("the item is not an appointment"));
        }
        let reference = item_reference(item).ok_or(WireError::Item("the item has no id"))?;
        let times = ItemTimes::read(item)?;
        let is_series = item.text_of("CalendarItemType") == Some("RecurringMaster");
        let rule =
            match item.child("Recurrence").filter(|_| is_series) {
                Some(rule) => Some(rule::read(rule).ok_or(WireError::Item(
                    "the rule of the series is none that appointments have",
                ))?),
                None if is_series => return Err(WireError::Item("the series has no rule")),
                None => None,
            };
        let (event, role) = property::read(item, times.placeholder()?);
        Ok(Self {
            reference,
            event,
            role,
            stamp: stamp::read(item),
            times,
            rule,
            exceptions: read_exceptions(item)?,
            deleted: read_deleted(item)?,
        })
    }

    /// The exceptions of a series, to be read as well: what they say stands in themselves only.
    pub(in crate::ews) fn exception_ids(&self) -> Vec<RemoteId> {
        let ids = self.exceptions.iter().map(|(exception, _)| &exception.id);
        ids.cloned().collect()
    }

    /// The event with its exceptions, which come in the order of [`GotItem::exception_ids`].
    pub(in crate::ews) fn assemble(self, exceptions: Vec<Self>, mailbox_zone: &Zone) -> ItemRead {
        let zone = self.times.zone(mailbox_zone);
        let mut event = self.event;
        event.schedule = self.times.schedule(&zone).ok_or_else(unfit_times)?;
        event.recurrence = self.rule;
        let mut references = BTreeMap::new();
        for deleted in &self.deleted {
            if let Some(id) = occurrence_at(&event, *deleted, &zone) {
                event.overrides.insert(id, Override::Excluded);
            }
        }
        for ((reference, original), exception) in self.exceptions.into_iter().zip(exceptions) {
            let id = occurrence_at(&event, original, &zone).ok_or_else(unfit_times)?;
            let patch = exception.difference_from(&event, id, &zone).ok_or_else(unfit_times)?;
            references.insert(id, reference);
            if !patch.is_empty() {
                event.overrides.insert(id, Override::Changed(Box::new(patch)));
            }
        }
        Ok(RemoteEvent {
            reference: self.reference,
            event,
            stamp: self.stamp,
            role: self.role,
            exceptions: references,
        })
    }

    /// In what this exception differs from its series, which is in `zone`.
    fn difference_from(
        self,
        series: &Event,
        id: RecurrenceId,
        zone: &Zone,
    ) -> Option<OccurrencePatch> {
        let mut occurrence = self.event;
        let own = self.times.zone(zone);
        occurrence.schedule = self.times.schedule(&own)?;
        // Each occurrence collects answers of its own, which are no difference.
        let roles = |event: &Event| {
            let people = event.attendees.iter();
            people.map(|(address, attendee)| (address.clone(), attendee.role)).collect::<Vec<_>>()
        };
        if roles(series) == roles(&occurrence) {
            occurrence.attendees.clone_from(&series.attendees);
        }
        Some(OccurrencePatch::between(series, id, &occurrence))
    }
}

fn unfit_times() -> crate::error::MailboxError {
    fault::unreadable_item("its times make no sense")
}

impl ItemTimes {
    fn read(item: &Node) -> Result<Self, WireError> {
        let at = |name| {
            let text = item.text_of(name);
            let text = text.ok_or(WireError::Item("the item has no start or no end"))?;
            // The request asked for UTC, so a time without a zone is in it.
            time::instant(text, &Zone::utc()).ok_or(WireError::Item("a time is none"))
        };
        Ok(Self {
            start: at("Start")?,
            end: at("End")?,
            all_day: item.text_of("IsAllDayEvent") == Some("true"),
            zone: item.child("StartTimeZone").and_then(zone::read),
            end_zone: item.child("EndTimeZone").and_then(zone::read),
        })
    }

    /// The zone of the item. Windows has one word for many zones, so where the mailbox's zone is
    /// meant by it, it is that one (mapping.md 4).
    fn zone(&self, mailbox_zone: &Zone) -> Zone {
        match &self.zone {
            Some(zone) if !zone.same_class(mailbox_zone) => zone.clone(),
            Some(_) | None => mailbox_zone.clone(),
        }
    }

    fn schedule(&self, zone: &Zone) -> Option<Schedule> {
        let start = zone.to_civil(self.start);
        if self.all_day {
            let end = zone.to_civil(self.end);
            // Exchange ends whole days at midnight; seen from another zone they may not look so.
            let past = end.time() > Time::midnight() || end.date() == start.date();
            let end = if past { end.date().tomorrow().ok()? } else { end.date() };
            return Schedule::all_day(start.date(), end).ok();
        }
        let end_zone = self.end_zone.clone().filter(|end| !end.same_class(zone));
        let duration = self.start.duration_until(self.end);
        Schedule::timed(start, zone.clone(), duration, end_zone).ok()
    }

    /// The times in UTC, until the mailbox's zone is known.
    fn placeholder(&self) -> Result<Schedule, WireError> {
        let schedule = self.schedule(&Zone::utc());
        schedule.ok_or(WireError::Item("the item ends before it starts, or is too long"))
    }
}

/// The occurrence that the rule starts at an instant, or else on its day: Exchange has at most one
/// a day, and a start in the gap of a change of offset comes back moved (mapping.md 6).
fn occurrence_at(series: &Event, at: Timestamp, zone: &Zone) -> Option<RecurrenceId> {
    let rule = series.recurrence.as_ref()?;
    let first = series.schedule.start();
    let civil = zone.to_civil(at);
    let exact = RecurrenceId::new(civil);
    let on_its_day = RecurrenceId::new(civil.date().to_datetime(first.time()));
    [exact, on_its_day].into_iter().find(|id| rule.is_occurrence(first, *id))
}

fn read_exceptions(item: &Node) -> Result<Vec<(RemoteRef, Timestamp)>, WireError> {
    let list = item.child("ModifiedOccurrences");
    let list = list.into_iter().flat_map(Node::children);
    let read = |occurrence: &Node| {
        let id = reference_of(occurrence.child("ItemId")?)?;
        let start = occurrence.text_of("OriginalStart")?;
        Some((id, time::instant(start, &Zone::utc())?))
    };
    bounded(list.map(read))
}

fn read_deleted(item: &Node) -> Result<Vec<Timestamp>, WireError> {
    let list = item.child("DeletedOccurrences");
    let list = list.into_iter().flat_map(Node::children);
    bounded(list.map(|occurrence| time::instant(occurrence.text_of("Start")?, &Zone::utc())))
}

/// All of a list, or an error: what is missing would look as if somebody had taken it back.
fn bounded<T>(list: impl Iterator<Item = Option<T>>) -> Result<Vec<T>, WireError> {
    let unfit = WireError::Item("an exception of the series is incomplete, or there are too many");
    let list: Option<Vec<T>> = list.take(EXCEPTIONS_MAX.saturating_add(1)).collect();
    list.filter(|list| list.len() <= EXCEPTIONS_MAX).ok_or(unfit)
}

#[cfg(test)]
mod tests;

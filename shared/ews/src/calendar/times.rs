//! Start and end with their zones, read and written.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, ToSpan};
use tidemark_model::{Schedule, Zone};

use super::item::CalendarItem;
use super::read::{Read, ReadContext, ReadWarning, latest_end};
use super::write::{WriteContext, WriteError};
use crate::time::EwsTime;
use crate::zone::{WrittenZone, ZoneDefinition, zone_of_id};

/// Reads the schedule of an item, and the zone that it is bound to.
pub(super) fn read(
    item: &CalendarItem,
    context: &ReadContext,
    warnings: &mut Vec<ReadWarning>,
) -> Read {
    let start = item.start.as_ref().ok_or("it has no start")?;
    let end = item.end.as_ref().ok_or("it has no end")?;
    // Rules may change; those of the item's own time count.
    let about = start.instant(&context.zone);
    let territory = context.territory.as_deref();
    let named = |definition: Option<&ZoneDefinition>, id: Option<&str>| {
        let zone = definition
            .and_then(|definition| definition.zone_at(about, territory))
            .or_else(|| id.and_then(|id| zone_of_id(id, territory)))?;
        // Windows has one word for many zones: where it can mean the mailbox's own, it does
        // (mapping.md 4).
        Some(if zone.same_class(&context.zone) { context.zone.clone() } else { zone })
    };
    let own = named(item.start_zone.as_ref(), item.start_zone_id.as_deref());
    let says_zone = item.start_zone.is_some() || item.start_zone_id.is_some();
    if own.is_none() && says_zone {
        warnings.push(ReadWarning::UnknownZone);
    }
    let zone = own.unwrap_or_else(|| context.zone.clone());
    let end_zone = named(item.end_zone.as_ref(), item.end_zone_id.as_deref())
        .filter(|end_zone| !end_zone.same_class(&zone));
    let schedule = if item.all_day == Some(true) {
        let first = day(start, item.start_wall_clock.as_ref(), &zone, warnings);
        let last = day(end, item.end_wall_clock.as_ref(), &zone, warnings);
        all_day(first, last, warnings)
    } else {
        let start = start.instant(&zone);
        let end = end.instant(end_zone.as_ref().unwrap_or(&zone));
        timed(start, end, &zone, end_zone, warnings)
    };
    Ok((schedule.ok_or("its times are out of range")?, zone))
}

/// The date of a midnight in the item's own zone: an item made elsewhere begins at another hour
/// here, but on the same date (exchange-ews.md 7, mapping.md 4.6).
fn day(
    time: &EwsTime,
    wall_clock: Option<&EwsTime>,
    zone: &Zone,
    warnings: &mut Vec<ReadWarning>,
) -> Date {
    let civil = match (wall_clock, time.offset_seconds) {
        (Some(wall_clock), _) => wall_clock.civil,
        (None, None) => time.civil,
        (None, Some(_)) => zone.to_civil(time.instant(zone)),
    };
    if civil.time() == Time::midnight() {
        return civil.date();
    }
    warnings.push(ReadWarning::AllDayOffMidnight);
    nearest_midnight(civil)
}

fn nearest_midnight(civil: DateTime) -> Date {
    let noon = 12;
    if civil.hour() < noon { civil.date() } else { civil.date().saturating_add(1.day()) }
}

fn all_day(first: Date, last: Date, warnings: &mut Vec<ReadWarning>) -> Option<Schedule> {
    Schedule::all_day(first, last).ok().or_else(|| {
        warnings.push(ReadWarning::EndMoved);
        Schedule::all_day(first, first.saturating_add(1.day())).ok()
    })
}

fn timed(
    start: Timestamp,
    end: Timestamp,
    zone: &Zone,
    end_zone: Option<Zone>,
    warnings: &mut Vec<ReadWarning>,
) -> Option<Schedule> {
    let within = end.clamp(start, latest_end(start).max(start));
    if within != end {
        warnings.push(ReadWarning::EndMoved);
    }
    let duration: SignedDuration = start.duration_until(within);
    Schedule::timed(zone.to_civil(start), zone.clone(), duration, end_zone).ok()
}

/// Start and end as they are written.
pub(super) struct Times {
    pub(super) start: String,
    pub(super) end: String,
    pub(super) all_day: bool,
    pub(super) start_zone: WrittenZone,
    pub(super) end_zone: WrittenZone,
}

impl Times {
    /// The times of a schedule, as instants: they mean the same whatever zone the server has for the
    /// item while it takes the properties one after the other.
    ///
    /// A zone without a Windows id is written by its rules. A single event in a zone that no rules
    /// say is written in UTC: its instants are right. A series cannot be, as its occurrences would
    /// move with the seasons.
    pub(super) fn of(
        schedule: &Schedule,
        is_series: bool,
        context: WriteContext<'_>,
    ) -> Result<Self, WriteError> {
        let year = schedule.start().date().year();
        let own = schedule.zone().unwrap_or(context.zone);
        let start_zone = WrittenZone::of(own, year);
        let is_all_day = matches!(schedule, Schedule::AllDay(_));
        if start_zone.is_none() && is_series && !is_all_day {
            return Err(WriteError::Zone);
        }
        // Midnight has to be one in the zone that is written beside it.
        let bound = match start_zone {
            None if is_all_day => &Zone::utc(),
            Some(_) | None => context.zone,
        };
        let (start, end) = schedule.instants(bound);
        let start_zone = start_zone.unwrap_or(WrittenZone::UTC);
        let end_zone = match schedule {
            Schedule::Timed(timed) => timed.end_zone().map_or_else(
                || start_zone.clone(),
                |zone| WrittenZone::of(zone, year).unwrap_or(WrittenZone::UTC),
            ),
            Schedule::AllDay(_) | Schedule::Floating(_) => start_zone.clone(),
        };
        Ok(Self {
            start: start.to_string(),
            end: end.to_string(),
            all_day: is_all_day,
            start_zone,
            end_zone,
        })
    }
}

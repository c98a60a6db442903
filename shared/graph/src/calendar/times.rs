//! Start and end with their zones, read and written.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};
use tidemark_model::{Schedule, Zone};

use super::item::EventItem;
use super::part::WireTime;
use super::read::{ReadContext, ReadWarning};
use super::write::{WriteContext, WriteError};

/// Windows id of the zone that is always known.
const UTC: &str = "UTC";

/// Reads the schedule of an event, and the zone that it is bound to; or says why there is none.
pub(super) fn read(
    item: &EventItem,
    context: &ReadContext,
    warnings: &mut Vec<ReadWarning>,
) -> Result<(Schedule, Zone), &'static str> {
    let start = item.start.as_ref().ok_or("it has no start")?;
    let end = item.end.as_ref().ok_or("it has no end")?;
    let zone = own_zone(item, context, warnings);
    let schedule = if item.is_all_day == Some(true) {
        let first = day(start, &zone, context, warnings);
        let last = day(end, &zone, context, warnings);
        let (first, last) =
            first.zip(last).ok_or("the zone of its times is not known, or they are none")?;
        all_day(first, last, warnings)
    } else {
        let start = instant(start, context);
        let end = instant(end, context);
        let (start, end) =
            start.zip(end).ok_or("the zone of its times is not known, or they are none")?;
        let end_zone = end_zone(item, &zone, end, context);
        timed(start, end, &zone, end_zone, warnings)
    };
    Ok((schedule.ok_or("its times are out of range")?, zone))
}

/// The zone that an event is bound to. A series runs in the zone of its rule, in which the dates of
/// its range and of its cancelled occurrences are meant (recurrencerange page).
pub(super) fn own_zone(
    item: &EventItem,
    context: &ReadContext,
    warnings: &mut Vec<ReadWarning>,
) -> Zone {
    let of_rule = item.recurrence.as_ref().and_then(|rule| rule.zone_id());
    let named: Vec<&str> =
        [of_rule, filled(item.original_start_time_zone.as_deref())].into_iter().flatten().collect();
    let known = named.iter().find_map(|name| zone_named(name, context));
    if known.is_none() && !named.is_empty() {
        warnings.push(ReadWarning::UnknownZone);
    }
    known.unwrap_or_else(|| context.zone.clone())
}

/// The zone of the end where it differs. UTC stands also for an end that the zone itself has no
/// word for, the second of two hours of the same name: see [`Times::of`].
fn end_zone(item: &EventItem, zone: &Zone, end: Timestamp, context: &ReadContext) -> Option<Zone> {
    let name = filled(item.original_end_time_zone.as_deref())?;
    let end_zone = zone_named(name, context).filter(|end_zone| !end_zone.same_class(zone))?;
    let unsaid = zone.to_instant(zone.to_civil(end)) != end;
    (!unsaid || end_zone != Zone::utc()).then_some(end_zone)
}

/// A zone by its Windows id, or by its IANA name, which Graph takes and gives too. Windows has one
/// word for many zones: where it can mean the mailbox's own, it does (mapping.md 4).
fn zone_named(name: &str, context: &ReadContext) -> Option<Zone> {
    let zone = Zone::from_windows(name, context.territory.as_deref());
    let zone = zone.or_else(|_| Zone::parse(name.trim())).ok()?;
    Some(if zone.same_class(&context.zone) { context.zone.clone() } else { zone })
}

pub(super) fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

/// The instant of a time: its zone is UTC unless it says another one.
fn instant(time: &WireTime, context: &ReadContext) -> Option<Timestamp> {
    let text = time.date_time.trim();
    let Ok(civil) = text.parse::<DateTime>() else {
        // Not documented, but unambiguous: with an offset.
        return text.parse().ok();
    };
    let zone = match filled(time.time_zone.as_deref()) {
        Some(name) => zone_named(name, context)?,
        None => Zone::utc(),
    };
    Some(zone.to_instant(civil))
}

/// The date of a midnight. Whole days come as midnights of their own zone, shifted to the zone that
/// the answer is in, or as they are (exchange-graph.md 10.2); both are recognised.
fn day(
    time: &WireTime,
    zone: &Zone,
    context: &ReadContext,
    warnings: &mut Vec<ReadWarning>,
) -> Option<Date> {
    let at = instant(time, context);
    if let Some(day) = at.and_then(|at| day_beginning(at, zone)) {
        return Some(day);
    }
    let given = time.date_time.trim().parse::<DateTime>().ok();
    if let Some(given) = given
        && given.time() == Time::midnight()
    {
        return Some(given.date());
    }
    let civil = at.map(|at| zone.to_civil(at)).or(given)?;
    warnings.push(ReadWarning::AllDayOffMidnight);
    Some(nearest_midnight(civil))
}

/// The day that begins at an instant. Its first moment may be later than midnight, where a change of
/// offset skips it.
fn day_beginning(at: Timestamp, zone: &Zone) -> Option<Date> {
    let day = zone.to_civil(at).date();
    (zone.to_instant(day.to_datetime(Time::midnight())) == at).then_some(day)
}

/// The whole day that an instant of the server means: it begins then in the event's own zone, or as
/// the date in UTC.
pub(super) fn date_of_midnight(at: Timestamp, zone: &Zone) -> Date {
    day_beginning(at, zone)
        .or_else(|| day_beginning(at, &Zone::utc()))
        .unwrap_or_else(|| nearest_midnight(zone.to_civil(at)))
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
    let hours = i64::from(tidemark_model::schedule::DURATION_DAYS_MAX).saturating_mul(24);
    let latest = start.saturating_add(hours.hours()).unwrap_or(start);
    let within = end.clamp(start, latest.max(start));
    if within != end {
        warnings.push(ReadWarning::EndMoved);
    }
    let duration: SignedDuration = start.duration_until(within);
    Schedule::timed(zone.to_civil(start), zone.clone(), duration, end_zone).ok()
}

/// Start and end as they are written.
pub(super) struct Times {
    pub(super) start: Value,
    pub(super) end: Value,
    pub(super) all_day: bool,
    /// Windows id of the zone of the start, in which a rule runs.
    pub(super) zone_id: &'static str,
}

impl Times {
    /// The times of a schedule: civil times in Windows zones, which Graph always knows
    /// (exchange-graph.md 10.2).
    ///
    /// A single event in a zone without a Windows id is written in UTC: its instants are right. A
    /// series cannot be, as its occurrences would move with the seasons.
    pub(super) fn of(
        schedule: &Schedule,
        is_series: bool,
        context: WriteContext<'_>,
    ) -> Result<Self, WriteError> {
        let own = schedule.zone().unwrap_or(context.zone);
        if let Schedule::AllDay(days) = schedule {
            // A date is a midnight in any zone; both ends have to be in the same one.
            let zone_id = own.windows_id().unwrap_or(UTC);
            let midnight = |day: Date| time(day.to_datetime(Time::midnight()), zone_id);
            let (start, end) = (midnight(days.start()), midnight(days.end()));
            return Ok(Self { start, end, all_day: true, zone_id });
        }
        let (start, end) = schedule.instants(own);
        let end_zone = match schedule {
            Schedule::Timed(timed) => timed.end_zone().unwrap_or(own),
            Schedule::AllDay(_) | Schedule::Floating(_) => own,
        };
        let end = said(end, end_zone);
        match own.windows_id() {
            // The rule repeats the civil time, also one that its first day skips.
            Some(zone_id) if is_series => {
                Ok(Self { start: time(schedule.start(), zone_id), end, all_day: false, zone_id })
            }
            None if is_series => Err(WriteError::Zone),
            Some(_) | None => {
                let zone_id = own.windows_id().unwrap_or(UTC);
                Ok(Self { start: said(start, own), end, all_day: false, zone_id })
            }
        }
    }
}

/// An instant in a zone; in UTC if the zone has no Windows id, or no word for the instant: the
/// second of two hours of the same name, as times are written without an offset.
fn said(at: Timestamp, zone: &Zone) -> Value {
    let civil = zone.to_civil(at);
    match zone.windows_id() {
        Some(id) if zone.to_instant(civil) == at => time(civil, id),
        Some(_) | None => time(Zone::utc().to_civil(at), UTC),
    }
}

fn time(civil: DateTime, zone_id: &str) -> Value {
    json!({ "dateTime": civil.to_string(), "timeZone": zone_id })
}

//! Times and rule: one property, whose missing parts come from the current item.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::civil::{DateTime, Time};
use serde_json::{Map, Value};
use tidemark_model::{Event, Recurrence, RecurrenceId, Schedule, ScheduleError, Zone};

use super::members::{Given, Source};
use super::rule::{self, Held, RawRule};
use super::{Current, expect_text, mentions, zones};
use crate::duration::{DAY_SECONDS, Nominal, read_duration};
use crate::problem::{Findings, Pointer};

/// Members that make up the unit.
pub(crate) const UNIT: [&str; 7] = [
    "start",
    "timeZone",
    "endTimeZone",
    "duration",
    "showWithoutTime",
    "recurrenceRules",
    "recurrenceRule",
];

/// The parts as given; `None` has no opinion.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    start: Option<DateTime>,
    zone: Option<Option<Zone>>,
    end_zone: Option<Option<Zone>>,
    duration: Option<Option<Nominal>>,
    whole_days: Option<bool>,
}

/// The unit, complete.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    pub(crate) schedule: Schedule,
    pub(crate) rule: Option<Recurrence>,
    /// Occurrences of `rule` that the rule as it was sent leaves out.
    pub(crate) omitted: BTreeSet<RecurrenceId>,
}

/// Reads the unit, if any of it is given.
pub(crate) fn read_schedule(
    source: &Source<'_>,
    current: Current<'_>,
    findings: &mut Findings,
) -> Option<Times> {
    let is_new = matches!(current, Current::New);
    if !mentions(source.item(), &UNIT) && !mentions(source.item(), &["excludedRecurrenceRules"]) {
        if is_new {
            refuse_missing_start(source, findings);
        }
        return None;
    }
    let mut own = Findings::default();
    let parts = read_parts(source, definitions(source.item()), &mut own);
    let rule = rule::read_rule_members(source, &mut own);
    if is_new && parts.start.is_none() && !matches!(source.get("start"), Given::Value(_)) {
        refuse_missing_start(source, &mut own);
    }
    let failed = own.has_problems();
    findings.absorb(own);
    if failed || !mentions(source.item(), &UNIT) {
        return None;
    }
    let old = current.event();
    let schedule = parts.build(source, old.map(|event| &event.schedule), findings)?;
    let held = resolve_rule(source, rule, &schedule, old, findings)?;
    let (rule, omitted) =
        held.map_or_else(Default::default, |held| (Some(held.rule), held.omitted));
    Some(Times { schedule, rule, omitted })
}

fn refuse_missing_start(source: &Source<'_>, findings: &mut Findings) {
    findings.refuse(
        &source.at.member("start"),
        "is required for a new item",
        "give a local date-time like \"2026-03-02T09:00:00\"",
    );
}

/// The zones that an item defines.
pub(crate) fn definitions(item: &Map<String, Value>) -> Option<&Map<String, Value>> {
    item.get("timeZones").and_then(Value::as_object)
}

/// Reads the members of the unit other than the rule.
pub(crate) fn read_parts(
    source: &Source<'_>,
    definitions: Option<&Map<String, Value>>,
    findings: &mut Findings,
) -> Parts {
    Parts {
        start: read_start(source, findings),
        zone: zones::read_zone(source, "timeZone", definitions, findings),
        end_zone: read_end_zone(source, definitions, findings),
        duration: read_length(source, findings),
        whole_days: match source.get("showWithoutTime") {
            Given::Absent => None,
            Given::Null => Some(false),
            Given::Value(Value::Bool(given)) => Some(*given),
            Given::Value(_) => {
                let at = source.at.member("showWithoutTime");
                findings.refuse(&at, "must be a boolean", "use true or false");
                None
            }
        },
    }
}

fn read_start(source: &Source<'_>, findings: &mut Findings) -> Option<DateTime> {
    let at = source.at.member("start");
    match source.get("start") {
        Given::Absent => None,
        Given::Null => {
            findings.refuse(&at, "cannot be cleared", "leave it out to keep it");
            None
        }
        Given::Value(value) => {
            let start = read_local(expect_text(value, &at, findings)?);
            if start.is_none() {
                findings.refuse(
                    &at,
                    "must be a local date-time without offset",
                    "write it like \"2026-03-02T09:00:00\" and name the zone in timeZone",
                );
            }
            start
        }
    }
}

/// Reads `YYYY-MM-DDTHH:MM:SS`; parts of a second are cut.
pub(crate) fn read_local(text: &str) -> Option<DateTime> {
    let (whole, fraction) = text.split_once('.').map_or((text, "0"), |(whole, part)| (whole, part));
    let shape = whole.len() == 19
        && whole.bytes().enumerate().all(|(index, b)| match index {
            4 | 7 => b == b'-',
            10 => b == b'T',
            13 | 16 => b == b':',
            _ => b.is_ascii_digit(),
        });
    // The parser would take a leap second for the one before it.
    let fits = shape
        && !whole.ends_with(":60")
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit());
    if fits { whole.parse().ok() } else { None }
}

/// Reads `endTimeZone`, or what stood for it before: the zone of the location where it ends.
fn read_end_zone(
    source: &Source<'_>,
    definitions: Option<&Map<String, Value>>,
    findings: &mut Findings,
) -> Option<Option<Zone>> {
    if let Some(zone) = zones::read_zone(source, "endTimeZone", definitions, findings) {
        return Some(zone);
    }
    let Given::Value(Value::Object(places)) = source.get("locations") else {
        return None;
    };
    let (key, place) = places
        .iter()
        .find(|(_, place)| place.get("relativeTo").and_then(Value::as_str) == Some("end"))?;
    let id = place.get("timeZone").and_then(Value::as_str)?;
    let at = source.at.member("locations").member(key).member("timeZone");
    zones::read_zone_id(id, definitions, &at, findings).map(Some)
}

fn read_length(source: &Source<'_>, findings: &mut Findings) -> Option<Option<Nominal>> {
    let at = source.at.member("duration");
    match source.get("duration") {
        Given::Absent => None,
        Given::Null => Some(None),
        Given::Value(value) => {
            let length = read_duration(expect_text(value, &at, findings)?);
            if length.is_none() {
                findings.refuse(
                    &at,
                    "must be a duration that is not negative",
                    "write it like \"PT1H30M\", or \"P2D\" for whole days",
                );
            }
            length.map(Some)
        }
    }
}

impl Parts {
    /// Whether nothing is given.
    pub(crate) const fn is_empty(&self) -> bool {
        self.start.is_none()
            && self.zone.is_none()
            && self.end_zone.is_none()
            && self.duration.is_none()
            && self.whole_days.is_none()
    }

    /// The same parts with a start, where none is given.
    pub(crate) fn starting_at(mut self, start: DateTime) -> Self {
        self.start = self.start.or(Some(start));
        self
    }

    /// The schedule of these parts, what is missing being taken from `old`.
    pub(crate) fn build(
        &self,
        source: &Source<'_>,
        old: Option<&Schedule>,
        findings: &mut Findings,
    ) -> Option<Schedule> {
        let was_whole = old.is_some_and(|old| matches!(old, Schedule::AllDay(_)));
        if self.whole_days.unwrap_or(was_whole) {
            self.build_whole_days(source, old, findings)
        } else {
            self.build_timed(source, old, findings)
        }
    }

    fn build_whole_days(
        &self,
        source: &Source<'_>,
        old: Option<&Schedule>,
        findings: &mut Findings,
    ) -> Option<Schedule> {
        if self.start.is_some_and(|start| start.time() != Time::midnight()) {
            findings.refuse(
                &source.at.member("start"),
                "must be midnight when showWithoutTime is true",
                "use T00:00:00",
            );
            return None;
        }
        let start = self.start.or(old.map(Schedule::start))?.date();
        let seconds = match (&self.duration, old) {
            (Some(Some(given)), _) => {
                given.days.checked_mul(DAY_SECONDS)?.checked_add(given.seconds)
            }
            // A timed item becomes the days that it touches.
            (None, Some(old)) => Some(nominal_seconds(old)),
            (Some(None), _) | (None, None) => Some(DAY_SECONDS),
        };
        let given = matches!(self.duration, Some(Some(_)));
        let at = source.at.member("duration");
        let whole =
            seconds.filter(|seconds| !given || (*seconds > 0 && seconds % DAY_SECONDS == 0));
        let Some(seconds) = whole else {
            findings.refuse(
                &at,
                "must be whole days when showWithoutTime is true",
                "write it like \"P1D\"",
            );
            return None;
        };
        let days = seconds.saturating_add(DAY_SECONDS - 1) / DAY_SECONDS;
        let Some(end) = add_days(start.to_datetime(Time::midnight()), days.max(1)) else {
            refuse_schedule(&at, &ScheduleError::TooLong, findings);
            return None;
        };
        if matches!(self.zone, Some(Some(_))) {
            findings.ignore(&source.at.member("timeZone"));
        }
        Schedule::all_day(start, end.date())
            .map_err(|error| refuse_schedule(&at, &error, findings))
            .ok()
    }

    fn build_timed(
        &self,
        source: &Source<'_>,
        old: Option<&Schedule>,
        findings: &mut Findings,
    ) -> Option<Schedule> {
        let start = self.start.or(old.map(Schedule::start))?;
        let zone = match &self.zone {
            Some(given) => given.clone(),
            None => old.and_then(Schedule::zone).cloned(),
        };
        let at = source.at.member("duration");
        let length = match (&self.duration, old) {
            (Some(Some(given)), _) => exact_length(*given, start, zone.as_ref()),
            (None, Some(Schedule::Timed(old))) => Some(old.duration()),
            (None, Some(Schedule::Floating(old))) => Some(old.duration()),
            (None, Some(old @ Schedule::AllDay(_))) => {
                let days = nominal_seconds(old) / DAY_SECONDS;
                exact_length(Nominal { days, seconds: 0 }, start, zone.as_ref())
            }
            (Some(None), _) | (None, None) => Some(SignedDuration::ZERO),
        };
        let Some(length) = length else {
            refuse_schedule(&at, &ScheduleError::TooLong, findings);
            return None;
        };
        let end_zone = match (&self.end_zone, old) {
            (Some(given), _) => given.clone(),
            (None, Some(Schedule::Timed(old))) => old.end_zone().cloned(),
            (None, Some(Schedule::Floating(_) | Schedule::AllDay(_)) | None) => None,
        };
        match zone {
            Some(zone) => Schedule::timed(start, zone, length, end_zone),
            None => Schedule::floating(start, length),
        }
        .map_err(|error| refuse_schedule(&at, &error, findings))
        .ok()
    }
}

fn refuse_schedule(at: &Pointer, error: &ScheduleError, findings: &mut Findings) {
    findings.refuse(at, error.to_string(), "use a duration of at most five years");
}

/// Days and clock time that a schedule spans, a day counting 24 hours.
fn nominal_seconds(schedule: &Schedule) -> i64 {
    match schedule {
        Schedule::AllDay(days) => {
            let length = days.start().until(days.end()).unwrap_or_default();
            i64::from(length.get_days()) * DAY_SECONDS
        }
        Schedule::Timed(timed) => timed.duration().as_secs(),
        Schedule::Floating(floating) => floating.duration().as_secs(),
    }
}

/// The exact length of a nominal one: its days move on the calendar of the zone, so that a day over
/// the end of summer time is 25 hours long (RFC 8984 1.4.6).
fn exact_length(given: Nominal, start: DateTime, zone: Option<&Zone>) -> Option<SignedDuration> {
    let rest = SignedDuration::from_secs(given.seconds);
    if given.days == 0 {
        return Some(rest);
    }
    let end = add_days(start, given.days)?;
    let days = match zone {
        Some(zone) => zone.to_instant(end).duration_since(zone.to_instant(start)),
        None => end.duration_since(start),
    };
    days.checked_add(rest)
}

fn add_days(start: DateTime, days: i64) -> Option<DateTime> {
    let span = jiff::Span::new().try_days(days).ok()?;
    start.checked_add(span).ok()
}

/// The rule as given or as it stands, held against the start.
fn resolve_rule(
    source: &Source<'_>,
    given: Option<Option<(RawRule, Pointer)>>,
    schedule: &Schedule,
    old: Option<&Event>,
    findings: &mut Findings,
) -> Option<Option<Held>> {
    let start = schedule.start();
    match given {
        Some(None) => Some(None),
        Some(Some((raw, at))) => rule::resolve(&raw, start, &at, findings).map(Some),
        None => {
            let Some(event) = old else {
                return Some(None);
            };
            let moved = *schedule != event.schedule;
            if let Some(rule) = &event.recurrence
                && moved
                && !rule::starts_with(rule, start)
            {
                findings.refuse(
                    &source.at.member("start"),
                    "is not a date that the rule of the series gives",
                    "give recurrenceRules together with the new start",
                );
                return None;
            }
            Some(event.recurrence.clone().map(|rule| Held { rule, omitted: BTreeSet::new() }))
        }
    }
}

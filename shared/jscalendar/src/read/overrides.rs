//! Overrides: what differs in single occurrences (RFC 8984 4.3.5).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tidemark_model::{Event, OccurrencePatch, Override, Recurrence, RecurrenceId, Schedule};

use super::members::{Given, Source};
use super::schedule::{definitions, read_local, read_parts};
use super::{Current, Series, alerts, expect_map, people, places, state, text};
use crate::limits::OVERRIDES_MAX;
use crate::problem::{Findings, Pointer};
use crate::write::{WriteOptions, write_event};

/// Members that an override may not change; the standard has them ignored.
const FIXED: [&str; 16] = [
    "@type",
    "excludedRecurrenceRules",
    "method",
    "privacy",
    "prodId",
    "recurrenceId",
    "recurrenceIdTimeZone",
    "recurrenceOverrides",
    "recurrenceRules",
    "recurrenceRule",
    "relatedTo",
    "replyTo",
    "sentBy",
    "timeZones",
    "uid",
    "tidemark:sensitivity",
];

/// Members of an override that are carried.
const CARRIED: [&str; 18] = [
    "title",
    "description",
    "descriptionContentType",
    "start",
    "timeZone",
    "endTimeZone",
    "duration",
    "showWithoutTime",
    "locations",
    "mainLocationId",
    "freeBusyStatus",
    "status",
    "tidemark:showAs",
    "alerts",
    "keywords",
    "participants",
    "priority",
    "excluded",
];

/// What was read of the overrides.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// `None` returns the occurrence to the rule.
    pub(crate) by_id: BTreeMap<RecurrenceId, Option<Override>>,
    /// Whether these are all there are.
    pub(crate) complete: bool,
}

/// Reads `recurrenceOverrides` and excludes `omitted`, which the rule as it was sent leaves out.
pub(crate) fn read_overrides(
    source: &Source<'_>,
    current: Current<'_>,
    series: &Series,
    omitted: &BTreeSet<RecurrenceId>,
    findings: &mut Findings,
) -> Option<Changes> {
    let at = source.at.member("recurrenceOverrides");
    let given = source.get("recurrenceOverrides");
    let mut changes = match given {
        Given::Absent if omitted.is_empty() => return None,
        Given::Absent => Changes::default(),
        Given::Null => Changes { complete: true, ..Changes::default() },
        Given::Value(value) => Changes {
            by_id: read_entries(value, source, current, series, omitted, findings)?,
            complete: true,
        },
    };
    // What stays of the current overrides: all of them, or those that a merge patch does not name.
    let stays = match given {
        Given::Absent => true,
        Given::Null => false,
        Given::Value(_) => source.is_merge(),
    };
    for id in omitted {
        if is_extra_date(*id, &changes, current.event().filter(|_| stays)) {
            continue;
        }
        changes.by_id.insert(*id, Some(Override::Excluded));
    }
    if changes.by_id.len() > OVERRIDES_MAX {
        findings.refuse(
            &at,
            "has too many entries, those for days that a month lacks among them",
            format!("stay at or below {OVERRIDES_MAX}, or end the rule earlier"),
        );
    }
    Some(changes)
}

/// Whether something was put on a date that the rule as it was sent leaves out. Exchange holds it,
/// since its own rule gives that date.
fn is_extra_date(id: RecurrenceId, changes: &Changes, staying: Option<&Event>) -> bool {
    match changes.by_id.get(&id) {
        Some(change) => !matches!(change, Some(Override::Excluded)),
        None => staying
            .is_some_and(|event| matches!(event.overrides.get(&id), Some(Override::Changed(_)))),
    }
}

fn read_entries(
    value: &Value,
    source: &Source<'_>,
    current: Current<'_>,
    series: &Series,
    omitted: &BTreeSet<RecurrenceId>,
    findings: &mut Findings,
) -> Option<BTreeMap<RecurrenceId, Option<Override>>> {
    let at = source.at.member("recurrenceOverrides");
    let map = expect_map(value, &at, OVERRIDES_MAX, findings)?;
    if !map.is_empty() && matches!(series.rule, Some(None)) {
        findings.refuse(
            &at,
            "only a series has occurrences, and this item has no rule",
            "give recurrenceRules, or leave the overrides out",
        );
        return None;
    }
    let reader = Reader {
        source,
        current,
        series,
        rule: series.rule.as_ref().and_then(Option::as_ref),
        omitted,
        master: master(map, source, current),
    };
    let mut changes = BTreeMap::new();
    for (key, value) in map {
        let at = at.member(key);
        let Some(start) = read_local(key) else {
            findings.refuse(
                &at,
                "an override is named by no local date-time",
                "use the original start of the occurrence, like \"2026-03-02T09:00:00\"",
            );
            continue;
        };
        let id = RecurrenceId::new(start);
        if let Some(change) = reader.read_entry(id, value, &at, findings) {
            changes.insert(id, change);
        }
    }
    Some(changes)
}

/// The item that patches with paths into it are applied to; only made if there are any.
fn master(
    overrides: &Map<String, Value>,
    source: &Source<'_>,
    current: Current<'_>,
) -> Map<String, Value> {
    let has_paths = overrides
        .values()
        .filter_map(Value::as_object)
        .any(|patch| patch.keys().any(|path| path.contains('/')));
    if !has_paths {
        return Map::new();
    }
    let written = current.event().map(|event| write_event(event, &WriteOptions::default()));
    let mut master = match written {
        Some(Value::Object(members)) => members,
        Some(_) | None => Map::new(),
    };
    for (name, value) in source.item() {
        if name != "recurrenceOverrides" {
            master.insert(name.clone(), value.clone());
        }
    }
    master
}

struct Reader<'a> {
    source: &'a Source<'a>,
    current: Current<'a>,
    series: &'a Series,
    rule: Option<&'a Recurrence>,
    omitted: &'a BTreeSet<RecurrenceId>,
    master: Map<String, Value>,
}

impl Reader<'_> {
    fn read_entry(
        &self,
        id: RecurrenceId,
        value: &Value,
        at: &Pointer,
        findings: &mut Findings,
    ) -> Option<Option<Override>> {
        if value.is_null() {
            let excluded = self.omitted.contains(&id);
            return Some(excluded.then_some(Override::Excluded));
        }
        let patch = expect_map(value, at, usize::MAX, findings)?;
        let instance = self.patched(patch, at, findings)?;
        let source = Source::new(&instance, at.clone(), None);
        let excluded = state::is_excluded(&source, findings);
        let given = self.rule.zip(self.series.schedule.as_ref());
        let occurs = given.is_none_or(|(rule, series)| rule.is_occurrence(series.start(), id));
        match (excluded, occurs) {
            (true, true) => return Some(Some(Override::Excluded)),
            // Nothing is there that could be taken out.
            (true, false) => return None,
            (false, true) => {}
            (false, false) => {
                findings.refuse(
                    at,
                    "the rule gives no occurrence at this time, and Exchange holds no extra dates",
                    "send the extra date as an item of its own",
                );
                return None;
            }
        }
        let change = self.read_change(id, &source, findings);
        Some((!change.is_empty()).then(|| Override::Changed(Box::new(change))))
    }

    /// The members that the patch touches, with their values after it.
    fn patched(
        &self,
        patch: &Map<String, Value>,
        at: &Pointer,
        findings: &mut Findings,
    ) -> Option<Map<String, Value>> {
        let mut instance = Map::new();
        for (path, value) in patch {
            let (name, rest) = match path.split_once('/') {
                Some((name, rest)) => (name, Some(rest)),
                None => (path.as_str(), None),
            };
            let place = at.member(path);
            if FIXED.contains(&name) || !CARRIED.contains(&name) {
                findings.ignore(&place);
                continue;
            }
            let Some(rest) = rest else {
                instance.insert(name.to_owned(), value.clone());
                continue;
            };
            if matches!(self.current, Current::Unknown) && !self.master.contains_key(name) {
                continue;
            }
            // Taken out rather than copied: many paths may lead into one big member.
            let mut whole = instance
                .remove(name)
                .or_else(|| self.master.get(name).cloned())
                .unwrap_or(Value::Null);
            if patch_path(&mut whole, rest, value).is_none() {
                findings.refuse(
                    &place,
                    "the path leads into nothing",
                    "patch an existing member, or give the whole one",
                );
                return None;
            }
            instance.insert(name.to_owned(), whole);
        }
        Some(instance)
    }

    fn read_change(
        &self,
        id: RecurrenceId,
        source: &Source<'_>,
        findings: &mut Findings,
    ) -> OccurrencePatch {
        let schedule = self.read_schedule(id, source, findings);
        let own = Series {
            schedule: schedule.clone().or_else(|| {
                let series = self.series.schedule.as_ref()?;
                Some(series.moved_to(id.start()))
            }),
            rule: self.rule.map(|_| None),
        };
        let event = self.current.event();
        let status = state::read_status(source, findings);
        let seen = event.map(|event| (event.show_as, event.status));
        OccurrencePatch {
            title: text::read_title(source, findings),
            body: text::read_body(source, event.and_then(|event| event.body.as_ref()), findings),
            schedule,
            location: places::read_location(source, findings),
            show_as: state::read_show_as(source, status, seen, findings),
            reminder_minutes: alerts::read_reminder(source, &own, findings),
            categories: text::read_keywords(source, findings),
            attendees: people::read_attendees(
                source,
                event.map(|event| &event.attendees),
                findings,
            ),
            priority: state::read_priority(source, findings),
        }
    }

    /// Another time, if it is another one than the rule gives.
    fn read_schedule(
        &self,
        id: RecurrenceId,
        source: &Source<'_>,
        findings: &mut Findings,
    ) -> Option<Schedule> {
        let parts = read_parts(source, definitions(self.source.item()), findings);
        if parts.is_empty() {
            return None;
        }
        let usual = self.series.schedule.as_ref()?.moved_to(id.start());
        let schedule = parts.starting_at(id.start()).build(source, Some(&usual), findings)?;
        (schedule != usual).then_some(schedule)
    }
}

/// Sets or, for `null`, removes what a path leads to (RFC 8984 1.4.9). Every step but the last must
/// exist, and paths into arrays are not allowed.
fn patch_path(target: &mut Value, path: &str, value: &Value) -> Option<()> {
    let mut place = target;
    let mut steps = path.split('/').peekable();
    while let Some(step) = steps.next() {
        let name = step.replace("~1", "/").replace("~0", "~");
        let object = place.as_object_mut()?;
        if steps.peek().is_none() {
            if value.is_null() {
                object.remove(&name);
            } else {
                object.insert(name, value.clone());
            }
            return Some(());
        }
        place = object.get_mut(&name)?;
    }
    None
}

//! RFC 7386 merge patches of an item.

use serde_json::{Map, Value};
use tidemark_model::{Event, EventPatch, PropertyValue};

use crate::problem::{Findings, Problem};
use crate::read::{self, Current, Reading, read_checked};
use crate::rfc7386;
use crate::write::{Version, WriteOptions, write_event};

/// Members whose form depends on another one: a patch of the first also shows the second.
const TOGETHER: [(&str, &str); 4] = [
    ("description", "descriptionContentType"),
    ("timeZone", "timeZones"),
    ("endTimeZone", "timeZones"),
    ("recurrenceOverrides", "timeZones"),
];

/// Reads an RFC 7386 merge patch of the item that [`write_event`] writes for `current`.
///
/// Only properties whose members stand in the patch get an opinion. Maps (`participants`,
/// `keywords`, `locations`, `alerts`, `recurrenceOverrides`) merge by key; where one of several
/// entries is carried, those in the patch come first. `null` inside an override removes that
/// difference, `null` for an override returns the occurrence to the rule.
///
/// # Errors
/// Everything that is wrong with the outcome, at most [`PROBLEMS_MAX`](crate::PROBLEMS_MAX).
pub fn read_merge_patch(patch: &Value, current: &Event) -> Result<Reading, Vec<Problem>> {
    let mut findings = Findings::default();
    let known = Current::Known(current);
    let Value::Object(changes) = patch else {
        let read = read_checked(patch, known, None, &mut findings);
        return read::finish(read, findings);
    };
    if !read::fits_depth(patch) {
        read_checked(patch, known, None, &mut findings);
        return read::finish(EventPatch::new(), findings);
    }
    let version =
        if changes.contains_key("recurrenceRule") { Version::Bis } else { Version::Rfc8984 };
    let options = WriteOptions { version, ..WriteOptions::default() };
    let merged = rfc7386::apply(write_event(current, &options), patch);
    let touched = Value::Object(touched_members(changes, &merged));
    let read = read_checked(&touched, known, Some(changes), &mut findings);
    let read = restrict_overrides(changes, read, current);
    read::finish(read, findings)
}

/// The members that a patch names, with their values after it; `null` where they are gone.
fn touched_members(changes: &Map<String, Value>, merged: &Value) -> Map<String, Value> {
    let after = |name: &str| merged.get(name).cloned().unwrap_or(Value::Null);
    let mut touched: Map<String, Value> =
        changes.keys().map(|name| (name.clone(), after(name))).collect();
    for (name, beside) in TOGETHER {
        if changes.contains_key(name) && merged.get(beside).is_some() {
            touched.insert(beside.to_owned(), after(beside));
        }
    }
    // A map of overrides is cut down to the entries that the patch names.
    if let Some(Value::Object(named)) = changes.get("recurrenceOverrides") {
        let all = merged.get("recurrenceOverrides");
        let entries = named
            .keys()
            .map(|key| {
                let entry = all.and_then(|all| all.get(key)).cloned();
                (key.clone(), entry.unwrap_or(Value::Null))
            })
            .collect();
        touched.insert("recurrenceOverrides".to_owned(), Value::Object(entries));
    }
    touched
}

/// Overrides named one by one leave the others alone.
fn restrict_overrides(
    changes: &Map<String, Value>,
    mut read: EventPatch,
    current: &Event,
) -> EventPatch {
    if !matches!(changes.get("recurrenceOverrides"), Some(Value::Object(_))) {
        return read;
    }
    read.overrides_complete = false;
    // The return of what has no override to the rule says nothing.
    let idle: Vec<_> = read
        .values()
        .filter_map(|value| match value {
            PropertyValue::Override(id, None) if !current.overrides.contains_key(id) => Some(*id),
            _ => None,
        })
        .collect();
    if idle.is_empty() {
        return read;
    }
    let mut kept = EventPatch::new();
    kept.uid.clone_from(&read.uid);
    for value in read.values() {
        let is_idle = matches!(value, PropertyValue::Override(id, _) if idle.contains(id));
        if !is_idle {
            kept.set(value.clone());
        }
    }
    kept
}

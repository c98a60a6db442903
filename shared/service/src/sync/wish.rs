//! The waiting changes of the business system, read against what it last knew.

use serde_json::Value;
use tidemark_engine::{BusinessChange, BusinessOperation};
use tidemark_jscalendar::{Problem, read_event_patch, read_merge_patch};
use tidemark_model::Event;
use tidemark_store::records::{PendingOperation, PendingRow};

/// The waiting changes of one item.
pub(crate) struct Wishes {
    /// Those that can be planned, in order of acceptance.
    pub(crate) changes: Vec<BusinessChange>,
    /// Those that cannot be read against the item as it is, with what is wrong.
    pub(crate) unreadable: Vec<(u64, Vec<Problem>)>,
}

/// Reads `pending` in order. Each change is read against the item as the changes before it leave it:
/// a patch that names only a time keeps the title that the put before it gave. `revision` is the
/// version that `If-Match` is held against.
pub(crate) fn read_wishes(
    pending: &[PendingRow],
    current: Option<&Event>,
    revision: u64,
) -> Wishes {
    let mut known = current.cloned();
    let mut wishes = Wishes { changes: Vec::new(), unreadable: Vec::new() };
    for row in pending {
        match read_one(row, known.as_ref()) {
            Ok(change) => {
                known = after(known, &change);
                wishes.changes.push(BusinessChange {
                    number: row.number,
                    change,
                    accepted_at: row.accepted_at,
                    if_match_failed: row.if_match.is_some_and(|wanted| wanted != revision),
                });
            }
            Err(problems) => wishes.unreadable.push((row.number, problems)),
        }
    }
    wishes
}

fn read_one(row: &PendingRow, known: Option<&Event>) -> Result<BusinessOperation, Vec<Problem>> {
    let body = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).map_err(|_| not_json());
    match row.operation {
        PendingOperation::Delete => Ok(BusinessOperation::Delete),
        PendingOperation::Put => {
            let reading = read_event_patch(&body(&row.body)?, known)?;
            Ok(BusinessOperation::Upsert(reading.patch))
        }
        PendingOperation::Patch => {
            let value = body(&row.body)?;
            // A patch of an item that is not there yet can only be read as the item itself.
            let reading = match known {
                Some(known) => read_merge_patch(&value, known)?,
                None => read_event_patch(&value, None)?,
            };
            Ok(BusinessOperation::Upsert(reading.patch))
        }
    }
}

fn not_json() -> Vec<Problem> {
    vec![Problem {
        pointer: String::new(),
        rule: "the stored change is no JSON text".to_owned(),
        mend: "send the change again".to_owned(),
    }]
}

/// The item as the business system sees it after a change.
fn after(known: Option<Event>, change: &BusinessOperation) -> Option<Event> {
    match change {
        BusinessOperation::Delete => None,
        BusinessOperation::Upsert(patch) => {
            let mut event = known.or_else(|| event_of(patch))?;
            event.apply_patch(patch);
            Some(event)
        }
    }
}

/// A new item from a patch that says when it takes place.
fn event_of(patch: &tidemark_model::EventPatch) -> Option<Event> {
    use tidemark_model::{Property, PropertyValue};
    match patch.get(Property::Schedule) {
        Some(PropertyValue::Schedule(schedule, _)) => Some(Event::new(schedule.clone())),
        _ => None,
    }
}

/// The sentence for people about what cannot be read.
pub(crate) fn describe(problems: &[Problem]) -> String {
    let parts: Vec<String> = problems
        .iter()
        .take(3)
        .map(|problem| format!("{}: {}; {}", problem.pointer, problem.rule, problem.mend))
        .collect();
    parts.join(". ")
}

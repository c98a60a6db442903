//! Times.

use serde_json::{Value, json};
use tidemark_model::Schedule;

use super::Members;
use super::zones::Zones;
use crate::duration::write_exact;

/// Writes all members that say when.
pub(crate) fn put_schedule(item: &mut Members, schedule: &Schedule, zones: &mut Zones) {
    let mut put = |name: &str, value: Value| {
        item.insert(name.to_owned(), value);
    };
    put("start", json!(schedule.start().to_string()));
    put("duration", json!(write_length(schedule)));
    match schedule {
        Schedule::AllDay(_) => {
            put("timeZone", Value::Null);
            put("showWithoutTime", json!(true));
        }
        Schedule::Timed(timed) => {
            put("timeZone", json!(zones.id_of(timed.zone())));
            if let Some(end) = timed.end_zone() {
                put("endTimeZone", json!(zones.id_of(end)));
            }
        }
        Schedule::Floating(_) => {
            put("timeZone", Value::Null);
            put("tidemark:floating", json!(true));
        }
    }
}

/// Writes the members in which `schedule` differs from `usual`.
pub(crate) fn put_difference(
    patch: &mut Members,
    schedule: &Schedule,
    usual: &Schedule,
    zones: &mut Zones,
) {
    let mut whole = Members::new();
    put_schedule(&mut whole, schedule, zones);
    let mut unchanged = Members::new();
    put_schedule(&mut unchanged, usual, zones);
    whole.remove("tidemark:floating");
    for name in unchanged.keys() {
        if name != "tidemark:floating" && !whole.contains_key(name) {
            patch.insert(name.clone(), Value::Null);
        }
    }
    for (name, value) in whole {
        if unchanged.get(&name) != Some(&value) {
            patch.insert(name, value);
        }
    }
}

fn write_length(schedule: &Schedule) -> String {
    match schedule {
        Schedule::AllDay(days) => {
            let length = days.start().until(days.end()).unwrap_or_default();
            format!("P{}D", length.get_days())
        }
        Schedule::Timed(timed) => write_exact(timed.duration()),
        Schedule::Floating(floating) => write_exact(floating.duration()),
    }
}

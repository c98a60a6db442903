use serde_json::{Value, json};

use super::{Bench, ELLIS, IMMUTABLE, text, visit, weekly};
use crate::fault::{FaultKind, FaultPlan, FaultRule};

const WINDOW: &str = "startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z";

/// Follows a round to its end; gives all entries and the delta link.
fn round(bench: &Bench, first: &str, size: usize) -> (Vec<Value>, String) {
    let mut url = first.to_owned();
    let mut all = Vec::new();
    for _ in 0..100 {
        let size = format!("odata.maxpagesize={size}");
        let headers = [IMMUTABLE, ("prefer", size.as_str())];
        let page = bench.graph("GET", &url, &headers, None).ok();
        all.extend(page["value"].as_array().unwrap().iter().cloned());
        if let Some(link) = page["@odata.deltaLink"].as_str() {
            return (all, link.to_owned());
        }
        url = text(&page, "@odata.nextLink");
    }
    panic!("the round has no end");
}

fn first_url() -> String {
    format!("users/{ELLIS}/calendarView/delta?{WINDOW}")
}

fn ids(of: &[Value]) -> Vec<String> {
    of.iter().map(|one| text(one, "id")).collect()
}

#[test]
fn a_first_round_tells_masters_in_full_and_occurrences_bare() {
    let bench = Bench::new();
    let single = bench.create(&visit());
    let master = bench.create(&weekly());
    let (all, link) = round(&bench, &first_url(), 50);
    assert!(link.starts_with("http://127.0.0.1:8481/graph/v1.0/users/"));
    assert!(link.len() > 1_024);
    let of = |kind: &str| all.iter().filter(|one| one["type"] == kind).cloned().collect::<Vec<_>>();
    assert_eq!(ids(&of("singleInstance")), [single]);
    assert_eq!(ids(&of("seriesMaster")), std::slice::from_ref(&master));
    assert!(of("seriesMaster")[0]["recurrence"].is_object());
    let occurrences = of("occurrence");
    assert_eq!(occurrences.len(), 5);
    assert!(occurrences[0].get("subject").is_none());
    assert_eq!(occurrences[0]["seriesMasterId"], master.as_str());
}

#[test]
fn pages_repeat_entries_and_end_with_a_delta_link() {
    let bench = Bench::new();
    let mut wanted: Vec<_> = (0..7).map(|_| bench.create(&visit())).collect();
    wanted.sort();
    let (all, link) = round(&bench, &first_url(), 3);
    assert!(all.len() > 7, "the service replays");
    let mut seen = ids(&all);
    seen.sort();
    seen.dedup();
    assert_eq!(seen, wanted);
    let (nothing, _) = round(&bench, &link, 3);
    assert_eq!(nothing, Vec::<Value>::new());
    // The same link again gives the same changes again.
    bench.create(&visit());
    assert_eq!(round(&bench, &link, 3).0.len(), 1);
    assert_eq!(round(&bench, &link, 3).0.len(), 1);
}

#[test]
fn what_left_the_window_looks_like_what_was_deleted() {
    let bench = Bench::new();
    let (moved, deleted) = (bench.create(&visit()), bench.create(&visit()));
    let (_, link) = round(&bench, &first_url(), 50);
    let later = json!({
        "start": { "dateTime": "2026-06-02T09:00:00", "timeZone": "UTC" },
        "end": { "dateTime": "2026-06-02T10:00:00", "timeZone": "UTC" },
    });
    bench.patch(&format!("users/{ELLIS}/events/{moved}"), &later).ok();
    bench.graph("DELETE", &format!("users/{ELLIS}/events/{deleted}"), &[], None).ok();
    let mut outside = visit();
    outside["start"] = later["start"].clone();
    outside["end"] = later["end"].clone();
    let never = bench.create(&outside);
    let (changes, link) = round(&bench, &link, 50);
    let removed = json!({ "reason": "deleted" });
    assert!(changes.iter().all(|one| one["@removed"] == removed));
    let mut seen = ids(&changes);
    seen.sort();
    let mut wanted = vec![moved.clone(), deleted.clone(), never];
    wanted.sort();
    assert_eq!(seen, wanted);
    assert_eq!(bench.event(&moved)["subject"], "Visit");
    assert_eq!(bench.get(&format!("users/{ELLIS}/events/{deleted}")).status, 404);
    assert!(round(&bench, &link, 50).0.is_empty());
}

#[test]
fn changing_a_master_touches_every_occurrence() {
    let bench = Bench::new();
    let master = bench.create(&weekly());
    let (first, link) = round(&bench, &first_url(), 50);
    bench.patch(&format!("users/{ELLIS}/events/{master}"), &json!({ "categories": ["Red"] })).ok();
    let (changes, link) = round(&bench, &link, 50);
    assert_eq!(changes.len(), 6);
    let one = first.iter().find(|one| one["type"] == "occurrence").unwrap();
    let gone = text(one, "id");
    bench.graph("DELETE", &format!("users/{ELLIS}/events/{gone}"), &[], None).ok();
    let (changes, _) = round(&bench, &link, 50);
    let removed: Vec<_> = changes.iter().filter(|one| one.get("@removed").is_some()).collect();
    assert_eq!(removed.len(), 1);
    assert_eq!(text(removed[0], "id"), gone);
    assert!(changes.iter().any(|one| one["type"] == "seriesMaster"));
}

#[test]
fn an_exception_comes_in_full() {
    let bench = Bench::new();
    bench.create(&weekly());
    let (first, link) = round(&bench, &first_url(), 50);
    let one = first.iter().find(|one| one["type"] == "occurrence").unwrap();
    let path = format!("users/{ELLIS}/events/{}", text(one, "id"));
    bench.patch(&path, &json!({ "subject": "Other" })).ok();
    let (changes, _) = round(&bench, &link, 50);
    let exception = changes.iter().find(|one| one["type"] == "exception").unwrap();
    assert_eq!(exception["subject"], "Other");
}

#[test]
fn the_unwindowed_feed_is_limited() {
    let bench = Bench::new();
    bench.create(&visit());
    bench.create(&weekly());
    let (all, link) = round(&bench, &format!("users/{ELLIS}/events/delta"), 50);
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|one| one.get("subject").is_none() && one.get("type").is_some()));
    let changed = text(&all[0], "id");
    bench.patch(&format!("users/{ELLIS}/events/{changed}"), &json!({ "subject": "x" })).ok();
    assert_eq!(ids(&round(&bench, &link, 50).0), [changed]);
    let after = "startDateTime=2026-04-01T00:00:00Z";
    let (later, _) = round(&bench, &format!("users/{ELLIS}/events/delta?{after}"), 50);
    assert_eq!(later.len(), 1);
    assert_eq!(later[0]["type"], "seriesMaster");
}

#[test]
fn a_lost_state_asks_for_a_full_round() {
    let bench = Bench::new();
    bench.create(&visit());
    let (_, link) = round(&bench, &first_url(), 50);
    let rule = FaultRule::times(FaultKind::SyncStateLost, 1);
    bench.simulator.set_faults(FaultPlan::new(1, vec![rule]));
    for _ in 0..2 {
        let lost = bench.graph("GET", &link, &[IMMUTABLE], None);
        assert!(matches!(lost.code(), (400 | 410, "SyncStateNotFound")), "{:?}", lost.code());
    }
    assert_eq!(round(&bench, &first_url(), 50).0.len(), 1);
    let select = format!("{}&$select=subject", first_url());
    assert_eq!(bench.get(&select).code(), (400, "ErrorInvalidUrlQuery"));
    let no_window = bench.get(&format!("users/{ELLIS}/calendarView/delta"));
    assert_eq!(no_window.code(), (400, "ErrorInvalidParameter"));
}

#[test]
fn changes_that_are_not_tracked_yet_come_with_a_later_round() {
    let bench = Bench::new();
    let (_, link) = round(&bench, &first_url(), 50);
    bench.create(&visit());
    let rule = FaultRule::times(FaultKind::ChangesDelayed, 1);
    bench.simulator.set_faults(FaultPlan::new(1, vec![rule]));
    let (none, link) = round(&bench, &link, 50);
    assert_eq!(none.len(), 0);
    let (found, link) = round(&bench, &link, 50);
    assert_eq!(found.len(), 1);
    assert_eq!(round(&bench, &link, 50).0.len(), 0);
}

#[test]
fn a_mutable_id_of_what_moved_is_the_old_one() {
    let bench = Bench::new();
    bench.create(&visit());
    let first = bench.graph("GET", &first_url(), &[], None).ok();
    let old = text(&first["value"][0], "id");
    let link = text(&first, "@odata.deltaLink");
    let item = bench.simulator.snapshot(ELLIS).unwrap()[0].item;
    bench.simulator.user(ELLIS).delete(item).unwrap();
    let changes = bench.graph("GET", &link, &[], None).ok();
    assert_eq!(text(&changes["value"][0], "id"), old);
    assert!(changes["value"][0]["@removed"].is_object());
}

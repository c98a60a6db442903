//! Whatever a server sends, it is read or refused.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value, json};
use tidemark_graph::calendar::{
    EventItem, ReadContext, WriteContext, plan_update, read_attachments, read_event, read_item,
};
use tidemark_model::Zone;

use crate::reading::new_york;

const MEETING: &str = include_str!("../fixtures/meeting.json");
const SERIES: &str = include_str!("../fixtures/series.json");

/// Values of every type, the edges of times and numbers among them.
fn values() -> impl Strategy<Value = Value> {
    let nasty = vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("."),
        json!("\u{0}"),
        json!("_".repeat(200)),
        json!("OID."),
        json!("0001-01-01"),
        json!("0001-01-01T00:00:00Z"),
        json!("9999-12-31"),
        json!("9999-12-31T23:59:59.9999999"),
        json!("-009999-01-01T00:00:00"),
        json!("9999-12-30T22:00:00.9Z"),
        json!("2026-03-29T02:30:00"),
        json!("24:00"),
        json!("UTC"),
        json!("Line Islands Standard Time"),
        json!("UTC+99"),
        json!("tzone://Microsoft/Custom"),
        json!("daily"),
        json!("numbered"),
        json!("seriesMaster"),
        json!("040000008200E00074C5B7101A82E008ÄÄÄÄ"),
        json!([]),
        json!([null]),
        json!([[]]),
        json!({}),
        json!({ "dateTime": "9999-12-31T23:59:59", "timeZone": "Hawaiian Standard Time" }),
        json!({ "dateTime": "-009999-01-02T00:00:00", "timeZone": "Line Islands Standard Time" }),
        json!({ "dateTime": "2026-03-02T00:00:00", "timeZone": null }),
        json!({ "response": "maybe" }),
    ];
    prop_oneof![4 => prop::sample::select(nasty), 1 => "\\PC{0,20}".prop_map(Value::from)]
}

/// Replaces the value at a place, counted through the whole document.
fn replace(json: &mut Value, place: &mut usize, value: &Value) {
    if *place == 0 {
        json.clone_from(value);
        return;
    }
    *place -= 1;
    let parts: Vec<&mut Value> = match json {
        Value::Object(members) => members.values_mut().collect(),
        Value::Array(entries) => entries.iter_mut().collect(),
        _ => return,
    };
    for part in parts {
        replace(part, place, value);
        if *place == 0 {
            return;
        }
    }
}

/// Reads it in every way there is, and writes back what came out.
fn read(json: &[u8], context: &ReadContext) {
    drop(read_attachments(json));
    let Ok(item) = EventItem::read(json) else { return };
    let known = read_event(&serde_json_item(SERIES), context).expect("the series").event;
    item.occurrence_of(&known, context);
    drop(read_item(&item, context));
    let Ok(series) = read_event(&item, context) else { return };
    let event = series.event.normalised();
    drop(plan_update(&known, &event, WriteContext { zone: &context.zone }));
    let own = plan_update(&event, &event, WriteContext { zone: &context.zone });
    assert!(own.is_ok_and(|plan| plan.is_empty()), "what is there is not written");
}

fn serde_json_item(json: &str) -> EventItem {
    EventItem::read(json.as_bytes()).expect("an event")
}

proptest! {
    #![proptest_config(Config { cases: 512, rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..Config::default() })]

    #[test]
    fn every_member_can_be_anything(
        series in any::<bool>(),
        replacements in prop::collection::vec((1usize..150, values()), 1..5),
    ) {
        let mut json: Value = serde_json::from_str(if series { SERIES } else { MEETING }).expect("JSON");
        for (mut place, value) in replacements {
            replace(&mut json, &mut place, &value);
        }
        let text = json.to_string();
        read(text.as_bytes(), &new_york());
        read(text.as_bytes(), &ReadContext::in_zone(Zone::parse("Pacific/Kiritimati").expect("a zone")));
    }

    #[test]
    fn every_document_can_end_anywhere(end in 0usize..5000, byte in any::<u8>()) {
        let mut bytes = SERIES.as_bytes().to_vec();
        bytes.truncate(end);
        read(&bytes, &new_york());
        bytes.push(byte);
        read(&bytes, &new_york());
    }
}

//! Two runs are cut off one after the other, each anywhere, and the business system has another word
//! before each: whatever of them came to Exchange, both sides end as it said last, nobody is in conflict
//! with himself, and nobody is mailed.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::ports::{EffectKind, Interruption};
use tidemark_scenarios::stage::{Setting, Stage};

use super::crash::{picture, series};

const ALEX: &str = "alex@tidemark.example";
/// Longer than a run that was cut off keeps its mailbox.
const LEASE_OVER: SignedDuration = SignedDuration::from_mins(5);

/// What is said before each of three runs. The first two are cut off.
type Words = [fn(&mut Stage); 3];

fn staged(wire: Wire, prepare: fn(&mut Stage)) -> Stage {
    let mut stage = Stage::new(Setting { wire, ..Setting::default() });
    prepare(&mut stage);
    stage.sync(ALEX);
    stage
}

/// Where a run may be cut off: after each of its writes and requests.
fn cuts(stage: &mut Stage) -> Vec<usize> {
    stage.effects.plan(None);
    stage.attempt(ALEX);
    let kinds = stage.effects.seen();
    let is_effect = |kind: &EffectKind| *kind != EffectKind::TableRead;
    (0..kinds.len()).filter(|number| is_effect(&kinds[*number])).collect()
}

fn cut_off(stage: &mut Stage, number: usize) {
    stage.effects.plan(Some((number, Interruption::StopAfter)));
    stage.attempt(ALEX);
    stage.effects.plan(None);
    stage.clock.advance(LEASE_OVER);
}

fn check(prepare: fn(&mut Stage), words: Words) {
    check_over(Wire::Ews, 1, prepare, words);
    // Its runs are longer, and what they decide is the same: of each run's cuts every third.
    check_over(Wire::Graph, 3, prepare, words);
}

fn check_over(wire: Wire, step: usize, prepare: fn(&mut Stage), words: Words) {
    let until_first_cut = || {
        let mut stage = staged(wire, prepare);
        words[0](&mut stage);
        stage
    };
    let until_second_cut = |first| {
        let mut stage = until_first_cut();
        cut_off(&mut stage, first);
        words[1](&mut stage);
        stage
    };
    let mut undisturbed = staged(wire, prepare);
    for word in words {
        word(&mut undisturbed);
        undisturbed.recover(ALEX);
    }
    let wanted = picture(&mut undisturbed, "undisturbed");
    let firsts = cuts(&mut until_first_cut());
    assert!(firsts.len() > 8, "so little cannot be all: {firsts:?}");
    for first in firsts {
        let seconds = cuts(&mut until_second_cut(first));
        for second in seconds.into_iter().skip(first % step).step_by(step) {
            let what = format!("{wire:?}, cut off after {first} and after {second}");
            let mut stage = until_second_cut(first);
            cut_off(&mut stage, second);
            words[2](&mut stage);
            stage.recover(ALEX);
            stage.recover(ALEX);
            let seen = picture(&mut stage, &what);
            assert_eq!(seen.exchange, wanted.exchange, "{what}");
            assert_eq!((seen.mails.len(), seen.holds), (0, 0), "{what}");
            let is_conflict = |event: &Value| event["type"] == "tidemark.appointment.conflict";
            assert!(!stage.feed(None).0.iter().any(is_conflict), "{what}: a conflict");
        }
    }
}

fn nothing(_: &mut Stage) {}

fn a_series(stage: &mut Stage) {
    stage.put(ALEX, "erp-1", series());
}

/// The whole series, with this in place of its exceptions.
fn a_series_with(stage: &mut Stage, overrides: Value) {
    let mut item = series();
    item["recurrenceOverrides"] = overrides;
    stage.put(ALEX, "erp-1", item);
}

#[test]
fn n1_a_create_that_was_told_is_not_carried_on_by_later_runs() {
    check(
        nothing,
        [
            a_series,
            |stage| a_series_with(stage, json!({})),
            |stage| {
                stage.patch(ALEX, "erp-1", json!({ "description": "Bring a pen." }));
            },
        ],
    );
}

#[test]
fn n3_what_stood_before_a_write_does_not_prove_it() {
    check(
        a_series,
        [
            |stage| {
                stage.patch(ALEX, "erp-1", json!({ "description": "Bring a pen." }));
            },
            |stage| {
                stage.patch(ALEX, "erp-1", json!({ "title": "Evening course" }));
            },
            nothing,
        ],
    );
}

#[test]
fn n4_an_exception_of_an_earlier_attempt_is_ours() {
    check(
        a_series,
        [
            |stage| {
                let once = json!({ "2027-04-13T18:00:00": { "title": "Once" } });
                stage.patch(ALEX, "erp-1", json!({ "recurrenceOverrides": once }));
            },
            |stage| a_series_with(stage, json!({ "2027-04-13T18:00:00": { "title": "Twice" } })),
            |stage| a_series_with(stage, json!({ "2027-03-23T18:00:00": { "excluded": true } })),
        ],
    );
}

#[test]
fn n4_an_occurrence_is_taken_out_and_brought_back() {
    check(
        a_series,
        [
            |stage| {
                let out = json!({ "2027-04-13T18:00:00": { "excluded": true } });
                stage.patch(ALEX, "erp-1", json!({ "recurrenceOverrides": out }));
            },
            |stage| {
                let back = json!({ "2027-04-13T18:00:00": null, "2027-04-06T18:00:00": null });
                stage.patch(ALEX, "erp-1", json!({ "recurrenceOverrides": back }));
            },
            |stage| {
                stage.patch(ALEX, "erp-1", json!({ "title": "Evening course" }));
            },
        ],
    );
}

#[test]
fn n4_a_series_is_moved_away_and_back() {
    check(
        a_series,
        [
            |stage| {
                stage.patch(ALEX, "erp-1", json!({ "start": "2027-03-16T19:00:00" }));
            },
            a_series,
            |stage| {
                stage.patch(ALEX, "erp-1", json!({ "description": "Bring a pen." }));
            },
        ],
    );
}

#[test]
fn n11_a_series_is_deleted_and_made_anew() {
    check(
        a_series,
        [
            |stage| {
                stage.delete(ALEX, "erp-1");
            },
            |stage| a_series_with(stage, json!({ "2027-04-13T18:00:00": { "title": "Twice" } })),
            |stage| {
                stage.patch(ALEX, "erp-1", json!({ "title": "Evening course" }));
            },
        ],
    );
}

#[test]
fn n11_a_series_is_made_and_deleted() {
    check(
        nothing,
        [
            a_series,
            |stage| {
                stage.delete(ALEX, "erp-1");
            },
            a_series,
        ],
    );
}

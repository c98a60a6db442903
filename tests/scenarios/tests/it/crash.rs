//! The crash table: every effect of a run is stopped before, stopped after, made to fail in each
//! way, and its answer lost. Then the mailbox runs until it is quiet, and everything must be as if
//! nothing had gone wrong: both sides equal, nothing doubled, each change told once, nobody mailed.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use tidemark_jscalendar::{WriteOptions, write_event};
use tidemark_scenarios::ports::{EffectKind, Interruption};
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_service::border::HoldChoice;
use tidemark_simulator::store::Change;
use tidemark_simulator::{FaultKind, NewAppointment};
use tidemark_store::StoreError;
use tidemark_store::memory::Fault;

const ALEX: &str = "alex@tidemark.example";

/// What goes on in a run whose effects are interrupted.
struct Case {
    /// The rules of the mailbox.
    rules: Value,
    /// What both sides agree on before.
    prepare: fn(&mut Stage),
    /// Whether there is a common state before at all.
    copied_before: bool,
    /// What the run has to deal with.
    act: fn(&mut Stage),
}

/// What can be seen from outside when everything is quiet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    pub(super) exchange: Vec<Value>,
    pub(super) business: Vec<Value>,
    /// How often each kind of event was told of each item.
    news: BTreeMap<String, usize>,
    /// Who got which mail.
    pub(super) mails: Vec<String>,
    /// What waits for a person.
    pub(super) holds: usize,
}

impl Case {
    /// A case under the default rules that starts from a common state.
    fn new(prepare: fn(&mut Stage), act: fn(&mut Stage)) -> Self {
        Self { rules: json!({}), prepare, copied_before: true, act }
    }

    /// The same under other rules.
    fn under(self, rules: Value) -> Self {
        Self { rules, ..self }
    }

    fn staged(&self) -> Stage {
        let mut stage = Stage::new(Setting { rules: self.rules.clone(), ..Setting::default() });
        (self.prepare)(&mut stage);
        if self.copied_before {
            stage.sync(ALEX);
        }
        (self.act)(&mut stage);
        stage.raise(ALEX);
        stage
    }

    /// [`Case::check`] where nobody may be mailed and nothing has to wait.
    fn check_silent(&self) {
        let picture = self.check();
        assert_eq!((picture.mails.len(), picture.holds), (0, 0), "{picture:?}");
    }

    /// Interrupts each effect of the run in each way, and returns what all of that ends in.
    fn check(&self) -> Picture {
        let mut stage = self.staged();
        stage.effects.plan(None);
        stage.attempt(ALEX);
        let effects = stage.effects.seen();
        stage.recover(ALEX);
        assert!(effects.len() > 15, "so little cannot be all: {effects:?}");
        let undisturbed = picture(&mut stage, "undisturbed");
        for (number, kind) in effects.iter().enumerate() {
            for interruption in interruptions_of(number, *kind) {
                let what =
                    format!("effect {number} of {}, {kind:?}: {interruption:?}", effects.len());
                let somebody_else =
                    matches!(interruption, Interruption::Http(FaultKind::StaleChangeKey));
                let unreadable = matches!(interruption, Interruption::Http(FaultKind::BrokenItem));
                let mut stage = self.staged();
                stage.effects.plan(Some((number, interruption)));
                stage.attempt(ALEX);
                stage.effects.plan(None);
                stage.clock.advance(SignedDuration::from_secs(1));
                stage.recover(ALEX);
                // What a write that arrived late left behind is found by a later look.
                stage.recover(ALEX);
                let disturbed = picture(&mut stage, &what);
                if unreadable {
                    // A change waits, and says so, while its item cannot be read; and what Exchange
                    // added to an item that could not be read back is told once it can be.
                    assert_eq!(disturbed.without_delays(), undisturbed.without_delays(), "{what}");
                } else if !somebody_else {
                    assert_eq!(disturbed, undisturbed, "{what}");
                }
            }
        }
        undisturbed
    }
}

impl Picture {
    fn without_delays(&self) -> Self {
        let is_delay = |what: &str| what.contains(".held") || what.contains(".updated");
        let told = self.news.iter().filter(|(what, _)| !is_delay(what));
        let news = told.map(|(what, times)| (what.clone(), *times)).collect();
        Self { news, ..self.clone() }
    }
}

fn interruptions_of(number: usize, kind: EffectKind) -> Vec<Interruption> {
    let lost = || StoreError::Unavailable("the answer is lost".to_owned());
    let before = |error| Interruption::Table(Fault::Before(error));
    let mut all = vec![Interruption::StopAfter];
    match kind {
        // A read leaves nothing behind: whether the worker stops there or gives up makes little
        // difference, so that every second one has it the other way.
        EffectKind::TableRead if number.is_multiple_of(2) => all = vec![before(lost())],
        EffectKind::TableRead => {}
        EffectKind::TableWrite => all.extend([
            Interruption::StopBefore,
            before(StoreError::Conflict),
            before(StoreError::Throttled),
            before(lost()),
            Interruption::Table(Fault::After(lost())),
        ]),
        EffectKind::Http => all.extend(
            [
                FaultKind::CutBefore,
                FaultKind::CutAfter,
                FaultKind::ServerBusy,
                FaultKind::Unavailable,
                FaultKind::Transient,
                FaultKind::StaleChangeKey,
                FaultKind::BrokenItem,
                FaultKind::SyncStateLost,
            ]
            .map(Interruption::Http),
        ),
    }
    all
}

/// What is to be seen, and what must hold of it in any case.
pub(super) fn picture(stage: &mut Stage, what: &str) -> Picture {
    let holds = stage.holds().len();
    if holds == 0 {
        stage.assert_at_rest();
    }
    let mut news = BTreeMap::new();
    let mut items: BTreeMap<String, Value> = BTreeMap::new();
    for event in stage.feed(None).0 {
        let data = &event["data"];
        let Some(id) = data["id"].as_str() else {
            if event["type"] == "tidemark.hold.created" {
                *news.entry("hold".to_owned()).or_insert(0) += 1;
            }
            continue;
        };
        let title = data["item"]["title"].as_str().unwrap_or("gone");
        *news.entry(format!("{} {title}", event["type"])).or_insert(0) += 1;
        match &data["item"] {
            Value::Null => items.remove(id),
            item => items.insert(id.to_owned(), item.clone()),
        };
    }
    let written = |event| write_event(event, &WriteOptions::default());
    let mut exchange: Vec<Value> =
        stage.calendar(ALEX).iter().map(|it| essence(&written(&it.event))).collect();
    let mut business: Vec<Value> = items.values().map(essence).collect();
    exchange.sort_by_key(Value::to_string);
    business.sort_by_key(Value::to_string);
    let hidden = stage.calendar(ALEX).iter().any(|it| it.event.privacy.hides_details());
    if !hidden {
        assert_eq!(exchange, business, "{what}: the sides differ");
    }
    let mail = |mail: &Value| format!("{} to {}", mail["kind"], mail["to"]);
    let mut mails: Vec<String> = stage.mails().iter().map(mail).collect();
    mails.sort();
    Picture { exchange, business, news, mails, holds }
}

/// The properties that both sides have to agree on.
fn essence(item: &Value) -> Value {
    let mut essence = Map::new();
    for name in [
        "title",
        "start",
        "timeZone",
        "duration",
        "showWithoutTime",
        "recurrenceRules",
        "recurrenceOverrides",
        "locations",
        "description",
        "keywords",
    ] {
        if let Some(value) = item.get(name) {
            essence.insert(name.to_owned(), value.clone());
        }
    }
    // Exchange cannot take an exception back: it makes it equal to the series.
    if let Some(overrides) = essence.get_mut("recurrenceOverrides").and_then(Value::as_object_mut) {
        overrides.retain(|_, change| *change != json!({}));
    }
    Value::Object(essence)
}

fn appointment(subject: &str) -> NewAppointment {
    NewAppointment {
        subject: subject.to_owned(),
        start: "2027-03-02T09:00:00".parse().unwrap(),
        duration: SignedDuration::from_hours(1),
        body: None,
        location: Some("Room 1".to_owned()),
        recurrence: None,
        attendees: Vec::new(),
    }
}

fn item(title: &str) -> Value {
    json!({
        "title": title, "start": "2027-03-03T14:00:00", "timeZone": "Europe/Berlin",
        "duration": "PT45M",
    })
}

pub(super) fn series() -> Value {
    json!({
        "title": "Course", "start": "2027-03-16T18:00:00", "timeZone": "Europe/Berlin",
        "duration": "PT1H",
        "recurrenceRules": [{ "@type": "RecurrenceRule", "frequency": "weekly", "count": 5 }],
        "recurrenceOverrides": {
            "2027-03-23T18:00:00": { "start": "2027-03-24T19:00:00" },
            "2027-03-30T18:00:00": { "title": "Exam" },
            "2027-04-06T18:00:00": { "excluded": true },
        },
    })
}

fn nothing(_: &mut Stage) {}

fn a_visit(stage: &mut Stage) {
    stage.simulator.user(ALEX).create(&appointment("Visit")).unwrap();
}

fn an_item_of_the_erp(stage: &mut Stage) {
    stage.put(ALEX, "erp-1", item("Review"));
}

#[test]
fn business_creates() {
    Case::new(nothing, an_item_of_the_erp).check_silent();
}

#[test]
fn business_updates() {
    let act = |stage: &mut Stage| {
        stage.patch(ALEX, "erp-1", json!({ "title": "Second review" }));
    };
    Case::new(an_item_of_the_erp, act).check_silent();
}

#[test]
fn business_deletes() {
    let act = |stage: &mut Stage| {
        stage.delete(ALEX, "erp-1");
    };
    Case::new(an_item_of_the_erp, act).check_silent();
}

#[test]
fn business_creates_a_series_with_exceptions() {
    let act = |stage: &mut Stage| {
        stage.put(ALEX, "erp-1", series());
    };
    Case::new(nothing, act).check_silent();
}

#[test]
fn business_updates_a_series_with_exceptions() {
    let prepare = |stage: &mut Stage| {
        stage.put(ALEX, "erp-1", series());
    };
    let act = |stage: &mut Stage| {
        let overrides = json!({
            "2027-03-30T18:00:00": null,
            "2027-04-13T18:00:00": { "duration": "PT2H" },
        });
        let patch = json!({ "title": "Evening course", "recurrenceOverrides": overrides });
        stage.patch(ALEX, "erp-1", patch);
    };
    Case::new(prepare, act).check_silent();
}

#[test]
fn people_create() {
    Case::new(nothing, a_visit).check_silent();
}

#[test]
fn people_update() {
    let act = |stage: &mut Stage| {
        let visit = stage.appointment(ALEX, "Visit").item;
        let place = Change::Location(Some("Room 2".to_owned()));
        stage.simulator.user(ALEX).update(visit, &[place]).unwrap();
    };
    Case::new(a_visit, act).check_silent();
}

#[test]
fn people_delete() {
    let act = |stage: &mut Stage| {
        let visit = stage.appointment(ALEX, "Visit").item;
        stage.simulator.user(ALEX).delete(visit).unwrap();
    };
    Case::new(a_visit, act).check_silent();
}

#[test]
fn the_first_copy() {
    let act = |stage: &mut Stage| {
        for title in ["One", "Two", "Three"] {
            stage.simulator.user(ALEX).create(&appointment(title)).unwrap();
        }
        stage.put(ALEX, "erp-1", item("Review"));
    };
    let case = Case { copied_before: false, ..Case::new(nothing, act) };
    case.check_silent();
}

#[test]
fn a_merge() {
    let act = |stage: &mut Stage| {
        let visit = stage.appointment(ALEX, "Visit").item;
        let place = Change::Location(Some("Room 2".to_owned()));
        stage.simulator.user(ALEX).update(visit, &[place]).unwrap();
        let id = stage.items(ALEX)[0].id.clone();
        stage.patch(ALEX, &id, json!({ "title": "Visit of Ada" }));
    };
    Case::new(a_visit, act).check_silent();
}

fn a_meeting_of_the_erp(stage: &mut Stage) {
    let mut meeting = item("Meeting");
    meeting["participants"] = json!({ "guest@elsewhere.example": {
        "@type": "Participant", "roles": { "attendee": true },
        "sendTo": { "imip": "mailto:guest@elsewhere.example" },
    } });
    stage.put(ALEX, "erp-1", meeting);
}

#[test]
fn a_meeting_is_created_and_its_guest_invited_once() {
    let case = Case::new(nothing, a_meeting_of_the_erp).under(json!({ "mail": "send" }));
    assert_eq!(case.check().mails.len(), 1);
}

#[test]
fn a_meeting_moves_and_its_guest_is_told_once() {
    let prepare = |stage: &mut Stage| {
        stage.sync(ALEX);
        a_meeting_of_the_erp(stage);
    };
    let act = |stage: &mut Stage| {
        stage.patch(ALEX, "erp-1", json!({ "start": "2027-03-03T16:00:00" }));
    };
    let case = Case::new(prepare, act).under(json!({ "mail": "send" }));
    assert_eq!(case.check().mails.len(), 2);
}

#[test]
fn a_meeting_is_called_off_once() {
    let prepare = |stage: &mut Stage| {
        stage.sync(ALEX);
        a_meeting_of_the_erp(stage);
    };
    let act = |stage: &mut Stage| {
        stage.delete(ALEX, "erp-1");
    };
    let case = Case::new(prepare, act).under(json!({ "mail": "send" }));
    assert_eq!(case.check().mails.len(), 2);
}

#[test]
fn what_would_mail_is_held_once() {
    let picture = Case::new(nothing, a_meeting_of_the_erp).check();
    assert_eq!((picture.mails.len(), picture.holds), (0, 1), "{picture:?}");
}

#[test]
fn a_decision_is_carried_out_once() {
    let prepare = |stage: &mut Stage| {
        stage.sync(ALEX);
        a_meeting_of_the_erp(stage);
    };
    let act = |stage: &mut Stage| stage.decide(HoldChoice::Send);
    let picture = Case::new(prepare, act).check();
    assert_eq!((picture.mails.len(), picture.holds), (1, 0), "{picture:?}");
}

#[test]
fn people_make_it_private() {
    let act = |stage: &mut Stage| {
        let visit = stage.appointment(ALEX, "Visit").item;
        stage.simulator.user(ALEX).make_private(visit).unwrap();
    };
    let picture = Case::new(a_visit, act).check();
    assert_eq!(picture.business.len(), 1, "nothing is deleted: {picture:?}");
}

#[test]
fn people_take_an_occurrence_out_and_move_another() {
    let prepare = |stage: &mut Stage| {
        stage.put(ALEX, "erp-1", series());
    };
    let act = |stage: &mut Stage| {
        let course = stage.appointment(ALEX, "Course").item;
        let user = stage.simulator.user(ALEX);
        user.cancel_occurrence(course, "2027-04-13T18:00:00".parse().unwrap()).unwrap();
        let title = Change::Subject("Kick-off".to_owned());
        user.except_occurrence(course, "2027-03-16T18:00:00".parse().unwrap(), &[title]).unwrap();
    };
    Case::new(prepare, act).check_silent();
}

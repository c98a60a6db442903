//! N9: the cap on what a mailbox costs lengthens its sweeps, and nothing else.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::stage::{Setting, Stage, mailbox_id};
use tidemark_service::Border as _;
use tidemark_service::border::{Administration as _, CostView, OrganisationChange};
use tidemark_simulator::NewAppointment;
use tidemark_transport::Clock as _;

const ALEX: &str = "alex@tidemark.example";
/// Below what any mailbox costs, and above.
const LOW: &str = "0.0001";
const HIGH: &str = "100000";

fn stage() -> Stage {
    let people = vec![ALEX.to_owned()];
    let setting = Setting { wire: Wire::Graph, people, ..Setting::default() };
    let mut stage = Stage::new(setting);
    stage.subscribe(ALEX);
    stage.tick(SignedDuration::from_mins(90));
    stage
}

fn set_cap(stage: &mut Stage, cap: Option<&str>) {
    let (service, caller) = (stage.service.clone(), stage.caller());
    let cap_cents_per_month = Some(cap.map(str::to_owned));
    let change = OrganisationChange { cap_cents_per_month, ..OrganisationChange::default() };
    let changed = stage.run(async move { service.change_organisation(&caller, change).await });
    assert_eq!(changed.expect("it is taken").cap_cents_per_month.as_deref(), cap);
}

fn cost(stage: &mut Stage) -> CostView {
    let (service, caller) = (stage.service.clone(), stage.caller());
    stage.run(async move { service.cost(&caller, ALEX).await }).expect("it is told")
}

fn today(stage: &Stage) -> Date {
    stage.clock.now().to_zoned(TimeZone::UTC).date()
}

/// Lets days pass until sweeps come every so many minutes. Says on which day they did.
fn pass_until(stage: &mut Stage, minutes: u32) -> Date {
    for _ in 0..72 {
        stage.tick(SignedDuration::from_hours(1));
        if cost(stage).sweep_minutes == minutes {
            return today(stage);
        }
    }
    panic!("sweeps do not come to {minutes} minutes: {:?}", cost(stage));
}

/// A person makes an appointment in the minute after the mailbox's turn of this period, and Exchange
/// tells of it or does not. Says after how many minutes the business system hears of it.
fn minutes_until_told(stage: &mut Stage, title: &str, period: i64, is_notified: bool) -> i64 {
    let [.., a, b, c, d] = *mailbox_id(ALEX).uuid().as_bytes();
    let place = i64::from(u32::from_be_bytes([a, b, c, d])) % period;
    let minute = |stage: &Stage| stage.clock.now().as_second().div_euclid(60);
    while minute(stage).rem_euclid(period) != place {
        stage.tick(SignedDuration::from_mins(1));
    }
    stage.tick(SignedDuration::from_mins(1));
    let start = stage.clock.now() + SignedDuration::from_hours(48);
    let new = NewAppointment {
        subject: title.to_owned(),
        start: start.strftime("%Y-%m-%dT%H:00:00").to_string().parse().unwrap(),
        duration: SignedDuration::from_hours(1),
        body: None,
        location: None,
        recurrence: None,
        attendees: Vec::new(),
    };
    let (_, seen) = stage.changes(None).expect("the feed is read");
    stage.simulator.user(ALEX).create(&new).unwrap();
    for passed in 1..=period + 10 {
        if !is_notified {
            let soon = stage.clock.now() + SignedDuration::from_secs(30);
            for lost in stage.simulator.due_callbacks(soon) {
                stage.simulator.callback_answered(lost.id, 202, b"");
            }
        }
        stage.tick(SignedDuration::from_mins(1));
        let (told, _) = stage.changes(Some(&seen)).expect("the feed is read");
        if told.iter().any(|event| event["data"]["item"]["title"] == title) {
            return passed;
        }
    }
    panic!("{title} is never told");
}

#[test]
fn n9_a_mailbox_above_its_cap_is_swept_more_rarely_and_still_loses_nothing() {
    let mut stage = stage();
    let before = cost(&mut stage);
    assert_eq!((before.cap, before.sweep_minutes), (None, 60));
    set_cap(&mut stage, Some(LOW));
    // A day is not known yet.
    let cap = cost(&mut stage).cap.expect("there is one");
    assert_eq!((cap.cents_per_month.as_str(), cap.used, cap.exceeded), (LOW, None, false));
    let noted = stage.activity().remove(0);
    assert_eq!(noted.action, "organisation-changed");
    assert_eq!(noted.after.expect("what it became")["capCentsPerMonth"], LOW);

    let two_hours = pass_until(&mut stage, 120);
    let cap = cost(&mut stage).cap.expect("there is one");
    assert!(cap.exceeded && cap.used.is_some(), "{cap:?}");
    let missed = minutes_until_told(&mut stage, "Missed in two hours", 120, false);
    assert!((115..=121).contains(&missed), "{missed}");
    let four_hours = pass_until(&mut stage, 240);
    assert_eq!(four_hours, two_hours.checked_add(1.day()).unwrap());
    let missed = minutes_until_told(&mut stage, "Missed in four hours", 240, false);
    assert!((235..=241).contains(&missed), "{missed}");
    // What Exchange tells of is synced at once as ever.
    assert_eq!(minutes_until_told(&mut stage, "Notified", 240, true), 1);

    set_cap(&mut stage, Some(HIGH));
    let back = pass_until(&mut stage, 120);
    assert!(!cost(&mut stage).cap.expect("there is one").exceeded);
    assert_eq!(pass_until(&mut stage, 60), back.checked_add(1.day()).unwrap());
    let missed = minutes_until_told(&mut stage, "Missed in an hour", 60, false);
    assert!((55..=61).contains(&missed), "{missed}");
}

#[test]
fn n9_without_a_cap_sweeps_are_as_they_were() {
    let mut stage = stage();
    set_cap(&mut stage, Some(LOW));
    pass_until(&mut stage, 120);
    set_cap(&mut stage, None);
    pass_until(&mut stage, 60);
    assert_eq!(cost(&mut stage).cap, None);
}

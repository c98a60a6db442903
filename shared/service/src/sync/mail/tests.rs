use std::collections::BTreeSet;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use tidemark_engine::{
    Base, BusinessChange, BusinessOperation, Decision, ExchangeView, LinkView, MailRule,
    MailboxFacts, PlanInput, Profile, Side, StampView, plan,
};
use tidemark_graph::calendar::{WriteContext, mailed_by_update, plan_update};
use tidemark_mailbox::{ews, graph};
use tidemark_model::{
    Attendee, AttendeeRole, CopyRole, Event, EventPatch, OccurrencePatch, Override, Participation,
    Pattern, Privacy, Property, PropertyValue, Range, Recurrence, RecurrenceId, Schedule, ShowAs,
    Zone,
};

use super::*;
use crate::testing::mailbox_row;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

#[test]
fn n10_what_waited_in_the_first_copy_belongs_to_it_until_it_is_decided() {
    let mut row = mailbox_row(1, NOW);
    assert!(is_of_first_copy(&row, [].into_iter()));
    row.state = MailboxState::Synced;
    assert!(!is_of_first_copy(&row, [1].into_iter()));
    row.first_sync.last_held = 7;
    assert!(is_of_first_copy(&row, [7, 8].into_iter()));
    assert!(!is_of_first_copy(&row, [8].into_iter()));
}

#[test]
fn n10_only_what_can_be_silent_is_asked_to_be() {
    assert_eq!(mailing(ews::CAPABILITIES), Mailing::AsAsked);
    assert!(matches!(mailing(graph::CAPABILITIES), Mailing::Always { .. }));
}

fn series() -> (Event, RecurrenceId, RecurrenceId) {
    let start = date(2030, 1, 7).at(9, 0, 0, 0);
    let hour = SignedDuration::from_hours(1);
    let mut series = Event::new(Schedule::timed(start, Zone::utc(), hour, None).unwrap());
    series.recurrence =
        Some(Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::Count(9) });
    let day = |day| RecurrenceId::new(date(2030, 1, day).at(9, 0, 0, 0));
    let PropertyValue::Attendees(attendees) = guests(&["b@y.example", "c@y.example"]) else {
        panic!("people");
    };
    series.attendees = attendees;
    series.overrides.insert(day(8), changed(guests(&["d@y.example"])));
    series.overrides.insert(day(9), Override::Excluded);
    (series, day(8), day(9))
}

fn guests(addresses: &[&str]) -> PropertyValue {
    let attendee = Attendee {
        name: None,
        role: AttendeeRole::Required,
        participation: Participation::NeedsAction,
    };
    let people = addresses.iter().map(|address| ((*address).to_owned(), attendee.clone()));
    PropertyValue::Attendees(people.collect())
}

fn changed(value: PropertyValue) -> Override {
    let mut patch = OccurrencePatch::default();
    match value {
        PropertyValue::Attendees(people) => patch.attendees = Some(people),
        PropertyValue::Reminder(minutes) => patch.reminder_minutes = Some(minutes),
        PropertyValue::Title(title) => patch.title = Some(title),
        other => panic!("{:?}", other.property()),
    }
    Override::Changed(Box::new(patch))
}

fn decision(current: &Event, values: &[PropertyValue], mail: MailRule) -> Decision {
    let base = Base {
        exchange: current.clone(),
        business: current.clone(),
        born: Side::Exchange,
        announced: true,
    };
    let mut patch = EventPatch::new();
    for value in values {
        patch.set(value.clone());
    }
    let change = BusinessChange {
        number: 1,
        change: BusinessOperation::Upsert(patch),
        accepted_at: NOW,
        if_match_failed: false,
    };
    plan(&PlanInput {
        link: LinkView::Linked(&base),
        exchange: ExchangeView::Present {
            event: current,
            role: CopyRole::Organizer,
            stamped: StampView::Ours,
        },
        business: &[change],
        profile: &Profile { mail, ..Profile::default() },
        mailbox: &MailboxFacts {
            addresses: BTreeSet::new(),
            employees: BTreeSet::new(),
            zone: Zone::utc(),
            first_copy: false,
            mailing: mailing(graph::CAPABILITIES),
        },
        unfinished: None,
        now: NOW,
    })
}

/// The engine knows no protocol, and the adapter no rule: what the one foresees has to be what the
/// other does.
#[test]
fn n10_the_forecast_is_whom_graph_mails() {
    let (current, other, out) = series();
    let late = current.schedule.moved_to(date(2030, 1, 7).at(11, 0, 0, 0));
    let one = |id, change| PropertyValue::Override(id, change);
    let new = RecurrenceId::new(date(2030, 1, 10).at(9, 0, 0, 0));
    let changes = [
        vec![PropertyValue::Title(Some("b".to_owned()))],
        vec![PropertyValue::Location(Some("room".to_owned()))],
        vec![PropertyValue::Schedule(late, current.recurrence.clone())],
        vec![PropertyValue::ShowAs(ShowAs::Free)],
        vec![PropertyValue::Priority(1)],
        vec![PropertyValue::Reminder(Some(30))],
        vec![PropertyValue::Categories(["mine".to_owned()].into_iter().collect())],
        vec![guests(&["b@y.example", "e@y.example"])],
        vec![guests(&["b@y.example"]), PropertyValue::Reminder(Some(30))],
        vec![guests(&["b@y.example"]), PropertyValue::Title(Some("b".to_owned()))],
        vec![one(new, Some(changed(PropertyValue::Reminder(Some(30)))))],
        vec![one(new, Some(changed(PropertyValue::Title(Some("b".to_owned())))))],
        vec![one(new, Some(changed(guests(&["c@y.example"]))))],
        vec![one(new, Some(Override::Excluded))],
        vec![one(other, Some(Override::Excluded))],
        vec![one(other, None)],
        vec![one(out, None)],
        vec![PropertyValue::Privacy(Privacy::Personal)],
    ];
    for values in changes {
        let names: Vec<Property> = values.iter().map(PropertyValue::property).collect();
        let decision = decision(&current, &values, MailRule::Released);
        let tidemark_engine::ExchangeAction::Update { target, .. } = &decision.exchange else {
            panic!("{names:?}: {}", decision.explain());
        };
        let zone = Zone::utc();
        let update = plan_update(&current, target, WriteContext { zone: &zone }).unwrap();
        let mailed = mailed_by_update(&current, target, CopyRole::Organizer, &update);
        let foreseen: Vec<&str> = decision.forecast.recipients().collect();
        assert_eq!(foreseen, mailed.addresses.iter().collect::<Vec<_>>(), "{names:?}");
    }
}

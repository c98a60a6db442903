//! Whom Graph mails.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::date;
use tidemark_graph::calendar::{
    Mailed, WriteContext, mailed_by_answer, mailed_by_create, mailed_by_delete, mailed_by_update,
    plan_update,
};
use tidemark_model::{
    Attendee, AttendeeRole, CopyRole, Event, OccurrencePatch, Override, Participation, Pattern,
    Person, Range, Recurrence, RecurrenceId, Schedule, Zone,
};

fn people(names: &[&str]) -> BTreeMap<String, Attendee> {
    let attendee = Attendee {
        name: None,
        role: AttendeeRole::Required,
        participation: Participation::NeedsAction,
    };
    names.iter().map(|name| ((*name).to_owned(), attendee.clone())).collect()
}

fn meeting(names: &[&str]) -> Event {
    let start = date(2026, 3, 2).at(9, 0, 0, 0);
    let schedule = Schedule::timed(start, Zone::utc(), SignedDuration::from_hours(1), None);
    let mut event = Event::new(schedule.expect("times"));
    event.attendees = people(names);
    event
}

fn daily(names: &[&str]) -> Event {
    let mut event = meeting(names);
    let pattern = Pattern::Daily { interval: 1 };
    event.recurrence = Some(Recurrence { pattern, range: Range::Count(9) });
    event
}

fn id(day: i8) -> RecurrenceId {
    RecurrenceId::new(date(2026, 3, day).at(9, 0, 0, 0))
}

fn with(mut event: Event, day: i8, change: Override) -> Event {
    event.overrides.insert(id(day), change);
    event
}

fn with_people(names: &[&str]) -> Override {
    let attendees = Some(people(names));
    Override::Changed(Box::new(OccurrencePatch { attendees, ..OccurrencePatch::default() }))
}

fn updated_as(role: CopyRole, current: &Event, target: &Event) -> Mailed {
    let zone = Zone::utc();
    let plan = plan_update(current, target, WriteContext { zone: &zone }).expect("a plan");
    mailed_by_update(current, target, role, &plan)
}

fn updated(current: &Event, target: &Event) -> Vec<String> {
    list(updated_as(CopyRole::Organizer, current, target))
}

fn list(mailed: Mailed) -> Vec<String> {
    assert_eq!(mailed.is_empty(), mailed.addresses.is_empty());
    mailed.addresses.into_iter().collect()
}

#[test]
fn a_create_mails_everybody_who_is_on_it() {
    assert!(mailed_by_create(&meeting(&[])).is_empty());
    let series = with(daily(&["a@x", "b@x"]), 3, with_people(&["a@x", "c@x"]));
    assert_eq!(list(mailed_by_create(&series)), ["a@x", "b@x", "c@x"]);
}

#[test]
fn what_is_the_owners_own_mails_nobody() {
    let mut target = meeting(&["a@x"]);
    target.categories.insert("Red".to_owned());
    target.reminder_minutes = Some(5);
    assert!(updated(&meeting(&["a@x"]), &target).is_empty());
    assert!(updated(&target, &target).is_empty());
    target.title = Some("other".to_owned());
    assert_eq!(updated(&meeting(&["a@x"]), &target), ["a@x"]);
    // Nobody documents that others would be silent.
    let mut target = meeting(&["a@x"]);
    target.priority = 1;
    assert_eq!(updated(&meeting(&["a@x"]), &target), ["a@x"]);
}

#[test]
fn a_list_alone_mails_those_whom_it_concerns() {
    let current = meeting(&["a@x", "b@x", "c@x"]);
    let mut target = meeting(&["a@x", "b@x", "d@x"]);
    assert_eq!(updated(&current, &target), ["c@x", "d@x"]);
    if let Some(attendee) = target.attendees.get_mut("b@x") {
        attendee.role = AttendeeRole::Optional;
    }
    assert_eq!(updated(&current, &target), ["b@x", "c@x", "d@x"]);
    // With anything else it goes to everybody, those who are taken off included.
    target.location = Some("Room".to_owned());
    assert_eq!(updated(&current, &target), ["a@x", "b@x", "c@x", "d@x"]);
}

#[test]
fn an_occurrence_mails_its_own_people() {
    let current = with(daily(&["a@x"]), 3, with_people(&["a@x", "b@x"]));
    let cancelled = with(daily(&["a@x"]), 3, Override::Excluded);
    assert_eq!(updated(&current, &cancelled), ["a@x", "b@x"]);
    let more = with(current.clone(), 4, with_people(&["a@x", "c@x"]));
    assert_eq!(updated(&current, &more), ["c@x"]);
    // A new rule makes all of them anew.
    let mut other_rule = current.clone();
    let pattern = Pattern::Daily { interval: 2 };
    other_rule.recurrence = Some(Recurrence { pattern, range: Range::NoEnd });
    other_rule.overrides.clear();
    assert_eq!(updated(&current, &other_rule), ["a@x", "b@x"]);
}

#[test]
fn only_the_organisers_copy_mails_others() {
    let mut current = meeting(&["a@x"]);
    let mut target = meeting(&["a@x"]);
    target.title = Some("other".to_owned());
    assert!(updated_as(CopyRole::Attendee, &current, &target).is_empty());
    assert!(mailed_by_delete(&current, CopyRole::Attendee).is_empty());
    assert_eq!(list(mailed_by_delete(&current, CopyRole::Organizer)), ["a@x"]);
    // An appointment becomes a meeting by the people who are added.
    assert_eq!(list(updated_as(CopyRole::Appointment, &meeting(&[]), &target)), ["a@x"]);
    current.organizer = Some(Person { address: "o@x".to_owned(), name: None });
    assert_eq!(list(mailed_by_answer(&current, true)), ["o@x"]);
    assert!(mailed_by_answer(&current, false).is_empty());
    assert_eq!(format!("{:?}", mailed_by_answer(&current, true)), "Mailed(1 people)");
}

//! What is written to Graph reads the same when it comes back, for everything that it can hold.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use tidemark_graph::calendar::{
    EventItem, ReadContext, Series, WriteContext, changes, plan_create, plan_update, read_event,
};
use tidemark_model::{CopyRole, Event, Override, Property, Schedule, Zone};

use crate::generators::{any_times, events, overrides, plain_events, with_overrides, zones};
use crate::server::{Server, check_times};

pub(crate) fn created(event: &Event, zone: &Zone, shifts_days: bool) -> Server {
    let plan = plan_create(event, Some("link;intent;7"), Some("intent"), WriteContext { zone });
    let plan = plan.expect("a plan");
    check_times(plan.event.members());
    let mut server = Server::create(plan.event.members());
    server.shifts_days = shifts_days;
    server.write(&plan.occurrences);
    server
}

pub(crate) fn read(server: &Server, zone: &Zone) -> Series {
    let json = server.answer().to_string();
    let item = EventItem::read(json.as_bytes()).expect("an event");
    let series = read_event(&item, &ReadContext::in_zone(zone.clone())).expect("a series");
    assert_eq!(series.warnings, []);
    assert_eq!(series.stamp.as_deref(), Some("link;intent;7"));
    assert_eq!(item.transaction_id.as_deref(), Some("intent"));
    series
}

fn same(found: &Event, expected: &Event) -> Result<(), TestCaseError> {
    for property in expected.properties().into_iter().chain(found.properties()) {
        prop_assert!(
            expected.value(property).same(&found.value(property)),
            "{property:?}: {expected:?} became {found:?}"
        );
    }
    prop_assert_eq!(&found.title, &expected.title);
    prop_assert_eq!(&found.location, &expected.location);
    prop_assert_eq!(&found.attendees, &expected.attendees);
    prop_assert_eq!(&found.recurrence, &expected.recurrence);
    Ok(())
}

/// Takes over some properties of another event, and its overrides.
fn mixed(mut event: Event, other: &Event, taken: &[bool]) -> Event {
    for (property, taken) in other.properties().into_iter().zip(taken) {
        if *taken && !matches!(property, Property::Override(_)) {
            event.apply(other.value(property));
        }
    }
    // The two go together: the status is told by the busy status.
    (event.show_as, event.status) = (other.show_as, other.status);
    event.overrides.clear();
    event.normalised()
}

proptest! {
    #![proptest_config(Config { cases: 256, rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_is_written_reads_the_same(event in events(), mailbox in zones(), shifts in any::<bool>()) {
        let series = read(&created(&event, &mailbox, shifts), &mailbox);
        same(&series.event, &event)?;
        let role = if event.attendees.is_empty() { CopyRole::Appointment } else { CopyRole::Organizer };
        prop_assert_eq!(series.role, role);
        let changed = event.overrides.iter().filter(|(_, change)| **change != Override::Excluded);
        prop_assert!(series.exceptions.keys().eq(changed.map(|(id, _)| id)));
        let left = plan_update(&series.event, &event, WriteContext { zone: &mailbox }).expect("a plan");
        prop_assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn an_update_writes_what_differs_and_no_more(
        a in events(),
        b in plain_events(),
        taken in prop::collection::vec(prop::bool::weighted(0.3), 12),
        new_overrides in overrides(),
        mailbox in zones(),
        shifts in any::<bool>(),
    ) {
        let target = with_overrides(mixed(a.clone(), &b, &taken), new_overrides);
        let mut server = created(&a, &mailbox, shifts);
        let before = read(&server, &mailbox).event;
        let context = WriteContext { zone: &mailbox };
        let plan = plan_update(&before, &target, context).expect("a plan");
        check_times(plan.event.members());
        server.apply(&plan);
        let after = read(&server, &mailbox).event;
        same(&after, &target)?;
        let left = plan_update(&after, &target, context).expect("a plan");
        prop_assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn instances_are_recognised(event in events(), mailbox in zones(), shifts in any::<bool>()) {
        let server = created(&event, &mailbox, shifts);
        let Some(rule) = &event.recurrence else { return Ok(()) };
        for id in rule.starts(event.schedule.start()).take(9) {
            let mut instance = server.occurrence(id);
            let context = ReadContext::in_zone(mailbox.clone());
            let found = |json: &serde_json::Value| {
                let item = EventItem::read(json.to_string().as_bytes()).expect("an instance");
                item.occurrence_of(&event, &context)
            };
            prop_assert_eq!(found(&instance), Some(id));
            if instance["type"] == "occurrence" {
                instance["originalStart"] = serde_json::Value::Null;
                prop_assert_eq!(found(&instance), Some(id));
            }
        }
    }

    #[test]
    fn instants_survive_where_clocks_change(schedule in any_times(), mailbox in zones()) {
        let event = Event::new(schedule);
        let found = read(&created(&event, &mailbox, true), &mailbox).event;
        prop_assert_eq!(found.schedule.instants(&mailbox), event.schedule.instants(&mailbox));
        prop_assert!(event.value(Property::Schedule).same(&found.value(Property::Schedule)), "{found:?}");
    }

    #[test]
    fn changes_are_empty_exactly_where_nothing_differs(a in plain_events(), b in plain_events(), mailbox in zones()) {
        let told_by_busy = |property: &Property| {
            matches!(property, Property::Status | Property::ShowAs | Property::MyParticipation)
        };
        let same = a.properties().iter().filter(|property| !told_by_busy(property))
            .all(|property| a.value(*property).same(&b.value(*property)));
        let context = WriteContext { zone: &mailbox };
        let left = changes(&a, &b, context).expect("changes");
        prop_assert_eq!(same, left.names().all(|name| name == "showAs"), "{:?}", left);
        prop_assert!(changes(&a, &a, context).expect("changes").is_empty());
    }

    #[test]
    fn floating_times_are_bound_to_the_mailbox(event in plain_events(), mailbox in zones()) {
        let Schedule::Timed(timed) = &event.schedule else { return Ok(()) };
        let mut floating = event.clone();
        floating.schedule = Schedule::floating(timed.start(), timed.duration()).expect("times");
        let found = read(&created(&floating, &mailbox, true), &mailbox).event;
        prop_assert_eq!(found.schedule.start(), timed.start());
        prop_assert_eq!(found.schedule.zone(), Some(&mailbox));
    }
}

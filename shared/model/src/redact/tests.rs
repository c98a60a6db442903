//! Tests of redaction.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::zone::{Zone, ZoneRules};
use crate::{
    Attachment, Attendee, AttendeeRole, Body, BodyFormat, Event, OccurrencePatch, OnlineMeeting,
    Override, Participation, Pattern, Person, Privacy, Range, Recurrence, RecurrenceId, Schedule,
    ShowAs,
};

/// An event that says `secret` wherever something can be said.
fn full(secret: &str) -> Event {
    let text = || Some(secret.to_owned());
    let body = || Some(Body { format: BodyFormat::Text, content: secret.to_owned() });
    let attendees = || {
        let attendee = Attendee {
            name: text(),
            role: AttendeeRole::Required,
            participation: Participation::Accepted,
        };
        BTreeMap::from([(secret.to_owned(), attendee)])
    };
    let zone = Zone::Rules(ZoneRules {
        name: secret.to_owned(),
        standard_offset_seconds: 1234,
        daylight: None,
    });
    let at = |day| {
        Schedule::timed(
            date(2026, 3, day).at(9, 0, 0, 0),
            zone.clone(),
            SignedDuration::from_hours(1),
            None,
        )
        .expect("legal times")
    };
    let mut event = Event::new(at(2));
    event.uid = text();
    event.title = text();
    event.body = body();
    event.location = text();
    event.categories = BTreeSet::from([secret.to_owned()]);
    event.priority = 1;
    event.reminder_minutes = Some(5);
    event.privacy = Privacy::Private;
    event.show_as = ShowAs::Oof;
    event.organizer = Some(Person { address: secret.to_owned(), name: text() });
    event.attendees = attendees();
    event.my_participation = Some(Participation::Accepted);
    event.online_meeting = Some(OnlineMeeting { join_url: secret.to_owned() });
    event.attachments = vec![Attachment {
        id: secret.to_owned(),
        name: secret.to_owned(),
        content_type: text(),
        size_bytes: Some(1),
        inline: false,
    }];
    event.sequence = 3;
    event.created = Some(Timestamp::UNIX_EPOCH);
    event.updated = Some(Timestamp::UNIX_EPOCH);
    event.recurrence =
        Some(Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::Count(5) });
    let patch = |schedule| OccurrencePatch {
        title: Some(text()),
        body: Some(body()),
        schedule,
        location: Some(text()),
        show_as: None,
        reminder_minutes: Some(None),
        categories: Some(BTreeSet::from([secret.to_owned()])),
        attendees: Some(attendees()),
        priority: Some(9),
    };
    let id = |day| RecurrenceId::new(date(2026, 3, day).at(9, 0, 0, 0));
    event.overrides.insert(id(2), Override::Excluded);
    event.overrides.insert(id(3), Override::Changed(Box::new(patch(Some(at(9))))));
    event.overrides.insert(id(4), Override::Changed(Box::new(patch(None))));
    event
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn nothing_but_time_and_state_survives(secret in "[a-z]{1,9}") {
        let event = full(&secret);
        // What the secret was cannot be told from the result, so none of it is there.
        let busy = event.busy_only();
        prop_assert!(busy == full("another").busy_only());
        let mut bare = Event::new(busy.schedule.clone());
        bare.recurrence.clone_from(&event.recurrence);
        bare.overrides.clone_from(&busy.overrides);
        (bare.show_as, bare.privacy) = (ShowAs::Oof, Privacy::Private);
        prop_assert!(busy == bare);
        let marked = format!("q{secret}q7");
        let shown = format!("{:?}", full(&marked).busy_only());
        prop_assert!(!shown.contains(&marked));
        prop_assert_eq!(busy.overrides.len(), 2);
        prop_assert!(busy.busy_only() == busy);
        let times = |event: &Event| -> Vec<_> {
            event
                .instances(Timestamp::UNIX_EPOCH, Timestamp::MAX, &Zone::utc(), 9)
                .iter()
                .map(|found| found.event.schedule.instants(&Zone::utc()))
                .collect()
        };
        prop_assert_eq!(times(&busy), times(&event));
    }
}

//! Single events: every property there and back, versions, searches, pages, people.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::date;
use tidemark_mailbox::ews::Access;
use tidemark_mailbox::{Change, Cursor, Disposition, Mailbox, PushRequest, RemoteId, Scope};
use tidemark_model::{
    Attendee, AttendeeRole, Body, BodyFormat, CopyRole, EventStatus, MailMode, Participation,
    Privacy, Schedule, ShowAs,
};

use crate::bench::{
    ALEX, Always, BLAKE, Bench, PASSWORD, SERVICE, assert_same, at, create, event, hour, read,
    stamp, zone,
};

#[tokio::test]
async fn every_property_comes_back_as_it_was_written() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let mut full = event("Visit <& \"friends\"> \u{1F600}", hour(at(3, 2, 9), "Europe/Berlin"));
    full.uid = Some("4711@business.example".to_owned());
    full.body =
        Some(Body { format: BodyFormat::Text, content: "first line\nsecond & last".to_owned() });
    full.location = Some("Room 1".to_owned());
    full.show_as = ShowAs::Oof;
    full.privacy = Privacy::Private;
    full.priority = 1;
    full.categories = ["Blue".to_owned(), "Red".to_owned()].into();
    full.reminder_minutes = Some(30);
    let made = create(&mailbox, &full, 1).await;
    let found = read(&mailbox, &made).await;
    assert_same(&found.event, &full);
    assert_eq!(found.reference, made);
    assert_eq!(found.event.uid, full.uid);
    assert_eq!(found.event.schedule, full.schedule);
    assert_eq!(found.role, CopyRole::Appointment);
    assert_eq!(found.stamp, Some(stamp(1)));
    assert!(found.event.created.is_some());
}

#[tokio::test]
async fn an_event_with_nothing_but_its_time_has_no_reminder() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let bare = tidemark_model::Event::new(hour(at(3, 2, 9), "Europe/Berlin"));
    let made = create(&mailbox, &bare, 1).await;
    let found = read(&mailbox, &made).await;
    assert_same(&found.event, &bare);
    assert_eq!(found.event.reminder_minutes, None);
}

#[tokio::test]
async fn times_keep_their_zone_over_the_change_of_offset() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let zones = ["America/New_York", "Asia/Kolkata", "Etc/UTC", "Europe/Berlin"];
    for (number, name) in (1..).zip(zones) {
        for month in [1, 7] {
            let there = event("there", hour(at(month, 15, 23), name));
            let made = create(&mailbox, &there, number).await;
            let found = read(&mailbox, &made).await;
            assert_same(&found.event, &there);
            assert_eq!(found.event.schedule.start(), at(month, 15, 23), "{name}");
        }
    }
}

#[tokio::test]
async fn a_flight_ends_in_another_zone_than_it_starts() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let length = SignedDuration::from_hours(9);
    let schedule = Schedule::timed(
        at(3, 2, 11),
        zone("Europe/Berlin"),
        length,
        Some(zone("America/New_York")),
    );
    let flight = event("Flight", schedule.expect("a time"));
    let made = create(&mailbox, &flight, 1).await;
    assert_same(&read(&mailbox, &made).await.event, &flight);
}

#[tokio::test]
async fn whole_days_stay_the_days_that_they_are() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    // The night of the second range is an hour shorter.
    for (start, end) in
        [(date(2026, 3, 2), date(2026, 3, 3)), (date(2026, 3, 28), date(2026, 3, 31))]
    {
        let days = event("Fair", Schedule::all_day(start, end).expect("days"));
        let made = create(&mailbox, &days, 1).await;
        let found = read(&mailbox, &made).await;
        assert_eq!(found.event.schedule, days.schedule);
        let mut moved = found.event.clone();
        moved.schedule = Schedule::all_day(date(2026, 8, 1), date(2026, 8, 2)).expect("days");
        let made = mailbox.update(&found, &moved, MailMode::Silent, &Always).await;
        let found = read(&mailbox, &made.expect("written")).await;
        assert_eq!(found.event.schedule, moved.schedule);
        let mut timed = found.event.clone();
        timed.schedule = hour(at(8, 1, 9), "America/New_York");
        let made = mailbox.update(&found, &timed, MailMode::Silent, &Always).await;
        assert_same(&read(&mailbox, &made.expect("written")).await.event, &timed);
    }
}

#[tokio::test]
async fn properties_are_changed_and_cleared_one_by_one() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let mut full = event("Visit", hour(at(3, 2, 9), "Europe/Berlin"));
    full.body = Some(Body { format: BodyFormat::Text, content: "text".to_owned() });
    full.location = Some("Room 1".to_owned());
    full.categories = ["Blue".to_owned()].into();
    full.reminder_minutes = Some(30);
    full.priority = 1;
    let made = create(&mailbox, &full, 1).await;
    let current = read(&mailbox, &made).await;
    let mut target = current.event.clone();
    target.title = Some("Other".to_owned());
    target.body = None;
    target.location = None;
    target.categories.clear();
    target.reminder_minutes = None;
    target.priority = 9;
    target.show_as = ShowAs::Free;
    target.privacy = Privacy::Confidential;
    target.schedule = hour(at(4, 2, 14), "America/New_York");
    let written = mailbox.update(&current, &target, MailMode::Silent, &Always).await;
    let written = written.expect("written");
    assert_ne!(written.change_key, made.change_key);
    let found = read(&mailbox, &written).await;
    assert_same(&found.event, &target);
    assert_eq!(found.reference, written);
    assert_eq!(found.stamp, Some(stamp(1)));
}

#[tokio::test]
async fn a_tentative_event_is_tentative_on_both_sides() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let mut maybe = event("Maybe", hour(at(3, 2, 9), "Europe/Berlin"));
    maybe.show_as = ShowAs::Tentative;
    maybe.status = EventStatus::Tentative;
    let made = create(&mailbox, &maybe, 1).await;
    assert_same(&read(&mailbox, &made).await.event, &maybe);
}

#[tokio::test]
async fn a_write_over_somebody_elses_edit_is_a_conflict() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let made = create(&mailbox, &event("Visit", hour(at(3, 2, 9), "Europe/Berlin")), 1).await;
    let seen = read(&mailbox, &made).await;
    let mut first = seen.event.clone();
    first.title = Some("First".to_owned());
    mailbox.update(&seen, &first, MailMode::Silent, &Always).await.expect("written");
    let mut second = seen.event.clone();
    second.location = Some("Room 2".to_owned());
    let refused = mailbox.update(&seen, &second, MailMode::Silent, &Always).await;
    let refused = refused.expect_err("stale");
    assert_eq!(refused.disposition, Disposition::Conflict);
    let refused = mailbox.delete(&made, MailMode::Silent, &Always).await;
    assert_eq!(refused.expect_err("stale").disposition, Disposition::Conflict);
    let found = read(&mailbox, &made).await;
    assert_eq!(found.event.title.as_deref(), Some("First"));
    assert_eq!(found.event.location, None);
}

#[tokio::test]
async fn a_deleted_item_is_gone() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let made = create(&mailbox, &event("Visit", hour(at(3, 2, 9), "Europe/Berlin")), 1).await;
    let page = mailbox.changes(None, 10).await.expect("a page");
    let deleted = mailbox.delete(&made, MailMode::Silent, &Always).await;
    assert_eq!(deleted, Ok(()));
    let again = mailbox.delete(&made, MailMode::Silent, &Always).await;
    assert_eq!(again.expect_err("gone").disposition, Disposition::Gone);
    let page = mailbox.changes(Some(&page.cursor), 10).await.expect("a page");
    assert_eq!(page.changes, [Change::Removed(made.id.clone())]);
    assert!(mailbox.find_by_stamp(stamp(1).link).await.expect("found").is_empty());
}

#[tokio::test]
async fn items_are_found_by_stamp_and_by_uid() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let mut visit = event("Visit", hour(at(3, 2, 9), "Europe/Berlin"));
    visit.uid = Some("4711@business.example".to_owned());
    let made = create(&mailbox, &visit, 1).await;
    create(&mailbox, &event("Other", hour(at(3, 3, 9), "Europe/Berlin")), 2).await;
    let found = mailbox.find_by_stamp(stamp(1).link).await;
    assert_eq!(found.as_deref(), Ok([made.clone()].as_slice()));
    let found = mailbox.find_by_uid("4711@business.example").await;
    assert_eq!(found.as_deref(), Ok([made].as_slice()));
    let none = mailbox.find_by_stamp(stamp(9).link).await;
    assert_eq!(none.as_deref(), Ok([].as_slice()));
    let none = mailbox.find_by_uid("4712@business.example").await;
    assert_eq!(none.as_deref(), Ok([].as_slice()));
}

#[tokio::test]
async fn changes_come_in_pages_and_go_on_where_they_stopped() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let mut made = Vec::new();
    for number in 1..=5 {
        let visit = event("Visit", hour(at(3, 2, 9), "Europe/Berlin"));
        made.push(create(&mailbox, &visit, number).await.id);
    }
    let mut seen: Vec<RemoteId> = Vec::new();
    let mut cursor: Option<Cursor> = None;
    let mut pages = 0;
    loop {
        let page = mailbox.changes(cursor.as_ref(), 2).await.expect("a page");
        pages += 1;
        seen.extend(page.changes.iter().map(|change| match change {
            Change::Touched(item) => item.id.clone(),
            Change::Removed(id) => panic!("{id:?} was removed"),
        }));
        cursor = Some(page.cursor);
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, 3);
    seen.sort();
    made.sort();
    assert_eq!(seen, made);
    let quiet = mailbox.changes(cursor.as_ref(), 2).await.expect("a page");
    assert!(quiet.changes.is_empty() && !quiet.more);
}

#[tokio::test]
async fn a_meeting_is_organised_here_and_answered_there() {
    let bench = Bench::new();
    let (alex, blake) = (bench.mailbox(ALEX), bench.mailbox(BLAKE));
    let mut meeting = event("Meeting", hour(at(3, 2, 9), "Europe/Berlin"));
    meeting.attendees = BTreeMap::from([(
        BLAKE.to_owned(),
        Attendee {
            name: Some("Blake".to_owned()),
            role: AttendeeRole::Required,
            participation: Participation::NeedsAction,
        },
    )]);
    let made = alex.create(&meeting, &stamp(1), MailMode::All, &Always).await.expect("created");
    let organised = read(&alex, &made).await;
    assert_eq!(organised.role, CopyRole::Organizer);
    assert_same(&organised.event, &meeting);
    let uid = organised.event.uid.clone().expect("a UID");
    let copies = blake.find_by_uid(&uid).await.expect("found");
    let copy = read(&blake, &copies[0]).await;
    assert_eq!(copy.role, CopyRole::Attendee);
    assert_eq!(copy.event.my_participation, Some(Participation::NeedsAction));
    assert_eq!(copy.event.status, EventStatus::Confirmed);
    assert_eq!(copy.stamp, None);
    let organizer = copy.event.organizer.as_ref().expect("an organiser");
    assert_eq!(organizer.address, ALEX);
    let answered = blake
        .respond(&copy.reference, Participation::Accepted, MailMode::All, &Always)
        .await
        .expect("answered");
    let copy = read(&blake, &answered).await;
    assert_eq!(copy.event.my_participation, Some(Participation::Accepted));
    let organised = read(&alex, &made).await;
    let blake_there = &organised.event.attendees[BLAKE];
    assert_eq!(blake_there.participation, Participation::Accepted);
    let refused =
        alex.respond(&organised.reference, Participation::Accepted, MailMode::All, &Always).await;
    assert_eq!(refused.expect_err("own meeting").disposition, Disposition::Reject);
}

#[tokio::test]
async fn people_come_and_go_without_the_others_being_written() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let attendee = |role| Attendee { name: None, role, participation: Participation::NeedsAction };
    let mut meeting = event("Meeting", hour(at(3, 2, 9), "Europe/Berlin"));
    meeting.attendees = BTreeMap::from([
        (BLAKE.to_owned(), attendee(AttendeeRole::Required)),
        ("casey@tidemark.example".to_owned(), attendee(AttendeeRole::Optional)),
    ]);
    let made = create(&mailbox, &meeting, 1).await;
    let current = read(&mailbox, &made).await;
    let mut target = current.event.clone();
    target.attendees.remove("casey@tidemark.example");
    let written = mailbox.update(&current, &target, MailMode::Silent, &Always).await;
    let current = read(&mailbox, &written.expect("written")).await;
    assert_same(&current.event, &target);
    let mut nobody = current.event.clone();
    nobody.attendees.clear();
    let written = mailbox.update(&current, &nobody, MailMode::Silent, &Always).await;
    let current = read(&mailbox, &written.expect("written")).await;
    assert_same(&current.event, &nobody);
}

#[tokio::test]
async fn a_subscription_is_made() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let made = mailbox.subscribe(&PushRequest::to("https://hooks.tidemark.example/key", 5)).await;
    assert!(!made.expect("subscribed").id.is_empty());
}

#[tokio::test]
async fn the_way_to_a_mailbox_is_checked() {
    let bench = Bench::new();
    let facts = bench.mailbox(ALEX).check().await.expect("facts");
    assert!(facts.version.is_some());
    assert_eq!(facts.calendar_items, Some(0));
    let own = bench.mailbox_as(ALEX, PASSWORD, ALEX, Access::Own);
    assert!(own.check().await.is_ok());
}

#[tokio::test]
async fn whoever_may_not_in_is_told_why() {
    let bench = Bench::new();
    let refused = |user, password, address| {
        let mailbox = bench.mailbox_as(user, password, address, Access::Impersonation);
        async move { mailbox.check().await.expect_err("refused") }
    };
    let error = refused(SERVICE, "wrong", ALEX).await;
    assert_eq!((error.disposition, error.scope), (Disposition::Authorize, Scope::Connection));
    let error = refused(BLAKE, PASSWORD, ALEX).await;
    assert_eq!(error.code, "ErrorImpersonateUserDenied");
    assert_eq!((error.disposition, error.scope), (Disposition::Reject, Scope::Mailbox));
    let error = refused(SERVICE, PASSWORD, "nobody@tidemark.example").await;
    assert_eq!(error.code, "ErrorNonExistentMailbox");
    assert_eq!((error.disposition, error.scope), (Disposition::Reject, Scope::Mailbox));
}

//! Answers written by hand after Microsoft's reference: see fixtures/README.md.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be"
)]

use jiff::Timestamp;
use tidemark_ews::calendar::{
    CalendarItem, ReadContext, ReadItem, ReadWarning, assemble_series, read_item,
};
use tidemark_ews::notification::{EventKind, PushReply, Subject, read_push};
use tidemark_ews::{
    CodeClass, EwsError, GetItem, GetServerTimeZones, Item, ItemChange, ItemKind, ResponseCode,
    SyncFolderItems, Unreadable,
};
use tidemark_model::{
    AttendeeRole, BodyFormat, CopyRole, EventStatus, OccurrencePatch, Override, Participation,
    Privacy, RecurrenceId, Schedule, ShowAs, Zone,
};

const GET_ITEM: &str = include_str!("fixtures/get-item.xml");
const NOTIFICATION: &[u8] = include_bytes!("fixtures/notification.xml");
const SYNC: &[u8] = include_bytes!("fixtures/sync-folder-items.xml");
const BUSY: &[u8] = include_bytes!("fixtures/busy-fault.xml");
const ZONES: &[u8] = include_bytes!("fixtures/server-time-zones.xml");

fn context() -> ReadContext {
    ReadContext::in_zone(Zone::parse("America/New_York").expect("a zone"))
}

fn item(xml: &str, index: usize) -> Box<CalendarItem> {
    let answer = GetItem::read(xml.as_bytes()).expect("an answer");
    match answer.messages.into_iter().nth(index) {
        Some(Ok(Item::Calendar(item))) => item,
        other => panic!("no appointment: {other:?}"),
    }
}

fn read(xml: &str, index: usize) -> ReadItem {
    read_item(&item(xml, index), &context()).expect("an item")
}

#[test]
fn parts_are_read_on_their_own() {
    let answer = GetItem::read(GET_ITEM.as_bytes()).expect("an answer");
    let server = answer.server.expect("a version");
    assert_eq!((server.major, server.minor, server.build, server.revision), (15, 2, 2562, 17));
    let [meeting, damaged, missing, series] = answer.messages.as_slice() else {
        panic!("four parts")
    };
    assert!(meeting.is_ok() && series.is_ok());
    let Err(EwsError::Damaged(damage)) = damaged else { panic!("{damaged:?}") };
    assert_eq!(damage.id.as_ref().map(|id| id.id.as_str()), Some("damaged"));
    let Err(EwsError::Refused(refused)) = missing else { panic!("{missing:?}") };
    assert_eq!(refused.code.as_str(), "ErrorItemNotFound");
    assert_eq!(refused.class(), CodeClass::Gone);
}

#[test]
fn a_meeting_is_read_whole() {
    let ReadItem { id, event, stamp, role, warnings, .. } = read(GET_ITEM, 0);
    assert_eq!((id.id.as_str(), id.change_key.as_deref()), ("meeting", Some("k1")));
    assert_eq!(event.title.as_deref(), Some("Weekly & \u{FFFD}more\u{FFFD}"));
    // A word that nobody knows hides rather than shows; no data counts as busy.
    assert_eq!((event.privacy, event.show_as), (Privacy::Private, ShowAs::Busy));
    let body = event.body.expect("a body");
    assert_eq!((body.format, body.content.as_str()), (BodyFormat::Html, "<p>Hello\r\nthere</p>"));
    assert_eq!(event.attachments.len(), 1);
    assert_eq!(event.categories.len(), 2);
    assert_eq!((event.priority, event.reminder_minutes, event.sequence), (1, Some(15), 3));
    assert_eq!(stamp.as_deref(), Some("link;intent;7"));
    assert_eq!(role, CopyRole::Attendee);
    assert_eq!(event.my_participation, Some(Participation::Tentative));
    assert_eq!(event.status, EventStatus::Confirmed);
    assert_eq!(event.organizer.expect("an organiser").address, "blake@tidemark.example");
    let people: Vec<_> = event
        .attendees
        .iter()
        .map(|(key, who)| (key.as_str(), who.role, who.participation))
        .collect();
    let nobody_yet = Participation::NeedsAction;
    assert_eq!(
        people,
        [
            ("/o=first/cn=casey", AttendeeRole::Optional, Participation::Accepted),
            ("alex@tidemark.example", AttendeeRole::Required, Participation::Tentative),
            // Without an address: by the name, so as not to be lost.
            ("nobody", AttendeeRole::Required, nobody_yet),
            ("room@tidemark.example", AttendeeRole::Resource, nobody_yet),
        ]
    );
    assert_eq!(warnings, []);
    let Schedule::Timed(timed) = &event.schedule else { panic!("a time") };
    assert_eq!(timed.start().to_string(), "2026-03-02T09:00:00");
    assert_eq!(timed.zone().name(), "Europe/Berlin");
    assert_eq!(timed.end_zone().map(Zone::name), Some("Asia/Tokyo"));
    assert_eq!(timed.duration().as_mins(), 90);
}

#[test]
fn a_series_is_put_together_with_its_exceptions() {
    let master = read(GET_ITEM, 3);
    assert_eq!((master.modified.len(), master.deleted.len()), (1, 1));
    let mut exception = read(&single("2026-04-06T10:00:00Z", "2026-04-06T10:15:00Z", ""), 0);
    exception.id.id = "exception".to_owned();
    let series = assemble_series(master, vec![exception]);
    assert_eq!(series.warnings, []);
    let id =
        |day: i8, month: i8| RecurrenceId::new(jiff::civil::date(2026, month, day).at(9, 0, 0, 0));
    // Summer time began on 29 March: the instants differ by an hour, the civil times do not.
    assert_eq!(series.event.overrides.get(&id(30, 3)), Some(&Override::Excluded));
    let Some(Override::Changed(patch)) = series.event.overrides.get(&id(6, 4)) else {
        panic!("{:?}", series.event.overrides)
    };
    let start = patch.schedule.as_ref().map(|schedule| schedule.start().to_string());
    assert_eq!(start.as_deref(), Some("2026-04-06T12:00:00"));
    assert_eq!(patch.title, Some(Some("one".to_owned())));
    let rest = OccurrencePatch { schedule: None, title: None, ..*patch.clone() };
    assert!(rest.is_empty(), "{rest:?}");
    assert_eq!(series.exceptions.get(&id(6, 4)).map(|id| id.id.as_str()), Some("exception"));
}

fn single(start: &str, end: &str, more: &str) -> String {
    format!(
        "<Envelope><Body><GetItemResponse><ResponseMessages><GetItemResponseMessage \
         ResponseClass='Success'><ResponseCode>NoError</ResponseCode><Items><CalendarItem>\
         <ItemId Id='i' ChangeKey='k'/><Subject>one</Subject><Start>{start}</Start><End>{end}</End>\
         <StartTimeZone Id='W. Europe Standard Time'/>{more}</CalendarItem></Items>\
         </GetItemResponseMessage></ResponseMessages></GetItemResponse></Body></Envelope>"
    )
}

#[test]
fn whole_days_are_dates_of_their_own_zone() {
    let days = |start: &str, end: &str, more: &str| {
        let more = format!("<IsAllDayEvent>true</IsAllDayEvent>{more}");
        let item = read(&single(start, end, &more), 0);
        let Schedule::AllDay(days) = item.event.schedule else { panic!("no whole day") };
        (days.start().to_string(), days.end().to_string(), item.warnings)
    };
    // Midnight in Berlin lies on the day before in UTC, and in New York, where we read it.
    let (start, end, warnings) = days("2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z", "");
    assert_eq!((start.as_str(), end.as_str()), ("2026-03-02", "2026-03-03"));
    assert_eq!(warnings, []);
    // An item made in another zone is off midnight here; the nearest one is meant.
    let (start, end, warnings) = days("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", "");
    assert_eq!((start.as_str(), end.as_str()), ("2026-03-02", "2026-03-03"));
    assert!(warnings.contains(&ReadWarning::AllDayOffMidnight));
    let clock = "<StartWallClock>2026-03-02T00:00:00+09:00</StartWallClock>\
                 <EndWallClock>2026-03-03T00:00:00+09:00</EndWallClock>";
    let (start, ..) = days("2026-03-01T15:00:00Z", "2026-03-02T15:00:00Z", clock);
    assert_eq!(start, "2026-03-02");
    let (start, end, warnings) = days("2026-03-01T23:00:00Z", "2026-03-01T23:00:00Z", "");
    assert_eq!((start.as_str(), end.as_str()), ("2026-03-02", "2026-03-03"));
    assert_eq!(warnings, [ReadWarning::EndMoved]);
}

#[test]
fn whose_copy_it_is_decides_whether_it_is_written() {
    let role =
        |more: &str| read(&single("2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z", more), 0).role;
    let attendee = "<RequiredAttendees><Attendee><Mailbox><EmailAddress>a@b.example</EmailAddress>\
                    </Mailbox></Attendee></RequiredAttendees>";
    let organizer =
        "<Organizer><Mailbox><EmailAddress>o@b.example</EmailAddress></Mailbox></Organizer>";
    let response = |word: &str| format!("{attendee}<MyResponseType>{word}</MyResponseType>");
    assert_eq!(role(""), CopyRole::Appointment);
    assert_eq!(role("<MyResponseType>Organizer</MyResponseType>"), CopyRole::Appointment);
    assert_eq!(role(&response("Organizer")), CopyRole::Organizer);
    assert_eq!(role(&response("NoResponseReceived")), CopyRole::Attendee);
    assert_eq!(role(&format!("{attendee}{organizer}")), CopyRole::Attendee);
    assert_eq!(
        role(&format!("{attendee}{organizer}<AppointmentState>1</AppointmentState>")),
        CopyRole::Organizer
    );
    assert_eq!(role("<AppointmentState>3</AppointmentState>"), CopyRole::Attendee);
    assert_eq!(role("<IsMeeting>true</IsMeeting>"), CopyRole::Organizer);
}

#[test]
fn what_cannot_be_written_back_as_it_was_is_damaged() {
    let reasons = |more: &str| {
        let xml = single("2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z", more);
        read_item(&item(&xml, 0), &context()).map_err(|damage| damage.reason)
    };
    let master = "<CalendarItemType>RecurringMaster</CalendarItemType>";
    assert_eq!(reasons(master).err(), Some("it is a series without a rule"));
    let later = format!("{master}<Recurrence><HourlyRecurrence/><NoEndRecurrence/></Recurrence>");
    assert_eq!(reasons(&later).err(), Some("the rule of its series cannot be understood"));
    let zero = format!(
        "{master}<Recurrence><DailyRecurrence><Interval>0</Interval></DailyRecurrence>\
         <NoEndRecurrence/></Recurrence>"
    );
    assert!(reasons(&zero).is_err());
    let xml = single("yesterday", "2026-03-02T09:00:00Z", "");
    let damage = read_item(&item(&xml, 0), &context()).expect_err("no start");
    assert_eq!(damage.id.map(|id| id.id).as_deref(), Some("i"));
}

#[test]
fn unknown_zones_leave_the_instants_right() {
    let xml =
        single("2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z", "<StartTimeZone Id='Atlantis'/>");
    let read = read(&xml, 0);
    assert_eq!(read.warnings, [ReadWarning::UnknownZone]);
    assert_eq!(read.event.schedule.instants(&Zone::utc()).0.to_string(), "2026-03-02T08:00:00Z");
    assert_eq!(read.zone.name(), "America/New_York");
}

#[test]
fn every_event_of_a_notification_is_told() {
    let notifications = read_push(NOTIFICATION).expect("notifications");
    let [Ok(first), Err(second)] = notifications.as_slice() else { panic!("two messages") };
    assert_eq!(first.subscription, "sub-1");
    assert_eq!(first.previous_watermark.as_deref(), Some("w0"));
    assert_eq!(first.watermark(), Some("w9"));
    assert!(first.more_events && first.touches_items());
    let kinds: Vec<_> = first.events.iter().map(|event| event.kind).collect();
    use EventKind::*;
    assert_eq!(
        kinds,
        [Created, Modified, Moved, Copied, Deleted, NewMail, FreeBusyChanged, Unrecognised, Status]
    );
    assert!(matches!(&first.events[1].subject, Subject::Folder(folder) if folder.id == "f"));
    let Subject::Item { id, old } = &first.events[2].subject else { panic!("an item") };
    assert_eq!((id.id.as_str(), old.as_ref().map(|old| old.id.as_str())), ("now", Some("before")));
    assert_eq!(first.events[8].subject, Subject::Nothing);
    assert_eq!(second.code().map(ResponseCode::class), Some(CodeClass::StateReset));
    assert_eq!(read_push(SYNC), Err(EwsError::Unreadable(Unreadable::Unexpected)));
}

#[test]
fn a_notification_is_answered_with_a_status() {
    for (reply, word) in [(PushReply::Ok, "OK"), (PushReply::Unsubscribe, "Unsubscribe")] {
        let bytes = reply.to_bytes();
        let text = str::from_utf8(&bytes).expect("UTF-8");
        let document = roxmltree::Document::parse(text).expect("XML");
        let status =
            document.descendants().find(|node| node.tag_name().name() == "SubscriptionStatus");
        assert_eq!(status.and_then(|node| node.text()), Some(word));
    }
}

#[test]
fn changes_are_told_in_order_and_a_broken_one_does_not_hide_the_others() {
    let changes = SyncFolderItems::read(SYNC).expect("an answer").single().expect("changes");
    assert_eq!(changes.state.as_deref(), Some("H4sIAAA="));
    assert!(!changes.is_last);
    let [
        Ok(ItemChange::Created(a)),
        Err(EwsError::Damaged(_)),
        Ok(ItemChange::Updated(b)),
        Ok(ItemChange::Deleted(c)),
        Ok(ItemChange::ReadFlag(d)),
        Err(_),
    ] = changes.changes.as_slice()
    else {
        panic!("{:?}", changes.changes)
    };
    assert_eq!(
        (a.id.id.as_str(), a.uid.as_deref(), a.stamp.as_deref()),
        ("a", Some("uid-a"), Some("link;intent;7"))
    );
    assert_eq!((b.id.id.as_str(), b.kind), ("b", ItemKind::MeetingMessage));
    assert_eq!((c.id.as_str(), d.id.as_str()), ("c", "d"));
}

#[test]
fn a_fault_says_how_long_to_wait() {
    let Err(EwsError::Fault(fault)) = GetItem::read(BUSY) else { panic!("a fault") };
    assert_eq!(fault.code.as_str(), "ErrorInternalServerError");
    assert_eq!(fault.inner.as_ref().map(ResponseCode::as_str), Some("ErrorServerBusy"));
    assert_eq!((fault.class(), fault.back_off_ms), (CodeClass::BackOff, Some(297_749)));
    assert_eq!((fault.line, fault.position), (Some(1), Some(42)));
    assert_eq!(fault.text.as_deref(), Some("The server is busy."));
    assert!(!format!("{fault:?} {fault}").contains("The server"));
}

#[test]
fn zones_are_read_by_their_rules() {
    let zones = GetServerTimeZones::read(ZONES).expect("an answer").single().expect("zones");
    let [custom, nowhere, berlin] = zones.as_slice() else { panic!("three zones") };
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    let now = at("2026-03-20T12:00:00Z");
    assert_eq!(custom.zone_at(now, None).expect("a zone").name(), "America/Los_Angeles");
    // On 20 March summer time has begun by the newer rules and not by the older ones.
    let offset = |year: &str| {
        let at = at(&format!("{year}-03-20T12:00:00Z"));
        custom.rules_at(at).map(|rules| rules.offset_seconds_at(at))
    };
    assert_eq!((offset("2026"), offset("2006")), (Some(-7 * 3600), Some(-8 * 3600)));
    let nowhere = nowhere.rules_at(now).expect("rules");
    assert_eq!((nowhere.standard_offset_seconds, nowhere.daylight), (5 * 3600 + 17 * 60, None));
    assert_eq!(berlin.rules_at(now), None);
    assert_eq!(berlin.zone_at(now, Some("AT")).expect("a zone").name(), "Europe/Vienna");
}

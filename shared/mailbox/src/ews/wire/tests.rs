use std::collections::BTreeMap;

use jiff::civil::{DateTime, date, datetime};
use tidemark_model::{
    CopyRole, EventStatus, Override, Privacy, RecurrenceId, Schedule, ShowAs, Zone,
};

use super::*;
use crate::error::Disposition;
use crate::ews::tests::script::{Script, mailbox};

const TIMES: &str = "<Start>2026-03-02T08:00:00Z</Start><End>2026-03-02T09:00:00Z</End>";
const DAILY: &str = "<Recurrence><DailyRecurrence><Interval>1</Interval></DailyRecurrence>\
                     <NumberedRecurrence><StartDate>2026-03-27</StartDate>\
                     <NumberOfOccurrences>4</NumberOfOccurrences></NumberedRecurrence></Recurrence>";

fn endpoint() -> EwsEndpoint {
    let mut endpoint = mailbox(&Script::new([]), Access::Own).session.endpoint;
    endpoint.zone = zone("Europe/Vienna");
    endpoint
}

fn answer(operation: &str, class: &str, content: &str) -> String {
    format!(
        "<Envelope><Body><{operation}Response><ResponseMessages><{operation}ResponseMessage \
         ResponseClass='{class}'>{content}</{operation}ResponseMessage></ResponseMessages>\
         </{operation}Response></Body></Envelope>"
    )
}

fn got_item(item: &str) -> Result<GotItem, MailboxError> {
    let bytes = answer("GetItem", "Success", &format!("<Items>{item}</Items>"));
    let mut items = read_get(bytes.as_bytes()).expect("an answer");
    match items.remove(0) {
        Ok(item) => GotItem::of(&item, &endpoint()),
        Err(error) => Err(fault::code::of_ews(&error, fault::Effect::Read)),
    }
}

fn got(properties: &str) -> Result<GotItem, MailboxError> {
    got_item(&format!("<CalendarItem><ItemId Id='a' ChangeKey='1'/>{properties}</CalendarItem>"))
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).expect("a zone")
}

fn read(properties: &str) -> RemoteEvent {
    got(properties).expect("readable").assemble(Vec::new()).expect("an event")
}

fn at(day: i8, hour: i8) -> DateTime {
    datetime(2026, 3, day, hour, 0, 0, 0)
}

#[test]
fn what_is_unknown_hides_more_and_blocks_more() {
    let unknown = "<Sensitivity>Secret</Sensitivity>\
                   <LegacyFreeBusyStatus>NoData</LegacyFreeBusyStatus>";
    let event = read(&format!("{unknown}{TIMES}")).event;
    assert_eq!((event.privacy, event.show_as), (Privacy::Private, ShowAs::Busy));
}

#[test]
fn an_unanswered_invitation_is_no_tentative_event() {
    let tentative = format!("{TIMES}<LegacyFreeBusyStatus>Tentative</LegacyFreeBusyStatus>");
    let invited = format!(
        "{tentative}<MyResponseType>NoResponseReceived</MyResponseType>\
         <AppointmentState>3</AppointmentState>"
    );
    let item = read(&invited);
    assert_eq!(item.role, CopyRole::Attendee);
    assert_eq!(item.event.status, EventStatus::Confirmed);
    assert_eq!(item.event.my_participation, Some(Participation::NeedsAction));
    let own = read(&tentative);
    assert_eq!(own.event.status, EventStatus::Tentative);
    assert_eq!(own.event.my_participation, None);
    let cancelled = read(&format!("{invited}<IsCancelled>true</IsCancelled>"));
    assert_eq!(cancelled.event.status, EventStatus::Cancelled);
}

#[test]
fn a_windows_zone_is_the_mailboxs_own_zone_where_it_can_be() {
    let in_zone = |id| read(&format!("{TIMES}<StartTimeZone Id='{id}'/>")).event.schedule;
    let vienna = in_zone("W. Europe Standard Time");
    assert_eq!((vienna.zone(), vienna.start()), (Some(&zone("Europe/Vienna")), at(2, 9)));
    let tokyo = in_zone("Tokyo Standard Time");
    assert_eq!((tokyo.zone(), tokyo.start()), (Some(&zone("Asia/Tokyo")), at(2, 17)));
    assert_eq!(in_zone("tzone://Microsoft/Custom").start(), at(2, 9));
}

#[test]
fn whole_days_are_those_of_the_items_zone() {
    let days = "<Start>2026-03-01T15:00:00Z</Start><End>2026-03-02T15:00:00Z</End>\
                <IsAllDayEvent>true</IsAllDayEvent><StartTimeZone Id='Tokyo Standard Time'/>";
    let expected = Schedule::all_day(date(2026, 3, 2), date(2026, 3, 3));
    assert_eq!(Ok(read(days).event.schedule), expected);
}

/// 02:30 on 29 March 2026 does not exist in Vienna; Exchange shows it an hour later.
#[test]
fn an_occurrence_in_the_gap_is_found_by_its_day() {
    let series = format!(
        "<Start>2026-03-27T01:30:00Z</Start><End>2026-03-27T02:00:00Z</End>\
         <CalendarItemType>RecurringMaster</CalendarItemType>{DAILY}<DeletedOccurrences>\
         <DeletedOccurrence><Start>2026-03-29T01:30:00Z</Start></DeletedOccurrence>\
         </DeletedOccurrences><StartTimeZone Id='W. Europe Standard Time'/>"
    );
    let gap = RecurrenceId::new(datetime(2026, 3, 29, 2, 30, 0, 0));
    let overrides = read(&series).event.overrides;
    assert_eq!(overrides, BTreeMap::from([(gap, Override::Excluded)]));
}

#[test]
fn a_deleted_occurrence_that_the_rule_never_had_is_none() {
    let series = format!(
        "<Start>2026-03-27T08:00:00Z</Start><End>2026-03-27T09:00:00Z</End>\
         <CalendarItemType>RecurringMaster</CalendarItemType>{DAILY}<DeletedOccurrences>\
         <DeletedOccurrence><Start>2031-01-01T08:00:00Z</Start></DeletedOccurrence>\
         </DeletedOccurrences>"
    );
    assert!(read(&series).event.overrides.is_empty());
}

#[test]
fn an_exception_that_only_has_other_answers_is_no_override() {
    let people = |answer: &str| {
        format!(
            "<RequiredAttendees><Attendee><Mailbox><EmailAddress>B@x.example</EmailAddress>\
             </Mailbox><ResponseType>{answer}</ResponseType></Attendee></RequiredAttendees>"
        )
    };
    let series = format!(
        "<Start>2026-03-27T08:00:00Z</Start><End>2026-03-27T09:00:00Z</End>{}\
         <CalendarItemType>RecurringMaster</CalendarItemType>{DAILY}<ModifiedOccurrences>\
         <Occurrence><ItemId Id='e' ChangeKey='1'/>\
         <OriginalStart>2026-03-28T08:00:00Z</OriginalStart></Occurrence></ModifiedOccurrences>",
        people("Unknown")
    );
    let times = "<Start>2026-03-28T08:00:00Z</Start><End>2026-03-28T09:00:00Z</End>";
    let exception = format!("{times}{}", people("Accept"));
    let exception =
        format!("<CalendarItem><ItemId Id='e' ChangeKey='1'/>{exception}</CalendarItem>");
    let exception = got_item(&exception).expect("readable");
    let item = got(&series).expect("readable").assemble(vec![exception]).expect("an event");
    assert!(item.event.overrides.is_empty());
    assert_eq!(item.exceptions.keys().copied().collect::<Vec<_>>(), [RecurrenceId::new(at(28, 9))]);
}

#[test]
fn what_makes_no_sense_is_told_of_one_item() {
    for properties in [
        String::new(),
        "<Start>soon</Start><End>later</End>".to_owned(),
        format!("{TIMES}<CalendarItemType>RecurringMaster</CalendarItemType>"),
        format!("{TIMES}{DAILY}<ModifiedOccurrences><Occurrence/></ModifiedOccurrences>"),
    ] {
        let error = got(&properties).err().expect("refused");
        assert_eq!(error.disposition, Disposition::Quarantine, "{properties}");
    }
    let stray = format!(
        "{TIMES}<CalendarItemType>RecurringMaster</CalendarItemType>{DAILY}<ModifiedOccurrences>\
         <Occurrence><ItemId Id='e'/><OriginalStart>2031-01-01T08:00:00Z</OriginalStart></Occurrence>\
         </ModifiedOccurrences>"
    );
    let exception = format!("<CalendarItem><ItemId Id='e'/>{TIMES}</CalendarItem>");
    let exception = got_item(&exception).expect("readable");
    let refused = got(&stray).expect("readable").assemble(vec![exception]);
    assert_eq!(refused.expect_err("stray").disposition, Disposition::Quarantine);
    let message = got_item("<Message><ItemId Id='a'/></Message>").err().expect("no appointment");
    assert_eq!(message.disposition, Disposition::Quarantine);
}

#[test]
fn a_stamp_is_read_as_it_is_written_and_others_are_none() {
    let stamp =
        Stamp { link: LinkId::new(Uuid::from_u128(7)), intent: Uuid::from_u128(8), epoch: 3 };
    let event = Event::new(read(TIMES).event.schedule);
    let envelope = build_create(&endpoint(), &event, &stamp, MailMode::Silent).expect("writable");
    let envelope = String::from_utf8(envelope).expect("UTF-8");
    let (_, property) = envelope.split_once("<t:ExtendedProperty>").expect("a stamp");
    let (property, _) = property.split_once("</t:ExtendedProperty>").expect("a stamp");
    let property = property.replace("t:", "");
    let stamped = |property: &str| {
        read(&format!("<ExtendedProperty>{property}</ExtendedProperty>{TIMES}")).stamp
    };
    assert_eq!(stamped(&property), Some(stamp));
    assert_eq!(stamped(&property.replace(";3<", ";none<")), None);
}

#[test]
fn an_answer_that_lacks_a_part_is_no_answer() {
    let item = "<CalendarItem/>";
    let incomplete = |content: &str| {
        let of = |operation| answer(operation, "Success", content);
        [
            read_sync(of("SyncFolderItems").as_bytes()).map(drop),
            read_find(of("FindItem").as_bytes()).map(drop),
            read_got_reference(of("GetItem").as_bytes()).map(drop),
            read_created(of("CreateItem").as_bytes()).map(drop),
            read_updated(of("UpdateItem").as_bytes()).map(drop),
            read_folder(of("GetFolder").as_bytes()).map(drop),
            read_subscribe(of("Subscribe").as_bytes()).map(drop),
        ]
    };
    let content = format!(
        "<Items>{item}</Items><RootFolder><Items>{item}</Items></RootFolder>\
         <SyncState>s</SyncState><Changes><Create>{item}</Create></Changes>\
         <Folders><CalendarFolder/></Folders>"
    );
    for result in incomplete(&content) {
        assert_eq!(result, Err(INCOMPLETE));
    }
}

#[test]
fn zones_without_a_windows_id_are_written_by_their_rules() {
    let start = datetime(2026, 3, 2, 9, 0, 0, 0);
    let hour = jiff::SignedDuration::from_hours(1);
    let schedule = Schedule::timed(start, zone("Antarctica/Troll"), hour, None).expect("a time");
    let stamp = Stamp { link: LinkId::new(Uuid::nil()), intent: Uuid::nil(), epoch: 1 };
    let envelope =
        build_create(&endpoint(), &Event::new(schedule.clone()), &stamp, MailMode::Silent);
    let envelope = String::from_utf8(envelope.expect("writable")).expect("UTF-8");
    let (_, times) = envelope.split_once("<t:Start>").expect("times");
    let (times, _) = times.split_once("</t:CalendarItem>").expect("an end");
    let read = read(&format!("<Start>{times}").replace("t:", ""));
    assert_eq!(read.event.schedule, schedule);
}

use jiff::civil::{DateTime, date, datetime};
use tidemark_model::{EventStatus, Participation, Privacy, ShowAs};

use super::*;
use crate::error::{Disposition, MailboxError};

const TIMES: &str = "<Start>2026-03-02T08:00:00Z</Start><End>2026-03-02T09:00:00Z</End>";
const DAILY: &str = "<Recurrence><DailyRecurrence><Interval>1</Interval></DailyRecurrence>\
                     <NumberedRecurrence><StartDate>2026-03-27</StartDate>\
                     <NumberOfOccurrences>4</NumberOfOccurrences></NumberedRecurrence></Recurrence>";

fn got(properties: &str) -> Result<GotItem, WireError> {
    let message = format!(
        "<m><Items><CalendarItem><ItemId Id='a' ChangeKey='1'/>{properties}</CalendarItem></Items></m>"
    );
    GotItem::read(&Node::parse(message.as_bytes()).expect("XML"))
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).expect("a zone")
}

fn assembled(properties: &str, exceptions: Vec<GotItem>) -> Result<RemoteEvent, MailboxError> {
    got(properties).expect("readable").assemble(exceptions, &zone("Europe/Vienna"))
}

fn read(properties: &str) -> RemoteEvent {
    assembled(properties, Vec::new()).expect("an event")
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
    let exception = got(&format!("{times}{}", people("Accept"))).expect("readable");
    let item = assembled(&series, vec![exception]).expect("an event");
    assert!(item.event.overrides.is_empty());
    assert_eq!(item.exceptions.keys().copied().collect::<Vec<_>>(), [RecurrenceId::new(at(28, 9))]);
}

#[test]
fn what_makes_no_sense_is_told_of_one_item() {
    for properties in [
        String::new(),
        "<Start>soon</Start><End>later</End>".to_owned(),
        "<Start>2026-03-02T09:00:00Z</Start><End>2026-03-02T08:00:00Z</End>".to_owned(),
        format!("{TIMES}<CalendarItemType>RecurringMaster</CalendarItemType>"),
        format!("{TIMES}{DAILY}<ModifiedOccurrences><Occurrence/></ModifiedOccurrences>"),
    ] {
        assert!(matches!(got(&properties), Err(WireError::Item(_))), "{properties}");
    }
    let stray = format!(
        "{TIMES}<CalendarItemType>RecurringMaster</CalendarItemType>{DAILY}<ModifiedOccurrences>\
         <Occurrence><ItemId Id='e'/><OriginalStart>2031-01-01T08:00:00Z</OriginalStart></Occurrence>\
         </ModifiedOccurrences>"
    );
    let refused = assembled(&stray, vec![got(TIMES).expect("readable")]);
    assert_eq!(refused.expect_err("stray").disposition, Disposition::Quarantine);
    let message = "<m><Items><Message><ItemId Id='a'/></Message></Items></m>";
    let message = GotItem::read(&Node::parse(message.as_bytes()).expect("XML"));
    assert!(matches!(message, Err(WireError::Item(_))));
}

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{Config, ManualClock, SimClock, SimOutcome, SimRequest, Simulator};

const ALEX: &str = "alex@tidemark.example";
const BLAKE: &str = "blake@tidemark.example";

fn simulator() -> Simulator {
    let clock = ManualClock::new("2027-01-04T08:00:00Z".parse().expect("a time"));
    let clock: Arc<dyn SimClock> = Arc::new(clock);
    Simulator::new(Config::demo(), clock)
}

fn ask(simulator: &Simulator, user: &str, operation: &str) -> (u16, String) {
    let body = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" \
         xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\">\
         <s:Body>{operation}</s:Body></s:Envelope>"
    );
    match simulator.handle(&SimRequest::ews(user, "Passw0rd!", body)) {
        SimOutcome::Answer { status, body, .. } => (status, String::from_utf8(body).expect("text")),
        SimOutcome::CutBefore | SimOutcome::CutAfter => (0, String::new()),
    }
}

fn ok(simulator: &Simulator, operation: &str) -> String {
    let (status, body) = ask(simulator, ALEX, operation);
    assert!(status == 200 && !body.contains("ResponseClass=\"Error\""), "{body}");
    body
}

/// What stands between two texts, the first time.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}"));
    rest.split_once(to).expect("an end").0
}

fn create(simulator: &Simulator, properties: &str) -> String {
    let answer = ok(
        simulator,
        &format!(
            "<m:CreateItem SendMeetingInvitations=\"SendToNone\"><m:Items><t:CalendarItem>\
             {properties}</t:CalendarItem></m:Items></m:CreateItem>"
        ),
    );
    between(&answer, "<t:ItemId Id=\"", "\"").to_owned()
}

fn get(simulator: &Simulator, id: &str) -> String {
    ok(
        simulator,
        &format!(
            "<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape>\
             <t:IncludeMimeContent>true</t:IncludeMimeContent></m:ItemShape>\
             <m:ItemIds><t:ItemId Id=\"{id}\"/></m:ItemIds></m:GetItem>"
        ),
    )
}

fn mime(item: &str) -> String {
    let content = between(item, "<t:MimeContent CharacterSet=\"UTF-8\">", "<");
    let text = String::from_utf8(STANDARD.decode(content).expect("base64")).expect("text");
    text.replace("\r\n ", "")
}

fn with_mime(text: &str) -> String {
    let text = text.replace('\n', "\r\n");
    format!("<t:MimeContent CharacterSet=\"UTF-8\">{}</t:MimeContent>", STANDARD.encode(text))
}

const SERIES: &str = "BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:round
SUMMARY:Round
CLASS:PRIVATE
DTSTART;TZID=W. Europe Standard Time:20270308T100000
DTEND;TZID=W. Europe Standard Time:20270308T110000
RRULE:FREQ=WEEKLY;COUNT=5
EXDATE;TZID=W. Europe Standard Time:20270315T100000
END:VEVENT
BEGIN:VEVENT
UID:round
RECURRENCE-ID:20270329T080000Z
SUMMARY:Late round
DTSTART;TZID=W. Europe Standard Time:20270330T130000
DTEND;TZID=W. Europe Standard Time:20270330T140000
END:VEVENT
END:VCALENDAR
";

#[test]
fn a_series_in_icalendar_comes_back_as_it_went() {
    let simulator = simulator();
    let item = get(&simulator, &create(&simulator, &with_mime(SERIES)));
    assert!(item.contains("<t:Sensitivity>Private</t:Sensitivity>"), "{item}");
    assert!(item.contains("<t:UID>round</t:UID>"), "{item}");
    let text = mime(&item);
    assert!(text.starts_with("BEGIN:VCALENDAR\r\nMETHOD:PUBLISH\r\n"), "{text}");
    for line in [
        "TZID:W. Europe Standard Time",
        "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3",
        "RRULE:FREQ=WEEKLY;COUNT=5;INTERVAL=1;BYDAY=MO;WKST=MO",
        "EXDATE;TZID=W. Europe Standard Time:20270315T100000",
        "RECURRENCE-ID;TZID=W. Europe Standard Time:20270329T100000",
        "DTSTART;TZID=W. Europe Standard Time:20270330T130000",
        "SUMMARY;LANGUAGE=en-US:Late round",
        "CLASS:PRIVATE",
        "TRIGGER;RELATED=START:-PT15M",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line} is not in {text}");
    }
    assert_eq!(text.matches("BEGIN:VEVENT").count(), 2);
    // What it gives it also takes, and the meaning stays.
    let again = get(&simulator, &create(&simulator, &with_mime(&text.replace("\r\n", "\n"))));
    assert_eq!(mime(&again), text);
}

#[test]
fn properties_beside_the_mime_content_win() {
    let simulator = simulator();
    let properties = with_mime(SERIES)
        + "<t:Subject>Renamed</t:Subject><t:ReminderIsSet>false</t:ReminderIsSet>\
           <t:ExtendedProperty><t:ExtendedFieldURI PropertyTag=\"0x10f3\" PropertyType=\"String\"/>\
           <t:Value>round.EML</t:Value></t:ExtendedProperty>";
    let item = get(&simulator, &create(&simulator, &properties));
    assert!(item.contains("<t:Subject>Renamed</t:Subject>"), "{item}");
    assert!(!mime(&item).contains("VALARM"));
}

#[test]
fn content_that_is_no_calendar_makes_nothing() {
    let simulator = simulator();
    for content in
        ["BEGIN:VCALENDAR\nEND:VCALENDAR\n", "hello", &SERIES.replace("WEEKLY", "HOURLY")]
    {
        let (_, answer) = ask(
            &simulator,
            ALEX,
            &format!(
                "<m:CreateItem SendMeetingInvitations=\"SendToNone\"><m:Items><t:CalendarItem>{}\
                 </t:CalendarItem></m:Items></m:CreateItem>",
                with_mime(content)
            ),
        );
        assert!(answer.contains("ErrorMimeContentInvalid"), "{answer}");
    }
    assert!(simulator.snapshot(ALEX).expect("the mailbox").is_empty());
}

#[test]
fn a_series_whose_exception_cannot_be_is_not_made() {
    let simulator = simulator();
    // It would pass the occurrence of the week after.
    let content = SERIES.replace("20270330T1", "20270409T1");
    let (_, answer) = ask(
        &simulator,
        ALEX,
        &format!(
            "<m:CreateItem SendMeetingInvitations=\"SendToNone\"><m:Items><t:CalendarItem>{}\
             </t:CalendarItem></m:Items></m:CreateItem>",
            with_mime(&content)
        ),
    );
    assert!(answer.contains("ErrorOccurrenceCrossingBoundary"), "{answer}");
    assert!(simulator.snapshot(ALEX).expect("the mailbox").is_empty());
    // What is said of days that the rule does not name is passed over.
    let content = SERIES
        .replace("20270315T100000", "20270316T100000")
        .replace("20270329T080000Z", "20270328T080000Z");
    let item = get(&simulator, &create(&simulator, &with_mime(&content)));
    assert!(
        !item.contains("DeletedOccurrences") && !item.contains("ModifiedOccurrences"),
        "{item}"
    );
}

#[test]
fn new_mime_content_replaces_the_old() {
    let simulator = simulator();
    let id = create(&simulator, &with_mime(SERIES));
    let content = SERIES
        .replace("UID:round", "UID:other")
        .replace("SUMMARY:Round", "SUMMARY:Square")
        .replace("20270315T100000", "20270322T100000");
    ok(
        &simulator,
        &format!(
            "<m:UpdateItem ConflictResolution=\"AlwaysOverwrite\" \
             SendMeetingInvitationsOrCancellations=\"SendToNone\"><m:ItemChanges><t:ItemChange>\
             <t:ItemId Id=\"{id}\"/><t:Updates><t:SetItemField>\
             <t:FieldURI FieldURI=\"item:MimeContent\"/><t:CalendarItem>{}</t:CalendarItem>\
             </t:SetItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>",
            with_mime(&content)
        ),
    );
    let text = mime(&get(&simulator, &id));
    assert!(text.contains("SUMMARY;LANGUAGE=en-US:Square\r\n"), "{text}");
    assert!(text.contains("EXDATE;TZID=W. Europe Standard Time:20270322T100000\r\n"), "{text}");
    assert!(!text.contains("20270315T100000") && text.contains("UID:round\r\n"), "{text}");
}

/// An hour behind Greenwich, half an hour in summer: no zone of Windows.
const OWN_ZONE: &str = "<t:StartTimeZone Id=\"tzone://Microsoft/Custom\" Name=\"Ours\"><t:Periods>\
    <t:Period Bias=\"PT1H\" Name=\"Standard\" Id=\"s\"/>\
    <t:Period Bias=\"PT30M\" Name=\"Daylight\" Id=\"d\"/></t:Periods><t:TransitionsGroups>\
    <t:TransitionsGroup Id=\"0\"><t:RecurringDayTransition><t:To Kind=\"Period\">d</t:To>\
    <t:TimeOffset>PT2H</t:TimeOffset><t:Month>4</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek>\
    <t:Occurrence>1</t:Occurrence></t:RecurringDayTransition><t:RecurringDayTransition>\
    <t:To Kind=\"Period\">s</t:To><t:TimeOffset>PT2H</t:TimeOffset><t:Month>9</t:Month>\
    <t:DayOfWeek>Sunday</t:DayOfWeek><t:Occurrence>-1</t:Occurrence></t:RecurringDayTransition>\
    </t:TransitionsGroup></t:TransitionsGroups><t:Transitions><t:Transition>\
    <t:To Kind=\"Group\">0</t:To></t:Transition></t:Transitions></t:StartTimeZone>";

#[test]
fn a_zone_by_its_rules_is_kept_with_them() {
    let simulator = simulator();
    let item = get(
        &simulator,
        &create(
            &simulator,
            &format!(
                "<t:Subject>Far</t:Subject><t:Start>2027-07-01T10:00:00</t:Start>\
                 <t:End>2027-07-01T11:00:00</t:End>{OWN_ZONE}"
            ),
        ),
    );
    assert!(item.contains("<t:Start>2027-07-01T10:30:00Z</t:Start>"), "{item}");
    let zone = between(&item, "<t:StartTimeZone ", "</t:StartTimeZone>");
    assert!(zone.starts_with("Id=\"tzone://Microsoft/Custom\" Name=\"Ours\""), "{zone}");
    assert!(zone.contains("Bias=\"PT1H0M\"") && zone.contains("Bias=\"PT0H30M\""), "{zone}");
    assert!(zone.contains("<t:Occurrence>-1</t:Occurrence>"), "{zone}");
    let snapshot = simulator.snapshot(ALEX).expect("the mailbox").pop().expect("an item");
    let seen = format!("{:?}", snapshot.event.schedule);
    assert!(seen.contains("-3600") && seen.contains("-1800"), "{seen}");
}

#[test]
fn the_time_zone_of_exchange_2007_is_read_too() {
    let simulator = simulator();
    let half = |name: &str, offset: &str, index: &str, month: &str| {
        format!(
            "<t:{name}><t:Offset>{offset}</t:Offset><t:RelativeYearlyRecurrence>\
             <t:DaysOfWeek>Sunday</t:DaysOfWeek><t:DayOfWeekIndex>{index}</t:DayOfWeekIndex>\
             <t:Month>{month}</t:Month></t:RelativeYearlyRecurrence><t:Time>02:00:00</t:Time></t:{name}>"
        )
    };
    let zone = format!(
        "<t:MeetingTimeZone TimeZoneName=\"Somewhere\"><t:BaseOffset>PT480M</t:BaseOffset>{}{}\
         </t:MeetingTimeZone>",
        half("Standard", "PT0H", "First", "November"),
        half("Daylight", "-PT1H", "Second", "March")
    );
    for (day, hour) in [("2027-01-10", 17), ("2027-07-10", 16)] {
        let id = create(
            &simulator,
            &format!("<t:Start>{day}T09:00:00</t:Start><t:End>{day}T09:30:00</t:End>{zone}"),
        );
        let item = get(&simulator, &id);
        assert!(item.contains(&format!("<t:Start>{day}T{hour}:00:00Z</t:Start>")), "{item}");
    }
}

#[test]
fn a_zone_without_rules_or_name_is_refused() {
    let (_, answer) = ask(
        &simulator(),
        ALEX,
        "<m:CreateItem SendMeetingInvitations=\"SendToNone\"><m:Items><t:CalendarItem>\
         <t:StartTimeZone Id=\"Nowhere Standard Time\"/></t:CalendarItem></m:Items></m:CreateItem>",
    );
    assert!(answer.contains("ErrorTimeZone"), "{answer}");
}

#[test]
fn folders_are_found_by_a_filter() {
    let answer = ok(
        &simulator(),
        "<m:FindFolder Traversal=\"Deep\"><m:FolderShape><t:BaseShape>Default</t:BaseShape>\
         </m:FolderShape><m:Restriction><t:IsEqualTo><t:ExtendedFieldURI PropertyTag=\"0x3613\" \
         PropertyType=\"String\"/><t:FieldURIOrConstant><t:Constant Value=\"IPF.Appointment\"/>\
         </t:FieldURIOrConstant></t:IsEqualTo></m:Restriction><m:ParentFolderIds>\
         <t:DistinguishedFolderId Id=\"msgfolderroot\"/></m:ParentFolderIds></m:FindFolder>",
    );
    assert!(answer.contains("TotalItemsInView=\"1\""), "{answer}");
    assert!(answer.contains("<t:DisplayName>Calendar</t:DisplayName>"), "{answer}");
}

#[test]
fn mapi_names_and_the_item_s_own_are_the_same_property() {
    let simulator = simulator();
    let set = |uri: &str, value: &str| {
        format!("<t:ExtendedProperty><t:ExtendedFieldURI {uri}/>{value}</t:ExtendedProperty>")
    };
    let id = create(
        &simulator,
        &(set("PropertyTag=\"0x37\" PropertyType=\"String\"", "<t:Value>By tag</t:Value>")
            + &set(
                "DistinguishedPropertySetId=\"PublicStrings\" PropertyName=\"Keywords\" \
                 PropertyType=\"StringArray\"",
                "<t:Values><t:Value>Blue</t:Value></t:Values>",
            )),
    );
    let answer = ok(
        &simulator,
        &format!(
            "<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape>\
             <t:AdditionalProperties><t:ExtendedFieldURI PropertySetId=\
             \"00062002-0000-0000-C000-000000000046\" PropertyId=\"33315\" PropertyType=\"Boolean\"/>\
             </t:AdditionalProperties></m:ItemShape><m:ItemIds><t:ItemId Id=\"{id}\"/></m:ItemIds>\
             </m:GetItem>"
        ),
    );
    assert!(answer.contains("<t:Subject>By tag</t:Subject>"), "{answer}");
    assert!(answer.contains("<t:Categories><t:String>Blue</t:String></t:Categories>"), "{answer}");
    assert!(answer.contains("<t:Value>false</t:Value>"), "{answer}");
}

#[test]
fn the_options_of_a_mailbox_name_its_zone() {
    let ask_for = |name: &str| {
        format!(
            "<m:GetUserConfiguration><m:UserConfigurationName Name=\"{name}\">\
             <t:DistinguishedFolderId Id=\"root\"/></m:UserConfigurationName>\
             <m:UserConfigurationProperties>All</m:UserConfigurationProperties>\
             </m:GetUserConfiguration>"
        )
    };
    let simulator = simulator();
    let answer = ok(&simulator, &ask_for("OWA.UserOptions"));
    assert!(answer.contains("<t:Value>timezone</t:Value>"), "{answer}");
    assert!(answer.contains("<t:Value>W. Europe Standard Time</t:Value>"), "{answer}");
    assert!(ask(&simulator, ALEX, &ask_for("Nothing")).1.contains("ErrorItemNotFound"));
}

fn availability(address: &str, view: &str, from: &str, to: &str) -> String {
    // Central European time, by its biases.
    let half = |name: &str, bias: i32, hour: &str, month: u8| {
        format!(
            "<t:{name}><t:Bias>{bias}</t:Bias><t:Time>{hour}:00:00</t:Time><t:DayOrder>5</t:DayOrder>\
             <t:Month>{month}</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:{name}>"
        )
    };
    format!(
        "<m:GetUserAvailabilityRequest><t:TimeZone><t:Bias>-60</t:Bias>{}{}</t:TimeZone>\
         <m:MailboxDataArray><t:MailboxData><t:Email><t:Address>{address}</t:Address></t:Email>\
         <t:AttendeeType>Required</t:AttendeeType></t:MailboxData></m:MailboxDataArray>\
         <t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>{from}</t:StartTime>\
         <t:EndTime>{to}</t:EndTime></t:TimeWindow>\
         <t:MergedFreeBusyIntervalInMinutes>60</t:MergedFreeBusyIntervalInMinutes>\
         <t:RequestedView>{view}</t:RequestedView></t:FreeBusyViewOptions>\
         </m:GetUserAvailabilityRequest>",
        half("StandardTime", 0, "03", 10),
        half("DaylightTime", -60, "02", 3)
    )
}

#[test]
fn others_see_when_somebody_is_busy_and_nothing_else() {
    let simulator = simulator();
    create(&simulator, &with_mime(SERIES));
    let (from, to) = ("2027-03-30T12:00:00", "2027-03-30T16:00:00");
    let own = ok(&simulator, &availability(ALEX, "DetailedMerged", from, to));
    assert!(own.contains("<t:MergedFreeBusy>0200</t:MergedFreeBusy>"), "{own}");
    assert!(own.contains("<t:StartTime>2027-03-30T13:00:00</t:StartTime>"), "{own}");
    assert!(own.contains("<t:Subject>Late round</t:Subject>"), "{own}");
    assert!(own.contains("<t:IsException>true</t:IsException>"), "{own}");
    let (status, others) = ask(&simulator, BLAKE, &availability(ALEX, "DetailedMerged", from, to));
    assert_eq!(status, 200);
    assert!(others.contains("<t:FreeBusyViewType>FreeBusyMerged</t:FreeBusyViewType>"), "{others}");
    assert!(
        others.contains("<t:BusyType>Busy</t:BusyType>") && !others.contains("Late"),
        "{others}"
    );
}

#[test]
fn a_window_that_is_no_window_and_a_mailbox_that_is_none_are_told_apart() {
    let simulator = simulator();
    let (day, next) = ("2027-03-30T00:00:00", "2027-03-31T00:00:00");
    let nobody = ask(&simulator, ALEX, &availability("no@tidemark.example", "FreeBusy", day, next));
    assert!(nobody.0 == 200 && nobody.1.contains("ErrorMailRecipientNotFound"), "{}", nobody.1);
    for (to, code) in
        [(day, "ErrorInvalidTimeInterval"), ("2027-06-30T00:00:00", "ErrorTimeIntervalTooBig")]
    {
        let (status, fault) = ask(&simulator, ALEX, &availability(ALEX, "FreeBusy", day, to));
        assert!(status == 500 && fault.contains(code), "{fault}");
    }
}

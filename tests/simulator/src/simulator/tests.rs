mod pushing;

use std::sync::Arc;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use tidemark_model::{Participation, Pattern, Privacy, Range, Recurrence, WeekdaySet};

use super::{SimOutcome, SimRequest, Simulator};
use crate::clock::{ManualClock, SimClock};
use crate::config::Config;
use crate::fault::{FaultKind, FaultPlan, FaultRule};
use crate::store::{Change, StoreError};
use crate::user::{NewAppointment, UserError};

const ALEX: &str = "alex@tidemark.example";
const BLAKE: &str = "blake@tidemark.example";
const SERVICE: &str = "svc@tidemark.example";
const PASSWORD: &str = "Passw0rd!";

struct Bench {
    simulator: Simulator,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        let start: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let shared: Arc<dyn SimClock> = Arc::<ManualClock>::clone(&clock);
        let simulator = Simulator::new(Config::demo(), shared);
        Self { simulator, clock }
    }

    fn ask(&self, user: &str, operation: &str) -> (u16, String) {
        match self.simulator.handle(&SimRequest::ews(user, PASSWORD, envelope("", operation))) {
            SimOutcome::Answer { status, body, .. } => (status, String::from_utf8(body).unwrap()),
            SimOutcome::CutBefore | SimOutcome::CutAfter => (0, String::new()),
        }
    }

    fn ok(&self, user: &str, operation: &str) -> String {
        let (status, body) = self.ask(user, operation);
        assert_eq!(status, 200, "{body}");
        body
    }

    fn code(&self, user: &str, operation: &str) -> String {
        text_of(&self.ask(user, operation).1, "ResponseCode")
    }

    /// Creates an appointment over EWS; gives id and change key.
    fn create(&self, properties: &str) -> (String, String) {
        let body = self.ok(ALEX, &create(properties));
        assert_eq!(text_of(&body, "ResponseCode"), "NoError", "{body}");
        (attribute(&body, "ItemId", "Id"), attribute(&body, "ItemId", "ChangeKey"))
    }

    fn sync(&self, state: &str, max: u32) -> String {
        let state = if state.is_empty() {
            String::new()
        } else {
            format!("<m:SyncState>{state}</m:SyncState>")
        };
        self.ok(
            ALEX,
            &format!(
                "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>\
                 <m:SyncFolderId><t:DistinguishedFolderId Id=\"calendar\"/></m:SyncFolderId>{state}\
                 <m:MaxChangesReturned>{max}</m:MaxChangesReturned></m:SyncFolderItems>"
            ),
        )
    }

    fn get(&self, reference: &str) -> String {
        self.ok(
            ALEX,
            &format!(
                "<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape>\
                 <m:ItemIds>{reference}</m:ItemIds></m:GetItem>"
            ),
        )
    }
}

fn envelope(header: &str, operation: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" \
         xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\">\
         <s:Header>{header}</s:Header><s:Body>{operation}</s:Body></s:Envelope>"
    )
}

fn create(properties: &str) -> String {
    format!(
        "<m:CreateItem SendMeetingInvitations=\"SendToNone\"><m:Items><t:CalendarItem>{properties}\
         </t:CalendarItem></m:Items></m:CreateItem>"
    )
}

fn update(rule: &str, id: &str, key: &str, updates: &str) -> String {
    format!(
        "<m:UpdateItem ConflictResolution=\"{rule}\" \
         SendMeetingInvitationsOrCancellations=\"SendToNone\"><m:ItemChanges><t:ItemChange>\
         <t:ItemId Id=\"{id}\" ChangeKey=\"{key}\"/><t:Updates>{updates}</t:Updates>\
         </t:ItemChange></m:ItemChanges></m:UpdateItem>"
    )
}

fn set(uri: &str, property: &str) -> String {
    format!(
        "<t:SetItemField><t:FieldURI FieldURI=\"{uri}\"/><t:CalendarItem>{property}\
         </t:CalendarItem></t:SetItemField>"
    )
}

fn delete(id: &str, kind: &str) -> String {
    format!(
        "<m:DeleteItem DeleteType=\"{kind}\" SendMeetingCancellations=\"SendToNone\"><m:ItemIds>\
         <t:ItemId Id=\"{id}\"/></m:ItemIds></m:DeleteItem>"
    )
}

fn item(id: &str) -> String {
    format!("<t:ItemId Id=\"{id}\"/>")
}

fn element<'a>(
    document: &'a roxmltree::Document<'a>,
    name: &str,
) -> Option<roxmltree::Node<'a, 'a>> {
    document.descendants().find(|node| node.tag_name().name() == name)
}

fn text_of(xml: &str, name: &str) -> String {
    let document = roxmltree::Document::parse(xml).unwrap();
    element(&document, name).and_then(|node| node.text()).unwrap_or_default().to_owned()
}

fn attribute(xml: &str, name: &str, key: &str) -> String {
    let document = roxmltree::Document::parse(xml).unwrap();
    element(&document, name).unwrap().attribute(key).unwrap().to_owned()
}

fn count(xml: &str, name: &str) -> usize {
    let document = roxmltree::Document::parse(xml).unwrap();
    document.descendants().filter(|node| node.tag_name().name() == name).count()
}

const VISIT: &str = "<t:Subject>Visit</t:Subject><t:Start>2026-03-02T09:00:00</t:Start>\
    <t:End>2026-03-02T10:00:00</t:End><t:StartTimeZone Id=\"W. Europe Standard Time\"/>";

const WEEKLY: &str = "<t:Subject>Weekly</t:Subject><t:Start>2026-03-02T09:00:00</t:Start>\
    <t:End>2026-03-02T10:00:00</t:End><t:Recurrence><t:WeeklyRecurrence><t:Interval>1</t:Interval>\
    <t:DaysOfWeek>Monday</t:DaysOfWeek></t:WeeklyRecurrence><t:NumberedRecurrence>\
    <t:StartDate>2026-03-02</t:StartDate><t:NumberOfOccurrences>5</t:NumberOfOccurrences>\
    </t:NumberedRecurrence></t:Recurrence><t:StartTimeZone Id=\"W. Europe Standard Time\"/>";

fn occurrence(master: &str, index: u32) -> String {
    format!("<t:OccurrenceItemId RecurringMasterId=\"{master}\" InstanceIndex=\"{index}\"/>")
}

#[test]
fn times_without_offset_are_read_in_the_start_zone() {
    let bench = Bench::new();
    let (id, _) = bench.create(VISIT);
    let shown = bench.get(&item(&id));
    assert_eq!(text_of(&shown, "Start"), "2026-03-02T08:00:00Z");
    assert_eq!(text_of(&shown, "End"), "2026-03-02T09:00:00Z");
}

#[test]
fn never_overwrite_refuses_a_stale_key_and_auto_resolve_only_the_same_property() {
    let bench = Bench::new();
    let (id, key) = bench.create(VISIT);
    let subject = set("item:Subject", "<t:Subject>A</t:Subject>");
    let location = set("calendar:Location", "<t:Location>B</t:Location>");
    assert_eq!(bench.code(ALEX, &update("NeverOverwrite", &id, &key, &subject)), "NoError");
    let again = |rule, updates| bench.code(ALEX, &update(rule, &id, &key, updates));
    assert_eq!(again("NeverOverwrite", &location), "ErrorIrresolvableConflict");
    assert_eq!(again("AutoResolve", &subject), "ErrorIrresolvableConflict");
    assert_eq!(again("AutoResolve", &location), "NoError");
    assert_eq!(again("AlwaysOverwrite", &subject), "NoError");
}

#[test]
fn a_move_gives_another_id_and_is_a_deletion_in_the_old_folder() {
    let bench = Bench::new();
    let (id, _) = bench.create(VISIT);
    let state = text_of(&bench.sync("", 512), "SyncState");
    bench.ok(ALEX, &delete(&id, "MoveToDeletedItems"));
    assert_eq!(text_of(&bench.get(&item(&id)), "ResponseCode"), "ErrorItemNotFound");
    let page = bench.sync(&state, 512);
    assert_eq!((count(&page, "Delete"), count(&page, "Create")), (1, 0));
    assert_eq!(attribute(&page, "ItemId", "Id"), id);
}

#[test]
fn the_first_sync_pages_newest_first_and_misses_nothing_that_happens_meanwhile() {
    let bench = Bench::new();
    let ids: Vec<_> = (0..5).map(|_| bench.create(VISIT).0).collect();
    let first = bench.sync("", 2);
    assert_eq!(text_of(&first, "IncludesLastItemInRange"), "false");
    assert_eq!(attribute(&first, "ItemId", "Id"), ids[4]);
    let late = bench.create(VISIT).0;
    let second = bench.sync(&text_of(&first, "SyncState"), 2);
    let third = bench.sync(&text_of(&second, "SyncState"), 2);
    assert_eq!(text_of(&third, "IncludesLastItemInRange"), "true");
    assert_eq!(attribute(&third, "ItemId", "Id"), ids[0]);
    let rest = bench.sync(&text_of(&third, "SyncState"), 2);
    assert_eq!((count(&rest, "Create"), attribute(&rest, "ItemId", "Id")), (1, late));
}

#[test]
fn a_state_of_another_folder_or_of_nobody_is_refused() {
    let bench = Bench::new();
    let state = text_of(&bench.sync("", 1), "SyncState");
    let inbox = format!(
        "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>\
         <m:SyncFolderId><t:DistinguishedFolderId Id=\"inbox\"/></m:SyncFolderId>\
         <m:SyncState>{state}</m:SyncState><m:MaxChangesReturned>1</m:MaxChangesReturned>\
         </m:SyncFolderItems>"
    );
    assert_eq!(bench.code(ALEX, &inbox), "ErrorInvalidSyncStateData");
    let garbled = state.to_lowercase();
    assert_eq!(text_of(&bench.sync(&garbled, 1), "ResponseCode"), "ErrorInvalidSyncStateData");
}

#[test]
fn an_occurrence_change_is_an_update_of_the_master_and_shares_its_key() {
    let bench = Bench::new();
    let (master, key) = bench.create(WEEKLY);
    let state = text_of(&bench.sync("", 512), "SyncState");
    let second = attribute(&bench.get(&occurrence(&master, 2)), "ItemId", "Id");
    let moved = [
        set("calendar:Start", "<t:Start>2026-03-10T10:00:00Z</t:Start>"),
        set("calendar:End", "<t:End>2026-03-10T11:00:00Z</t:End>"),
    ]
    .concat();
    assert_eq!(bench.code(ALEX, &update("NeverOverwrite", &second, &key, &moved)), "NoError");
    let page = bench.sync(&state, 512);
    assert_eq!((count(&page, "Update"), attribute(&page, "ItemId", "Id")), (1, master.clone()));
    let shown = bench.get(&item(&second));
    assert_eq!(text_of(&shown, "CalendarItemType"), "Exception");
    assert_eq!(text_of(&shown, "OriginalStart"), "2026-03-09T08:00:00Z");
    let whole = bench.get(&item(&master));
    assert_eq!(attribute(&whole, "ItemId", "ChangeKey"), attribute(&shown, "ItemId", "ChangeKey"));
    assert_eq!(count(&whole, "Occurrence"), 1);
}

#[test]
fn an_exception_may_not_reach_the_day_of_its_neighbour() {
    let bench = Bench::new();
    let (master, key) = bench.create(WEEKLY);
    let second = attribute(&bench.get(&occurrence(&master, 2)), "ItemId", "Id");
    let moved = [
        set("calendar:Start", "<t:Start>2026-03-16T15:00:00Z</t:Start>"),
        set("calendar:End", "<t:End>2026-03-16T16:00:00Z</t:End>"),
    ]
    .concat();
    assert_eq!(
        bench.code(ALEX, &update("NeverOverwrite", &second, &key, &moved)),
        "ErrorOccurrenceCrossingBoundary"
    );
}

#[test]
fn deleted_occurrences_keep_their_number_and_moving_the_master_discards_exceptions() {
    let bench = Bench::new();
    let (master, _) = bench.create(WEEKLY);
    let second = attribute(&bench.get(&occurrence(&master, 2)), "ItemId", "Id");
    bench.ok(ALEX, &delete(&second, "MoveToDeletedItems"));
    let code = |index| text_of(&bench.get(&occurrence(&master, index)), "ResponseCode");
    assert_eq!(code(2), "ErrorCalendarOccurrenceIsDeletedFromRecurrence");
    assert_eq!(code(3), "NoError");
    assert_eq!(code(6), "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange");
    let later = [
        set("calendar:Start", "<t:Start>2026-03-02T10:00:00Z</t:Start>"),
        set("calendar:End", "<t:End>2026-03-02T11:00:00Z</t:End>"),
    ]
    .concat();
    assert_eq!(
        bench.code(ALEX, &update("AlwaysOverwrite", &master, "", &later)),
        "ErrorInvalidChangeKey"
    );
    let key = attribute(&bench.get(&item(&master)), "ItemId", "ChangeKey");
    assert_eq!(bench.code(ALEX, &update("NeverOverwrite", &master, &key, &later)), "NoError");
    assert_eq!(code(2), "NoError");
}

#[test]
fn a_calendar_view_expands_in_local_time_and_spans_two_years_at_most() {
    let bench = Bench::new();
    bench.create(WEEKLY);
    let view = |start: &str, end: &str| {
        format!(
            "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>Default</t:BaseShape>\
             </m:ItemShape><m:CalendarView StartDate=\"{start}\" EndDate=\"{end}\"/>\
             <m:ParentFolderIds><t:DistinguishedFolderId Id=\"calendar\"/></m:ParentFolderIds>\
             </m:FindItem>"
        )
    };
    let march = bench.ok(ALEX, &view("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"));
    assert_eq!(count(&march, "CalendarItem"), 5);
    // The clocks change on the 29th: nine o'clock is then seven in UTC.
    assert!(march.contains("2026-03-23T08:00:00Z") && march.contains("2026-03-30T07:00:00Z"));
    let end = bench.ok(ALEX, &view("2026-03-01T00:00:00Z", "2026-03-30T07:00:00Z"));
    assert_eq!(count(&end, "CalendarItem"), 4);
    assert_eq!(
        bench.code(ALEX, &view("2026-03-01T00:00:00Z", "2028-04-01T00:00:00Z")),
        "ErrorCalendarViewRangeTooBig"
    );
}

#[test]
fn a_restriction_finds_the_stamp_and_only_it() {
    let bench = Bench::new();
    let name = "PropertySetId=\"8F71513C-b755-447a-8a2b-3d2ace1b53b9\" PropertyName=\"Link\" \
                PropertyType=\"String\"";
    let stamped = |value: &str| {
        format!(
            "<t:ExtendedProperty><t:ExtendedFieldURI {name}/><t:Value>{value}</t:Value>\
             </t:ExtendedProperty>{VISIT}"
        )
    };
    let (one, _) = bench.create(&stamped("one"));
    bench.create(&stamped("two"));
    let find = |value: &str| {
        format!(
            "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>\
             </m:ItemShape><m:Restriction><t:IsEqualTo><t:ExtendedFieldURI {name}/>\
             <t:FieldURIOrConstant><t:Constant Value=\"{value}\"/></t:FieldURIOrConstant>\
             </t:IsEqualTo></m:Restriction><m:ParentFolderIds>\
             <t:DistinguishedFolderId Id=\"calendar\"/></m:ParentFolderIds></m:FindItem>"
        )
    };
    let found = bench.ok(ALEX, &find("one"));
    assert_eq!((count(&found, "ItemId"), attribute(&found, "ItemId", "Id")), (1, one));
    assert_eq!(count(&bench.ok(ALEX, &find("three")), "ItemId"), 0);
}

#[test]
fn whole_days_are_widened_to_midnight_of_their_zone() {
    let bench = Bench::new();
    let (id, _) = bench.create(
        "<t:Start>2026-03-02T09:00:00</t:Start><t:End>2026-03-02T10:00:00</t:End>\
         <t:IsAllDayEvent>true</t:IsAllDayEvent><t:StartTimeZone Id=\"W. Europe Standard Time\"/>",
    );
    let shown = bench.get(&item(&id));
    assert_eq!(text_of(&shown, "Start"), "2026-03-01T23:00:00Z");
    assert_eq!(text_of(&shown, "End"), "2026-03-02T23:00:00Z");
}

#[test]
fn required_attributes_are_required() {
    let bench = Bench::new();
    let without = create(VISIT).replace(" SendMeetingInvitations=\"SendToNone\"", "");
    assert_eq!(bench.code(ALEX, &without), "ErrorSendMeetingInvitationsRequired");
    let (id, key) = bench.create(VISIT);
    let without =
        update("NeverOverwrite", &id, &key, &set("item:Subject", "<t:Subject>A</t:Subject>"))
            .replace(" SendMeetingInvitationsOrCancellations=\"SendToNone\"", "");
    assert_eq!(bench.code(ALEX, &without), "ErrorSendMeetingInvitationsOrCancellationsRequired");
    let without = delete(&id, "HardDelete").replace(" SendMeetingCancellations=\"SendToNone\"", "");
    assert_eq!(bench.code(ALEX, &without), "ErrorSendMeetingCancellationsRequired");
    let mismatch =
        update("NeverOverwrite", &id, &key, &set("item:Subject", "<t:Location>A</t:Location>"));
    assert_eq!(bench.code(ALEX, &mismatch), "ErrorUpdatePropertyMismatch");
}

#[test]
fn only_the_service_account_may_impersonate() {
    let bench = Bench::new();
    let operation = "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>\
        <m:FolderIds><t:DistinguishedFolderId Id=\"calendar\"/></m:FolderIds></m:GetFolder>";
    let header = format!(
        "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>{ALEX}\
         </t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
    );
    let ask = |user: &str, password: &str| match bench.simulator.handle(&SimRequest::ews(
        user,
        password,
        envelope(&header, operation),
    )) {
        SimOutcome::Answer { status, body, headers } => {
            (status, String::from_utf8(body).unwrap(), headers)
        }
        SimOutcome::CutBefore | SimOutcome::CutAfter => panic!("the connection was cut"),
    };
    assert_eq!(ask(SERVICE, PASSWORD).0, 200);
    let denied = ask(BLAKE, PASSWORD);
    assert_eq!(
        (denied.0, text_of(&denied.1, "ResponseCode")),
        (500, "ErrorImpersonateUserDenied".to_owned())
    );
    let (status, _, headers) = ask(SERVICE, "wrong");
    assert_eq!(status, 401);
    assert!(headers.iter().any(|(name, _)| name == "www-authenticate"));
}

#[test]
fn nobody_outside_of_the_scope_is_impersonated() {
    let bench = Bench::new();
    let header = format!(
        "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>{ALEX}\
         </t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
    );
    let operation = "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>\
        <m:FolderIds><t:DistinguishedFolderId Id=\"calendar\"/></m:FolderIds></m:GetFolder>";
    let place = |inside: bool| {
        let request = SimRequest {
            method: "PATCH".to_owned(),
            path: format!("/_sim/mailboxes/{ALEX}"),
            headers: Vec::new(),
            body: format!("{{\"inScope\":{inside}}}").into_bytes(),
        };
        bench.simulator.handle(&request);
    };
    let ask = || match bench.simulator.handle(&SimRequest::ews(
        SERVICE,
        PASSWORD,
        envelope(&header, operation),
    )) {
        SimOutcome::Answer { body, .. } => {
            text_of(&String::from_utf8(body).unwrap(), "ResponseCode")
        }
        SimOutcome::CutBefore | SimOutcome::CutAfter => panic!("the connection was cut"),
    };
    place(false);
    assert_eq!(ask(), "ErrorImpersonateUserDenied");
    assert_eq!(bench.code(ALEX, operation), "NoError", "the owner is no concern of a scope");
    place(true);
    assert_eq!(ask(), "NoError");
}

fn monday_meeting(attendees: &[&str]) -> NewAppointment {
    NewAppointment {
        subject: "Planning".to_owned(),
        start: date(2026, 3, 2).at(9, 0, 0, 0),
        duration: SignedDuration::from_hours(1),
        body: None,
        location: None,
        recurrence: None,
        attendees: attendees.iter().map(|address| (*address).to_owned()).collect(),
    }
}

#[test]
fn invitations_answers_and_call_offs_reach_the_other_side_and_the_ledger() {
    let bench = Bench::new();
    let meeting = bench.simulator.user(ALEX).create(&monday_meeting(&[BLAKE])).unwrap();
    let copy = bench.simulator.snapshot(BLAKE).unwrap().remove(0);
    assert_eq!(copy.event.my_participation, Some(Participation::NeedsAction));
    let number = {
        let state = bench.simulator.state();
        state.store.find(BLAKE).unwrap().calendar_item_by_uid(&copy.uid).unwrap().number
    };
    bench.simulator.user(BLAKE).respond(number, Participation::Accepted).unwrap();
    let tracked = bench.simulator.snapshot(ALEX).unwrap().remove(0);
    assert_eq!(tracked.event.attendees[BLAKE].participation, Participation::Accepted);
    bench.simulator.user(ALEX).delete(meeting).unwrap();
    let copy = bench.simulator.snapshot(BLAKE).unwrap().remove(0);
    assert_eq!(copy.event.status, tidemark_model::EventStatus::Cancelled);
    let state = bench.simulator.state();
    let kinds: Vec<_> = state.store.ledger().iter().map(|mail| mail.kind.as_str()).collect();
    assert_eq!(kinds, ["request", "response", "cancellation"]);
}

#[test]
fn a_silent_write_to_a_meeting_mails_nobody() {
    let bench = Bench::new();
    bench.create(&format!(
        "{VISIT_START}<t:RequiredAttendees><t:Attendee><t:Mailbox><t:EmailAddress>{BLAKE}\
         </t:EmailAddress></t:Mailbox></t:Attendee></t:RequiredAttendees>"
    ));
    assert!(bench.simulator.state().store.ledger().is_empty());
    assert!(bench.simulator.snapshot(BLAKE).unwrap().is_empty());
}

const VISIT_START: &str =
    "<t:Start>2026-03-02T09:00:00Z</t:Start><t:End>2026-03-02T10:00:00Z</t:End>";

#[test]
fn users_can_do_what_outlook_can() {
    let bench = Bench::new();
    let alex = bench.simulator.user(ALEX);
    let series = NewAppointment {
        recurrence: Some(Recurrence {
            pattern: Pattern::Weekly {
                interval: 1,
                days: WeekdaySet::EMPTY.with(jiff::civil::Weekday::Monday),
                first_day: jiff::civil::Weekday::Monday,
            },
            range: Range::Count(3),
        }),
        ..monday_meeting(&[])
    };
    let item = alex.create(&series).unwrap();
    let second = date(2026, 3, 9).at(9, 0, 0, 0);
    alex.except_occurrence(item, second, &[Change::Location(Some("Here".to_owned()))]).unwrap();
    alex.cancel_occurrence(item, date(2026, 3, 16).at(9, 0, 0, 0)).unwrap();
    alex.make_private(item).unwrap();
    let seen = bench.simulator.snapshot(ALEX).unwrap().remove(0).event;
    assert_eq!((seen.privacy, seen.overrides.len()), (Privacy::Private, 2));
    let moved = alex.move_to_folder(item, "deleteditems").unwrap();
    assert_ne!(moved, item);
    assert_eq!(alex.delete(item), Err(UserError::Store(StoreError::ItemNotFound)));
    assert!(bench.simulator.snapshot(ALEX).unwrap().is_empty());
}

fn faults(bench: &Bench, rule: FaultRule) {
    bench.simulator.set_faults(FaultPlan::new(7, vec![rule]));
}

#[test]
fn a_cut_after_leaves_the_item_and_a_cut_before_does_not() {
    let bench = Bench::new();
    faults(&bench, FaultRule::times(FaultKind::CutBefore, 1));
    assert_eq!(bench.ask(ALEX, &create(VISIT)).0, 0);
    assert!(bench.simulator.snapshot(ALEX).unwrap().is_empty());
    faults(&bench, FaultRule::times(FaultKind::CutAfter, 1));
    assert_eq!(bench.ask(ALEX, &create(VISIT)).0, 0);
    assert_eq!(bench.simulator.snapshot(ALEX).unwrap().len(), 1);
}

#[test]
fn a_busy_server_says_how_long() {
    let bench = Bench::new();
    faults(&bench, FaultRule::times(FaultKind::ServerBusy, 1));
    let (status, body) = bench.ask(ALEX, &create(VISIT));
    assert_eq!((status, text_of(&body, "ResponseCode")), (500, "ErrorServerBusy".to_owned()));
    assert_eq!(attribute(&body, "Value", "Name"), "BackOffMilliseconds");
    assert_eq!(bench.ask(ALEX, &create(VISIT)).0, 200);
}

#[test]
fn a_sneaking_edit_makes_the_key_stale() {
    let bench = Bench::new();
    let (id, key) = bench.create(VISIT);
    faults(&bench, FaultRule::times(FaultKind::StaleChangeKey, 1));
    let subject = set("item:Subject", "<t:Subject>A</t:Subject>");
    let write = update("NeverOverwrite", &id, &key, &subject);
    assert_eq!(bench.code(ALEX, &write), "ErrorIrresolvableConflict");
}

#[test]
fn lost_states_stay_lost() {
    let bench = Bench::new();
    let state = text_of(&bench.sync("", 1), "SyncState");
    faults(&bench, FaultRule::times(FaultKind::SyncStateLost, 1));
    for _ in 0..2 {
        assert_eq!(text_of(&bench.sync(&state, 1), "ResponseCode"), "ErrorInvalidSyncStateData");
    }
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let run = |seed| {
        let bench = Bench::new();
        let rule = FaultRule::per_mille(FaultKind::Transient, 300);
        bench.simulator.set_faults(FaultPlan::new(seed, vec![rule]));
        (0..40).map(|_| bench.ask(ALEX, &create(VISIT))).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

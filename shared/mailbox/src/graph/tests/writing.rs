//! Creating, changing, deleting, answering: and never mail that nobody asked for.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::{DateTime, datetime};
use tidemark_model::{
    Attendee, AttendeeRole, CopyRole, Event, LinkId, MailMode, OccurrencePatch, Override,
    Participation, Pattern, Range, Recurrence, RecurrenceId, Schedule, Zone,
};

use super::script::{Writes, empty, instance, list, with};
use super::*;
use crate::ews::HALF_WRITTEN;
use crate::port::{ChangeKey, RemoteEvent, RemoteRef, Stamp};

fn stamp() -> Stamp {
    Stamp {
        link: LinkId::new(uuid::Uuid::from_u128(7)),
        intent: uuid::Uuid::from_u128(8),
        epoch: 3,
    }
}

fn start(day: i8) -> DateTime {
    datetime(2026, 3, day, 9, 0, 0, 0)
}

fn single() -> Event {
    let zone = Zone::parse("Europe/Berlin").expect("a zone");
    let hour = SignedDuration::from_hours(1);
    let mut event = Event::new(Schedule::timed(start(2), zone, hour, None).expect("a time"));
    event.title = Some("Visit".to_owned());
    event
}

fn meeting() -> Event {
    let mut event = single();
    let role = AttendeeRole::Required;
    let blake = Attendee { name: None, role, participation: Participation::NeedsAction };
    event.attendees.insert("blake@tidemark.example".to_owned(), blake);
    event
}

/// Ten days, of which the third is taken out and the fourth renamed.
fn series() -> Event {
    let mut event = single();
    event.recurrence =
        Some(Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::Count(10) });
    event.overrides = BTreeMap::from([
        (RecurrenceId::new(start(4)), Override::Excluded),
        (RecurrenceId::new(start(5)), titled("Fourth")),
    ]);
    event
}

fn titled(title: &str) -> Override {
    Override::Changed(Box::new(OccurrencePatch {
        title: Some(Some(title.to_owned())),
        ..OccurrencePatch::default()
    }))
}

fn renamed(event: &Event) -> Event {
    Event { title: Some("Other".to_owned()), ..event.clone() }
}

fn at(id: &str, key: &str) -> RemoteRef {
    RemoteRef { id: RemoteId::new(id), change_key: ChangeKey::new(key) }
}

fn remote(id: &str, event: Event) -> RemoteEvent {
    let role = if event.attendees.is_empty() { CopyRole::Appointment } else { CopyRole::Organizer };
    RemoteEvent { reference: at(id, "1"), event, stamp: None, role, exceptions: BTreeMap::new() }
}

/// The answer to a GET of id and version.
fn head(id: &str, key: &str) -> Step {
    ok(&json!({ "id": id, "@odata.etag": format!("W/\"{key}\""), "changeKey": key }))
}

fn created(id: &str, key: &str) -> Step {
    (201, event(id, key).to_string()).into()
}

#[tokio::test]
async fn an_item_is_created_once_with_stamp_and_transaction() {
    let script = Script::new([created("a", "1")]);
    let made = mailbox(&script).create(&single(), &stamp(), MailMode::Silent, &Writes::of(1)).await;
    assert_eq!(made, Ok(at("a", "1")));
    assert_eq!(script.calls(), ["POST /events"]);
    let body = script.body(0);
    let id = "00000000-0000-0000-0000-000000000008";
    assert_eq!(body["transactionId"], id);
    let property = &body["singleValueExtendedProperties"][0];
    assert_eq!(property["id"], "String {8f71513c-b755-447a-8a2b-3d2ace1b53b9} Name TidemarkLink");
    assert_eq!(property["value"], format!("00000000-0000-0000-0000-000000000007;{id};3"));
    assert_eq!(body["subject"], "Visit");
    assert_eq!(body["start"]["timeZone"], "W. Europe Standard Time");
}

#[tokio::test]
async fn a_create_whose_outcome_is_not_known_is_looked_up() {
    for step in [
        (TransportFault::TimedOut, Delivery::Unclear).into(),
        (TransportFault::Cut, Delivery::Unclear).into(),
        failure(504, "UnknownError"),
        failure(500, "ErrorInternalServerTransientError"),
        failure(409, "ErrorDuplicateTransactionId"),
        failure(400, "ErrorDuplicateTransactionId"),
        // An answer without an id says that it is there, but not which.
        ok(&json!({})),
    ] {
        let script = Script::new([step]);
        let made =
            mailbox(&script).create(&single(), &stamp(), MailMode::Silent, &Writes::of(1)).await;
        assert_eq!(made.expect_err("unclear").disposition, Disposition::Unclear);
    }
    for step in [
        (TransportFault::Unreachable, Delivery::NotSent).into(),
        failure(429, "TooManyRequests"),
        failure(503, "ServiceUnavailable"),
    ] {
        let script = Script::new([step]);
        let made =
            mailbox(&script).create(&single(), &stamp(), MailMode::Silent, &Writes::of(1)).await;
        assert!(matches!(made.expect_err("unsent").disposition, Disposition::RetryAfter(_)));
    }
}

#[tokio::test]
async fn nothing_is_sent_without_leave_and_each_write_asks_anew() {
    let script = Script::new([]);
    let none = Writes::of(0);
    let error = mailbox(&script).create(&single(), &stamp(), MailMode::Silent, &none).await;
    assert_eq!(error.expect_err("no leave").disposition, Disposition::OutOfTime);
    let script = Script::new([head("a", "1")]);
    let target = renamed(&single());
    let error =
        mailbox(&script).update(&remote("a", single()), &target, MailMode::Silent, &none).await;
    assert_eq!(error.expect_err("no leave").disposition, Disposition::OutOfTime);
    // The time that a refused token costs may be the time that the lease had left.
    let script = Script::new([failure(401, "InvalidAuthenticationToken")]);
    let error =
        mailbox(&script).create(&single(), &stamp(), MailMode::Silent, &Writes::of(1)).await;
    assert_eq!(error.expect_err("no leave").disposition, Disposition::OutOfTime);
}

#[tokio::test]
async fn what_graph_would_mail_is_not_sent_in_silence() {
    let script = Script::new([]);
    let mailbox = mailbox(&script);
    let none = Writes::of(0);
    let made = mailbox.create(&meeting(), &stamp(), MailMode::Silent, &none).await;
    let error = made.expect_err("would mail");
    assert_eq!((error.disposition, error.code.as_str()), (Disposition::Reject, WOULD_MAIL));
    assert!(error.text.contains("people: 1)") && !error.text.contains("blake"), "{}", error.text);
    // Taking everybody off a meeting mails those who are taken off.
    for target in [renamed(&meeting()), single()] {
        let written =
            mailbox.update(&remote("a", meeting()), &target, MailMode::Silent, &none).await;
        assert_eq!(written.expect_err("would mail").code, WOULD_MAIL);
    }
}

#[tokio::test]
async fn with_mail_or_without_anybody_to_mail_the_same_is_sent() {
    let script = Script::new([created("a", "1"), created("a", "1")]);
    let mailbox_ = mailbox(&script);
    let made = mailbox_.create(&meeting(), &stamp(), MailMode::All, &Writes::of(1)).await;
    assert_eq!(made, Ok(at("a", "1")));
    assert_eq!(script.body(0)["attendees"][0]["emailAddress"]["address"], "blake@tidemark.example");
    let mut own = meeting();
    let me = own.attendees.remove("blake@tidemark.example").expect("an attendee");
    own.attendees.insert("alex@tidemark.example".to_owned(), me);
    let made = mailbox_.create(&own, &stamp(), MailMode::Silent, &Writes::of(1)).await;
    assert!(made.is_ok());
    // Categories are the owner's own.
    let script = Script::new([head("a", "1"), ok(&event("a", "2"))]);
    let mut target = meeting();
    target.categories.insert("Red".to_owned());
    let current = remote("a", meeting());
    let written =
        mailbox(&script).update(&current, &target, MailMode::Silent, &Writes::of(1)).await;
    assert_eq!(written, Ok(at("a", "2")));
}

#[tokio::test]
async fn an_update_writes_what_differs_and_only_over_the_known_version() {
    let script = Script::new([head("a", "1"), ok(&event("a", "2"))]);
    let target = renamed(&single());
    let written = mailbox(&script)
        .update(&remote("a", single()), &target, MailMode::Silent, &Writes::of(1))
        .await;
    assert_eq!(written, Ok(at("a", "2")));
    assert_eq!(script.calls(), ["GET /events/a", "PATCH /events/a"]);
    assert_eq!(script.body(1), json!({ "subject": "Other" }));
    assert_eq!(script.header(1, "if-match").as_deref(), Some("W/\"1\""));
    assert_eq!(script.header(1, "prefer").as_deref(), Some("IdType=\"ImmutableId\""));
}

#[tokio::test]
async fn an_update_that_changes_nothing_sends_nothing() {
    let script = Script::new([]);
    let written = mailbox(&script)
        .update(&remote("a", series()), &series(), MailMode::Silent, &Writes::of(0))
        .await;
    assert_eq!(written, Ok(at("a", "1")));
}

#[tokio::test]
async fn a_version_that_is_no_longer_current_is_a_conflict() {
    let target = renamed(&single());
    for steps in [
        // That If-Match is honoured stands on no page, so the version is compared as well.
        vec![head("a", "2")],
        vec![head("a", "1"), failure(412, "ErrorIrresolvableConflict")],
        vec![head("a", "1"), failure(409, "ErrorIrresolvableConflict")],
    ] {
        let script = Script::new(steps);
        let written = mailbox(&script)
            .update(&remote("a", single()), &target, MailMode::Silent, &Writes::of(1))
            .await;
        assert_eq!(written.expect_err("stale").disposition, Disposition::Conflict);
    }
    let script = Script::new([failure(404, "ErrorItemNotFound")]);
    let written = mailbox(&script)
        .update(&remote("a", single()), &target, MailMode::Silent, &Writes::of(1))
        .await;
    assert_eq!(written.expect_err("gone").disposition, Disposition::Gone);
}

/// What happens to the occurrences of a new series: one is taken out, one renamed.
fn occurrence_steps() -> Vec<Step> {
    vec![
        list(&[instance("o3", "1", "occurrence", 3), instance("o4", "1", "occurrence", 4)]),
        empty(204),
        list(&[instance("o5", "2", "occurrence", 5), instance("o6", "2", "occurrence", 6)]),
        ok(&instance("o5", "3", "exception", 5)),
        head("m", "4"),
    ]
}

#[tokio::test]
async fn a_series_is_created_first_then_thinned_then_changed() {
    let steps = [created("m", "1")].into_iter().chain(occurrence_steps());
    let script = Script::new(steps);
    let made = mailbox(&script).create(&series(), &stamp(), MailMode::Silent, &Writes::of(3)).await;
    assert_eq!(made, Ok(at("m", "4")));
    assert_eq!(
        script.calls(),
        [
            "POST /events",
            "GET /events/m/instances",
            "DELETE /events/o4",
            "GET /events/m/instances",
            "PATCH /events/o5",
            "GET /events/m"
        ]
    );
    assert_eq!(script.header(2, "if-match").as_deref(), Some("W/\"1\""));
    assert_eq!(script.header(4, "if-match").as_deref(), Some("W/\"2\""));
    assert_eq!(script.body(4), json!({ "subject": "Fourth" }));
}

#[tokio::test]
async fn a_series_that_was_made_only_in_part_has_to_be_looked_up() {
    let script = Script::new([
        created("m", "1"),
        list(&[instance("o4", "1", "occurrence", 4)]),
        failure(403, "ErrorAccessDenied"),
    ]);
    let made = mailbox(&script).create(&series(), &stamp(), MailMode::Silent, &Writes::of(2)).await;
    let error = made.expect_err("in part");
    assert_eq!((error.disposition, error.code.as_str()), (Disposition::Unclear, HALF_WRITTEN));
    let script = Script::new([created("m", "1"), list(&[instance("o4", "1", "occurrence", 4)])]);
    let made = mailbox(&script).create(&series(), &stamp(), MailMode::Silent, &Writes::of(1)).await;
    let error = made.expect_err("out of time");
    assert_eq!((error.disposition, error.code.as_str()), (Disposition::Unclear, HALF_WRITTEN));
}

#[tokio::test]
async fn an_occurrence_that_is_gone_already_is_what_was_wanted() {
    let mut target = series();
    target.overrides.insert(RecurrenceId::new(start(6)), Override::Excluded);
    let script = Script::new([
        head("m", "1"),
        list(&[instance("o7", "1", "occurrence", 7)]),
        head("m", "2"),
    ]);
    let written = mailbox(&script)
        .update(&remote("m", series()), &target, MailMode::Silent, &Writes::of(0))
        .await;
    assert_eq!(written, Ok(at("m", "2")));
    let mut target = series();
    target.overrides.insert(RecurrenceId::new(start(6)), titled("Sixth"));
    let script = Script::new([head("m", "1"), list(&[])]);
    let written = mailbox(&script)
        .update(&remote("m", series()), &target, MailMode::Silent, &Writes::of(0))
        .await;
    assert_eq!(written.expect_err("gone").disposition, Disposition::Conflict);
}

#[tokio::test]
async fn an_exception_is_changed_by_its_own_id() {
    let mut current = remote("m", series());
    let fourth = RecurrenceId::new(start(5));
    current.exceptions.insert(fourth, at("e", "1"));
    let mut target = series();
    target.overrides.insert(fourth, titled("Renamed"));
    let edited = Script::new([head("m", "1"), head("e", "2")]);
    let written =
        mailbox(&edited).update(&current, &target, MailMode::Silent, &Writes::of(1)).await;
    assert_eq!(written.expect_err("edited").disposition, Disposition::Conflict);
    let gone = Script::new([head("m", "1"), failure(404, "ErrorItemNotFound")]);
    let written = mailbox(&gone).update(&current, &target, MailMode::Silent, &Writes::of(1)).await;
    assert_eq!(written.expect_err("gone").disposition, Disposition::Conflict);
    target.title = Some("Other".to_owned());
    let script = Script::new([
        head("m", "1"),
        head("e", "1"),
        ok(&event("m", "9")),
        // The write to the series has moved the version of its exception.
        head("e", "9"),
        ok(&instance("e", "10", "exception", 5)),
        head("m", "11"),
    ]);
    let written =
        mailbox(&script).update(&current, &target, MailMode::Silent, &Writes::of(2)).await;
    assert_eq!(written, Ok(at("m", "11")));
    assert_eq!(script.calls()[4], "PATCH /events/e");
    assert_eq!(script.header(4, "if-match").as_deref(), Some("W/\"9\""));
    assert_eq!(script.body(4), json!({ "subject": "Renamed" }));
}

#[tokio::test]
async fn a_deleted_occurrence_comes_back_by_writing_the_rule_and_all_that_it_drops() {
    let mut target = series();
    target.overrides.remove(&RecurrenceId::new(start(4)));
    let steps = || {
        vec![head("m", "1"), ok(&event("m", "2")), list(&[instance("o5", "2", "occurrence", 5)])]
    };
    let mut whole = steps();
    whole.extend([ok(&instance("o5", "3", "exception", 5)), head("m", "4")]);
    let script = Script::new(whole);
    let written = mailbox(&script)
        .update(&remote("m", series()), &target, MailMode::Silent, &Writes::of(2))
        .await;
    assert_eq!(written, Ok(at("m", "4")));
    assert_eq!(script.body(1)["recurrence"]["pattern"]["type"], "daily");
    assert_eq!(script.body(3), json!({ "subject": "Fourth" }));
    // A rule without its exceptions is never taken for somebody's will.
    let mut cut = steps();
    cut.push((TransportFault::Cut, Delivery::Unclear).into());
    let script = Script::new(cut);
    let written = mailbox(&script)
        .update(&remote("m", series()), &target, MailMode::Silent, &Writes::of(2))
        .await;
    let error = written.expect_err("in part");
    assert_eq!((error.disposition, error.code.as_str()), (Disposition::Unclear, HALF_WRITTEN));
}

#[tokio::test]
async fn a_delete_goes_over_no_edit() {
    let script = Script::new([
        head("a", "1"),
        empty(204),
        head("a", "2"),
        failure(404, "ErrorItemNotFound"),
    ]);
    let mailbox = mailbox(&script);
    let writes = Writes::of(1);
    let target = at("a", "1");
    assert_eq!(mailbox.delete(&target, MailMode::All, &writes).await, Ok(()));
    assert_eq!(script.calls(), ["GET /events/a", "DELETE /events/a"]);
    assert_eq!(script.header(1, "if-match").as_deref(), Some("W/\"1\""));
    let edited = mailbox.delete(&target, MailMode::All, &writes).await;
    assert_eq!(edited.expect_err("edited").disposition, Disposition::Conflict);
    let gone = mailbox.delete(&target, MailMode::All, &writes).await;
    assert_eq!(gone.expect_err("gone").disposition, Disposition::Gone);
}

#[tokio::test]
async fn an_immutable_id_that_cannot_be_deleted_may_be_gone() {
    let refused = || failure(403, "ErrorCannotDeleteObject");
    for (after, disposition) in [
        (failure(404, "ErrorItemNotFound"), Disposition::Gone),
        (head("a", "1"), Disposition::Reject),
    ] {
        let script = Script::new([head("a", "1"), refused(), after]);
        let deleted = mailbox(&script).delete(&at("a", "1"), MailMode::All, &Writes::of(1)).await;
        assert_eq!(deleted.expect_err("refused").disposition, disposition);
    }
}

#[tokio::test]
async fn a_silent_delete_is_refused_where_graph_would_cancel_with_mail() {
    let people = json!({ "attendees": [{ "type": "required",
        "emailAddress": { "address": "blake@tidemark.example" } }] });
    let organised = with(event("a", "1"), &people);
    let script = Script::new([ok(&organised)]);
    let refused = mailbox(&script).delete(&at("a", "1"), MailMode::Silent, &Writes::of(1)).await;
    assert_eq!(refused.expect_err("would mail").code, WOULD_MAIL);
    // An attendee's copy goes without a word.
    let own_copy = with(organised, &json!({ "isOrganizer": false }));
    for item in [own_copy, event("a", "1")] {
        let script = Script::new([ok(&item), empty(204)]);
        let done = mailbox(&script).delete(&at("a", "1"), MailMode::Silent, &Writes::of(1)).await;
        assert_eq!(done, Ok(()));
    }
    let script = Script::new([ok(&event("a", "2"))]);
    let edited = mailbox(&script).delete(&at("a", "1"), MailMode::Silent, &Writes::of(1)).await;
    assert_eq!(edited.expect_err("edited").disposition, Disposition::Conflict);
}

#[tokio::test]
async fn an_invitation_is_answered_and_a_declined_one_may_be_gone() {
    let script = Script::new([
        head("a", "1"),
        empty(202),
        head("a", "2"),
        head("a", "1"),
        empty(202),
        failure(404, "ErrorItemNotFound"),
    ]);
    let mailbox = mailbox(&script);
    let writes = Writes::of(2);
    let target = at("a", "1");
    let accepted = mailbox.respond(&target, Participation::Accepted, MailMode::All, &writes).await;
    assert_eq!(accepted, Ok(at("a", "2")));
    assert_eq!(script.body(1)["sendResponse"], true);
    let declined =
        mailbox.respond(&target, Participation::Declined, MailMode::Silent, &writes).await;
    assert_eq!(declined, Ok(target.clone()));
    assert_eq!(script.body(4)["sendResponse"], false);
    assert_eq!(script.calls()[1], "POST /events/a/accept");
    assert_eq!(script.calls()[4], "POST /events/a/decline");
    let none = mailbox.respond(&target, Participation::NeedsAction, MailMode::All, &writes).await;
    assert_eq!(none.expect_err("no answer").disposition, Disposition::Reject);
}

#[tokio::test]
async fn an_answer_whose_outcome_is_not_known_is_not_given_twice() {
    let script =
        Script::new([head("a", "1"), (TransportFault::TimedOut, Delivery::Unclear).into()]);
    let error = mailbox(&script)
        .respond(&at("a", "1"), Participation::Accepted, MailMode::All, &Writes::of(1))
        .await;
    assert_eq!(error.expect_err("unclear").disposition, Disposition::Unclear);
}

#[tokio::test]
async fn what_exchange_cannot_hold_is_refused_before_anything_is_made() {
    let script = Script::new([]);
    let mut target = series();
    let noon = RecurrenceId::new(datetime(2026, 3, 5, 12, 0, 0, 0));
    target.overrides.insert(noon, Override::Excluded);
    let made = mailbox(&script).create(&target, &stamp(), MailMode::Silent, &Writes::of(9)).await;
    assert_eq!(made.expect_err("refused").disposition, Disposition::Reject);
    let script = Script::new([head("a", "1"), failure(400, "ErrorOccurrenceCrossingBoundary")]);
    let written = mailbox(&script)
        .update(&remote("a", single()), &renamed(&single()), MailMode::Silent, &Writes::of(1))
        .await;
    let error = written.expect_err("refused");
    assert_eq!((error.disposition, error.scope), (Disposition::Reject, Scope::Item));
    assert!(error.text.contains("neighbour"), "{}", error.text);
}

//! Creating, changing, deleting, answering.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use jiff::civil::{DateTime, datetime};
use tidemark_model::{
    CopyRole, EventStatus, OccurrencePatch, Override, Pattern, Range, Recurrence, RecurrenceId,
    Schedule, ShowAs, Zone,
};

use super::script::reference;
use super::*;
use crate::port::{ChangeKey, PermitDenied};

/// Allows so many writes.
struct Writes(AtomicUsize);

impl Writes {
    fn of(count: usize) -> Self {
        Self(AtomicUsize::new(count))
    }
}

impl Permit for Writes {
    fn may_write(&self) -> Result<(), PermitDenied> {
        let left = |left: usize| left.checked_sub(1);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left) {
            Ok(_) => Ok(()),
            Err(_) => Err(PermitDenied),
        }
    }
}

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

fn at(id: &str, key: &str) -> RemoteRef {
    RemoteRef { id: RemoteId::new(id), change_key: ChangeKey::new(key) }
}

fn remote(event: Event) -> RemoteEvent {
    RemoteEvent {
        reference: at("a", "1"),
        event,
        stamp: None,
        role: CopyRole::Appointment,
        exceptions: BTreeMap::new(),
    }
}

fn deleted() -> String {
    soap("DeleteItem", &[message("DeleteItem", "")])
}

fn got(id: &str, key: &str) -> String {
    reference("GetItem", id, key)
}

#[tokio::test]
async fn an_item_is_created_with_its_stamp_and_without_mail() {
    let script = Script::new([answer(&reference("CreateItem", "a", "1"))]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let made = mailbox.create(&single(), &stamp(), MailMode::Silent, &Writes::of(1)).await;
    assert_eq!(made, Ok(at("a", "1")));
    assert_eq!(script.attributes(0, "CreateItem", "SendMeetingInvitations"), ["SendToNone"]);
    let sets = script.attributes(0, "ExtendedFieldURI", "PropertySetId");
    assert!(sets.contains(&"8f71513c-b755-447a-8a2b-3d2ace1b53b9".to_owned()));
    assert_eq!(script.texts(0, "Subject"), ["Visit"]);
}

#[tokio::test]
async fn nothing_is_sent_without_leave() {
    let script = Script::new([]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let none = Writes::of(0);
    let error = mailbox.create(&single(), &stamp(), MailMode::Silent, &none).await;
    assert_eq!(error.expect_err("no leave").disposition, Disposition::OutOfTime);
    let mut target = single();
    target.title = Some("Other".to_owned());
    let error = mailbox.update(&remote(single()), &target, MailMode::Silent, &none).await;
    assert_eq!(error.expect_err("no leave").disposition, Disposition::OutOfTime);
}

#[tokio::test]
async fn only_a_create_that_may_have_arrived_is_unclear() {
    let script = Script::new([
        (TransportFault::Cut, Delivery::Unclear).into(),
        (TransportFault::Unreachable, Delivery::NotSent).into(),
        (TransportFault::Cut, Delivery::Unclear).into(),
    ]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let writes = Writes::of(3);
    let cut = mailbox.create(&single(), &stamp(), MailMode::Silent, &writes).await;
    assert_eq!(cut.expect_err("cut").disposition, Disposition::Unclear);
    let unsent = mailbox.create(&single(), &stamp(), MailMode::Silent, &writes).await;
    assert!(matches!(unsent.expect_err("unsent").disposition, Disposition::RetryAfter(_)));
    let mut target = single();
    target.title = Some("Other".to_owned());
    let cut = mailbox.update(&remote(single()), &target, MailMode::Silent, &writes).await;
    assert!(matches!(cut.expect_err("cut").disposition, Disposition::RetryAfter(_)));
}

#[tokio::test]
async fn a_series_is_created_first_then_thinned_then_changed() {
    let script = Script::new([
        answer(&reference("CreateItem", "a", "1")),
        answer(&got("a", "1")),
        answer(&deleted()),
        answer(&got("a", "2")),
        answer(&reference("UpdateItem", "occurrence", "3")),
        answer(&got("a", "4")),
    ]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let made = mailbox.create(&series(), &stamp(), MailMode::Silent, &Writes::of(3)).await;
    assert_eq!(made, Ok(at("a", "4")));
    assert_eq!(
        script.operations(),
        ["CreateItem", "GetItem", "DeleteItem", "GetItem", "UpdateItem", "GetItem"]
    );
    assert_eq!(script.attributes(2, "OccurrenceItemId", "InstanceIndex"), ["3"]);
    assert_eq!(script.attributes(4, "OccurrenceItemId", "InstanceIndex"), ["4"]);
    assert_eq!(script.attributes(4, "OccurrenceItemId", "RecurringMasterId"), ["a"]);
    assert_eq!(script.attributes(4, "OccurrenceItemId", "ChangeKey"), ["2"]);
    assert_eq!(script.attributes(4, "UpdateItem", "ConflictResolution"), ["NeverOverwrite"]);
    assert_eq!(script.texts(4, "Subject"), ["Fourth"]);
    assert_eq!(script.attributes(4, "FieldURI", "FieldURI"), ["item:Subject"]);
}

#[tokio::test]
async fn a_series_that_was_made_only_in_part_has_to_be_looked_up() {
    let script = Script::new([
        answer(&reference("CreateItem", "a", "1")),
        answer(&got("a", "1")),
        answer(&soap("DeleteItem", &[error_message("DeleteItem", "ErrorAccessDenied")])),
    ]);
    let made = mailbox(&script, Access::Impersonation)
        .create(&series(), &stamp(), MailMode::Silent, &Writes::of(2))
        .await;
    let error = made.expect_err("in part");
    assert_eq!((error.disposition, error.code.as_str()), (Disposition::Unclear, HALF_WRITTEN));
    assert!(error.text.contains("ErrorAccessDenied"), "{}", error.text);
}

#[tokio::test]
async fn a_series_that_runs_out_of_time_is_in_part_there_too() {
    let script = Script::new([answer(&reference("CreateItem", "a", "1")), answer(&got("a", "1"))]);
    let made = mailbox(&script, Access::Impersonation)
        .create(&series(), &stamp(), MailMode::Silent, &Writes::of(1))
        .await;
    let error = made.expect_err("out of time");
    assert_eq!((error.disposition, error.code.as_str()), (Disposition::Unclear, HALF_WRITTEN));
    assert!(error.text.contains("out-of-time"), "{}", error.text);
}

#[tokio::test]
async fn an_override_of_no_occurrence_is_refused_before_anything_is_made() {
    let script = Script::new([]);
    let mut event = series();
    let noon = RecurrenceId::new(datetime(2026, 3, 5, 12, 0, 0, 0));
    event.overrides.insert(noon, Override::Excluded);
    let made = mailbox(&script, Access::Impersonation)
        .create(&event, &stamp(), MailMode::Silent, &Writes::of(9))
        .await;
    let error = made.expect_err("refused");
    assert_eq!(error.disposition, Disposition::Reject);
    assert_eq!(error.code, "occurrence-not-in-series");
}

#[tokio::test]
async fn an_update_writes_what_differs_and_only_over_the_known_version() {
    let script = Script::new([answer(&reference("UpdateItem", "a", "2"))]);
    let mut target = single();
    target.title = Some("Other".to_owned());
    let written = mailbox(&script, Access::Impersonation)
        .update(&remote(single()), &target, MailMode::Silent, &Writes::of(1))
        .await;
    assert_eq!(written, Ok(at("a", "2")));
    assert_eq!(script.attributes(0, "FieldURI", "FieldURI"), ["item:Subject"]);
    assert_eq!(script.attributes(0, "UpdateItem", "ConflictResolution"), ["NeverOverwrite"]);
    assert_eq!(script.attributes(0, "ItemId", "ChangeKey"), ["1"]);
    let mail = "SendMeetingInvitationsOrCancellations";
    assert_eq!(script.attributes(0, "UpdateItem", mail), ["SendToNone"]);
}

#[tokio::test]
async fn an_update_that_changes_nothing_sends_nothing() {
    let script = Script::new([]);
    let written = mailbox(&script, Access::Impersonation)
        .update(&remote(series()), &series(), MailMode::Silent, &Writes::of(0))
        .await;
    assert_eq!(written, Ok(at("a", "1")));
}

#[tokio::test]
async fn a_version_that_is_no_longer_current_is_a_conflict() {
    let stale = error_message("UpdateItem", "ErrorIrresolvableConflict");
    let script = Script::new([answer(&soap("UpdateItem", &[stale]))]);
    let mut target = single();
    target.location = Some("Room 1".to_owned());
    let written = mailbox(&script, Access::Impersonation)
        .update(&remote(single()), &target, MailMode::Silent, &Writes::of(1))
        .await;
    assert_eq!(written.expect_err("stale").disposition, Disposition::Conflict);
}

#[tokio::test]
async fn an_exception_is_changed_by_its_own_id() {
    let script =
        Script::new([answer(&reference("UpdateItem", "exception", "2")), answer(&got("a", "2"))]);
    let mut current = remote(series());
    let fourth = RecurrenceId::new(start(5));
    current.exceptions.insert(fourth, at("exception", "1"));
    let mut target = series();
    target.overrides.insert(fourth, titled("Renamed"));
    let written = mailbox(&script, Access::Impersonation)
        .update(&current, &target, MailMode::Silent, &Writes::of(1))
        .await;
    assert_eq!(written, Ok(at("a", "2")));
    assert_eq!(script.attributes(0, "ItemId", "Id"), ["exception"]);
    assert_eq!(script.texts(0, "Subject"), ["Renamed"]);
}

#[tokio::test]
async fn an_occurrence_is_not_taken_out_over_an_edit() {
    let script = Script::new([
        answer(&got("a", "1")),
        answer(&deleted()),
        answer(&got("a", "2")),
        answer(&got("a", "5")),
    ]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let mut target = series();
    target.overrides.insert(RecurrenceId::new(start(6)), Override::Excluded);
    let writes = Writes::of(1);
    let written = mailbox.update(&remote(series()), &target, MailMode::Silent, &writes).await;
    assert_eq!(written, Ok(at("a", "2")));
    assert_eq!(script.attributes(1, "OccurrenceItemId", "InstanceIndex"), ["5"]);
    // Somebody changed the series since it was read: nothing is deleted.
    let edited = mailbox.update(&remote(series()), &target, MailMode::Silent, &writes).await;
    assert_eq!(edited.expect_err("edited").disposition, Disposition::Conflict);
    assert_eq!(script.operations(), ["GetItem", "DeleteItem", "GetItem", "GetItem"]);
}

#[tokio::test]
async fn an_edit_after_the_rule_was_written_leaves_the_series_half_written() {
    let script = Script::new([answer(&reference("UpdateItem", "a", "2")), answer(&got("a", "3"))]);
    let mut target = series();
    target.schedule = target.schedule.moved_to(start(2).with().hour(10).build().expect("a time"));
    target.overrides = BTreeMap::from([(
        RecurrenceId::new(start(4).with().hour(10).build().expect("a time")),
        Override::Excluded,
    )]);
    let written = mailbox(&script, Access::Impersonation)
        .update(&remote(series()), &target, MailMode::Silent, &Writes::of(2))
        .await;
    let error = written.expect_err("edited");
    assert_eq!((error.disposition, error.code.as_str()), (Disposition::Unclear, HALF_WRITTEN));
}

#[tokio::test]
async fn a_busy_occurrence_of_a_tentative_series_is_written_as_busy() {
    let script =
        Script::new([answer(&reference("UpdateItem", "occurrence", "2")), answer(&got("a", "2"))]);
    let mut current = series();
    current.overrides.clear();
    (current.show_as, current.status) = (ShowAs::Tentative, EventStatus::Tentative);
    let mut target = current.clone();
    let busy = OccurrencePatch { show_as: Some(ShowAs::Busy), ..OccurrencePatch::default() };
    target.overrides.insert(RecurrenceId::new(start(5)), Override::Changed(Box::new(busy)));
    let written = mailbox(&script, Access::Impersonation)
        .update(&remote(current), &target, MailMode::Silent, &Writes::of(1))
        .await;
    assert_eq!(written, Ok(at("a", "2")));
    assert_eq!(script.texts(0, "LegacyFreeBusyStatus"), ["Busy"]);
}

#[tokio::test]
async fn a_deleted_occurrence_comes_back_by_writing_the_rule_and_all_that_it_drops() {
    let script = Script::new([
        answer(&reference("UpdateItem", "a", "2")),
        answer(&reference("UpdateItem", "occurrence", "3")),
        answer(&got("a", "3")),
    ]);
    let mut target = series();
    target.overrides.remove(&RecurrenceId::new(start(4)));
    let written = mailbox(&script, Access::Impersonation)
        .update(&remote(series()), &target, MailMode::Silent, &Writes::of(2))
        .await;
    assert_eq!(written, Ok(at("a", "3")));
    let fields = script.attributes(0, "FieldURI", "FieldURI");
    assert!(fields.contains(&"calendar:Recurrence".to_owned()), "{fields:?}");
    assert_eq!(script.attributes(1, "OccurrenceItemId", "InstanceIndex"), ["4"]);
    assert_eq!(script.texts(1, "Subject"), ["Fourth"]);
}

#[tokio::test]
async fn a_rule_that_was_written_without_its_exceptions_is_never_taken_for_somebodys_will() {
    let script = Script::new([
        answer(&reference("UpdateItem", "a", "2")),
        (TransportFault::Cut, Delivery::Unclear).into(),
    ]);
    let mut target = series();
    target.overrides.remove(&RecurrenceId::new(start(4)));
    let written = mailbox(&script, Access::Impersonation)
        .update(&remote(series()), &target, MailMode::Silent, &Writes::of(2))
        .await;
    let error = written.expect_err("cut");
    assert_eq!((error.disposition, error.code.as_str()), (Disposition::Unclear, HALF_WRITTEN));
}

#[tokio::test]
async fn a_delete_goes_to_deleted_items_and_not_over_an_edit() {
    let script = Script::new([
        answer(&got("a", "1")),
        answer(&deleted()),
        answer(&got("a", "2")),
        answer(&soap("GetItem", &[error_message("GetItem", "ErrorItemNotFound")])),
    ]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let writes = Writes::of(1);
    let target = at("a", "1");
    assert_eq!(mailbox.delete(&target, MailMode::Silent, &writes).await, Ok(()));
    assert_eq!(script.attributes(1, "DeleteItem", "DeleteType"), ["MoveToDeletedItems"]);
    assert_eq!(script.attributes(1, "DeleteItem", "SendMeetingCancellations"), ["SendToNone"]);
    let edited = mailbox.delete(&target, MailMode::Silent, &writes).await;
    assert_eq!(edited.expect_err("edited").disposition, Disposition::Conflict);
    let gone = mailbox.delete(&target, MailMode::Silent, &writes).await;
    assert_eq!(gone.expect_err("gone").disposition, Disposition::Gone);
}

#[tokio::test]
async fn a_delete_that_is_not_answered_for_the_item_is_no_success() {
    let script = Script::new([answer(&got("a", "1")), answer(&soap("DeleteItem", &[]))]);
    let error = mailbox(&script, Access::Impersonation)
        .delete(&at("a", "1"), MailMode::Silent, &Writes::of(1))
        .await
        .expect_err("nothing is known of it");
    assert_eq!(error.code, "answer-unreadable");
    assert!(matches!(error.disposition, Disposition::RetryAfter(_)));
}

#[tokio::test]
async fn an_invitation_is_answered_and_a_declined_one_may_be_gone() {
    let answered = soap("CreateItem", &[message("CreateItem", "<m:Items/>")]);
    let script = Script::new([
        answer(&answered),
        answer(&got("a", "2")),
        answer(&answered),
        answer(&soap("GetItem", &[error_message("GetItem", "ErrorItemNotFound")])),
    ]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let writes = Writes::of(2);
    let target = at("a", "1");
    let accepted = mailbox.respond(&target, Participation::Accepted, MailMode::All, &writes).await;
    assert_eq!(accepted, Ok(at("a", "2")));
    assert_eq!(script.attributes(0, "ReferenceItemId", "Id"), ["a"]);
    let declined = mailbox.respond(&target, Participation::Declined, MailMode::All, &writes).await;
    assert_eq!(declined, Ok(target.clone()));
    let none = mailbox.respond(&target, Participation::NeedsAction, MailMode::All, &writes).await;
    assert_eq!(none.expect_err("no answer").disposition, Disposition::Reject);
}

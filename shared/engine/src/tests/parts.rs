//! Writes of several requests, and people who change the item between two of them.

use tidemark_model::{CopyRole, Event, OccurrencePatch, Override, Property, PropertyValue};

use super::made::changed;
use super::*;

fn rule(count: u32) -> Recurrence {
    Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::Count(count) }
}

fn series() -> Event {
    let mut series = event("a");
    series.recurrence = Some(rule(10));
    series
}

fn day(day: i8) -> RecurrenceId {
    RecurrenceId::new(date(2030, 1, day).at(9, 0, 0, 0))
}

fn once(text: &str) -> Override {
    changed(OccurrencePatch { title: Some(Some(text.to_owned())), ..OccurrencePatch::default() })
}

/// A create of a series with an override, and the base that is left when `shown` is read back.
fn created(shown: impl FnOnce(&mut Event)) -> (Event, Settled) {
    let mut wanted = series();
    wanted.overrides.insert(day(8), once("ours"));
    let mut patch = made::whole(&wanted);
    patch.overrides_complete = false;
    let put = [change(BusinessOperation::Upsert(patch))];
    let profile = Profile::default();
    let decision = run(LinkView::New, ExchangeView::NotLooked, &put, &profile, None);
    assert_eq!(decision.exchange.code(), "create");
    let mut read_back = wanted;
    shown(&mut read_back);
    let settled = settle(&decision, Some(&read_back), &Zone::utc());
    (read_back, settled)
}

fn linked(settled: &Settled) -> &Base {
    let LinkAfter::Linked(base) = &settled.link else { panic!("not linked") };
    base
}

fn told(base: &Base, shown: &Event) -> Vec<Property> {
    let decision = plain(LinkView::Linked(base), shown, &[]);
    assert_eq!(decision.exchange, ExchangeAction::None, "{}", decision.explain());
    match decision.business {
        Some(News::Updated { properties }) => properties,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_person_did_between_two_requests_is_told() {
    found(|event| drop(event.overrides.insert(day(10), Override::Excluded)), &[occurrence(10)]);
    found(|event| drop(event.overrides.insert(day(9), once("theirs"))), &[occurrence(9)]);
    found(|event| drop(event.overrides.insert(day(8), Override::Excluded)), &[occurrence(8)]);
    found(|event| event.title = Some("theirs".to_owned()), &[Property::Title]);
    let move_all = |event: &mut Event| {
        event.recurrence = Some(rule(12));
        event.overrides.clear();
    };
    found(move_all, &[Property::Schedule, occurrence(8)]);
}

fn occurrence(number: i8) -> Property {
    Property::Override(day(number))
}

fn found(edit: impl FnOnce(&mut Event), expected: &[Property]) {
    let (shown, settled) = created(edit);
    assert!(settled.overtaken, "{expected:?}");
    assert_eq!(told(linked(&settled), &shown), expected);
}

#[test]
fn our_own_write_alone_is_no_news() {
    let (shown, settled) = created(|event| {
        // The form that Exchange gives it.
        event.uid = Some("uid".to_owned());
        event.overrides.insert(day(8), once("ours "));
    });
    assert!(!settled.overtaken);
    assert_eq!(linked(&settled).exchange, shown);
    assert_eq!(linked(&settled).business.uid.as_deref(), Some("uid"));
    assert!(plain(LinkView::Linked(linked(&settled)), &shown, &[]).is_quiet());
}

#[test]
fn an_override_that_says_nothing_is_not_missed() {
    let base = base(&series());
    let nothing = changed(OccurrencePatch {
        title: Some(Some("a".to_owned())),
        ..OccurrencePatch::default()
    });
    let wishes = upsert(vec![
        PropertyValue::Override(day(8), Some(nothing)),
        PropertyValue::Override(day(9), Some(Override::Excluded)),
    ]);
    let decision = plain(LinkView::Linked(&base), &series(), &wishes);
    let mut shown = series();
    shown.overrides.insert(day(9), Override::Excluded);
    let settled = settle(&decision, Some(&shown), &Zone::utc());
    assert!(!settled.overtaken);
    assert_eq!(linked(&settled).exchange, shown);
}

#[test]
fn one_request_is_taken_at_its_word() {
    let base = base(&series());
    let decision = plain(LinkView::Linked(&base), &series(), &upsert(vec![title("b")]));
    // The server cut the title: nobody else was there, since its version is the one of the answer.
    let mut shown = series();
    shown.title = Some("cut".to_owned());
    let settled = settle(&decision, Some(&shown), &Zone::utc());
    assert!(!settled.overtaken);
    assert!(plain(LinkView::Linked(linked(&settled)), &shown, &[]).is_quiet());
}

#[test]
fn an_answer_hides_nothing_that_happened_beside_it() {
    let mut invitation = event("a");
    invitation.my_participation = Some(Participation::NeedsAction);
    let base = base(&invitation);
    let yes = PropertyValue::MyParticipation(Some(Participation::Accepted));
    let view = present(&invitation, CopyRole::Attendee);
    let profile = Profile::default();
    let link = LinkView::Linked(&base);
    let decision = run(link, view, &upsert(vec![yes]), &profile, None);
    let mut shown = invitation.clone();
    shown.my_participation = Some(Participation::Accepted);
    assert!(!settle(&decision, Some(&shown), &Zone::utc()).overtaken);
    shown.reminder_minutes = Some(5);
    let settled = settle(&decision, Some(&shown), &Zone::utc());
    assert!(settled.overtaken);
    assert_eq!(linked(&settled).exchange.reminder_minutes, None);
}

#[test]
fn a_private_series_is_read_again_when_somebody_was_there() {
    let mut wanted = series();
    wanted.privacy = Privacy::Private;
    wanted.overrides.insert(day(8), Override::Excluded);
    let put = [change(BusinessOperation::Upsert(made::whole(&wanted)))];
    let profile = Profile::default();
    let decision = run(LinkView::New, ExchangeView::NotLooked, &put, &profile, None);
    assert!(!settle(&decision, Some(&wanted), &Zone::utc()).overtaken);
    wanted.privacy = Privacy::Public;
    let settled = settle(&decision, Some(&wanted), &Zone::utc());
    assert!(settled.overtaken);
    assert_eq!(settled.link, LinkAfter::Private { born: Side::Business, announced: true });
}

/// Our write, which was to take an override out along with the occurrence, never arrived; a person
/// moved the series, which dropped the override. It is dropped for both.
#[test]
fn an_override_that_somebody_else_dropped_is_not_ours() {
    let mut old = series();
    old.overrides.insert(day(8), Override::Excluded);
    let base = base(&old);
    let mut target = series();
    let moved = date(2030, 1, 7).at(10, 0, 0, 0);
    target.schedule =
        Schedule::timed(moved, Zone::utc(), SignedDuration::from_hours(1), None).unwrap();
    let begun = Unfinished::update(old, target.clone());
    let mut shown = series();
    shown.recurrence = Some(rule(12));
    let edit = upsert(vec![target.value(Property::Schedule)]);
    let view = present(&shown, CopyRole::Appointment);
    let profile = Profile::default();
    let decision = run(LinkView::Linked(&base), view, &edit, &profile, Some(&begun));
    let LinkAfter::Linked(after) = settled(&decision, None) else { panic!("not linked") };
    assert!(after.business.overrides.is_empty());
    assert_eq!(after.business.recurrence, Some(rule(12)));
}

/// One silent request is not written down before. A run that was cut off right after it leaves a
/// value in Exchange that an earlier change of the business system gave: no person's.
#[test]
fn what_an_earlier_change_wrote_is_not_a_persons() {
    let base = base(&event("a"));
    let link = LinkView::Linked(&base);
    let numbered = |number, operation| BusinessChange { number, ..change(operation) };
    let renames = |number, text: &str| {
        let BusinessOperation::Upsert(patch) = upsert(vec![title(text)]).remove(0).change else {
            unreachable!("an upsert");
        };
        numbered(number, BusinessOperation::Upsert(patch))
    };
    let shown = event("b");
    for last in ["c", "a"] {
        let changes = [renames(1, "b"), renames(2, last)];
        let decision = plain(link, &shown, &changes);
        let ExchangeAction::Update { target, .. } = &decision.exchange else {
            panic!("{}", decision.explain());
        };
        assert_eq!(target.title.as_deref(), Some(last));
        assert!(decision.outcomes.iter().all(|outcome| outcome.verdict == Verdict::Applied));
        assert_eq!(decision.business, None);
    }
    let deleted = [renames(1, "b"), numbered(2, BusinessOperation::Delete)];
    assert_eq!(plain(link, &shown, &deleted).exchange.code(), "delete");
    // What a person changed keeps the item all the same.
    let decision = plain(link, &event("theirs"), &deleted);
    assert_eq!(decision.business, Some(News::Created));
}

#[test]
fn whoever_moves_a_series_loses_nothing_that_he_said_of_its_old_occurrences() {
    let base = base(&series());
    let times = series().schedule.moved_to(date(2030, 1, 7).at(11, 0, 0, 0));
    let mut changes = upsert(vec![PropertyValue::Override(day(9), Some(Override::Excluded))]);
    changes.extend(upsert(vec![PropertyValue::Schedule(times.clone(), Some(rule(10)))]));
    changes[1].number = 2;
    // A run that was cut off may have carried the first one.
    let mut begun = series();
    begun.overrides.insert(day(9), Override::Excluded);
    let cut_off = Unfinished::update(series(), begun.clone());
    for (shown, unfinished) in [(series(), None), (begun, Some(&cut_off))] {
        let view = ExchangeView::Present {
            event: &shown,
            role: CopyRole::Appointment,
            stamped: StampView::Ours,
        };
        let profile = Profile::default();
        let decision = run(LinkView::Linked(&base), view, &changes, &profile, unfinished);
        let ExchangeAction::Update { target, .. } = &decision.exchange else {
            panic!("{decision:?}")
        };
        assert_eq!((&target.schedule, target.overrides.len()), (&times, 0));
        let verdicts: Vec<_> = decision.outcomes.iter().map(|one| one.verdict.code()).collect();
        assert_eq!(verdicts, ["applied", "applied"], "{}", shown.overrides.len());
    }
}

//! The rules as a table, and the laws that hold for every input.

use std::collections::BTreeSet;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use tidemark_model::{
    Attendee, AttendeeRole, CopyRole, Event, EventPatch, MailMode, OccurrencePatch, Participation,
    Pattern, Privacy, Property, PropertyValue, Range, Recurrence, RecurrenceId, Schedule, Zone,
};

use super::*;

mod interleaving;
mod laws;
mod made;
mod mailing;
mod parts;
mod table;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn facts() -> MailboxFacts {
    MailboxFacts {
        addresses: BTreeSet::from(["me@x.example".to_owned()]),
        employees: BTreeSet::from(["colleague@x.example".to_owned()]),
        zone: Zone::utc(),
        first_copy: false,
        mailing: Mailing::AsAsked,
    }
}

fn schedule_at(hour: i8) -> Schedule {
    let start = date(2030, 1, 7).at(hour, 0, 0, 0);
    Schedule::timed(start, Zone::utc(), SignedDuration::from_hours(1), None).unwrap()
}

fn event(title: &str) -> Event {
    let mut event = Event::new(schedule_at(9));
    event.title = Some(title.to_owned());
    event
}

fn invite(event: &mut Event, address: &str) {
    event.attendees.insert(
        address.to_owned(),
        Attendee {
            name: None,
            role: AttendeeRole::Required,
            participation: Participation::NeedsAction,
        },
    );
}

fn base(event: &Event) -> Base {
    Base { exchange: event.clone(), business: event.clone(), born: Side::Exchange, announced: true }
}

fn upsert(values: Vec<PropertyValue>) -> Vec<BusinessChange> {
    let mut patch = EventPatch::new();
    for value in values {
        patch.set(value);
    }
    vec![change(BusinessOperation::Upsert(patch))]
}

fn change(operation: BusinessOperation) -> BusinessChange {
    BusinessChange { number: 1, change: operation, accepted_at: at(0), if_match_failed: false }
}

fn title(text: &str) -> PropertyValue {
    PropertyValue::Title(Some(text.to_owned()))
}

fn location(text: &str) -> PropertyValue {
    PropertyValue::Location(Some(text.to_owned()))
}

fn present(event: &Event, role: CopyRole) -> ExchangeView<'_> {
    ExchangeView::Present { event, role, stamped: StampView::Ours }
}

fn run(
    link: LinkView<'_>,
    exchange: ExchangeView<'_>,
    business: &[BusinessChange],
    profile: &Profile,
    unfinished: Option<&Unfinished>,
) -> Decision {
    plan(&PlanInput {
        link,
        exchange,
        business,
        profile,
        mailbox: &facts(),
        unfinished,
        now: at(100),
    })
}

/// What is remembered of the link, in a mailbox in UTC.
fn settled(decision: &Decision, read_back: Option<&Event>) -> LinkAfter {
    settle(decision, read_back, &Zone::utc()).link
}

fn plain(link: LinkView<'_>, remote: &Event, business: &[BusinessChange]) -> Decision {
    let view = present(remote, CopyRole::Appointment);
    run(link, view, business, &Profile::default(), None)
}

#[test]
fn different_properties_merge_without_conflict() {
    let base = base(&event("a"));
    let decision = plain(LinkView::Linked(&base), &event("b"), &upsert(vec![location("room")]));
    let ExchangeAction::Update { target, mail } = &decision.exchange else {
        panic!("{}", decision.explain());
    };
    assert_eq!(target.title.as_deref(), Some("b"));
    assert_eq!(target.location.as_deref(), Some("room"));
    assert_eq!(*mail, MailMode::Silent);
    assert_eq!(decision.outcomes[0].verdict, Verdict::Applied);
    let told = vec![Property::Title];
    assert_eq!(decision.business, Some(News::Updated { properties: told }));
}

#[test]
fn the_loser_of_a_conflict_is_kept() {
    let base = base(&event("a"));
    let decision = plain(LinkView::Linked(&base), &event("b"), &upsert(vec![title("c")]));
    let losers = vec![Loser { side: Side::Business, value: LoserValue::Property(title("c")) }];
    assert_eq!(decision.outcomes[0].verdict, Verdict::Conflict { losers });
    assert_eq!(decision.exchange, ExchangeAction::None);
}

#[test]
fn an_edit_beats_a_delete_both_ways() {
    let base = base(&event("a"));
    let link = LinkView::Linked(&base);
    let delete = [change(BusinessOperation::Delete)];
    let kept = plain(link, &event("b"), &delete);
    assert_eq!(kept.exchange, ExchangeAction::None);
    assert_eq!(kept.business, Some(News::Created));
    let profile = Profile::default();
    let edit = upsert(vec![title("c")]);
    let again = run(link, ExchangeView::Gone, &edit, &profile, None);
    assert_eq!(again.exchange.code(), "create");
    let restated = upsert(vec![title("a")]);
    let gone = run(link, ExchangeView::Gone, &restated, &profile, None);
    assert_eq!(gone.business, Some(News::Deleted));
    assert_eq!(gone.outcomes[0].verdict.code(), "refused");
}

#[test]
fn only_proof_deletes() {
    let base = base(&event("a"));
    let link = LinkView::Linked(&base);
    let profile = Profile::default();
    assert!(run(link, ExchangeView::Hidden, &[], &profile, None).is_quiet());
    let gone = run(link, ExchangeView::Gone, &[], &profile, None);
    assert_eq!((gone.business, gone.cost.deletes), (Some(News::Deleted), 1));
}

#[test]
fn mail_rules_decide_before_a_write() {
    let mut meeting = event("a");
    invite(&mut meeting, "guest@y.example");
    invite(&mut meeting, "me@x.example");
    let base = base(&meeting);
    let edit = upsert(vec![title("b")]);
    for (mail, code, mode) in [
        (MailRule::Hold, "hold", MailMode::Silent),
        (MailRule::Send, "update", MailMode::All),
        (MailRule::WithoutAttendees, "update", MailMode::Silent),
    ] {
        let profile = Profile { mail, ..Profile::default() };
        let view = present(&meeting, CopyRole::Organizer);
        let decision = run(LinkView::Linked(&base), view, &edit, &profile, None);
        assert_eq!((decision.exchange.code(), decision.exchange.mail()), (code, mode));
        assert_eq!(decision.forecast.count(), 1);
        assert!(!format!("{decision:?}").contains("guest"));
    }
}

#[test]
fn an_invitation_takes_only_an_answer() {
    let mut invitation = event("a");
    invitation.my_participation = Some(Participation::NeedsAction);
    let base = base(&invitation);
    let link = LinkView::Linked(&base);
    let profile = Profile::default();
    let view = present(&invitation, CopyRole::Attendee);
    let refused = run(link, view, &upsert(vec![title("b")]), &profile, None);
    assert_eq!(refused.outcomes[0].verdict.code(), "refused");
    assert_eq!(refused.exchange, ExchangeAction::None);
    let yes = PropertyValue::MyParticipation(Some(Participation::Accepted));
    let answered = run(link, view, &upsert(vec![yes]), &profile, None);
    assert_eq!(answered.exchange.code(), "respond");
}

#[test]
fn a_finer_priority_survives() {
    let base = base(&event("a"));
    let edit = upsert(vec![PropertyValue::Priority(3)]);
    let decision = plain(LinkView::Linked(&base), &event("a"), &edit);
    let mut read_back = event("a");
    read_back.priority = 1;
    let LinkAfter::Linked(after) = settled(&decision, Some(&read_back)) else {
        panic!("not linked");
    };
    assert_eq!((after.exchange.priority, after.business.priority), (1, 3));
    assert!(plain(LinkView::Linked(&after), &read_back, &[]).is_quiet());
}

#[test]
fn a_cut_off_series_write_is_carried_on() {
    let rule = Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::Count(10) };
    let mut old = event("a");
    old.recurrence = Some(rule);
    let id = RecurrenceId::new(date(2030, 1, 9).at(9, 0, 0, 0));
    old.overrides.insert(id, tidemark_model::Override::Excluded);
    let base = base(&old);
    let longer = Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::Count(12) };
    let edit = upsert(vec![PropertyValue::Schedule(old.schedule.clone(), Some(longer))]);
    let first = plain(LinkView::Linked(&base), &old, &edit);
    let ExchangeAction::Update { target, .. } = first.exchange else {
        panic!("no update");
    };
    let mut half = (*target).clone();
    half.overrides.clear();
    let begun = Unfinished::update(old.clone(), (*target).clone());
    let view = present(&half, CopyRole::Appointment);
    let profile = Profile::default();
    let second = run(LinkView::Linked(&base), view, &edit, &profile, Some(&begun));
    let ExchangeAction::Update { target: again, .. } = &second.exchange else {
        panic!("{}", second.explain());
    };
    assert_eq!(*again, target);
    assert_eq!(second.business, None);
}

#[test]
fn what_stood_before_an_attempt_does_not_prove_that_it_arrived() {
    let old = event("a");
    let base = base(&old);
    // The first attempt wrote the place, and its end was not seen. The second was to rename it, too.
    let mut placed = old.clone();
    placed.apply(location("Hall"));
    let mut renamed = placed.clone();
    renamed.title = Some("b".to_owned());
    let begun = Unfinished::update(old, placed.clone());
    let begun = begun.carried_on(&placed, renamed.clone(), &Zone::utc());
    let changes = upsert(vec![location("Hall"), title("b")]);
    let decide = |shown: &Event| {
        let view = present(shown, CopyRole::Appointment);
        run(LinkView::Linked(&base), view, &changes, &Profile::default(), Some(&begun))
    };
    // It never came to Exchange: nobody put the old title back.
    let decision = decide(&placed);
    let ExchangeAction::Update { target, .. } = &decision.exchange else {
        panic!("{}", decision.explain());
    };
    assert_eq!(target.title, renamed.title);
    assert!(decision.outcomes.iter().all(|it| it.verdict == Verdict::Applied));
    // What stood there and is gone, a person took out, whatever came of the second attempt.
    let decision = decide(&event("a"));
    let is_conflict = |verdict: &Verdict| matches!(verdict, Verdict::Conflict { .. });
    assert!(decision.outcomes.iter().any(|it| is_conflict(&it.verdict)), "{}", decision.explain());
}

#[test]
fn what_an_earlier_attempt_wrote_stays_ours_however_often_it_is_carried_on() {
    let mut old = event("a");
    old.recurrence =
        Some(Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::Count(10) });
    let day = RecurrenceId::new(date(2030, 1, 8).at(9, 0, 0, 0));
    let named = |text: &str| {
        let title = Some(Some(text.to_owned()));
        let patch = OccurrencePatch { title, ..OccurrencePatch::default() };
        let mut series = old.clone();
        series.apply(PropertyValue::Override(day, Some(made::changed(patch))));
        series
    };
    let (once, twice, thrice) = (named("once"), named("twice"), named("thrice"));
    let carried = |begun: Unfinished| {
        let begun = begun.carried_on(&once, twice.clone(), &Zone::utc());
        begun.carried_on(&once, thrice.clone(), &Zone::utc())
    };
    // Nothing but the first attempt came to Exchange, and then the business system gave it up.
    let mut changes = upsert(vec![]);
    if let BusinessOperation::Upsert(patch) = &mut changes[0].change {
        patch.overrides_complete = true;
    }
    let view = present(&once, CopyRole::Appointment);
    let profile = Profile::default();
    let base = base(&old);
    let updated = carried(Unfinished::update(old.clone(), once.clone()));
    let decision = run(LinkView::Linked(&base), view, &changes, &profile, Some(&updated));
    let ExchangeAction::Update { target, .. } = &decision.exchange else {
        panic!("{}", decision.explain());
    };
    assert!(target.overrides.is_empty());
    assert!(decision.outcomes.iter().all(|it| it.verdict == Verdict::Applied));
    // Or it still wants what the last attempt was to write, of a create, too.
    let created = carried(Unfinished::create(once.clone()));
    let wanted = upsert(vec![thrice.value(Property::Override(day))]);
    for (link, begun) in [(LinkView::Linked(&base), updated), (LinkView::New, created)] {
        let decision = run(link, view, &wanted, &profile, Some(&begun));
        let ExchangeAction::Update { target, .. } = &decision.exchange else {
            panic!("{}", decision.explain());
        };
        assert_eq!(target.overrides, thrice.overrides);
        assert_eq!(decision.business, None);
    }
}

#[test]
fn an_exception_that_a_cut_off_move_took_away_comes_back_with_the_series() {
    let rule = Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::Count(10) };
    let mut old = event("a");
    old.recurrence = Some(rule.clone());
    let id = RecurrenceId::new(date(2030, 1, 9).at(9, 0, 0, 0));
    old.overrides.insert(id, tidemark_model::Override::Excluded);
    let base = base(&old);
    // The business system moves the series, which has no exceptions then, and is cut off.
    let mut moved = old.clone();
    moved.schedule = schedule_at(12);
    moved.overrides.clear();
    let begun = Unfinished::update(old.clone(), moved.clone());
    // It moves the series back before that is told, and says its exception again.
    let back = upsert(vec![
        PropertyValue::Schedule(old.schedule.clone(), Some(rule)),
        old.value(Property::Override(id)),
    ]);
    let view = present(&moved, CopyRole::Appointment);
    let profile = Profile::default();
    let decision = run(LinkView::Linked(&base), view, &back, &profile, Some(&begun));
    let ExchangeAction::Update { target, .. } = &decision.exchange else {
        panic!("{}", decision.explain());
    };
    assert_eq!((&target.schedule, &target.overrides), (&old.schedule, &old.overrides));
}

#[test]
fn an_exception_that_went_when_a_cut_off_write_brought_another_back_is_ours() {
    let mut old = event("a");
    old.recurrence =
        Some(Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::Count(10) });
    let day = |day| RecurrenceId::new(date(2030, 1, day).at(9, 0, 0, 0));
    let titled = |text: &str| {
        let patch =
            OccurrencePatch { title: Some(Some(text.to_owned())), ..OccurrencePatch::default() };
        PropertyValue::Override(day(8), Some(made::changed(patch)))
    };
    old.apply(titled("once"));
    let base = base(&old);
    // The first write took an occurrence out. The second was to bring it back and to rename the other:
    // of that only the rule was written, which has taken both exceptions out.
    let mut fewer = old.clone();
    fewer.overrides.insert(day(9), tidemark_model::Override::Excluded);
    let mut target = old.clone();
    target.apply(titled("twice"));
    let begun = Unfinished::update(old.clone(), fewer.clone());
    let begun = begun.carried_on(&fewer, target.clone(), &Zone::utc());
    let mut bare = old.clone();
    bare.overrides.clear();
    let mut changes = upsert(vec![titled("twice")]);
    if let BusinessOperation::Upsert(patch) = &mut changes[0].change {
        patch.overrides_complete = true;
    }
    let view = present(&bare, CopyRole::Appointment);
    let profile = Profile::default();
    let decision = run(LinkView::Linked(&base), view, &changes, &profile, Some(&begun));
    let ExchangeAction::Update { target: again, .. } = &decision.exchange else {
        panic!("{}", decision.explain());
    };
    assert_eq!(again.overrides, target.overrides);
    assert!(decision.outcomes.iter().all(|it| it.verdict == Verdict::Applied));
}

#[test]
fn what_a_new_item_in_place_of_a_deleted_one_cleared_is_nobody_elses_change() {
    let mut old = event("a");
    old.location = Some("Muster".to_owned());
    let base = base(&old);
    let again = vec![PropertyValue::Schedule(old.schedule.clone(), None), title("b")];
    let anew = |last| {
        let mut changes = vec![change(BusinessOperation::Delete)];
        changes.extend(upsert(again.clone()));
        changes.extend(last);
        changes
    };
    // A run has written that and was cut off before it could say so.
    let cleared = event("b");
    let deleted =
        plain(LinkView::Linked(&base), &cleared, &anew(vec![change(BusinessOperation::Delete)]));
    assert!(matches!(deleted.exchange, ExchangeAction::Delete { .. }), "{}", deleted.explain());
    let placed = plain(LinkView::Linked(&base), &cleared, &anew(upsert(vec![location("Hall")])));
    let ExchangeAction::Update { target, .. } = &placed.exchange else {
        panic!("{}", placed.explain());
    };
    assert_eq!(target.location.as_deref(), Some("Hall"));
    assert!(
        placed.outcomes.iter().all(|it| it.verdict == Verdict::Applied),
        "{}",
        placed.explain()
    );
}

#[test]
fn the_brake_keeps_its_budget() {
    let budgets = Budgets::default();
    let cost = BrakeCost { deletes: 50, mails: 0 };
    let state = charge(BrakeState::default(), cost, budgets, at(0)).unwrap();
    let one = BrakeCost { deletes: 1, mails: 0 };
    assert!(charge(state, one, budgets, at(1)).is_err());
    assert!(charge(state, BrakeCost::default(), budgets, at(1)).is_ok());
    assert!(charge(state, one, budgets, at(3600)).is_ok());
}

#[test]
fn a_fight_is_held() {
    let base = base(&event("a"));
    let decision = plain(LinkView::Linked(&base), &event("a"), &upsert(vec![title("b")]));
    let sides = [Side::Business, Side::Exchange];
    let flips: FlipCounter =
        (0..6).map(|n| (Property::Title, at(n), sides[usize::try_from(n % 2).unwrap()])).collect();
    assert_eq!(guard_loop(decision.clone(), &flips, at(7)).exchange.code(), "hold");
    assert_eq!(guard_loop(decision.clone(), &flips, at(9000)), decision);
}

proptest! {
    /// Whatever is changed where: no change is lost unreported, and a second plan is quiet.
    #[test]
    fn no_change_is_lost_and_a_second_plan_is_quiet(
        remote in "[abc]", wanted in "[abc]", room in "[abc]", business_wins: bool,
    ) {
        let base = base(&event("a"));
        let now_remote = event(&remote);
        let profile = Profile {
            conflicts: if business_wins { ConflictPolicy::BusinessWins } else { ConflictPolicy::ExchangeWins },
            ..Profile::default()
        };
        let view = present(&now_remote, CopyRole::Appointment);
        let edit = upsert(vec![title(&wanted), location(&room)]);
        let decision = run(LinkView::Linked(&base), view, &edit, &profile, None);
        let target = match &decision.exchange {
            ExchangeAction::Update { target, .. } => (**target).clone(),
            _ => now_remote.clone(),
        };
        let lost = match &decision.outcomes[0].verdict {
            Verdict::Conflict { losers } => losers.clone(),
            _ => Vec::new(),
        };
        for (text, side) in [(&remote, Side::Exchange), (&wanted, Side::Business)] {
            let reported = lost.contains(&Loser { side, value: LoserValue::Property(title(text)) });
            prop_assert!(text == "a" || target.title.as_ref() == Some(text) || reported);
        }
        prop_assert_eq!(target.location.as_ref(), Some(&room));
        let LinkAfter::Linked(after) = settled(&decision, Some(&target)) else { panic!("not linked") };
        prop_assert_eq!(&after.business, &after.exchange);
        prop_assert!(plain(LinkView::Linked(&after), &target, &[]).is_quiet());
    }

    /// Nothing of a private item is told or remembered, whatever the business system wants.
    #[test]
    fn private_never_leaks(secret in "[b-z]{3}", wanted in proptest::option::of("[abc]"), linked: bool) {
        let mut remote = event(&secret);
        remote.privacy = Privacy::Private;
        let base = base(&event("a"));
        let link = if linked { LinkView::Linked(&base) } else { LinkView::New };
        let public = PropertyValue::Privacy(Privacy::Public);
        let edit = wanted.map_or_else(Vec::new, |text| upsert(vec![title(&text), public]));
        let decision = plain(link, &remote, &edit);
        prop_assert_eq!(&decision.business, &None);
        let forgotten = matches!(decision.base, BaseAfter::Private { .. });
        prop_assert!(forgotten);
        if let ExchangeAction::Update { target, .. } = &decision.exchange {
            prop_assert_eq!(target.privacy, Privacy::Private);
        }
        for outcome in &decision.outcomes {
            if let Verdict::Conflict { losers } = &outcome.verdict {
                prop_assert!(losers.iter().all(|loser| loser.side == Side::Business));
            }
        }
    }
}

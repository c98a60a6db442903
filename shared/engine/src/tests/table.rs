//! The rules that are about one situation each.

use tidemark_model::{Event, EventPatch, EventStatus, Privacy, PropertyValue};

use super::made::whole;
use super::*;

const OWN: CopyRole = CopyRole::Appointment;

fn put(event: &Event) -> Vec<BusinessChange> {
    vec![change(BusinessOperation::Upsert(whole(event)))]
}

fn code(decision: &Decision) -> (&'static str, Option<&'static str>, Vec<&'static str>) {
    let outcomes = decision.outcomes.iter().map(|one| one.verdict.code());
    let news = decision.business.as_ref().map(News::code);
    (decision.exchange.code(), news, outcomes.collect())
}

#[test]
fn what_both_sides_have_is_adopted() {
    let same = plain(LinkView::New, &event("a"), &put(&event("a")));
    assert_eq!(code(&same), ("none", None, vec!["applied"]));
    let differs = plain(LinkView::New, &event("b"), &put(&event("a")));
    assert_eq!(code(&differs), ("none", Some("updated"), vec!["conflict"]));
    assert!(differs.reasons.contains(&Reason::Adopted));
}

#[test]
fn a_tombstone_refuses_only_what_came_before_it() {
    let profile = Profile::default();
    let gone = ExchangeView::NotLooked;
    // Accepted at 0.
    for (by, when, expected) in [
        (Side::Exchange, at(1), ("none", None, vec!["refused"])),
        (Side::Exchange, at(-1), ("create", None, vec!["applied"])),
        (Side::Business, at(1), ("create", None, vec!["applied"])),
    ] {
        let link = LinkView::Tombstone { by, at: when };
        let decision = run(link, gone, &put(&event("a")), &profile, None);
        assert_eq!(code(&decision), expected);
    }
    let link = LinkView::Tombstone { by: Side::Business, at: at(1) };
    let restored = plain(link, &event("a"), &[]);
    assert_eq!(code(&restored), ("none", Some("created"), vec![]));
}

#[test]
fn switches_stop_a_direction_visibly() {
    let base = base(&event("a"));
    let link = LinkView::Linked(&base);
    let (remote, delete) = (event("b"), [change(BusinessOperation::Delete)]);
    let view = present(&remote, OWN);
    let no_writes = Profile { to_exchange: false, ..Profile::default() };
    let refused = run(link, view, &upsert(vec![title("c")]), &no_writes, None);
    assert_eq!(code(&refused), ("none", Some("updated"), vec!["refused"]));
    assert!(refused.reasons.contains(&Reason::Refused(RefusalCode::DirectionOff)));
    let no_news = Profile { to_business: false, ..Profile::default() };
    assert_eq!(code(&run(link, view, &[], &no_news, None)), ("none", None, vec![]));
    let no_deletes =
        Profile { deletes_in_exchange: false, deletes_in_business: false, ..Profile::default() };
    let kept = run(link, view, &delete, &no_deletes, None);
    assert_eq!(kept.outcomes[0].verdict.code(), "refused");
    let silent = run(link, ExchangeView::Gone, &[], &no_deletes, None);
    assert_eq!((silent.business, silent.cost.deletes), (None, 0));
}

#[test]
fn a_delete_that_wins_reports_the_edit() {
    let base = base(&event("a"));
    let profile = Profile { edit_beats_delete: false, ..Profile::default() };
    let remote = event("b");
    let delete = [change(BusinessOperation::Delete)];
    let decision = run(LinkView::Linked(&base), present(&remote, OWN), &delete, &profile, None);
    assert_eq!(code(&decision), ("delete", None, vec!["conflict"]));
    assert!(decision.reasons.contains(&Reason::DeleteBeatsEdit(Side::Business)));
}

#[test]
fn the_later_change_wins_where_that_is_the_policy() {
    let base = base(&event("a"));
    let profile = Profile { conflicts: ConflictPolicy::LatestWins, ..Profile::default() };
    for (updated, expected) in [(-1, "update"), (1, "none")] {
        let mut remote = event("b");
        remote.updated = Some(at(updated));
        let edit = upsert(vec![title("c")]);
        let view = present(&remote, OWN);
        let decision = run(LinkView::Linked(&base), view, &edit, &profile, None);
        assert_eq!(decision.exchange.code(), expected);
    }
}

#[test]
fn a_conference_of_employees_is_left_alone_in_the_business_system() {
    let mut meeting = event("a");
    invite(&mut meeting, "colleague@x.example");
    let linked = Base { born: Side::Business, ..base(&meeting) };
    let mut moved = meeting.clone();
    moved.title = Some("b".to_owned());
    let profile = Profile::default();
    for (employees, told) in [(facts().employees, false), (BTreeSet::new(), true)] {
        let mailbox = MailboxFacts { employees, ..facts() };
        let input = |exchange| PlanInput {
            link: LinkView::Linked(&linked),
            exchange,
            business: &[],
            profile: &profile,
            mailbox: &mailbox,
            unfinished: None,
            now: at(0),
        };
        let changed = plan(&input(present(&moved, CopyRole::Organizer)));
        let gone = plan(&input(ExchangeView::Gone));
        assert_eq!((changed.business.is_some(), gone.business.is_some()), (told, told));
    }
}

#[test]
fn what_is_older_than_the_start_is_announced_when_it_changes() {
    let profile = Profile { start: StartOfSync::From(at(0)), ..Profile::default() };
    let mut old = event("a");
    old.updated = Some(at(-1));
    let first = run(LinkView::New, present(&old, OWN), &[], &profile, None);
    assert_eq!(code(&first), ("none", None, vec![]));
    let LinkAfter::Linked(base) = settled(&first, Some(&old)) else {
        panic!("not linked");
    };
    let link = LinkView::Linked(&base);
    let changed = run(link, present(&event("b"), OWN), &[], &profile, None);
    assert_eq!(changed.business, Some(News::Created));
    let gone = run(link, ExchangeView::Gone, &[], &profile, None);
    assert_eq!(gone.business, None);
}

#[test]
fn what_is_gone_as_asked_and_sent_again_is_made_anew_without_a_conflict() {
    let base = base(&event("a"));
    let mut changes = vec![change(BusinessOperation::Delete)];
    changes.extend(put(&event("b")));
    changes[1].number = 2;
    // A run that was cut off had deleted it already.
    let profile = Profile::default();
    let gone = run(LinkView::Linked(&base), ExchangeView::Gone, &changes, &profile, None);
    assert_eq!(code(&gone), ("create", None, vec!["applied", "applied"]));
    assert_eq!(gone.reasons, [Reason::Recreated]);
    // Only sent again, it is a change that meets somebody's delete.
    let edited = run(LinkView::Linked(&base), ExchangeView::Gone, &changes[1..], &profile, None);
    assert_eq!(code(&edited), ("create", None, vec!["conflict"]));
}

#[test]
fn a_late_copy_is_removed_only_untouched() {
    let base = base(&event("a"));
    for (text, expected) in [("a", "delete"), ("b", "hold")] {
        let copy = event(text);
        let view = ExchangeView::Present { event: &copy, role: OWN, stamped: StampView::Late };
        let profile = Profile::default();
        let decision = run(LinkView::Linked(&base), view, &[], &profile, None);
        assert_eq!((decision.exchange.code(), decision.base), (expected, BaseAfter::Keep));
        // A person lets it go, whatever stands in it by now.
        let profile = Profile { mail: MailRule::Released, ..profile };
        let decision = run(LinkView::Linked(&base), view, &[], &profile, None);
        let removed = ExchangeAction::Delete { mail: MailMode::Silent };
        assert_eq!((decision.exchange, decision.base), (removed, BaseAfter::Keep));
        assert_eq!(decision.cost, BrakeCost { deletes: 1, mails: 0 });
    }
}

#[test]
fn a_demand_for_another_version_refuses_that_change_alone() {
    let base = base(&event("a"));
    let mut changes = upsert(vec![title("b")]);
    changes[0].if_match_failed = true;
    changes.extend(upsert(vec![location("room")]));
    changes[1].number = 2;
    let decision = plain(LinkView::Linked(&base), &event("a"), &changes);
    assert_eq!(code(&decision), ("update", None, vec!["refused", "applied"]));
}

#[test]
fn what_is_held_goes_out_once_a_rule_is_chosen() {
    let mut meeting = event("a");
    invite(&mut meeting, "guest@y.example");
    let linked = base(&meeting);
    let mut remote = meeting.clone();
    remote.location = Some("room".to_owned());
    let edit = upsert(vec![title("b")]);
    let view = present(&remote, CopyRole::Organizer);
    let held = run(LinkView::Linked(&linked), view, &edit, &Profile::default(), None);
    assert_eq!(code(&held), ("hold", Some("updated"), vec!["held"]));
    let LinkAfter::Linked(after) = settled(&held, None) else {
        panic!("not linked");
    };
    let profile = Profile { mail: MailRule::Send, ..Profile::default() };
    let sent = run(LinkView::Linked(&after), view, &edit, &profile, None);
    assert_eq!(code(&sent), ("update", None, vec!["applied"]));
}

#[test]
fn public_again_is_told_whole() {
    for (announced, expected) in [(true, "updated"), (false, "created")] {
        let link = LinkView::Private { born: Side::Exchange, announced };
        assert_eq!(code(&plain(link, &event("a"), &[])).1, Some(expected));
    }
}

#[test]
fn to_state_again_that_it_is_cancelled_deletes_nothing() {
    let mut cancelled = event("a");
    cancelled.status = EventStatus::Cancelled;
    let known = base(&cancelled);
    let again = plain(LinkView::Linked(&known), &cancelled, &put(&cancelled));
    assert_eq!(code(&again), ("none", None, vec!["applied"]));
    let live = base(&event("a"));
    let now = plain(LinkView::Linked(&live), &event("a"), &put(&cancelled));
    assert_eq!(code(&now), ("delete", None, vec!["applied"]));
    let profile = Profile::default();
    let new = run(LinkView::New, ExchangeView::NotLooked, &put(&cancelled), &profile, None);
    assert_eq!(code(&new), ("none", None, vec!["refused"]));
}

#[test]
fn people_are_spared_what_is_over() {
    let mut past = event("a");
    past.schedule = past.schedule.moved_to(date(2020, 1, 6).at(9, 0, 0, 0));
    invite(&mut past, "guest@y.example");
    let (linked, edit) = (base(&past), upsert(vec![title("b")]));
    let view = present(&past, CopyRole::Organizer);
    let decision = run(LinkView::Linked(&linked), view, &edit, &Profile::default(), None);
    assert_eq!((decision.exchange.code(), decision.exchange.mail()), ("update", MailMode::Silent));
    assert!(decision.reasons.contains(&Reason::NobodyMailed));
}

#[test]
fn an_occurrence_that_never_was_is_not_created() {
    let mut series = event("a");
    series.recurrence =
        Some(Recurrence { pattern: Pattern::Daily { interval: 2 }, range: Range::NoEnd });
    let id = RecurrenceId::new(date(2030, 1, 8).at(9, 0, 0, 0));
    series.overrides.insert(id, tidemark_model::Override::Excluded);
    let profile = Profile::default();
    let made = run(LinkView::New, ExchangeView::NotLooked, &put(&series), &profile, None);
    let ExchangeAction::Create { target, .. } = &made.exchange else {
        panic!("{}", made.explain());
    };
    assert!(target.overrides.is_empty());
    assert_eq!(made.outcomes[0].verdict.code(), "conflict");
}

#[test]
fn what_a_person_put_back_after_our_write_stays() {
    let base = base(&event("a"));
    let mut target = event("b");
    target.location = Some("room".to_owned());
    let begun = Unfinished::update(event("a"), target.clone());
    let mut remote = target;
    remote.title = Some("a".to_owned());
    let edit = upsert(vec![title("b"), location("room")]);
    let profile = Profile::default();
    let view = present(&remote, OWN);
    let decision = run(LinkView::Linked(&base), view, &edit, &profile, Some(&begun));
    assert_eq!(code(&decision), ("none", Some("updated"), vec!["conflict"]));
}

#[test]
fn a_private_item_is_not_made_public_by_who_may_not_see_it() {
    let mut secret = event("a");
    secret.privacy = Privacy::Confidential;
    let link = LinkView::Private { born: Side::Exchange, announced: false };
    let mut patch = EventPatch::new();
    patch.set(PropertyValue::Privacy(Privacy::Public));
    let wish = [change(BusinessOperation::Upsert(patch))];
    let decision = plain(link, &secret, &wish);
    assert_eq!(code(&decision), ("none", None, vec!["conflict"]));
    assert!(decision.reasons.contains(&Reason::PrivacyKept));
}

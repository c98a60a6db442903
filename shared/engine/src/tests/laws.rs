//! The laws that hold for every item and every change of it.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use tidemark_model::{CopyRole, Event, EventPatch, Override, Privacy, Property, PropertyValue};

use super::made::*;
use super::*;

const CASES: u32 = 256;

fn policies() -> impl Strategy<Value = Profile> {
    (0u8..3, 0u8..3, 0u8..14).prop_map(|(policy, owner, class)| {
        let conflicts = match policy {
            0 => ConflictPolicy::ExchangeWins,
            1 => ConflictPolicy::BusinessWins,
            _ => ConflictPolicy::LatestWins,
        };
        let owner = [Owner::Both, Owner::Exchange, Owner::Business][usize::from(owner)];
        let class = PropertyClass::of(value(&event(""), (class, 1)).property());
        Profile {
            conflicts,
            owners: [(class, owner)].into(),
            mail: MailRule::Send,
            ..Profile::default()
        }
    })
}

/// What Exchange shows after a decision was carried out whole.
fn carried_out(decision: &Decision, remote: &Event) -> Event {
    match &decision.exchange {
        ExchangeAction::Update { target, .. } | ExchangeAction::Create { target, .. } => {
            steps(remote, target).pop().unwrap()
        }
        _ => remote.clone(),
    }
}

fn after(decision: &Decision, before: Option<&Base>, read_back: &Event) -> Base {
    match (settled(decision, Some(read_back)), before) {
        (LinkAfter::Linked(base), _) => *base,
        (LinkAfter::Unchanged, Some(before)) => before.clone(),
        (other, _) => panic!("{} leaves {other:?}", decision.explain()),
    }
}

fn losers(decision: &Decision) -> Vec<Loser> {
    let lost = |outcome: &Outcome| match &outcome.verdict {
        Verdict::Conflict { losers } => losers.clone(),
        _ => Vec::new(),
    };
    decision.outcomes.iter().flat_map(lost).collect()
}

fn wanted(patch: &EventPatch) -> [BusinessChange; 1] {
    [change(BusinessOperation::Upsert(patch.clone()))]
}

fn merged(base: &Base, remote: &Event, patch: &EventPatch, profile: &Profile) -> Decision {
    let view = present(remote, CopyRole::Organizer);
    let business = wanted(patch);
    let business: &[_] = if patch.is_empty() { &[] } else { &business };
    run(LinkView::Linked(base), view, business, profile, None)
}

/// Whether an event holds a value in Exchange's form.
fn has(event: &Event, value: &PropertyValue) -> bool {
    let mut wanted = event.clone();
    wanted.apply(value.clone());
    let property = value.property();
    held(wanted).value(property).same(&held(event.clone()).value(property))
}

fn lost(losers: &[Loser], side: Side, value: &PropertyValue) -> bool {
    losers.iter().any(|loser| {
        loser.side == side && matches!(&loser.value, LoserValue::Property(lost) if lost.same(value))
    })
}

fn moved(before: &Event, after: &Event) -> bool {
    let schedule = Property::Schedule;
    !before.value(schedule).same(&after.value(schedule))
}

proptest! {
    #![proptest_config(Config { cases: CASES, rng_seed: RngSeed::Fixed(4), failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_change_is_lost_unreported(
        origin in origin(), here in edits(), there in edits(), profile in policies(),
    ) {
        let base = base(&origin);
        let remote = edited(&origin, &here);
        let (patch, _) = patched(&origin, &there);
        let decision = merged(&base, &remote, &patch, &profile);
        let now = carried_out(&decision, &remote);
        let losers = losers(&decision);
        for property in remote.properties().into_iter().chain(origin.properties()) {
            let value = remote.value(property);
            let side_effect = moved(&origin, &remote)
                && matches!(value, PropertyValue::Override(_, None));
            if value.same(&origin.value(property)) || side_effect {
                continue;
            }
            let kept = has(&now, &value) || lost(&losers, Side::Exchange, &value);
            prop_assert!(kept, "Exchange's {property:?}: {}", decision.explain());
        }
        for value in patch.values().filter(|value| !value.same(&origin.value(value.property()))) {
            let kept = has(&now, value) && !matches!(value, PropertyValue::Override(id, Some(_))
                if !now.overrides.contains_key(id));
            // What both sides said alike is reported once.
            let reported = [Side::Business, Side::Exchange]
                .iter()
                .any(|side| lost(&losers, *side, value));
            prop_assert!(kept || reported, "business' {value:?}: {}", decision.explain());
        }
    }

    #[test]
    fn both_sides_end_equal_and_a_second_plan_is_quiet(
        origin in origin(), here in edits(), there in edits(), profile in policies(),
    ) {
        let base = base(&origin);
        let remote = edited(&origin, &here);
        let (patch, _) = patched(&origin, &there);
        let decision = merged(&base, &remote, &patch, &profile);
        let now = carried_out(&decision, &remote);
        if decision.is_quiet() {
            prop_assert!(alike(&now, &origin));
            return Ok(());
        }
        let after = after(&decision, Some(&base), &now);
        prop_assert!(alike(&after.business, &now), "{}", decision.explain());
        let again = merged(&after, &now, &EventPatch::new(), &profile);
        prop_assert!(again.is_quiet(), "{}", again.explain());
    }

    #[test]
    fn to_restate_what_was_agreed_is_no_edit(
        origin in origin(), here in edits(), there in edits(), profile in policies(),
    ) {
        let (_, business) = patched(&origin, &there);
        let agreed = Base { business: business.clone(), ..base(&held(business.clone())) };
        let said = whole(&business);
        let still = merged(&agreed, &agreed.exchange, &said, &profile);
        prop_assert_eq!(still.exchange, ExchangeAction::None);
        prop_assert_eq!((still.business, still.base), (None, BaseAfter::Keep));
        prop_assert_eq!(&still.outcomes[0].verdict, &Verdict::Applied);
        let remote = edited(&agreed.exchange, &here);
        let beside = merged(&agreed, &remote, &said, &profile);
        prop_assert_eq!(beside.exchange, ExchangeAction::None);
        prop_assert_eq!(&beside.outcomes[0].verdict, &Verdict::Applied);
        let gone = run(LinkView::Linked(&agreed), ExchangeView::Gone, &wanted(&said), &profile, None);
        prop_assert_eq!(gone.business, Some(News::Deleted));
    }

    #[test]
    fn sides_may_be_swapped(origin in origin(), one in edits(), two in edits()) {
        let base = base(&origin);
        let [exchange, business] = [ConflictPolicy::ExchangeWins, ConflictPolicy::BusinessWins]
            .map(|conflicts| Profile { conflicts, mail: MailRule::Send, ..Profile::default() });
        let (mine, yours) = (edited(&origin, &one), edited(&origin, &two));
        // A person who moves a series loses its exceptions; a business system does not.
        let moves = moved(&origin, &mine) || moved(&origin, &yours);
        let exceptions = [&origin, &mine, &yours].iter().any(|event| !event.overrides.is_empty());
        prop_assume!(!(moves && exceptions));
        let (said_mine, said_yours) = (whole(&mine), whole(&yours));
        let left = merged(&base, &mine, &said_yours, &exchange);
        let right = merged(&base, &yours, &said_mine, &business);
        let (left_now, right_now) = (carried_out(&left, &mine), carried_out(&right, &yours));
        prop_assert!(alike(&left_now, &right_now), "{} / {}", left.explain(), right.explain());
        let fixed = |losers: Vec<Loser>| -> Vec<(Side, LoserValue)> {
            losers.into_iter().map(|loser| (loser.side, loser.value)).filter(|(_, value)| {
                !matches!(value, LoserValue::Property(PropertyValue::Override(..)))
            }).collect()
        };
        let swapped: Vec<_> = fixed(losers(&right)).into_iter()
            .map(|(side, value)| (side.other(), value)).collect();
        prop_assert_eq!(fixed(losers(&left)), swapped);
    }

    #[test]
    fn a_cut_off_update_ends_as_if_it_had_not_been(
        origin in origin(), here in edits(), there in edits(), profile in policies(),
    ) {
        let base = base(&origin);
        let seen = edited(&origin, &here);
        let (patch, _) = patched(&origin, &there);
        let whole = merged(&base, &seen, &patch, &profile);
        let ExchangeAction::Update { target, .. } = &whole.exchange else { return Ok(()) };
        let (now, begun) = (carried_out(&whole, &seen), Unfinished::update(seen.clone(), *target.clone()));
        let known = after(&whole, Some(&base), &now);
        for (step, half) in steps(&seen, target).into_iter().enumerate() {
            let view = present(&half, CopyRole::Organizer);
            let second = run(LinkView::Linked(&base), view, &wanted(&patch), &profile, Some(&begun));
            let end = carried_out(&second, &half);
            let told = format!("step {step}: {} / {}", whole.explain(), second.explain());
            prop_assert!(alike(&end, &now), "{}", told);
            let learned = after(&second, Some(&base), &end);
            prop_assert!(alike(&learned.business, &known.business), "{}", told);
            prop_assert_eq!(&second.business, &whole.business, "{}", told);
            prop_assert_eq!(&second.outcomes, &whole.outcomes, "{}", told);
            let quiet = merged(&learned, &end, &EventPatch::new(), &profile);
            prop_assert!(quiet.is_quiet(), "{}", quiet.explain());
        }
    }

    #[test]
    fn what_people_do_after_a_cut_off_update_is_theirs(
        origin in origin(), there in edits(), edit in edit(), cut in 0usize..9,
    ) {
        let (base, profile) = (base(&origin), Profile { mail: MailRule::Send, ..Profile::default() });
        let (patch, _) = patched(&origin, &there);
        let first = merged(&base, &origin, &patch, &profile);
        let ExchangeAction::Update { target, .. } = &first.exchange else { return Ok(()) };
        let states = steps(&origin, target);
        let half = states[cut % states.len()].clone();
        let wish = value(&half, edit);
        let property = wish.property();
        let remote = person(&half, wish.clone());
        // An exception that is not there looks like one that we had not written again yet.
        let vanished = remote.value(property) != wish
            || matches!(wish, PropertyValue::Override(_, None));
        let unchanged = wish.same(&half.value(property)) || wish.same(&origin.value(property))
            || wish.same(&target.value(property));
        if vanished || unchanged || moved(&half, &remote) {
            return Ok(());
        }
        let begun = Unfinished::update(origin.clone(), *target.clone());
        let view = present(&remote, CopyRole::Organizer);
        let second = run(LinkView::Linked(&base), view, &wanted(&patch), &profile, Some(&begun));
        let end = carried_out(&second, &remote);
        let kept = has(&end, &wish) || lost(&losers(&second), Side::Exchange, &wish);
        prop_assert!(kept, "{property:?}: {}", second.explain());
    }

    #[test]
    fn a_cut_off_create_is_carried_on(
        origin in origin(), there in edits(), silent: bool, again: bool,
    ) {
        // What was deleted and is made anew is made like what is new.
        let link = if again {
            LinkView::Tombstone { by: Side::Business, at: at(1) }
        } else {
            LinkView::New
        };
        let mail = if silent { MailRule::WithoutAttendees } else { MailRule::Send };
        let profile = Profile { mail, ..Profile::default() };
        let (_, made) = patched(&origin, &there);
        let business = wanted(&whole(&made));
        let first = run(link, ExchangeView::NotLooked, &business, &profile, None);
        let ExchangeAction::Create { target, .. } = &first.exchange else {
            panic!("{}", first.explain());
        };
        let whole = after(&first, None, &held(*target.clone()));
        let mut empty = held(*target.clone());
        empty.overrides.clear();
        let begun = Unfinished::create(*target.clone());
        for half in steps(&empty, target) {
            let view = present(&half, CopyRole::Organizer);
            let second = run(link, view, &business, &profile, Some(&begun));
            let end = carried_out(&second, &half);
            prop_assert!(alike(&end, &whole.exchange), "{}", second.explain());
            prop_assert_eq!(second.business.clone(), None);
            prop_assert_eq!(&second.outcomes, &first.outcomes);
            let learned = after(&second, None, &end);
            prop_assert!(alike(&learned.business, &whole.business), "{}", second.explain());
        }
    }

    #[test]
    fn nothing_private_is_told_or_kept(
        origin in origin(), there in edits(), public: bool, link in 0u8..3, delete: bool, rule in 0u8..2,
    ) {
        let mut remote = origin.clone();
        remote.privacy = Privacy::Private;
        remote.title = Some(format!("{SECRET} title"));
        let base = base(&origin);
        let link = match link {
            0 => LinkView::New,
            1 => LinkView::Linked(&base),
            _ => LinkView::Private { born: Side::Exchange, announced: true },
        };
        let (mut patch, _) = patched(&origin, &there);
        if public {
            patch.set(PropertyValue::Privacy(Privacy::Public));
        }
        let business = [change(if delete { BusinessOperation::Delete } else { BusinessOperation::Upsert(patch) })];
        let mail = [MailRule::Send, MailRule::Hold][usize::from(rule)];
        let profile = Profile { mail, ..Profile::default() };
        let decision = run(link, present(&remote, CopyRole::Organizer), &business, &profile, None);
        prop_assert_eq!(&decision.business, &None);
        let forgotten = match &decision.base {
            BaseAfter::Private { .. } | BaseAfter::Tombstone { .. } => true,
            BaseAfter::Keep => !matches!(link, LinkView::Linked(_)),
            BaseAfter::Agreed(_) | BaseAfter::AfterWrite(_) => false,
        };
        prop_assert!(forgotten, "{}", decision.explain());
        prop_assert!(losers(&decision).iter().all(|loser| loser.side == Side::Business));
        if let ExchangeAction::Update { target, .. } = &decision.exchange {
            prop_assert_eq!(target.privacy, Privacy::Private);
        }
        for shown in [format!("{decision:?}"), decision.explain()] {
            prop_assert!(!shown.contains(SECRET) && !shown.contains("guest"));
        }
    }

    #[test]
    fn a_delete_needs_proof(origin in origin(), here in edits(), there in edits(), seen in 0u8..3) {
        let (base, remote) = (base(&origin), edited(&origin, &here));
        let (patch, _) = patched(&origin, &there);
        let profile = Profile { mail: MailRule::Send, ..Profile::default() };
        let view = match seen {
            0 => ExchangeView::Hidden,
            1 => ExchangeView::NotLooked,
            _ => present(&remote, CopyRole::Organizer),
        };
        let decision = run(LinkView::Linked(&base), view, &wanted(&patch), &profile, None);
        prop_assert_ne!(decision.exchange.code(), "delete");
        prop_assert_ne!(&decision.business, &Some(News::Deleted));
        prop_assert_eq!(decision.cost.deletes, 0);
        let unseen = [change(BusinessOperation::Delete)];
        if seen < 2 {
            let decision = run(LinkView::Linked(&base), view, &unseen, &profile, None);
            prop_assert_eq!(&decision.exchange, &ExchangeAction::None);
            prop_assert_eq!(&decision.outcomes[0].verdict, &Verdict::Held);
            prop_assert_eq!(decision.base, BaseAfter::Keep);
        }
    }

    #[test]
    fn an_edit_survives_a_delete_either_way(origin in origin(), edits in edits()) {
        let (base, profile) = (base(&origin), Profile { mail: MailRule::Send, ..Profile::default() });
        let link = LinkView::Linked(&base);
        let remote = edited(&origin, &edits);
        let delete = [change(BusinessOperation::Delete)];
        let kept = run(link, present(&remote, CopyRole::Organizer), &delete, &profile, None);
        if alike(&remote, &origin) {
            prop_assert_eq!(kept.exchange.code(), "delete");
        } else {
            prop_assert_eq!(&kept.exchange, &ExchangeAction::None);
            prop_assert_eq!(&kept.business, &Some(News::Created));
            prop_assert!(alike(&after(&kept, Some(&base), &remote).business, &remote));
        }
        let (patch, business) = patched(&origin, &edits);
        let again = run(link, ExchangeView::Gone, &wanted(&patch), &profile, None);
        let edited = patch.values().any(|value| !value.same(&origin.value(value.property())));
        if edited {
            prop_assert_eq!(again.exchange.code(), "create");
            let ExchangeAction::Create { target, .. } = &again.exchange else { return Ok(()) };
            prop_assert!(alike(target, &business), "{}", again.explain());
        } else {
            prop_assert_eq!(again.business, Some(News::Deleted));
        }
    }

    #[test]
    fn two_occurrences_do_not_conflict(origin in origin(), here in 1u8..6, there in 1u8..6) {
        prop_assume!(origin.recurrence.is_some());
        let base = base(&origin);
        let (mine, yours) = (value(&origin, (4, here)), value(&origin, (5, there)));
        let remote = person(&origin, mine.clone());
        let mut patch = EventPatch::new();
        patch.set(yours.clone());
        let profile = Profile { mail: MailRule::Send, ..Profile::default() };
        let decision = merged(&base, &remote, &patch, &profile);
        let now = carried_out(&decision, &remote);
        prop_assert!(now.value(mine.property()).same(&mine) && now.value(yours.property()).same(&yours));
        prop_assert_eq!(&decision.outcomes[0].verdict, &Verdict::Applied);
        let excluded = |value: &PropertyValue| matches!(value, PropertyValue::Override(_, Some(Override::Excluded)));
        prop_assert_eq!(excluded(&now.value(mine.property())), excluded(&mine));
    }
}

//! The mail rule on a server that cannot be kept from mailing (N10).

use tidemark_model::{OccurrencePatch, Override};

use super::*;

const QUIET: &[Property] = &[Property::Categories, Property::Reminder];
const RULES: [MailRule; 3] = [MailRule::Hold, MailRule::Send, MailRule::WithoutAttendees];

fn insistent() -> MailboxFacts {
    MailboxFacts { mailing: Mailing::Always { quiet: QUIET }, ..facts() }
}

fn decide(
    link: LinkView<'_>,
    exchange: ExchangeView<'_>,
    business: &[BusinessChange],
    mail: MailRule,
    mailbox: &MailboxFacts,
) -> Decision {
    let profile = Profile { mail, edit_beats_delete: false, ..Profile::default() };
    plan(&PlanInput {
        link,
        exchange,
        business,
        profile: &profile,
        mailbox,
        unfinished: None,
        now: at(100),
    })
}

fn meeting(guests: &[&str]) -> Event {
    let mut meeting = event("a");
    for guest in guests {
        invite(&mut meeting, guest);
    }
    meeting
}

fn past(mut event: Event) -> Event {
    event.schedule = event.schedule.moved_to(date(2020, 1, 6).at(9, 0, 0, 0));
    event
}

fn series(guests: &[&str]) -> (Event, RecurrenceId) {
    let mut series = meeting(guests);
    series.recurrence =
        Some(Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::NoEnd });
    (series, RecurrenceId::new(date(2030, 1, 8).at(9, 0, 0, 0)))
}

/// Everything that a new item says.
fn whole(event: &Event) -> Vec<BusinessChange> {
    upsert(event.properties().into_iter().map(|property| event.value(property)).collect())
}

/// What becomes of a change of an item that both sides have as `known`.
fn changed(known: &Event, values: Vec<PropertyValue>, mail: MailRule) -> Decision {
    let base = base(known);
    let view = present(known, CopyRole::Organizer);
    decide(LinkView::Linked(&base), view, &upsert(values), mail, &insistent())
}

fn deleted(known: &Event, mail: MailRule, mailbox: &MailboxFacts) -> Decision {
    let base = base(known);
    let view = present(known, CopyRole::Organizer);
    decide(LinkView::Linked(&base), view, &[change(BusinessOperation::Delete)], mail, mailbox)
}

fn created(event: &Event, mail: MailRule, mailbox: &MailboxFacts) -> Decision {
    decide(LinkView::New, ExchangeView::NotLooked, &whole(event), mail, mailbox)
}

fn people(decision: &Decision) -> Vec<&str> {
    decision.forecast.recipients().collect()
}

fn why(decision: &Decision) -> Option<HoldWhy> {
    match decision.exchange {
        ExchangeAction::Hold { why, .. } => Some(why),
        _ => None,
    }
}

/// The action, who is mailed, and what that takes from the budget.
fn written(decision: &Decision) -> (&'static str, MailMode, u32) {
    (decision.exchange.code(), decision.exchange.mail(), decision.cost.mails)
}

#[test]
fn n10_a_change_of_a_meeting_goes_out_with_mail_or_waits() {
    let known = meeting(&["b@y.example", "c@y.example"]);
    for rule in [MailRule::Hold, MailRule::WithoutAttendees] {
        let held = changed(&known, vec![title("b")], rule);
        assert_eq!(why(&held), Some(HoldWhy::CannotBeSilent), "{rule:?}");
        assert_eq!(people(&held), ["b@y.example", "c@y.example"]);
        assert_eq!((held.cost.mails, held.outcomes[0].verdict.code()), (0, "held"));
        let reasons = [Reason::HeldForMail { people: 2 }, Reason::CannotBeSilent];
        assert!(reasons.iter().all(|reason| held.reasons.contains(reason)), "{}", held.explain());
    }
    for rule in [MailRule::Send, MailRule::Released] {
        let sent = changed(&known, vec![title("b")], rule);
        assert_eq!(written(&sent), ("update", MailMode::All, 2), "{rule:?}");
        assert_eq!(people(&sent), ["b@y.example", "c@y.example"]);
    }
}

#[test]
fn n10_what_is_each_ones_own_never_waits() {
    let known = meeting(&["b@y.example"]);
    let own = vec![
        PropertyValue::Reminder(Some(30)),
        PropertyValue::Categories(["mine".to_owned()].into_iter().collect()),
    ];
    for rule in RULES {
        let decision = changed(&known, own.clone(), rule);
        assert_eq!(written(&decision), ("update", MailMode::Silent, 0), "{rule:?}");
    }
    // What another server would keep to itself tells everybody on this one.
    let shown = changed(&known, vec![PropertyValue::Priority(1)], MailRule::WithoutAttendees);
    assert_eq!(why(&shown), Some(HoldWhy::CannotBeSilent));
}

#[test]
fn n10_an_appointment_of_ones_own_never_waits() {
    let alone = meeting(&["me@x.example"]);
    let mailbox = MailboxFacts { first_copy: true, ..insistent() };
    for rule in RULES {
        let decision = changed(&alone, vec![title("b")], rule);
        assert_eq!(written(&decision), ("update", MailMode::Silent, 0), "{rule:?}");
        assert_eq!(deleted(&alone, rule, &mailbox).exchange.code(), "delete", "{rule:?}");
        assert_eq!(created(&event("a"), rule, &mailbox).exchange.code(), "create", "{rule:?}");
    }
}

#[test]
fn n10_a_list_of_people_tells_whom_it_concerns() {
    let known = meeting(&["b@y.example", "c@y.example", "d@y.example"]);
    let mut after = meeting(&["b@y.example", "d@y.example", "e@y.example"]);
    after.attendees.get_mut("d@y.example").unwrap().role = AttendeeRole::Optional;
    let list = || vec![PropertyValue::Attendees(after.attendees.clone())];
    let held = changed(&known, list(), MailRule::Hold);
    assert_eq!(why(&held), Some(HoldWhy::CannotBeSilent));
    assert_eq!(people(&held), ["c@y.example", "d@y.example", "e@y.example"]);
    let sent = changed(&known, list(), MailRule::Released);
    assert_eq!(written(&sent), ("update", MailMode::Changed, 3));
}

#[test]
fn n10_a_delete_of_a_meeting_goes_out_with_mail_or_waits() {
    let known = meeting(&["b@y.example"]);
    for rule in [MailRule::Hold, MailRule::WithoutAttendees] {
        let held = deleted(&known, rule, &insistent());
        assert_eq!(why(&held), Some(HoldWhy::CannotBeSilent), "{rule:?}");
        assert_eq!((held.cost.deletes, held.base), (0, BaseAfter::Keep));
    }
    let sent = deleted(&known, MailRule::Send, &insistent());
    assert_eq!(written(&sent), ("delete", MailMode::All, 1));
}

#[test]
fn n10_a_create_waits_or_goes_without_its_people() {
    let (mut new, id) = series(&["b@y.example"]);
    let patch = OccurrencePatch {
        attendees: Some(meeting(&["c@y.example"]).attendees),
        ..OccurrencePatch::default()
    };
    new.overrides.insert(id, Override::Changed(Box::new(patch)));
    let held = created(&new, MailRule::Hold, &insistent());
    assert_eq!(why(&held), Some(HoldWhy::WouldMail));
    assert_eq!(people(&held), ["b@y.example", "c@y.example"]);
    assert!(!held.reasons.contains(&Reason::CannotBeSilent));

    let alone = created(&new, MailRule::WithoutAttendees, &insistent());
    let ExchangeAction::Create { target, mail: MailMode::Silent } = &alone.exchange else {
        panic!("{}", alone.explain());
    };
    assert!(target.attendees.is_empty() && target.overrides.is_empty());
    assert!(alone.reasons.contains(&Reason::WithoutAttendees { people: 2 }));
    assert!(alone.forecast.is_empty());

    let sent = created(&new, MailRule::Released, &insistent());
    assert_eq!(written(&sent), ("create", MailMode::All, 2));
}

#[test]
fn n10_a_cut_off_create_without_people_does_not_add_them() {
    let (mut new, id) = series(&["b@y.example"]);
    let patch = OccurrencePatch {
        title: Some(Some("other".to_owned())),
        attendees: Some(meeting(&["c@y.example"]).attendees),
        ..OccurrencePatch::default()
    };
    new.overrides.insert(id, Override::Changed(Box::new(patch)));
    let begun = created(&new, MailRule::WithoutAttendees, &insistent());
    let ExchangeAction::Create { target, .. } = begun.exchange else {
        panic!("not created");
    };
    let profile = Profile { mail: MailRule::WithoutAttendees, ..Profile::default() };
    let unfinished = Unfinished::create((*target).clone());
    let after = plan(&PlanInput {
        link: LinkView::New,
        exchange: present(&target, CopyRole::Appointment),
        business: &whole(&new),
        profile: &profile,
        mailbox: &insistent(),
        unfinished: Some(&unfinished),
        now: at(100),
    });
    assert_eq!(written(&after), ("none", MailMode::Silent, 0), "{}", after.explain());
}

#[test]
fn n10_what_is_past_or_of_the_first_copy_waits_for_a_person_alone() {
    let first = MailboxFacts { first_copy: true, ..insistent() };
    let old = past(meeting(&["b@y.example"]));
    let new = meeting(&["b@y.example"]);
    for (item, mailbox) in [(&old, &insistent()), (&new, &first)] {
        for rule in [MailRule::Hold, MailRule::Send] {
            let held = created(item, rule, mailbox);
            assert_eq!(why(&held), Some(HoldWhy::WouldMail), "{rule:?}");
            assert!(held.reasons.contains(&Reason::NobodyToMail));
            assert_eq!(people(&held), ["b@y.example"]);
        }
        let silent = created(item, MailRule::WithoutAttendees, mailbox);
        assert_eq!(written(&silent), ("create", MailMode::Silent, 0));
        let sent = created(item, MailRule::Released, mailbox);
        assert_eq!(written(&sent), ("create", MailMode::All, 1));
        for rule in RULES {
            let held = deleted(item, rule, mailbox);
            assert_eq!(why(&held), Some(HoldWhy::CannotBeSilent), "{rule:?}");
            assert!(held.reasons.contains(&Reason::NobodyToMail));
        }
        let sent = deleted(item, MailRule::Released, mailbox);
        assert_eq!(written(&sent), ("delete", MailMode::All, 1));
    }
    // A server that does as it is asked needs nobody.
    let silent = created(&old, MailRule::Released, &facts());
    assert_eq!(written(&silent), ("create", MailMode::Silent, 0));
}

#[test]
fn n10_an_answer_can_be_silent_everywhere() {
    let mut invitation = event("a");
    invitation.organizer =
        Some(tidemark_model::Person { address: "boss@y.example".to_owned(), name: None });
    let base = base(&invitation);
    let view = present(&invitation, CopyRole::Attendee);
    let yes = upsert(vec![PropertyValue::MyParticipation(Some(Participation::Accepted))]);
    let answer =
        |rule, mailbox: &MailboxFacts| decide(LinkView::Linked(&base), view, &yes, rule, mailbox);
    let held = answer(MailRule::Hold, &insistent());
    assert_eq!((why(&held), people(&held)), (Some(HoldWhy::WouldMail), vec!["boss@y.example"]));
    let silent = answer(MailRule::WithoutAttendees, &insistent());
    assert_eq!(written(&silent), ("respond", MailMode::Silent, 0));
    let first = MailboxFacts { first_copy: true, ..insistent() };
    assert_eq!(written(&answer(MailRule::Send, &first)), ("respond", MailMode::Silent, 0));
    assert_eq!(written(&answer(MailRule::Send, &insistent())), ("respond", MailMode::All, 1));
}

#[test]
fn n10_an_occurrence_tells_those_on_it() {
    let (mut known, id) = series(&["b@y.example"]);
    invite(&mut known, "c@y.example");
    let patch = |patch: OccurrencePatch| {
        vec![PropertyValue::Override(id, Some(Override::Changed(Box::new(patch))))]
    };
    let alone = meeting(&["d@y.example"]).attendees;
    let own = OccurrencePatch { reminder_minutes: Some(Some(30)), ..OccurrencePatch::default() };
    let quiet = changed(&known, patch(own), MailRule::Hold);
    assert_eq!(written(&quiet), ("update", MailMode::Silent, 0), "{}", quiet.explain());
    let others = OccurrencePatch { attendees: Some(alone), ..OccurrencePatch::default() };
    let swapped = changed(&known, patch(others.clone()), MailRule::Hold);
    assert_eq!(people(&swapped), ["b@y.example", "c@y.example", "d@y.example"]);
    // Those on other occurrences do not hear of it.
    let elsewhere = RecurrenceId::new(date(2030, 1, 9).at(9, 0, 0, 0));
    known.overrides.insert(elsewhere, Override::Changed(Box::new(others)));
    let out = changed(
        &known,
        vec![PropertyValue::Override(id, Some(Override::Excluded))],
        MailRule::Hold,
    );
    assert_eq!(
        (why(&out), people(&out)),
        (Some(HoldWhy::CannotBeSilent), vec!["b@y.example", "c@y.example"],)
    );
    // To bring it back takes the rule, which tells all of the series.
    known.overrides.insert(id, Override::Excluded);
    let back = changed(&known, vec![PropertyValue::Override(id, None)], MailRule::Send);
    assert_eq!(people(&back), ["b@y.example", "c@y.example", "d@y.example"]);
    assert_eq!(written(&back), ("update", MailMode::All, 3));
}

#[test]
fn n10_our_own_second_copy_mails_nobody_unasked() {
    let copy = meeting(&["b@y.example"]);
    let base = base(&copy);
    let view =
        ExchangeView::Present { event: &copy, role: CopyRole::Organizer, stamped: StampView::Late };
    let late =
        |rule, mailbox: &MailboxFacts| decide(LinkView::Linked(&base), view, &[], rule, mailbox);
    for rule in RULES {
        let held = late(rule, &insistent());
        assert_eq!(why(&held), Some(HoldWhy::LateCopyMails), "{rule:?}");
        assert_eq!((people(&held), held.cost), (vec!["b@y.example"], BrakeCost::default()));
        assert_eq!(written(&late(rule, &facts())), ("delete", MailMode::Silent, 0), "{rule:?}");
    }
    let removed = late(MailRule::Released, &insistent());
    assert_eq!(written(&removed), ("delete", MailMode::All, 1));
}

//! Items that are in Exchange.

use tidemark_model::{CopyRole, Event, MailMode, Property};

use super::{hides, is_protected, lost_delete, quiet, send, without_people};
use crate::decision::{
    BaseAfter, BrakeCost, Decision, ExchangeAction, HoldWhy, Loser, LoserValue, News, Verdict,
};
use crate::input::{Base, LinkView, PlanInput, Side, StampView};
use crate::intake::{Intake, Wish};
use crate::mail::{forecast_answer, forecast_delete, forecast_update};
use crate::merge::{Merged, Sides, merge};
use crate::profile::{MailRule, StartOfSync};
use crate::reason::{Reason, RefusalCode};
use crate::sameness::holds;

/// An item that was read.
pub(super) fn decide(
    input: &PlanInput<'_>,
    mut intake: Intake,
    event: &Event,
    role: CopyRole,
    stamped: StampView,
) -> Decision {
    if stamped == StampView::Late {
        return decide_late(input, event, role);
    }
    let begun = match (input.link, input.unfinished) {
        (LinkView::New, Some(begun)) => Some(created(input, &intake, &begun.target, event)),
        // An item that was deleted and is made anew: nobody restored it, we did.
        (LinkView::Tombstone { .. }, Some(begun)) if begun.seen.is_none() => {
            Some(created(input, &intake, &begun.target, event))
        }
        _ => None,
    };
    let base = match input.link {
        LinkView::Linked(base) => Some(base),
        LinkView::New | LinkView::Private { .. } | LinkView::Tombstone { .. } => begun.as_ref(),
    };
    if intake.wish == Wish::Delete
        && let Some(code) = delete_refusal(input, role)
    {
        intake.refuse(code);
    }
    let protected = base.is_some_and(|base| is_protected(input, base));
    let deleting = intake.wish == Wish::Delete;
    let patchless = intake.without_opinions();
    let sides = Sides {
        base,
        remote: event,
        role,
        intake: if deleting { &patchless } else { &intake },
        unfinished: input.unfinished.filter(|_| base.is_some()),
        profile: input.profile,
        zone: &input.mailbox.zone,
        to_business: input.profile.to_business && !protected,
    };
    if deleting {
        return decide_delete(input, &intake, &sides);
    }
    let merged = merge(&sides);
    let mut decision = carry_out(input, &intake, &sides, &merged);
    if protected && sides.exchange_edited() {
        decision.reasons.push(Reason::ConferenceProtected);
    }
    redact(input, &mut decision, &merged, event);
    decision
}

/// A create of ours that was cut off is its own base: what differs from it is a person's.
fn created(input: &PlanInput<'_>, intake: &Intake, target: &Event, event: &Event) -> Base {
    let mut exchange = target.clone();
    for property in target.properties() {
        let value = event.value(property);
        if holds(&value, &target.value(property), &input.mailbox.zone) {
            exchange.apply(value);
        }
    }
    let mut business = target.clone();
    if input.profile.mail == MailRule::WithoutAttendees && target.attendees.is_empty() {
        // They were left out on purpose, and are not to be added now.
        let mut invited = target.clone();
        invited.apply_patch(&intake.patch);
        if without_people(invited.clone()) == *target {
            business = invited;
        } else if let Some(people) = intake.opinion(Property::Attendees) {
            business.apply(people);
        }
    }
    Base { exchange, business, born: Side::Business, announced: true }
}

/// A second copy from a late answer is removed if nobody touched it, and held if somebody did.
fn decide_late(input: &PlanInput<'_>, event: &Event, role: CopyRole) -> Decision {
    let known = match (input.unfinished, input.link) {
        (Some(begun), _) => Some(&begun.target),
        (None, LinkView::Linked(base)) => Some(&base.exchange),
        (None, _) => None,
    };
    let mut decision = quiet(Reason::LateCopyRemoved);
    let untouched = known.is_some_and(|known| {
        let mut properties = known.properties();
        properties.extend(event.properties());
        properties.into_iter().all(|property| {
            holds(&event.value(property), &known.value(property), &input.mailbox.zone)
        })
    });
    // People hear of our mistake, and lose what they wrote into it, only if a person lets that happen,
    // whatever the rule says.
    let released = input.profile.mail == MailRule::Released;
    let forecast = forecast_delete(event, role, input.mailbox, input.now);
    let (mail, mails) = if forecast.is_unavoidable() {
        (forecast.mode(), forecast.count())
    } else {
        (MailMode::Silent, 0)
    };
    let remove = ExchangeAction::Delete { mail };
    if released || (untouched && mails == 0) {
        decision.exchange = remove;
        decision.cost = BrakeCost { deletes: 1, mails };
    } else if untouched {
        let what = Box::new(remove);
        decision.exchange = ExchangeAction::Hold { why: HoldWhy::LateCopyMails, what };
        decision.reasons = vec![Reason::LateCopyMails, Reason::HeldForMail { people: mails }];
    } else {
        let what = Box::new(remove);
        decision.exchange = ExchangeAction::Hold { why: HoldWhy::LateCopyChanged, what };
        decision.reasons = vec![Reason::LateCopyHeld];
    }
    if mails > 0 {
        decision.forecast = forecast;
    }
    decision
}

fn delete_refusal(input: &PlanInput<'_>, role: CopyRole) -> Option<RefusalCode> {
    if !input.profile.deletes_in_exchange {
        return Some(RefusalCode::DeletesOff);
    }
    (role == CopyRole::Attendee).then_some(RefusalCode::AttendeeCopy)
}

fn decide_delete(input: &PlanInput<'_>, intake: &Intake, sides: &Sides<'_>) -> Decision {
    let mut decision = quiet(Reason::Deleted(Side::Business));
    if intake.cancelled {
        decision.reasons.push(Reason::CancelledIsDeleted);
    }
    if sides.exchange_edited() && sides.to_business && input.profile.edit_beats_delete {
        return keep_edited(input, intake, sides, decision);
    }
    let losers = lost_edits(sides);
    if !losers.is_empty() {
        decision.reasons.push(Reason::DeleteBeatsEdit(Side::Business));
    }
    let forecast = forecast_delete(sides.remote, sides.role, input.mailbox, input.now);
    let held = send(input, &mut decision, forecast, |mail| ExchangeAction::Delete { mail });
    let hidden = hides(input, sides.remote);
    decision.outcomes = intake.outcomes(if hidden { &[] } else { &losers }, held);
    if !held {
        decision.base = BaseAfter::Tombstone { by: Side::Business, at: input.now };
    } else if hidden && let Some(base) = sides.base {
        decision.reasons.push(Reason::Private);
        decision.base = BaseAfter::Private { born: base.born, announced: base.announced };
    }
    decision
}

/// What people changed in Exchange that a delete takes away.
fn lost_edits(sides: &Sides<'_>) -> Vec<Loser> {
    sides
        .exchange_edits()
        .map(|property| Loser {
            side: Side::Exchange,
            value: LoserValue::Property(sides.remote.value(property)),
        })
        .collect()
}

/// It was changed in Exchange while the business system deleted it: it stays, and is told anew.
fn keep_edited(
    input: &PlanInput<'_>,
    intake: &Intake,
    sides: &Sides<'_>,
    mut decision: Decision,
) -> Decision {
    decision.reasons.push(Reason::EditBeatsDelete(Side::Exchange));
    decision.outcomes = intake.outcomes(&[lost_delete(Side::Business)], false);
    let born = sides.base.map_or(Side::Exchange, |base| base.born);
    if hides(input, sides.remote) {
        decision.reasons.push(Reason::Private);
        decision.base = BaseAfter::Private { born, announced: false };
    } else {
        decision.business = Some(News::Created);
        decision.base = BaseAfter::Agreed(Box::new(Base {
            exchange: sides.remote.clone(),
            business: sides.remote.clone(),
            born,
            announced: true,
        }));
    }
    decision
}

/// Turns a merge into a decision, privacy aside.
fn carry_out(
    input: &PlanInput<'_>,
    intake: &Intake,
    sides: &Sides<'_>,
    merged: &Merged,
) -> Decision {
    let mut decision = quiet(Reason::Unchanged);
    decision.reasons = first_reasons(input, intake);
    decision.reasons.extend(merged.reasons.iter().copied());
    if decision.reasons.is_empty() {
        decision.reasons.push(Reason::Unchanged);
    }
    let held = !merged.written.is_empty() && write(input, sides, merged, &mut decision);
    decision.outcomes = outcomes(intake, sides, merged, held);
    let news = news(input, intake, sides, merged);
    let announced = news.is_some() || was_announced(input, intake, sides);
    let born = sides.base.map_or_else(|| born(input, intake), |base| base.born);
    if held {
        hold_back(sides, merged, &mut decision);
        return decision;
    }
    decision.business = news;
    decision.written.clone_from(&merged.written);
    if !merged.changed {
        return decision;
    }
    let base = Box::new(Base {
        exchange: merged.target.clone(),
        business: merged.business.clone(),
        born,
        announced,
    });
    decision.base = if decision.exchange.writes() {
        BaseAfter::AfterWrite(base)
    } else {
        BaseAfter::Agreed(Box::new(Base { exchange: sides.remote.clone(), ..*base }))
    };
    decision
}

fn first_reasons(input: &PlanInput<'_>, intake: &Intake) -> Vec<Reason> {
    match input.link {
        LinkView::Linked(_) => Vec::new(),
        LinkView::Private { .. } => vec![Reason::PublicAgain],
        LinkView::New | LinkView::Tombstone { .. } if input.unfinished.is_some() => Vec::new(),
        LinkView::Tombstone { .. } => vec![Reason::Restored],
        LinkView::New if intake.wish == Wish::Upsert => vec![Reason::Adopted],
        LinkView::New if is_before_start(input) => vec![Reason::BeforeStart],
        LinkView::New => vec![Reason::NewInExchange],
    }
}

fn write(
    input: &PlanInput<'_>,
    sides: &Sides<'_>,
    merged: &Merged,
    decision: &mut Decision,
) -> bool {
    if sides.role == CopyRole::Attendee {
        let Some(answer) = merged.target.my_participation else {
            return false;
        };
        let forecast = forecast_answer(sides.remote, input.mailbox, input.now);
        return send(input, decision, forecast, |mail| ExchangeAction::Respond { answer, mail });
    }
    let forecast =
        forecast_update(sides.remote, &merged.target, &merged.written, input.mailbox, input.now);
    send(input, decision, forecast, |mail| ExchangeAction::Update {
        target: Box::new(merged.target.clone()),
        mail,
    })
}

/// Outcomes; on an invitation, changes of which nothing could be done are refused.
fn outcomes(
    intake: &Intake,
    sides: &Sides<'_>,
    merged: &Merged,
    held: bool,
) -> Vec<crate::decision::Outcome> {
    let mut outcomes = intake.outcomes(&merged.losers, held);
    if sides.role == CopyRole::Attendee && merged.reasons.contains(&Reason::AttendeeCopy) {
        let nothing_done = !merged.written.contains(&Property::MyParticipation);
        for outcome in &mut outcomes {
            if nothing_done && matches!(outcome.verdict, Verdict::Conflict { .. }) {
                outcome.verdict = Verdict::refused(RefusalCode::AttendeeCopy);
            }
        }
    }
    outcomes
}

fn is_before_start(input: &PlanInput<'_>) -> bool {
    match (input.profile.start, input.exchange) {
        (StartOfSync::From(start), crate::input::ExchangeView::Present { event, .. }) => {
            event.updated.is_some_and(|updated| updated < start)
        }
        _ => false,
    }
}

fn was_announced(input: &PlanInput<'_>, intake: &Intake, sides: &Sides<'_>) -> bool {
    let linked = match (input.link, sides.base) {
        (_, Some(base)) => base.announced,
        (LinkView::Private { announced, .. }, None) => announced,
        (LinkView::New | LinkView::Tombstone { .. } | LinkView::Linked(_), None) => false,
    };
    linked || intake.wish == Wish::Upsert
}

fn born(input: &PlanInput<'_>, intake: &Intake) -> Side {
    match input.link {
        LinkView::Private { born, .. } => born,
        _ if intake.wish == Wish::Upsert => Side::Business,
        _ => Side::Exchange,
    }
}

fn news(
    input: &PlanInput<'_>,
    intake: &Intake,
    sides: &Sides<'_>,
    merged: &Merged,
) -> Option<News> {
    if !sides.to_business {
        return None;
    }
    let announced = was_announced(input, intake, sides);
    let properties = merged.told.clone();
    let read_only = merged.reasons.contains(&Reason::ReadOnlyChanged);
    let something = !properties.is_empty() || read_only;
    match (input.link, announced) {
        (LinkView::New, false) if is_before_start(input) => None,
        (LinkView::New | LinkView::Private { .. } | LinkView::Tombstone { .. }, false) => {
            Some(News::Created)
        }
        (LinkView::Private { .. }, true) => {
            Some(News::Updated { properties: merged.target.properties() })
        }
        (LinkView::Linked(_), false) if something => Some(News::Created),
        (_, true) if something => Some(News::Updated { properties }),
        (LinkView::Linked(_), false) | (_, true) => None,
    }
}

/// While a write waits, what only Exchange changed is still told; everything that the write touches
/// stays as it was, so that the conflict is seen again when it is released.
fn hold_back(sides: &Sides<'_>, merged: &Merged, decision: &mut Decision) {
    let Some(base) = sides.base else { return };
    if merged.taken.is_empty() || sides.unfinished.is_some() {
        return;
    }
    let mut after = base.clone();
    for property in &merged.taken {
        after.exchange.apply(sides.remote.value(*property));
        after.business.apply(sides.remote.value(*property));
    }
    after.announced = true;
    decision.business = Some(if base.announced {
        News::Updated { properties: merged.taken.clone() }
    } else {
        News::Created
    });
    decision.base = BaseAfter::Agreed(Box::new(after));
}

/// Redaction: nothing of a private item reaches the business system or stays with us (E3, P5).
fn redact(input: &PlanInput<'_>, decision: &mut Decision, merged: &Merged, event: &Event) {
    let hidden_now = hides(input, event);
    let hidden_after = hides(input, &merged.target) && decision.exchange.writes();
    if !hidden_now && !hidden_after {
        return;
    }
    let (born, announced) = match input.link {
        LinkView::Linked(base) => (base.born, base.announced),
        LinkView::Private { born, announced } => (born, announced),
        LinkView::New | LinkView::Tombstone { .. } => (Side::Exchange, false),
    };
    let mentioned = !decision.outcomes.is_empty();
    decision.business = None;
    decision.reasons.retain(|reason| {
        matches!(
            reason,
            Reason::HeldForMail { .. }
                | Reason::NobodyToMail
                | Reason::CannotBeSilent
                | Reason::WrittenSilently { .. }
                | Reason::Continued
        )
    });
    decision.reasons.push(Reason::Private);
    decision.base = match input.link {
        LinkView::Private { .. } => BaseAfter::Keep,
        _ => BaseAfter::Private { born, announced: announced || mentioned },
    };
    for outcome in &mut decision.outcomes {
        let Verdict::Conflict { losers } = &mut outcome.verdict else {
            continue;
        };
        losers.retain(|loser| loser.side == Side::Business);
        let privacy_lost = losers.iter().any(|loser| {
            matches!(&loser.value, LoserValue::Property(value) if value.property() == Property::Privacy)
        });
        if privacy_lost {
            decision.reasons.push(Reason::PrivacyKept);
        }
        if losers.is_empty() {
            outcome.verdict = Verdict::Applied;
        }
    }
}

//! Items that are not in Exchange: never there, or proved to be gone.

use jiff::Timestamp;
use tidemark_model::{Event, Property, PropertyValue};

use super::{hides, is_protected, lost_delete, quiet, send, tell_deleted, without_people};
use crate::decision::{BaseAfter, Decision, ExchangeAction, Loser, LoserValue};
use crate::input::{Base, LinkView, PlanInput, Side};
use crate::intake::{Intake, Wish};
use crate::mail::forecast_create;
use crate::profile::MailRule;
use crate::reason::{Reason, RefusalCode};
use crate::series::has_occurrence;

/// Nothing is linked yet.
pub(super) fn decide_new(input: &PlanInput<'_>, intake: Intake) -> Decision {
    match intake.wish {
        Wish::Nothing => refused_only(&intake),
        Wish::Delete => deleted_already(input, intake, BaseAfter::Keep),
        Wish::Upsert => create_from_patch(input, intake, Reason::NewInBusiness, BaseAfter::Keep),
    }
}

/// It was deleted before.
pub(super) fn decide_tombstone(
    input: &PlanInput<'_>,
    mut intake: Intake,
    by: Side,
    at: Timestamp,
) -> Decision {
    let late = by == Side::Exchange && intake.accepted_at.is_some_and(|accepted| accepted <= at);
    match intake.wish {
        Wish::Nothing => refused_only(&intake),
        Wish::Delete => deleted_already(input, intake, BaseAfter::Keep),
        Wish::Upsert if late => {
            intake.refuse(RefusalCode::DeletedInExchange);
            refused_only(&intake)
        }
        Wish::Upsert => create_from_patch(input, intake, Reason::Recreated, BaseAfter::Keep),
    }
}

/// A private item is gone. Whoever knows that it exists is told that it does so no more, which says
/// nothing of what it was; there is no copy to compare with.
pub(super) fn decide_private_gone(input: &PlanInput<'_>, intake: Intake) -> Decision {
    let by = match intake.wish {
        Wish::Delete => Side::Business,
        Wish::Nothing | Wish::Upsert => Side::Exchange,
    };
    let base = BaseAfter::Tombstone { by, at: input.now };
    match intake.wish {
        Wish::Upsert => create_from_patch(input, intake, Reason::Recreated, base),
        Wish::Delete => deleted_already(input, intake, base),
        Wish::Nothing => {
            let mut decision = refused_only(&intake);
            decision.reasons = vec![Reason::Deleted(Side::Exchange), Reason::Private];
            decision.base = base;
            let known = matches!(input.link, LinkView::Private { announced: true, .. });
            let profile = input.profile;
            if known && profile.to_business && profile.deletes_in_business {
                tell_deleted(&mut decision);
            }
            decision
        }
    }
}

/// A linked item is proved to be gone.
pub(super) fn decide_gone(input: &PlanInput<'_>, mut intake: Intake, base: &Base) -> Decision {
    match intake.wish {
        Wish::Delete => {
            let after = BaseAfter::Tombstone { by: Side::Business, at: input.now };
            return deleted_already(input, intake, after);
        }
        // Whoever deleted it did what was asked for, be it ourselves in a run that was cut off.
        Wish::Upsert if intake.anew && !is_invited(input, base) => {
            let after = BaseAfter::Tombstone { by: Side::Business, at: input.now };
            return create_from_patch(input, intake, Reason::Recreated, after);
        }
        Wish::Upsert if can_survive(input, &intake, base) => {
            return recreate(input, &intake, base);
        }
        Wish::Upsert | Wish::Nothing => {}
    }
    let mut reasons = vec![Reason::Deleted(Side::Exchange)];
    if is_edit(&intake, base) {
        reasons.push(Reason::DeleteBeatsEdit(Side::Exchange));
    }
    if intake.wish == Wish::Upsert {
        intake.refuse(RefusalCode::DeletedInExchange);
    }
    let mut decision = refused_only(&intake);
    decision.reasons = reasons;
    decision.base = BaseAfter::Tombstone { by: Side::Exchange, at: input.now };
    if is_protected(input, base) {
        decision.reasons.push(Reason::ConferenceProtected);
    } else if !input.profile.to_business {
        decision.reasons.push(Reason::DirectionOff(Side::Business));
    } else if !input.profile.deletes_in_business {
        decision.reasons.push(Reason::DeletesOff(Side::Business));
    } else if base.announced {
        tell_deleted(&mut decision);
    }
    decision
}

/// An edit beats a delete, if it is one: re-stating what was agreed is not, and an invitation that
/// is gone cannot be made again by the one who was invited.
fn can_survive(input: &PlanInput<'_>, intake: &Intake, base: &Base) -> bool {
    input.profile.edit_beats_delete && is_edit(intake, base) && !is_invited(input, base)
}

fn is_invited(input: &PlanInput<'_>, base: &Base) -> bool {
    let organizer = base.exchange.organizer.as_ref();
    organizer.is_some_and(|person| !input.mailbox.addresses.contains(&person.address))
}

fn is_edit(intake: &Intake, base: &Base) -> bool {
    let known = &base.business;
    let stated = |property: Property| {
        let opinion = intake.opinion(property);
        opinion.is_some_and(|value| !value.same(&known.value(property)))
    };
    let said = intake.patch.values().map(PropertyValue::property);
    said.chain(known.properties()).any(stated)
}

fn recreate(input: &PlanInput<'_>, intake: &Intake, base: &Base) -> Decision {
    let mut target = base.exchange.clone();
    let mut business = base.business.clone();
    target.apply_patch(&intake.patch);
    business.apply_patch(&intake.patch);
    let mut decision = create(input, intake, target, business, &[lost_delete(Side::Exchange)]);
    decision.reasons.insert(0, Reason::Deleted(Side::Exchange));
    decision.reasons.insert(1, Reason::EditBeatsDelete(Side::Business));
    decision
}

/// Creates what the business system sent; `otherwise` is remembered when it cannot be created.
fn create_from_patch(
    input: &PlanInput<'_>,
    mut intake: Intake,
    reason: Reason,
    otherwise: BaseAfter,
) -> Decision {
    let Some(PropertyValue::Schedule(schedule, _)) = intake.patch.get(Property::Schedule) else {
        intake.refuse(RefusalCode::ScheduleMissing);
        let mut decision = refused_only(&intake);
        decision.base = otherwise;
        return decision;
    };
    let mut target = Event::new(schedule.clone());
    target.apply_patch(&intake.patch);
    target.my_participation = None;
    let business = target.clone();
    let mut decision = create(input, &intake, target, business, &[]);
    decision.reasons.insert(0, reason);
    if decision.base == BaseAfter::Keep {
        decision.base = otherwise;
    }
    decision
}

fn create(
    input: &PlanInput<'_>,
    intake: &Intake,
    mut target: Event,
    mut business: Event,
    losers: &[Loser],
) -> Decision {
    let mut decision = quiet(Reason::BusinessChanged);
    decision.reasons.clear();
    let mut losers = losers.to_vec();
    let vanished = take_vanished(&mut target);
    if !vanished.is_empty() {
        decision.reasons.push(Reason::OccurrenceVanished);
    }
    for value in vanished {
        business.overrides.retain(|id, _| value.property() != Property::Override(*id));
        // What the series itself had is no loss: the one who moved it knows what he moved.
        if intake.opinion(value.property()).is_some() {
            losers.push(Loser { side: Side::Business, value: LoserValue::Property(value) });
        }
    }
    let mut forecast = forecast_create(&target, input.mailbox, input.now);
    if input.profile.mail == MailRule::WithoutAttendees && !forecast.is_empty() {
        let people = forecast.count();
        decision.reasons.push(Reason::WithoutAttendees { people });
        target = without_people(target);
        forecast = forecast_create(&target, input.mailbox, input.now);
    }
    decision.written = target.properties();
    let held = send(input, &mut decision, forecast, |mail| ExchangeAction::Create {
        target: Box::new(target.clone()),
        mail,
    });
    let private = hides(input, &target);
    decision.outcomes = intake.outcomes(&losers, held);
    if held {
        decision.written.clear();
        return decision;
    }
    decision.base = if private {
        decision.reasons.push(Reason::Private);
        BaseAfter::Private { born: Side::Business, announced: true }
    } else {
        BaseAfter::AfterWrite(Box::new(Base {
            exchange: target,
            business,
            born: Side::Business,
            announced: true,
        }))
    };
    decision
}

/// Takes out the overrides of occurrences that the rule does not give: they cannot be written.
fn take_vanished(event: &mut Event) -> Vec<PropertyValue> {
    let (times, rule) = (&event.schedule, event.recurrence.as_ref());
    let gone: Vec<_> = event
        .overrides
        .keys()
        .filter(|id| !has_occurrence(times, rule, **id))
        .map(|id| event.value(Property::Override(*id)))
        .collect();
    for value in &gone {
        event.overrides.retain(|id, _| value.property() != Property::Override(*id));
    }
    gone
}

/// The business system deletes what is not there.
fn deleted_already(input: &PlanInput<'_>, mut intake: Intake, base: BaseAfter) -> Decision {
    if intake.cancelled && base == BaseAfter::Keep {
        intake.refuse(RefusalCode::CancelledNew);
        return refused_only(&intake);
    }
    let mut decision = quiet(Reason::Deleted(Side::Business));
    decision.outcomes = intake.outcomes(&[], false);
    decision.base = match base {
        BaseAfter::Keep => BaseAfter::Tombstone { by: Side::Business, at: input.now },
        other => other,
    };
    decision
}

fn refused_only(intake: &Intake) -> Decision {
    let mut decision = quiet(Reason::Unchanged);
    decision.outcomes = intake.outcomes(&[], false);
    decision
}

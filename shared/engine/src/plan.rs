//! The plan for one item.

mod absent;
mod present;

use tidemark_model::{Event, EventStatus, MailMode, OccurrencePatch, Override};

use crate::decision::{
    BaseAfter, BrakeCost, Decision, ExchangeAction, HoldWhy, Loser, MailForecast, News, Verdict,
};
use crate::input::{Base, ExchangeView, LinkView, PlanInput, Side};
use crate::intake::{Intake, Wish};
use crate::profile::MailRule;
use crate::reason::{Reason, RefusalCode};

/// Decides what to do about one item. Never fails: what cannot be done is held or refused.
pub fn plan(input: &PlanInput<'_>) -> Decision {
    let mut decision = decide(input);
    for outcome in &decision.outcomes {
        if let Verdict::Refused { code, .. } = outcome.verdict
            && !decision.reasons.contains(&Reason::Refused(code))
        {
            decision.reasons.push(Reason::Refused(code));
        }
    }
    decision
}

fn decide(input: &PlanInput<'_>) -> Decision {
    let mut intake = Intake::read(input.business);
    if was_cancelled(input) {
        intake.restate_cancelled();
    }
    if !input.profile.to_exchange && intake.is_live() {
        intake.refuse(RefusalCode::DirectionOff);
    }
    match (input.exchange, input.link) {
        (ExchangeView::Hidden, _)
        | (ExchangeView::NotLooked, LinkView::Linked(_) | LinkView::Private { .. }) => {
            out_of_sight(&intake)
        }
        (ExchangeView::Present { event, role, stamped }, _) => {
            present::decide(input, intake, event, role, stamped)
        }
        (ExchangeView::Gone, LinkView::Linked(base)) => absent::decide_gone(input, intake, base),
        (ExchangeView::Gone, LinkView::Private { .. }) => {
            absent::decide_private_gone(input, intake)
        }
        (ExchangeView::Gone | ExchangeView::NotLooked, LinkView::New) => {
            absent::decide_new(input, intake)
        }
        (ExchangeView::Gone | ExchangeView::NotLooked, LinkView::Tombstone { by, at }) => {
            absent::decide_tombstone(input, intake, by, at)
        }
    }
}

/// Whether both sides, or the one side that has it yet, know the item as cancelled.
fn was_cancelled(input: &PlanInput<'_>) -> bool {
    let known = match (input.link, input.exchange) {
        (LinkView::Linked(base), _) => Some(&base.business),
        (_, ExchangeView::Present { event, .. }) => Some(event),
        _ => None,
    };
    known.is_some_and(|event| event.status == EventStatus::Cancelled)
}

/// Nothing is concluded from what cannot be seen; what the business system wants waits.
fn out_of_sight(intake: &Intake) -> Decision {
    let mut decision = quiet(Reason::OutOfSight);
    decision.outcomes = intake.outcomes(&[], intake.wish != Wish::Nothing);
    decision
}

/// Nothing to do, for a reason.
fn quiet(reason: Reason) -> Decision {
    Decision {
        exchange: ExchangeAction::None,
        business: None,
        outcomes: Vec::new(),
        base: BaseAfter::Keep,
        written: Vec::new(),
        reasons: vec![reason],
        forecast: MailForecast::default(),
        cost: BrakeCost::default(),
    }
}

/// Whether an event's content is kept from the business system (E3, P5).
fn hides(input: &PlanInput<'_>, event: &Event) -> bool {
    input.profile.no_private && event.privacy.hides_details()
}

/// Whether an item is a conference that Exchange may not change in the business system (E5).
fn is_protected(input: &PlanInput<'_>, base: &Base) -> bool {
    let mut others = base
        .business
        .attendees
        .keys()
        .filter(|address| !input.mailbox.addresses.contains(*address));
    input.profile.protect_conferences
        && base.born == Side::Business
        && others.any(|address| input.mailbox.employees.contains(address))
}

/// How a write goes out under the mail rule (N10).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passage {
    /// Write, in this mode.
    Write(MailMode),
    /// Wait for a person.
    Hold,
}

fn passage(rule: MailRule, forecast: &MailForecast, reasons: &mut Vec<Reason>) -> Passage {
    if forecast.is_unavoidable() {
        return insistent_passage(rule, forecast, reasons);
    }
    if forecast.is_spared() {
        reasons.push(Reason::NobodyMailed);
    }
    if forecast.is_empty() {
        return Passage::Write(MailMode::Silent);
    }
    let people = forecast.count();
    match rule {
        MailRule::Send | MailRule::Released => Passage::Write(forecast.mode()),
        MailRule::Hold => {
            reasons.push(Reason::HeldForMail { people });
            Passage::Hold
        }
        MailRule::WithoutAttendees => {
            reasons.push(Reason::WrittenSilently { people });
            Passage::Write(MailMode::Silent)
        }
    }
}

/// The same where the server cannot be kept from mailing: no rule makes the write silent, and only a
/// person lets it mail those who are not to be mailed.
fn insistent_passage(
    rule: MailRule,
    forecast: &MailForecast,
    reasons: &mut Vec<Reason>,
) -> Passage {
    match (rule, forecast.is_spared()) {
        (MailRule::Released, _) | (MailRule::Send, false) => Passage::Write(forecast.mode()),
        (MailRule::Send | MailRule::Hold | MailRule::WithoutAttendees, spared) => {
            if spared {
                reasons.push(Reason::NobodyToMail);
            }
            reasons.push(Reason::HeldForMail { people: forecast.count() });
            Passage::Hold
        }
    }
}

/// Puts an action into a decision under the mail rule. True when it has to wait.
fn send(
    input: &PlanInput<'_>,
    decision: &mut Decision,
    forecast: MailForecast,
    action: impl FnOnce(MailMode) -> ExchangeAction,
) -> bool {
    let passage = passage(input.profile.mail, &forecast, &mut decision.reasons);
    let held = match passage {
        Passage::Write(mail) => {
            decision.exchange = action(mail);
            if mail != MailMode::Silent {
                decision.cost.mails = forecast.count();
            }
            if matches!(decision.exchange, ExchangeAction::Delete { .. }) {
                decision.cost.deletes = 1;
            }
            false
        }
        Passage::Hold => {
            let what = Box::new(action(forecast.mode()));
            // What does not exist yet can still be created without its attendees.
            let is_new = matches!(*what, ExchangeAction::Create { .. });
            let why = if forecast.is_unavoidable() && !is_new {
                decision.reasons.push(Reason::CannotBeSilent);
                HoldWhy::CannotBeSilent
            } else {
                HoldWhy::WouldMail
            };
            decision.exchange = ExchangeAction::Hold { why, what };
            true
        }
    };
    decision.forecast = forecast;
    held
}

/// An item that nobody is on, at none of its occurrences.
fn without_people(mut event: Event) -> Event {
    event.attendees.clear();
    event.overrides.retain(|_, change| match change {
        Override::Changed(patch) => {
            let invites = patch.attendees.take().is_some();
            !(invites && **patch == OccurrencePatch::default())
        }
        Override::Excluded => true,
    });
    event
}

/// Tells of a delete, which takes from the budget as one in Exchange does.
fn tell_deleted(decision: &mut Decision) {
    decision.business = Some(News::Deleted);
    decision.cost.deletes = decision.cost.deletes.saturating_add(1);
}

/// The loser that a delete is.
fn lost_delete(side: Side) -> Loser {
    Loser { side, value: crate::decision::LoserValue::Delete }
}

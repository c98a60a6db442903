//! Mailboxes that go on over Graph in the middle of a history (N2).
//!
//! An axis of its own: what is drawn here comes from a source of its own, so that the histories of the
//! other axes stay what they are.

use std::sync::Arc;

use tidemark_service::Border as _;
use tidemark_service::border::{HoldChoice, MoveRequest, Refusal};
use tidemark_store::records::{ConnectionId, HoldRow, MovePhase};

use super::Violation;
use super::business::Business;
use crate::exchange::Wire;
use crate::random::Random;
use crate::stage::{FIRST_CONNECTION, PEOPLE, SECOND_CONNECTION, Stage, mailbox_id};

/// What makes this source of randomness differ from the others of a seed.
const OWN: u64 = 0x6d6f_7665_2d6f_7665;
/// The edits between which a mailbox is asked to move, and leaves its server.
const FIRST_EDIT: usize = 4;
const EDITS_BETWEEN: usize = 18;

/// What becomes of one person's mailbox.
struct Plan {
    person: &'static str,
    /// When it leaves its server; none for one that is in Exchange Online from the beginning, whose ids
    /// are translated.
    leaves_at: Option<usize>,
    /// When an administrator asks that it goes on over Graph; none for one that stays.
    asked_at: Option<usize>,
    /// Whether that was accepted.
    is_asked: bool,
    /// Whether the administrator withdraws it once and asks again, if it can still be withdrawn then.
    changes_mind: bool,
}

/// Who moves in a history, how and when.
pub(crate) struct Movement {
    plans: Vec<Plan>,
    trace: bool,
}

impl Movement {
    /// Draws who moves: at least one, over either way.
    pub(crate) fn new(seed: u64, trace: bool) -> Self {
        let random = Random::new(seed ^ OWN);
        let at_least = random.below(PEOPLE.len());
        let moment = || FIRST_EDIT + random.below(EDITS_BETWEEN);
        let plan = |(place, person)| {
            let moves = random.chance(700) || place == at_least;
            let is_migrated = random.chance(500);
            let (leaves_at, asked_at) = (moment(), moment());
            let changes_mind = random.chance(250);
            Plan {
                person,
                leaves_at: (moves && is_migrated).then_some(leaves_at),
                asked_at: moves.then_some(asked_at),
                is_asked: false,
                changes_mind,
            }
        };
        Self { plans: PEOPLE.into_iter().enumerate().map(plan).collect(), trace }
    }

    /// Puts the mailboxes where they begin, and makes the connection that they will go on over.
    pub(crate) fn prepare(&self, stage: &mut Stage) {
        for plan in &self.plans {
            if plan.leaves_at.is_some() {
                let path = format!("mailboxes/{}", plan.person);
                stage.control("PATCH", &path, r#"{"onPremises":true}"#);
            }
        }
        stage.connect(Wire::Graph);
    }

    /// What happens before the edit with this number.
    pub(crate) fn go_on(&mut self, stage: &mut Stage, edit: usize) {
        for plan in &mut self.plans {
            if plan.leaves_at == Some(edit) {
                if self.trace {
                    println!("{} leaves its server", plan.person);
                }
                stage.control("POST", &format!("mailboxes/{}/migrate", plan.person), "{}");
            }
            if plan.is_asked && core::mem::take(&mut plan.changes_mind) {
                let withdrawn = stage.withdraw_move(plan.person);
                if self.trace {
                    println!("{}: the move is withdrawn: {}", plan.person, withdrawn.is_ok());
                }
                match withdrawn {
                    Ok(()) => plan.is_asked = false,
                    // It is under way: what was asked for stands.
                    Err(Refusal::Conflict(_)) => {}
                    // The store failed: whether it was withdrawn shows when that is tried again.
                    Err(_) => plan.changes_mind = true,
                }
            } else if !plan.is_asked && plan.asked_at.is_some_and(|at| at <= edit) {
                // Where the store fails, the administrator asks again later.
                plan.is_asked = ask(stage, plan.person).is_ok();
                if self.trace {
                    println!("asked that {} moves: {}", plan.person, plan.is_asked);
                }
            }
        }
    }

    /// Asks for what was not accepted while the store failed, or was withdrawn.
    pub(crate) fn ask_the_rest(&self, stage: &mut Stage) -> Result<(), Violation> {
        for person in self.moved() {
            let (records, scope) = (Arc::clone(&stage.service.records), stage.scope(person));
            let known = stage.run(async move { records.mailbox_move(&scope).await });
            let known = known.expect("the store answers");
            if known.is_none_or(|it| it.phase == MovePhase::Withdrawn) {
                ask(stage, person).map_err(|refusal| Violation {
                    rule: "a move can be asked for",
                    detail: format!("{person}: {refusal:?}"),
                })?;
            }
        }
        Ok(())
    }

    /// An administrator decides what the moves could not find again for certain, after having looked:
    /// what is said to be missing must be nowhere.
    pub(crate) fn decide(&self, stage: &mut Stage) -> Result<(), Violation> {
        for person in self.moved() {
            let (records, scope) = (Arc::clone(&stage.service.records), stage.scope(person));
            let holds = stage.run(async move { records.holds(&scope).await });
            for hold in holds.expect("the store answers") {
                let choice = match hold.why.as_str() {
                    "move-missing" => {
                        check_missing(stage, person, &hold)?;
                        HoldChoice::Gone
                    }
                    "move-ambiguous" => HoldChoice::Pair,
                    _ => continue,
                };
                if self.trace {
                    println!("{person}: {} is decided: {choice:?}", hold.why);
                }
                let (service, caller, id) = (stage.service.clone(), stage.caller(), hold.id);
                let id = id.uuid();
                stage
                    .run(async move { service.decide_hold(&caller, id, choice).await })
                    .expect("the decision is taken");
            }
        }
        Ok(())
    }

    /// The people whose mailboxes move.
    fn moved(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.plans.iter().filter(|plan| plan.asked_at.is_some()).map(|plan| plan.person)
    }

    /// How the mailboxes that were asked to move stand, as far as they are not there yet.
    pub(crate) fn what_waits(&self, stage: &mut Stage) -> String {
        let mut waits = Vec::new();
        for person in self.moved() {
            let (records, scope) = (Arc::clone(&stage.service.records), stage.scope(person));
            let found = stage.run(async move { records.mailbox_move(&scope).await });
            let found = found.expect("the store answers");
            if !found.as_ref().is_some_and(|it| it.phase == MovePhase::Done) {
                waits.push(format!("{person} moves: {found:?}"));
            }
        }
        waits.join("; ")
    }

    /// Every mailbox is where it was asked to be, with all its items, and that was told once.
    pub(crate) fn check(&self, stage: &mut Stage, business: &Business) -> Result<(), Violation> {
        for plan in &self.plans {
            let (person, moves) = (plan.person, plan.asked_at.is_some());
            let wrong = |detail| Err(Violation { rule: "a mailbox moves once and whole", detail });
            let told = business.moved.get(person).copied().unwrap_or_default();
            if told != usize::from(moves) {
                return wrong(format!("{person}: told {told} times"));
            }
            let expected = if moves { SECOND_CONNECTION } else { FIRST_CONNECTION };
            if stage.mailbox(person).connection != ConnectionId::new(expected) {
                return wrong(format!("{person}: it is reached over another connection"));
            }
            if moves {
                let items = stage.shown_move(person).items;
                if items.left + items.missing + items.ambiguous > 0 {
                    return wrong(format!("{person}: {items:?}"));
                }
            }
        }
        Ok(())
    }
}

fn ask(stage: &mut Stage, person: &str) -> Result<(), Refusal> {
    let (service, caller) = (stage.service.clone(), stage.caller());
    let request = MoveRequest { to: SECOND_CONNECTION, mailboxes: Some(vec![person.to_owned()]) };
    stage
        .run(async move { service.move_mailboxes(&caller, FIRST_CONNECTION, request).await })
        .map(|_| ())
}

/// What is held as missing stands nowhere in the mailbox.
fn check_missing(stage: &mut Stage, person: &str, hold: &HoldRow) -> Result<(), Violation> {
    let Some(id) = hold.link else { return Ok(()) };
    let (records, scope) = (Arc::clone(&stage.service.records), stage.scope(person));
    let link = stage.run(async move { records.link(&scope, id).await });
    let Some(link) = link.expect("the store answers") else { return Ok(()) };
    let stamp = link.link.to_string();
    let items = stage.simulator.snapshot(person).expect("a mailbox of the demo");
    let is_it = |item: &&tidemark_simulator::Snapshot| {
        let mut stamps = item.extended.values().flatten();
        Some(&item.uid) == link.uid.as_ref()
            || stamps.any(|text| text.split(';').next() == Some(stamp.as_str()))
    };
    match items.iter().find(is_it) {
        None => Ok(()),
        Some(item) => Err(Violation {
            rule: "what is there is found again",
            detail: format!("{person} ({}): {:?}", mailbox_id(person), item.event.title),
        }),
    }
}

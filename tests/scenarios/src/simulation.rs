//! Seeded simulation: both sides change things at random while everything goes wrong that can; then
//! the faults end, and what must hold is checked.

mod business;
mod invariants;
mod movement;
mod people;

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use tidemark_model::OrganisationId;
use tidemark_service::border::{Caller, Role};
use tidemark_service::{RunEnd, SyncTask};
use tidemark_simulator::{FaultKind, FaultPlan, FaultRule};
use tidemark_store::StoreError;
use tidemark_store::memory::Fault;
use tidemark_transport::Clock as _;

use crate::callbacks;
use crate::executor::{Step, TaskId, VirtualClock};
use crate::ports::EffectKind;
use crate::random::Random;
use crate::stage::{PEOPLE, Setting, Stage};
use business::Business;
use movement::Movement;
use people::People;

/// Workers that take messages at the same time.
const WORKERS: usize = 2;
/// Changes on both sides while everything goes wrong.
const EDITS: usize = 28;
/// Virtual time after which everything has to be at rest once the faults have ended.
const REST_WITHIN: SignedDuration = SignedDuration::from_hours(6);
/// How often it is looked whether everything is at rest. A number of seconds that is prime: every
/// period of the product is a whole number of minutes, and a look that came in the very moment of a
/// sweep, which sends a message to a mailbox that has nothing to do, would come in that moment
/// each time.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(613);
/// How often a mailbox is swept of which nothing was heard; the default would take longer to wait for.
const SWEEP_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// Within which the sweep finds what nobody was told of: a mailbox that was synced since its last turn
/// is left to its next one.
const SWEPT_WITHIN: SignedDuration = SignedDuration::from_mins(22);
/// Polls of all tasks together in one seed, so that a livelock is a violation and not a hang.
const STEPS_MAX: u64 = 4_000_000;

/// Something that must not happen did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub rule: &'static str,
    /// What was seen.
    pub detail: String,
}

/// What a seed came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Events in the feed.
    pub events: usize,
    /// Runs that ended.
    pub runs: u64,
    /// Workers that were killed or frozen.
    pub losses: u64,
    /// A digest of the feed: the same seed gives the same.
    pub digest: u64,
}

/// What goes on in one seed, shared by its tasks.
pub(crate) struct Shared {
    pub(crate) clock: VirtualClock,
    pub(crate) random: Arc<Random>,
    pub(crate) runs: Mutex<u64>,
}

/// Runs one seed.
///
/// # Errors
/// The first rule that does not hold.
pub fn run(seed: u64, setting: Setting) -> Result<Finished, Violation> {
    let movement = setting.moving.then(|| Movement::new(seed, setting.trace));
    Simulation::new(Stage::new(Setting { seed, ..setting }), movement).play()
}

struct Simulation {
    stage: Stage,
    shared: Arc<Shared>,
    workers: Vec<TaskId>,
    business: Business,
    people: People,
    /// Who moves meanwhile; none where nobody does.
    movement: Option<Movement>,
    losses: u64,
    steps: u64,
    /// Whether notifications may have been lost: only the sweep makes up for those.
    unheard: bool,
}

impl Simulation {
    fn new(mut stage: Stage, movement: Option<Movement>) -> Self {
        stage.service.options.sweep_every = SWEEP_EVERY;
        // What is random about the edits must not depend on how often the product draws.
        let random = Arc::new(Random::new(stage.random.next()));
        let shared = Arc::new(Shared {
            clock: stage.clock.clone(),
            random: Arc::clone(&random),
            runs: Mutex::new(0),
        });
        let caller = caller(&stage.organisation);
        Self {
            business: Business::new(caller, Arc::clone(&random), stage.trace),
            people: People::new(random, stage.trace),
            workers: Vec::new(),
            losses: 0,
            steps: 0,
            // Whoever listened to the old place hears nothing of what goes on in the new one.
            unheard: movement.is_some(),
            movement,
            shared,
            stage,
        }
    }

    fn play(mut self) -> Result<Finished, Violation> {
        if let Some(movement) = &self.movement {
            movement.prepare(&mut self.stage);
        }
        self.start();
        self.people.prepare(&self.stage.simulator);
        self.set_faults();
        for edit in 0..EDITS {
            if let Some(movement) = &mut self.movement {
                movement.go_on(&mut self.stage, edit);
            }
            if self.shared.random.chance(500) {
                self.people.edit(&self.stage.simulator);
            } else {
                self.business.edit(&mut self.stage)?;
            }
            self.pass_time()?;
            self.lose_workers();
        }
        self.stage.simulator.set_faults(FaultPlan::default());
        self.stage.effects.set_table_faults(None);
        self.finish_moves()?;
        self.come_to_rest()?;
        self.business.read_feed(&mut self.stage)?;
        if let Some(movement) = &self.movement {
            movement.check(&mut self.stage, &self.business)?;
        }
        invariants::check(&mut self.stage, &self.business, &self.people)?;
        Ok(Finished {
            events: self.business.events(),
            runs: *self.shared.runs.lock().expect("no panic while held"),
            losses: self.losses,
            digest: self.business.digest(),
        })
    }

    /// Starts the workers, the callbacks of Exchange, and the minute schedule.
    fn start(&mut self) {
        for person in PEOPLE {
            let (service, scope) = (self.stage.service.clone(), self.stage.scope(person));
            self.stage.run(async move {
                // Whether it works now or later: the sweep renews what is missing.
                let _ = service.renew_mailbox(&scope).await;
            });
        }
        for _ in 0..WORKERS {
            let worker = self.spawn_worker();
            self.workers.push(worker);
        }
        self.spawn_callbacks();
        self.spawn_schedule();
    }

    fn spawn_worker(&mut self) -> TaskId {
        let (service, queue) = (self.stage.service.clone(), self.stage.queue.clone());
        let shared = Arc::clone(&self.shared);
        self.stage.executor.spawn(async move {
            loop {
                let now = shared.clock.now();
                let Some(message) = queue.receive(now, 1).into_iter().next() else {
                    shared.clock.sleep(core::time::Duration::from_millis(500)).await;
                    continue;
                };
                let scope = SyncTask::read(&message.body).expect("a message of ours");
                let deadline = now + SignedDuration::from_secs(45);
                // A message that is not finished comes again when it becomes visible.
                if let Ok(report) = service.sync(&scope, deadline).await {
                    if report.end == RunEnd::Synced {
                        *shared.runs.lock().expect("no panic while held") += 1;
                    }
                    queue.finish(&message.receipt);
                }
            }
        })
    }

    fn spawn_callbacks(&mut self) {
        let (service, simulator) = (self.stage.service.clone(), Arc::clone(&self.stage.simulator));
        let clock = self.stage.clock.clone();
        self.stage.executor.spawn(async move {
            loop {
                for callback in simulator.due_callbacks(clock.now()) {
                    let (status, body) = callbacks::take(&service, &callback).await;
                    simulator.callback_answered(callback.id, status, &body);
                }
                clock.sleep(core::time::Duration::from_millis(100)).await;
            }
        });
    }

    fn spawn_schedule(&mut self) {
        let service = self.stage.service.clone();
        let clock = self.stage.clock.clone();
        self.stage.executor.spawn(async move {
            loop {
                // A minute that fails is made up for by the next one.
                let _ = service.minute().await;
                clock.sleep(core::time::Duration::from_secs(60)).await;
            }
        });
    }

    /// What goes wrong, from the seed.
    fn set_faults(&mut self) {
        let random = &self.shared.random;
        let kinds = [
            FaultKind::ServerBusy,
            FaultKind::Unavailable,
            FaultKind::Transient,
            FaultKind::CutBefore,
            FaultKind::CutAfter,
            FaultKind::StaleChangeKey,
            FaultKind::SyncStateLost,
            FaultKind::ChangesDelayed,
            FaultKind::BrokenItem,
            FaultKind::NotificationDropped,
            FaultKind::NotificationDoubled,
            FaultKind::NotificationDelayed,
            FaultKind::SubscriptionLost,
        ];
        let mut rules = Vec::new();
        for kind in kinds {
            if random.chance(500) {
                let often = match kind {
                    FaultKind::SyncStateLost | FaultKind::SubscriptionLost => 10,
                    _ => 60,
                };
                self.unheard |=
                    matches!(kind, FaultKind::NotificationDropped | FaultKind::SubscriptionLost);
                rules.push(FaultRule::per_mille(kind, random.below(often) as u32));
            }
        }
        self.stage.simulator.set_faults(FaultPlan::new(random.next(), rules));
        let store_faults = random.below(15) as u32;
        let random = Arc::new(Random::new(random.next()));
        self.stage.effects.set_table_faults(Some(Box::new(move |kind| {
            if !random.chance(store_faults) {
                return None;
            }
            let lost = || StoreError::Unavailable("simulated".to_owned());
            Some(match (random.below(4), kind == EffectKind::TableWrite) {
                (0, true) => Fault::Before(StoreError::Conflict),
                (1, true) => Fault::After(lost()),
                (2, _) => Fault::Before(StoreError::Throttled),
                _ => Fault::Before(lost()),
            })
        })));
    }

    /// Lets the world go on for a while.
    fn pass_time(&mut self) -> Result<(), Violation> {
        let random = &self.shared.random;
        let wait = match random.below(4) {
            0 => SignedDuration::from_millis(random.below(50) as i64),
            1 => SignedDuration::from_secs(random.below(3) as i64),
            2 => SignedDuration::from_secs(random.below(30) as i64),
            _ => SignedDuration::from_secs(random.below(180) as i64),
        };
        let until = self.stage.clock.now() + wait;
        // Sometimes the next edit comes in the middle of a run.
        let steps = if random.chance(300) { random.below(60) as u64 } else { u64::MAX };
        self.go_on(until, steps)
    }

    fn go_on(&mut self, until: Timestamp, steps: u64) -> Result<(), Violation> {
        for _ in 0..steps {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                self.steps = 0;
                let waits = self.what_waits();
                return Err(Violation {
                    rule: "it comes to rest",
                    detail: format!("{STEPS_MAX} steps were not enough: {waits}"),
                });
            }
            if self.stage.executor.step() == Step::Idle {
                match self.stage.executor.next_moment() {
                    Some(at) if at <= until => self.stage.clock.advance_to(at),
                    _ => {
                        self.stage.clock.advance_to(until);
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Kills or freezes a worker now and then, wherever it happens to wait.
    fn lose_workers(&mut self) {
        let random = Arc::clone(&self.shared.random);
        let Some(place) = random.chance(250).then(|| random.below(self.workers.len())) else {
            return;
        };
        self.losses += 1;
        if random.chance(500) {
            let thaw = SignedDuration::from_secs(random.below(300) as i64);
            self.stage.executor.freeze(self.workers[place], self.stage.clock.now() + thaw);
        } else {
            self.stage.executor.kill(self.workers[place]);
            self.workers[place] = self.spawn_worker();
        }
    }

    /// Moves whoever was not asked yet, and decides what could not be found again.
    fn finish_moves(&mut self) -> Result<(), Violation> {
        if let Some(movement) = &self.movement {
            movement.ask_the_rest(&mut self.stage)?;
            self.come_to_rest()?;
        }
        match &self.movement {
            Some(movement) => movement.decide(&mut self.stage),
            None => Ok(()),
        }
    }

    /// What is left to do, in words.
    fn what_waits(&mut self) -> String {
        let waits = invariants::what_waits(&mut self.stage);
        match &self.movement {
            Some(movement) if waits.is_empty() => movement.what_waits(&mut self.stage),
            _ => waits,
        }
    }

    /// Waits until nothing is left to do.
    fn come_to_rest(&mut self) -> Result<(), Violation> {
        let end = self.stage.clock.now() + REST_WITHIN;
        if self.unheard {
            self.go_on(self.stage.clock.now() + SWEPT_WITHIN, u64::MAX)?;
        }
        while self.stage.clock.now() < end {
            let until = self.stage.clock.now() + LOOK_EVERY;
            self.go_on(until, u64::MAX)?;
            if self.what_waits().is_empty() {
                return Ok(());
            }
        }
        Err(Violation { rule: "it comes to rest", detail: self.what_waits() })
    }
}

fn caller(organisation: &OrganisationId) -> Caller {
    Caller {
        organisation: organisation.clone(),
        system: Some(tidemark_model::SystemId::parse("erp").expect("a valid id")),
        role: Role::Administrator,
        key_id: "simulation".to_owned(),
    }
}

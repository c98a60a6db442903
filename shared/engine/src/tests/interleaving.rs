//! Edits on both sides and runs in any order, cut off anywhere, against a naive reference: two
//! calendars that in the end must be equal.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use tidemark_model::{CopyRole, Event, EventPatch, Override};

use super::made::{Edit, alike, edit, held, origin, patched, person, steps, value, whole};
use super::*;

/// Something that happens.
#[derive(Debug, Clone)]
enum Op {
    ExchangeEdits(Edit),
    BusinessEdits(Edit),
    ExchangeDeletes,
    BusinessDeletes,
    BusinessPuts(Box<Event>),
    /// A run, which stops after so many requests of its write, if there are that many.
    Runs(usize),
    /// A run that is cut off after the single request of a write that nothing is written down of.
    RunsUnsaid,
    /// A run, and an edit in Exchange after so many requests of its write, or after all of them and
    /// before it is read back.
    RunsBeside(Edit, usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => edit().prop_map(Op::ExchangeEdits),
        6 => edit().prop_map(Op::BusinessEdits),
        1 => Just(Op::ExchangeDeletes),
        1 => Just(Op::BusinessDeletes),
        1 => origin().prop_map(|event| Op::BusinessPuts(Box::new(event))),
        4 => Just(Op::Runs(usize::MAX)),
        2 => (0usize..4).prop_map(Op::Runs),
        2 => Just(Op::RunsUnsaid),
        3 => (edit(), 1usize..5).prop_map(|(edit, after)| Op::RunsBeside(edit, after)),
    ]
}

/// What is remembered of the pairing.
enum Link {
    New,
    Linked(Box<Base>),
    Tombstone(Side, Timestamp),
}

/// Both calendars, each with the one item, and what lies between them.
struct World {
    profile: Profile,
    exchange: Option<Event>,
    business: Option<Event>,
    pending: Vec<BusinessChange>,
    link: Link,
    unfinished: Option<Unfinished>,
    clock: i64,
}

impl World {
    fn new(conflicts: ConflictPolicy, origin: Event) -> Self {
        Self {
            profile: Profile { conflicts, mail: MailRule::Send, ..Profile::default() },
            exchange: Some(origin),
            business: None,
            pending: Vec::new(),
            link: Link::New,
            unfinished: None,
            clock: 0,
        }
    }

    fn happen(&mut self, op: Op) {
        self.clock += 1;
        match op {
            Op::ExchangeEdits(edit) => {
                if let Some(event) = &mut self.exchange {
                    let change = value(event, edit);
                    *event = person(event, change);
                    event.updated = Some(at(self.clock));
                }
            }
            Op::BusinessEdits(edit) => {
                // Changes that wait are folded, and whether a series that moves away and back has
                // lost its exceptions cannot be seen from that.
                if matches!(edit.0, 2 | 3) {
                    self.run(usize::MAX);
                }
                if let Some(event) = self.business.clone() {
                    let (patch, after) = patched(&event, &[edit]);
                    self.business = Some(held(after));
                    self.accept(BusinessOperation::Upsert(patch));
                }
            }
            Op::ExchangeDeletes => self.exchange = None,
            Op::BusinessDeletes => {
                if self.business.take().is_some() {
                    self.accept(BusinessOperation::Delete);
                }
            }
            Op::BusinessPuts(event) => {
                if self.business.is_some() || self.exchange.is_none() {
                    self.accept(BusinessOperation::Upsert(whole(&event)));
                    self.business = Some(*event);
                }
            }
            Op::Runs(requests) => {
                self.run(requests);
            }
            Op::RunsUnsaid => {
                let decision = self.decide();
                let is_update = matches!(decision.exchange, ExchangeAction::Update { .. });
                let is_series = self.exchange.iter().any(|event| event.recurrence.is_some());
                if is_update && !is_series && self.unfinished.is_none() {
                    self.exchange = self.states(&decision).pop().unwrap();
                }
            }
            Op::RunsBeside(edit, after) => self.run_beside(edit, after),
        }
    }

    fn accept(&mut self, operation: BusinessOperation) {
        let number = u64::try_from(self.clock).unwrap();
        let accepted_at = at(self.clock);
        self.pending.push(BusinessChange { number, accepted_at, ..change(operation) });
    }

    fn decide(&self) -> Decision {
        let link = match &self.link {
            Link::New => LinkView::New,
            Link::Linked(base) => LinkView::Linked(base),
            Link::Tombstone(by, at) => LinkView::Tombstone { by: *by, at: *at },
        };
        let view = match (&self.exchange, &self.link) {
            (Some(event), _) => present(event, CopyRole::Organizer),
            (None, Link::Linked(_)) => ExchangeView::Gone,
            (None, Link::New | Link::Tombstone(..)) => ExchangeView::NotLooked,
        };
        plan(&PlanInput {
            link,
            exchange: view,
            business: &self.pending,
            profile: &self.profile,
            mailbox: &facts(),
            unfinished: self.unfinished.as_ref(),
            now: at(self.clock),
        })
    }

    /// A run: it is cut off when its write has more requests than it gets done.
    fn run(&mut self, requests: usize) -> Decision {
        let decision = self.decide();
        let states = self.states(&decision);
        let reached = states.get(requests).or(states.last()).cloned().unwrap();
        if requests < states.len() - 1 {
            self.begin(&decision);
            self.exchange = reached;
            return decision;
        }
        self.exchange = reached;
        self.commit(&decision, true);
        decision
    }

    /// A run beside which somebody edits the item. An occurrence that is changed later is written
    /// against a version and cuts the write off; one that is taken out later is not.
    fn run_beside(&mut self, edit: Edit, after: usize) {
        let decision = self.decide();
        let states = self.states(&decision);
        let reached = after.min(states.len() - 1);
        let Some(Some(mut now)) = states.get(reached).cloned() else {
            self.run(usize::MAX);
            return;
        };
        let change = value(&now, edit);
        now = person(&now, change);
        now.updated = Some(at(self.clock));
        for pair in states[reached..].windows(2) {
            let [Some(before), Some(then)] = pair else { continue };
            let ids = then
                .overrides
                .keys()
                .filter(|id| before.overrides.get(*id) != then.overrides.get(*id));
            let written: Vec<_> = ids.map(|id| then.value(Property::Override(*id))).collect();
            let taken_out = |value: &PropertyValue| {
                matches!(value, PropertyValue::Override(_, Some(Override::Excluded)))
            };
            if written.is_empty() || !written.iter().all(taken_out) {
                self.begin(&decision);
                self.exchange = Some(now);
                return;
            }
            for value in written {
                now.apply(value);
                now = held(now);
            }
        }
        // One request returns its own version: what came after it is not taken for ours.
        let is_one = states.len() <= 2;
        self.exchange = Some(now);
        self.commit(&decision, !is_one);
    }

    /// What Exchange shows before a write and after each of its requests.
    fn states(&self, decision: &Decision) -> Vec<Option<Event>> {
        match (&decision.exchange, &self.exchange) {
            (ExchangeAction::Create { target, .. }, None) => {
                let mut bare = held((**target).clone());
                bare.overrides.clear();
                steps(&bare, target).into_iter().map(Some).collect()
            }
            (ExchangeAction::Update { target, .. }, Some(remote)) => {
                steps(remote, target).into_iter().map(Some).collect()
            }
            (ExchangeAction::Delete { .. }, Some(_)) => vec![self.exchange.clone(), None],
            (ExchangeAction::None, _) => vec![self.exchange.clone()],
            (other, there) => panic!("{other:?} while there: {}", there.is_some()),
        }
    }

    /// An intent is written before a write; one that carries on is told apart from it.
    fn begin(&mut self, decision: &Decision) {
        let before = self.unfinished.take();
        self.unfinished = match (&decision.exchange, before, &self.exchange) {
            (ExchangeAction::Create { target, .. }, _, _) => {
                Some(Unfinished::create((**target).clone()))
            }
            (ExchangeAction::Update { target, .. }, Some(before), Some(remote)) => {
                Some(before.carried_on(remote, (**target).clone(), &Zone::utc()))
            }
            (ExchangeAction::Update { target, .. }, None, Some(remote)) => {
                Some(Unfinished::update(remote.clone(), (**target).clone()))
            }
            _ => None,
        };
    }

    fn commit(&mut self, decision: &Decision, read_back: bool) {
        self.unfinished = None;
        match settled(decision, self.exchange.as_ref().filter(|_| read_back)) {
            LinkAfter::Unchanged => {}
            LinkAfter::Linked(base) => self.link = Link::Linked(base),
            LinkAfter::Tombstone { by, at } => self.link = Link::Tombstone(by, at),
            LinkAfter::Private { .. } => panic!("nothing is private here"),
        }
        let known = match &self.link {
            Link::Linked(base) => Some(base.business.clone()),
            Link::New | Link::Tombstone(..) => None,
        };
        match (&decision.business, &mut self.business, known) {
            (None, _, _) => {}
            (Some(News::Deleted), _, _) => self.business = None,
            (Some(News::Updated { properties }), Some(event), Some(known)) => {
                for property in properties {
                    event.apply(known.value(*property));
                }
                event.overrides.retain(|id, _| known.overrides.contains_key(id));
            }
            (Some(_), _, known) => self.business = known,
        }
        // What vanished or was refused is reported with the outcomes, and the item can be asked for.
        let reported = decision.outcomes.iter().any(|outcome| outcome.verdict != Verdict::Applied);
        if reported && let Link::Linked(base) = &self.link {
            self.business = Some(base.business.clone());
        }
        if reported && let Link::Tombstone(..) = &self.link {
            self.business = None;
        }
        let decided: Vec<u64> = decision.outcomes.iter().map(|one| one.number).collect();
        self.pending.retain(|one| !decided.contains(&one.number));
    }
}

proptest! {
    #![proptest_config(Config { cases: 512, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() })]

    #[test]
    fn both_calendars_end_equal(
        origin in origin(), ops in proptest::collection::vec(op(), 1..16), policy in 0u8..3,
    ) {
        let conflicts = match policy {
            0 => ConflictPolicy::ExchangeWins,
            1 => ConflictPolicy::BusinessWins,
            _ => ConflictPolicy::LatestWins,
        };
        let mut world = World::new(conflicts, origin);
        world.run(usize::MAX);
        for op in ops {
            world.happen(op);
        }
        world.run(usize::MAX);
        let last = world.run(usize::MAX);
        prop_assert!(last.is_quiet(), "{}", last.explain());
        prop_assert!(world.pending.is_empty());
        match (&world.exchange, &world.business, &world.link) {
            (Some(exchange), Some(business), Link::Linked(base)) => {
                prop_assert!(alike(exchange, business), "{exchange:?} {business:?}");
                prop_assert!(alike(exchange, &base.exchange) && alike(business, &base.business));
            }
            (None, None, Link::New | Link::Tombstone(..)) => {}
            (exchange, business, _) => prop_assert!(
                false, "there: {} and {}", exchange.is_some(), business.is_some()
            ),
        }
    }

    /// Without conflicts the reference is one calendar that everybody writes to.
    #[test]
    fn edits_in_turns_are_all_kept(
        origin in origin(), turns in proptest::collection::vec((any::<bool>(), edit()), 1..8),
    ) {
        let mut world = World::new(ConflictPolicy::ExchangeWins, origin.clone());
        let mut reference = origin;
        world.run(usize::MAX);
        for (business, edit) in turns {
            let change = value(&reference, edit);
            if business {
                let mut patch = EventPatch::new();
                patch.set(change.clone());
                world.clock += 1;
                let event = world.business.as_mut().unwrap();
                event.apply_patch(&patch);
                *event = held(event.clone());
                world.accept(BusinessOperation::Upsert(patch));
                reference.apply(change);
                reference = held(reference);
            } else {
                reference = person(&reference, change.clone());
                let event = world.exchange.as_mut().unwrap();
                *event = person(event, change);
            }
            world.run(usize::MAX);
            prop_assert!(alike(world.exchange.as_ref().unwrap(), &reference));
            prop_assert!(alike(world.business.as_ref().unwrap(), &reference));
        }
    }
}

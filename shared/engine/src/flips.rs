//! The loop breaker: a second connector on the same mailbox is noticed and not fought (E21).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tidemark_model::Property;

use crate::decision::{Decision, ExchangeAction, HoldWhy, Verdict};
use crate::input::Side;
use crate::reason::Reason;

/// So many changes of side within [`FLIP_WINDOW`] are a fight.
pub const FLIPS_MAX: usize = 6;

/// How far back changes of side count.
pub const FLIP_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Who wrote which property of one item last, and how often that changed lately.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FlipCounter {
    /// Per property the alternating writes, oldest first; at most [`FLIPS_MAX`] each.
    entries: BTreeMap<Property, Vec<(Timestamp, Side)>>,
}

impl FlipCounter {
    /// No write seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that a side wrote a property. Writes of the same side in a row count once.
    pub fn record(&mut self, property: Property, side: Side, at: Timestamp) {
        let writes = self.entries.entry(property).or_default();
        writes.retain(|(when, _)| at.duration_since(*when) < FLIP_WINDOW);
        match writes.last_mut() {
            Some((when, last)) if *last == side => *when = at,
            _ => writes.push((at, side)),
        }
        if writes.len() > FLIPS_MAX {
            writes.remove(0);
        }
    }

    /// Whether another write of this property would go on with a fight.
    pub fn is_fight(&self, property: Property, now: Timestamp) -> bool {
        self.entries.get(&property).is_some_and(|writes| {
            let recent =
                writes.iter().filter(|(when, _)| now.duration_since(*when) < FLIP_WINDOW).count();
            recent >= FLIPS_MAX
        })
    }

    /// Everything noted, for storing.
    pub fn entries(&self) -> impl Iterator<Item = (Property, Timestamp, Side)> {
        self.entries.iter().flat_map(|(property, writes)| {
            writes.iter().map(move |(at, side)| (*property, *at, *side))
        })
    }
}

impl FromIterator<(Property, Timestamp, Side)> for FlipCounter {
    fn from_iter<I: IntoIterator<Item = (Property, Timestamp, Side)>>(entries: I) -> Self {
        let mut counter = Self::new();
        for (property, at, side) in entries {
            counter.record(property, side, at);
        }
        counter
    }
}

/// Holds a write that would go on with a fight over one of its properties; else gives the decision
/// back as it is.
#[must_use]
pub fn guard_loop(mut decision: Decision, flips: &FlipCounter, now: Timestamp) -> Decision {
    let fights = decision.written.iter().any(|property| flips.is_fight(*property, now));
    if !fights || !decision.exchange.writes() {
        return decision;
    }
    decision.hold(HoldWhy::Loop, Reason::Loop);
    decision
}

impl Decision {
    /// Turns the action into one that waits. What was to be remembered and told depends on the
    /// write, so all of that waits too.
    fn hold(&mut self, why: HoldWhy, reason: Reason) {
        let what = core::mem::replace(&mut self.exchange, ExchangeAction::None);
        self.exchange = ExchangeAction::Hold { why, what: Box::new(what) };
        self.business = None;
        self.base = crate::decision::BaseAfter::Keep;
        self.written.clear();
        self.cost = crate::decision::BrakeCost::default();
        for outcome in &mut self.outcomes {
            if !matches!(outcome.verdict, Verdict::Refused { .. }) {
                outcome.verdict = Verdict::Held;
            }
        }
        self.reasons.push(reason);
    }
}

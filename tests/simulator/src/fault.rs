//! What goes wrong, decided by a seed and the sequence of requests alone.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
    /// `ErrorServerBusy` with `BackOffMilliseconds`, before anything is done.
    ServerBusy,
    /// HTTP 503, before anything is done.
    Unavailable,
    /// `ErrorInternalServerTransientError`, before anything is done.
    Transient,
    /// The connection ends before the request is looked at.
    CutBefore,
    /// The request is carried out, then the connection ends without an answer.
    CutAfter,
    /// Somebody edits the same item just before a write is checked.
    StaleChangeKey,
    /// All sync states of the mailbox become invalid.
    SyncStateLost,
    /// Graph's changes do not tell yet what happened since they were read last.
    /// Source: delta-query-overview page, "Processing delays".
    ChangesDelayed,
    /// One item of a page cannot be read.
    BrokenItem,
    /// A notification is never sent.
    NotificationDropped,
    /// A notification is sent twice.
    NotificationDoubled,
    /// A notification comes after the next one.
    NotificationDelayed,
    /// A subscription is forgotten.
    SubscriptionLost,
}

/// How often a kind of fault happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRule {
    /// Which.
    pub kind: FaultKind,
    /// How many times in a thousand chances.
    #[serde(default = "always")]
    pub per_mille: u32,
    /// How many times in all; none means without end.
    #[serde(default)]
    pub times: Option<u32>,
    /// Only for this operation, such as `CreateItem`.
    #[serde(default)]
    pub operation: Option<String>,
}

const fn always() -> u32 {
    1000
}

/// All faults of a run. Nothing goes wrong by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultPlan {
    /// Where the decisions start.
    #[serde(default)]
    pub seed: u64,
    /// The rules; the first that fires decides.
    #[serde(default)]
    pub rules: Vec<FaultRule>,
    /// What a busy server asks to wait, in milliseconds.
    #[serde(default = "back_off")]
    pub back_off_ms: u64,
}

const fn back_off() -> u64 {
    1000
}

impl FaultPlan {
    /// A plan with these rules.
    pub fn new(seed: u64, rules: Vec<FaultRule>) -> Self {
        Self { seed, rules, back_off_ms: back_off() }
    }
}

impl FaultRule {
    /// Happens every time, at most `times` times.
    pub const fn times(kind: FaultKind, times: u32) -> Self {
        Self { kind, per_mille: 1000, times: Some(times), operation: None }
    }

    /// Happens so many times in a thousand chances.
    pub const fn per_mille(kind: FaultKind, per_mille: u32) -> Self {
        Self { kind, per_mille, times: None, operation: None }
    }
}

/// A plan while it runs.
pub(crate) struct FaultRun {
    plan: FaultPlan,
    random: Random,
    fired: u64,
    operation: String,
}

impl FaultRun {
    pub(crate) fn new(plan: FaultPlan) -> Self {
        Self { random: Random::new(plan.seed), plan, fired: 0, operation: String::new() }
    }

    /// Says which operation the chances that follow belong to.
    pub(crate) fn begin(&mut self, operation: &str) {
        operation.clone_into(&mut self.operation);
    }

    /// Whether a fault of this kind happens now.
    pub(crate) fn fires(&mut self, kind: FaultKind) -> bool {
        for rule in &mut self.plan.rules {
            let concerns = rule.kind == kind
                && rule.times != Some(0)
                && rule.operation.as_ref().is_none_or(|wanted| *wanted == self.operation);
            if concerns && self.random.chance(rule.per_mille) {
                rule.times = rule.times.map(|times| times.saturating_sub(1));
                self.fired = self.fired.saturating_add(1);
                return true;
            }
        }
        false
    }

    /// A number to choose with.
    pub(crate) fn choose(&mut self) -> u64 {
        self.random.next()
    }

    /// What a busy server asks to wait.
    pub(crate) const fn back_off_ms(&self) -> u64 {
        self.plan.back_off_ms
    }

    /// How many faults happened.
    pub(crate) const fn fired(&self) -> u64 {
        self.fired
    }
}

//! What to do: three-way merge, plan, guards, brake, reasons. Pure.
//!
//! [`plan()`] looks at what is known of one item on both sides and answers with a [`Decision`]: what to
//! write to Exchange, what to tell the business system, what became of each of its changes, and why.
//! The caller carries it out, reads back, and lets [`settle()`] say what to remember. Nothing here does
//! I/O, reads a clock or draws randomness; a decision is plain data and can be stored or shown.

pub mod brake;
pub mod decision;
pub mod flips;
pub mod input;
mod intake;
mod mail;
mod merge;
mod plan;
pub mod profile;
pub mod reason;
mod sameness;
mod series;
mod settle;

pub use brake::{BrakeState, Braked, BrakedWhat, charge};
pub use decision::{
    BaseAfter, BrakeCost, Decision, ExchangeAction, HoldWhy, LinkAfter, Loser, LoserValue,
    MailForecast, News, Outcome, Verdict,
};
pub use flips::{FlipCounter, guard_loop};
pub use input::{
    Base, BusinessChange, BusinessOperation, ExchangeView, LinkView, MailboxFacts, Mailing,
    PlanInput, Side, StampView, Unfinished,
};
pub use plan::plan;
pub use profile::{Budgets, ConflictPolicy, MailRule, Owner, Profile, PropertyClass, StartOfSync};
pub use reason::{Reason, RefusalCode};
pub use settle::{Settled, settle};

#[cfg(test)]
mod tests;

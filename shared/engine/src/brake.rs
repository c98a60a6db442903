//! The brake: how much may be deleted and mailed in one mailbox in one hour (N11).

use jiff::Timestamp;

use crate::decision::BrakeCost;
use crate::profile::Budgets;

/// Seconds in the hour that budgets count in.
const HOUR_SECONDS: i64 = 3600;

/// What was spent in the current hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BrakeState {
    /// Which hour, counted from the Unix epoch.
    pub hour: i64,
    /// Deletes so far.
    pub deletes: u32,
    /// People mailed so far.
    pub mails: u32,
}

/// Which budget was used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BrakedWhat {
    /// Deletes.
    Deletes,
    /// Mails.
    Mails,
}

/// The hour's budget does not suffice: the mailbox pauses until somebody releases it or the hour
/// is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the hour's budget of {budget} is used up ({what:?})")]
pub struct Braked {
    /// Which budget.
    pub what: BrakedWhat,
    /// How large it is.
    pub budget: u32,
}

/// Takes the cost of a decision from the budgets of the hour of `now`. A cost of nothing always
/// passes.
///
/// # Errors
/// [`Braked`] when it does not fit; the state stays as it was.
pub fn charge(
    state: BrakeState,
    cost: BrakeCost,
    budgets: Budgets,
    now: Timestamp,
) -> Result<BrakeState, Braked> {
    let hour = now.as_second().div_euclid(HOUR_SECONDS);
    // A clock that steps back must not open a fresh budget.
    let spent =
        if hour > state.hour { BrakeState { hour, ..BrakeState::default() } } else { state };
    let deletes = fit(spent.deletes, cost.deletes, budgets.deletes_per_hour, BrakedWhat::Deletes)?;
    let mails = fit(spent.mails, cost.mails, budgets.mails_per_hour, BrakedWhat::Mails)?;
    Ok(BrakeState { deletes, mails, ..spent })
}

fn fit(spent: u32, cost: u32, budget: u32, what: BrakedWhat) -> Result<u32, Braked> {
    let sum = spent.saturating_add(cost);
    if cost > 0 && sum > budget { Err(Braked { what, budget }) } else { Ok(sum) }
}

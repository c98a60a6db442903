//! The plan for one item.

use crate::decision::{BaseAfter, BrakeCost, Decision, ExchangeAction, MailForecast};
use crate::input::PlanInput;

/// Decides what to do about one item. Never fails: what cannot be done is held or refused.
pub fn plan(input: &PlanInput<'_>) -> Decision {
    let _ = input;
    Decision {
        exchange: ExchangeAction::None,
        business: None,
        outcomes: Vec::new(),
        base: BaseAfter::Keep,
        written: Vec::new(),
        reasons: Vec::new(),
        forecast: MailForecast::default(),
        cost: BrakeCost::default(),
    }
}

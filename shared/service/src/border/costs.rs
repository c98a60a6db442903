//! What a mailbox costs, as people see it.

use crate::cost::{Amount, CostPart};

/// What a mailbox cost in a time, and would cost in a month of 30 days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostView {
    /// From when, RFC 3339: a reading of the meter, or the mailbox's beginning.
    pub from: String,
    /// Until when, RFC 3339: now.
    pub until: String,
    /// What it cost in that time.
    pub cost: Amount,
    /// What it costs in 30 days, if it goes on like that.
    pub month: Amount,
    /// Where it goes.
    pub parts: Vec<CostPart>,
    /// Requests to Exchange in that time; they cost nothing themselves.
    pub exchange_requests: u64,
    /// The organisation's cap, if it has one.
    pub cap: Option<CapView>,
    /// Minutes between two sweeps of the mailbox, as its state and the cap have it.
    pub sweep_minutes: u32,
    /// As of which day the prices are.
    pub prices_date: String,
    /// In which region of AWS they hold.
    pub prices_region: String,
    /// What they leave out.
    pub prices_note: String,
}

/// A cap on what a mailbox costs, and how the mailbox stands to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapView {
    /// US cents in 30 days, as it was set.
    pub cents_per_month: String,
    /// What the mailbox itself used in the last days, in 30 days; none before it was metered for a day.
    pub used: Option<Amount>,
    /// Whether that is more than the cap.
    pub exceeded: bool,
}

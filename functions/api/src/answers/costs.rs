//! What costs look like.

use serde::Serialize;
use tidemark_service::border::{CapView, CostView};
use tidemark_service::cost::{Amount, CostPart};
use utoipa::ToSchema;

/// What a mailbox costs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cost {
    /// From when.
    #[schema(format = DateTime)]
    from: String,
    /// Until when.
    #[schema(format = DateTime)]
    until: String,
    /// US cents in that time, to four places.
    cents: f64,
    /// US cents in 30 days, if it goes on like that.
    cents_per_month: f64,
    /// Where it goes.
    parts: Vec<Part>,
    /// Requests to Exchange in that time. They cost nothing themselves.
    exchange_requests: u64,
    /// The organisation's cap, and what the mailbox is held against it with; `null` without one.
    #[schema(required)]
    cap: Option<Cap>,
    /// Minutes between two looks at the mailbox although nothing was heard of it. 60 unless the
    /// deployment says otherwise; more above a cap, fewer where Exchange does not tell of changes.
    sweep_minutes: u32,
    /// What it was reckoned with.
    prices: Prices,
}

/// A cap on what a mailbox costs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cap {
    /// US cents in 30 days, as it was set.
    #[schema(example = "2.5")]
    cents_per_month: String,
    /// What the mailbox itself used in the last seven days, or since it is metered, scaled to 30 days,
    /// without its part of what all share; `null` before it was metered for a whole day.
    #[schema(required)]
    used_cents_per_month: Option<f64>,
    /// Whether that is more than the cap.
    exceeded: bool,
}

/// A part of the cost.
#[derive(Serialize, ToSchema)]
pub(crate) struct Part {
    /// What was used.
    #[schema(value_type = String, example = "table-writes")]
    what: &'static str,
    /// How much of it.
    quantity: f64,
    /// In which unit.
    unit: String,
    /// US cents, to four places.
    cents: f64,
}

/// List prices.
#[derive(Serialize, ToSchema)]
pub(crate) struct Prices {
    /// As of which day.
    date: String,
    /// In which region.
    region: String,
    /// What they leave out.
    note: String,
}

impl From<CostView> for Cost {
    fn from(view: CostView) -> Self {
        Self {
            from: view.from,
            until: view.until,
            cents: view.cost.cents(),
            cents_per_month: view.month.cents(),
            parts: view.parts.into_iter().map(Part::from).collect(),
            exchange_requests: view.exchange_requests,
            cap: view.cap.map(Cap::from),
            sweep_minutes: view.sweep_minutes,
            prices: Prices {
                date: view.prices_date,
                region: view.prices_region,
                note: view.prices_note,
            },
        }
    }
}

impl From<CapView> for Cap {
    fn from(view: CapView) -> Self {
        Self {
            cents_per_month: view.cents_per_month,
            used_cents_per_month: view.used.map(Amount::cents),
            exceeded: view.exceeded,
        }
    }
}

impl From<CostPart> for Part {
    fn from(part: CostPart) -> Self {
        Self {
            what: part.what,
            quantity: part.quantity(),
            unit: part.unit,
            cents: part.amount.cents(),
        }
    }
}

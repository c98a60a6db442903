//! What costs look like.

use serde::Serialize;
use tidemark_service::border::CostView;
use tidemark_service::cost::CostPart;
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
    /// What it was reckoned with.
    prices: Prices,
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
            prices: Prices {
                date: view.prices_date,
                region: view.prices_region,
                note: view.prices_note,
            },
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

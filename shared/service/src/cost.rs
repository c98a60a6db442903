//! What a mailbox costs on AWS (N9): its meter, priced by a list that has a date and its sources.
//!
//! The list is embedded; what a deployment pays beside its mailboxes (keys, alarms, addresses, logs)
//! stands in the operator's page on prices, since nobody's meter counts it.

pub(crate) mod cap;

use serde::Deserialize;
pub use tidemark_store::records::Usage;

/// The list that is embedded.
const LIST: &str = include_str!("cost/prices.json");
/// Picodollars of a dollar: the smallest amount that is reckoned with.
const PICODOLLARS: u128 = 1_000_000_000_000;
/// Picodollars of a ten-thousandth of a cent.
const SHOWN: u128 = 1_000_000;
/// What a GB has of MB times milliseconds, for a second.
const MB_MS_PER_GB_SECOND: u128 = 1024 * 1000;
/// Bytes of the GB that data transfer is billed by.
const BYTES_PER_GB: u128 = 1024 * 1024 * 1024;

/// What one kind of thing costs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Price {
    /// Dollars, as a decimal.
    pub usd: String,
    /// For so many units.
    pub per: u32,
    /// Of what.
    pub unit: String,
}

impl Price {
    /// Picodollars for `count` of something of which `divisor` make a unit; nothing for a price
    /// that is no number.
    fn of(&self, count: u64, divisor: u128) -> u128 {
        let per = u128::from(self.per).saturating_mul(divisor).max(1);
        u128::from(count).saturating_mul(picodollars(&self.usd).unwrap_or(0)) / per
    }
}

/// A price list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PriceList {
    /// As of which day.
    pub date: String,
    /// In which region of AWS.
    pub region: String,
    /// What it leaves out.
    pub note: String,
    /// Where the prices stand.
    pub sources: Vec<String>,
    prices: Prices,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prices {
    table_reads: Price,
    table_writes: Price,
    queue_requests: Price,
    invocations: Price,
    compute: Price,
    sent: Price,
}

/// A part of what something costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostPart {
    /// A stable word for what was used.
    pub what: &'static str,
    /// How much of it, in thousandths of the unit.
    thousandths: u64,
    /// In which unit.
    pub unit: String,
    /// What it costs.
    pub amount: Amount,
}

impl CostPart {
    /// A mailbox's equal part of what `mailboxes` of them share.
    pub fn shared(cost: Amount, mailboxes: u64) -> Self {
        Self {
            what: "shared",
            thousandths: 1000 / mailboxes.max(1),
            unit: "of what all mailboxes share".to_owned(),
            amount: cost.scaled(mailboxes, 1),
        }
    }

    /// How much of it, to three places; what is beyond four million units shows as that.
    pub fn quantity(&self) -> f64 {
        f64::from(u32::try_from(self.thousandths).unwrap_or(u32::MAX)) / 1000.0
    }
}

/// An amount of money, at least nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Amount {
    picodollars: u128,
}

impl Amount {
    /// This amount in cents, to four places; more than some 4,000 dollars show as that.
    pub fn cents(self) -> f64 {
        let shown = (self.picodollars + SHOWN / 2) / SHOWN;
        f64::from(u32::try_from(shown).unwrap_or(u32::MAX)) / 10_000.0
    }

    /// This amount, spent in `seconds`, as it is in `others`.
    #[must_use]
    pub fn scaled(self, seconds: u64, others: u64) -> Self {
        let scaled = self.picodollars.saturating_mul(u128::from(others));
        Self { picodollars: scaled / u128::from(seconds).max(1) }
    }

    /// So many cents.
    pub const fn from_cents(cents: u32) -> Self {
        // The cast widens.
        Self { picodollars: (PICODOLLARS / 100).saturating_mul(widen(cents)) }
    }
}

/// `u128::from` is no constant function.
#[expect(clippy::as_conversions, reason = "it widens, and From cannot be called in a constant")]
const fn widen(value: u32) -> u128 {
    value as u128
}

impl core::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        let picodollars = amounts.fold(0, |sum: u128, it| sum.saturating_add(it.picodollars));
        Self { picodollars }
    }
}

impl PriceList {
    /// The list that this version carries.
    ///
    /// # Errors
    /// When it is not what it should be, which a test forbids.
    pub fn embedded() -> Result<Self, serde_json::Error> {
        serde_json::from_str(LIST)
    }

    /// What was used, part by part, the table first.
    pub fn price(&self, usage: &Usage) -> Vec<CostPart> {
        let prices = &self.prices;
        let part = |what, price: &Price, count: u64, divisor: u128| CostPart {
            what,
            thousandths: u64::try_from(u128::from(count) * 1000 / divisor).unwrap_or(u64::MAX),
            unit: price.unit.clone(),
            amount: Amount { picodollars: price.of(count, divisor) },
        };
        vec![
            part("table-reads", &prices.table_reads, usage.read_halves, 2),
            part("table-writes", &prices.table_writes, usage.write_halves, 2),
            part("queue-requests", &prices.queue_requests, usage.queue_requests, 1),
            part("invocations", &prices.invocations, usage.invocations, 1),
            part("compute", &prices.compute, usage.compute_mb_ms, MB_MS_PER_GB_SECOND),
            part("sent", &prices.sent, usage.sent_bytes, BYTES_PER_GB),
        ]
    }
}

/// A decimal number of dollars in picodollars; none for what is no number or finer than that.
fn picodollars(usd: &str) -> Option<u128> {
    let (whole, fraction) = usd.split_once('.').unwrap_or((usd, ""));
    if fraction.len() > 12 || !usd.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let whole: u128 = whole.parse().ok()?;
    let fraction: u128 = format!("{fraction:0<12}").parse().ok()?;
    whole.checked_mul(PICODOLLARS)?.checked_add(fraction)
}

#[cfg(test)]
mod tests;

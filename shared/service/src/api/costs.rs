//! What a mailbox costs (N9).

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use tidemark_store::StoreError;
use tidemark_store::records::{MailboxScope, Usage};

use crate::border::{Caller, CapView, CostView, Refusal};
use crate::cost::{Amount, CostPart, PriceList, cap};
use crate::service::Service;

/// Days that are looked back at: a month.
const DAYS: i64 = 30;
const MONTH: SignedDuration = SignedDuration::from_hours(24 * DAYS);

impl Service {
    /// What a mailbox cost in the last 30 days, or since it was first metered.
    pub(super) async fn view_cost(&self, caller: &Caller, name: &str) -> Result<CostView, Refusal> {
        let found = self.find_mailbox(caller, name).await?;
        let now = self.world.now();
        let today = now.to_zoned(TimeZone::UTC).date();
        let since = today.checked_sub(DAYS.days()).unwrap_or(today);
        let total = self.records.usage(&found.scope).await?;
        let readings = self.records.readings(&found.scope, since).await?;
        let (from, before) = match readings.first() {
            Some(reading) => {
                let day = reading.day.to_zoned(TimeZone::UTC);
                (day.map_or(now, |day| day.timestamp()), reading.total)
            }
            None => (found.row.created_at, Usage::default()),
        };
        // A mailbox that is younger than its first day has a meter that began with it.
        let from = from.max(found.row.created_at).min(now);
        let day = from.to_zoned(TimeZone::UTC).date();
        let shared = Shared {
            usage: self.records.shared_usage(day).await?,
            mailboxes: self.count_mailboxes().await?,
        };
        let row = &found.row;
        let connection = self.records.connection(&caller.organisation, row.connection).await?;
        let connection = connection.map(|found| found.value);
        let minutes = cap::sweep_minutes(row, connection.as_ref(), self.sweep_minutes());
        let sweeps = Sweeps {
            every_minutes: u32::try_from(minutes).unwrap_or(u32::MAX),
            cap: self.view_cap(&found.scope, total).await?,
        };
        cost_view(&total.since(before), &shared, sweeps, from, now)
    }

    /// The organisation's cap, and how a mailbox stands to it.
    async fn view_cap(
        &self,
        scope: &MailboxScope,
        total: Usage,
    ) -> Result<Option<CapView>, StoreError> {
        let organisation = self.records.organisation(&scope.organisation).await?;
        let set = organisation.and_then(|found| found.value.cap_cents_per_month);
        let Some(cents_per_month) = set else {
            return Ok(None);
        };
        let used = self.own_month(scope, total).await?;
        let cap = cap::read(&cents_per_month);
        let exceeded = used.zip(cap).is_some_and(|(used, cap)| used > cap);
        Ok(Some(CapView { cents_per_month, used, exceeded }))
    }

    /// The mailboxes of all organisations: they share the deployment.
    async fn count_mailboxes(&self) -> Result<u64, StoreError> {
        let mut count = 0u64;
        for organisation in self.records.organisations().await? {
            count = count.saturating_add(self.records.count_mailboxes(&organisation).await?);
        }
        Ok(count)
    }
}

/// What is no single mailbox's.
struct Shared {
    usage: Usage,
    /// How many have equal parts in it.
    mailboxes: u64,
}

/// How often a mailbox is swept, and the cap that may lengthen that.
struct Sweeps {
    every_minutes: u32,
    cap: Option<CapView>,
}

fn cost_view(
    usage: &Usage,
    shared: &Shared,
    sweeps: Sweeps,
    from: Timestamp,
    until: Timestamp,
) -> Result<CostView, Refusal> {
    let list = PriceList::embedded().map_err(|error| {
        tracing::error!(%error, "the price list cannot be read");
        Refusal::Internal
    })?;
    let mut parts = list.price(usage);
    let of_all = list.price(&shared.usage).iter().map(|part| part.amount).sum();
    parts.push(CostPart::shared(of_all, shared.mailboxes));
    let cost: Amount = parts.iter().map(|part| part.amount).sum();
    let seconds = |duration: SignedDuration| u64::try_from(duration.as_secs()).unwrap_or(0);
    Ok(CostView {
        from: from.to_string(),
        until: until.to_string(),
        cost,
        month: cost.scaled(seconds(until.duration_since(from)), seconds(MONTH)),
        parts,
        exchange_requests: usage.exchange_requests,
        cap: sweeps.cap,
        sweep_minutes: sweeps.every_minutes,
        prices_date: list.date,
        prices_region: list.region,
        prices_note: list.note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_scaled_to_a_month() {
        let from: Timestamp = "2027-03-01T00:00:00Z".parse().unwrap();
        let usage = Usage { write_halves: 3200, ..Usage::default() };
        let alone = Shared { usage: Usage::default(), mailboxes: 1 };
        let until = from + SignedDuration::from_hours(24);
        let sweeps = || Sweeps { every_minutes: 60, cap: None };
        let view = cost_view(&usage, &alone, sweeps(), from, until).unwrap();
        assert!((view.cost.cents() - 0.1).abs() < 1e-9, "{view:?}");
        assert!((view.month.cents() - 3.0).abs() < 1e-9, "{view:?}");
        // A fourth of as much that four mailboxes share.
        let shared = Shared { usage, mailboxes: 4 };
        let view = cost_view(&usage, &shared, sweeps(), from, until).unwrap();
        assert!((view.cost.cents() - 0.125).abs() < 1e-9, "{view:?}");
        assert_eq!(view.parts.last().map(|part| part.what), Some("shared"));
    }
}

//! What EventBridge's schedules do on AWS: the minute, and deliveries.

use std::sync::Arc;

use jiff::SignedDuration;
use tidemark_embedded::EmbeddedStore;
use tidemark_service::{Refresher, Service};
use tokio::sync::Notify;

const MINUTE: SignedDuration = SignedDuration::from_secs(60);
/// How often tokens are looked at: a token lives an hour at least and is renewed at half of that.
const REFRESH_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// How often endpoints are looked at although no run has ended: changes are committed in the midst
/// of runs, and retries fall due at any second.
const DELIVERIES_EVERY: SignedDuration = SignedDuration::from_millis(250);
/// How long one round of deliveries may take before the endpoints are looked at anew.
const ROUND_TIME: SignedDuration = SignedDuration::from_secs(60);
/// How long to wait after the store did not answer.
const STORE_WAIT: SignedDuration = SignedDuration::from_secs(2);

/// Sweeps every mailbox once, since whoever had this directory before may have left anything half
/// done; then does what is due every minute.
pub(crate) async fn run_minutes(service: Arc<Service>, store: EmbeddedStore) {
    let report = service.start_up().await;
    tracing::debug!(?report, "every mailbox was looked at");
    loop {
        let report = service.minute().await;
        tracing::debug!(?report, "the minute's work is done");
        if let Err(error) = store.sweep_expired().await {
            tracing::warn!(error = %error, "expired rows are not dropped; it is tried again");
        }
        service.world.clock().sleep(MINUTE.unsigned_abs()).await;
    }
}

/// Renews tokens ahead of their end, so that no sync waits for one.
pub(crate) async fn run_refreshes(refresher: Refresher) {
    loop {
        let report = refresher.refresh().await;
        tracing::debug!(?report, "tokens were looked at");
        refresher.world.clock().sleep(REFRESH_EVERY.unsigned_abs()).await;
    }
}

/// Delivers to webhook endpoints as soon as there is something.
pub(crate) async fn run_deliveries(service: Arc<Service>, ran: Arc<Notify>) {
    loop {
        let wait = match deliver_round(&service).await {
            Ok(()) => DELIVERIES_EVERY,
            Err(error) => {
                tracing::warn!(error = %error, "deliveries are not looked at; it is tried again");
                STORE_WAIT
            }
        };
        let clock = service.world.clock();
        tokio::select! {
            () = ran.notified() => {}
            () = clock.sleep(wait.unsigned_abs()) => {}
        }
    }
}

async fn deliver_round(service: &Service) -> Result<(), tidemark_store::StoreError> {
    let now = service.world.now();
    let deadline = now.saturating_add(ROUND_TIME).unwrap_or(now);
    for organisation in service.records.organisations().await? {
        service.deliveries().wake(&organisation, deadline).await?;
    }
    Ok(())
}

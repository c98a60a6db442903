//! The queue's workers: what Lambda's event source does on AWS.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tidemark_embedded::LocalQueue;
use tidemark_service::{RunEnd, Service, SyncTask};
use tidemark_store::Received;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Runs at the same time, each of another mailbox.
const RUNS_MAX: usize = 8;
/// How long a run may take, as on AWS: it stops earlier by itself.
const RUN_TIME: SignedDuration = SignedDuration::from_secs(60);
/// How long a message waits after the store did not answer.
const STORE_WAIT: SignedDuration = SignedDuration::from_secs(2);
/// A message that was taken so often without success is given up. Its mailbox stays dirty, and the
/// minute schedule sends a new one when it is due.
const DELIVERIES_MAX: u32 = 8;
/// How often to look when nothing says that there is something.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// Takes messages and runs syncs.
pub(crate) struct Workers {
    pub(crate) service: Arc<Service>,
    pub(crate) queue: LocalQueue,
    /// Told after each run: there may be something to deliver.
    pub(crate) ran: Arc<Notify>,
}

/// What becomes of a message.
enum Outcome {
    /// It is done with.
    Finish,
    /// It is to come again then.
    Again(Timestamp),
}

impl Workers {
    /// Runs until it is dropped; runs under way end where they are, and their leases run out.
    pub(crate) async fn run(self) {
        let workers = Arc::new(self);
        let mut runs = JoinSet::new();
        loop {
            let free = RUNS_MAX.saturating_sub(runs.len());
            let taken = match workers.queue.receive(workers.service.world.now(), free).await {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::error!(error = %error, "the queue does not answer");
                    workers.sleep(STORE_WAIT).await;
                    continue;
                }
            };
            for message in taken {
                let workers = Arc::clone(&workers);
                runs.spawn(async move { workers.handle(message).await });
            }
            let wait = workers.until_next().await;
            tokio::select! {
                () = workers.queue.changed() => {}
                Some(_) = runs.join_next() => {}
                () = workers.sleep(wait) => {}
            }
        }
    }

    /// How long until a message becomes visible by itself.
    async fn until_next(&self) -> SignedDuration {
        let next = self.queue.next_visible_at().await;
        let wait = next.map_or(LOOK_EVERY, |at| at.duration_since(self.service.world.now()));
        wait.clamp(SignedDuration::from_millis(10), LOOK_EVERY)
    }

    async fn handle(&self, message: Received) {
        let outcome = self.run_one(&message).await;
        self.ran.notify_one();
        let settled = match outcome {
            Outcome::Finish => self.queue.finish(&message.receipt).await,
            Outcome::Again(at) => self.queue.hide_until(&message.receipt, at).await,
        };
        if let Err(error) = settled {
            // It comes again when its visibility ends; a run bears that.
            tracing::warn!(error = %error, "a message could not be settled");
        }
    }

    async fn run_one(&self, message: &Received) -> Outcome {
        let Some(scope) = SyncTask::read(&message.body) else {
            tracing::error!(size_bytes = message.body.len(), "a message is not ours: dropped");
            return Outcome::Finish;
        };
        let world = &self.service.world;
        let began = world.now();
        let report = self.service.sync(&scope, deadline(began)).await;
        let duration_ms = world.now().duration_since(began).as_millis();
        match report {
            Ok(report) => {
                tracing::debug!(
                    mailbox.id = %scope.mailbox,
                    end = ?report.end,
                    items = report.items,
                    writes = report.writes,
                    events = report.events,
                    duration_ms,
                    "run ended"
                );
                after(report.end)
            }
            Err(error) if message.deliveries >= DELIVERIES_MAX => {
                tracing::error!(mailbox.id = %scope.mailbox, error = %error, "run given up");
                Outcome::Finish
            }
            Err(error) => {
                tracing::warn!(mailbox.id = %scope.mailbox, error = %error, "run failed");
                Outcome::Again(after_wait(world.now(), STORE_WAIT))
            }
        }
    }

    async fn sleep(&self, time: SignedDuration) {
        self.service.world.clock().sleep(time.unsigned_abs()).await;
    }
}

fn deadline(began: Timestamp) -> Timestamp {
    after_wait(began, RUN_TIME)
}

fn after_wait(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// Whoever waits stands in the index by its due time, and whoever continues has sent a message.
/// Only a lease that somebody else holds keeps a message: it is the one that nobody else has.
fn after(end: RunEnd) -> Outcome {
    match end {
        RunEnd::Synced | RunEnd::Continues | RunEnd::Waits(_) | RunEnd::Off => Outcome::Finish,
        RunEnd::Held(until) => Outcome::Again(until),
    }
}

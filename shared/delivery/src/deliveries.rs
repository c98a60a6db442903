//! Delivery of the feed to webhook endpoints: at least once, in order per item.
//!
//! An endpoint's cursor says how far it got; what failed stands beside it and is tried again, and
//! later entries of the same item wait behind it. What was delivered is written down after a few
//! deliveries: a worker that is cut off, or two at once, deliver these few twice, and receivers know
//! them by their `webhook-id`. The revision of the state fences workers: who finds it moved stops.

mod attempt;
mod outstanding;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tidemark_business::{Delivery, SigningSecret, after_failure};
use tidemark_model::OrganisationId;
use tidemark_store::records::{
    DeliveryState, EndpointId, EndpointRow, FeedCursor, FeedError, FeedRecord, RETRIES_MAX,
    Records, RetryRow, SaveError,
};
use tidemark_store::{Secrets, StoreError};
use tidemark_transport::HttpPort;
use tidemark_world::World;

use self::attempt::Attempt;
pub use self::attempt::TIMEOUT;
use self::outstanding::Outstanding;
use crate::side_by_side::side_by_side;

/// Deliveries after which it is written down how far an endpoint got. A worker that is cut off
/// repeats at most so many.
pub const BATCH: usize = 20;
/// Endpoints that are delivered to at the same time. Each has one request under way at most, of at
/// most ten seconds.
const ENDPOINTS_AT_ONCE: usize = 8;
/// Failures in a row after which an endpoint rests as a whole until the last of them is tried again;
/// one that is down would cost the time-out for each entry.
const FAILURES_IN_A_ROW_MAX: u32 = 3;
/// How often an endpoint's row is written again when somebody else changes it too.
const ATTEMPTS_MAX: usize = 8;

const GONE: &str = "The endpoint answered 410 Gone. Resume it when it takes deliveries again; what \
                    it has missed is delivered then.";
const GIVEN_UP: &str = "A delivery failed for three days. Resume the endpoint when it takes \
                        deliveries again; what it has missed is delivered then.";
const NO_SECRET: &str = "The signing secret is missing or has another form than whsec_…. Register \
                         the endpoint anew.";

/// How a delivery to an endpoint came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeliveryEnd {
    /// Everything was delivered, or waits for its own time.
    #[default]
    UpToDate,
    /// Time was up; more is there.
    OutOfTime,
    /// The endpoint does not take anything now: what is left waits for the next attempt.
    Failing,
    /// Deliveries are paused, or were just now.
    Paused,
    /// Another worker is at it.
    Superseded,
    /// There is no such endpoint.
    Unknown,
}

/// What was done for an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryReport {
    /// How it came to its end.
    pub end: DeliveryEnd,
    /// Entries that the endpoint has taken.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Whether the cursor was older than retention: entries before the present were lost to this
    /// endpoint, which has to read the items anew.
    pub skipped_to_present: bool,
}

/// What came of waking the endpoints of organisations.
#[derive(Debug, Clone, Default)]
pub struct Woken {
    /// Entries that endpoints have taken.
    pub delivered: u64,
    /// Endpoints to which deliveries are paused.
    pub paused: u64,
    /// How long the endpoint that has failed for longest has taken nothing, in seconds.
    pub failing_seconds: u64,
    /// What could not be looked at, and why; the next minute does.
    pub failures: Vec<(OrganisationId, StoreError)>,
}

/// What is seen of an endpoint before anything is delivered to it.
struct Look {
    /// Whether it has something to get now.
    is_behind: bool,
    /// How long it has taken nothing.
    failing_seconds: u64,
}

/// Why work on an endpoint stops.
enum Stop {
    End(DeliveryEnd),
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// One worker at one endpoint.
struct Work<'a> {
    deliveries: &'a Deliveries,
    organisation: &'a OrganisationId,
    endpoint: EndpointRow,
    secrets: Vec<SigningSecret>,
    deadline: Timestamp,
    state: DeliveryState,
    revision: Option<u64>,
    outstanding: Outstanding,
    in_a_row: u32,
    /// The state as this worker last wrote it.
    saved: Option<DeliveryState>,
    report: DeliveryReport,
}

/// What deliveries work with.
#[derive(Clone)]
pub struct Deliveries {
    /// What is kept.
    pub records: Arc<Records>,
    /// Secrets by name: those that deliveries are signed with.
    pub secrets: Arc<dyn Secrets>,
    /// The way to webhook endpoints.
    pub webhooks: Arc<dyn HttpPort>,
    /// Time and randomness.
    pub world: World,
}

impl Deliveries {
    /// Delivers to all endpoints of an organisation that are behind. Called after each commit and
    /// every minute, so that no wake-up can be lost. Returns how many entries were delivered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wake(
        &self,
        organisation: &OrganisationId,
        deadline: Timestamp,
    ) -> Result<u64, StoreError> {
        let organisations = core::slice::from_ref(organisation);
        let mut woken = self.wake_all(organisations, deadline).await;
        woken.failures.pop().map_or(Ok(woken.delivered), |(_, error)| Err(error))
    }

    /// The same for several organisations: [`ENDPOINTS_AT_ONCE`] endpoints at a time, whosesoever
    /// they are, so that one that is slow keeps no other one waiting.
    pub async fn wake_all(&self, organisations: &[OrganisationId], deadline: Timestamp) -> Woken {
        let mut woken = Woken::default();
        let mut behind = Vec::new();
        for organisation in organisations {
            if let Err(error) = self.list_behind(organisation, &mut behind, &mut woken).await {
                woken.failures.push((organisation.clone(), error));
            }
        }
        let deliveries = behind.into_iter().map(|(organisation, endpoint)| async move {
            if self.world.now() >= deadline {
                return Ok(0);
            }
            match self.deliver_due(organisation, endpoint, deadline).await {
                Ok(report) => Ok(report.delivered),
                // The other endpoints do not wait for one whose state cannot be read.
                Err(error) => {
                    tracing::warn!(%endpoint, %error, "an endpoint was left out");
                    Err((organisation.clone(), error))
                }
            }
        });
        for ended in side_by_side(deliveries, ENDPOINTS_AT_ONCE).await {
            match ended {
                Ok(count) => woken.delivered = woken.delivered.saturating_add(count),
                Err(failure) => woken.failures.push(failure),
            }
        }
        woken
    }

    /// Adds the endpoints of an organisation that have something to get now.
    async fn list_behind<'a>(
        &self,
        organisation: &'a OrganisationId,
        behind: &mut Vec<(&'a OrganisationId, EndpointId)>,
        woken: &mut Woken,
    ) -> Result<(), StoreError> {
        let endpoints = self.records.endpoints(organisation).await?;
        if endpoints.is_empty() {
            return Ok(());
        }
        let heads = self.records.feed_heads(organisation).await?;
        let mut failure = None;
        for found in &endpoints {
            if found.value.paused.is_some() {
                woken.paused += 1;
                continue;
            }
            match self.look_at(organisation, found.value.id, &heads).await {
                Ok(look) => {
                    woken.failing_seconds = woken.failing_seconds.max(look.failing_seconds);
                    if look.is_behind {
                        behind.push((organisation, found.value.id));
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn look_at(
        &self,
        organisation: &OrganisationId,
        endpoint: EndpointId,
        heads: &FeedCursor,
    ) -> Result<Look, StoreError> {
        let now = self.world.now();
        let Some(state) = self.records.delivery(organisation, endpoint).await? else {
            return Ok(Look { is_behind: true, failing_seconds: 0 });
        };
        let state = state.value;
        let failing = state.failing_since.map_or(0, |since| now.duration_since(since).as_secs());
        // Failures without a time are those of an endpoint that was paused since.
        let is_due = state.due_at.map_or(state.failures > 0, |due| due <= now);
        Ok(Look {
            is_behind: is_due || (state.cursor != *heads && !rests(&state, now)),
            failing_seconds: u64::try_from(failing).unwrap_or(0),
        })
    }

    /// Delivers what an endpoint has still to get and what is due again, until everything is
    /// delivered or `deadline`; no request starts that could outlast it. An endpoint without a
    /// state begins at the present.
    ///
    /// # Errors
    /// [`StoreError`]; what an endpoint answers is none.
    pub async fn deliver_due(
        &self,
        organisation: &OrganisationId,
        endpoint: EndpointId,
        deadline: Timestamp,
    ) -> Result<DeliveryReport, StoreError> {
        let ended = |end| DeliveryReport { end, ..DeliveryReport::default() };
        // Whoever begins takes the endpoint from another worker, and would only stop that one.
        if !has_time(self.world.now(), deadline) {
            return Ok(ended(DeliveryEnd::OutOfTime));
        }
        let Some(found) = self.records.endpoint(organisation, endpoint).await? else {
            return Ok(ended(DeliveryEnd::Unknown));
        };
        if found.value.paused.is_some() {
            return Ok(ended(DeliveryEnd::Paused));
        }
        let Some(secrets) = self.signing_secrets(&found.value).await? else {
            self.pause_endpoint(organisation, endpoint, NO_SECRET).await?;
            return Ok(ended(DeliveryEnd::Paused));
        };
        let (state, revision) =
            if let Some(state) = self.records.delivery(organisation, endpoint).await? {
                (state.value, Some(state.revision))
            } else {
                let cursor = self.records.feed_heads(organisation).await?;
                (DeliveryState { cursor, ..DeliveryState::default() }, None)
            };
        let retries = self.records.retries(organisation, endpoint).await?;
        if rests(&state, self.world.now()) {
            return Ok(ended(DeliveryEnd::Failing));
        }
        // One that was resting is probed with a single entry.
        let in_a_row = state.failures.min(FAILURES_IN_A_ROW_MAX - 1);
        let mut work = Work {
            deliveries: self,
            organisation,
            endpoint: found.value,
            secrets,
            deadline,
            state,
            revision,
            outstanding: Outstanding::new(retries),
            in_a_row,
            saved: None,
            report: DeliveryReport::default(),
        };
        match work.run().await {
            Ok(()) => Ok(work.report),
            Err(Stop::End(end)) => Ok(DeliveryReport { end, ..work.report }),
            Err(Stop::Store(error)) => Err(error),
        }
    }

    /// The keys of an endpoint: several, separated by white space, while they are rotated.
    async fn signing_secrets(
        &self,
        endpoint: &EndpointRow,
    ) -> Result<Option<Vec<SigningSecret>>, StoreError> {
        use secrecy::ExposeSecret as _;
        let Some(text) = self.secrets.get(&endpoint.secret_name).await? else {
            return Ok(None);
        };
        let words = text.expose_secret().split_whitespace();
        let secrets: Result<Vec<_>, _> = words.map(SigningSecret::parse).collect();
        Ok(secrets.ok().filter(|secrets| !secrets.is_empty()))
    }

    async fn pause_endpoint(
        &self,
        organisation: &OrganisationId,
        endpoint: EndpointId,
        reason: &str,
    ) -> Result<(), StoreError> {
        tracing::error!(%organisation, %endpoint, reason, "deliveries to a webhook endpoint are paused");
        for _ in 0..ATTEMPTS_MAX {
            let Some(found) = self.records.endpoint(organisation, endpoint).await? else {
                return Ok(());
            };
            if found.value.paused.is_some() {
                return Ok(());
            }
            let row = EndpointRow { paused: Some(reason.to_owned()), ..found.value };
            match self.records.save_endpoint(organisation, &row, Some(found.revision)).await {
                Ok(_) => return Ok(()),
                Err(SaveError::RevisionMoved | SaveError::Store(StoreError::Conflict)) => {}
                Err(SaveError::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }
}

impl Work<'_> {
    async fn run(&mut self) -> Result<(), Stop> {
        // Who writes first has it: a second worker that has read the same state delivers nothing.
        self.write(self.state.due_at).await?;
        loop {
            self.try_again().await?;
            if !self.read_on().await? {
                break;
            }
        }
        self.save().await
    }

    /// Tries what is due again, the earliest entry of each item first.
    async fn try_again(&mut self) -> Result<(), Stop> {
        while let Some(retry) = self.outstanding.next_due(self.deliveries.world.now()) {
            let now = self.deliveries.world.now();
            let records = &self.deliveries.records;
            let entry =
                records.feed_entry(self.organisation, retry.shard, retry.number, now).await?;
            match entry {
                // What retention has ended for, or was erased, cannot be delivered any more.
                None => self.outstanding.finish(&retry),
                Some(entry) => self.deliver(&entry, retry).await?,
            }
            self.save_if_full().await?;
        }
        Ok(())
    }

    /// Takes up the next entries of the feed. Returns whether there is more to do.
    async fn read_on(&mut self) -> Result<bool, Stop> {
        let room = RETRIES_MAX.saturating_sub(self.outstanding.len());
        if room == 0 {
            // So many wait that no more are taken up until some of them are taken.
            self.report.end = DeliveryEnd::Failing;
            return Ok(false);
        }
        let now = self.deliveries.world.now();
        let cursor = Some(&self.state.cursor);
        let limit = room.min(BATCH);
        let read = self.deliveries.records.read_feed(self.organisation, cursor, limit, now).await;
        let page = match read {
            Ok(page) => page,
            Err(FeedError::Store(error)) => return Err(error.into()),
            Err(FeedError::Gone | FeedError::InvalidCursor) => {
                self.skip_to_present().await?;
                return Ok(false);
            }
        };
        if page.entries.is_empty() && page.cursor == self.state.cursor {
            return Ok(false);
        }
        // All of the page is outstanding from here on, so that the cursor may pass it whatever
        // becomes of the deliveries.
        self.state.cursor = page.cursor;
        for entry in &page.entries {
            if entry.system == self.endpoint.system && entry.event.is_some() {
                self.outstanding.add(waiting(entry, now));
            }
        }
        for entry in &page.entries {
            if let Some(retry) = self.outstanding.if_due(entry.shard, entry.number, now) {
                self.deliver(entry, retry).await?;
            }
        }
        self.save_if_full().await?;
        Ok(true)
    }

    async fn skip_to_present(&mut self) -> Result<(), Stop> {
        self.state.cursor = self.deliveries.records.feed_heads(self.organisation).await?;
        self.report.skipped_to_present = true;
        tracing::error!(
            organisation = %self.organisation,
            endpoint = %self.endpoint.id,
            "the entries that a webhook endpoint had still to get are older than retention: it \
             goes on at the present and has to read the items anew"
        );
        Ok(())
    }

    /// Delivers one entry and notes what came of it.
    async fn deliver(&mut self, entry: &FeedRecord, retry: RetryRow) -> Result<(), Stop> {
        let Some(event) = &entry.event else {
            self.outstanding.finish(&retry);
            return Ok(());
        };
        if !has_time(self.deliveries.world.now(), self.deadline) {
            self.save().await?;
            return Err(Stop::End(DeliveryEnd::OutOfTime));
        }
        let attempt =
            attempt::send(self.deliveries, &self.endpoint.url, &self.secrets, entry.id, event)
                .await;
        let now = self.deliveries.world.now();
        match attempt {
            Attempt::Taken => {
                self.report.delivered = self.report.delivered.saturating_add(1);
                self.in_a_row = 0;
                self.state.failures = 0;
                self.state.failing_since = None;
                self.outstanding.finish(&retry);
                Ok(())
            }
            Attempt::Gone => {
                self.note_failure(now);
                self.pause(GONE).await
            }
            Attempt::Failed { retry_after } => {
                self.note_failure(now);
                self.put_off(retry, now, retry_after).await
            }
        }
    }

    fn note_failure(&mut self, now: Timestamp) {
        self.report.failed = self.report.failed.saturating_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.state.failures = self.state.failures.saturating_add(1);
        self.state.failing_since.get_or_insert(now);
    }

    async fn put_off(
        &mut self,
        retry: RetryRow,
        now: Timestamp,
        retry_after: Option<SignedDuration>,
    ) -> Result<(), Stop> {
        let attempts = retry.attempts.saturating_add(1);
        let first_tried = if retry.attempts == 0 { now } else { retry.first_tried };
        let jitter = u32::from_be_bytes(self.deliveries.world.random());
        let Delivery::RetryAt(at) = after_failure(attempts, first_tried, now, jitter) else {
            return self.pause(GIVEN_UP).await;
        };
        let asked = retry_after.and_then(|wait| now.checked_add(wait).ok());
        let next_at = asked.map_or(at, |asked| asked.max(at));
        self.outstanding.change(RetryRow { attempts, first_tried, next_at, ..retry });
        if self.in_a_row >= FAILURES_IN_A_ROW_MAX {
            self.write(Some(next_at)).await?;
            return Err(Stop::End(DeliveryEnd::Failing));
        }
        Ok(())
    }

    /// Pauses the endpoint. What it has missed counts as never tried, so that it has its three days
    /// again when somebody resumes it.
    async fn pause(&mut self, reason: &str) -> Result<(), Stop> {
        self.write(None).await?;
        self.outstanding.begin_anew(self.deliveries.world.now());
        let id = self.endpoint.id;
        self.deliveries.pause_endpoint(self.organisation, id, reason).await?;
        self.write(None).await?;
        Err(Stop::End(DeliveryEnd::Paused))
    }

    async fn save_if_full(&mut self) -> Result<(), Stop> {
        if self.outstanding.unsaved() >= BATCH {
            self.save().await?;
        }
        Ok(())
    }

    /// Writes down how far the endpoint got, if it got any further.
    async fn save(&mut self) -> Result<(), Stop> {
        self.state.due_at = self.outstanding.due_at();
        if self.outstanding.unsaved() == 0 && self.saved.as_ref() == Some(&self.state) {
            return Ok(());
        }
        self.write(self.state.due_at).await
    }

    async fn write(&mut self, due_at: Option<Timestamp>) -> Result<(), Stop> {
        self.state.due_at = due_at;
        let (changed, done) = self.outstanding.changes();
        let saved = self
            .deliveries
            .records
            .save_delivery(
                self.organisation,
                self.endpoint.id,
                &self.state,
                self.revision,
                &changed,
                &done,
            )
            .await;
        match saved {
            Ok(revision) => {
                self.revision = Some(revision);
                self.saved = Some(self.state.clone());
                self.outstanding.saved();
                Ok(())
            }
            Err(SaveError::RevisionMoved) => Err(Stop::End(DeliveryEnd::Superseded)),
            Err(SaveError::Store(error)) => Err(error.into()),
        }
    }
}

/// Whether a request that starts now ends before the deadline, whatever becomes of it.
fn has_time(now: Timestamp, deadline: Timestamp) -> bool {
    now.saturating_add(TIMEOUT_SIGNED).is_ok_and(|latest| latest <= deadline)
}

/// Whether an endpoint that took nothing lately is left alone now.
fn rests(state: &DeliveryState, now: Timestamp) -> bool {
    state.failures >= FAILURES_IN_A_ROW_MAX && state.due_at.is_some_and(|due| due > now)
}

fn waiting(entry: &FeedRecord, now: Timestamp) -> RetryRow {
    RetryRow {
        shard: entry.shard,
        number: entry.number,
        link: entry.link,
        attempts: 0,
        first_tried: now,
        next_at: now,
    }
}

/// The time-out of a request, for reckoning with moments.
const TIMEOUT_SIGNED: SignedDuration = SignedDuration::from_secs(10);
const _: () = assert!(TIMEOUT.as_secs() == 10);

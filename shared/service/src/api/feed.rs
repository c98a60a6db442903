//! The change feed: pages, and waiting for the first change.

use core::time::Duration;

use jiff::SignedDuration;
use tidemark_store::records::{FeedCursor, FeedError, FeedPage};

use crate::border::{Caller, FeedView, Refusal, Role};
use crate::service::Service;

/// Longest time that a poll waits, whatever it asks for.
const WAIT_MAX: Duration = Duration::from_secs(20);

impl Service {
    pub(super) async fn poll_feed(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
        wait: Duration,
    ) -> Result<FeedView, Refusal> {
        if caller.role < Role::Integrator {
            return Err(Refusal::Forbidden(Role::Integrator));
        }
        let cursor = match after {
            Some(text) => Some(
                FeedCursor::decode(text)
                    .map_err(|_| Refusal::InvalidCursor { parameter: "after" })?,
            ),
            None => None,
        };
        let wait = SignedDuration::try_from(wait.min(WAIT_MAX)).unwrap_or(SignedDuration::ZERO);
        let end = self.world.now() + wait;
        let mut at = cursor;
        loop {
            let page = self.read_page(caller, at.as_ref(), limit).await?;
            let view = view_of(caller, &page)?;
            let now = self.world.now();
            if !view.changes.is_empty() || (now >= end && !page.more) {
                return Ok(view);
            }
            at = Some(page.cursor);
            if page.more {
                continue;
            }
            let pause = self.options.poll_every.min(end.duration_since(now));
            let pause = Duration::try_from(pause).unwrap_or_default();
            self.world.clock().sleep(pause).await;
        }
    }

    async fn read_page(
        &self,
        caller: &Caller,
        after: Option<&FeedCursor>,
        limit: usize,
    ) -> Result<FeedPage, Refusal> {
        let (organisation, now) = (&caller.organisation, self.world.now());
        let page = match after {
            Some(cursor) => self.records.follow_feed(organisation, cursor, limit, now).await,
            None => self.records.read_feed(organisation, None, limit, now).await,
        };
        page.map_err(|error| match error {
            FeedError::Gone => Refusal::CursorExpired,
            FeedError::Store(error) => error.into(),
            FeedError::InvalidCursor => Refusal::InvalidCursor { parameter: "after" },
        })
    }
}

/// The events of a page that are the caller's: those of its business system.
fn view_of(caller: &Caller, page: &FeedPage) -> Result<FeedView, Refusal> {
    let system = caller.own_system()?;
    let mut changes = Vec::new();
    for entry in &page.entries {
        if entry.system != *system {
            continue;
        }
        let Some(event) = &entry.event else { continue };
        changes.push(serde_json::from_slice(event).map_err(|_| Refusal::Internal)?);
    }
    Ok(FeedView { changes, cursor: page.cursor.encode() })
}

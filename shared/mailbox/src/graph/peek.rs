//! Whether anything has come to some mailboxes since their cursors, asked in one request.
//!
//! The delta links of up to twenty mailboxes go together in one `$batch` (json-batching page). The answer
//! of a part without entries and with a delta link says that the round is over and has nothing to tell.
//! Its new link is thrown away: the old one stays usable, since Graph's links are used again after an
//! answer that was lost.
//!
//! **Why a cursor may stay where it is.** Two links of a feed between which nothing came stand for the
//! same state: what the server told this client, entry by entry. Whatever comes later is the difference to
//! that state from either of them, and what comes and goes unseen between two readings is missing from
//! either. This holds as long as nobody decides by the age of a cursor. Two things do: a window has to be
//! moved in time, and a link that nobody uses may be forgotten by the server. So a window that is due is
//! not asked for here, and the caller has every mailbox read whole once in a while, which moves the cursor.
//! A run that has seen an item which the link does not know, one of our own making above all, must move the
//! cursor past it: if that item were deleted before the next reading, no link from before it would tell.
//!
//! Everything else than such an answer means nothing here. Nothing is sent again: a throttled part or
//! batch is remembered by the limits of its mailbox or of all, and the caller goes the usual way.

use std::sync::Arc;

use tidemark_graph::bounds::BATCH_REQUESTS_MAX;
use tidemark_graph::{Batch, BatchAnswer, GraphRequest, Next, Page, Unreadable};
use tidemark_transport::Traffic;

use super::GraphMailbox;
use super::cursor::{Place, Step};
use super::fault::Effect;
use super::session::Failed;
use crate::error::{Disposition, Scope};
use crate::port::Cursor;

/// Most mailboxes that are asked at once: as many as a batch holds (json-batching page).
pub const PEEKS_MAX: usize = BATCH_REQUESTS_MAX;

/// What a peek saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peeked {
    /// Of each mailbox that was asked for, in that order, whether nothing has come to it. If not, or if
    /// the list is too short, nothing is known.
    pub silent: Vec<bool>,
    /// What the request was.
    pub traffic: Traffic,
}

/// Asks at most [`PEEKS_MAX`] mailboxes whether anything has come since their cursors, in one request
/// and with pages of `items_max`, the size that the cursors are followed with otherwise.
///
/// All are to be of one connection, as the first one is; of others nothing is known then, and neither of
/// those whose cursor is not at rest, or which the server asked to leave alone.
pub async fn peek(asked: &[(GraphMailbox, Cursor)], items_max: usize) -> Peeked {
    let mut silent = vec![false; asked.len()];
    let mut batch = Batch::default();
    let mut carrier: Option<&GraphMailbox> = None;
    let mut parts = Vec::new();
    for (index, (mailbox, cursor)) in asked.iter().enumerate() {
        let is_other = carrier.is_some_and(|carrier| !mailbox.shares_connection_with(carrier));
        let part = mailbox.part_of(cursor, items_max).filter(|_| !is_other);
        if let Some(part) = part
            && batch.push(part).is_ok()
        {
            carrier.get_or_insert(mailbox);
            parts.push((index, mailbox));
        }
    }
    let Some(carrier) = carrier else {
        return Peeked { silent, traffic: Traffic::default() };
    };
    let answered = carrier.carry(&batch).await;
    let traffic = carrier.session.http.traffic();
    for ((index, mailbox), answer) in parts.into_iter().zip(answered) {
        // Each mailbox remembers for itself how long it is to be left alone.
        let body = answer.ok().and_then(|answer| mailbox.answer_of(answer).ok());
        if let Some(slot) = silent.get_mut(index) {
            *slot = body.is_some_and(|body| mailbox.says_nothing(&body));
        }
    }
    Peeked { silent, traffic }
}

impl GraphMailbox {
    fn shares_connection_with(&self, other: &Self) -> bool {
        let (own, other) = (&self.session.endpoint, &other.session.endpoint);
        own.root == other.root && Arc::ptr_eq(&own.tokens, &other.tokens)
    }

    /// The request that a run would begin with. None if it would not follow a delta link at rest.
    ///
    /// It takes no slot of its mailbox: with the three of [`RequestLimiter`](crate::ews::RequestLimiter)
    /// it makes the four that Graph allows (throttling-limits page).
    fn part_of(&self, cursor: &Cursor, items_max: usize) -> Option<GraphRequest> {
        let end = &self.session.endpoint;
        let now = end.clock.now();
        let place = Place::read(cursor)?;
        let Step::Round { page, at_rest: true } = &place.step else { return None };
        if place.moved(now).is_some() || end.limiter.check(now).is_err() {
            return None;
        }
        let link = end.root.link(page).ok()?;
        let part = GraphRequest::follow_in_batch(&link, &end.root)?;
        Some(part.page_of(items_max.clamp(1, super::PAGE_ITEMS_MAX)))
    }

    /// Sends a batch of parts that are of several mailboxes. The answers come in the order of the parts;
    /// there are none if there is no answer to the batch.
    async fn carry(&self, batch: &Batch) -> Vec<Result<BatchAnswer, Unreadable>> {
        match self.session.exchange(&batch.build(), Effect::Read, None).await {
            Ok(body) => batch.read(&body).unwrap_or_default(),
            Err(failed) => {
                let error = self.session.error_of(&failed);
                // It was refused as a whole, so that it is not about one mailbox.
                if let (Failed::Theirs { .. }, Disposition::RetryAfter(wait)) =
                    (&failed, error.disposition)
                {
                    let end = &self.session.endpoint;
                    end.limiter.back_off(Scope::Connection, end.clock.now(), wait);
                }
                Vec::new()
            }
        }
    }

    fn says_nothing(&self, body: &[u8]) -> bool {
        Page::read(body, &self.session.endpoint.root)
            .is_ok_and(|page| page.entries.is_empty() && matches!(page.next, Next::Delta(_)))
    }
}

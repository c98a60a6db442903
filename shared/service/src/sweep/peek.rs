//! Peeking: whether anything has come to mailboxes of which nothing was heard, asked for many at once.
//!
//! A run that finds nothing writes a dozen rows to say so. Instead of raising a mailbox over Graph at its
//! turn, the sweep asks whether its delta link has anything to tell, together with others of the same
//! connection in one request. Where it has not, one write says that the mailbox was looked at, and the
//! cursor stays where it is; [`tidemark_mailbox::graph::peek`] says why it may. Whatever else is answered,
//! or when nothing is, the mailbox is raised as if nobody had asked.
//!
//! Only a mailbox at rest is asked: one that a run would find with nothing to do but to read on. Once in
//! [`WHOLE_EVERY`], or [`WHOLE_EVERY_TURNS`], it is run whole all the same, so that its cursor moves and its
//! meter is read.

use core::time::Duration;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tidemark_mailbox::Cursor;
use tidemark_store::StoreError;
use tidemark_store::records::{
    Collection, ConnectionId, ConnectionRow, CursorRow, MailboxRow, MailboxScope, MailboxState,
    Marks, Usage,
};

use super::Sweep;
use crate::preflight::fence;
use crate::sync::PAGE_ITEMS;

/// Most requests of a minute. Mailboxes beyond are raised.
const REQUESTS_MAX: u64 = 60;
/// How much of the sweep's time has to be left for a request. With the 15 seconds between the end of that
/// and the end of the function it makes the time after which an answer is not waited for any longer
/// ([`tidemark_mailbox::graph::READ_TIMEOUT`]).
const TIME_LEFT: SignedDuration = SignedDuration::from_secs(15);
const _: () = assert!(
    tidemark_mailbox::graph::READ_TIMEOUT.as_secs() <= Duration::from_secs(15 + 15).as_secs(),
    "a request outlasts the function"
);
/// After how long a mailbox is run whole. The meter is read by the first run of a day, so that it is less
/// than a day by two turns.
const WHOLE_EVERY: SignedDuration = SignedDuration::from_hours(22);
/// After how many turns at most. Each answer makes a new link, and Outlook forgets the oldest ones when its
/// cache of them is full (delta-query-overview page, "Token duration").
const WHOLE_EVERY_TURNS: i64 = 60;

/// A mailbox of which nothing was heard.
pub(super) struct Silent {
    scope: MailboxScope,
    row: MailboxRow,
    marks: Marks,
    cursor: Cursor,
}

/// Those that wait until there are enough of their connection.
pub(super) type Waiting = BTreeMap<ConnectionId, Vec<Silent>>;

impl Sweep<'_> {
    /// Takes a mailbox that is silent, and has its turn once in `period` minutes, among those that are
    /// asked; returns whether it was taken.
    pub(super) async fn take_to_peek(
        &mut self,
        scope: &MailboxScope,
        row: &MailboxRow,
        connection: &ConnectionRow,
        marks: &Marks,
        period: i64,
    ) -> Result<bool, StoreError> {
        let most = self.service.exchange.peeks_max(connection);
        if most == 0 || !self.has_time_to_peek() || !is_at_rest(row, connection, marks, self.now) {
            return Ok(false);
        }
        let Some(cursor) = self.cursor_at_rest(scope, period).await? else {
            return Ok(false);
        };
        let (scope, row, marks) = (scope.clone(), row.clone(), marks.clone());
        let waiting = self.silent.entry(connection.id).or_default();
        waiting.push(Silent { scope, row, marks, cursor });
        if waiting.len() >= most {
            let silent = core::mem::take(waiting);
            Box::pin(self.peek(connection, silent)).await;
        }
        Ok(true)
    }

    /// Asks those that still wait.
    pub(super) async fn peek_rest(&mut self, connections: &[ConnectionRow]) {
        for (id, silent) in core::mem::take(&mut self.silent) {
            let connection = connections.iter().find(|connection| connection.id == id);
            if let Some(connection) = connection.filter(|_| !silent.is_empty()) {
                Box::pin(self.peek(connection, silent)).await;
            }
        }
    }

    /// The cursor of a mailbox, if a run would read on from it and has nothing else to do.
    async fn cursor_at_rest(
        &self,
        scope: &MailboxScope,
        period: i64,
    ) -> Result<Option<Cursor>, StoreError> {
        let records = &self.service.records;
        let turns = SignedDuration::from_mins(period.saturating_mul(WHOLE_EVERY_TURNS));
        let CursorRow { cursor: Some(cursor), comparing: false, progress, written_at, .. } =
            records.cursor(scope, &Collection::calendar()).await?
        else {
            return Ok(None);
        };
        let is_young =
            written_at.is_some_and(|at| self.now.duration_since(at) < turns.min(WHOLE_EVERY));
        if !is_young || progress.is_some_and(|kept| kept.is_work) {
            return Ok(None);
        }
        // Changes that are held wait for a person; a run plans them anew each time.
        let is_busy = !records.pending(scope, 0, 1).await?.is_empty()
            || !records.intents(scope, 1).await?.is_empty();
        let cursor = String::from_utf8(cursor).ok().filter(|_| !is_busy);
        Ok(cursor.map(Cursor::new))
    }

    fn has_time_to_peek(&self) -> bool {
        let left = self.deadline.duration_since(self.service.world.now());
        left >= TIME_LEFT && self.peeks < REQUESTS_MAX
    }

    async fn peek(&mut self, connection: &ConnectionRow, silent: Vec<Silent>) {
        let asked_at = self.service.world.now();
        let told = match silent.first() {
            Some(first) if self.has_time_to_peek() => {
                self.peeks = self.peeks.saturating_add(1);
                let asked: Vec<_> =
                    silent.iter().map(|it| (it.row.clone(), it.cursor.clone())).collect();
                let exchange = &self.service.exchange;
                let organisation = &first.scope.organisation;
                let peeked = exchange.peek(organisation, connection, &asked, PAGE_ITEMS).await;
                self.service.records.meter(Usage {
                    exchange_requests: peeked.traffic.requests,
                    sent_bytes: peeked.traffic.sent_bytes,
                    ..Usage::default()
                });
                peeked.silent
            }
            Some(_) | None => Vec::new(),
        };
        let told = told.into_iter().chain(core::iter::repeat(false));
        for (silent, is_silent) in silent.into_iter().zip(told) {
            let settled = self.settle_peek(&silent, is_silent, asked_at).await;
            if self.checked(settled).is_none() {
                // Its turn comes again only after a whole period.
                let watched = self.service.records.watch(&silent.scope).await;
                self.checked(watched);
            }
        }
    }

    async fn settle_peek(
        &mut self,
        silent: &Silent,
        is_silent: bool,
        asked_at: Timestamp,
    ) -> Result<(), StoreError> {
        if !is_silent {
            return self.raise_silent(&silent.scope).await;
        }
        let records = &self.service.records;
        if records.note_silent(&silent.scope, &silent.marks, asked_at).await? {
            self.report.peeked = self.report.peeked.saturating_add(1);
        }
        // Otherwise somebody came meanwhile, and sees to a run.
        Ok(())
    }
}

/// Whether a run would have nothing to do but to read on, as far as these rows say.
fn is_at_rest(row: &MailboxRow, connection: &ConnectionRow, marks: &Marks, now: Timestamp) -> bool {
    let is_row_calm = row.state == MailboxState::Synced && row.troubles.is_empty();
    let is_connection_calm =
        connection.wait_until.is_none_or(|until| until <= now) && fence::admits(connection);
    let is_nothing_named = marks.named.items().next().is_none() && !marks.named.is_incomplete();
    let is_idle = !marks.is_dirty()
        && !marks.is_held(now)
        && marks.due_at.is_none()
        && marks.starts_since_commit == 0
        && marks.epoch > 0;
    is_row_calm && is_connection_calm && is_nothing_named && is_idle
}

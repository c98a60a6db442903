//! Whom a minute looks at: those that are listed, and those that have their turn.
//!
//! How often mailboxes of an organisation have their turn is what the most demanding of its enabled
//! connections needs ([`period_of`]). Whoever is listed is looked at each minute. For a while after the
//! connections have changed all are.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tidemark_model::{MailboxId, OrganisationId};
use tidemark_store::StoreError;
use tidemark_store::records::{
    ConnectionRow, Document, MailboxScope, Notifications, Protocol, Watch, Watched,
};

use super::turns::{Position, last_turn, minute_of, minutes};
use super::{CATCH_UP_MINUTES, Look, RAISED_MAX, RENEWAL_EVERY_MINUTES, Sweep, Why};

/// Mailboxes that are read at a time.
const PAGE_MAILBOXES: usize = 100;
/// Minutes in which all mailboxes of an organisation are looked at after its settings changed.
const WIDE_MINUTES: i64 = 10;
/// The same before its first sweep that knows of the list of those to look at: their turns come once.
pub(super) const FIRST_WIDE_MINUTES: i64 = 60;

/// The mailboxes that are listed, by their ids.
type Listed = BTreeMap<MailboxId, Watched>;

impl Sweep<'_> {
    pub(super) async fn mailboxes(&mut self, organisation: &OrganisationId, look: Look) {
        let connections = self.service.records.connections(organisation).await;
        let Some(connections) = self.checked(connections) else {
            return;
        };
        let is_on = self.service.is_switched_on(organisation).await;
        let Some(is_on) = self.checked(is_on) else {
            return;
        };
        let settings = state_of(&connections, is_on);
        let connections: Vec<_> = connections.into_iter().map(|found| found.value).collect();
        let connections = if is_on { connections } else { Vec::new() };
        let watch = match look {
            Look::StartUp => Ok((Watch::default(), true)),
            Look::Minute => self.watch_list(organisation, settings).await,
        };
        let Some((watch, is_wide)) = self.checked(watch) else {
            return;
        };
        let listed = watch.mailboxes.into_iter().map(|watched| (watched.mailbox, watched));
        let listed: Listed = listed.collect();
        let reached = self.service.reached.get(organisation);
        self.late = match (look, reached) {
            (Look::StartUp, _) => 0,
            (Look::Minute, None) => CATCH_UP_MINUTES,
            (Look::Minute, Some(at)) => (minute_of(self.now) - at.minute - 1).max(0),
        };
        let period = period_of(&connections, minutes(self.service.options.sweep_every));
        let reached = if is_wide || period == 1 {
            self.all_mailboxes(organisation, &connections, look, listed).await
        } else {
            let beyond = reached.and_then(|at| at.beyond);
            self.some_mailboxes(organisation, &connections, period, beyond, listed).await
        };
        self.peek_rest(&connections).await;
        if let Some(reached) = reached {
            self.service.reached.set(organisation, reached);
        }
    }

    /// Which mailboxes of an organisation are listed, and whether all are to be looked at.
    async fn watch_list(
        &self,
        organisation: &OrganisationId,
        settings: String,
    ) -> Result<(Watch, bool), StoreError> {
        let records = &self.service.records;
        let watch = records.watch_list(organisation).await?;
        if watch.settings.as_ref() != Some(&settings) {
            let is_first = watch.settings.is_none();
            let wide = if is_first { FIRST_WIDE_MINUTES } else { WIDE_MINUTES };
            let until = self.now.saturating_add(SignedDuration::from_mins(wide));
            let until = until.unwrap_or(Timestamp::MAX).max(watch.wide_until.unwrap_or(self.now));
            records.note_swept(organisation, &settings, until).await?;
            return Ok((watch, true));
        }
        let is_wide = watch.wide_until.is_some_and(|until| until > self.now);
        Ok((watch, is_wide))
    }

    /// Those that are listed, and then those that have their turn, the oldest turn first. Says up to
    /// where it came.
    async fn some_mailboxes(
        &mut self,
        organisation: &OrganisationId,
        connections: &[ConnectionRow],
        period: i64,
        beyond: Option<MailboxId>,
        listed: Listed,
    ) -> Option<Position> {
        let ids = self.service.records.mailbox_ids(organisation).await;
        let ids = self.checked(ids);
        let now = minute_of(self.now);
        let first = now - self.late;
        let turns =
            ids.iter().flatten().map(|id| (minute_of(last_turn(*id, self.now, period)), *id));
        let is_left = |(minute, id): &(i64, MailboxId)| {
            let was_reached = *minute == first && beyond.is_some_and(|beyond| *id <= beyond);
            *minute >= first && !was_reached && !listed.contains_key(id)
        };
        let mut turns: Vec<_> = turns.filter(is_left).collect();
        turns.sort_unstable();
        if !self.listed_mailboxes(organisation, connections, listed).await || ids.is_none() {
            return None;
        }
        let mut last = Position { minute: first - 1, beyond };
        for (minute, mailbox) in turns {
            if self.is_out_of_time() || self.report.raised >= RAISED_MAX {
                return Some(last);
            }
            let scope = MailboxScope { organisation: organisation.clone(), mailbox };
            if !self.turn_of(&scope, connections, period).await {
                return Some(last);
            }
            last = Position { minute: minute - 1, beyond: Some(mailbox) };
        }
        Some(Position { minute: now, beyond: None })
    }

    /// Looks at a mailbox that has its turn. One that does not work is listed, and keeps nobody waiting;
    /// returns whether at least that was possible.
    async fn turn_of(
        &mut self,
        scope: &MailboxScope,
        connections: &[ConnectionRow],
        period: i64,
    ) -> bool {
        let errors = self.report.errors;
        let row = self.service.records.mailbox(scope).await;
        if let Some(Some(row)) = self.checked(row) {
            self.mailbox(scope, &row.value, connections, Why::Turn(period)).await;
        }
        if self.report.errors == errors {
            return true;
        }
        let watched = self.service.records.watch(scope).await;
        self.checked(watched).is_some()
    }

    /// Looks at those that are listed; returns whether there was time for all of them.
    async fn listed_mailboxes(
        &mut self,
        organisation: &OrganisationId,
        connections: &[ConnectionRow],
        listed: Listed,
    ) -> bool {
        for (mailbox, watched) in listed {
            if self.is_out_of_time() {
                return false;
            }
            let scope = MailboxScope { organisation: organisation.clone(), mailbox };
            let row = self.service.records.mailbox(&scope).await;
            match self.checked(row) {
                Some(Some(row)) => {
                    self.mailbox(&scope, &row.value, connections, Why::Listed(watched)).await;
                }
                Some(None) => {
                    let unlisted = self.service.records.unwatch(organisation, watched).await;
                    self.checked(unlisted);
                }
                None => {}
            }
        }
        true
    }

    /// All of them. Says up to where it came, if it came to the end.
    async fn all_mailboxes(
        &mut self,
        organisation: &OrganisationId,
        connections: &[ConnectionRow],
        look: Look,
        mut listed: Listed,
    ) -> Option<Position> {
        let mut after = None;
        while !self.is_out_of_time() {
            let records = &self.service.records;
            let page = records.mailboxes(organisation, after, PAGE_MAILBOXES).await;
            let page = self.checked(page)?;
            for found in &page.mailboxes {
                let row = &found.value;
                let scope = MailboxScope { organisation: organisation.clone(), mailbox: row.id };
                if self.is_out_of_time() {
                    return None;
                }
                let why = listed.remove(&row.id).map_or(Why::All(look), Why::Listed);
                self.mailbox(&scope, row, connections, why).await;
            }
            after = page.next;
            if after.is_none() {
                // Of whom there is no row any more.
                let is_done = self.listed_mailboxes(organisation, connections, listed).await;
                let reached = Position { minute: minute_of(self.now), beyond: None };
                return is_done.then_some(reached);
            }
        }
        None
    }
}

/// After how many minutes a mailbox of the organisation has to be looked at again: the shortest time
/// that one of its enabled connections needs. One that is polled is asked each minute; push over EWS shows
/// by its heartbeats alone that it is alive; Graph's push says itself when something is wrong with it.
fn period_of(connections: &[ConnectionRow], sweep_minutes: i64) -> i64 {
    let enabled = connections.iter().filter(|connection| connection.enabled);
    let needs = enabled.map(|connection| match (connection.notifications, &connection.protocol) {
        (Notifications::Poll, _) => 1,
        (Notifications::Push, Protocol::Ews(_)) => RENEWAL_EVERY_MINUTES,
        (Notifications::Push, Protocol::Graph(_)) => sweep_minutes,
    });
    needs.chain([sweep_minutes]).min().unwrap_or(1).max(1)
}

/// What changes whenever somebody changes the connections, or switches the organisation.
fn state_of(connections: &[Document<ConnectionRow>], is_on: bool) -> String {
    let connections = connections.iter();
    let revisions = connections.map(|found| format!("{}:{}", found.value.id, found.revision));
    format!("{}|{}", u8::from(is_on), revisions.collect::<Vec<_>>().join(","))
}

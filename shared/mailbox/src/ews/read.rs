//! Reading: changes, items with the exceptions of series, searches.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tidemark_ews::EwsError;
use tidemark_model::LinkId;

use super::EwsMailbox;
use super::fault::code::{BATCH_STOPPED, TOO_MUCH_AT_ONCE};
use super::fault::{self, ANSWER_TOO_LARGE, Effect};
use super::session::Affinity;
use super::wire::{self, GotItem, Shown};
use crate::error::{Disposition, MailboxError, Scope};
use crate::port::{ChangePage, Cursor, FirstLook, ItemRead, RemoteId, RemoteRef};

/// Items in one GetItem. The server gives a request one minute, and ten full items are what
/// Microsoft recommends (exchange-ews.md 6 and 12).
pub(super) const READ_ITEMS_MAX: usize = 10;

/// Largest page of changes that EWS gives (exchange-ews.md 5).
pub(super) const PAGE_ITEMS_MAX: usize = 512;

/// Most entries of a calendar view that are asked for: as many as one answer brings
/// (exchange-ews.md 6 and 12, EWSFindCountLimit).
const VIEW_ENTRIES_MAX: u32 = 1000;

/// Series that are asked for at once. Only ids come back, a few hundred bytes each.
const SERIES_MAX: usize = 100;

impl EwsMailbox {
    pub(super) async fn fetch_changes(
        &self,
        cursor: Option<&Cursor>,
        items_max: usize,
    ) -> Result<ChangePage, MailboxError> {
        let envelope =
            wire::build_sync(&self.session.endpoint, cursor, items_max.clamp(1, PAGE_ITEMS_MAX));
        self.fetch(envelope, wire::read_sync).await
    }

    pub(super) async fn fetch_first_look(
        &self,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<FirstLook, MailboxError> {
        let endpoint = &self.session.endpoint;
        let total = self.fetch(wire::build_get_folder(endpoint), wire::read_total).await?;
        let envelope = wire::build_view(endpoint, start, end, VIEW_ENTRIES_MAX);
        let shown = self.fetch(envelope, wire::read_view).await?;
        let occurrences: Vec<RemoteId> = shown
            .iter()
            .filter_map(|shown| match shown {
                Shown::Occurrence(id) => Some(id.clone()),
                Shown::Single(_) => None,
            })
            .collect();
        let mut series = Vec::with_capacity(occurrences.len());
        for ids in occurrences.chunks(SERIES_MAX) {
            let envelope = wire::build_get_series(endpoint, ids);
            let found = self.fetch(envelope, wire::read_series).await?;
            if found.len() != ids.len() {
                return Err(fault::unreadable(Effect::Read, &"not one answer per item"));
            }
            series.extend(found);
        }
        let mut series = series.into_iter();
        let mut met = BTreeSet::new();
        let mut soon: Vec<RemoteRef> = Vec::with_capacity(shown.len());
        for entry in shown {
            let found = match entry {
                Shown::Single(reference) => Some(reference),
                Shown::Occurrence(_) => series.next().flatten(),
            };
            soon.extend(found.filter(|found| met.insert(found.id.clone())));
        }
        Ok(FirstLook { soon, total })
    }

    pub(super) async fn fetch_items(
        &self,
        ids: &[RemoteId],
    ) -> Result<Vec<ItemRead>, MailboxError> {
        let mut found = Vec::with_capacity(ids.len());
        for batch in ids.chunks(READ_ITEMS_MAX) {
            found.extend(self.fetch_batch(batch).await?);
        }
        Ok(found)
    }

    /// Reads items; the exceptions of all series among them come together.
    async fn fetch_batch(&self, ids: &[RemoteId]) -> Result<Vec<ItemRead>, MailboxError> {
        let items = self.fetch_each(ids).await?;
        let wanted: Vec<RemoteId> = items
            .iter()
            .filter_map(|item| item.as_ref().ok())
            .flat_map(GotItem::exception_ids)
            .collect();
        let mut exceptions = self.fetch_each(&wanted).await?;
        let assembled = items.into_iter().map(|item| {
            let item = item?;
            let count = item.exception_ids().len().min(exceptions.len());
            let own: Result<Vec<GotItem>, MailboxError> = exceptions.drain(..count).collect();
            item.assemble(own.map_err(of_exception)?)
        });
        Ok(assembled.collect())
    }

    /// Reads items by themselves, in the order of `ids`, in requests as large as the server takes.
    async fn fetch_each(
        &self,
        ids: &[RemoteId],
    ) -> Result<Vec<Result<GotItem, MailboxError>>, MailboxError> {
        let mut found = Vec::with_capacity(ids.len());
        let mut rest = ids;
        let mut size = READ_ITEMS_MAX;
        while !rest.is_empty() {
            let batch = rest.get(..size).unwrap_or(rest);
            match self.fetch_raw(batch).await {
                Ok(items) => {
                    rest = rest.get(items.len()..).unwrap_or_default();
                    found.extend(items);
                }
                Err(error) if is_too_much(&error) && batch.len() > 1 => size = batch.len() / 2,
                Err(error) if error.code == ANSWER_TOO_LARGE => {
                    found.push(Err(error));
                    rest = rest.get(1..).unwrap_or_default();
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// One GetItem. Brings at least one item, and fewer than asked for if the server stopped early.
    async fn fetch_raw(
        &self,
        ids: &[RemoteId],
    ) -> Result<Vec<Result<GotItem, MailboxError>>, MailboxError> {
        let envelope = wire::build_get(&self.session.endpoint, ids);
        let items = self.fetch(envelope, wire::read_get).await?;
        let endpoint = &self.session.endpoint;
        let of_one = |item| match item {
            Ok(item) => GotItem::of(&item, endpoint),
            Err(error) => Err(fault::code::of_ews(&error, Effect::Read)),
        };
        let mut items: Vec<_> = items.into_iter().map(of_one).collect();
        if items.len() != ids.len() {
            return Err(fault::unreadable(Effect::Read, &"not one answer per item"));
        }
        let stopped = |item: &Result<_, MailboxError>| matches!(item, Err(error) if error.code == BATCH_STOPPED);
        if let Some(end) = items.iter().position(stopped) {
            items.truncate(end.max(1));
        }
        // What concerns more than one item is an error of the whole.
        let at_large = |item: &Result<_, MailboxError>| match item {
            Err(error) if error.scope != Scope::Item => Some(error.clone()),
            Ok(_) | Err(_) => None,
        };
        let stopped_at_once = items.first().is_some_and(stopped);
        match items.iter().find_map(at_large) {
            Some(error) => Err(self.session.remember(error)),
            None if stopped_at_once => Err(fault::stopped()),
            None => Ok(items),
        }
    }

    /// The current version of an item.
    pub(super) async fn fetch_reference(&self, id: &RemoteId) -> Result<RemoteRef, MailboxError> {
        let envelope = wire::build_get_reference(&self.session.endpoint, id);
        self.fetch(envelope, wire::read_got_reference).await
    }

    pub(super) async fn search_stamp(&self, link: LinkId) -> Result<Vec<RemoteRef>, MailboxError> {
        let envelope = wire::build_find_stamp(&self.session.endpoint, link);
        self.fetch(envelope, wire::read_find).await
    }

    pub(super) async fn search_uid(&self, uid: &str) -> Result<Vec<RemoteRef>, MailboxError> {
        let envelope = wire::build_find_uid(&self.session.endpoint, uid);
        self.fetch(envelope, wire::read_find).await
    }

    async fn fetch<T>(
        &self,
        envelope: Vec<u8>,
        read: impl FnOnce(&[u8]) -> Result<T, EwsError> + Send,
    ) -> Result<T, MailboxError> {
        self.session.call(envelope, Effect::Read, Affinity::Any, read).await
    }
}

/// Whether asking for fewer items at once may help.
fn is_too_much(error: &MailboxError) -> bool {
    error.code == ANSWER_TOO_LARGE || error.code == TOO_MUCH_AT_ONCE
}

/// A series whose exception cannot be read is not read either: without it, the occurrence would
/// look as if somebody had returned it to the rule. One that is gone by now means that the series
/// changed between two requests.
fn of_exception(error: MailboxError) -> MailboxError {
    match error.disposition {
        Disposition::Gone => fault::changed_meanwhile(),
        _ => error,
    }
}

//! What is asked of the new connection for several links at once.
//!
//! Searches and reads go in batches where the server takes them so. Whatever is not among what was
//! gathered is asked for by itself, so that leaving something out costs a request and nothing else.

use std::collections::BTreeMap;

use tidemark_mailbox::{ItemRead, RemoteId, RemoteRef, Search};

use super::linking::Waiting;
use crate::sync::run::Run;
use crate::sync::stop::Stop;

/// Links whose items are looked for together: as many searches as Graph takes in one batch
/// (json-batching page).
pub(super) const GATHERED_LINKS: usize = 20;
/// Most items that are read beforehand for them, and so held at once. A link has one candidate, or
/// two; whoever has more reads the rest by itself.
const GATHERED_ITEMS_MAX: usize = 40;

/// Answers that are there already.
#[derive(Default)]
pub(super) struct Gathered {
    found: BTreeMap<Search, Vec<RemoteRef>>,
    items: BTreeMap<RemoteId, ItemRead>,
}

impl Gathered {
    /// What a search found, if it was among those that were made.
    pub(super) fn found(&self, search: &Search) -> Option<&Vec<RemoteRef>> {
        self.found.get(search)
    }

    /// An item as it was read.
    pub(super) fn item(&self, id: &RemoteId) -> Option<&ItemRead> {
        self.items.get(id)
    }
}

impl Run<'_> {
    /// Looks for the items of these links: by stamp where we made them, else, and where nothing has the
    /// stamp, by UID. Reads what is found.
    pub(super) async fn gather(&self, block: &[Waiting]) -> Result<Gathered, Stop> {
        let mut gathered = Gathered::default();
        let by_uid = |waiting: &Waiting| waiting.link.uid.clone().map(Search::Uid);
        let first = block.iter().filter_map(|waiting| match waiting.link.attempt {
            Some(_) => Some(Search::Stamp(waiting.link.link)),
            None => by_uid(waiting),
        });
        self.search_into(&mut gathered, first.collect()).await?;
        let is_unstamped = |waiting: &&Waiting| {
            let stamp = Search::Stamp(waiting.link.link);
            gathered.found.get(&stamp).is_some_and(Vec::is_empty)
        };
        let second = block.iter().filter(is_unstamped).filter_map(by_uid).collect();
        self.search_into(&mut gathered, second).await?;
        let mut ids: Vec<RemoteId> =
            gathered.found.values().flatten().map(|it| it.id.clone()).collect();
        ids.sort();
        ids.dedup();
        ids.truncate(GATHERED_ITEMS_MAX);
        if !ids.is_empty() {
            let now = self.now();
            let read = self.mailbox.read(&ids).await;
            let read = read.map_err(|error| Stop::of_mailbox(error, now))?;
            gathered.items = ids.into_iter().zip(read).collect();
        }
        Ok(gathered)
    }

    /// One search that fails alone is left out: who needs it makes it again, and hears why.
    async fn search_into(
        &self,
        gathered: &mut Gathered,
        searches: Vec<Search>,
    ) -> Result<(), Stop> {
        if searches.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let found = self.mailbox.find_each(&searches).await;
        let found = found.map_err(|error| Stop::of_mailbox(error, now))?;
        let found = searches.into_iter().zip(found);
        gathered.found.extend(found.filter_map(|(search, found)| Some((search, found.ok()?))));
        Ok(())
    }
}

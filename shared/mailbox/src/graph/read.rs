//! Reading: items with the exceptions of series and their attachments, searches.

use tidemark_graph::calendar::{EventItem, EventKind, Series, read_attachments, read_event, stamp};
use tidemark_graph::events::{
    build_attachments, build_find_stamp, build_find_uid, build_get, build_get_head,
    build_get_series,
};
use tidemark_graph::{
    Batch, BatchAnswer, EventHead, EventId, GraphRequest, Next, Page, ServerError, read_head,
};
use tidemark_model::LinkId;
use uuid::Uuid;

use super::GraphMailbox;
use super::fault::{self, ANSWER_TOO_LARGE, Effect};
use crate::error::{MailboxError, Scope};
use crate::port::{ChangeKey, ItemRead, RemoteEvent, RemoteId, RemoteRef, Search, Searched, Stamp};

/// Items that are read at once: as many as a batch holds (json-batching page).
pub const READ_ITEMS_MAX: usize = 20;

/// Most pages of a search that are followed.
const SEARCH_PAGES_MAX: usize = 20;

/// The body of an answer, or why there is none.
pub(super) type Answer = Result<Vec<u8>, MailboxError>;

impl GraphMailbox {
    pub(super) async fn fetch_items(
        &self,
        ids: &[RemoteId],
    ) -> Result<Vec<ItemRead>, MailboxError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(READ_ITEMS_MAX) {
            let items = self.fetch_block(ids).await?;
            found.extend(self.complete(items).await?);
        }
        Ok(found)
    }

    /// The same; an occurrence is answered by its series.
    pub(super) async fn fetch_items_named(
        &self,
        ids: &[RemoteId],
    ) -> Result<Vec<ItemRead>, MailboxError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(READ_ITEMS_MAX) {
            let mut items = self.fetch_block(ids).await?;
            self.ascend(&mut items).await?;
            found.extend(self.complete(items).await?);
        }
        Ok(found)
    }

    async fn fetch_block(
        &self,
        ids: &[RemoteId],
    ) -> Result<Vec<Result<EventItem, MailboxError>>, MailboxError> {
        let user = &self.session.endpoint.user;
        let known: Vec<Option<EventId>> = ids.iter().map(|id| EventId::new(id.as_str())).collect();
        let requests = known.iter().flatten().map(|id| build_get(user, id)).collect();
        let mut answers = self.fetch_each(requests).await?.into_iter();
        let mut items: Vec<Result<EventItem, MailboxError>> = Vec::with_capacity(ids.len());
        for id in &known {
            let answer = match id {
                Some(_) => answers.next().unwrap_or_else(|| Err(fault::unreadable(Effect::Read))),
                None => Err(fault::no_such_item()),
            };
            items.push(answer.and_then(|body| item_of(&body)));
        }
        Ok(items)
    }

    /// Reads the series among items once more with their exceptions, then what is attached. Whatever
    /// of that fails costs the item that it belongs to.
    async fn complete(
        &self,
        mut items: Vec<Result<EventItem, MailboxError>>,
    ) -> Result<Vec<ItemRead>, MailboxError> {
        self.complete_series(&mut items).await?;
        let mut events: Vec<ItemRead> = Vec::with_capacity(items.len());
        let mut attached = Vec::new();
        for (place, item) in items.into_iter().enumerate() {
            let event = item.and_then(|item| {
                let (event, attachments_unread) = self.remote_event(&item)?;
                if attachments_unread {
                    attached.push(place);
                }
                Ok(event)
            });
            events.push(event);
        }
        self.complete_attachments(&mut events, &attached).await?;
        Ok(events)
    }

    /// Puts the series in the place of each occurrence: it alone is an item.
    async fn ascend(
        &self,
        items: &mut [Result<EventItem, MailboxError>],
    ) -> Result<(), MailboxError> {
        let user = &self.session.endpoint.user;
        let (mut places, mut requests) = (Vec::new(), Vec::new());
        for (place, item) in items.iter_mut().enumerate() {
            let Ok(found) = item else { continue };
            if !matches!(found.kind(), EventKind::Occurrence | EventKind::Exception) {
                continue;
            }
            match found.series_master_id.as_deref().and_then(EventId::new) {
                Some(master) => {
                    places.push(place);
                    requests.push(build_get(user, &master));
                }
                None => *item = Err(fault::unreadable_item("an occurrence names no series")),
            }
        }
        for (place, answer) in places.into_iter().zip(self.fetch_each(requests).await?) {
            if let Some(slot) = items.get_mut(place) {
                *slot = answer.and_then(|body| item_of(&body));
            }
        }
        Ok(())
    }

    /// Reads the series among items once more, in one piece with all that differs from their rules.
    async fn complete_series(
        &self,
        items: &mut [Result<EventItem, MailboxError>],
    ) -> Result<(), MailboxError> {
        let user = &self.session.endpoint.user;
        let (mut places, mut requests) = (Vec::new(), Vec::new());
        for (place, item) in items.iter().enumerate() {
            if let Ok(item) = item
                && item.kind() == EventKind::SeriesMaster
                && let Some(id) = EventId::new(item.id.as_str())
            {
                places.push(place);
                requests.push(build_get_series(user, &id));
            }
        }
        for (place, answer) in places.into_iter().zip(self.fetch_each(requests).await?) {
            if let Some(slot) = items.get_mut(place) {
                *slot = answer.and_then(|body| item_of(&body));
            }
        }
        Ok(())
    }

    async fn complete_attachments(
        &self,
        events: &mut [ItemRead],
        places: &[usize],
    ) -> Result<(), MailboxError> {
        let user = &self.session.endpoint.user;
        let id_at = |place: &usize| {
            let event = events.get(*place)?.as_ref().ok()?;
            EventId::new(event.reference.id.as_str())
        };
        let requests = places.iter().filter_map(id_at).map(|id| build_attachments(user, &id));
        let answers = self.fetch_each(requests.collect()).await?;
        for (place, answer) in places.iter().zip(answers) {
            let attachments = answer.and_then(|body| {
                read_attachments(&body).map_err(|damage| fault::unreadable_item(damage.reason))
            });
            match (events.get_mut(*place), attachments) {
                (Some(Ok(event)), Ok(attachments)) => event.event.attachments = attachments,
                (Some(slot), Err(error)) => *slot = Err(error),
                (Some(Err(_)) | None, Ok(_)) | (None, Err(_)) => {}
            }
        }
        Ok(())
    }

    /// An item as the port's; and whether what is attached to it has to be asked for.
    fn remote_event(&self, item: &EventItem) -> Result<(RemoteEvent, bool), MailboxError> {
        let damaged = |reason| fault::unreadable_item(reason);
        let context = self.session.endpoint.read_context();
        let series = read_event(item, &context).map_err(|damage| damaged(damage.reason))?;
        let exceptions = item.exception_occurrences.value().map_or(0, Vec::len);
        // Without one of them, its occurrence would look as if it had returned to the rule.
        if series.exceptions.len() != exceptions {
            return Err(damaged("an exception has no place in the rule of its series"));
        }
        let Series { reference, event, stamp, role, exceptions, attachments_unread, .. } = series;
        let reference_of = |id: &str, key: Option<&str>| {
            let change_key = key.filter(|key| !key.is_empty()).map(ChangeKey::new);
            let change_key = change_key.ok_or_else(|| damaged("it has no change key"))?;
            Ok::<_, MailboxError>(RemoteRef { id: RemoteId::new(id), change_key })
        };
        let exceptions = exceptions.iter().map(|(at, exception)| {
            Ok((*at, reference_of(&exception.id, exception.change_key.as_deref())?))
        });
        let remote = RemoteEvent {
            reference: reference_of(&reference.id, reference.change_key.as_deref())?,
            stamp: stamp.as_deref().and_then(read_stamp),
            role,
            exceptions: exceptions.collect::<Result<_, MailboxError>>()?,
            event,
        };
        Ok((remote, attachments_unread))
    }

    /// The answers to requests that read, in their order; several go in one batch. Asks for fewer at
    /// once where the answer would be too large.
    pub(super) async fn fetch_each(
        &self,
        requests: Vec<GraphRequest>,
    ) -> Result<Vec<Answer>, MailboxError> {
        let mut found = Vec::with_capacity(requests.len());
        let mut rest = requests.as_slice();
        let mut size = READ_ITEMS_MAX;
        while !rest.is_empty() {
            let (now, later) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            match self.fetch_together(now).await {
                Ok(answers) => {
                    found.extend(answers);
                    rest = later;
                }
                Err(error) if error.code == ANSWER_TOO_LARGE && now.len() > 1 => {
                    size = now.len() / 2;
                }
                Err(error) if error.code == ANSWER_TOO_LARGE => {
                    found.push(Err(error));
                    rest = later;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn fetch_together(&self, requests: &[GraphRequest]) -> Result<Vec<Answer>, MailboxError> {
        if let [request] = requests {
            return match self.session.read(request).await {
                Ok(body) => Ok(vec![Ok(body.to_vec())]),
                Err(error) if error.code == ANSWER_TOO_LARGE || error.scope != Scope::Item => {
                    Err(error)
                }
                Err(error) => Ok(vec![Err(error)]),
            };
        }
        let mut batch = Batch::default();
        for request in requests {
            // At most twenty, and none of them a link.
            batch.push(request.clone()).map_err(|_| fault::unreadable(Effect::Read))?;
        }
        let body = self.session.read(&batch.build()).await?;
        let unreadable = |what| fault::of_unreadable(what, Effect::Read);
        let answers = batch.read(&body).map_err(unreadable)?;
        let each = answers.into_iter().map(|answer| match answer {
            Ok(answer) => self.answer_of(answer),
            Err(what) => Err(unreadable(what)),
        });
        Ok(each.collect())
    }

    /// One answer of a batch. A throttled one keeps its neighbours; what it asks is remembered.
    pub(super) fn answer_of(&self, answer: BatchAnswer) -> Answer {
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        let now = self.session.endpoint.clock.now();
        let wait = answer.retry_after.as_deref().and_then(|text| {
            let value = http::HeaderValue::try_from(text).ok()?;
            let headers = http::HeaderMap::from_iter([(http::header::RETRY_AFTER, value)]);
            crate::ews::fault::retry_after(&headers, now)
        });
        let error = ServerError::read(answer.status, &answer.body);
        Err(self.session.remember(fault::of_server(&error, wait, Effect::Read)))
    }

    /// The current version of an item.
    pub(super) async fn fetch_reference(&self, id: &EventId) -> Result<RemoteRef, MailboxError> {
        let request = build_get_head(&self.session.endpoint.user, id);
        let body = self.session.read(&request).await?;
        reference_in(&body, Effect::Read)
    }

    pub(super) async fn search_stamp(&self, link: LinkId) -> Result<Vec<RemoteRef>, MailboxError> {
        self.search(build_find_stamp(&self.session.endpoint.user, &link.to_string())).await
    }

    pub(super) async fn search_uid(&self, uid: &str) -> Result<Vec<RemoteRef>, MailboxError> {
        self.search(build_find_uid(&self.session.endpoint.user, uid)).await
    }

    /// Several searches, the first page of each in batches.
    pub(super) async fn search_each(
        &self,
        searches: &[Search],
    ) -> Result<Vec<Searched>, MailboxError> {
        let user = &self.session.endpoint.user;
        let mut found = Vec::with_capacity(searches.len());
        for block in searches.chunks(READ_ITEMS_MAX) {
            let requests = block.iter().map(|search| match search {
                Search::Stamp(link) => build_find_stamp(user, &link.to_string()),
                Search::Uid(uid) => build_find_uid(user, uid),
            });
            for answer in self.fetch_each(requests.collect()).await? {
                found.push(match answer {
                    Ok(body) => self.search_on(&body).await,
                    Err(error) => Err(error),
                });
            }
        }
        Ok(found)
    }

    async fn search(&self, first: GraphRequest) -> Searched {
        let body = self.session.read(&first).await?;
        self.search_on(&body).await
    }

    /// All pages of a search, of which this is the first. One that cannot be told fails it: it is there
    /// to find nothing twice.
    async fn search_on(&self, first: &[u8]) -> Searched {
        let mut found: Vec<RemoteRef> = Vec::new();
        let mut next = self.take_page(first, &mut found)?;
        for _ in 1..SEARCH_PAGES_MAX {
            let Some(request) = next else { break };
            let body = self.session.read(&request).await?;
            next = self.take_page(&body, &mut found)?;
        }
        if next.is_some() {
            return Err(fault::unreadable(Effect::Read));
        }
        // A search goes through the calendar and nothing else.
        for reference in &found {
            self.listed.add(&reference.id);
        }
        Ok(found)
    }

    /// Takes what a page of a search has; says what to ask for the rest.
    fn take_page(
        &self,
        body: &[u8],
        found: &mut Vec<RemoteRef>,
    ) -> Result<Option<GraphRequest>, MailboxError> {
        let unreadable = |what| fault::of_unreadable(what, Effect::Read);
        let page = Page::read(body, &self.session.endpoint.root).map_err(unreadable)?;
        let next = match &page.next {
            Next::More(link) => Some(GraphRequest::follow(link)),
            Next::Delta(_) | Next::End => None,
        };
        let heads = page.heads().map_err(unreadable)?;
        let is_whole =
            |head: &&EventHead| !matches!(head.kind, EventKind::Occurrence | EventKind::Exception);
        found.extend(heads.iter().filter(is_whole).map(reference_of));
        Ok(next)
    }
}

fn item_of(body: &[u8]) -> Result<EventItem, MailboxError> {
    EventItem::read(body).map_err(|damage| fault::unreadable_item(damage.reason))
}

fn reference_of(head: &EventHead) -> RemoteRef {
    RemoteRef {
        id: RemoteId::new(head.id.as_str()),
        change_key: ChangeKey::new(head.change_key.as_deref().unwrap_or_default()),
    }
}

/// Id and version out of an answer that is an event.
pub(super) fn reference_in(body: &[u8], effect: Effect) -> Result<RemoteRef, MailboxError> {
    let head = read_head(body).map_err(|what| fault::of_unreadable(what, effect))?;
    if head.change_key.is_none() {
        return Err(fault::unreadable(effect));
    }
    Ok(reference_of(&head))
}

/// A stamp from its text. None if it is none that we write.
fn read_stamp(text: &str) -> Option<Stamp> {
    let (link, intent, epoch) = stamp::parse(text)?;
    Some(Stamp { link: LinkId::parse(link).ok()?, intent: Uuid::try_parse(intent).ok()?, epoch })
}

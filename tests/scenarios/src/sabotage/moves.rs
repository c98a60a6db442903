//! Broken moves: the items of a mailbox that goes on over Graph are taken for others, or not found.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tidemark_mailbox::{
    Capabilities, ChangePage, Cursor, FirstLook, ItemRead, Mailbox, MailboxError, Permit,
    PushRequest, PushSubscription, RemoteEvent, RemoteId, RemoteRef, Search, Searched, Stamp,
};
use tidemark_model::{Event, LinkId, MailMode, OrganisationId, Participation};
use tidemark_service::Exchange;
use tidemark_store::records::{ConnectionRow, MailboxRow, Protocol};
use tidemark_transport::Traffic;

/// A way to break the move of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveSabotage {
    /// Translated ids are taken in another order than that of the ids that were asked for.
    MixesUpIds,
    /// No item is found by its stamp, nor by its UID, nor where it takes place.
    FindsNothing,
}

impl MoveSabotage {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::MixesUpIds, Self::FindsNothing];

    /// Mailboxes that are broken so where they are reached over Graph.
    pub fn exchange(self, whole: Arc<dyn Exchange>) -> Arc<dyn Exchange> {
        Arc::new(BrokenExchange { whole, how: self })
    }
}

struct BrokenExchange {
    whole: Arc<dyn Exchange>,
    how: MoveSabotage,
}

#[async_trait]
impl Exchange for BrokenExchange {
    async fn open(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<Arc<dyn Mailbox>, MailboxError> {
        let whole = self.whole.open(organisation, connection, mailbox).await?;
        match connection.protocol {
            Protocol::Graph(_) => Ok(Arc::new(BrokenMailbox { whole, how: self.how })),
            Protocol::Ews(_) => Ok(whole),
        }
    }
}

struct BrokenMailbox {
    whole: Arc<dyn Mailbox>,
    how: MoveSabotage,
}

impl BrokenMailbox {
    fn finds_nothing(&self) -> bool {
        self.how == MoveSabotage::FindsNothing
    }
}

#[async_trait]
impl Mailbox for BrokenMailbox {
    fn capabilities(&self) -> Capabilities {
        self.whole.capabilities()
    }

    fn traffic(&self) -> Traffic {
        self.whole.traffic()
    }

    async fn changes(
        &self,
        cursor: Option<&Cursor>,
        items_max: usize,
    ) -> Result<ChangePage, MailboxError> {
        self.whole.changes(cursor, items_max).await
    }

    async fn first_look(
        &self,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<FirstLook, MailboxError> {
        let look = self.whole.first_look(start, end).await?;
        Ok(if self.finds_nothing() { FirstLook::default() } else { look })
    }

    async fn read(&self, ids: &[RemoteId]) -> Result<Vec<ItemRead>, MailboxError> {
        self.whole.read(ids).await
    }

    async fn find_by_stamp(&self, link: LinkId) -> Searched {
        if self.finds_nothing() { Ok(Vec::new()) } else { self.whole.find_by_stamp(link).await }
    }

    async fn find_by_uid(&self, uid: &str) -> Searched {
        if self.finds_nothing() { Ok(Vec::new()) } else { self.whole.find_by_uid(uid).await }
    }

    async fn find_each(&self, searches: &[Search]) -> Result<Vec<Searched>, MailboxError> {
        if self.finds_nothing() {
            return Ok(searches.iter().map(|_| Ok(Vec::new())).collect());
        }
        self.whole.find_each(searches).await
    }

    async fn translate(&self, ews_ids: &[RemoteId]) -> Result<Vec<Option<RemoteId>>, MailboxError> {
        let mut ids = self.whole.translate(ews_ids).await?;
        if self.how == MoveSabotage::MixesUpIds && ids.len() > 1 {
            ids.rotate_left(1);
        }
        Ok(ids)
    }

    async fn create(
        &self,
        event: &Event,
        stamp: &Stamp,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        self.whole.create(event, stamp, mail, permit).await
    }

    async fn update(
        &self,
        current: &RemoteEvent,
        target: &Event,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        self.whole.update(current, target, mail, permit).await
    }

    async fn delete(
        &self,
        target: &RemoteRef,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<(), MailboxError> {
        self.whole.delete(target, mail, permit).await
    }

    async fn respond(
        &self,
        target: &RemoteRef,
        answer: Participation,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        self.whole.respond(target, answer, mail, permit).await
    }

    async fn subscribe(&self, request: &PushRequest<'_>) -> Result<PushSubscription, MailboxError> {
        self.whole.subscribe(request).await
    }

    async fn renew(
        &self,
        id: &str,
        expires_at: Timestamp,
    ) -> Result<PushSubscription, MailboxError> {
        self.whole.renew(id, expires_at).await
    }

    async fn unsubscribe(&self, id: &str) -> Result<(), MailboxError> {
        self.whole.unsubscribe(id).await
    }
}

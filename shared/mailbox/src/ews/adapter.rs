//! [`EwsMailbox`]: the port, method by method.
//!
//! It needs no runtime: it waits for nothing but its `HttpPort` and for a free slot of its limiter.

use async_trait::async_trait;
use jiff::Timestamp;
use tidemark_model::{Event, LinkId, MailMode, Participation};
use tidemark_transport::Traffic;

use super::fault::Effect;
use super::server::ServerFacts;
use super::session::{Affinity, EwsEndpoint, Session};
use super::{read, wire};
use crate::error::MailboxError;
use crate::port::{
    Capabilities, ChangePage, Cursor, FirstLook, ItemRead, Mailbox, Permit, PushRequest,
    PushSubscription, RemoteEvent, RemoteId, RemoteRef, Stamp,
};

/// The calendar of one mailbox behind EWS.
pub struct EwsMailbox {
    pub(super) session: Session,
}

impl EwsMailbox {
    /// A mailbox at an endpoint. Nothing is sent yet.
    pub fn new(endpoint: EwsEndpoint) -> Self {
        Self { session: Session::new(endpoint) }
    }

    /// Tries the way to the calendar: address, certificate, credential, impersonation, folder.
    ///
    /// # Errors
    /// [`MailboxError`] with the mend of whatever stands in the way.
    pub async fn check(&self) -> Result<ServerFacts, MailboxError> {
        let envelope = wire::build_get_folder(&self.session.endpoint);
        self.session.call(envelope, Effect::Read, Affinity::Any, wire::read_folder).await
    }
}

/// What every server of this protocol can do.
pub const CAPABILITIES: Capabilities = Capabilities {
    silent_writes: true,
    quiet_properties: &[],
    read_items_max: read::READ_ITEMS_MAX,
    page_items_max: read::PAGE_ITEMS_MAX,
};

#[async_trait]
impl Mailbox for EwsMailbox {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn traffic(&self) -> Traffic {
        self.session.http.traffic()
    }

    async fn changes(
        &self,
        cursor: Option<&Cursor>,
        items_max: usize,
    ) -> Result<ChangePage, MailboxError> {
        self.fetch_changes(cursor, items_max).await
    }

    async fn first_look(
        &self,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<FirstLook, MailboxError> {
        self.fetch_first_look(start, end).await
    }

    async fn read(&self, ids: &[RemoteId]) -> Result<Vec<ItemRead>, MailboxError> {
        self.fetch_items(ids).await
    }

    async fn find_by_stamp(&self, link: LinkId) -> Result<Vec<RemoteRef>, MailboxError> {
        self.search_stamp(link).await
    }

    async fn find_by_uid(&self, uid: &str) -> Result<Vec<RemoteRef>, MailboxError> {
        self.search_uid(uid).await
    }

    async fn create(
        &self,
        event: &Event,
        stamp: &Stamp,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        self.push_create(event, stamp, mail, permit).await
    }

    async fn update(
        &self,
        current: &RemoteEvent,
        target: &Event,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        self.push_update(current, target, mail, permit).await
    }

    async fn delete(
        &self,
        target: &RemoteRef,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<(), MailboxError> {
        self.push_delete(target, mail, permit).await
    }

    async fn respond(
        &self,
        target: &RemoteRef,
        answer: Participation,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        self.push_answer(target, answer, mail, permit).await
    }

    async fn subscribe(&self, request: &PushRequest<'_>) -> Result<PushSubscription, MailboxError> {
        let PushRequest { url, status_minutes, .. } = *request;
        let envelope = wire::build_subscribe(&self.session.endpoint, url, status_minutes);
        self.session
            .call(envelope, Effect::Write, Affinity::Subscriptions, wire::read_subscribe)
            .await
    }
}

//! [`GraphMailbox`]: the port, method by method.
//!
//! It needs no runtime: it waits for nothing but its `HttpPort`, its tokens and for a free slot of
//! its limiter.

use async_trait::async_trait;
use jiff::Timestamp;
use tidemark_graph::settings::{
    build_calendar, build_contacts_glance, build_mailbox_settings, build_messages_glance,
    read_calendar, read_mailbox_settings,
};
use tidemark_model::{Event, LinkId, MailMode, Participation, Property, Zone};
use tidemark_transport::Traffic;

use super::fault::{self, Effect};
use super::place::Listed;
use super::session::{GraphEndpoint, Session};
use super::{changes, read};
use crate::error::MailboxError;
use crate::port::{
    Capabilities, ChangePage, Cursor, FirstLook, ItemRead, Mailbox, Permit, PushRequest,
    PushSubscription, RemoteEvent, RemoteId, RemoteRef, Search, Searched, Stamp,
};

/// The calendar of one mailbox behind Microsoft Graph.
#[derive(Debug)]
pub struct GraphMailbox {
    pub(super) session: Session,
    pub(super) listed: Listed,
}

/// What a look at the mailbox tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphFacts {
    /// Whether the calendar may be written; none if the server does not say.
    pub can_edit: Option<bool>,
}

/// A part of a mailbox that has permissions of its own, beside the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailboxPart {
    /// Contacts.
    Contacts,
    /// Messages.
    Mail,
}

impl GraphMailbox {
    /// A mailbox at an endpoint. Nothing is sent yet.
    pub fn new(endpoint: GraphEndpoint) -> Self {
        Self { session: Session::new(endpoint), listed: Listed::default() }
    }

    /// Tries the way to the calendar: address, token, permission, mailbox.
    ///
    /// # Errors
    /// [`MailboxError`] with the mend of whatever stands in the way.
    pub async fn check(&self) -> Result<GraphFacts, MailboxError> {
        let body = self.session.read(&build_calendar(&self.session.endpoint.user)).await?;
        let calendar =
            read_calendar(&body).map_err(|what| fault::of_unreadable(what, Effect::Read))?;
        Ok(GraphFacts { can_edit: calendar.can_edit })
    }

    /// Tries whether a part of the mailbox opens. What it holds is not looked at: one id is asked for
    /// and thrown away.
    ///
    /// # Errors
    /// [`MailboxError`] of whatever stands in the way.
    pub async fn try_part(&self, part: MailboxPart) -> Result<(), MailboxError> {
        let user = &self.session.endpoint.user;
        let request = match part {
            MailboxPart::Contacts => build_contacts_glance(user),
            MailboxPart::Mail => build_messages_glance(user),
        };
        self.session.read(&request).await.map(drop)
    }

    /// The zone that the owner has set. It takes the permission `MailboxSettings.Read`; none if what
    /// is set is no zone that is known here.
    ///
    /// # Errors
    /// [`MailboxError`].
    pub async fn zone(&self) -> Result<Option<Zone>, MailboxError> {
        let body = self.session.read(&build_mailbox_settings(&self.session.endpoint.user)).await?;
        let settings = read_mailbox_settings(&body)
            .map_err(|what| fault::of_unreadable(what, Effect::Read))?;
        let zone = settings
            .time_zone
            .and_then(|name| Zone::from_windows(&name, None).or_else(|_| Zone::parse(&name)).ok());
        Ok(zone)
    }
}

/// What every server of this protocol can do. What is quiet is what
/// [`mailed_by_update`](tidemark_graph::calendar::mailed_by_update) takes for the owner's own.
pub const CAPABILITIES: Capabilities = Capabilities {
    silent_writes: false,
    quiet_properties: &[Property::Categories, Property::Reminder],
    read_items_max: read::READ_ITEMS_MAX,
    page_items_max: changes::PAGE_ITEMS_MAX,
};

#[async_trait]
impl Mailbox for GraphMailbox {
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
        let page = self.fetch_changes(cursor, items_max).await?;
        self.listed.replace(&page.changes);
        Ok(page)
    }

    async fn first_look(
        &self,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<FirstLook, MailboxError> {
        // How many events there are in all is not known without reading them.
        Ok(FirstLook { soon: self.view(start, end).await?, total: None })
    }

    async fn read(&self, ids: &[RemoteId]) -> Result<Vec<ItemRead>, MailboxError> {
        self.read_items(ids).await
    }

    async fn read_named(&self, ids: &[RemoteId]) -> Result<Vec<ItemRead>, MailboxError> {
        self.read_items_named(ids).await
    }

    async fn find_by_stamp(&self, link: LinkId) -> Result<Vec<RemoteRef>, MailboxError> {
        self.search_stamp(link).await
    }

    async fn find_by_uid(&self, uid: &str) -> Result<Vec<RemoteRef>, MailboxError> {
        self.search_uid(uid).await
    }

    async fn find_each(&self, searches: &[Search]) -> Result<Vec<Searched>, MailboxError> {
        self.search_each(searches).await
    }

    async fn translate(&self, ews_ids: &[RemoteId]) -> Result<Vec<Option<RemoteId>>, MailboxError> {
        self.translate_ids(ews_ids).await
    }

    async fn create(
        &self,
        event: &Event,
        stamp: &Stamp,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        let made = self.push_create(event, stamp, mail, permit).await?;
        self.listed.add(&made.id);
        Ok(made)
    }

    async fn update(
        &self,
        current: &RemoteEvent,
        target: &Event,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        let written = self.push_update(current, target, mail, permit).await?;
        self.listed.add(&written.id);
        Ok(written)
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
        self.push_subscribe(request).await
    }

    async fn renew(
        &self,
        id: &str,
        expires_at: Timestamp,
    ) -> Result<PushSubscription, MailboxError> {
        self.push_renew(id, expires_at).await
    }

    async fn unsubscribe(&self, id: &str) -> Result<(), MailboxError> {
        self.push_unsubscribe(id).await
    }
}

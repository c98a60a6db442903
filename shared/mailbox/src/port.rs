//! The trait and the values that cross it.

use core::fmt;
use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use tidemark_model::{CopyRole, Event, LinkId, MailMode, Participation, Property, RecurrenceId};
use tidemark_transport::Traffic;
use uuid::Uuid;

use crate::error::{Disposition, MailboxError, Scope};

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Keeps the server's text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The server's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({} bytes)", stringify!($name), self.0.len())
            }
        }
    };
}

opaque!(
    /// The server's id of an item. It changes when the item moves.
    RemoteId
);
opaque!(
    /// The server's version of an item.
    ChangeKey
);
opaque!(
    /// Where reading of changes goes on: the server's sync state. May be hundreds of KB.
    Cursor
);

/// An item in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRef {
    /// Which item.
    pub id: RemoteId,
    /// In which version.
    pub change_key: ChangeKey,
}

/// What we write on every item that we create, so that it is recognised after an unclear answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The pairing that it belongs to.
    pub link: LinkId,
    /// The attempt that made it.
    pub intent: Uuid,
    /// Lease epoch of that attempt.
    pub epoch: u64,
}

/// An appointment as the server holds it; a series comes whole, with its exceptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteEvent {
    /// Which item, in which version.
    pub reference: RemoteRef,
    /// What it says.
    pub event: Event,
    /// Our stamp, if it carries one.
    pub stamp: Option<Stamp>,
    /// Whose copy it is.
    pub role: CopyRole,
    /// The exceptions of a series by original start, for writing them.
    pub exceptions: BTreeMap<RecurrenceId, RemoteRef>,
}

/// One change since a cursor. It says which item, never what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Created or changed: read it.
    Touched(RemoteRef),
    /// No longer in the collection: moved or deleted. No proof of deletion.
    Removed(RemoteId),
}

/// A page of changes.
#[derive(Debug, Clone)]
pub struct ChangePage {
    /// What changed, in the server's order.
    pub changes: Vec<Change>,
    /// Ids that the server told and that are no items: occurrences, whose series stand in `changes`.
    pub parts: Vec<RemoteId>,
    /// Where to go on; to be kept only after the page is dealt with.
    pub cursor: Cursor,
    /// Whether more is waiting now.
    pub more: bool,
}

/// What a first copy takes before everything else, and how much there is in all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FirstLook {
    /// Items that take place in the window, each once, the earliest first. An occurrence stands for
    /// its series. They may be fewer than there are: whatever is missing comes with the changes.
    pub soon: Vec<RemoteRef>,
    /// About how many items there are, where the server says it.
    pub total: Option<u64>,
}

/// One item of a read: its neighbours do not suffer from its error.
pub type ItemRead = Result<RemoteEvent, MailboxError>;

/// What a server can and cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether a write can be kept silent although people are on the item (EWS yes, Graph no).
    pub silent_writes: bool,
    /// Properties that can be changed without anybody being mailed where writes cannot be silent. No
    /// concern of a server that can be silent.
    pub quiet_properties: &'static [Property],
    /// Largest number of ids in one read.
    pub read_items_max: usize,
    /// Largest page of changes.
    pub page_items_max: usize,
}

/// Leave to write, asked before each single request that writes.
pub trait Permit: Send + Sync {
    /// Whether one more write may start now: the lease must outlive it.
    ///
    /// # Errors
    /// [`PermitDenied`] when it must not.
    fn may_write(&self) -> Result<(), PermitDenied>;
}

/// The lease has not enough time left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lease has not enough time left for another write")]
pub struct PermitDenied;

/// A push subscription that is asked for. A server takes of it what it knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PushRequest<'a> {
    /// Where changes are posted; sensitive.
    pub url: &'a str,
    /// Where the server says what becomes of the subscription itself (Graph).
    pub lifecycle_url: Option<&'a str>,
    /// What the server sends along with each notification (Graph); a secret.
    pub client_state: Option<&'a str>,
    /// How often the server shows that it is alive, in minutes (EWS).
    pub status_minutes: u16,
    /// Until when it shall live (Graph); none for as long as the server gives.
    pub expires_at: Option<Timestamp>,
    /// For whom notifications bring encrypted content (Graph); none for plain ones.
    pub content: Option<PushContent<'a>>,
}

/// The certificate that the content of notifications is encrypted for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PushContent<'a> {
    /// DER in base64.
    pub certificate: &'a str,
    /// Our name of it.
    pub certificate_id: &'a str,
}

impl<'a> PushRequest<'a> {
    /// What EWS needs to know.
    pub const fn to(url: &'a str, status_minutes: u16) -> Self {
        Self {
            url,
            lifecycle_url: None,
            client_state: None,
            status_minutes,
            expires_at: None,
            content: None,
        }
    }
}

impl fmt::Debug for PushRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushRequest")
            .field("status_minutes", &self.status_minutes)
            .field("expires_at", &self.expires_at)
            .field("has_content", &self.content.is_some())
            .finish_non_exhaustive()
    }
}

/// A push subscription as the server confirmed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushSubscription {
    /// The server's id of it; sensitive.
    pub id: String,
    /// Where its events begin.
    pub watermark: Option<String>,
    /// Until when it lives unless it is renewed; none if the server ends it at its own discretion.
    pub expires_at: Option<Timestamp>,
}

/// What an item is looked for by. `Debug` shows no UID: who made it chose its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Search {
    /// Our stamp of this link.
    Stamp(LinkId),
    /// This iCalendar UID.
    Uid(String),
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stamp(link) => write!(f, "Stamp({link})"),
            Self::Uid(uid) => write!(f, "Uid({} bytes)", uid.len()),
        }
    }
}

/// What a search found, or why it could not be told.
pub type Searched = Result<Vec<RemoteRef>, MailboxError>;

/// The calendar of one mailbox.
#[async_trait]
pub trait Mailbox: Send + Sync {
    /// What this server can do.
    fn capabilities(&self) -> Capabilities;

    /// What went to the server since this mailbox was opened.
    fn traffic(&self) -> Traffic;

    /// Changes since `cursor`; without one, everything that is there, newest first.
    ///
    /// # Errors
    /// [`MailboxError`]; a lost cursor is `Resync`.
    async fn changes(
        &self,
        cursor: Option<&Cursor>,
        items_max: usize,
    ) -> Result<ChangePage, MailboxError>;

    /// What takes place from `start` up to `end`, at most some 1,000 entries of the calendar, and
    /// how many items there are in all. A first copy begins with it, so that the coming days do not
    /// wait for the history. A server that cannot tell keeps this default: its first copy comes in
    /// the order of its changes.
    ///
    /// # Errors
    /// [`MailboxError`].
    async fn first_look(
        &self,
        _start: Timestamp,
        _end: Timestamp,
    ) -> Result<FirstLook, MailboxError> {
        Ok(FirstLook::default())
    }

    /// Reads items whole, in the order of `ids`; more ids than one request takes are split.
    ///
    /// # Errors
    /// [`MailboxError`] of the whole request; errors of single items stand in their places, an item
    /// that is not there as `Gone`.
    async fn read(&self, ids: &[RemoteId]) -> Result<Vec<ItemRead>, MailboxError>;

    /// Reads items that nothing but their ids says anything of, as [`Mailbox::read`] does. Each that is
    /// there was seen in the calendar; one that is elsewhere in the mailbox is `Gone`. The id of an
    /// occurrence stands for its series, which is answered in its place. A server that names items in
    /// its listings only keeps this default.
    ///
    /// # Errors
    /// As [`Mailbox::read`].
    async fn read_named(&self, ids: &[RemoteId]) -> Result<Vec<ItemRead>, MailboxError> {
        self.read(ids).await
    }

    /// Items that carry a stamp of this link, wherever in the calendar.
    ///
    /// # Errors
    /// [`MailboxError`].
    async fn find_by_stamp(&self, link: LinkId) -> Result<Vec<RemoteRef>, MailboxError>;

    /// Items with this iCalendar UID.
    ///
    /// # Errors
    /// [`MailboxError`].
    async fn find_by_uid(&self, uid: &str) -> Result<Vec<RemoteRef>, MailboxError>;

    /// Several searches, answered in their order. A server that takes them one by one keeps this
    /// default.
    ///
    /// # Errors
    /// [`MailboxError`] of the whole request; where only one search fails, its error may stand in its
    /// place.
    async fn find_each(&self, searches: &[Search]) -> Result<Vec<Searched>, MailboxError> {
        let mut found = Vec::with_capacity(searches.len());
        for search in searches {
            found.push(Ok(match search {
                Search::Stamp(link) => self.find_by_stamp(*link).await?,
                Search::Uid(uid) => self.find_by_uid(uid).await?,
            }));
        }
        Ok(found)
    }

    /// The ids that items of this mailbox have here, in the order of the ids that they have over EWS;
    /// none for one that cannot be translated. That an id could be translated does not prove that its
    /// item is there: read it. A server that cannot tell keeps this default.
    ///
    /// # Errors
    /// [`MailboxError`]; `Reject` where the server does not offer it, or not to us.
    async fn translate(&self, ews_ids: &[RemoteId]) -> Result<Vec<Option<RemoteId>>, MailboxError> {
        Ok(ews_ids.iter().map(|_| None).collect())
    }

    /// Creates an item with its stamp, a series with all its overrides.
    ///
    /// # Errors
    /// [`MailboxError`]; `Unclear` when it may exist now.
    async fn create(
        &self,
        event: &Event,
        stamp: &Stamp,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError>;

    /// Writes the properties in which `target` differs from `current`, and no others. For a series:
    /// the series first, then what was taken out, then what was changed.
    ///
    /// # Errors
    /// [`MailboxError`]; `Conflict` when the item is no longer in the version of `current`.
    async fn update(
        &self,
        current: &RemoteEvent,
        target: &Event,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError>;

    /// Deletes an item (to Deleted Items); an organiser's meeting is cancelled with `mail`.
    ///
    /// # Errors
    /// [`MailboxError`]; `Gone` when it is not there.
    async fn delete(
        &self,
        target: &RemoteRef,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<(), MailboxError>;

    /// Answers an invitation in the owner's name.
    ///
    /// # Errors
    /// [`MailboxError`].
    async fn respond(
        &self,
        target: &RemoteRef,
        answer: Participation,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError>;

    /// Asks the server to post changes of the calendar.
    ///
    /// # Errors
    /// [`MailboxError`].
    async fn subscribe(&self, request: &PushRequest<'_>) -> Result<PushSubscription, MailboxError>;

    /// Prolongs a subscription that expires.
    ///
    /// # Errors
    /// [`MailboxError`]; `Gone` when it is not there any more, and always where subscriptions do not
    /// expire: a new one has to be made then.
    async fn renew(
        &self,
        id: &str,
        expires_at: Timestamp,
    ) -> Result<PushSubscription, MailboxError> {
        let _ = (id, expires_at);
        Err(MailboxError {
            disposition: Disposition::Gone,
            scope: Scope::Mailbox,
            code: "subscription-not-renewable".to_owned(),
            text: "subscriptions of this server are made anew, not prolonged".to_owned(),
        })
    }

    /// Ends a subscription; one that is not there any more is what was wanted. Where a subscription
    /// ends by the answer to its next call, nothing is sent.
    ///
    /// # Errors
    /// [`MailboxError`].
    async fn unsubscribe(&self, id: &str) -> Result<(), MailboxError> {
        let _ = id;
        Ok(())
    }
}

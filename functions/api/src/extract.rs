//! What handlers read from a request. Whatever does not have the right form becomes a problem that
//! names the place and the mend, and repeats nothing of what was sent.

mod body;
mod guards;
mod query;

pub(crate) use body::{Command, CommandForm, ItemBody};
pub(crate) use guards::{Cached, ReadGuards};
pub(crate) use query::{FeedQuery, Page};

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::de::DeserializeOwned;
use tidemark_model::{BusinessKey, Kind};
use tidemark_service::border::{Caller, Refusal};
use uuid::Uuid;

use crate::limits::MAILBOX_NAME_BYTES_MAX;
use crate::problem::{Problem, ProblemError, ProblemKind};

/// Who calls, as [`crate::edge::authenticate`] noted it.
pub(crate) struct Authenticated(pub(crate) Caller);

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Caller>()
            .cloned()
            .map(Self)
            .ok_or_else(|| Refusal::Unauthenticated.into())
    }
}

/// `/v1/mailboxes/{mailbox}`: an address, an alias or an id, in lower case.
pub(crate) struct MailboxPath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for MailboxPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mailbox: String = path(parts, state).await?;
        read_mailbox(&mailbox).map(Self)
    }
}

/// `/v1/mailboxes/{mailbox}/{kind}`.
pub(crate) struct CollectionPath {
    pub(crate) mailbox: String,
    pub(crate) kind: Kind,
}

impl<S: Send + Sync> FromRequestParts<S> for CollectionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (mailbox, kind): (String, String) = path(parts, state).await?;
        Ok(Self { kind: read_kind(&kind)?, mailbox: read_mailbox(&mailbox)? })
    }
}

/// `/v1/mailboxes/{mailbox}/{kind}/{id}`, decoded once: a slash in an id comes as `%2F`.
pub(crate) struct ItemPath {
    pub(crate) mailbox: String,
    pub(crate) kind: Kind,
    pub(crate) id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for ItemPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (mailbox, kind, id): (String, String, String) = path(parts, state).await?;
        Ok(Self {
            kind: read_kind(&kind)?,
            mailbox: read_mailbox(&mailbox)?,
            id: read_item_id(id)?,
        })
    }
}

/// `/v1/webhooks/{id}`.
pub(crate) struct WebhookPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for WebhookPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        our_id(parts, state, "webhook").await.map(Self)
    }
}

/// `/v1/keys/{id}`.
pub(crate) struct KeyPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for KeyPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        our_id(parts, state, "key").await.map(Self)
    }
}

/// `/v1/systems/{system}`. What has no id's form names none.
pub(crate) struct SystemPath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for SystemPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        path(parts, state).await.map(Self)
    }
}

/// `/v1/connections/{id}`.
pub(crate) struct ConnectionPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for ConnectionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        our_id(parts, state, "connection").await.map(Self)
    }
}

/// `/v1/holds/{id}`.
pub(crate) struct HoldPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for HoldPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        our_id(parts, state, "hold").await.map(Self)
    }
}

/// The segments of the path, percent-decoded once.
async fn path<T, S>(parts: &mut Parts, state: &S) -> Result<T, Problem>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    let Path(segments) = Path::<T>::from_request_parts(parts, state).await.map_err(|_| {
        Problem::malformed(ProblemError::parameter(
            "path",
            "is not UTF-8 in percent-encoding",
            "percent-encode the UTF-8 bytes of each segment",
        ))
    })?;
    Ok(segments)
}

/// An id that only we make: any other text names nothing.
async fn our_id<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    what: &'static str,
) -> Result<Uuid, Problem> {
    let text: String = path(parts, state).await?;
    Uuid::try_parse(&text).map_err(|_| Refusal::NotFound { what }.into())
}

/// Addresses are named in any case, and our own ids are in lower case.
fn read_mailbox(text: &str) -> Result<String, Problem> {
    if text.len() > MAILBOX_NAME_BYTES_MAX {
        return Err(Refusal::NotFound { what: "mailbox" }.into());
    }
    Ok(text.to_lowercase())
}

/// Paths have the plural only.
fn read_kind(text: &str) -> Result<Kind, Problem> {
    Kind::parse(text).ok().filter(|kind| kind.plural() == text).ok_or_else(|| {
        let synced = Kind::ALL.map(Kind::plural).join(", ");
        Problem::new(
            ProblemKind::UnknownKind,
            format!("this version syncs these kinds of items: {synced}"),
        )
    })
}

fn read_item_id(text: String) -> Result<String, Problem> {
    match BusinessKey::parse(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(Problem::malformed(ProblemError::parameter(
            "id",
            "is too long or has control characters",
            "an id of 1 to 255 bytes without control characters, percent-encoded",
        ))),
    }
}

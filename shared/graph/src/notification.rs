//! What Graph posts to us: changes, and what becomes of subscriptions
//! (change-notifications-delivery-webhooks and change-notifications-lifecycle-events pages).
//!
//! The sender is anonymous, and one post may hold entries of several subscriptions and tenants, in
//! any order and any number of times. Each entry is read by itself.

use core::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bounds::{
    CLIENT_STATE_CHARS_MAX, ID_BYTES_MAX, NOTIFICATION_BYTES_MAX, NOTIFICATIONS_MAX,
    VALIDATION_TOKENS_MAX,
};
use crate::error::Unreadable;
use crate::text::{List, Object, Text};

/// A post, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifications {
    /// Its entries, in order; one that cannot be read stands as an error in its place. None at all
    /// occurs.
    pub entries: Vec<Result<Notification, Unreadable>>,
    /// Whether there were more than [`NOTIFICATIONS_MAX`].
    pub overflows: bool,
    /// One token per application and tenant, of posts with resource data: secrets, not yet checked.
    pub validation_tokens: Vec<Token>,
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} bytes)", self.0.len())
    }
}

/// One entry of a post. Nothing of it is proven yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// Which notification, where it says so: each has its own.
    pub id: Option<String>,
    /// Which subscription.
    pub subscription_id: String,
    /// What was given when the subscription was made; to be compared in constant time.
    pub client_state: Option<Token>,
    /// Which tenant.
    pub tenant_id: Option<String>,
    /// Until when the subscription lives.
    pub expires_at: Option<Timestamp>,
    /// What happened.
    pub news: News,
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification").field("news", &self.news).finish_non_exhaustive()
    }
}

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something happened to an item.
    Change(ItemNews),
    /// Something happened to the subscription.
    Lifecycle(LifecycleEvent),
}

/// Something that happened to an item.
#[derive(Clone, PartialEq, Eq)]
pub struct ItemNews {
    /// What is said to have happened. Never data: the deletion of an occurrence shows as an update of
    /// its series, a move as deletion and creation.
    pub change: ChangeType,
    /// The user that the resource names.
    pub user: Option<String>,
    /// The id of the item, exactly as it came.
    pub item: Option<String>,
    /// The version of the item.
    pub etag: Option<String>,
    /// The item itself, encrypted, of a subscription with resource data.
    pub content: Option<EncryptedContent>,
}

impl fmt::Debug for ItemNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemNews")
            .field("change", &self.change)
            .field("has_content", &self.content.is_some())
            .finish_non_exhaustive()
    }
}

/// What is said to have happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeType {
    /// `created`
    Created,
    /// `updated`
    Updated,
    /// `deleted`
    Deleted,
    /// A kind that a later server may have.
    Unrecognised,
}

/// What happened to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LifecycleEvent {
    /// Access is about to run out: reauthorize, or renew.
    ReauthorizationRequired,
    /// It is gone: make a new one, then read changes from the cursor.
    SubscriptionRemoved,
    /// Notifications were lost: read changes of the mailbox.
    Missed,
    /// A kind that a later server may have.
    Unrecognised,
}

/// Resource data as it came (change-notifications-with-resource-data page); base64 throughout.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptedContent {
    /// The encrypted item.
    pub data: String,
    /// The key, encrypted for our certificate.
    pub data_key: String,
    /// HMAC-SHA256 of the encrypted item.
    pub data_signature: String,
    /// Our name of the certificate.
    pub certificate_id: String,
}

impl fmt::Debug for EncryptedContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptedContent({} bytes)", self.data.len())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePost<'a> {
    #[serde(borrow)]
    value: List<&'a RawValue, NOTIFICATIONS_MAX>,
    #[serde(borrow, default)]
    validation_tokens: List<Text<'a>, VALIDATION_TOKENS_MAX>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEntry<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    subscription_id: Text<'a>,
    #[serde(borrow, default)]
    client_state: Text<'a>,
    #[serde(borrow, default)]
    tenant_id: Text<'a>,
    #[serde(borrow, default)]
    subscription_expiration_date_time: Text<'a>,
    #[serde(borrow, default)]
    change_type: Text<'a>,
    #[serde(borrow, default)]
    lifecycle_event: Text<'a>,
    #[serde(borrow, default)]
    resource: Text<'a>,
    #[serde(borrow, default)]
    resource_data: Object<WireData<'a>>,
    #[serde(borrow, default)]
    encrypted_content: Object<WireContent<'a>>,
}

#[derive(Deserialize)]
struct WireData<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default, rename = "@odata.etag")]
    etag: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireContent<'a> {
    #[serde(borrow, default)]
    data: Text<'a>,
    #[serde(borrow, default)]
    data_key: Text<'a>,
    #[serde(borrow, default)]
    data_signature: Text<'a>,
    #[serde(borrow, default)]
    encryption_certificate_id: Text<'a>,
}

/// Reads a post of at most [`NOTIFICATION_BYTES_MAX`].
///
/// # Errors
/// What is no post of Graph's.
pub fn read_notifications(body: &[u8]) -> Result<Notifications, Unreadable> {
    if body.len() > NOTIFICATION_BYTES_MAX {
        return Err(Unreadable::TooLarge);
    }
    let post: WirePost<'_> =
        serde_json::from_slice(body).map_err(|error| Unreadable::of_json(&error))?;
    let entries = post.value.items.iter().map(|entry| read_entry(entry.get())).collect();
    let tokens = post.validation_tokens.items.iter();
    Ok(Notifications {
        entries,
        overflows: post.value.overflows || post.validation_tokens.overflows,
        validation_tokens: tokens.filter_map(Text::owned).map(Token).collect(),
    })
}

fn read_entry(json: &str) -> Result<Notification, Unreadable> {
    let entry: Object<WireEntry<'_>> =
        serde_json::from_str(json).map_err(|error| Unreadable::of_json(&error))?;
    let entry = entry.0.ok_or(Unreadable::Unexpected)?;
    let subscription_id = bounded(&entry.subscription_id).ok_or(Unreadable::Unexpected)?;
    let client_state = entry.client_state.filled();
    if client_state.is_some_and(|state| state.chars().count() > CLIENT_STATE_CHARS_MAX) {
        return Err(Unreadable::TooLarge);
    }
    let news = match (entry.lifecycle_event.filled(), entry.change_type.filled()) {
        (Some(event), _) => News::Lifecycle(lifecycle_event(event)),
        (None, Some(change)) => News::Change(read_change(&entry, change)),
        (None, None) => return Err(Unreadable::Unexpected),
    };
    Ok(Notification {
        id: bounded(&entry.id),
        subscription_id,
        client_state: client_state.map(|state| Token(state.to_owned())),
        tenant_id: bounded(&entry.tenant_id),
        expires_at: entry.subscription_expiration_date_time.filled().and_then(|at| at.parse().ok()),
        news,
    })
}

fn bounded(text: &Text<'_>) -> Option<String> {
    text.owned().filter(|text| text.len() <= ID_BYTES_MAX)
}

fn lifecycle_event(word: &str) -> LifecycleEvent {
    let is = |name: &str| word.eq_ignore_ascii_case(name);
    if is("reauthorizationRequired") {
        LifecycleEvent::ReauthorizationRequired
    } else if is("subscriptionRemoved") {
        LifecycleEvent::SubscriptionRemoved
    } else if is("missed") {
        LifecycleEvent::Missed
    } else {
        LifecycleEvent::Unrecognised
    }
}

fn read_change(entry: &WireEntry<'_>, word: &str) -> ItemNews {
    let is = |name: &str| word.eq_ignore_ascii_case(name);
    let change = if is("created") {
        ChangeType::Created
    } else if is("updated") {
        ChangeType::Updated
    } else if is("deleted") {
        ChangeType::Deleted
    } else {
        ChangeType::Unrecognised
    };
    let data = entry.resource_data.0.as_ref();
    let (user, item) = entry.resource.filled().map(parts_of_resource).unwrap_or_default();
    let content = entry.encrypted_content.0.as_ref().and_then(|content| {
        Some(EncryptedContent {
            data: content.data.owned()?,
            data_key: content.data_key.owned()?,
            data_signature: content.data_signature.owned()?,
            certificate_id: content.encryption_certificate_id.owned()?,
        })
    });
    ItemNews {
        change,
        user,
        item: data.and_then(|data| bounded(&data.id)).or(item),
        etag: data.and_then(|data| bounded(&data.etag)),
        content,
    }
}

/// User and item of a resource such as `Users/{id}/Events/{id}`: words count in any case, names are
/// kept exactly (exchange-graph.md 6.2).
fn parts_of_resource(resource: &str) -> (Option<String>, Option<String>) {
    let mut parts = resource.trim_start_matches('/').split('/');
    let mut after = |word: &str| {
        let found = parts.next().is_some_and(|part| part.eq_ignore_ascii_case(word));
        let name = parts.next().filter(|name| !name.is_empty() && name.len() <= ID_BYTES_MAX);
        name.filter(|_| found).map(str::to_owned)
    };
    let user = after("users");
    let item = after("events");
    (user, item)
}

#[cfg(test)]
mod tests;

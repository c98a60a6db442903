//! Subscriptions: whom Graph tells about changes, and until when (subscription resource page).

use core::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bounds::{CLIENT_STATE_CHARS_MAX, DOCUMENT_BYTES_MAX, PAGE_ENTRIES_MAX};
use crate::error::Unreadable;
use crate::events::instant;
use crate::page::Next;
use crate::request::{GraphRequest, Method, Path, UserKey};
use crate::root::GraphRoot;
use crate::text::{List, Object, Text};

/// A subscription to be made.
#[derive(Clone, PartialEq, Eq)]
pub struct NewSubscription<'a> {
    /// Whose events.
    pub user: &'a UserKey,
    /// Where changes are posted. Graph calls it while it creates the subscription, and wants an
    /// answer within ten seconds.
    pub notification_url: &'a str,
    /// Where Graph says what becomes of the subscription. It can be named only now, not later.
    pub lifecycle_url: Option<&'a str>,
    /// Comes with every notification; at most [`CLIENT_STATE_CHARS_MAX`] characters.
    pub client_state: &'a str,
    /// Until when.
    pub expires_at: Timestamp,
    /// Whether notifications bring the encrypted event itself.
    pub rich: Option<RichContent<'a>>,
}

/// What encrypts resource data (change-notifications-with-resource-data page).
#[derive(Clone, PartialEq, Eq)]
pub struct RichContent<'a> {
    /// The X.509 certificate in DER, base64, with an RSA key of 2,048 to 4,096 bits.
    pub certificate: &'a str,
    /// Our name of it; comes with every notification.
    pub certificate_id: &'a str,
    /// The properties that are wanted, separated by commas; body is not among the permitted ones.
    pub select: &'a str,
}

/// Why a subscription cannot be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client state is empty or longer than 128 characters")]
pub struct ClientStateError;

/// Asks for a subscription to whatever happens to the events of a mailbox
/// (subscription-post-subscriptions page). Ids in its notifications are of the kind that this very
/// request prefers.
///
/// # Errors
/// [`ClientStateError`].
pub fn build_subscribe(new: &NewSubscription<'_>) -> Result<GraphRequest, ClientStateError> {
    let chars = new.client_state.chars().count();
    if chars == 0 || chars > CLIENT_STATE_CHARS_MAX {
        return Err(ClientStateError);
    }
    let resource = new.user.events_resource();
    let mut body = json!({
        "changeType": "created,updated,deleted",
        "notificationUrl": new.notification_url,
        "resource": resource,
        "expirationDateTime": instant(new.expires_at),
        "clientState": new.client_state,
        "latestSupportedTlsVersion": "v1_2",
    });
    if let Value::Object(members) = &mut body {
        let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
        if let Some(url) = new.lifecycle_url {
            set("lifecycleNotificationUrl", url.into());
        }
        if let Some(rich) = &new.rich {
            set("resource", format!("{resource}?$select={}", rich.select).into());
            set("includeResourceData", true.into());
            set("encryptionCertificate", rich.certificate.into());
            set("encryptionCertificateId", rich.certificate_id.into());
        }
    }
    Ok(GraphRequest::new(Method::Post, Path::of("/subscriptions")).with_body(body))
}

fn one(id: &str) -> Path {
    Path::of("/subscriptions").name(id)
}

/// Prolongs a subscription (subscription-update page). It grants access anew as well.
pub fn build_renew(id: &str, expires_at: Timestamp) -> GraphRequest {
    let body = json!({ "expirationDateTime": instant(expires_at) });
    GraphRequest::new(Method::Patch, one(id)).with_body(body)
}

/// Replaces the certificate that encrypts resource data (subscription-update page).
pub fn build_recertify(id: &str, rich: &RichContent<'_>, expires_at: Timestamp) -> GraphRequest {
    let body = json!({
        "expirationDateTime": instant(expires_at),
        "encryptionCertificate": rich.certificate,
        "encryptionCertificateId": rich.certificate_id,
    });
    GraphRequest::new(Method::Patch, one(id)).with_body(body)
}

/// Grants access anew and leaves the expiry as it is (subscription-reauthorize page). Not within ten
/// minutes of a renewal.
pub fn build_reauthorize(id: &str) -> GraphRequest {
    GraphRequest::new(Method::Post, one(id).words("/reauthorize"))
}

/// Asks for one subscription (subscription-get page).
pub fn build_get_subscription(id: &str) -> GraphRequest {
    GraphRequest::new(Method::Get, one(id))
}

/// Asks for the subscriptions of this application in this tenant (subscription-list page).
pub fn build_list_subscriptions() -> GraphRequest {
    GraphRequest::new(Method::Get, Path::of("/subscriptions"))
}

/// Ends a subscription (subscription-delete page).
pub fn build_unsubscribe(id: &str) -> GraphRequest {
    GraphRequest::new(Method::Delete, one(id))
}

/// A subscription as Graph holds it. It does not show its client state: that is for us to keep.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// What it is to. The case of words may differ from what was asked for.
    pub resource: Option<String>,
    /// Until when.
    pub expires_at: Timestamp,
    /// Where changes are posted.
    pub notification_url: Option<String>,
    /// Where its own life is told.
    pub lifecycle_url: Option<String>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Subscription {
    /// Whether it is to this resource. Words count in any case, ids exactly; the server may write
    /// `Users` where `users` was asked for (exchange-graph.md 6.2).
    pub fn is_to(&self, resource: &str) -> bool {
        self.resource.as_deref().is_some_and(|own| same_resource(own, resource))
    }
}

/// Whether two resources are the same: every second segment is a word, the others are names. A user
/// principal name counts in any case, and so does an object id.
fn same_resource(one: &str, other: &str) -> bool {
    let parts = |text: &str| -> Vec<String> {
        let path = text.split_once('?').map_or(text, |(path, _)| path);
        path.trim_matches('/').split('/').map(str::to_ascii_lowercase).collect()
    };
    parts(one) == parts(other)
}

#[derive(Deserialize)]
struct WireSubscriptions<'a> {
    #[serde(borrow)]
    value: List<Object<WireSubscription<'a>>, PAGE_ENTRIES_MAX>,
    #[serde(borrow, default, rename = "@odata.nextLink")]
    next: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSubscription<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    resource: Text<'a>,
    #[serde(borrow, default)]
    expiration_date_time: Text<'a>,
    #[serde(borrow, default)]
    notification_url: Text<'a>,
    #[serde(borrow, default)]
    lifecycle_notification_url: Text<'a>,
}

impl WireSubscription<'_> {
    fn read(&self) -> Option<Subscription> {
        Some(Subscription {
            id: self.id.owned()?,
            resource: self.resource.owned(),
            expires_at: self.expiration_date_time.filled()?.parse().ok()?,
            notification_url: self.notification_url.owned(),
            lifecycle_url: self.lifecycle_notification_url.owned(),
        })
    }
}

/// Reads the answer to making, prolonging or asking for a subscription.
///
/// # Errors
/// What is no subscription.
pub fn read_subscription(body: &[u8]) -> Result<Subscription, Unreadable> {
    if body.len() > DOCUMENT_BYTES_MAX {
        return Err(Unreadable::TooLarge);
    }
    let found: Object<WireSubscription<'_>> =
        serde_json::from_slice(body).map_err(|error| Unreadable::of_json(&error))?;
    found.0.and_then(|found| found.read()).ok_or(Unreadable::Unexpected)
}

/// Reads a page of subscriptions; those that make no sense are left out.
///
/// # Errors
/// What is no page.
pub fn read_subscriptions(
    body: &[u8],
    root: &GraphRoot,
) -> Result<(Vec<Subscription>, Next), Unreadable> {
    if body.len() > DOCUMENT_BYTES_MAX {
        return Err(Unreadable::TooLarge);
    }
    let page: WireSubscriptions<'_> =
        serde_json::from_slice(body).map_err(|error| Unreadable::of_json(&error))?;
    let next = match page.next.filled() {
        Some(link) => Next::More(root.link(link)?),
        None => Next::End,
    };
    let found = page.value.items.iter().filter_map(|found| found.0.as_ref()?.read());
    Ok((found.collect(), next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Cloud;

    fn user() -> UserKey {
        UserKey::parse("8a7c3f3e-0000-4000-8000-1f2e3d4c5b6a").expect("an id")
    }

    fn new<'a>(user: &'a UserKey, client_state: &'a str) -> NewSubscription<'a> {
        NewSubscription {
            user,
            notification_url: "https://hooks.example/graph/key",
            lifecycle_url: Some("https://hooks.example/graph/key"),
            client_state,
            expires_at: "2026-11-28T22:00:00.123Z".parse().expect("a time"),
            rich: None,
        }
    }

    #[test]
    fn a_subscription_is_asked_for_with_immutable_ids_and_its_lifecycle_address() {
        let user = user();
        let request = build_subscribe(&new(&user, "state")).expect("a request");
        assert_eq!(request.path(), Some("/subscriptions"));
        let headers = request.headers();
        assert!(headers.contains(&("Prefer", "IdType=\"ImmutableId\"".to_owned())));
        let expected = json!({
            "changeType": "created,updated,deleted",
            "notificationUrl": "https://hooks.example/graph/key",
            "lifecycleNotificationUrl": "https://hooks.example/graph/key",
            "resource": "/users/8a7c3f3e-0000-4000-8000-1f2e3d4c5b6a/events",
            "expirationDateTime": "2026-11-28T22:00:00Z",
            "clientState": "state",
            "latestSupportedTlsVersion": "v1_2",
        });
        assert_eq!(request.body(), Some(&expected));
    }

    #[test]
    fn resource_data_needs_a_selection() {
        let user = user();
        let select = "subject,start,end";
        let rich = RichContent { certificate: "MII", certificate_id: "key-1", select };
        let wanted = NewSubscription { rich: Some(rich), ..new(&user, "state") };
        let request = build_subscribe(&wanted).expect("a request");
        let body = request.body().expect("a body");
        let resource = body["resource"].as_str().expect("a resource");
        assert!(resource.ends_with("/events?$select=subject,start,end"), "{resource}");
        assert_eq!(body["includeResourceData"], true);
        assert_eq!(body["encryptionCertificateId"], "key-1");
    }

    #[test]
    fn a_client_state_has_its_limit() {
        let user = user();
        for bad in ["", &"x".repeat(129)] {
            assert_eq!(build_subscribe(&new(&user, bad)), Err(ClientStateError));
        }
        assert!(build_subscribe(&new(&user, &"é".repeat(128))).is_ok());
    }

    #[test]
    fn answers_are_read_and_compared_in_any_case_of_their_words() {
        let json = r#"{"id":"s1","resource":"Users/8A7C3F3E-0000-4000-8000-1f2e3d4c5b6a/Events",
            "expirationDateTime":"2026-11-28T22:00:00.0000000Z","clientState":null,
            "notificationUrl":"https://hooks.example/graph/key"}"#;
        let found = read_subscription(json.as_bytes()).expect("a subscription");
        assert_eq!(found.expires_at.to_string(), "2026-11-28T22:00:00Z");
        assert!(found.is_to(&user().events_resource()));
        assert!(!found.is_to("/users/other/events"));
        let page = format!("{{\"value\":[{json},{{\"id\":\"x\"}},5]}}");
        let root = Cloud::Global.root();
        let (all, next) = read_subscriptions(page.as_bytes(), &root).expect("a page");
        assert_eq!((all.len(), next), (1, Next::End));
        assert_eq!(read_subscription(b"{}"), Err(Unreadable::Unexpected));
    }

    #[test]
    fn each_request_about_one_subscription_names_it() {
        let at = "2026-11-28T22:00:00Z".parse().expect("a time");
        let renew = build_renew("a/b", at);
        assert_eq!((renew.method, renew.path()), (Method::Patch, Some("/subscriptions/a%2Fb")));
        assert_eq!(renew.body(), Some(&json!({ "expirationDateTime": "2026-11-28T22:00:00Z" })));
        assert_eq!(build_reauthorize("s").path(), Some("/subscriptions/s/reauthorize"));
        assert_eq!(build_reauthorize("s").body(), None);
        assert_eq!(build_unsubscribe("s").method, Method::Delete);
        assert_eq!(build_get_subscription("s").method, Method::Get);
        assert_eq!(build_list_subscriptions().path(), Some("/subscriptions"));
    }
}

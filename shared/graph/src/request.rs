//! A request as plain data: method, path and query, headers, body. Whoever sends it adds token and
//! host.

use core::fmt;

use serde_json::Value;

use crate::bounds::ID_BYTES_MAX;
use crate::root::{GraphRoot, Link};

/// HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Method {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Where a request goes.
#[derive(Clone, PartialEq, Eq)]
enum Target {
    /// Path and query below root and version.
    Path(String),
    /// A link of Graph's, used as it is.
    Link(Link),
}

/// The preference that makes ids survive moves; on every request, in every part of a batch, and at
/// the creation of a subscription, whose notifications then carry such ids (outlook-immutable-id
/// page).
pub const IMMUTABLE_IDS: &str = "IdType=\"ImmutableId\"";

/// A request that is ready to be sent.
#[derive(Clone, PartialEq)]
pub struct GraphRequest {
    /// Method.
    pub method: Method,
    target: Target,
    headers: Vec<(&'static str, String)>,
    prefers: Vec<String>,
    body: Option<Value>,
}

impl GraphRequest {
    pub(crate) fn new(method: Method, path: Path) -> Self {
        Self::to(method, Target::Path(path.0))
    }

    /// Follows a link. Everything that it needs is inside, but for the preferences.
    pub fn follow(link: &Link) -> Self {
        Self::to(Method::Get, Target::Link(link.clone()))
    }

    /// As [`GraphRequest::follow`], as part of a batch: relative to root and version (json-batching
    /// page). None for a link of another root, or of another version than ours.
    pub fn follow_in_batch(link: &Link, root: &GraphRoot) -> Option<Self> {
        let path = root.below(link)?;
        Some(Self::to(Method::Get, Target::Path(path.to_owned())))
    }

    fn to(method: Method, target: Target) -> Self {
        let prefers = vec![IMMUTABLE_IDS.to_owned()];
        Self { method, target, headers: Vec::new(), prefers, body: None }
    }

    pub(crate) fn with_body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Only over this version of the item (exchange-graph.md 9.4).
    pub(crate) fn if_match(mut self, etag: String) -> Self {
        self.headers.push(("If-Match", etag));
        self
    }

    /// Adds a preference; all share one header.
    #[must_use]
    pub fn prefer(mut self, preference: impl Into<String>) -> Self {
        self.prefers.push(preference.into());
        self
    }

    /// Times of the answer in this Windows zone; without it they are in UTC.
    #[must_use]
    pub fn in_zone(self, windows_id: &str) -> Self {
        // A quotation mark would end the preference; no Windows zone has one.
        let id: String = windows_id.chars().filter(|c| *c != '"' && !c.is_control()).collect();
        self.prefer(format!("outlook.timezone=\"{id}\""))
    }

    /// At most so many entries on a page. A hint: pages may be smaller, or empty.
    #[must_use]
    pub fn page_of(self, entries_max: usize) -> Self {
        self.prefer(format!("odata.maxpagesize={entries_max}"))
    }

    /// The whole URL.
    pub fn url(&self, root: &GraphRoot) -> String {
        match &self.target {
            Target::Path(path) => root.at(path),
            Target::Link(link) => link.as_str().to_owned(),
        }
    }

    /// Path and query without host and version, as a batch wants it; none for a link.
    pub fn path(&self) -> Option<&str> {
        match &self.target {
            Target::Path(path) => Some(path),
            Target::Link(_) => None,
        }
    }

    /// Headers but for token and `client-request-id`.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("Prefer", self.prefers.join(", "))];
        if self.body.is_some() {
            headers.push(("Content-Type", "application/json".to_owned()));
        }
        headers.extend(self.headers.iter().cloned());
        headers
    }

    /// The body, if there is one.
    pub fn body(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    /// The body as it is sent; empty if there is none.
    pub fn body_bytes(&self) -> Vec<u8> {
        self.body.as_ref().map(|body| body.to_string().into_bytes()).unwrap_or_default()
    }
}

impl fmt::Debug for GraphRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GraphRequest({}, body {})", self.method.as_str(), self.body.is_some())
    }
}

/// A path below root and version, being put together with its query.
pub(crate) struct Path(String);

impl Path {
    /// A path of fixed words, beginning with a slash.
    pub(crate) fn of(words: &'static str) -> Self {
        Self(words.to_owned())
    }

    /// Adds `/` and a name from outside.
    pub(crate) fn name(mut self, name: &str) -> Self {
        self.0.push('/');
        encode(name, &mut self.0);
        self
    }

    /// Adds fixed words, beginning with a slash.
    pub(crate) fn words(mut self, words: &'static str) -> Self {
        self.0.push_str(words);
        self
    }

    /// Adds a parameter of the query.
    pub(crate) fn query(mut self, name: &'static str, value: &str) -> Self {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(name);
        self.0.push('=');
        encode(value, &mut self.0);
        self
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn encode(text: &str, into: &mut String) {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            into.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// A text in a filter: in apostrophes, its own doubled.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whose mailbox: the directory's object id, or a user principal name.
///
/// The id is better, since names change (exchange-graph.md 1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserKey(String);

/// Why a text names no user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user is named by object id or user principal name")]
pub struct UserKeyError;

impl UserKey {
    /// Takes a name that holds no control characters, slashes or spaces.
    ///
    /// # Errors
    /// [`UserKeyError`] for others, and beyond 320 bytes.
    pub fn parse(text: &str) -> Result<Self, UserKeyError> {
        /// Longest SMTP address.
        const NAME_BYTES_MAX: usize = 320;
        let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\');
        if text.is_empty() || text.len() > NAME_BYTES_MAX || text.contains(odd) {
            return Err(UserKeyError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `/users/{name}`; a name that begins with `$` in parentheses (user-get page).
    pub(crate) fn path(&self) -> Path {
        if self.0.starts_with('$') {
            let mut path = "/users(".to_owned();
            path.push('\'');
            encode(&self.0.replace('\'', "''"), &mut path);
            path.push_str("')");
            Path(path)
        } else {
            Path::of("/users").name(&self.0)
        }
    }

    /// The resource of this mailbox's events, as subscriptions name it: without host and version.
    pub fn events_resource(&self) -> String {
        self.path().words("/events").0
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKey({} bytes)", self.0.len())
    }
}

/// The id of an event. Case counts: ids that differ in it alone are two (exchange-graph.md 4).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(String);

impl EventId {
    /// Keeps an id as it is. None if it is empty or longer than [`ID_BYTES_MAX`].
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.is_empty() && text.len() <= ID_BYTES_MAX).then_some(Self(text))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Cloud;

    #[test]
    fn whatever_a_name_holds_is_encoded() {
        let user = UserKey::parse("alex_x#EXT#@tidemark.example").expect("a name");
        assert_eq!(user.path().0, "/users/alex_x%23EXT%23%40tidemark.example");
        let odd = UserKey::parse("$o'neill@x.example").expect("a name");
        assert_eq!(odd.path().0, "/users('%24o%27%27neill%40x.example')");
        for bad in ["", "a b", "a/b", "a\\b", "a\n", &"x".repeat(321)] {
            assert_eq!(UserKey::parse(bad), Err(UserKeyError), "{bad}");
        }
        let path =
            Path::of("/x").name("AAMk-_=/+é").query("$filter", "a eq 'b c'").query("$top", "5");
        assert_eq!(path.0, "/x/AAMk-_%3D%2F%2B%C3%A9?$filter=a%20eq%20%27b%20c%27&$top=5");
        assert_eq!(literal("o'clock"), "'o''clock'");
    }

    #[test]
    fn every_request_asks_for_immutable_ids_in_one_header() {
        let request = GraphRequest::new(Method::Get, Path::of("/users"));
        assert_eq!(request.headers(), [("Prefer", "IdType=\"ImmutableId\"".to_owned())]);
        let request = request.in_zone("W. Europe \"Standard Time").page_of(50);
        let expected = "IdType=\"ImmutableId\", outlook.timezone=\"W. Europe Standard Time\", \
                        odata.maxpagesize=50";
        assert_eq!(request.headers(), [("Prefer", expected.to_owned())]);
        let link = Cloud::Global.root().link("https://graph.microsoft.com/v1.0/x?$skiptoken=1");
        let followed = GraphRequest::follow(&link.expect("a link"));
        assert_eq!(followed.headers().len(), 1);
        assert_eq!(followed.path(), None);
        let url = followed.url(&Cloud::Global.root());
        assert_eq!(url, "https://graph.microsoft.com/v1.0/x?$skiptoken=1");
    }

    #[test]
    fn a_link_becomes_a_part_of_a_batch_as_it_is() {
        let roots =
            [Cloud::Global.root(), GraphRoot::parse("http://127.0.0.1:1/graph").expect("it")];
        for root in roots {
            let follow = |text: String| {
                let link = root.link(&text).expect("a link of the root");
                GraphRequest::follow_in_batch(&link, &root)
            };
            let rest = "/users/a%40b/calendarView/delta?$deltatoken=a%2Bb~'$";
            let part = follow(root.at(rest)).expect("a part").page_of(100);
            assert_eq!(part.path(), Some(rest));
            let prefer = "IdType=\"ImmutableId\", odata.maxpagesize=100".to_owned();
            assert_eq!(part.headers(), [("Prefer", prefer)]);
            assert_eq!(follow(format!("{}/beta{rest}", root.as_str())), None);
            assert_eq!(follow(format!("{}/v1.0x{rest}", root.as_str())), None);
            assert_eq!(follow(format!("{}/v1.0", root.as_str())), None);
        }
        let link = Cloud::Global.root().link("https://graph.microsoft.com/v1.0/x").expect("it");
        assert_eq!(GraphRequest::follow_in_batch(&link, &Cloud::China.root()), None);
    }

    #[test]
    fn ids_that_differ_in_case_are_two() {
        assert_ne!(EventId::new("AAMkAb="), EventId::new("AAMkAB="));
        assert_eq!(EventId::new(""), None);
    }
}

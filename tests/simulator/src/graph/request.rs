//! A request as Graph reads it: segments, query options, preferences.

use jiff::tz::TimeZone;
use serde_json::Value;

use super::GraphError;
use super::time::{self, Shown};
use crate::simulator::SimRequest;

/// Names of segments, in the spelling of the metadata; any case is taken.
const SEGMENTS: [&str; 39] = [
    "users",
    "me",
    "calendar",
    "calendars",
    "calendarGroups",
    "events",
    "calendarView",
    "instances",
    "delta",
    "accept",
    "decline",
    "tentativelyAccept",
    "cancel",
    "forward",
    "dismissReminder",
    "snoozeReminder",
    "permanentDelete",
    "exceptionOccurrences",
    "attachments",
    "mailboxSettings",
    "timeZone",
    "outlook",
    "supportedTimeZones",
    "masterCategories",
    "translateExchangeIds",
    "subscriptions",
    "reauthorize",
    "messages",
    "mailFolders",
    "contacts",
    "contactFolders",
    "inbox",
    "todo",
    "lists",
    "organization",
    "getSchedule",
    "$batch",
    "$value",
    "$count",
];

/// Preferences of the client (exchange-graph.md 1).
#[derive(Clone)]
pub(super) struct Prefer {
    /// Ids that last.
    pub(super) immutable: bool,
    /// In which zone times are shown.
    pub(super) zone: Shown,
    /// Bodies as plain text.
    pub(super) text_body: bool,
    /// Longest page.
    pub(super) page_max: Option<usize>,
    /// What was honoured, for `Preference-Applied`.
    pub(super) applied: Vec<String>,
}

impl Prefer {
    /// What holds when nothing else is said.
    pub(super) fn plain(immutable: bool) -> Self {
        Self {
            immutable,
            zone: Shown { name: "UTC".to_owned(), zone: TimeZone::UTC },
            text_body: false,
            page_max: None,
            applied: Vec::new(),
        }
    }
}

/// A request below `/graph/v1.0` or `/graph/beta`.
pub(super) struct Request<'a> {
    /// HTTP method.
    pub(super) method: &'a str,
    /// Decoded segments behind the version, names in the metadata's spelling.
    pub(super) path: Vec<String>,
    /// Decoded query options.
    query: Vec<(String, String)>,
    /// Whether the preview was asked for.
    pub(super) beta: bool,
    /// What links begin with: scheme, host, service and version.
    pub(super) root: String,
    /// Preferences.
    pub(super) prefer: Prefer,
    /// The request itself.
    pub(super) raw: &'a SimRequest,
}

impl<'a> Request<'a> {
    /// Reads a request; none if its path is not Graph's.
    ///
    /// # Errors
    /// When a preference is not understood.
    pub(super) fn read(raw: &'a SimRequest) -> Option<Result<Self, GraphError>> {
        let (path, query) = raw.path_and_query();
        let rest = path.strip_prefix("/graph/")?;
        let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let beta = match version {
            "v1.0" => false,
            "beta" => true,
            _ => return None,
        };
        let root = format!("{}/graph/{version}", origin(raw));
        let prefer = match read_prefer(raw) {
            Ok(prefer) => prefer,
            Err(error) => return Some(Err(error)),
        };
        let path = rest.split('/').filter(|part| !part.is_empty()).flat_map(segments).collect();
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")))
            })
            .collect();
        Some(Ok(Self { method: &raw.method, path, query, beta, root, prefer, raw }))
    }

    /// The segments, to match on.
    pub(super) fn parts(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// A query option; names are compared without regard to case, and the dollar may be left out.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        let bare = name.trim_start_matches('$');
        self.query
            .iter()
            .find(|(key, _)| key.trim_start_matches('$').eq_ignore_ascii_case(bare))
            .map(|(_, value)| value.as_str())
    }

    /// All query options.
    pub(super) fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A query option that is a number.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, GraphError> {
        self.option(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    GraphError::query(format!(
                        "Invalid value '{text}' for the query option '{name}'."
                    ))
                })
            })
            .transpose()
    }

    /// The URL of this path with other query options.
    pub(super) fn link(&self, query: &[(&str, &str)]) -> String {
        let path: Vec<_> = self.path.iter().map(|part| encoded(part)).collect();
        let query: Vec<_> =
            query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        format!("{}/{}?{}", self.root, path.join("/"), query.join("&"))
    }

    /// The body as an object.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn json(&self) -> Result<serde_json::Map<String, Value>, GraphError> {
        if self.raw.body.is_empty() {
            return Ok(serde_json::Map::new());
        }
        let kind = self.raw.header("content-type").unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/json") {
            return Err(GraphError::new(
                415,
                "RequestBodyRead",
                "A supported MIME type could not be found that matches the content type of the \
                 request. None of the supported type(s) matches the content type.",
            ));
        }
        serde_json::from_slice(&self.raw.body)
            .map_err(|_| GraphError::body("Unable to read JSON request payload."))
    }
}

/// Scheme and host that a request came to.
pub(crate) fn origin(raw: &SimRequest) -> String {
    let host = raw.header("host").unwrap_or("graph.microsoft.com");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let loopback = name
        .trim_matches(['[', ']'])
        .parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    let scheme = if loopback || name == "localhost" { "http" } else { "https" };
    format!("{scheme}://{host}")
}

/// Percent decoding; what is no UTF-8 becomes U+FFFD.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        if let Some(byte) = hex {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Percent encoding of all but unreserved characters (RFC 3986, 2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'$' | b'@') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend(hex(byte));
        }
    }
    out
}

/// The two hexadecimal digits of a byte, in capitals.
pub(super) fn hex(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 0x0f].map(|digit| {
        char::from_digit(u32::from(digit), 16).map_or('0', |digit| digit.to_ascii_uppercase())
    })
}

/// `users('x')` are two segments, `delta()` and `microsoft.graph.delta()` are `delta`.
fn segments(raw: &str) -> Vec<String> {
    let text = decoded(raw);
    let text = text.strip_suffix("()").unwrap_or(&text);
    let text = text.strip_prefix("microsoft.graph.").unwrap_or(text);
    if let Some((name, key)) = text.split_once("('")
        && let Some(key) = key.strip_suffix("')")
    {
        return vec![named(name), key.replace("''", "'")];
    }
    vec![named(text)]
}

fn named(text: &str) -> String {
    SEGMENTS
        .iter()
        .find(|name| name.eq_ignore_ascii_case(text))
        .map_or_else(|| text.to_owned(), |name| (*name).to_owned())
}

fn read_prefer(raw: &SimRequest) -> Result<Prefer, GraphError> {
    let mut prefer = Prefer::plain(false);
    let headers = raw.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("prefer"));
    for one in headers.flat_map(|(_, value)| value.split([',', ';'])) {
        let (name, value) = one.split_once('=').unwrap_or((one, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "idtype" => prefer.immutable = value.eq_ignore_ascii_case("ImmutableId"),
            "outlook.timezone" => prefer.zone = time::shown(value)?,
            "outlook.body-content-type" => prefer.text_body = value.eq_ignore_ascii_case("text"),
            "odata.maxpagesize" => {
                prefer.page_max = value.parse().ok().filter(|count: &usize| *count > 0);
            }
            _ => continue,
        }
        prefer.applied.push(one.trim().to_owned());
    }
    Ok(prefer)
}

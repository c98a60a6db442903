//! Where Graph is, per cloud, and links that come from there.

use core::fmt;

use crate::bounds::LINK_BYTES_MAX;
use crate::error::Unreadable;

/// A cloud that Microsoft runs (deployments page). Tokens, registrations and subscriptions belong to
/// one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// The world, the US government's GCC included.
    Global,
    /// US Government L4 (GCC High).
    UsGovernment,
    /// US Government L5 (DoD).
    UsGovernmentDod,
    /// China, run by 21Vianet.
    China,
}

impl Cloud {
    /// The root of Graph in this cloud.
    pub fn root(self) -> GraphRoot {
        let text = match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGovernment => "https://graph.microsoft.us",
            Self::UsGovernmentDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        };
        GraphRoot { text: text.to_owned(), host_end: text.len() }
    }

    /// Whether ids of EWS can be translated there: the US government's clouds do not offer it
    /// (user-translateexchangeids page).
    pub fn translates_ids(self) -> bool {
        matches!(self, Self::Global | Self::China)
    }
}

/// The address below which Graph answers, without the version: `https://graph.microsoft.com`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GraphRoot {
    /// Lower-case scheme and host, port, and path without a slash at its end.
    text: String,
    /// Where scheme, host and port end.
    host_end: usize,
}

/// Why a text is no root of Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the root of Graph is written like https://graph.microsoft.com; plain http only to loopback"
)]
pub struct GraphRootError;

impl GraphRoot {
    /// Reads an https address, or a plain http one of a loopback literal, as simulators have.
    ///
    /// # Errors
    /// [`GraphRootError`] for anything else: user info, query and fragment included.
    pub fn parse(text: &str) -> Result<Self, GraphRootError> {
        if text.len() > LINK_BYTES_MAX || !text.bytes().all(is_of_a_url) {
            return Err(GraphRootError);
        }
        let parts = split(text).ok_or(GraphRootError)?;
        let loopback = host_of(&parts.authority);
        let loopback = loopback == "[::1]" || is_v4_loopback(loopback);
        let scheme_fits = parts.scheme == "https" || (parts.scheme == "http" && loopback);
        let path = parts.rest.trim_end_matches('/');
        if !scheme_fits || host_of(&parts.authority).is_empty() || path.contains(['?', '#']) {
            return Err(GraphRootError);
        }
        let host = format!("{}://{}", parts.scheme, parts.authority);
        let host_end = host.len();
        Ok(Self { text: host + path, host_end })
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scope that a token for it is asked with: `{root}/.default`, of the host alone.
    pub fn default_scope(&self) -> String {
        format!("{}/.default", self.text.get(..self.host_end).unwrap_or(&self.text))
    }

    /// The address of a path with its version.
    pub fn at(&self, path_and_query: &str) -> String {
        format!("{}/v1.0{path_and_query}", self.text)
    }

    /// Takes a link that an answer or a cursor holds, if it leads to this very host. Anything else
    /// would carry our token elsewhere (exchange-graph.md 8).
    ///
    /// # Errors
    /// [`Unreadable::ForeignLink`], or [`Unreadable::TooLarge`] beyond [`LINK_BYTES_MAX`].
    pub fn link(&self, text: &str) -> Result<Link, Unreadable> {
        if text.len() > LINK_BYTES_MAX {
            return Err(Unreadable::TooLarge);
        }
        let foreign = Unreadable::ForeignLink;
        if !text.bytes().all(is_of_a_url) {
            return Err(foreign);
        }
        let parts = split(text).ok_or(foreign)?;
        let host = format!("{}://{}", parts.scheme, parts.authority);
        let path = self.text.get(self.host_end..).unwrap_or_default();
        let below = parts.rest.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        if Some(host.as_str()) == self.text.get(..self.host_end) && below {
            Ok(Link(text.to_owned()))
        } else {
            Err(foreign)
        }
    }

    /// Path and query of a link of this root's below its version, as a part of a batch names itself
    /// (json-batching page). None for a link of another root or version.
    pub(crate) fn below<'a>(&self, link: &'a Link) -> Option<&'a str> {
        self.link(link.as_str()).ok()?;
        let rest = split(link.as_str())?.rest;
        let path = self.text.get(self.host_end..)?;
        let below = rest.strip_prefix(path)?.strip_prefix("/v1.0")?;
        (below.starts_with('/') && !below.contains('#')).then_some(below)
    }
}

impl fmt::Debug for GraphRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GraphRoot({})", self.text)
    }
}

/// A link of Graph's own: opaque, to be used as it is. It leads to the host that it came from.
#[derive(Clone, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// The link as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({} bytes)", self.0.len())
    }
}

struct Parts<'a> {
    /// Lower case.
    scheme: String,
    /// Lower case, without the port that the scheme has anyway.
    authority: String,
    /// Path, query and fragment.
    rest: &'a str,
}

fn split(text: &str) -> Option<Parts<'_>> {
    let (scheme, after) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at_checked(end)?;
    // User info hides the host, and a backslash ends it for some readers.
    if authority.contains(['@', '\\']) {
        return None;
    }
    let authority = authority.to_ascii_lowercase();
    let usual_port = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(usual_port).map_or(authority.clone(), str::to_owned);
    Some(Parts { scheme, authority, rest })
}

fn host_of(authority: &str) -> &str {
    match authority.rfind(']') {
        Some(end) => authority.get(..=end).unwrap_or(authority),
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    }
}

fn is_v4_loopback(host: &str) -> bool {
    host.parse::<core::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Visible ASCII, as URLs consist of.
fn is_of_a_url(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

#[cfg(test)]
mod tests;

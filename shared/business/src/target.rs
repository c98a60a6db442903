//! Where webhooks may go. Addresses behind a name are checked again when the connection is made.

use core::fmt;

/// Longest URL that an endpoint may have, in bytes.
pub const URL_BYTES_MAX: usize = 2048;

/// The URL of a webhook endpoint.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookTarget(String);

/// Why a URL is refused as a webhook endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No absolute URL, or too long.
    #[error(
        "give an absolute URL of at most 2,048 bytes, such as https://erp.example.com/tidemark"
    )]
    NotAbsolute,
    /// Plain http to another machine.
    #[error(
        "use https: plain http is accepted only for addresses of this machine, such as http://127.0.0.1:8080/"
    )]
    PlainHttp,
    /// A user name or password in the URL.
    #[error("leave user name and password out of the URL: deliveries are signed instead")]
    Credentials,
    /// A fragment in the URL.
    #[error("leave the part after # out of the URL: it is never sent")]
    Fragment,
}

impl WebhookTarget {
    /// Reads a URL that an integrator typed.
    ///
    /// # Errors
    /// [`TargetError`] with the mend in its text.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        if url.len() > URL_BYTES_MAX || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(TargetError::NotAbsolute);
        }
        if url.contains('#') {
            return Err(TargetError::Fragment);
        }
        let parsed: http::Uri = url.parse().map_err(|_| TargetError::NotAbsolute)?;
        let host = parsed.host().filter(|host| !host.is_empty()).ok_or(TargetError::NotAbsolute)?;
        if parsed.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(TargetError::Credentials);
        }
        match parsed.scheme_str() {
            Some("https") => Ok(Self(url.to_owned())),
            Some("http") if is_loopback_literal(host) => Ok(Self(url.to_owned())),
            Some("http") => Err(TargetError::PlainHttp),
            _ => Err(TargetError::NotAbsolute),
        }
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a host is an address of this machine, written as one. Names are not: they may change.
fn is_loopback_literal(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<core::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Debug for WebhookTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookTarget({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_refused_with_their_mend() {
        let cases = [
            ("https://erp.example.com/hook?x=1", Ok(())),
            ("http://127.0.0.1:9000/", Ok(())),
            ("http://[::1]:9000/", Ok(())),
            ("http://localhost:9000/", Err(TargetError::PlainHttp)),
            ("http://erp.example.com/", Err(TargetError::PlainHttp)),
            ("ftp://erp.example.com/", Err(TargetError::NotAbsolute)),
            ("/hook", Err(TargetError::NotAbsolute)),
            ("https://user:pw@erp.example.com/", Err(TargetError::Credentials)),
            ("https://erp.example.com/#a", Err(TargetError::Fragment)),
            ("https://erp.example.com/a b", Err(TargetError::NotAbsolute)),
            ("", Err(TargetError::NotAbsolute)),
        ];
        for (url, expected) in cases {
            assert_eq!(WebhookTarget::parse(url).map(|_| ()), expected, "{url}");
        }
        assert!(WebhookTarget::parse(&format!("https://a.example/{}", "x".repeat(2048))).is_err());
    }
}

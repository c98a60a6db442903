//! Who logs on to EWS, and where.

use core::fmt;
use core::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use secrecy::{ExposeSecret as _, SecretString};

/// Longest name of an account, in characters; Active Directory allows 256 and a domain.
const USER_CHARS_MAX: usize = 512;

/// Longest URL of an endpoint, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// Why a setting of a connection is refused. The text says how to mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// `DOMAIN/user` (W15).
    #[error(
        "the user name has a forward slash: write DOMAIN\\user with a backslash, or user@domain"
    )]
    ForwardSlash,
    /// Empty, too long, or with a colon or a control character, which Basic cannot carry.
    #[error("the user name must be DOMAIN\\user or user@domain, without colons")]
    UserName,
    /// Not an absolute URL of a host, or one with a user name or a fragment in it.
    #[error("the EWS URL must look like https://mail.example.com/EWS/Exchange.asmx")]
    Url,
    /// Plain http to something other than a loopback address (E8).
    #[error("the EWS URL must begin with https: TLS cannot be switched off except on 127.0.0.1")]
    PlainHttp,
    /// An address that cannot stand in a header.
    #[error("the mailbox address must be a plain SMTP address such as user@example.com")]
    Address,
}

/// The name of an account for Basic authentication: `DOMAIN\user` or `user@domain`.
#[derive(Clone, PartialEq, Eq)]
pub struct BasicUser(String);

impl BasicUser {
    /// Reads a name as people type it.
    ///
    /// # Errors
    /// [`EndpointError::ForwardSlash`] or [`EndpointError::UserName`].
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let name = text.trim();
        // Neither form of a name may hold a slash, so it can only be meant as the separator.
        if name.contains('/') {
            return Err(EndpointError::ForwardSlash);
        }
        let fits = !name.is_empty() && name.chars().count() <= USER_CHARS_MAX;
        let clean = !name.chars().any(|c| c == ':' || c.is_control());
        if fits && clean { Ok(Self(name.to_owned())) } else { Err(EndpointError::UserName) }
    }

    /// The name as it goes to the server.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BasicUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicUser(..)")
    }
}

/// How requests prove who sends them.
#[derive(Debug, Clone)]
pub enum Credential {
    /// HTTP Basic, in UTF-8 (RFC 7617).
    Basic {
        /// The account.
        user: BasicUser,
        /// Its password.
        password: SecretString,
    },
}

impl Credential {
    /// The value of `Authorization`, marked as sensitive.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        match self {
            Self::Basic { user, password } => {
                let pair = format!("{}:{}", user.as_str(), password.expose_secret());
                let mut value =
                    HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
        }
    }
}

/// Where EWS answers: https, or plain http to a loopback address.
#[derive(Clone, PartialEq, Eq)]
pub struct EwsUrl(String);

impl EwsUrl {
    /// Reads a URL as people type it.
    ///
    /// # Errors
    /// [`EndpointError::Url`] or [`EndpointError::PlainHttp`].
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        if text.len() > URL_BYTES_MAX || text.contains('#') {
            return Err(EndpointError::Url);
        }
        let uri: Uri = text.parse().map_err(|_| EndpointError::Url)?;
        let authority = uri.authority().ok_or(EndpointError::Url)?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(EndpointError::Url);
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self(text.to_owned())),
            Some("http") if is_loopback(authority.host()) => Ok(Self(text.to_owned())),
            Some("http") => Err(EndpointError::PlainHttp),
            _ => Err(EndpointError::Url),
        }
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EwsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EwsUrl({} bytes)", self.0.len())
    }
}

/// Only addresses count: a name such as `localhost` may point anywhere.
fn is_loopback(host: &str) -> bool {
    let literal = host.trim_matches(['[', ']']);
    literal.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The SMTP address of a mailbox, fit for a header and for impersonation.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MailboxAddress(String);

impl MailboxAddress {
    /// Reads an address; its case does not matter.
    ///
    /// # Errors
    /// [`EndpointError::Address`].
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        /// RFC 5321 4.5.3.1 as corrected: 64 for the local part, 254 in all.
        const ADDRESS_BYTES_MAX: usize = 254;
        let address = text.trim().to_lowercase();
        let halves = address.rsplit_once('@');
        let named = halves.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        // Headers hold ASCII; Exchange 2016 to SE take no other addresses either.
        let clean = address.bytes().all(|byte| byte.is_ascii_graphic());
        if named && clean && address.len() <= ADDRESS_BYTES_MAX {
            Ok(Self(address))
        } else {
            Err(EndpointError::Address)
        }
    }

    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MailboxAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailboxAddress(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_user_name_are_taken_as_they_are() {
        for name in ["CONTOSO\\alex", "alex@contoso.example", "jörg@contoso.example", "alex"] {
            assert_eq!(BasicUser::parse(name).map(|user| user.0), Ok(name.to_owned()));
        }
        assert_eq!(BasicUser::parse(" alex \n").map(|user| user.0), Ok("alex".to_owned()));
    }

    #[test]
    fn a_forward_slash_is_refused_with_its_mend() {
        let error = BasicUser::parse("CONTOSO/alex").expect_err("refused");
        assert_eq!(error, EndpointError::ForwardSlash);
        assert!(error.to_string().contains("DOMAIN\\user with a backslash"));
    }

    #[test]
    fn names_that_basic_cannot_carry_are_refused() {
        for name in ["", "  ", "a:b", "a\u{0}b", &"x".repeat(USER_CHARS_MAX + 1)] {
            assert_eq!(BasicUser::parse(name), Err(EndpointError::UserName), "{name:?}");
        }
    }

    #[test]
    fn the_header_is_utf_8_in_base64_and_hidden() {
        let credential = Credential::Basic {
            user: BasicUser::parse("CONTOSO\\jörg").expect("a name"),
            password: SecretString::from("pä:ss"),
        };
        let header = credential.authorization().expect("a header");
        assert!(header.is_sensitive());
        let encoded = header.to_str().expect("ASCII").strip_prefix("Basic ").expect("Basic");
        let decoded = STANDARD.decode(encoded).expect("base64");
        assert_eq!(decoded, "CONTOSO\\jörg:pä:ss".as_bytes());
        let shown = format!("{credential:?}");
        assert!(!shown.contains("jörg") && !shown.contains("pä:ss"), "{shown}");
    }

    #[test]
    fn tls_can_be_left_out_on_loopback_addresses_only() {
        for url in [
            "https://mail.example/EWS/Exchange.asmx",
            "https://10.0.0.1:8443/EWS/Exchange.asmx",
            "http://127.0.0.1:8481/EWS/Exchange.asmx",
            "http://127.1.2.3/EWS/Exchange.asmx",
            "http://[::1]:8481/EWS/Exchange.asmx",
        ] {
            assert!(EwsUrl::parse(url).is_ok(), "{url}");
        }
        for url in [
            "http://mail.example/EWS/Exchange.asmx",
            "http://localhost:8481/EWS/Exchange.asmx",
            "http://10.0.0.1/EWS/Exchange.asmx",
        ] {
            assert_eq!(EwsUrl::parse(url), Err(EndpointError::PlainHttp), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused() {
        for url in [
            "",
            "mail.example",
            "/EWS/Exchange.asmx",
            "ftp://mail.example/",
            "https:///EWS",
            "https://user:password@mail.example/",
            "https://mail.example/#part",
        ] {
            assert_eq!(EwsUrl::parse(url), Err(EndpointError::Url), "{url}");
        }
    }

    #[test]
    fn addresses_are_lowered_and_must_fit_a_header() {
        let address = MailboxAddress::parse(" Alex@Contoso.Example ").expect("an address");
        assert_eq!(address.as_str(), "alex@contoso.example");
        for text in ["", "alex", "@contoso.example", "alex@", "a b@c", "a\r\nb@c", "jörg@c"] {
            assert_eq!(MailboxAddress::parse(text), Err(EndpointError::Address), "{text:?}");
        }
    }
}

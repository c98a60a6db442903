//! The owner's settings and the user: zone, kind of mailbox, addresses.

use core::fmt;

use serde::Deserialize;

use crate::bounds::DOCUMENT_BYTES_MAX;
use crate::error::Unreadable;
use crate::request::{GraphRequest, Method, Path, UserKey};
use crate::text::{List, Object, Text};

/// Asks for zone and kind of a mailbox (user-get-mailboxsettings page). Only a mailbox in Exchange
/// Online has an answer: that a user has a mail address proves nothing.
pub fn build_mailbox_settings(user: &UserKey) -> GraphRequest {
    let path = user.path().words("/mailboxSettings").query("$select", "timeZone,userPurpose");
    GraphRequest::new(Method::Get, path)
}

/// Settings of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxSettings {
    /// The zone: the name that Windows gives it, or IANA's.
    pub time_zone: Option<String>,
    /// `user`, `shared`, `room`, `equipment` or a word of a later server.
    pub purpose: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSettings<'a> {
    #[serde(borrow, default)]
    time_zone: Text<'a>,
    #[serde(borrow, default)]
    user_purpose: Text<'a>,
}

/// Reads settings.
///
/// # Errors
/// What is no object.
pub fn read_mailbox_settings(body: &[u8]) -> Result<MailboxSettings, Unreadable> {
    let found: WireSettings<'_> = read_object(body)?;
    Ok(MailboxSettings { time_zone: found.time_zone.owned(), purpose: found.user_purpose.owned() })
}

/// Asks for the default calendar of a mailbox (calendar-get page): it takes no other right than the
/// one that is needed anyway.
pub fn build_calendar(user: &UserKey) -> GraphRequest {
    let path = user.path().words("/calendar").query("$select", "id,canEdit");
    GraphRequest::new(Method::Get, path)
}

/// The default calendar of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// Whether it may be written; none if the server does not say.
    pub can_edit: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCalendar<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    can_edit: Option<bool>,
}

/// Reads a calendar.
///
/// # Errors
/// What is no calendar.
pub fn read_calendar(body: &[u8]) -> Result<Calendar, Unreadable> {
    let found: WireCalendar<'_> = read_object(body)?;
    found.id.filled().ok_or(Unreadable::Unexpected)?;
    Ok(Calendar { can_edit: found.can_edit })
}

/// Asks for the id of one contact (user-list-contacts page): whether contacts open at all.
pub fn build_contacts_glance(user: &UserKey) -> GraphRequest {
    GraphRequest::new(Method::Get, glance(user.path().words("/contacts")))
}

/// Asks for the id of one message (user-list-messages page): whether mail opens at all.
pub fn build_messages_glance(user: &UserKey) -> GraphRequest {
    GraphRequest::new(Method::Get, glance(user.path().words("/messages")))
}

fn glance(path: Path) -> Path {
    path.query("$top", "1").query("$select", "id")
}

/// Asks who a user is (user-get page).
pub fn build_user(user: &UserKey) -> GraphRequest {
    let path = user.path().query("$select", "id,mail,userPrincipalName,proxyAddresses");
    GraphRequest::new(Method::Get, path)
}

/// A user of the directory.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectoryUser {
    /// Object id: never changes.
    pub id: String,
    /// User principal name: may change.
    pub principal_name: Option<String>,
    /// Primary SMTP address, lower case.
    pub mail: Option<String>,
    /// All SMTP addresses, lower case.
    pub addresses: Vec<String>,
}

impl fmt::Debug for DirectoryUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DirectoryUser({} addresses)", self.addresses.len())
    }
}

/// Most addresses of one user that are looked at.
const ADDRESSES_MAX: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireUser<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    mail: Text<'a>,
    #[serde(borrow, default)]
    user_principal_name: Text<'a>,
    #[serde(borrow, default)]
    proxy_addresses: List<Text<'a>, ADDRESSES_MAX>,
}

/// Reads a user. `SMTP:` marks the primary of the addresses, `smtp:` the others.
///
/// # Errors
/// What is no user.
pub fn read_user(body: &[u8]) -> Result<DirectoryUser, Unreadable> {
    let found: WireUser<'_> = read_object(body)?;
    let proxies = found.proxy_addresses.items.iter().filter_map(Text::filled);
    let smtp = proxies.filter_map(|text| text.split_once(':'));
    let smtp = smtp.filter(|(kind, _)| kind.eq_ignore_ascii_case("smtp"));
    let mut addresses: Vec<String> = smtp.map(|(_, address)| address.to_lowercase()).collect();
    let mail = found.mail.filled().map(str::to_lowercase);
    addresses.extend(mail.clone().filter(|mail| !addresses.contains(mail)));
    Ok(DirectoryUser {
        id: found.id.owned().ok_or(Unreadable::Unexpected)?,
        principal_name: found.user_principal_name.owned(),
        mail,
        addresses,
    })
}

fn read_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unreadable> {
    if body.len() > DOCUMENT_BYTES_MAX {
        return Err(Unreadable::TooLarge);
    }
    let found: Object<T> =
        serde_json::from_slice(body).map_err(|error| Unreadable::of_json(&error))?;
    found.0.ok_or(Unreadable::Unexpected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_name_the_zone() {
        let user = UserKey::parse("a@tidemark.example").expect("a name");
        let path = build_mailbox_settings(&user).path().map(str::to_owned).expect("a path");
        assert!(path.contains("/mailboxSettings?$select=timeZone%2CuserPurpose"), "{path}");
        let body = br#"{"timeZone":"W. Europe Standard Time","userPurpose":"room","x":{}}"#;
        let found = read_mailbox_settings(body).expect("settings");
        assert_eq!(found.time_zone.as_deref(), Some("W. Europe Standard Time"));
        assert_eq!(found.purpose.as_deref(), Some("room"));
        assert_eq!(read_mailbox_settings(b"[]"), Err(Unreadable::Unexpected));
    }

    #[test]
    fn a_glance_asks_for_one_id() {
        let user = UserKey::parse("a@tidemark.example").expect("a name");
        for (request, words) in [
            (build_contacts_glance(&user), "/contacts"),
            (build_messages_glance(&user), "/messages"),
        ] {
            let path = request.path().expect("a path");
            assert!(path.ends_with(&format!("{words}?$top=1&$select=id")), "{path}");
        }
    }

    #[test]
    fn a_calendar_has_an_id() {
        let found = read_calendar(br#"{"id":"AAA=","canEdit":true,"name":"Calendar"}"#);
        assert_eq!(found, Ok(Calendar { can_edit: Some(true) }));
        assert_eq!(read_calendar(b"{\"value\":[]}"), Err(Unreadable::Unexpected));
    }

    #[test]
    fn a_user_has_addresses_of_several_kinds() {
        let body = br#"{"id":"8a7c","mail":"Alex@tidemark.example","userPrincipalName":"alex@x",
            "proxyAddresses":["SMTP:alex@tidemark.example","smtp:a@tidemark.example","X500:/o=x",7]}"#;
        let found = read_user(body).expect("a user");
        assert_eq!(found.mail.as_deref(), Some("alex@tidemark.example"));
        assert_eq!(found.addresses, ["alex@tidemark.example", "a@tidemark.example"]);
        assert_eq!(read_user(b"{}"), Err(Unreadable::Unexpected));
        assert!(!format!("{found:?}").contains('@'));
    }
}

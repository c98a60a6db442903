//! The parts of an event on the wire, each by the name of its page.

use core::fmt;

use serde::Deserialize;
use tidemark_model::Attachment;

/// `dateTimeTimeZone`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireTime {
    /// `dateTime`: civil time without an offset, to the tenth of a microsecond.
    pub date_time: String,
    /// `timeZone`: a Windows id or an IANA name; UTC if there is none.
    pub time_zone: Option<String>,
}

/// `itemBody`. `Debug` shows its length.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireBody {
    /// `contentType`
    pub content_type: Option<WireBodyType>,
    /// `content`
    pub content: Option<String>,
}

impl fmt::Debug for WireBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.content.as_ref().map(String::len);
        write!(f, "WireBody({:?}, {bytes:?} bytes)", self.content_type)
    }
}

/// `bodyType`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WireBodyType {
    /// `text`
    Text,
    /// `html`
    Html,
    /// A word that is not known; it is read as text.
    #[serde(other)]
    Unrecognised,
}

/// `freeBusyStatus`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WireShowAs {
    /// `free`
    Free,
    /// `tentative`
    Tentative,
    /// `busy`
    Busy,
    /// `oof`
    Oof,
    /// `workingElsewhere`
    WorkingElsewhere,
    /// `unknown` and words that are not known; read as busy, and never written.
    #[serde(other)]
    Unknown,
}

/// `sensitivity`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WireSensitivity {
    /// `normal`
    Normal,
    /// `personal`
    Personal,
    /// `private`
    Private,
    /// `confidential`
    Confidential,
    /// A word that is not known; it is read as private, which hides rather than shows.
    #[serde(other)]
    Unrecognised,
}

/// `importance`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WireImportance {
    /// `low`
    Low,
    /// `normal`
    Normal,
    /// `high`
    High,
    /// A word that is not known; it is read as normal.
    #[serde(other)]
    Unrecognised,
}

/// `location`; only its name is read. `Debug` shows its length.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireLocation {
    /// `displayName`
    pub display_name: Option<String>,
}

impl fmt::Debug for WireLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireLocation({:?} bytes)", self.display_name.as_ref().map(String::len))
    }
}

/// `onlineMeetingInfo`; only the way into it is read, and `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireOnlineMeeting {
    /// `joinUrl`
    pub join_url: Option<String>,
}

impl fmt::Debug for WireOnlineMeeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WireOnlineMeeting(..)")
    }
}

/// `singleValueLegacyExtendedProperty`. `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct WireProperty {
    /// Type, set and name: `String {guid} Name name`.
    pub id: Option<String>,
    /// Its text.
    pub value: Option<String>,
}

impl fmt::Debug for WireProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WireProperty(..)")
    }
}

/// `attachment`, without its content. `Debug` shows its size.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireAttachment {
    /// `id`
    pub id: Option<String>,
    /// `name`
    pub name: Option<String>,
    /// `contentType`
    pub content_type: Option<String>,
    /// `size`, in bytes.
    pub size: Option<i64>,
    /// `isInline`
    pub is_inline: Option<bool>,
}

impl fmt::Debug for WireAttachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireAttachment({:?} bytes)", self.size)
    }
}

/// The attachments; one without an id is none that could be asked for.
pub(super) fn attachments_of(list: &[WireAttachment]) -> Vec<Attachment> {
    let attachments = list.iter().filter_map(|attachment| {
        Some(Attachment {
            id: attachment.id.clone()?,
            name: attachment.name.clone().unwrap_or_default(),
            content_type: attachment.content_type.clone(),
            size_bytes: attachment.size.and_then(|size| u64::try_from(size).ok()),
            inline: attachment.is_inline.unwrap_or_default(),
        })
    });
    attachments.collect()
}

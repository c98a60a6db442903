//! Ids that only the store's rows need, and how ids stand in rows.

use core::fmt;

use serde::{Deserialize, Serialize};
use tidemark_model::{MailboxId, OrganisationId};
use uuid::Uuid;

/// A mailbox within its organisation: the scope of nearly everything that is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxScope {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The mailbox.
    pub mailbox: MailboxId,
}

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that was made elsewhere from a handed-in clock and randomness.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// Reads the hyphenated or plain form; none when the text is no UUID.
            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.hyphenated())
            }
        }
    };
}

row_id!(
    /// A connection to an Exchange.
    ConnectionId
);
row_id!(
    /// An API key, as people name it; never the key itself.
    ApiKeyId
);
row_id!(
    /// A webhook endpoint.
    EndpointId
);
row_id!(
    /// One attempt to write to Exchange.
    IntentId
);
row_id!(
    /// Something that waits for a person's decision.
    HoldId
);
row_id!(
    /// One change of the business system, as the API accepted it.
    ChangeId
);

/// A collection of a mailbox: what is read with one cursor. 1 to 63 lower-case letters, digits and
/// hyphens; the folders of a mailbox are named by a hash of their id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Collection(String);

impl Collection {
    /// The default calendar.
    pub fn calendar() -> Self {
        Self("calendar".to_owned())
    }

    /// Reads a collection's name; none when it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Ids of the model stand in rows as text.
macro_rules! as_text {
    ($name:ident, $id:ty, $write:expr, $read:expr) => {
        pub(crate) mod $name {
            use serde::{Deserialize, Deserializer, Serializer, de::Error};

            type Id = $id;

            pub(crate) fn serialize<S: Serializer>(id: &Id, s: S) -> Result<S::Ok, S::Error> {
                let write: fn(&Id) -> String = $write;
                s.serialize_str(&write(id))
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Id, D::Error> {
                let text = String::deserialize(d)?;
                let read: fn(&str) -> Option<Id> = $read;
                read(&text).ok_or_else(|| D::Error::custom("not the id that it should be"))
            }
        }
    };
}

/// The same for ids that may be missing.
macro_rules! as_optional_text {
    ($name:ident, $id:ty, $write:expr, $read:expr) => {
        pub(crate) mod $name {
            use serde::{Deserialize, Deserializer, Serializer, de::Error};

            type Id = $id;

            #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
            pub(crate) fn serialize<S: Serializer>(
                id: &Option<Id>,
                s: S,
            ) -> Result<S::Ok, S::Error> {
                let write: fn(&Id) -> String = $write;
                match id {
                    Some(id) => s.serialize_some(&write(id)),
                    None => s.serialize_none(),
                }
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
                d: D,
            ) -> Result<Option<Id>, D::Error> {
                let read: fn(&str) -> Option<Id> = $read;
                Option::<String>::deserialize(d)?
                    .map(|text| {
                        read(&text).ok_or_else(|| D::Error::custom("not the id that it should be"))
                    })
                    .transpose()
            }
        }
    };
}

as_text!(mailbox, tidemark_model::MailboxId, |id| id.to_string(), |text| Id::parse(text).ok());
as_text!(link, tidemark_model::LinkId, |id| id.to_string(), |text| { Id::parse(text).ok() });
as_text!(kind, tidemark_model::Kind, |id| id.as_str().to_owned(), |text| Id::parse(text).ok());
as_text!(system, tidemark_model::SystemId, |id| id.to_string(), |text| Id::parse(text).ok());
as_text!(organisation, tidemark_model::OrganisationId, |id| id.to_string(), |text| {
    Id::parse(text).ok()
});
as_optional_text!(some_system, tidemark_model::SystemId, |id| id.to_string(), |text| {
    Id::parse(text).ok()
});
as_optional_text!(some_link, tidemark_model::LinkId, |id| id.to_string(), |text| {
    Id::parse(text).ok()
});
as_optional_text!(
    some_business_key,
    tidemark_model::BusinessKey,
    |id| id.as_str().to_owned(),
    |text| Id::parse(text).ok()
);

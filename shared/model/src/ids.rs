//! Identities. Every id is a type of its own, so that two of them never change places.

use core::fmt;

use uuid::Uuid;

/// Why a text is not the id that it was given for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct IdError {
    /// Which id was meant.
    pub what: &'static str,
    /// What it has to look like.
    pub rule: &'static str,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

            /// Reads the hyphenated or plain form.
            ///
            /// # Errors
            /// When the text is no UUID.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| IdError { what: $what, rule: "a UUID" })
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

uuid_id!(
    /// A mailbox of ours. It outlives address changes and moves between servers (N19).
    MailboxId,
    "a mailbox id"
);
uuid_id!(
    /// The pairing of one item in Exchange with one item of the business system.
    ///
    /// For an item born in Exchange it is a UUIDv7 and the id that the API announces; for an item
    /// born in the business system it is derived from that system's own id ([`LinkId::of_business_key`]).
    LinkId,
    "a link id"
);

/// Name space of link ids that are derived from a business system's own ids.
const LINK_NAMESPACE: Uuid = Uuid::from_u128(0x6d0c_19c1_7f43_4d52_9d4b_54a0_1a3c_9b6e);

impl LinkId {
    /// The link id of an item that the business system names itself. The same key in another
    /// system, mailbox or kind gives another link.
    pub fn of_business_key(
        system: &SystemId,
        mailbox: MailboxId,
        kind: Kind,
        key: &BusinessKey,
    ) -> Self {
        let mut name = Vec::new();
        for part in [
            system.as_str().as_bytes(),
            mailbox.uuid().as_bytes().as_slice(),
            kind.as_str().as_bytes(),
            key.as_str().as_bytes(),
        ] {
            name.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            name.extend_from_slice(part);
        }
        Self(Uuid::new_v5(&LINK_NAMESPACE, &name))
    }
}

/// What kind of item is synced. One collection of a mailbox holds one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Appointments and meetings.
    Appointment,
}

impl Kind {
    /// Every kind that is synced today.
    pub const ALL: [Self; 1] = [Self::Appointment];

    /// The word used in keys and event types: `appointment`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Appointment => "appointment",
        }
    }

    /// The word used in paths: `appointments`.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Appointment => "appointments",
        }
    }

    /// Reads either word.
    ///
    /// # Errors
    /// When the word names no kind that is synced.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        match text {
            "appointment" | "appointments" => Ok(Self::Appointment),
            _ => Err(IdError { what: "a kind", rule: "one of: appointments" }),
        }
    }
}

macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads an id of 1 to 63 lower-case letters, digits and hyphens.
            ///
            /// # Errors
            /// When the text has another form.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let fits = (1..=63).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if fits {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError {
                        what: $what,
                        rule: "1 to 63 lower-case letters, digits or hyphens",
                    })
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

slug_id!(
    /// The organisation that everything is scoped to.
    OrganisationId,
    "an organisation id"
);
slug_id!(
    /// A business system: the owner of API keys, links and item ids (W19).
    SystemId,
    "a business system id"
);

/// The business system's own id of an item: 1 to 255 bytes without control characters.
///
/// Its `Debug` shows only the length, since systems put names and numbers of people into ids.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessKey(String);

impl BusinessKey {
    /// Reads an id as it came out of a path.
    ///
    /// # Errors
    /// When it is empty, longer than 255 bytes or holds control characters.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let fits = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError { what: "an item id", rule: "1 to 255 bytes without control characters" })
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BusinessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BusinessKey({} bytes)", self.0.len())
    }
}

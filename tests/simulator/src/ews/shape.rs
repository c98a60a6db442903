//! Which properties an answer shall carry.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::error::EwsError;
use super::node::Read;
use super::read::read_extended_name;
use crate::store::ExtendedName;

/// What `Default` gives of an appointment beyond its id.
const CALENDAR_DEFAULT: [&str; 7] = [
    "item:Subject",
    "item:HasAttachments",
    "calendar:Start",
    "calendar:End",
    "calendar:Location",
    "calendar:LegacyFreeBusyStatus",
    "calendar:CalendarItemType",
];

/// What `Default` gives of a message beyond its id.
const MESSAGE_DEFAULT: [&str; 6] = [
    "item:Subject",
    "item:Sensitivity",
    "item:Size",
    "item:DateTimeSent",
    "item:HasAttachments",
    "message:IsRead",
];

/// In which form bodies are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyType {
    /// As it is stored.
    Best,
    /// As HTML.
    Html,
    /// As plain text.
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    IdOnly,
    Default,
    All,
}

/// A response shape.
pub(crate) struct Shape {
    base: Base,
    asked: BTreeSet<String>,
    /// Extended properties, in the order in which they were asked for.
    pub(crate) extended: Vec<ExtendedName>,
    /// Form of bodies.
    pub(crate) body_type: BodyType,
    /// Whether the item is wanted as iCalendar too.
    pub(crate) mime: bool,
    /// Whether bodies may be given: only GetItem gives them.
    pub(crate) bodies: bool,
}

impl Shape {
    /// Only ids.
    pub(crate) const fn ids() -> Self {
        Self {
            base: Base::IdOnly,
            asked: BTreeSet::new(),
            extended: Vec::new(),
            body_type: BodyType::Best,
            mime: false,
            bodies: false,
        }
    }

    /// Reads an `ItemShape` or `FolderShape`.
    pub(crate) fn read(node: Option<Node<'_, '_>>) -> Result<Self, EwsError> {
        let node = node.ok_or_else(|| EwsError::schema("the shape is missing"))?;
        let mut shape = Self::ids();
        shape.base = match node.child_text("BaseShape") {
            Some("IdOnly") => Base::IdOnly,
            Some("Default") => Base::Default,
            Some("AllProperties") => Base::All,
            _ => return Err(EwsError::schema("BaseShape has no such value")),
        };
        shape.body_type = match node.child_text("BodyType") {
            Some("HTML") => BodyType::Html,
            Some("Text") => BodyType::Text,
            _ => BodyType::Best,
        };
        shape.mime = node.child_text("IncludeMimeContent") == Some("true");
        for field in node.child("AdditionalProperties").into_iter().flat_map(Read::elements) {
            match field.name() {
                "FieldURI" => {
                    let uri = field.attribute("FieldURI").unwrap_or_default();
                    shape.asked.insert(uri.to_owned());
                }
                "ExtendedFieldURI" => shape.extended.push(read_extended_name(field)?),
                _ => {}
            }
        }
        Ok(shape)
    }

    /// Whether a property of an appointment is wanted.
    pub(crate) fn wants(&self, uri: &str) -> bool {
        self.wants_with(uri, &CALENDAR_DEFAULT)
    }

    /// Whether a property of a message is wanted.
    pub(crate) fn wants_of_message(&self, uri: &str) -> bool {
        self.wants_with(uri, &MESSAGE_DEFAULT)
    }

    /// Whether a property of a folder is wanted; `Default` gives nearly all of them.
    pub(crate) fn wants_of_folder(&self, uri: &str) -> bool {
        self.base != Base::IdOnly || self.asked.contains(uri)
    }

    fn wants_with(&self, uri: &str, by_default: &[&str]) -> bool {
        let of_base = match self.base {
            Base::IdOnly => false,
            Base::Default => by_default.contains(&uri),
            // Everything but what is costly, which has to be asked for by name.
            Base::All => !matches!(uri, "item:MimeContent" | "item:UniqueBody" | "item:TextBody"),
        };
        of_base || self.asked.contains(uri)
    }
}

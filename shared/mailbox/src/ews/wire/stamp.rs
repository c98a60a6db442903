//! Our stamp on an item: two extended properties in a set of our own. Attendees never see them.
//!
//! Named properties are a limited resource of every mailbox, so there are two names and no more.

use tidemark_model::LinkId;
use uuid::Uuid;

use super::tree::Node;
use super::xml::XmlWriter;
use crate::port::Stamp;

/// The set of all properties that this product writes.
const PROPERTY_SET: &str = "8f71513c-b755-447a-8a2b-3d2ace1b53b9";
/// The link id alone, so that it can be searched.
const LINK: &str = "Link";
/// Intent id and lease epoch with a blank between them.
const ATTEMPT: &str = "Attempt";

/// Writes both paths, so that they are read.
pub(super) fn write_paths(xml: &mut XmlWriter) {
    write_path(xml, LINK);
    write_path(xml, ATTEMPT);
}

/// Writes the path that is searched.
pub(super) fn write_link_path(xml: &mut XmlWriter) {
    write_path(xml, LINK);
}

/// Writes the stamp.
pub(super) fn write(xml: &mut XmlWriter, stamp: &Stamp) {
    let attempt = format!("{} {}", stamp.intent.hyphenated(), stamp.epoch);
    for (name, value) in [(LINK, stamp.link.to_string()), (ATTEMPT, attempt)] {
        xml.element("t:ExtendedProperty", &[], |xml| {
            write_path(xml, name);
            xml.leaf("t:Value", &value);
        });
    }
}

fn write_path(xml: &mut XmlWriter, name: &str) {
    xml.empty(
        "t:ExtendedFieldURI",
        &[("PropertySetId", PROPERTY_SET), ("PropertyName", name), ("PropertyType", "String")],
    );
}

/// Reads the stamp of an item. None if there is none, or if it is not whole.
pub(super) fn read(item: &Node) -> Option<Stamp> {
    let value = |name: &str| {
        let is_it = |property: &&Node| {
            property.child("ExtendedFieldURI").is_some_and(|path| {
                let set = path.attribute("PropertySetId");
                set.is_some_and(|set| set.eq_ignore_ascii_case(PROPERTY_SET))
                    && path.attribute("PropertyName") == Some(name)
            })
        };
        let mut properties = item.children().filter(|node| node.name() == "ExtendedProperty");
        properties.find(is_it)?.text_of("Value")
    };
    let (intent, epoch) = value(ATTEMPT)?.split_once(' ')?;
    Some(Stamp {
        link: LinkId::parse(value(LINK)?).ok()?,
        intent: Uuid::try_parse(intent).ok()?,
        epoch: epoch.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_back() {
        let stamp =
            Stamp { link: LinkId::new(Uuid::from_u128(7)), intent: Uuid::from_u128(8), epoch: 3 };
        let mut xml = XmlWriter::new();
        xml.element("item", &[], |xml| write(xml, &stamp));
        let text = xml.into_bytes();
        assert_eq!(read(&Node::parse(&text).expect("XML")), Some(stamp));
        let foreign = String::from_utf8(text).expect("UTF-8").replace(PROPERTY_SET, "other");
        assert_eq!(read(&Node::parse(foreign.as_bytes()).expect("XML")), None);
    }
}

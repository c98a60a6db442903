//! What we write on every item that we create, so that it is recognised after an unclear answer.
//!
//! One string property of one fixed set: named properties are a limited resource of a mailbox
//! (exchange-ews.md 9). It says which pairing the item belongs to, which attempt made it, and in
//! which lease epoch: `link;intent;epoch`.

use crate::property::{ExtendedField, PropertyName, PropertySet};

/// The property.
pub const STAMP: ExtendedField =
    ExtendedField { set: PropertySet::Guid(SET), name: PropertyName::Text(NAME), kind: "String" };

const SET: &str = "8f71513c-b755-447a-8a2b-3d2ace1b53b9";
const NAME: &str = "TidemarkLink";
const SEPARATOR: char = ';';

/// The text of a stamp.
pub fn format(link: &str, intent: &str, epoch: u64) -> String {
    format!("{link}{SEPARATOR}{intent}{SEPARATOR}{epoch}")
}

/// Link, intent and epoch of a stamp's text; none if it is not one. Fields that a later version may
/// append are left out.
pub fn parse(text: &str) -> Option<(&str, &str, u64)> {
    let mut parts = text.trim().split(SEPARATOR);
    let (link, intent, epoch) = (parts.next()?, parts.next()?, parts.next()?);
    let epoch = epoch.parse().ok()?;
    (!link.is_empty() && !intent.is_empty()).then_some((link, intent, epoch))
}

/// What every stamp of a link begins with: the constant to search for.
pub fn prefix(link: &str) -> String {
    format!("{link}{SEPARATOR}")
}

/// Whether an extended property of an answer is the stamp. Servers write GUIDs in any case.
pub(crate) fn is_stamp(set: Option<&str>, name: Option<&str>) -> bool {
    set.is_some_and(|set| set.eq_ignore_ascii_case(SET)) && name == Some(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let text = format("link", "intent", 7);
        assert_eq!(text, "link;intent;7");
        assert!(text.starts_with(&prefix("link")));
        assert!(!text.starts_with(&prefix("lin")));
        assert_eq!(parse(&text), Some(("link", "intent", 7)));
        assert_eq!(parse("link;intent;7;later"), Some(("link", "intent", 7)));
        for bad in ["", "link", "link;intent", "link;intent;x", ";;1"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_property_is_recognised_in_any_case() {
        assert!(is_stamp(Some(&SET.to_uppercase()), Some(NAME)));
        assert!(!is_stamp(Some(SET), Some("Other")));
        assert!(!is_stamp(None, Some(NAME)));
    }
}

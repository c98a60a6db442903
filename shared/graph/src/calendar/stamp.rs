//! What we write on every item that we create, so that it is recognised after an unclear answer.
//!
//! It is the same named property of the store that is written over EWS, so that an item that was
//! made over one protocol is found over the other. Its text is `link;intent;epoch`.

/// The property as Graph names it (extended-properties-overview page).
pub const PROPERTY: &str = "String {8f71513c-b755-447a-8a2b-3d2ace1b53b9} Name TidemarkLink";

/// The clause of `$expand` without which Graph does not return the stamp
/// (singlevaluelegacyextendedproperty-get page). Not URL-encoded.
pub const EXPAND: &str = "singleValueExtendedProperties($filter=id eq \
    'String {8f71513c-b755-447a-8a2b-3d2ace1b53b9} Name TidemarkLink')";

const KIND: &str = "String";
const SET: &str = "{8f71513c-b755-447a-8a2b-3d2ace1b53b9}";
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

/// What every stamp of a link begins with.
pub fn prefix(link: &str) -> String {
    format!("{link}{SEPARATOR}")
}

/// The `$filter` that finds the items with a stamp of a link, not URL-encoded. `startswith` is
/// documented for properties of type String; values compare without regard to case
/// (singlevaluelegacyextendedproperty-get page).
pub fn filter(link: &str) -> String {
    let prefix = prefix(link).replace('\'', "''");
    format!(
        "singleValueExtendedProperties/Any(ep: ep/id eq '{PROPERTY}' and \
         startswith(ep/value, '{prefix}'))"
    )
}

/// Whether an extended property of an answer is the stamp. Servers write GUIDs in any case; the
/// name is case-sensitive.
pub(super) fn is_stamp(id: &str) -> bool {
    let mut words = id.split_ascii_whitespace();
    words.next() == Some(KIND)
        && words.next().is_some_and(|set| set.eq_ignore_ascii_case(SET))
        && words.next() == Some("Name")
        && words.next() == Some(NAME)
        && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let text = format("link", "intent", 7);
        assert_eq!(text, "link;intent;7");
        assert!(text.starts_with(&prefix("link")));
        assert_eq!(parse(&text), Some(("link", "intent", 7)));
        assert_eq!(parse("link;intent;7;later"), Some(("link", "intent", 7)));
        for bad in ["", "link", "link;intent", "link;intent;x", ";;1"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_property_is_recognised_with_its_guid_in_any_case() {
        assert!(is_stamp(PROPERTY));
        assert!(is_stamp("String {8F71513C-B755-447A-8A2B-3D2ACE1B53B9} Name TidemarkLink"));
        assert!(!is_stamp("String {8f71513c-b755-447a-8a2b-3d2ace1b53b9} Name tidemarklink"));
        assert!(!is_stamp("String {8f71513c-b755-447a-8a2b-3d2ace1b53b8} Name TidemarkLink"));
        assert!(!is_stamp("String 0x0037"));
        assert_eq!(PROPERTY, format!("{KIND} {SET} Name {NAME}"));
        assert!(EXPAND.contains(PROPERTY));
    }

    #[test]
    fn a_filter_quotes_what_it_searches_for() {
        let filter = filter("o'link");
        assert!(filter.ends_with("startswith(ep/value, 'o''link;'))"), "{filter}");
    }
}

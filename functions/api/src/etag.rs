//! Entity tags (RFC 9110, 8.8.3): the version of an item as HTTP carries it.
//!
//! An item of which nothing waits has a strong tag, `"7"`. While changes wait, the version will not
//! last: its tag is weak, `W/"7-31"`, and so never satisfies `If-Match`, which compares strongly
//! (RFC 9110, 13.1.1), while `If-None-Match` still knows it again (13.1.2).

use tidemark_service::border::ItemVersion;

/// The tag of a version.
pub(crate) fn write(version: ItemVersion) -> String {
    match version {
        ItemVersion::Settled(_) => format!("\"{version}\""),
        ItemVersion::Waiting { .. } => format!("W/\"{version}\""),
    }
}

/// The version that a tag of ours names.
pub(crate) fn read(tag: &str) -> Option<ItemVersion> {
    let (is_weak, opaque) = match tag.strip_prefix("W/") {
        Some(opaque) => (true, opaque),
        None => (false, tag),
    };
    let text = opaque.strip_prefix('"')?.strip_suffix('"')?;
    let version = match (is_weak, text.split_once('-')) {
        (false, None) => ItemVersion::Settled(text.parse().ok()?),
        (true, Some((revision, last))) => {
            ItemVersion::Waiting { revision: revision.parse().ok()?, last: last.parse().ok()? }
        }
        (false, Some(_)) | (true, None) => return None,
    };
    // Tags are compared character by character: "7" and "07" are two tags, and only one is ours.
    (write(version) == tag).then_some(version)
}

/// Whether two tags are the same by weak comparison (RFC 9110, 8.8.3.2).
pub(crate) fn is_weakly_same(one: &str, other: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    opaque(one) == opaque(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_back_as_the_versions_that_they_name() {
        let waiting = ItemVersion::Waiting { revision: 7, last: 31 };
        assert_eq!(write(ItemVersion::Settled(7)), "\"7\"");
        assert_eq!(write(waiting), "W/\"7-31\"");
        for version in [ItemVersion::Settled(0), ItemVersion::Settled(u64::MAX), waiting] {
            assert_eq!(read(&write(version)), Some(version));
        }
        for wrong in ["7", "\"07\"", "\"7-31\"", "W/\"7\"", "W/\"7-31-2\"", "w/\"7-31\"", "\"", ""]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn weak_comparison_looks_at_what_is_quoted() {
        assert!(is_weakly_same("W/\"7\"", "\"7\""));
        assert!(is_weakly_same("\"7\"", "\"7\""));
        assert!(!is_weakly_same("W/\"7-1\"", "\"7\""));
    }
}

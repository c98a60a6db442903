//! Dates and times as EWS writes them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use tidemark_model::Zone;

/// An instant: with `Z` or an offset, else civil time in `zone`.
pub(super) fn instant(text: &str, zone: &Zone) -> Option<Timestamp> {
    let text = text.trim();
    text.parse::<Timestamp>().ok().or_else(|| Some(zone.to_instant(text.parse::<DateTime>().ok()?)))
}

/// A date. Exchange may add a zone to it (`2026-03-01Z`, `2026-03-01+01:00`), which says nothing.
pub(super) fn date(text: &str) -> Option<Date> {
    text.trim().get(..10)?.parse().ok()
}

/// An instant in whole seconds.
pub(super) fn instant_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A date.
pub(super) fn date_text(date: Date) -> String {
    date.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_a_zone() {
        let berlin = Zone::parse("Europe/Berlin").expect("a zone");
        for text in [
            "2026-03-02T08:00:00Z",
            "2026-03-02T09:00:00+01:00",
            "2026-03-02T09:00:00",
            " 2026-03-02T08:00:00.000Z ",
        ] {
            let at = instant(text, &berlin).expect("a time");
            assert_eq!(instant_text(at), "2026-03-02T08:00:00Z", "{text}");
        }
        assert_eq!(instant("tomorrow", &berlin), None);
    }

    #[test]
    fn the_zone_of_a_date_says_nothing() {
        for text in ["2026-03-01", "2026-03-01Z", "2026-03-01+01:00"] {
            assert_eq!(date(text).map(date_text).as_deref(), Some("2026-03-01"));
        }
        assert_eq!(date("2026-3-1"), None);
        assert_eq!(date("ääääääää"), None);
    }
}

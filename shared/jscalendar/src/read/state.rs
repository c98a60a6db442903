//! Status, busy status, privacy and priority.

use serde_json::Value;
use tidemark_model::{Event, EventStatus, Privacy, ShowAs};

use super::members::{Given, Source};
use super::{expect_text, read_enumerated};
use crate::problem::Findings;
use crate::words::{PRIVACY, SENSITIVITY, SHOW_AS, STATUS, is_free, plain_show_as, read_word};

/// Reads `status`.
pub(crate) fn read_status(source: &Source<'_>, findings: &mut Findings) -> Option<EventStatus> {
    read_enumerated(source, "status", &STATUS, EventStatus::Confirmed, findings)
}

/// Reads `priority`.
pub(crate) fn read_priority(source: &Source<'_>, findings: &mut Findings) -> Option<u8> {
    match source.get("priority") {
        Given::Absent => None,
        Given::Null => Some(0),
        Given::Value(value) => {
            let priority = value
                .as_u64()
                .and_then(|number| u8::try_from(number).ok())
                .filter(|number| *number <= 9);
            if priority.is_none() {
                findings.refuse(
                    &source.at.member("priority"),
                    "must be a whole number from 0 to 9",
                    "use 0 for none, 1 for the highest, 9 for the lowest",
                );
            }
            priority
        }
    }
}

/// Reads the busy status out of `tidemark:showAs`, `freeBusyStatus` and `status`.
///
/// A system that knows only the standard sees less than there is. As long as what it sees has not
/// changed, the finer value of `current` (busy status and status) stays, so that "out of office"
/// survives it.
pub(crate) fn read_show_as(
    source: &Source<'_>,
    status: Option<EventStatus>,
    current: Option<(ShowAs, EventStatus)>,
    findings: &mut Findings,
) -> Option<ShowAs> {
    let words = [("free", true), ("busy", false)];
    let free = read_enumerated(source, "freeBusyStatus", &words, false, findings);
    let own = match source.get("tidemark:showAs") {
        Given::Value(_) => {
            let fallback = ShowAs::Busy;
            read_enumerated(source, "tidemark:showAs", &SHOW_AS, fallback, findings)
        }
        Given::Absent | Given::Null => None,
    };
    if let Some(own) = own {
        if free.is_none_or(|free| free == is_free(own)) {
            return Some(own);
        }
        // The two contradict each other: the standard's member is the one that others act on.
        findings.ignore(&source.at.member("tidemark:showAs"));
    }
    let forgets = matches!(source.get("tidemark:showAs"), Given::Null);
    if free.is_none() && status.is_none() && !forgets {
        return None;
    }
    let (old, old_status) = current.unwrap_or((ShowAs::Busy, EventStatus::Confirmed));
    let now_free = free.unwrap_or_else(|| is_free(old));
    let seen = plain_show_as(now_free, status.unwrap_or(old_status));
    let saw = plain_show_as(is_free(old), old_status);
    match current {
        Some(_) if seen == saw && !forgets => free.map(|_| old),
        None if free.is_none() && seen == ShowAs::Busy => None,
        Some(_) | None => Some(seen),
    }
}

/// Reads `privacy` with `tidemark:sensitivity`. An unknown word hides: that is the safe side
/// (RFC 8984 4.4.3).
pub(crate) fn read_privacy(
    source: &Source<'_>,
    current: Option<&Event>,
    findings: &mut Findings,
) -> Option<Privacy> {
    let own = match source.get("tidemark:sensitivity") {
        Given::Value(_) => {
            let fallback = Privacy::Public;
            read_enumerated(source, "tidemark:sensitivity", &SENSITIVITY, fallback, findings)
        }
        Given::Absent | Given::Null => None,
    };
    let plain = match source.get("privacy") {
        Given::Absent => None,
        Given::Null => Some(Privacy::Public),
        Given::Value(value) => {
            let word = expect_text(value, &source.at.member("privacy"), findings)?;
            Some(read_word(&PRIVACY, word).unwrap_or(Privacy::Private))
        }
    };
    let old = current.map(|event| event.privacy);
    let forgets = matches!(source.get("tidemark:sensitivity"), Given::Null);
    match (plain, own) {
        (None, Some(own)) => Some(own),
        (Some(plain), Some(own)) if plain == base(own) => Some(own),
        (Some(plain), Some(_)) => {
            findings.ignore(&source.at.member("tidemark:sensitivity"));
            Some(plain)
        }
        (Some(plain), None) if !forgets => {
            Some(old.filter(|old| base(*old) == plain).unwrap_or(plain))
        }
        (Some(plain), None) => Some(plain),
        (None, None) if forgets => old.map(base),
        (None, None) => None,
    }
}

/// What the standard can say of a sensitivity.
pub(crate) const fn base(privacy: Privacy) -> Privacy {
    match privacy {
        Privacy::Personal | Privacy::Private => Privacy::Private,
        Privacy::Public => Privacy::Public,
        Privacy::Confidential => Privacy::Confidential,
    }
}

/// Whether an override takes its occurrence out: by saying so, or by cancelling it.
pub(crate) fn is_excluded(source: &Source<'_>, findings: &mut Findings) -> bool {
    let said = match source.get("excluded") {
        Given::Absent | Given::Null => false,
        Given::Value(Value::Bool(said)) => *said,
        Given::Value(_) => {
            let at = source.at.member("excluded");
            findings.refuse(&at, "must be a boolean", "use true, or leave it out");
            false
        }
    };
    said || read_status(source, findings) == Some(EventStatus::Cancelled)
}

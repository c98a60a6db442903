//! JSCalendar `Event` (RFC 8984) in and out of the model. Pure.
//!
//! Outside, an appointment is a JSCalendar `Event`; inside, it is [`tidemark_model::Event`]. This
//! crate is the only place where the one becomes the other:
//!
//! - [`read_event_patch`] reads an item that somebody put, [`read_merge_patch`] an RFC 7386 patch
//!   of it, and [`check_patch`] says what can be said before the current item is known;
//! - [`write_event`] writes the whole item;
//! - [`store_event`] and [`load_event`] are the faithful form for our own tables.
//!
//! A member that is absent has no opinion and clears nothing; `null` clears. Members that are legal
//! JSCalendar but that Exchange cannot hold are not refused but listed in [`Reading::ignored`];
//! what would be changed silently in meaning (a rule that Exchange cannot hold) is refused with a
//! [`Problem`] that names the place and the mend.
//!
//! Names of the draft that succeeds RFC 8984 (`recurrenceRule`, `calendarAddress`, `endTimeZone`,
//! `mainLocationId`) are read too. What the standard lacks stands under `tidemark:`:
//!
//! | member | values | written when |
//! |---|---|---|
//! | `tidemark:showAs` | `free`, `tentative`, `busy`, `oof`, `workingElsewhere` | `freeBusyStatus` and `status` do not say it |
//! | `tidemark:sensitivity` | `normal`, `personal`, `private`, `confidential` | personal |
//! | `tidemark:participationStatus` | `needs-action`, `accepted`, `tentative`, `declined` | the mailbox's owner was asked |
//! | `tidemark:floating` | `true` | timed, but bound to no zone |
//! | `tidemark:meetingKey` | the meeting's UID | it is a meeting |
//! | `tidemark:organizerCopy` | boolean | the copy's role is known |
//! | `tidemark:attachments` | list of `id`, `name`, `contentType`, `size`, `inline` | there are any; `links` would demand an address of the content |
//!
//! The first three can be written by a business system, the others are read-only.

#![expect(
    clippy::option_option,
    reason = "absent, cleared and set are three states, and the model writes them so too"
)]

mod duration;
mod limits;
mod merge;
mod problem;
mod read;
mod rfc7386;
mod storage;
mod words;
mod write;

#[cfg(test)]
mod tests;

pub use limits::{
    ALERT_MINUTES_MAX, BODY_BYTES_MAX, COUNT_MAX, IGNORED_MAX, INPUT_BYTES_MAX, INTERVAL_MAX,
    KEYWORDS_MAX, LEVELS_MAX, LOCATIONS_MAX, OVERRIDES_MAX, PARTICIPANTS_MAX, PROBLEMS_MAX,
    TEXT_UNITS_MAX,
};
pub use merge::read_merge_patch;
pub use problem::Problem;
pub use read::{ReadMode, Reading, check_patch, read_event_patch};
pub use storage::{LoadError, load_event, store_event};
pub use write::{Version, WriteOptions, write_event};

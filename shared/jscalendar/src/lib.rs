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
//! ```
//! use serde_json::json;
//! use tidemark_jscalendar::{WriteOptions, read_event_patch, read_merge_patch, write_event};
//! use tidemark_model::{Event, Property, PropertyValue};
//!
//! let item = json!({
//!     "@type": "Event",
//!     "title": "Rent is due",
//!     "start": "2026-01-31T09:00:00",
//!     "timeZone": "Europe/Berlin",
//!     "duration": "PT15M",
//!     "recurrenceRules": [{ "frequency": "monthly", "byMonthDay": [31], "count": 3 }],
//!     "color": "teal",
//! });
//! let reading = read_event_patch(&item, None).unwrap();
//! assert_eq!(reading.ignored, ["/color"]);
//!
//! let Some(PropertyValue::Schedule(schedule, _)) = reading.patch.get(Property::Schedule) else {
//!     unreachable!("a new item has times");
//! };
//! let mut event = Event::new(schedule.clone());
//! event.apply_patch(&reading.patch);
//!
//! // January, March and May: Exchange counts February and April too, so these are excluded.
//! let written = write_event(&event, &WriteOptions::default());
//! assert_eq!(written["recurrenceRules"][0]["count"], 5);
//! assert_eq!(written["recurrenceOverrides"]["2026-02-28T09:00:00"], json!({ "excluded": true }));
//!
//! // A merge patch has an opinion only on what it names.
//! let reading = read_merge_patch(&json!({ "title": "Rent" }), &event).unwrap();
//! assert_eq!(reading.patch.values().count(), 1);
//!
//! // What Exchange cannot hold is refused where it stands, with the mend.
//! let patch = json!({ "recurrenceRules": [{ "frequency": "hourly" }] });
//! let problems = read_merge_patch(&patch, &event).unwrap_err();
//! assert_eq!(problems[0].pointer, "/recurrenceRules/0/frequency");
//! assert_eq!(problems[0].mend, "use one of: daily, weekly, monthly, yearly");
//! ```
//!
//! # What is read
//!
//! A member that is absent has no opinion and clears nothing; `null` clears. Members that are legal
//! JSCalendar but that Exchange cannot hold are not refused but listed in [`Reading::ignored`];
//! what would be changed silently in meaning (a rule that Exchange cannot hold) is refused with a
//! [`Problem`] that names the place and the mend. Neither carries a title, a text or an address.
//!
//! Names of the draft that succeeds RFC 8984 (`recurrenceRule`, `calendarAddress`, `endTimeZone`,
//! `mainLocationId`) are read too.
//!
//! # Rules
//!
//! A series becomes one of Exchange's six patterns, or is refused. Where the two disagree:
//!
//! - A month that lacks the day of a rule is left out by the standard (unless `skip` is
//!   `backward`); Exchange takes its last day. A rule with `count` or `until` is held all the same:
//!   these occurrences are excluded, and counted as Exchange counts. Without an end it is refused.
//!   They are exclusions like any others from then on: who changes such a rule and does not give
//!   `recurrenceOverrides` beside it leaves them as they are.
//! - A `count` above [`COUNT_MAX`] becomes the date that it ends on.
//! - Extra dates are refused, except on a date that only Exchange's rule gives.
//!
//! # Members of our own
//!
//! What the standard lacks stands under `tidemark:`:
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
//!
//! # Bounds
//!
//! Everything that comes from outside has a bound among the constants below; the caller holds an
//! item to [`INPUT_BYTES_MAX`] before it parses it. No reading panics, recurses without bound or
//! walks a calendar day by day.

#![expect(
    clippy::option_option,
    reason = "absent, cleared and set are three states, and the model writes them so too"
)]

mod duration;
mod limits;
mod merge;
mod month;
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

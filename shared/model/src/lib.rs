//! What is synced: the neutral form of an appointment and the rules that belong to it alone.
//!
//! Nothing here reads a clock, draws randomness or does I/O, and no type implements `Serialize`:
//! wire forms live in the crates of their borders. Names are JSCalendar's (RFC 8984) where it has a
//! word, Exchange's where it has not.

pub mod event;
pub mod fingerprint;
pub mod ids;
pub mod meeting;
pub mod normalise;
pub mod property;
pub mod recurrence;
mod redact;
pub mod schedule;
pub mod zone;

pub use event::{
    Attachment, Attendee, AttendeeRole, Body, BodyFormat, Event, EventStatus, Instance,
    OnlineMeeting, Participation, Person, Privacy, ShowAs,
};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use ids::{BusinessKey, Kind, LinkId, MailboxId, OrganisationId, SystemId};
pub use meeting::{CopyRole, MailMode, MeetingKey};
pub use property::{EventPatch, Property, PropertyValue};
pub use recurrence::{
    OccurrencePatch, Override, Pattern, Range, Recurrence, RecurrenceError, RecurrenceId,
    WeekIndex, WeekdaySet,
};
pub use schedule::{Schedule, ScheduleError};
pub use zone::{DaylightRules, YearlyMoment, Zone, ZoneError, ZoneRules};

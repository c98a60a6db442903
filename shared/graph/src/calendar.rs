//! Appointments: their form on the wire, and the way to and from the model.
//!
//! Events are asked for in UTC, that is without `Prefer: outlook.timezone`: their own zones come in
//! `originalStartTimeZone` and `recurrenceTimeZone`. Answers in any other known zone are read too.
//!
//! What the model has no place for is not read, and writes leave it as it is: `hideAttendees`,
//! `allowNewTimeProposals`, `responseRequested`, addresses and coordinates of locations, proposed
//! times. The UID of an item cannot be chosen in Graph, so it is never written.

mod attendee;
pub mod bounds;
pub mod changes;
mod converted;
pub mod item;
mod join;
pub mod mail;
mod part;
pub mod plan;
pub mod read;
mod recurrence;
pub mod series;
pub mod stamp;
mod times;
pub mod write;

pub use attendee::{
    WireAttendee, WireAttendeeType, WireEmailAddress, WireRecipient, WireResponse, WireStatus,
};
pub use changes::{EventChanges, changes, occurrence_changes};
pub use item::{EventItem, EventKind, EventRef, Field, read_attachments};
pub use mail::{Mailed, mailed_by_answer, mailed_by_create, mailed_by_delete, mailed_by_update};
pub use part::{
    WireAttachment, WireBody, WireBodyType, WireImportance, WireLocation, WireOnlineMeeting,
    WireProperty, WireSensitivity, WireShowAs, WireTime,
};
pub use plan::{Creation, OccurrenceAction, OccurrenceWrite, Update, plan_create, plan_update};
pub use read::{DamagedEvent, ReadContext, ReadItem, ReadWarning, read_item};
pub use series::{Series, assemble_series, read_event};
pub use write::{NewEvent, WriteContext, WriteError};

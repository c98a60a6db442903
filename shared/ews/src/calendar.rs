//! Appointments: their form on the wire, and the way to and from the model.

mod attendee;
pub mod changes;
pub mod item;
pub mod read;
pub(crate) mod recurrence;
pub mod series;
mod times;
pub mod write;

pub use attendee::{WireAttendee, WireMailbox, WireResponse};
pub use changes::{FieldChange, changes, occurrence_changes};
pub use item::{CalendarItem, WireAttachment, WireBody, WireOccurrence};
pub use read::{ReadContext, ReadItem, ReadWarning, read_item};
pub use series::{ModifiedOccurrence, Series, assemble_series};
pub use write::{NewItem, WriteContext, WriteError};

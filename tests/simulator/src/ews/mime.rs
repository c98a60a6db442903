//! Appointments as iCalendar: what `MimeContent` of a calendar item holds (MS-OXCICAL).
//!
//! Exchange gives a calendar item as a bare VCALENDAR, not as a MIME message, and takes the same.

mod component;
mod export;
mod import;
mod rule;
mod time;
mod writer;

pub(crate) use export::write_mime;
pub(crate) use import::{Imported, read_mime};

#[cfg(test)]
mod tests;

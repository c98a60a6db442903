//! The faithful form of an event for our own tables: every field, versioned, independent of how
//! items are written for others.

mod row;
mod times;

use serde::{Deserialize, Serialize};
use tidemark_model::Event;

/// The version that is written. A reader of another version is added before it is raised.
const VERSION: u32 = 1;

/// Why stored bytes are no event.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not the JSON that was stored. The message of the source may quote content: it is for
    /// whoever debugs with the data at hand, not for a log.
    #[error("stored event cannot be parsed")]
    Malformed(#[source] serde_json::Error),
    /// Written by another version of this program.
    #[error("stored event has version {0}, which is not known here")]
    Version(u32),
    /// A field holds what the model does not allow.
    #[error("stored event has an invalid {0}")]
    Invalid(&'static str),
}

#[derive(Deserialize)]
struct Envelope {
    v: u32,
}

#[derive(Serialize)]
struct Written {
    v: u32,
    event: row::EventRow,
}

#[derive(Deserialize)]
struct Stored {
    event: row::EventRow,
}

/// Stores every field of an event.
pub fn store_event(event: &Event) -> Vec<u8> {
    let written = Written { v: VERSION, event: row::EventRow::from(event) };
    // Maps with text keys and plain values always have a JSON form.
    serde_json::to_vec(&written).unwrap_or_default()
}

/// Loads what [`store_event`] stored.
///
/// # Errors
/// When the bytes are of another version or no longer make an event.
pub fn load_event(bytes: &[u8]) -> Result<Event, LoadError> {
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(LoadError::Malformed)?;
    if envelope.v != VERSION {
        return Err(LoadError::Version(envelope.v));
    }
    let stored: Stored = serde_json::from_slice(bytes).map_err(LoadError::Malformed)?;
    stored.event.into_event()
}

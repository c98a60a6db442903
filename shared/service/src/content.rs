//! What a link remembers of its two sides, as the bytes that the store keeps.

use serde::{Deserialize, Serialize};
use tidemark_engine::{Base, Side};
use tidemark_jscalendar::{load_event, store_event};

/// The version of [`Stored`] that is written today.
const VERSION: u32 = 1;

/// Stored bytes do not have the form they should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored common state of a link cannot be read")]
pub struct ContentError;

#[derive(Serialize, Deserialize)]
struct Stored {
    v: u32,
    born: StoredSide,
    announced: bool,
    exchange: serde_json::Value,
    /// Absent where it equals `exchange`.
    #[serde(skip_serializing_if = "Option::is_none")]
    business: Option<serde_json::Value>,
}

/// A side in its stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoredSide {
    /// The mailbox.
    Exchange,
    /// The business system.
    Business,
}

impl From<Side> for StoredSide {
    fn from(side: Side) -> Self {
        match side {
            Side::Exchange => Self::Exchange,
            Side::Business => Self::Business,
        }
    }
}

impl From<StoredSide> for Side {
    fn from(side: StoredSide) -> Self {
        match side {
            StoredSide::Exchange => Self::Exchange,
            StoredSide::Business => Self::Business,
        }
    }
}

/// The bytes of a common state.
///
/// # Errors
/// When an event has no storage form, which does not happen for events that were read or built.
pub fn encode_base(base: &Base) -> Result<Vec<u8>, ContentError> {
    let value = |event| serde_json::from_slice(&store_event(event)).map_err(|_| ContentError);
    let business = if base.business == base.exchange {
        None
    } else {
        Some(value(&base.business)?)
    };
    let stored = Stored {
        v: VERSION,
        born: base.born.into(),
        announced: base.announced,
        exchange: value(&base.exchange)?,
        business,
    };
    serde_json::to_vec(&stored).map_err(|_| ContentError)
}

/// The common state of such bytes.
///
/// # Errors
/// When they have another form or a version that is not known.
pub fn decode_base(bytes: &[u8]) -> Result<Base, ContentError> {
    let stored: Stored = serde_json::from_slice(bytes).map_err(|_| ContentError)?;
    if stored.v != VERSION {
        return Err(ContentError);
    }
    let event = |value: &serde_json::Value| {
        let bytes = serde_json::to_vec(value).map_err(|_| ContentError)?;
        load_event(&bytes).map_err(|_| ContentError)
    };
    let exchange = event(&stored.exchange)?;
    let business = stored.business.as_ref().map(event).transpose()?;
    Ok(Base {
        business: business.unwrap_or_else(|| exchange.clone()),
        exchange,
        born: stored.born.into(),
        announced: stored.announced,
    })
}

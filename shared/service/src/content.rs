//! What a link remembers of its two sides, as the bytes that the store keeps.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidemark_engine::{Base, FlipCounter, Side, Unfinished};
use tidemark_jscalendar::{load_event, store_event};
use tidemark_model::{Event, Property, RecurrenceId};

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
    exchange: Value,
    /// Absent where it equals `exchange`.
    #[serde(skip_serializing_if = "Option::is_none")]
    business: Option<Value>,
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
    let business =
        if base.business == base.exchange { None } else { Some(value_of(&base.business)?) };
    let stored = Stored {
        v: VERSION,
        born: base.born.into(),
        announced: base.announced,
        exchange: value_of(&base.exchange)?,
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
    let exchange = event_of(&stored.exchange)?;
    let business = stored.business.as_ref().map(event_of).transpose()?;
    Ok(Base {
        business: business.unwrap_or_else(|| exchange.clone()),
        exchange,
        born: stored.born.into(),
        announced: stored.announced,
    })
}

#[derive(Serialize, Deserialize)]
struct StoredWrite {
    v: u32,
    target: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Value>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    brings_back: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shown: Option<Value>,
}

/// The bytes of a write that is about to begin: what is to stand in Exchange, and what stood there.
///
/// # Errors
/// As [`encode_base`].
pub fn encode_write(write: &Unfinished) -> Result<Vec<u8>, ContentError> {
    let seen = write.seen.as_ref().map(value_of).transpose()?;
    let (target, brings_back) = (value_of(&write.target)?, write.brings_back);
    let shown = write.shown.as_ref().map(value_of).transpose()?;
    serde_json::to_vec(&StoredWrite { v: VERSION, target, seen, brings_back, shown })
        .map_err(|_| ContentError)
}

/// The write of such bytes.
///
/// # Errors
/// As [`decode_base`].
pub fn decode_write(bytes: &[u8]) -> Result<Unfinished, ContentError> {
    let stored: StoredWrite = serde_json::from_slice(bytes).map_err(|_| ContentError)?;
    if stored.v != VERSION {
        return Err(ContentError);
    }
    let target = event_of(&stored.target)?;
    let seen = stored.seen.as_ref().map(event_of).transpose()?;
    let shown = stored.shown.as_ref().map(event_of).transpose()?;
    Ok(Unfinished { target, seen, brings_back: stored.brings_back, shown })
}

fn value_of(event: &Event) -> Result<Value, ContentError> {
    serde_json::from_slice(&store_event(event)).map_err(|_| ContentError)
}

fn event_of(value: &Value) -> Result<Event, ContentError> {
    let bytes = serde_json::to_vec(value).map_err(|_| ContentError)?;
    load_event(&bytes).map_err(|_| ContentError)
}

/// One change of side, as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredFlip {
    property: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurrence: Option<DateTime>,
    at: Timestamp,
    side: StoredSide,
}

/// The loop breaker's counts as text; none when there is nothing to remember.
pub fn encode_flips(flips: &FlipCounter) -> Option<String> {
    let stored: Vec<StoredFlip> = flips
        .entries()
        .map(|(property, at, side)| StoredFlip {
            property: property.name().to_owned(),
            occurrence: match property {
                Property::Override(id) => Some(id.start()),
                _ => None,
            },
            at,
            side: side.into(),
        })
        .collect();
    if stored.is_empty() { None } else { serde_json::to_string(&stored).ok() }
}

/// The counts of such a text. What cannot be read is forgotten: the counting starts again.
pub fn decode_flips(text: Option<&str>) -> FlipCounter {
    let stored: Vec<StoredFlip> =
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    stored
        .into_iter()
        .filter_map(|flip| {
            let property = property_of(&flip.property, flip.occurrence)?;
            Some((property, flip.at, flip.side.into()))
        })
        .collect()
}

fn property_of(name: &str, occurrence: Option<DateTime>) -> Option<Property> {
    if let Some(start) = occurrence {
        return Some(Property::Override(RecurrenceId::new(start)));
    }
    const FIXED: [Property; 12] = [
        Property::Title,
        Property::Body,
        Property::Schedule,
        Property::Location,
        Property::ShowAs,
        Property::Privacy,
        Property::Priority,
        Property::Categories,
        Property::Reminder,
        Property::Status,
        Property::Attendees,
        Property::MyParticipation,
    ];
    FIXED.into_iter().find(|property| property.name() == name)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use tidemark_model::{Schedule, Zone};

    use super::*;

    fn event(title: &str) -> Event {
        let start = "2027-03-02T09:00:00".parse().unwrap();
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let mut event =
            Event::new(Schedule::timed(start, zone, SignedDuration::from_hours(1), None).unwrap());
        event.title = Some(title.to_owned());
        event
    }

    #[test]
    fn a_common_state_comes_back_as_it_was() {
        for business in ["same", "other"] {
            let base = Base {
                exchange: event("same"),
                business: event(business),
                born: Side::Business,
                announced: false,
            };
            let bytes = encode_base(&base).unwrap();
            assert_eq!(decode_base(&bytes).unwrap(), base);
        }
        assert!(decode_base(b"{}").is_err());
        let other = br#"{"v":2,"born":"business","announced":true,"exchange":{}}"#;
        assert_eq!(decode_base(other), Err(ContentError));
    }

    #[test]
    fn a_write_comes_back_as_it_was() {
        let update = Unfinished::update(event("b"), event("a"));
        let brings_back = Unfinished { brings_back: true, ..update.clone() };
        let carried_on = Unfinished { shown: Some(event("c")), ..update.clone() };
        for write in [update, brings_back, carried_on, Unfinished::create(event("a"))] {
            assert_eq!(decode_write(&encode_write(&write).unwrap()).unwrap(), write);
        }
    }

    #[test]
    fn flips_come_back_and_nonsense_is_forgotten() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let id = RecurrenceId::new("2027-03-02T09:00:00".parse().unwrap());
        let flips: FlipCounter =
            [(Property::Title, at, Side::Exchange), (Property::Override(id), at, Side::Business)]
                .into_iter()
                .collect();
        let text = encode_flips(&flips).unwrap();
        assert_eq!(decode_flips(Some(&text)), flips);
        assert_eq!(decode_flips(Some("nonsense")), FlipCounter::new());
        assert_eq!(encode_flips(&FlipCounter::new()), None);
    }
}

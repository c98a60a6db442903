//! Times with their zones (exchange-graph.md 10.2).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::GraphError;
use crate::windows_zone;

/// What Graph shows where there never was a time.
pub(super) const NEVER: &str = "0001-01-01T00:00:00Z";

/// The zone that times are shown in.
#[derive(Clone)]
pub(super) struct Shown {
    /// Its name as the client wrote it.
    pub(super) name: String,
    /// Its rules.
    pub(super) zone: TimeZone,
}

impl Shown {
    /// A `dateTimeTimeZone`.
    pub(super) fn write(&self, at: Timestamp) -> Value {
        json!({ "dateTime": civil(self.zone.to_datetime(at)), "timeZone": self.name })
    }
}

/// Civil time with seven digits of a second, as Graph writes it.
fn civil(at: DateTime) -> String {
    format!("{}0000", at.strftime("%Y-%m-%dT%H:%M:%S.%3f"))
}

/// A `DateTimeOffset` in UTC.
pub(super) fn instant(at: Timestamp) -> String {
    let text = at.strftime("%Y-%m-%dT%H:%M:%S%.f").to_string();
    format!("{text}Z")
}

/// The zone that a client asks for by name.
///
/// # Errors
/// When no mailbox server knows it.
pub(super) fn shown(name: &str) -> Result<Shown, GraphError> {
    let windows = windows_id(name)?;
    Ok(Shown { name: name.to_owned(), zone: windows_zone::zone(&windows) })
}

/// The Windows id of a name: itself, or of the one IANA name that stands for it
/// (2021: datetimetimezone lists roughly one per Windows id).
///
/// # Errors
/// When no mailbox server knows it.
pub(super) fn windows_id(name: &str) -> Result<String, GraphError> {
    if let Some(id) = windows_zone::ids().find(|id| id.eq_ignore_ascii_case(name)) {
        return Ok(id.to_owned());
    }
    windows_zone::ids()
        .find(|id| windows_zone::iana(id).is_some_and(|iana| iana.eq_ignore_ascii_case(name)))
        .map(str::to_owned)
        .ok_or_else(|| {
            GraphError::new(
                400,
                "TimeZoneNotSupportedException",
                format!(
                    "A valid TimeZone value must be specified. The following TimeZone value is not \
                     supported: '{name}'."
                ),
            )
        })
}

/// The name that Graph shows for a zone of the store: one that is no Windows id was given by its
/// rules, in older days.
pub(super) fn zone_name(stored: &str) -> &str {
    if windows_zone::iana(stored).is_some() { stored } else { "tzone://Microsoft/Custom" }
}

/// Reads a `dateTimeTimeZone`: the instant and the Windows id of its zone.
///
/// # Errors
/// When it has not the form, or the zone is not known.
pub(super) fn read_zoned(value: &Value, name: &str) -> Result<(Timestamp, String), GraphError> {
    let text = value
        .get("dateTime")
        .and_then(Value::as_str)
        .ok_or_else(|| GraphError::property(format!("The property '{name}' needs a dateTime.")))?;
    let zone = match value.get("timeZone") {
        None | Some(Value::Null) => "UTC",
        Some(zone) => zone.as_str().ok_or_else(|| {
            GraphError::property(format!("The timeZone of '{name}' must be a string."))
        })?,
    };
    let zone = windows_id(zone)?;
    // An offset in the text, though not asked for, decides over the zone.
    let at = if let Ok(instant) = text.parse::<Timestamp>() {
        instant
    } else {
        let civil: DateTime = text.parse().map_err(|_| {
            GraphError::property(format!("The dateTime of '{name}' is not in a valid format."))
        })?;
        windows_zone::to_instant(&zone, civil)
    };
    Ok((at, zone))
}

/// Reads a query option: the offset in the value counts, without one it is UTC; a date alone is
/// its midnight.
///
/// # Errors
/// When it is no time.
pub(super) fn read_option(text: &str, name: &str) -> Result<Timestamp, GraphError> {
    // An unencoded plus of an offset arrives as a space.
    let text = text.trim().replace(' ', "+");
    let civil =
        || text.parse::<DateTime>().or_else(|_| text.parse().map(Date::to_datetime_midnight));
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| TimeZone::UTC.to_timestamp(civil().ok()?).ok())
        .ok_or_else(|| {
            GraphError::new(
                400,
                "ErrorInvalidParameter",
                format!("The value '{text}' of parameter '{name}' is invalid."),
            )
        })
}

/// Midnight of a date.
trait Midnight {
    fn to_datetime_midnight(self) -> DateTime;
}

impl Midnight for Date {
    fn to_datetime_midnight(self) -> DateTime {
        self.to_datetime(jiff::civil::Time::midnight())
    }
}

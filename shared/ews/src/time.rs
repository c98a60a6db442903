//! Times, dates and durations as XML Schema writes them, and as servers really do.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use tidemark_model::Zone;

/// A `dateTime`: civil time, with or without an offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EwsTime {
    /// The civil time as written, in whole seconds.
    pub civil: DateTime,
    /// Its offset from UTC, in seconds east, if it has one.
    pub offset_seconds: Option<i32>,
}

impl EwsTime {
    /// Reads a `dateTime`. Fractions of seconds are cut; a `date` is taken as its midnight; offsets
    /// may lack their colon, as gromox writes them.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = Digits(text.trim());
        let date = rest.date()?;
        let time = if rest.skip('T') || rest.skip(' ') { rest.time()? } else { Time::midnight() };
        let offset_seconds = if rest.0.is_empty() { None } else { Some(rest.offset()?) };
        rest.0.is_empty().then(|| Self { civil: date.to_datetime(time), offset_seconds })
    }

    /// The instant; a time without offset is taken in `zone`.
    pub fn instant(&self, zone: &Zone) -> Timestamp {
        let Some(seconds) = self.offset_seconds else {
            return zone.to_instant(self.civil);
        };
        Offset::from_seconds(seconds)
            .and_then(|offset| offset.to_timestamp(self.civil))
            .unwrap_or_else(|_| zone.to_instant(self.civil))
    }
}

/// Reads a `date`. A zone, or a time of day as gromox writes it, is left out: the date is what it
/// says, wherever one is.
pub fn parse_date(text: &str) -> Option<Date> {
    Digits(text.trim()).date()
}

/// Reads a `duration` without years and months, such as a time zone's `Bias` (`-PT1H`) or
/// `TimeOffset` (`PT2H0M0.0S`), in whole seconds.
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = text.strip_prefix('P')?;
    let (days, clock) = text.split_once('T').unwrap_or((text, ""));
    let mut seconds: i64 = 0;
    for (part, units) in [(days, DATE_UNITS), (clock, CLOCK_UNITS)] {
        let mut rest = part;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let (number, unit) = rest.split_at_checked(end)?;
            let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
            let unit_name = unit.chars().next()?;
            let (_, length) = units.iter().find(|(name, _)| *name == unit_name)?;
            seconds = seconds.checked_add(whole.parse::<i64>().ok()?.checked_mul(*length)?)?;
            rest = unit.strip_prefix(unit_name)?;
        }
    }
    let length = SignedDuration::from_secs(seconds);
    Some(if negative { -length } else { length })
}

const DATE_UNITS: &[(char, i64)] = &[('D', 86_400)];
const CLOCK_UNITS: &[(char, i64)] = &[('H', 3600), ('M', 60), ('S', 1)];

/// The text that is left to be read.
struct Digits<'a>(&'a str);

impl Digits<'_> {
    fn date(&mut self) -> Option<Date> {
        let year = self.number(4)?;
        let month = self.skip('-').then(|| self.number(2)).flatten()?;
        let day = self.skip('-').then(|| self.number(2)).flatten()?;
        Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    }

    fn time(&mut self) -> Option<Time> {
        let hour = self.number(2)?;
        let minute = self.skip(':').then(|| self.number(2)).flatten()?;
        let second = if self.skip(':') { self.number(2)? } else { 0 };
        if self.skip('.') {
            self.0 = self.0.trim_start_matches(|c: char| c.is_ascii_digit());
        }
        let [hour, minute, second] = [hour, minute, second].map(|part| i8::try_from(part).ok());
        Time::new(hour?, minute?, second?, 0).ok()
    }

    /// The offset in seconds east, up to the end of the text.
    fn offset(&mut self) -> Option<i32> {
        if self.skip('Z') || self.skip('z') {
            return Some(0);
        }
        let sign = if self.skip('+') {
            1
        } else if self.skip('-') {
            -1
        } else {
            return None;
        };
        let hours = i32::from(self.number(2)?);
        let _ = self.skip(':');
        let minutes = if self.0.is_empty() { 0 } else { i32::from(self.number(2)?) };
        Some(sign * (hours * 3600 + minutes * 60))
    }

    fn number(&mut self, digits: usize) -> Option<i16> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        number.parse().ok()
    }

    fn skip(&mut self, c: char) -> bool {
        match self.0.strip_prefix(c) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Option<String> {
        let berlin = Zone::parse("Europe/Berlin").expect("a zone");
        EwsTime::parse(text).map(|time| time.instant(&berlin).to_string())
    }

    #[test]
    fn times_are_read_as_servers_write_them() {
        for (text, expected) in [
            ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00Z"),
            ("2026-11-22T03:17:35.848180200Z", "2026-11-22T03:17:35Z"),
            ("2026-12-07T09:00:00+0100", "2026-12-07T08:00:00Z"),
            ("2026-12-07T09:00:00-05:30", "2026-12-07T14:30:00Z"),
            ("2026-07-07T09:00:00", "2026-07-07T07:00:00Z"),
            (" 2026-07-07T09:00Z ", "2026-07-07T09:00:00Z"),
            ("2026-07-07", "2026-07-06T22:00:00Z"),
            ("2026-07-07Z", "2026-07-07T00:00:00Z"),
        ] {
            assert_eq!(instant(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "today",
            "2026-13-01T00:00:00Z",
            "2026-01-01T25:00:00Z",
            "2026-01-01T09:00:00Q",
            "２０２６-01-01",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn dates_lose_their_zones() {
        for text in ["2026-03-01", "2026-03-01Z", "2026-03-01+01:00", "2026-03-01T00:00:00.000000Z"]
        {
            assert_eq!(
                parse_date(text).map(|date| date.to_string()).as_deref(),
                Some("2026-03-01")
            );
        }
        assert_eq!(parse_date("1.3.2026"), None);
    }

    #[test]
    fn durations_are_read_in_all_spellings() {
        for (text, seconds) in [
            ("-PT1H", Some(-3600)),
            ("PT8H", Some(28_800)),
            ("PT480M", Some(28_800)),
            ("P0DT2H0M0.0S", Some(7200)),
            ("PT0S", Some(0)),
            ("P1D", Some(86_400)),
            ("P1Y", None),
            ("PT", Some(0)),
            ("2H", None),
            ("PT2", None),
        ] {
            assert_eq!(parse_duration(text).map(|length| length.as_secs()), seconds, "{text}");
        }
    }
}

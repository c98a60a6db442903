//! JSCalendar durations: nominal weeks and days, exact hours, minutes and seconds (RFC 8984 1.4.6).

use jiff::SignedDuration;

/// Seconds of a day of 24 hours.
pub(crate) const DAY_SECONDS: i64 = 86_400;

/// A duration as written: days move on the calendar, seconds on the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nominal {
    pub(crate) days: i64,
    pub(crate) seconds: i64,
}

/// Reads `P[nW][nD][T[nH][nM][n[.n]S]]`; parts of a second are cut.
pub(crate) fn read_duration(text: &str) -> Option<Nominal> {
    let rest = text.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (rest, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let days = read_parts(date, &[('W', 7), ('D', 1)])?;
    let seconds = read_parts(time, &[('H', 3_600), ('M', 60), ('S', 1)])?;
    Some(Nominal { days, seconds })
}

/// Reads a duration with an optional sign, as whole seconds; a day counts 24 hours.
pub(crate) fn read_signed_duration(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let nominal = read_duration(rest)?;
    nominal.days.checked_mul(DAY_SECONDS)?.checked_add(nominal.seconds)?.checked_mul(sign)
}

/// Sums numbers with their units, which come in the order given and at most once each.
fn read_parts(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut total: i64 = 0;
    for (unit, worth) in units {
        let Some((number, rest)) = text.split_once(*unit) else {
            continue;
        };
        let whole = match number.split_once('.') {
            Some((whole, part)) if *unit == 'S' && is_digits(part) => whole,
            Some(_) => return None,
            None => number,
        };
        if !is_digits(whole) {
            return None;
        }
        let value = whole.parse::<i64>().ok()?.checked_mul(*worth)?;
        total = total.checked_add(value)?;
        text = rest;
    }
    text.is_empty().then_some(total)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Writes an exact duration in hours, minutes and seconds: `PT1H30M`, `PT0S`, never days, since a
/// day is not always 24 hours long.
pub(crate) fn write_exact(duration: SignedDuration) -> String {
    let total = duration.as_secs();
    let (hours, minutes, seconds) = (total / 3_600, total / 60 % 60, total % 60);
    let mut text = String::from("PT");
    for (value, unit) in [(hours, 'H'), (minutes, 'M'), (seconds, 'S')] {
        if value != 0 {
            text.push_str(&value.to_string());
            text.push(unit);
        }
    }
    if total == 0 {
        text.push_str("0S");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_standard_writes() {
        let read = |text| read_duration(text).map(|n| (n.days, n.seconds));
        assert_eq!(read("PT1H30M"), Some((0, 5_400)));
        assert_eq!(read("P1DT12H"), Some((1, 43_200)));
        assert_eq!(read("P2W"), Some((14, 0)));
        assert_eq!(read("P1W2D"), Some((9, 0)));
        assert_eq!(read("PT90.75S"), Some((0, 90)));
        assert_eq!(read("PT0S"), Some((0, 0)));
        assert_eq!(read_signed_duration("-PT15M"), Some(-900));
        assert_eq!(read_signed_duration("+P1D"), Some(86_400));
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "1H",
            "PT1",
            "P1H",
            "PT1.5H",
            "PT-1H",
            "PT1M1H",
            "P1Y",
            "PT99999999999999999999S",
            "P9223372036854775807W",
            "pt1h",
            "PT1HT1M",
            "PTS",
            "PT.5S",
        ] {
            assert_eq!(read_duration(text), None, "{text}");
        }
    }

    #[test]
    fn writes_hours_minutes_and_seconds_only() {
        for (seconds, text) in
            [(0, "PT0S"), (5_400, "PT1H30M"), (90_000, "PT25H"), (3_601, "PT1H1S"), (59, "PT59S")]
        {
            assert_eq!(write_exact(SignedDuration::from_secs(seconds)), text);
        }
    }
}

//! A short value that is the same for events that mean the same.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::event::{AttendeeRole, Body};
use crate::event::{Event, EventStatus, Participation, Privacy, ShowAs};
use crate::normalise::text::readable;
use crate::property::PropertyValue;
use crate::property::same::roles;
use crate::recurrence::{COMPARED_STARTS_MAX, OccurrencePatch, Override, Recurrence};
use crate::schedule::Schedule;
use crate::zone::{Zone, ZoneRules};

#[cfg(test)]
mod tests;

/// Names the encoding. Change it with every change of what is hashed: all items then count as
/// changed once, and are compared value by value.
const ENCODING: &[u8] = b"tidemark event 1";

/// What an event says, as a SHA-256. Equal for events whose every property is the same; it covers
/// no content that Exchange or the business system count on their own (revision, times of change,
/// answers of others, attachments).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// Why a text is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 64 lower-case hexadecimal digits")]
pub struct FingerprintError;

impl Fingerprint {
    /// The hash itself.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// When the text is not 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, FingerprintError> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(FingerprintError);
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                *byte = *byte << 4 | nibble(*digit).ok_or(FingerprintError)?;
            }
        }
        Ok(Self(hash))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(")?;
        for byte in self.0.iter().take(4) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("..)")
    }
}

impl Event {
    /// The fingerprint of what this event says, whatever form it is in.
    pub fn fingerprint(&self) -> Fingerprint {
        let event = self.clone().normalised();
        let mut encoder = Encoder(Sha256::new());
        encoder.bytes(ENCODING);
        for property in event.properties() {
            encoder.bytes(property.name().as_bytes());
            encoder.value(&event.value(property));
        }
        Fingerprint(encoder.0.finalize().into())
    }
}

/// Writes values so that no two sequences of them look alike: every text has its length before it,
/// every choice its number, every collection its count.
struct Encoder(Sha256);

impl Encoder {
    fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    fn count(&mut self, count: usize) {
        self.number(i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.number(i64::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn value(&mut self, value: &PropertyValue) {
        match value {
            PropertyValue::Title(text) | PropertyValue::Location(text) => {
                self.option(text.as_deref(), Self::text);
            }
            PropertyValue::Body(body) => self.body(body.as_ref()),
            PropertyValue::Schedule(schedule, rule) => {
                self.schedule(schedule);
                self.option(rule.as_ref(), |encoder, rule| encoder.rule(rule, schedule));
            }
            PropertyValue::Override(id, change) => {
                self.text(&id.start().to_string());
                self.option(change.as_ref(), Self::change);
            }
            PropertyValue::ShowAs(show_as) => self.number(show_as_number(*show_as)),
            PropertyValue::Privacy(privacy) => self.number(match privacy {
                Privacy::Public => 0,
                Privacy::Personal => 1,
                Privacy::Private => 2,
                Privacy::Confidential => 3,
            }),
            PropertyValue::Priority(priority) => self.number(i64::from(*priority)),
            PropertyValue::Categories(names) => self.categories(names),
            PropertyValue::Reminder(minutes) => {
                self.option(*minutes, |encoder, minutes| {
                    encoder.number(i64::from(minutes));
                });
            }
            PropertyValue::Status(status) => self.number(match status {
                EventStatus::Confirmed => 0,
                EventStatus::Tentative => 1,
                EventStatus::Cancelled => 2,
            }),
            PropertyValue::Attendees(attendees) => self.attendees(attendees),
            PropertyValue::MyParticipation(answer) => {
                self.option(*answer, |encoder, answer| {
                    encoder.number(match answer {
                        Participation::NeedsAction => 0,
                        Participation::Accepted => 1,
                        Participation::Tentative => 2,
                        Participation::Declined => 3,
                    });
                });
            }
        }
    }

    /// A body with nothing to read is none.
    fn body(&mut self, body: Option<&Body>) {
        self.text(&body.map(readable).unwrap_or_default());
    }

    fn categories(&mut self, names: &std::collections::BTreeSet<String>) {
        self.count(names.len());
        for name in names {
            self.text(name);
        }
    }

    fn attendees(&mut self, attendees: &std::collections::BTreeMap<String, crate::Attendee>) {
        self.count(attendees.len());
        for (address, role) in roles(attendees) {
            self.text(&address);
            self.number(match role {
                AttendeeRole::Required => 0,
                AttendeeRole::Optional => 1,
                AttendeeRole::Resource => 2,
            });
        }
    }

    fn schedule(&mut self, schedule: &Schedule) {
        match schedule {
            Schedule::AllDay(days) => {
                self.number(0);
                self.text(&days.start().to_string());
                self.text(&days.end().to_string());
            }
            Schedule::Timed(timed) => {
                self.number(1);
                let (start, end) = schedule.instants(timed.zone());
                self.number(start.as_second());
                self.number(end.as_second());
                self.zone(timed.zone());
                self.zone(timed.end_zone().unwrap_or(timed.zone()));
            }
            Schedule::Floating(floating) => {
                self.number(2);
                self.text(&floating.start().to_string());
                self.number(floating.duration().as_secs());
            }
        }
    }

    fn zone(&mut self, zone: &Zone) {
        match zone {
            Zone::Iana(iana) => {
                self.text(zone.windows_id().unwrap_or(iana.as_str()));
            }
            Zone::Rules(rules) => self.zone_rules(rules),
        }
    }

    fn zone_rules(&mut self, rules: &ZoneRules) {
        // No zone has an empty name.
        self.text("");
        self.number(i64::from(rules.standard_offset_seconds));
        self.option(rules.daylight.as_ref(), |encoder, daylight| {
            encoder.number(i64::from(daylight.offset_seconds));
            for moment in [&daylight.begins, &daylight.ends] {
                encoder.number(i64::from(moment.month));
                encoder.number(i64::from(moment.occurrence));
                encoder.number(i64::from(moment.weekday.to_monday_zero_offset()));
                encoder.number(i64::from(moment.time_seconds));
            }
        });
    }

    /// A rule by what it gives, as [`Recurrence::same_occurrences`] compares it.
    fn rule(&mut self, rule: &Recurrence, schedule: &Schedule) {
        let first = schedule.start();
        let starts: Vec<_> = rule.starts(first).take(COMPARED_STARTS_MAX).collect();
        self.count(starts.len());
        for id in starts {
            self.civil(id.start());
        }
        self.option(rule.last_start(first), |encoder, id| {
            encoder.civil(id.start());
        });
    }

    /// A civil time as one number. Seconds since the year 0 would do; digits are easier to read in
    /// a debugger and as short.
    fn civil(&mut self, at: jiff::civil::DateTime) {
        let date =
            i64::from(at.year()) * 10_000 + i64::from(at.month()) * 100 + i64::from(at.day());
        let time =
            i64::from(at.hour()) * 10_000 + i64::from(at.minute()) * 100 + i64::from(at.second());
        self.number(date * 1_000_000 + time);
    }

    fn change(&mut self, change: &Override) {
        match change {
            Override::Excluded => self.number(0),
            Override::Changed(patch) => {
                self.number(1);
                self.patch(patch);
            }
        }
    }

    fn patch(&mut self, patch: &OccurrencePatch) {
        let OccurrencePatch {
            title,
            body,
            schedule,
            location,
            show_as,
            reminder_minutes,
            categories,
            attendees,
            priority,
        } = patch;
        for text in [title, location] {
            self.option(text.as_ref(), |encoder, text| {
                encoder.option(text.as_deref(), Self::text);
            });
        }
        self.option(body.as_ref(), |encoder, body| encoder.body(body.as_ref()));
        self.option(schedule.as_ref(), Self::schedule);
        self.option(*show_as, |encoder, show_as| {
            encoder.number(show_as_number(show_as));
        });
        self.option(*reminder_minutes, |encoder, minutes| {
            encoder.option(minutes, |encoder, minutes| {
                encoder.number(i64::from(minutes));
            });
        });
        self.option(categories.as_ref(), Self::categories);
        self.option(attendees.as_ref(), Self::attendees);
        self.option(*priority, |encoder, priority| {
            encoder.number(i64::from(priority));
        });
    }
}

fn show_as_number(show_as: ShowAs) -> i64 {
    match show_as {
        ShowAs::Free => 0,
        ShowAs::Tentative => 1,
        ShowAs::Busy => 2,
        ShowAs::Oof => 3,
        ShowAs::WorkingElsewhere => 4,
    }
}

//! An appointment as VCALENDAR, in the order and the spelling that Exchange gives it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use tidemark_model::{BodyFormat, Privacy, ShowAs};

use super::super::xml::Xml;
use super::rule;
use super::time::{utc, write_time, write_zone};
use super::writer::{Lines, parameter};
use crate::store::{Appointment, Importance, Item, MyResponse, Occurrence, OccurrenceState};

/// What a VEVENT stands for.
enum Part<'a> {
    Single,
    Master,
    /// With the start that the rule gave it.
    Occurrence(&'a Occurrence),
}

/// Writes `MimeContent`: `seen` alone, or the one occurrence, or the series with its exceptions.
///
/// Exchange publishes calendar items (METHOD:PUBLISH), and what is published names no attendees
/// (RFC 2446, 3.2.1): clients take these from the item's own lists.
pub(crate) fn write_mime(
    xml: &mut Xml,
    seen: &Appointment,
    item: &Item,
    occurrence: Option<&Occurrence>,
) {
    let mut lines = Lines::default();
    lines.raw("BEGIN", "VCALENDAR");
    lines.raw("METHOD", "PUBLISH");
    lines.raw("PRODID", "Microsoft Exchange Server 2010");
    lines.raw("VERSION", "2.0");
    write_zone(&mut lines, &seen.start_zone);
    if seen.end_zone != seen.start_zone {
        write_zone(&mut lines, &seen.end_zone);
    }
    match occurrence {
        Some(occurrence) => write_event(&mut lines, seen, item, &Part::Occurrence(occurrence)),
        None if seen.recurrence.is_some() => {
            write_event(&mut lines, seen, item, &Part::Master);
            for exception in exceptions(seen) {
                let part = Part::Occurrence(&exception);
                write_event(&mut lines, &exception.appointment, item, &part);
            }
        }
        None => write_event(&mut lines, seen, item, &Part::Single),
    }
    lines.raw("END", "VCALENDAR");
    let text = STANDARD.encode(lines.into_string());
    xml.leaf_with("t:MimeContent", &[("CharacterSet", "UTF-8")], &text);
}

fn exceptions(series: &Appointment) -> impl Iterator<Item = Occurrence> {
    series
        .occurrences
        .iter()
        .filter(|(_, state)| matches!(state, OccurrenceState::Modified(_)))
        .filter_map(|(original, _)| series.occurrence(*original).ok())
}

fn write_event(lines: &mut Lines, seen: &Appointment, item: &Item, part: &Part<'_>) {
    lines.raw("BEGIN", "VEVENT");
    if seen.my_response != MyResponse::Unknown {
        let name = format!("ORGANIZER;CN={}", parameter(&seen.organizer.name));
        lines.raw(&name, &format!("MAILTO:{}", seen.organizer.address));
    }
    write_description(lines, seen);
    if let (Part::Master, Some(rule)) = (part, &seen.recurrence) {
        lines.raw("RRULE", &rule::show(rule, seen));
        write_deleted(lines, seen);
    }
    lines.text("UID", &seen.uid);
    if let Part::Occurrence(occurrence) = part {
        let original = occurrence.original_start;
        write_time(lines, "RECURRENCE-ID", original, &seen.start_zone, seen.all_day);
    }
    lines.text("SUMMARY;LANGUAGE=en-US", &seen.subject);
    write_time(lines, "DTSTART", seen.start, &seen.start_zone, seen.all_day);
    let end_zone = if seen.all_day { &seen.start_zone } else { &seen.end_zone };
    write_time(lines, "DTEND", seen.end, end_zone, seen.all_day);
    lines.raw("CLASS", class_word(seen.sensitivity));
    let (priority, importance) = match seen.importance {
        Importance::High => ("1", "2"),
        Importance::Normal => ("5", "1"),
        Importance::Low => ("9", "0"),
    };
    lines.raw("PRIORITY", priority);
    lines.raw("DTSTAMP", &utc(item.modified));
    lines.raw("TRANSP", if seen.show_as == ShowAs::Free { "TRANSPARENT" } else { "OPAQUE" });
    let status = match seen.show_as {
        _ if seen.cancelled => "CANCELLED",
        ShowAs::Tentative => "TENTATIVE",
        _ => "CONFIRMED",
    };
    lines.raw("STATUS", status);
    lines.raw("SEQUENCE", &seen.sequence.to_string());
    lines.text("LOCATION;LANGUAGE=en-US", seen.location.as_deref().unwrap_or_default());
    if !seen.categories.is_empty() {
        lines.texts("CATEGORIES", seen.categories.iter());
    }
    lines.raw("X-MICROSOFT-CDO-APPT-SEQUENCE", &seen.sequence.to_string());
    lines.raw("X-MICROSOFT-CDO-BUSYSTATUS", busy_word(seen.show_as));
    lines.raw("X-MICROSOFT-CDO-INTENDEDSTATUS", busy_word(seen.show_as));
    lines.raw("X-MICROSOFT-CDO-ALLDAYEVENT", flag(seen.all_day));
    lines.raw("X-MICROSOFT-CDO-IMPORTANCE", importance);
    let instance = match part {
        Part::Single => "0",
        Part::Master => "1",
        Part::Occurrence(occurrence) if occurrence.exception => "3",
        Part::Occurrence(_) => "2",
    };
    lines.raw("X-MICROSOFT-CDO-INSTTYPE", instance);
    lines.raw("X-MICROSOFT-DISALLOW-COUNTER", flag(!seen.allow_new_time_proposal));
    if seen.reminder_set {
        write_reminder(lines, seen.reminder_minutes);
    }
    lines.raw("END", "VEVENT");
}

fn write_description(lines: &mut Lines, seen: &Appointment) {
    let text = match &seen.body {
        None => String::new(),
        Some(body) if body.format == BodyFormat::Html => super::super::html::to_text(&body.content),
        Some(body) => body.content.clone(),
    };
    lines.text("DESCRIPTION;LANGUAGE=en-US", &text);
}

/// EXDATE: the starts that the rule gave to deleted occurrences.
fn write_deleted(lines: &mut Lines, series: &Appointment) {
    let deleted: Vec<Timestamp> = series
        .occurrences
        .iter()
        .filter(|(_, state)| matches!(state, OccurrenceState::Deleted))
        .map(|(original, _)| series.regular_times(*original).0)
        .collect();
    for original in deleted {
        write_time(lines, "EXDATE", original, &series.start_zone, series.all_day);
    }
}

fn write_reminder(lines: &mut Lines, minutes: u32) {
    lines.raw("BEGIN", "VALARM");
    lines.raw("DESCRIPTION", "REMINDER");
    lines.raw("TRIGGER;RELATED=START", &format!("-PT{minutes}M"));
    lines.raw("ACTION", "DISPLAY");
    lines.raw("END", "VALARM");
}

const fn class_word(of: Privacy) -> &'static str {
    match of {
        Privacy::Public => "PUBLIC",
        Privacy::Personal => "X-PERSONAL",
        Privacy::Private => "PRIVATE",
        Privacy::Confidential => "CONFIDENTIAL",
    }
}

/// A busy status in the words of MS-OXCICAL 2.1.3.1.1.20.31.
const fn busy_word(of: ShowAs) -> &'static str {
    match of {
        ShowAs::Free => "FREE",
        ShowAs::Tentative => "TENTATIVE",
        ShowAs::Busy => "BUSY",
        ShowAs::Oof => "OOF",
        ShowAs::WorkingElsewhere => "WORKINGELSEWHERE",
    }
}

const fn flag(value: bool) -> &'static str {
    if value { "TRUE" } else { "FALSE" }
}

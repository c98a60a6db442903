//! Appointments as iCalendar: a bare VCALENDAR, as Exchange gives it as MimeContent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::xml::Xml;
use crate::store::{Appointment, Item};

/// Writes `MimeContent`. Times are in UTC; the rule of a series is not part of it.
pub(crate) fn write_mime(xml: &mut Xml, seen: &Appointment, item: &Item) {
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "METHOD:PUBLISH".to_owned(),
        "PRODID:Microsoft Exchange Server 2010".to_owned(),
        "VERSION:2.0".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}", seen.uid),
        format!("SUMMARY:{}", escaped(&seen.subject)),
    ];
    if let Some(body) = &seen.body {
        lines.push(format!("DESCRIPTION:{}", escaped(&super::html::to_text(&body.content))));
    }
    if let Some(location) = &seen.location {
        lines.push(format!("LOCATION:{}", escaped(location)));
    }
    if seen.all_day {
        let day =
            |at| crate::windows_zone::to_civil(&seen.start_zone, at).strftime("%Y%m%d").to_string();
        lines.push(format!("DTSTART;VALUE=DATE:{}", day(seen.start)));
        lines.push(format!("DTEND;VALUE=DATE:{}", day(seen.end)));
    } else {
        lines.push(format!("DTSTART:{}", seen.start.strftime("%Y%m%dT%H%M%SZ")));
        lines.push(format!("DTEND:{}", seen.end.strftime("%Y%m%dT%H%M%SZ")));
    }
    lines.push(format!("DTSTAMP:{}", item.modified.strftime("%Y%m%dT%H%M%SZ")));
    lines.push(format!("SEQUENCE:{}", seen.sequence));
    lines.push("END:VEVENT".to_owned());
    lines.push("END:VCALENDAR".to_owned());
    let text: String = lines.into_iter().map(|line| line + "\r\n").collect();
    xml.leaf_with("t:MimeContent", &[("CharacterSet", "UTF-8")], &STANDARD.encode(text));
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace(';', "\\;")
        .replace(',', "\\,")
        .replace("\r\n", "\\n")
        .replace('\n', "\\n")
}

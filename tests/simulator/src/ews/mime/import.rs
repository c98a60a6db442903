//! A VCALENDAR as the changes that make an appointment (MS-OXCICAL 2.1.3). RDATE and EXRULE are not
//! read: a series of Exchange is one rule and what is taken out of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::DateTime;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, ToSpan};
use roxmltree::Node;
use tidemark_model::{AttendeeRole, Body, BodyFormat, Privacy, ShowAs};

use super::super::error::EwsError;
use super::super::node::Read;
use super::component::{Component, Property};
use super::rule;
use super::time::{Moment, Zones};
use crate::store::{Appointment, Change, Contact, Importance, People};
use crate::windows_zone;

/// What a VCALENDAR stands for.
pub(crate) struct Imported {
    /// Changes of the single item or of the series as a whole.
    pub(crate) changes: Vec<Change>,
    /// Original starts of the occurrences that are taken out.
    pub(crate) deleted: Vec<Timestamp>,
    /// Original starts of the occurrences that differ, with what does.
    pub(crate) exceptions: Vec<(Timestamp, Vec<Change>)>,
}

/// Whose calendar it goes to.
struct Owner<'a> {
    /// The Windows id for what names no zone.
    zone: &'a str,
    /// The address, which is not listed among the attendees.
    address: &'a str,
}

fn invalid() -> EwsError {
    EwsError::new("ErrorMimeContentInvalid", "MIME content is invalid.")
}

/// Reads a `MimeContent`. What says no zone is meant in `zone`; the owner is no attendee.
pub(crate) fn read_mime(
    node: Node<'_, '_>,
    zone: &str,
    address: &str,
) -> Result<Imported, EwsError> {
    let compact: String = node.inner().split_whitespace().collect();
    let bytes = STANDARD.decode(compact).map_err(|_| {
        EwsError::new("ErrorMimeContentInvalidBase64String", "MIME content is no base64.")
    })?;
    let text = String::from_utf8(bytes).map_err(|_| invalid())?;
    let calendar =
        Component::read(&text).filter(|found| found.is("VCALENDAR")).ok_or_else(invalid)?;
    read_calendar(&calendar, &Owner { zone, address })
}

fn read_calendar(calendar: &Component, owner: &Owner<'_>) -> Result<Imported, EwsError> {
    let zones = Zones::read(calendar);
    let is_exception = |event: &&Component| event.property("RECURRENCE-ID").is_some();
    let whole =
        calendar.children("VEVENT").find(|event| !is_exception(event)).ok_or_else(invalid)?;
    let mut changes = read_event(whole, &zones, owner)?;
    let uid = whole.property("UID").map(Property::text).filter(|uid| !uid.is_empty());
    changes.extend(uid.map(Change::Uid));
    changes.extend(read_class(whole).map(Change::Sensitivity));
    changes.extend(read_rule(whole, &zones, owner)?);
    let mut deleted = Vec::new();
    for property in whole.properties("EXDATE") {
        let moments = zones.moments(property).ok_or_else(invalid)?;
        deleted.extend(moments.iter().map(|moment| moment.instant(owner.zone)));
    }
    let mut exceptions = Vec::new();
    for event in calendar.children("VEVENT").filter(is_exception) {
        let original = event
            .property("RECURRENCE-ID")
            .and_then(|property| zones.moment(property))
            .ok_or_else(invalid)?;
        exceptions.push((original.instant(owner.zone), read_event(event, &zones, owner)?));
    }
    Ok(Imported { changes, deleted, exceptions })
}

/// What every VEVENT says of its one appointment.
fn read_event(
    event: &Component,
    zones: &Zones,
    owner: &Owner<'_>,
) -> Result<Vec<Change>, EwsError> {
    let mut changes = read_times(event, zones, owner)?;
    if let Some(summary) = event.property("SUMMARY") {
        changes.push(Change::Subject(summary.text()));
    }
    changes.extend(read_description(event));
    if let Some(location) = event.property("LOCATION") {
        changes.push(Change::Location(Some(location.text()).filter(|text| !text.is_empty())));
    }
    if event.property("CATEGORIES").is_some() {
        let names = event.properties("CATEGORIES").flat_map(Property::texts);
        changes.push(Change::Categories(names.filter(|name| !name.is_empty()).collect()));
    }
    changes.extend(read_importance(event).map(Change::Importance));
    changes.extend(read_busy(event).map(Change::ShowAs));
    changes.extend(read_attendees(event, owner));
    changes.extend(read_reminder(event));
    let disallow = event.word("X-MICROSOFT-DISALLOW-COUNTER");
    if !disallow.is_empty() {
        changes.push(Change::AllowNewTimeProposal(disallow != "TRUE"));
    }
    Ok(changes)
}

/// Zones, start, end and whether it is whole days.
fn read_times(
    event: &Component,
    zones: &Zones,
    owner: &Owner<'_>,
) -> Result<Vec<Change>, EwsError> {
    let read = |name: &str| match event.property(name) {
        Some(property) => zones.moment(property).map(Some).ok_or_else(invalid),
        None => Ok(None),
    };
    let start = read("DTSTART")?.ok_or_else(invalid)?;
    let end = match read("DTEND")? {
        Some(end) => end,
        None => end_without(event, &start, owner)?,
    };
    let midnights = start.is_midnight() && end.is_midnight();
    let unzoned = |moment: &Moment| matches!(moment, Moment::Day(_) | Moment::Floating(_));
    let said = event.word("X-MICROSOFT-CDO-ALLDAYEVENT") == "TRUE";
    if midnights && (said || (unzoned(&start) && unzoned(&end))) {
        // Whole days are the owner's days, whatever zone they were written in.
        let day =
            |moment: &Moment| windows_zone::to_instant(owner.zone, moment.civil(owner.zone).0);
        return Ok(vec![
            Change::StartZone(owner.zone.to_owned()),
            Change::EndZone(owner.zone.to_owned()),
            Change::AllDay(true),
            Change::Start(day(&start)),
            Change::End(day(&end)),
        ]);
    }
    let zone = |moment: &Moment| moment.civil(owner.zone).1;
    Ok(vec![
        Change::StartZone(zone(&start)),
        Change::EndZone(zone(&end)),
        Change::AllDay(false),
        Change::Start(start.instant(owner.zone)),
        Change::End(end.instant(owner.zone)),
    ])
}

/// The end of a VEVENT without DTEND: by its length; else a day is one day, a time is a moment.
fn end_without(event: &Component, start: &Moment, owner: &Owner<'_>) -> Result<Moment, EwsError> {
    let Some(length) = event.property("DURATION") else {
        return Ok(match start {
            Moment::Day(day) => Moment::Day(day.saturating_add(1.day())),
            other => other.clone(),
        });
    };
    let length = read_length(&length.value).ok_or_else(invalid)?;
    Ok(match start {
        Moment::Day(day) => Moment::Day(day.saturating_add(length)),
        other => {
            let (_, zone) = other.civil(owner.zone);
            let end = other.instant(owner.zone).saturating_add(length).map_err(|_| invalid())?;
            Moment::Zoned(windows_zone::to_civil(&zone, end), zone)
        }
    })
}

fn read_length(text: &str) -> Option<SignedDuration> {
    let span: Span = text.trim().parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}

fn read_rule(
    event: &Component,
    zones: &Zones,
    owner: &Owner<'_>,
) -> Result<Option<Change>, EwsError> {
    let Some(rule) = event.property("RRULE") else {
        return Ok(None);
    };
    let start =
        event.property("DTSTART").and_then(|start| zones.moment(start)).ok_or_else(invalid)?;
    let (first, zone) = start.civil(owner.zone);
    let until_day = |text: &str| {
        let day = |text: &str| jiff::civil::Date::strptime("%Y%m%d", text).ok();
        match text.strip_suffix('Z') {
            Some(utc) => {
                let at = DateTime::strptime("%Y%m%dT%H%M%S", utc).ok()?;
                Some(windows_zone::to_civil(&zone, windows_zone::to_instant("UTC", at)).date())
            }
            None => day(text.get(..8)?),
        }
    };
    let rule = rule::read(&rule.value, first.date(), until_day).ok_or_else(|| {
        EwsError::new("ErrorMimeContentInvalid", "The recurrence rule has no pattern in Exchange.")
    })?;
    Ok(Some(Change::Recurrence(Some((rule, first.date())))))
}

fn read_class(event: &Component) -> Option<Privacy> {
    match event.word("CLASS").as_str() {
        "" => None,
        "PRIVATE" => Some(Privacy::Private),
        "CONFIDENTIAL" => Some(Privacy::Confidential),
        "X-PERSONAL" => Some(Privacy::Personal),
        _ => Some(Privacy::Public),
    }
}

/// The description; one in HTML is better than one in text, and an empty one is none.
fn read_description(event: &Component) -> Option<Change> {
    let html = event
        .property("X-ALT-DESC")
        .filter(|found| found.parameter("FMTTYPE") == Some("text/html"))
        .map(|found| (BodyFormat::Html, found.text()));
    let text = || Some((BodyFormat::Text, event.property("DESCRIPTION")?.text()));
    let (format, content) = html.or_else(text)?;
    Some(Change::Body((!content.is_empty()).then_some(Body { format, content })))
}

fn read_importance(event: &Component) -> Option<Importance> {
    match event.word("X-MICROSOFT-CDO-IMPORTANCE").as_str() {
        "0" => return Some(Importance::Low),
        "1" => return Some(Importance::Normal),
        "2" => return Some(Importance::High),
        _ => {}
    }
    match event.word("PRIORITY").parse::<u8>().ok()? {
        1..=4 => Some(Importance::High),
        6..=9 => Some(Importance::Low),
        _ => Some(Importance::Normal),
    }
}

fn read_busy(event: &Component) -> Option<ShowAs> {
    match event.word("X-MICROSOFT-CDO-BUSYSTATUS").as_str() {
        "FREE" => Some(ShowAs::Free),
        "TENTATIVE" => Some(ShowAs::Tentative),
        "BUSY" => Some(ShowAs::Busy),
        "OOF" => Some(ShowAs::Oof),
        "WORKINGELSEWHERE" => Some(ShowAs::WorkingElsewhere),
        _ => match (event.word("TRANSP").as_str(), event.word("STATUS").as_str()) {
            ("TRANSPARENT", _) => Some(ShowAs::Free),
            (_, "TENTATIVE") => Some(ShowAs::Tentative),
            ("OPAQUE", _) | (_, "CONFIRMED") => Some(ShowAs::Busy),
            _ => None,
        },
    }
}

/// The people of each part; none of them for a VEVENT that names nobody.
fn read_attendees(event: &Component, owner: &Owner<'_>) -> Vec<Change> {
    let mut people: [(AttendeeRole, Vec<Contact>); 3] = [
        (AttendeeRole::Required, Vec::new()),
        (AttendeeRole::Optional, Vec::new()),
        (AttendeeRole::Resource, Vec::new()),
    ];
    for attendee in event.properties("ATTENDEE") {
        let value = attendee.value.trim();
        let address = match value.split_once(':') {
            Some((scheme, address)) if scheme.eq_ignore_ascii_case("mailto") => address,
            _ => value,
        };
        if address.eq_ignore_ascii_case(owner.address) {
            continue;
        }
        let is = |name: &str, word: &str| {
            attendee.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case(word))
        };
        let role = if is("CUTYPE", "RESOURCE") || is("ROLE", "NON-PARTICIPANT") {
            AttendeeRole::Resource
        } else if is("ROLE", "OPT-PARTICIPANT") {
            AttendeeRole::Optional
        } else {
            AttendeeRole::Required
        };
        let name = attendee.parameter("CN").unwrap_or_default().to_owned();
        if let Some((_, list)) = people.iter_mut().find(|(known, _)| *known == role) {
            list.push(Contact { address: address.to_owned(), name });
        }
    }
    people
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(role, list)| Change::Attendees(role, People::Replace(list)))
        .collect()
}

/// The reminder; a VEVENT without VALARM leaves the item's own.
fn read_reminder(event: &Component) -> Vec<Change> {
    let Some(alarm) = event.children("VALARM").next() else {
        return Vec::new();
    };
    let minutes = alarm
        .property("TRIGGER")
        .and_then(|trigger| read_length(&trigger.value))
        .map(|length| length.as_mins().saturating_neg().max(0))
        .and_then(|minutes| u32::try_from(minutes).ok());
    let mut changes = vec![Change::ReminderSet(true)];
    changes.extend(minutes.map(Change::ReminderMinutes));
    changes
}

impl Imported {
    /// The original civil starts in the zone of the series that was made of it: those to delete,
    /// then those to change.
    pub(crate) fn occurrences(
        self,
        series: &Appointment,
    ) -> (Vec<DateTime>, Vec<(DateTime, Vec<Change>)>) {
        let civil = |at| windows_zone::to_civil(&series.start_zone, at);
        (
            self.deleted.into_iter().map(civil).collect(),
            self.exceptions.into_iter().map(|(at, changes)| (civil(at), changes)).collect(),
        )
    }
}

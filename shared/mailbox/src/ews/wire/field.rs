//! The properties of a calendar item, one by one, as EWS writes them.

use tidemark_model::{
    AttendeeRole, Body, BodyFormat, Event, EventStatus, Privacy, Recurrence, Schedule, ShowAs, Zone,
};

use super::xml::XmlWriter;
use super::{rule, time, zone};

/// A property with its place in the schema: EWS refuses elements out of this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Subject,
    Sensitivity,
    Body,
    Categories,
    Importance,
    ReminderIsSet,
    ReminderMinutes,
    Start,
    End,
    IsAllDay,
    FreeBusy,
    Location,
    Attendees(AttendeeRole),
    Recurrence,
    StartTimeZone,
    EndTimeZone,
}

impl Field {
    /// Those that stand before `ExtendedProperty` and `UID` in an item.
    pub(super) const OF_ITEM: [Self; 7] = [
        Self::Subject,
        Self::Sensitivity,
        Self::Body,
        Self::Categories,
        Self::Importance,
        Self::ReminderIsSet,
        Self::ReminderMinutes,
    ];

    /// Those that stand behind them.
    pub(super) const OF_CALENDAR: [Self; 11] = [
        Self::Start,
        Self::End,
        Self::IsAllDay,
        Self::FreeBusy,
        Self::Location,
        Self::Attendees(AttendeeRole::Required),
        Self::Attendees(AttendeeRole::Optional),
        Self::Attendees(AttendeeRole::Resource),
        Self::Recurrence,
        Self::StartTimeZone,
        Self::EndTimeZone,
    ];

    /// Its `FieldURI`.
    pub(super) const fn uri(self) -> &'static str {
        match self {
            Self::Subject => "item:Subject",
            Self::Sensitivity => "item:Sensitivity",
            Self::Body => "item:Body",
            Self::Categories => "item:Categories",
            Self::Importance => "item:Importance",
            Self::ReminderIsSet => "item:ReminderIsSet",
            Self::ReminderMinutes => "item:ReminderMinutesBeforeStart",
            Self::Start => "calendar:Start",
            Self::End => "calendar:End",
            Self::IsAllDay => "calendar:IsAllDayEvent",
            Self::FreeBusy => "calendar:LegacyFreeBusyStatus",
            Self::Location => "calendar:Location",
            Self::Attendees(AttendeeRole::Required) => "calendar:RequiredAttendees",
            Self::Attendees(AttendeeRole::Optional) => "calendar:OptionalAttendees",
            Self::Attendees(AttendeeRole::Resource) => "calendar:Resources",
            Self::Recurrence => "calendar:Recurrence",
            Self::StartTimeZone => "calendar:StartTimeZone",
            Self::EndTimeZone => "calendar:EndTimeZone",
        }
    }

    /// Whether the event has a value for it; one without is left out, or deleted.
    pub(super) fn is_set(self, event: &Event) -> bool {
        match self {
            Self::Subject => text(event.title.as_ref()).is_some(),
            Self::Body => content(event.body.as_ref()).is_some(),
            Self::Categories => !event.categories.is_empty(),
            Self::ReminderMinutes => event.reminder_minutes.is_some(),
            Self::Location => text(event.location.as_ref()).is_some(),
            Self::Attendees(role) => addresses(event, role).next().is_some(),
            Self::Recurrence => event.recurrence.is_some(),
            Self::Sensitivity
            | Self::Importance
            | Self::ReminderIsSet
            | Self::Start
            | Self::End
            | Self::IsAllDay
            | Self::FreeBusy
            | Self::StartTimeZone
            | Self::EndTimeZone => true,
        }
    }

    /// Whether Exchange would hold another value for `to` than for `from`.
    ///
    /// Start, end, zones and rule are looked at together (`differing_times`).
    pub(super) fn differs(self, from: &Event, to: &Event, mailbox_zone: &Zone) -> bool {
        let rule_differs = from.recurrence != to.recurrence;
        let times_differ = from.schedule != to.schedule;
        match self {
            Self::Subject => text(from.title.as_ref()) != text(to.title.as_ref()),
            Self::Sensitivity => from.privacy != to.privacy,
            Self::Body => content(from.body.as_ref()) != content(to.body.as_ref()),
            Self::Categories => from.categories != to.categories,
            Self::Importance => importance(from.priority) != importance(to.priority),
            Self::ReminderIsSet => from.reminder_minutes.is_some() != to.reminder_minutes.is_some(),
            // Without a reminder its minutes mean nothing, so there is nothing to delete either.
            Self::ReminderMinutes => {
                to.reminder_minutes.is_some() && from.reminder_minutes != to.reminder_minutes
            }
            // One without the other can change the duration (exchange-ews.md 6).
            Self::Start | Self::End => times_differ,
            Self::IsAllDay => is_all_day(from) != is_all_day(to),
            Self::FreeBusy => free_busy(from) != free_busy(to),
            Self::Location => text(from.location.as_ref()) != text(to.location.as_ref()),
            Self::Attendees(role) => !addresses(from, role).eq(addresses(to, role)),
            // Its StartDate belongs to the first start.
            Self::Recurrence => rule_differs || (times_differ && to.recurrence.is_some()),
            // The zone that the item has on the server is not known for whole days.
            Self::StartTimeZone | Self::EndTimeZone => {
                let (was, is) =
                    (zones(&from.schedule, mailbox_zone), zones(&to.schedule, mailbox_zone));
                times_differ && (was != is || is_all_day(from) || is_all_day(to))
            }
        }
    }

    /// Writes the element with the event's value.
    pub(super) fn write(self, xml: &mut XmlWriter, event: &Event, times: &Times<'_>) {
        match self {
            Self::Subject => xml.leaf("t:Subject", event.title.as_deref().unwrap_or_default()),
            Self::Sensitivity => xml.leaf("t:Sensitivity", sensitivity(event.privacy)),
            Self::Body => write_body(xml, event.body.as_ref()),
            Self::Categories => xml.element("t:Categories", &[], |xml| {
                for category in &event.categories {
                    xml.leaf("t:String", category);
                }
            }),
            Self::Importance => xml.leaf("t:Importance", importance(event.priority)),
            Self::ReminderIsSet => {
                xml.leaf("t:ReminderIsSet", boolean(event.reminder_minutes.is_some()));
            }
            Self::ReminderMinutes => {
                let minutes = event.reminder_minutes.unwrap_or_default();
                let minutes = minutes.min(REMINDER_MINUTES_MAX).to_string();
                xml.leaf("t:ReminderMinutesBeforeStart", &minutes);
            }
            Self::Start => xml.leaf("t:Start", &times.start),
            Self::End => xml.leaf("t:End", &times.end),
            Self::IsAllDay => xml.leaf("t:IsAllDayEvent", boolean(is_all_day(event))),
            Self::FreeBusy => xml.leaf("t:LegacyFreeBusyStatus", free_busy(event)),
            Self::Location => xml.leaf("t:Location", event.location.as_deref().unwrap_or_default()),
            Self::Attendees(role) => write_attendees(xml, event, role),
            Self::Recurrence => {
                if let Some(recurrence) = times.rule {
                    rule::write(xml, recurrence, times.first);
                }
            }
            Self::StartTimeZone => times.write_zone(xml, "t:StartTimeZone", &times.zone),
            Self::EndTimeZone => times.write_zone(xml, "t:EndTimeZone", &times.end_zone),
        }
    }
}

/// Largest reminder that Exchange takes, in minutes before the start: five years.
const REMINDER_MINUTES_MAX: u32 = 2_629_800;

/// When an event takes place, in the values that EWS takes. Instants, not civil times: those
/// would be read in a zone that depends on what else stands in the request.
pub(super) struct Times<'a> {
    start: String,
    end: String,
    first: jiff::civil::Date,
    rule: Option<&'a Recurrence>,
    zone: Zone,
    end_zone: Zone,
}

/// Why Exchange cannot hold the times of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimesError {
    /// There is no pattern of EWS for the rule.
    Pattern,
    /// The rule has no occurrence.
    NoOccurrence,
    /// A series in a zone that neither Windows nor yearly rules know.
    Zone,
}

impl<'a> Times<'a> {
    /// Whole days and floating times are taken in `mailbox_zone`.
    pub(super) fn of(event: &'a Event, mailbox_zone: &Zone) -> Result<Self, TimesError> {
        let rule = event.recurrence.as_ref();
        let mut schedule = event.schedule.clone();
        if let Some(rule) = rule {
            if !rule::is_writable(rule) {
                return Err(TimesError::Pattern);
            }
            // EWS starts a series on its first occurrence.
            let first = rule.nth_start(schedule.start(), 1);
            schedule = schedule.moved_to(first.ok_or(TimesError::NoOccurrence)?.start());
        }
        let first = schedule.start().date();
        let (zone, end_zone) = zones(&schedule, mailbox_zone);
        let (start, end) = schedule.instants(mailbox_zone);
        let writable = |zone: Zone| match zone::is_writable(&zone, first.year()) {
            true => Ok(zone),
            // The instants of a single event say it all.
            false if rule.is_none() => Ok(Zone::utc()),
            false => Err(TimesError::Zone),
        };
        Ok(Self {
            start: time::instant_text(start),
            end: time::instant_text(end),
            first,
            rule,
            zone: writable(zone)?,
            end_zone: writable(end_zone)?,
        })
    }

    fn write_zone(&self, xml: &mut XmlWriter, name: &str, zone: &Zone) {
        if zone::write(xml, name, zone, self.first.year()).is_none() {
            xml.empty(name, &[("Id", "UTC")]);
        }
    }
}

fn zones(schedule: &Schedule, mailbox_zone: &Zone) -> (Zone, Zone) {
    match schedule {
        Schedule::Timed(timed) => {
            let zone = timed.zone();
            (zone.clone(), timed.end_zone().unwrap_or(zone).clone())
        }
        Schedule::AllDay(_) | Schedule::Floating(_) => (mailbox_zone.clone(), mailbox_zone.clone()),
    }
}

const fn is_all_day(event: &Event) -> bool {
    matches!(event.schedule, Schedule::AllDay(_))
}

fn text(text: Option<&String>) -> Option<&String> {
    text.filter(|text| !text.is_empty())
}

fn content(body: Option<&Body>) -> Option<&Body> {
    body.filter(|body| !body.content.is_empty())
}

fn write_body(xml: &mut XmlWriter, body: Option<&Body>) {
    let Some(body) = body else { return };
    let format = match body.format {
        BodyFormat::Text => "Text",
        BodyFormat::Html => "HTML",
    };
    xml.element("t:Body", &[("BodyType", format)], |xml| {
        xml.text(&body.content);
    });
}

fn addresses(event: &Event, role: AttendeeRole) -> impl Iterator<Item = &String> {
    event
        .attendees
        .iter()
        .filter(move |(_, attendee)| attendee.role == role)
        .map(|(address, _)| address)
}

fn write_attendees(xml: &mut XmlWriter, event: &Event, role: AttendeeRole) {
    let name = match role {
        AttendeeRole::Required => "t:RequiredAttendees",
        AttendeeRole::Optional => "t:OptionalAttendees",
        AttendeeRole::Resource => "t:Resources",
    };
    xml.element(name, &[], |xml| {
        for (address, attendee) in &event.attendees {
            if attendee.role != role {
                continue;
            }
            xml.element("t:Attendee", &[], |xml| {
                xml.element("t:Mailbox", &[], |xml| {
                    if let Some(name) = &attendee.name {
                        xml.leaf("t:Name", name);
                    }
                    xml.leaf("t:EmailAddress", address);
                });
            });
        }
    });
}

const fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

const fn sensitivity(privacy: Privacy) -> &'static str {
    match privacy {
        Privacy::Public => "Normal",
        Privacy::Personal => "Personal",
        Privacy::Private => "Private",
        Privacy::Confidential => "Confidential",
    }
}

/// Three levels of ten (mapping.md 3.3).
const fn importance(priority: u8) -> &'static str {
    match priority {
        1..=4 => "High",
        0 | 5 => "Normal",
        _ => "Low",
    }
}

/// A tentative event that merely blocks time is what Exchange calls tentative (mapping.md 3.1).
const fn free_busy(event: &Event) -> &'static str {
    match (event.show_as, event.status) {
        (ShowAs::Tentative, _) | (ShowAs::Busy, EventStatus::Tentative) => "Tentative",
        (ShowAs::Free, _) => "Free",
        (ShowAs::Busy, _) => "Busy",
        (ShowAs::Oof, _) => "OOF",
        (ShowAs::WorkingElsewhere, _) => "WorkingElsewhere",
    }
}

//! GetUserAvailability: when people are free, and what they do if the caller may know
//! (getuseravailability-operation; exchange-ews.md 11).
//!
//! Meeting suggestions are not built: an answer never carries any.

use jiff::{SignedDuration, Timestamp};
use roxmltree::Node;
use tidemark_model::{Privacy, ShowAs};

use super::Context;
use super::error::EwsError;
use super::find::in_window;
use super::node::Read;
use super::parts::show_as_name;
use super::recurrence::day_name;
use super::time::WireTime;
use super::xml::Xml;
use super::zones::read_bias_zone;
use crate::store::{Appointment, Mailbox, MyResponse, StoreError, Target};
use crate::windows_zone::{self, YearlyDay, YearlyMoment, YearlyRules};

/// Most mailboxes of one request.
const MAILBOXES_MAX: usize = 100;
/// Longest window.
const WINDOW_MAX: SignedDuration = SignedDuration::from_hours(42 * 24);
/// Interval of the merged view when none is asked for, in minutes.
const INTERVAL_DEFAULT: i64 = 30;
/// Shortest and longest interval of the merged view, in minutes.
const INTERVALS: std::ops::RangeInclusive<i64> = 5..=1440;
/// What a new mailbox has as its working hours, in minutes after midnight.
const WORKING_MINUTES: (&str, &str) = ("480", "1020");

/// What is asked of every mailbox.
struct Question {
    /// The caller's zone, as the store names it.
    zone: String,
    from: Timestamp,
    to: Timestamp,
    interval: SignedDuration,
    /// Whether one digit for each interval is wanted.
    merged: bool,
    /// Whether single times are wanted.
    times: bool,
    /// Whether subjects and places are wanted too.
    details: bool,
}

/// The body of the answer.
pub(super) fn answer(context: &mut Context<'_>, request: Node<'_, '_>) -> Result<String, EwsError> {
    let question = Question::read(request)?;
    let asked: Vec<_> =
        request.child("MailboxDataArray").into_iter().flat_map(Read::elements).collect();
    if asked.len() > MAILBOXES_MAX {
        return Err(EwsError::new("ErrorInvalidRequest", "Too many mailboxes are asked for."));
    }
    let mut xml = Xml::default();
    xml.open("m:GetUserAvailabilityResponse", &[]);
    xml.open("m:FreeBusyResponseArray", &[]);
    for node in asked {
        xml.open("m:FreeBusyResponse", &[]);
        let address = node.child("Email").and_then(|email| email.child_text("Address"));
        match context.store.find(address.unwrap_or_default().trim()) {
            Some(mailbox) => {
                xml.open("m:ResponseMessage", &[("ResponseClass", "Success")]);
                xml.leaf("m:ResponseCode", "NoError");
                xml.close("m:ResponseMessage");
                let own = mailbox.number == context.mailbox;
                question.write_view(&mut xml, mailbox, own)?;
            }
            None => write_unknown(&mut xml),
        }
        xml.close("m:FreeBusyResponse");
    }
    xml.close("m:FreeBusyResponseArray");
    xml.close("m:GetUserAvailabilityResponse");
    Ok(xml.into_string())
}

fn write_unknown(xml: &mut Xml) {
    xml.open("m:ResponseMessage", &[("ResponseClass", "Error")]);
    xml.leaf("m:MessageText", "Unable to resolve the mailbox address.");
    xml.leaf("m:ResponseCode", "ErrorMailRecipientNotFound");
    xml.leaf("m:DescriptiveLinkKey", "0");
    xml.close("m:ResponseMessage");
}

impl Question {
    fn read(request: Node<'_, '_>) -> Result<Self, EwsError> {
        let options = request
            .child("FreeBusyViewOptions")
            .ok_or_else(|| EwsError::schema("FreeBusyViewOptions are missing"))?;
        let zone = request.child("TimeZone").map(read_bias_zone).transpose()?;
        let zone = zone.unwrap_or_else(|| "UTC".to_owned());
        let at = |name| {
            let window = options.child("TimeWindow");
            let text = window.and_then(|window| window.child_text(name));
            let text = text.ok_or_else(|| EwsError::schema("TimeWindow is incomplete"))?;
            Ok::<_, EwsError>(WireTime::read(text)?.instant(&zone))
        };
        let (from, to) = (at("StartTime")?, at("EndTime")?);
        if to <= from {
            let text = "The time window ends before it starts.";
            return Err(EwsError::new("ErrorInvalidTimeInterval", text));
        }
        if from.duration_until(to) > WINDOW_MAX {
            return Err(EwsError::new("ErrorTimeIntervalTooBig", "The time window is too long."));
        }
        let interval = match options.child_text("MergedFreeBusyIntervalInMinutes") {
            Some(text) => text.trim().parse().unwrap_or(0),
            None => INTERVAL_DEFAULT,
        };
        if !INTERVALS.contains(&interval) {
            let text = "The interval of the merged view is 5 to 1440 minutes.";
            return Err(EwsError::new("ErrorInvalidMergedFreeBusyInterval", text));
        }
        let view = options.child_text("RequestedView").unwrap_or("FreeBusy").trim();
        let (merged, times, details) = match view {
            "MergedOnly" => (true, false, false),
            "FreeBusy" => (false, true, false),
            "FreeBusyMerged" => (true, true, false),
            "Detailed" => (false, true, true),
            "DetailedMerged" => (true, true, true),
            _ => return Err(EwsError::new("ErrorInvalidFreeBusyViewType", "No such view.")),
        };
        let interval = SignedDuration::from_mins(interval);
        Ok(Self { zone, from, to, interval, merged, times, details })
    }

    /// Writes what the caller may see of a mailbox: of somebody else's only when it is busy, which
    /// is what the default permission of a calendar allows.
    fn write_view(&self, xml: &mut Xml, mailbox: &Mailbox, own: bool) -> Result<(), StoreError> {
        let details = self.details && own;
        let calendar = mailbox.distinguished("calendar")?.number;
        let mut events = Vec::new();
        for (_, target) in in_window(mailbox, calendar, self.from, self.to) {
            events.push(Event::of(mailbox, target)?);
        }
        xml.open("m:FreeBusyView", &[]);
        xml.leaf("t:FreeBusyViewType", self.given(details));
        if self.merged {
            xml.leaf("t:MergedFreeBusy", &self.digits(&events));
        }
        if self.times && !events.is_empty() {
            xml.open("t:CalendarEventArray", &[]);
            for event in &events {
                event.write(xml, &self.zone, details);
            }
            xml.close("t:CalendarEventArray");
        }
        if self.times {
            write_working_hours(xml, &mailbox.time_zone);
        }
        xml.close("m:FreeBusyView");
        Ok(())
    }

    /// The word for the view that is given.
    const fn given(&self, details: bool) -> &'static str {
        match (self.times, details, self.merged) {
            (false, _, _) => "MergedOnly",
            (true, true, true) => "DetailedMerged",
            (true, true, false) => "Detailed",
            (true, false, true) => "FreeBusyMerged",
            (true, false, false) => "FreeBusy",
        }
    }

    /// One digit for each interval: the highest of all that touches it.
    fn digits(&self, events: &[Event]) -> String {
        let mut digits = String::new();
        let mut at = self.from;
        while at < self.to {
            let next = at.saturating_add(self.interval).unwrap_or(self.to).max(at);
            let highest = events
                .iter()
                .filter(|event| event.seen.start < next && event.seen.end > at)
                .map(|event| busy_digit(event.seen.show_as))
                .max();
            digits.push(highest.unwrap_or('0'));
            if next == at {
                break;
            }
            at = next;
        }
        digits
    }
}

/// Something in a calendar.
struct Event {
    seen: Appointment,
    recurring: bool,
    exception: bool,
    id: String,
}

impl Event {
    fn of(mailbox: &Mailbox, target: Target) -> Result<Self, StoreError> {
        let item = mailbox.item(target.item())?;
        let appointment = item.appointment().ok_or(StoreError::ItemNotFound)?;
        let id = super::id::item(mailbox.number, target);
        Ok(match target {
            Target::Item(_) => {
                Self { seen: appointment.clone(), recurring: false, exception: false, id }
            }
            Target::Occurrence(_, original) => {
                let occurrence = appointment.occurrence(original)?;
                let exception = occurrence.exception;
                Self { seen: occurrence.appointment, recurring: true, exception, id }
            }
        })
    }

    /// Times are in the caller's zone and carry no offset.
    fn write(&self, xml: &mut Xml, zone: &str, details: bool) {
        let seen = &self.seen;
        let local = |at| windows_zone::to_civil(zone, at).strftime("%Y-%m-%dT%H:%M:%S").to_string();
        xml.open("t:CalendarEvent", &[]);
        xml.leaf("t:StartTime", &local(seen.start));
        xml.leaf("t:EndTime", &local(seen.end));
        xml.leaf("t:BusyType", show_as_name(seen.show_as));
        if details {
            xml.open("t:CalendarEventDetails", &[]);
            xml.leaf("t:ID", &super::directory::to_hex(&self.id).unwrap_or_default());
            xml.leaf("t:Subject", &seen.subject);
            xml.leaf("t:Location", seen.location.as_deref().unwrap_or_default());
            xml.flag("t:IsMeeting", seen.my_response != MyResponse::Unknown);
            xml.flag("t:IsRecurring", self.recurring);
            xml.flag("t:IsException", self.exception);
            xml.flag("t:IsReminderSet", seen.reminder_set);
            xml.flag("t:IsPrivate", seen.sensitivity == Privacy::Private);
            xml.close("t:CalendarEventDetails");
        }
        xml.close("t:CalendarEvent");
    }
}

/// A digit of the merged view; working elsewhere is 4 on servers that know it (mergedfreebusy).
const fn busy_digit(of: ShowAs) -> char {
    match of {
        ShowAs::Free => '0',
        ShowAs::Tentative => '1',
        ShowAs::Busy => '2',
        ShowAs::Oof => '3',
        ShowAs::WorkingElsewhere => '4',
    }
}

fn write_working_hours(xml: &mut Xml, zone: &str) {
    xml.open("t:WorkingHours", &[]);
    write_bias_zone(xml, &YearlyRules::of(&windows_zone::zone(zone)));
    xml.open("t:WorkingPeriodArray", &[]);
    xml.open("t:WorkingPeriod", &[]);
    xml.leaf("t:DayOfWeek", "Monday Tuesday Wednesday Thursday Friday");
    xml.leaf("t:StartTimeInMinutes", WORKING_MINUTES.0);
    xml.leaf("t:EndTimeInMinutes", WORKING_MINUTES.1);
    xml.close("t:WorkingPeriod");
    xml.close("t:WorkingPeriodArray");
    xml.close("t:WorkingHours");
}

/// Writes a zone by its biases, in minutes to add to local time; that of a half comes on top.
fn write_bias_zone(xml: &mut Xml, rules: &YearlyRules) {
    let (bias, daylight) = match &rules.daylight {
        Some((offset, begins, ends)) => {
            (rules.standard.saturating_sub(*offset) / 60, Some((begins, ends)))
        }
        None => (0, None),
    };
    xml.open("t:TimeZone", &[]);
    xml.leaf("t:Bias", &(0_i32.saturating_sub(rules.standard) / 60).to_string());
    write_bias_half(xml, "t:StandardTime", 0, daylight.map(|(_, ends)| ends));
    write_bias_half(xml, "t:DaylightTime", bias, daylight.map(|(begins, _)| begins));
    xml.close("t:TimeZone");
}

fn write_bias_half(xml: &mut Xml, tag: &str, bias: i32, begins: Option<&YearlyMoment>) {
    let seconds = begins.map_or(0, |begins| begins.seconds);
    let (order, month, day) = match begins.map(|begins| (begins.month, begins.day)) {
        Some((month, YearlyDay::Nth(nth, weekday))) => (nth, month, day_name(weekday)),
        // This form has no rule by date.
        Some((_, YearlyDay::Date(_))) | None => (0, 0, "Sunday"),
    };
    let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    xml.open(tag, &[]);
    xml.leaf("t:Bias", &bias.to_string());
    xml.leaf("t:Time", &time);
    xml.leaf("t:DayOrder", &order.to_string());
    xml.leaf("t:Month", &month.to_string());
    xml.leaf("t:DayOfWeek", day);
    xml.close(tag);
}

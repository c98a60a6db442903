//! Appointments as `t:CalendarItem`, in the order of the schema.

use jiff::Timestamp;
use tidemark_model::{AttendeeRole, Participation};

use super::parts::{
    importance_name, my_response_name, sensitivity_name, show_as_name, write_attachments,
    write_body, write_categories, write_extended, write_folder_id, write_item_id, write_mailbox,
    write_rights,
};
use super::recurrence::write_recurrence;
use super::shape::Shape;
use super::time::show;
use super::xml::Xml;
use crate::store::{
    Appointment, Contact, Item, Mailbox, MyResponse, Occurrence, OccurrenceState, StoreError,
    Target,
};
use crate::windows_zone;

/// What an appointment is in its series.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Single,
    Master,
    Occurrence { original_start: Timestamp, exception: bool },
}

/// One appointment as it is to be shown.
struct View<'a> {
    mailbox: &'a Mailbox,
    item: &'a Item,
    seen: &'a Appointment,
    target: Target,
    place: Place,
    occurrence: Option<&'a Occurrence>,
    shape: &'a Shape,
    zone: Option<&'a str>,
}

/// Writes the item that a target means.
pub(crate) fn write_item(
    xml: &mut Xml,
    mailbox: &Mailbox,
    target: Target,
    shape: &Shape,
    zone: Option<&str>,
) -> Result<(), StoreError> {
    let item = mailbox.item(target.item())?;
    let Some(appointment) = item.appointment() else {
        super::show_message::write_message(xml, mailbox, item, shape, zone);
        return Ok(());
    };
    let occurrence;
    let mut of_series = None;
    let (seen, place) = match target {
        Target::Item(_) if appointment.recurrence.is_some() => (appointment, Place::Master),
        Target::Item(_) => (appointment, Place::Single),
        Target::Occurrence(_, original) => {
            occurrence = appointment.occurrence(original)?;
            let place = Place::Occurrence {
                original_start: occurrence.original_start,
                exception: occurrence.exception,
            };
            of_series = Some(&occurrence);
            (&occurrence.appointment, place)
        }
    };
    let view = View { mailbox, item, seen, target, place, occurrence: of_series, shape, zone };
    xml.open("t:CalendarItem", &[]);
    view.item_part(xml);
    view.calendar_part(xml);
    view.people_part(xml);
    view.series_part(xml);
    view.zone_part(xml);
    xml.close("t:CalendarItem");
    Ok(())
}

impl View<'_> {
    fn wants(&self, uri: &str) -> bool {
        self.shape.wants(uri)
    }

    fn time(&self, at: Timestamp) -> String {
        show(at, self.zone)
    }

    fn item_part(&self, xml: &mut Xml) {
        if self.shape.mime || self.wants("item:MimeContent") {
            super::mime::write_mime(xml, self.seen, self.item, self.occurrence);
        }
        write_item_id(xml, "t:ItemId", self.mailbox, self.item, self.target);
        if self.wants("item:ParentFolderId") {
            write_folder_id(xml, "t:ParentFolderId", self.mailbox, self.item.folder);
        }
        if self.wants("item:ItemClass") {
            let exception = matches!(self.place, Place::Occurrence { exception: true, .. });
            let class = if exception {
                "IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}"
            } else {
                "IPM.Appointment"
            };
            xml.leaf("t:ItemClass", class);
        }
        if self.wants("item:Subject") && !self.seen.subject.is_empty() {
            xml.leaf("t:Subject", &self.seen.subject);
        }
        if self.wants("item:Sensitivity") {
            xml.leaf("t:Sensitivity", sensitivity_name(self.seen.sensitivity));
        }
        if self.shape.bodies && self.wants("item:Body") {
            write_body(xml, "t:Body", self.seen.body.as_ref(), self.shape.body_type);
        }
        if self.shape.bodies && self.wants("item:Attachments") && !self.seen.attachments.is_empty()
        {
            write_attachments(xml, &self.seen.attachments);
        }
        if self.wants("item:DateTimeReceived") {
            xml.leaf("t:DateTimeReceived", &self.time(self.item.created));
        }
        if self.wants("item:Size") {
            let body = self.seen.body.as_ref().map_or(0, |body| body.content.len());
            xml.leaf("t:Size", &body.saturating_add(2048).to_string());
        }
        write_categories(xml, self.wants("item:Categories"), &self.seen.categories);
        if self.wants("item:Importance") {
            xml.leaf("t:Importance", importance_name(self.seen.importance));
        }
        self.origin_part(xml);
        self.reminder_part(xml);
        if self.wants("item:HasAttachments") {
            // Inline attachments do not count (exchange-ews.md 8).
            xml.flag("t:HasAttachments", self.seen.attachments.iter().any(|one| !one.inline));
        }
        let asked = &self.shape.extended;
        let have = super::mapi::values(self.item, Some(self.seen), asked);
        write_extended(xml, asked, &have);
        if self.wants("item:Culture") {
            xml.leaf("t:Culture", "en-US");
        }
        if self.wants("item:EffectiveRights") {
            write_rights(xml);
        }
        if self.wants("item:LastModifiedName") {
            xml.leaf("t:LastModifiedName", &self.item.modified_by);
        }
        if self.wants("item:LastModifiedTime") {
            xml.leaf("t:LastModifiedTime", &self.time(self.item.modified));
        }
    }

    /// What an item says of how it came about.
    fn origin_part(&self, xml: &mut Xml) {
        for (uri, tag) in [
            ("item:IsSubmitted", "t:IsSubmitted"),
            ("item:IsDraft", "t:IsDraft"),
            ("item:IsFromMe", "t:IsFromMe"),
            ("item:IsResend", "t:IsResend"),
            ("item:IsUnmodified", "t:IsUnmodified"),
        ] {
            if self.wants(uri) {
                xml.flag(tag, false);
            }
        }
        for (uri, tag) in
            [("item:DateTimeSent", "t:DateTimeSent"), ("item:DateTimeCreated", "t:DateTimeCreated")]
        {
            if self.wants(uri) {
                xml.leaf(tag, &self.time(self.item.created));
            }
        }
    }

    fn reminder_part(&self, xml: &mut Xml) {
        if self.wants("item:ReminderDueBy") {
            xml.leaf("t:ReminderDueBy", &self.time(self.seen.start));
        }
        if self.wants("item:ReminderIsSet") {
            xml.flag("t:ReminderIsSet", self.seen.reminder_set);
        }
        if self.wants("item:ReminderMinutesBeforeStart") {
            xml.leaf("t:ReminderMinutesBeforeStart", &self.seen.reminder_minutes.to_string());
        }
        let names = |role| {
            let list: Vec<_> = self
                .seen
                .attendees
                .iter()
                .filter(|invitee| invitee.role == role)
                .map(|invitee| invitee.name.as_deref().unwrap_or(&invitee.address))
                .collect();
            list.join("; ")
        };
        if self.wants("item:DisplayCc") {
            xml.leaf("t:DisplayCc", &names(AttendeeRole::Optional));
        }
        if self.wants("item:DisplayTo") {
            xml.leaf("t:DisplayTo", &names(AttendeeRole::Required));
        }
    }

    fn calendar_part(&self, xml: &mut Xml) {
        let seen = self.seen;
        if self.wants("calendar:UID") {
            xml.leaf("t:UID", &seen.uid);
        }
        if let Place::Occurrence { original_start, .. } = self.place
            && self.wants("calendar:RecurrenceId")
        {
            xml.leaf("t:RecurrenceId", &self.time(original_start));
        }
        if self.wants("calendar:DateTimeStamp") {
            xml.leaf("t:DateTimeStamp", &self.time(self.item.modified));
        }
        if self.wants("calendar:Start") {
            xml.leaf("t:Start", &self.time(seen.start));
        }
        if self.wants("calendar:End") {
            xml.leaf("t:End", &self.time(seen.end));
        }
        if let Place::Occurrence { original_start, .. } = self.place
            && self.wants("calendar:OriginalStart")
        {
            xml.leaf("t:OriginalStart", &self.time(original_start));
        }
        if self.wants("calendar:IsAllDayEvent") {
            xml.flag("t:IsAllDayEvent", seen.all_day);
        }
        if self.wants("calendar:LegacyFreeBusyStatus") {
            xml.leaf("t:LegacyFreeBusyStatus", show_as_name(seen.show_as));
        }
        if self.wants("calendar:Location")
            && let Some(location) = &seen.location
        {
            xml.leaf("t:Location", location);
        }
        let meeting = seen.my_response != MyResponse::Unknown;
        for (uri, tag, value) in [
            ("calendar:IsMeeting", "t:IsMeeting", meeting),
            ("calendar:IsCancelled", "t:IsCancelled", seen.cancelled),
            (
                "calendar:IsRecurring",
                "t:IsRecurring",
                matches!(self.place, Place::Occurrence { .. }),
            ),
            ("calendar:MeetingRequestWasSent", "t:MeetingRequestWasSent", seen.request_sent),
            ("calendar:IsResponseRequested", "t:IsResponseRequested", seen.response_requested),
        ] {
            if self.wants(uri) {
                xml.flag(tag, value);
            }
        }
        if self.wants("calendar:CalendarItemType") {
            let name = match self.place {
                Place::Single => "Single",
                Place::Master => "RecurringMaster",
                Place::Occurrence { exception: true, .. } => "Exception",
                Place::Occurrence { exception: false, .. } => "Occurrence",
            };
            xml.leaf("t:CalendarItemType", name);
        }
    }

    fn people_part(&self, xml: &mut Xml) {
        let seen = self.seen;
        if self.wants("calendar:MyResponseType") {
            xml.leaf("t:MyResponseType", my_response_name(seen.my_response));
        }
        if self.wants("calendar:Organizer") {
            xml.open("t:Organizer", &[]);
            write_mailbox(xml, &seen.organizer);
            xml.close("t:Organizer");
        }
        // Lists of people come with GetItem only, as do bodies.
        if self.shape.bodies {
            for (uri, tag, role) in [
                ("calendar:RequiredAttendees", "t:RequiredAttendees", AttendeeRole::Required),
                ("calendar:OptionalAttendees", "t:OptionalAttendees", AttendeeRole::Optional),
                ("calendar:Resources", "t:Resources", AttendeeRole::Resource),
            ] {
                if self.wants(uri) {
                    self.write_attendees(xml, tag, role);
                }
            }
        }
        if self.wants("calendar:Duration") {
            xml.leaf("t:Duration", &format!("PT{}S", seen.duration().as_secs()));
        }
        if self.wants("calendar:AppointmentSequenceNumber") {
            xml.leaf("t:AppointmentSequenceNumber", &seen.sequence.to_string());
        }
        if self.wants("calendar:AppointmentState") {
            xml.leaf("t:AppointmentState", &super::mapi::state_flags(seen).to_string());
        }
    }

    fn write_attendees(&self, xml: &mut Xml, tag: &str, role: AttendeeRole) {
        let mut of_role =
            self.seen.attendees.iter().filter(|invitee| invitee.role == role).peekable();
        if of_role.peek().is_none() {
            return;
        }
        xml.open(tag, &[]);
        for invitee in of_role {
            xml.open("t:Attendee", &[]);
            let contact = Contact {
                address: invitee.address.clone(),
                name: invitee.name.clone().unwrap_or_else(|| invitee.address.clone()),
            };
            write_mailbox(xml, &contact);
            let response = match invitee.response {
                Participation::NeedsAction => "Unknown",
                Participation::Accepted => "Accept",
                Participation::Tentative => "Tentative",
                Participation::Declined => "Decline",
            };
            xml.leaf("t:ResponseType", response);
            if let Some(at) = invitee.answered {
                xml.leaf("t:LastResponseTime", &self.time(at));
            }
            xml.close("t:Attendee");
        }
        xml.close(tag);
    }

    fn series_part(&self, xml: &mut Xml) {
        let (Place::Master, Some(rule)) = (self.place, &self.seen.recurrence) else {
            return;
        };
        // Rules and lists of occurrences come with GetItem only.
        if !self.shape.bodies {
            return;
        }
        let seen = self.seen;
        if self.wants("calendar:Recurrence") {
            write_recurrence(xml, rule, seen.civil_start().date(), &seen.start_zone);
        }
        if self.wants("calendar:FirstOccurrence")
            && let Some(first) = seen.occurrences_left().next()
        {
            self.write_occurrence(xml, "t:FirstOccurrence", &first);
        }
        if self.wants("calendar:LastOccurrence")
            && rule.range != tidemark_model::Range::NoEnd
            && let Some(last) = seen.occurrences_left().last()
        {
            self.write_occurrence(xml, "t:LastOccurrence", &last);
        }
        let modified: Vec<_> = seen
            .occurrences
            .iter()
            .filter(|(_, state)| matches!(state, OccurrenceState::Modified(_)))
            .filter_map(|(original, _)| seen.occurrence(*original).ok())
            .collect();
        if self.wants("calendar:ModifiedOccurrences") && !modified.is_empty() {
            xml.open("t:ModifiedOccurrences", &[]);
            for occurrence in &modified {
                self.write_occurrence(xml, "t:Occurrence", occurrence);
            }
            xml.close("t:ModifiedOccurrences");
        }
        let mut deleted = seen
            .occurrences
            .iter()
            .filter(|(_, state)| matches!(state, OccurrenceState::Deleted))
            .peekable();
        if self.wants("calendar:DeletedOccurrences") && deleted.peek().is_some() {
            xml.open("t:DeletedOccurrences", &[]);
            for (original, _) in deleted {
                xml.open("t:DeletedOccurrence", &[]);
                xml.leaf("t:Start", &self.time(seen.regular_times(*original).0));
                xml.close("t:DeletedOccurrence");
            }
            xml.close("t:DeletedOccurrences");
        }
    }

    fn write_occurrence(&self, xml: &mut Xml, tag: &str, of: &Occurrence) {
        xml.open(tag, &[]);
        let target = Target::Occurrence(self.item.number, of.original);
        write_item_id(xml, "t:ItemId", self.mailbox, self.item, target);
        xml.leaf("t:Start", &self.time(of.appointment.start));
        xml.leaf("t:End", &self.time(of.appointment.end));
        xml.leaf("t:OriginalStart", &self.time(of.original_start));
        xml.close(tag);
    }

    fn zone_part(&self, xml: &mut Xml) {
        let seen = self.seen;
        if self.shape.bodies {
            if self.wants("calendar:StartTimeZone") {
                super::zones::write_zone(xml, "t:StartTimeZone", &seen.start_zone, false);
            }
            if self.wants("calendar:EndTimeZone") {
                super::zones::write_zone(xml, "t:EndTimeZone", &seen.end_zone, false);
            }
        }
        if self.wants("calendar:AllowNewTimeProposal") {
            xml.flag("t:AllowNewTimeProposal", seen.allow_new_time_proposal);
        }
        if self.wants("calendar:IsOnlineMeeting") {
            xml.flag("t:IsOnlineMeeting", false);
        }
        if self.wants("calendar:StartWallClock") {
            xml.leaf("t:StartWallClock", &show(seen.start, Some(&seen.start_zone)));
        }
        if self.wants("calendar:EndWallClock") {
            xml.leaf("t:EndWallClock", &show(seen.end, Some(&seen.end_zone)));
        }
        if self.wants("calendar:StartTimeZoneId") {
            xml.leaf("t:StartTimeZoneId", zone_id(&seen.start_zone));
        }
        if self.wants("calendar:EndTimeZoneId") {
            xml.leaf("t:EndTimeZoneId", zone_id(&seen.end_zone));
        }
        if self.wants("calendar:IsOrganizer") {
            xml.flag("t:IsOrganizer", !matches!(seen.my_response, MyResponse::Attendee(_)));
        }
        debug_assert!(windows_zone::is_known(&seen.start_zone));
    }
}

/// The id of a zone as clients see it.
fn zone_id(zone: &str) -> &str {
    windows_zone::custom_names(zone).map_or(zone, |(id, _)| id)
}

//! Messages and meeting messages, in the order of the schema.

use tidemark_model::Participation;

use super::parts::{
    importance_name, sensitivity_name, write_body, write_categories, write_extended,
    write_folder_id, write_item_id, write_mailbox,
};
use super::shape::Shape;
use super::time::show;
use super::xml::Xml;
use crate::store::{Item, Mailbox, MeetingNotice, Message, MessageKind, Target};

/// Writes a message of any kind.
pub(crate) fn write_message(
    xml: &mut Xml,
    mailbox: &Mailbox,
    item: &Item,
    shape: &Shape,
    zone: Option<&str>,
) {
    let Some(message) = item.message() else {
        return;
    };
    let tag = match message.kind {
        MessageKind::Note => "t:Message",
        MessageKind::Request(_) => "t:MeetingRequest",
        MessageKind::Response(..) => "t:MeetingResponse",
        MessageKind::Cancellation(_) => "t:MeetingCancellation",
    };
    let class = class_of(&message.kind);
    xml.open(tag, &[]);
    item_part(xml, mailbox, item, message, shape, zone, class);
    message_part(xml, message, shape);
    match &message.kind {
        MessageKind::Note => {}
        MessageKind::Request(notice) => {
            meeting_part(xml, mailbox, notice, shape, zone, "Unknown");
            if shape.wants("meetingRequest:MeetingRequestType") {
                let update = notice.sequence > 0;
                let kind = if update { "FullUpdate" } else { "NewMeetingRequest" };
                xml.leaf("t:MeetingRequestType", kind);
            }
            times(xml, notice, shape, zone);
        }
        MessageKind::Response(notice, answer) => {
            let word = match answer {
                Participation::Accepted => "Accept",
                Participation::Declined => "Decline",
                Participation::Tentative => "Tentative",
                Participation::NeedsAction => "NoResponseReceived",
            };
            meeting_part(xml, mailbox, notice, shape, zone, word);
            times(xml, notice, shape, zone);
        }
        MessageKind::Cancellation(notice) => {
            meeting_part(xml, mailbox, notice, shape, zone, "Unknown");
            times(xml, notice, shape, zone);
        }
    }
    xml.close(tag);
}

/// Exchange's class of a message.
pub(super) const fn class_of(kind: &MessageKind) -> &'static str {
    match kind {
        MessageKind::Note => "IPM.Note",
        MessageKind::Request(_) => "IPM.Schedule.Meeting.Request",
        MessageKind::Response(_, Participation::Accepted) => "IPM.Schedule.Meeting.Resp.Pos",
        MessageKind::Response(_, Participation::Declined) => "IPM.Schedule.Meeting.Resp.Neg",
        MessageKind::Response(..) => "IPM.Schedule.Meeting.Resp.Tent",
        MessageKind::Cancellation(_) => "IPM.Schedule.Meeting.Canceled",
    }
}

fn item_part(
    xml: &mut Xml,
    mailbox: &Mailbox,
    item: &Item,
    message: &Message,
    shape: &Shape,
    zone: Option<&str>,
    class: &str,
) {
    let wants = |uri| shape.wants_of_message(uri);
    write_item_id(xml, "t:ItemId", mailbox, item, Target::Item(item.number));
    if wants("item:ParentFolderId") {
        write_folder_id(xml, "t:ParentFolderId", mailbox, item.folder);
    }
    if wants("item:ItemClass") {
        xml.leaf("t:ItemClass", class);
    }
    if wants("item:Subject") {
        xml.leaf("t:Subject", &message.subject);
    }
    if wants("item:Sensitivity") {
        xml.leaf("t:Sensitivity", sensitivity_name(message.sensitivity));
    }
    if shape.bodies && wants("item:Body") {
        write_body(xml, "t:Body", message.body.as_ref(), shape.body_type);
    }
    if wants("item:DateTimeReceived") {
        xml.leaf("t:DateTimeReceived", &show(item.created, zone));
    }
    if wants("item:Size") {
        let body = message.body.as_ref().map_or(0, |body| body.content.len());
        xml.leaf("t:Size", &body.saturating_add(1024).to_string());
    }
    write_categories(xml, wants("item:Categories"), &message.categories);
    if wants("item:Importance") {
        xml.leaf("t:Importance", importance_name(message.importance));
    }
    if wants("item:IsDraft") {
        xml.flag("t:IsDraft", message.draft);
    }
    for (uri, tag) in
        [("item:DateTimeSent", "t:DateTimeSent"), ("item:DateTimeCreated", "t:DateTimeCreated")]
    {
        if wants(uri) {
            xml.leaf(tag, &show(item.created, zone));
        }
    }
    if wants("item:HasAttachments") {
        xml.flag("t:HasAttachments", false);
    }
    let have = super::mapi::values(item, None, &shape.extended);
    write_extended(xml, &shape.extended, &have);
    if wants("item:LastModifiedTime") {
        xml.leaf("t:LastModifiedTime", &show(item.modified, zone));
    }
}

fn message_part(xml: &mut Xml, message: &Message, shape: &Shape) {
    let wants = |uri| shape.wants_of_message(uri);
    if shape.bodies && wants("message:ToRecipients") && !message.to.is_empty() {
        xml.open("t:ToRecipients", &[]);
        for to in &message.to {
            write_mailbox(xml, to);
        }
        xml.close("t:ToRecipients");
    }
    if wants("message:From")
        && let Some(from) = &message.from
    {
        xml.open("t:From", &[]);
        write_mailbox(xml, from);
        xml.close("t:From");
    }
    if wants("message:InternetMessageId") {
        xml.leaf("t:InternetMessageId", &message.message_id);
    }
    if wants("message:IsRead") {
        xml.flag("t:IsRead", message.read);
    }
}

fn meeting_part(
    xml: &mut Xml,
    mailbox: &Mailbox,
    notice: &MeetingNotice,
    shape: &Shape,
    zone: Option<&str>,
    response: &str,
) {
    let associated = notice.appointment.and_then(|number| mailbox.items.get(&number));
    if shape.wants("meeting:AssociatedCalendarItemId")
        && let Some(item) = associated
    {
        write_item_id(xml, "t:AssociatedCalendarItemId", mailbox, item, Target::Item(item.number));
    }
    if shape.wants("meeting:IsDelegated") {
        xml.flag("t:IsDelegated", false);
    }
    if shape.wants("meeting:IsOutOfDate") {
        let newest = associated.and_then(Item::appointment).map(|found| found.sequence);
        xml.flag("t:IsOutOfDate", newest.is_some_and(|newest| newest > notice.sequence));
    }
    if shape.wants("meeting:HasBeenProcessed") {
        xml.flag("t:HasBeenProcessed", associated.is_some());
    }
    if shape.wants("meeting:ResponseType") {
        xml.leaf("t:ResponseType", response);
    }
    if shape.wants("calendar:UID") || shape.wants("meeting:UID") {
        xml.leaf("t:UID", &notice.uid);
    }
    if (shape.wants("calendar:RecurrenceId") || shape.wants("meeting:RecurrenceId"))
        && let Some(occurrence) = notice.occurrence
    {
        xml.leaf("t:RecurrenceId", &show(occurrence, zone));
    }
}

fn times(xml: &mut Xml, notice: &MeetingNotice, shape: &Shape, zone: Option<&str>) {
    if shape.wants("calendar:Start") {
        xml.leaf("t:Start", &show(notice.start, zone));
    }
    if shape.wants("calendar:End") {
        xml.leaf("t:End", &show(notice.end, zone));
    }
    if shape.wants("calendar:Location")
        && let Some(location) = &notice.location
    {
        xml.leaf("t:Location", location);
    }
}

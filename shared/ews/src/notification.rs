//! What Exchange posts to us (sendnotification-operation page), and the events of a stream.
//!
//! The sender is anonymous. An event says which item something happened to, never what: ids carry
//! no usable change key, and each change of an item comes with one of its folder.

use crate::bounds::{DOCUMENT_BYTES_MAX, EVENTS_MAX, MESSAGES_MAX, NOTIFICATION_BYTES_MAX};
use crate::error::{EwsError, Flaw, Unreadable};
use crate::id::{FolderId, ItemId, bounded};
use crate::request::{MESSAGES, SOAP};
use crate::response::{read_message, walk};
use crate::time::EwsTime;
use crate::xml::{Element, Xml, XmlWriter};

/// Events of one subscription.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// Which subscription; sensitive, it holds the server's name.
    pub subscription: String,
    /// The last watermark before these events; another one than was seen means that some are lost.
    pub previous_watermark: Option<String>,
    /// Whether another notification follows at once.
    pub more_events: bool,
    /// What happened, in order.
    pub events: Vec<NotificationEvent>,
}

impl core::fmt::Debug for Notification {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Notification")
            .field("more_events", &self.more_events)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl Notification {
    /// The watermark after these events.
    pub fn watermark(&self) -> Option<&str> {
        self.events.iter().rev().find_map(|event| event.watermark.as_deref())
    }

    /// Whether anything happened to an item; otherwise it is a heartbeat, or about folders only.
    pub fn touches_items(&self) -> bool {
        self.events.iter().any(|event| matches!(event.subject, Subject::Item { .. }))
    }
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq)]
pub struct NotificationEvent {
    /// What.
    pub kind: EventKind,
    /// To what.
    pub subject: Subject,
    /// Where the next events begin. Streams have none.
    pub watermark: Option<String>,
    /// When.
    pub at: Option<EwsTime>,
    /// In which folder; of a move, into which.
    pub parent: Option<FolderId>,
}

impl core::fmt::Debug for NotificationEvent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}({:?})", self.kind, self.subject)
    }
}

/// What happened (eventtype values).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// `CopiedEvent`
    Copied,
    /// `CreatedEvent`
    Created,
    /// `DeletedEvent`
    Deleted,
    /// `ModifiedEvent`
    Modified,
    /// `MovedEvent`
    Moved,
    /// `NewMailEvent`
    NewMail,
    /// `FreeBusyChangedEvent`
    FreeBusyChanged,
    /// `StatusEvent`: a heartbeat.
    Status,
    /// A kind that a later server may have.
    Unrecognised,
}

impl EventKind {
    fn of(element: &str) -> Option<Self> {
        Some(match element {
            "CopiedEvent" => Self::Copied,
            "CreatedEvent" => Self::Created,
            "DeletedEvent" => Self::Deleted,
            "ModifiedEvent" => Self::Modified,
            "MovedEvent" => Self::Moved,
            "NewMailEvent" => Self::NewMail,
            "FreeBusyChangedEvent" => Self::FreeBusyChanged,
            "StatusEvent" => Self::Status,
            _ if element.ends_with("Event") => Self::Unrecognised,
            _ => return None,
        })
    }
}

/// What it happened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An item.
    Item {
        /// Its id now.
        id: ItemId,
        /// Its id before, of a move; the id of the original, of a copy.
        old: Option<ItemId>,
    },
    /// A folder.
    Folder(FolderId),
    /// Nothing: a heartbeat.
    Nothing,
}

/// What was posted: one result per response message. An error (`ErrorReadEventsFailed`) means that
/// the subscription is gone already.
pub type Notifications = Vec<Result<Notification, EwsError>>;

/// Reads a push notification of at most [`NOTIFICATION_BYTES_MAX`].
///
/// # Errors
/// What is no notification.
pub fn read_push(bytes: &[u8]) -> Result<Notifications, EwsError> {
    let is_push = |name: &str| name == "SendNotification";
    read(bytes, NOTIFICATION_BYTES_MAX, is_push)
}

/// Reads envelopes of GetEvents or GetStreamingEvents; a stream is a row of complete envelopes, of
/// which any number may be given.
///
/// # Errors
/// A SOAP fault, or what is no answer to these operations.
pub fn read_events(bytes: &[u8]) -> Result<Notifications, EwsError> {
    let is_answer = |name: &str| matches!(name, "GetStreamingEventsResponse" | "GetEventsResponse");
    read(bytes, DOCUMENT_BYTES_MAX, is_answer)
}

/// Any number of notifications in one message: a push has one, a stream a list.
type Found = Vec<Notification>;

fn read(
    bytes: &[u8],
    bytes_max: usize,
    is_answer: impl Fn(&str) -> bool,
) -> Result<Notifications, EwsError> {
    let mut notifications = Vec::new();
    walk(bytes, bytes_max, is_answer, |xml, answer| {
        while let Some(list) = xml.child(answer.level)? {
            if list.name() != "ResponseMessages" {
                continue;
            }
            while let Some(message) = xml.child(list.level)? {
                bounded(&notifications, MESSAGES_MAX, "notifications")?;
                match read_message(xml, &message, &mut read_part)? {
                    Ok(found) => notifications.extend(found.into_iter().map(Ok)),
                    Err(error) => notifications.push(Err(error)),
                }
            }
        }
        Ok(())
    })?;
    Ok(notifications)
}

fn read_part(xml: &mut Xml<'_>, part: &Element<'_>, found: &mut Found) -> Result<(), Flaw> {
    match part.name() {
        "Notification" => found.push(read_notification(xml, part)?),
        "Notifications" => {
            while let Some(notification) = xml.child(part.level)? {
                bounded(found, MESSAGES_MAX, "notifications")?;
                found.push(read_notification(xml, &notification)?);
            }
        }
        _ => {}
    }
    Ok(())
}

fn read_notification(xml: &mut Xml<'_>, element: &Element<'_>) -> Result<Notification, Flaw> {
    let mut subscription = None;
    let mut previous_watermark = None;
    let mut more_events = false;
    let mut events = Vec::new();
    while let Some(part) = xml.child(element.level)? {
        match part.name() {
            "SubscriptionId" => subscription = xml.filled(&part)?,
            "PreviousWatermark" => previous_watermark = xml.filled(&part)?,
            "MoreEvents" => more_events = xml.boolean(&part)?.unwrap_or_default(),
            name => {
                if let Some(kind) = EventKind::of(name) {
                    bounded(&events, EVENTS_MAX, "events")?;
                    events.push(read_event(xml, &part, kind)?);
                }
            }
        }
    }
    Ok(Notification {
        subscription: subscription.ok_or(Flaw::Content("a notification names no subscription"))?,
        previous_watermark,
        more_events,
        events,
    })
}

fn read_event(
    xml: &mut Xml<'_>,
    element: &Element<'_>,
    kind: EventKind,
) -> Result<NotificationEvent, Unreadable> {
    let (mut item, mut old, mut folder, mut parent) = (None, None, None, None);
    let (mut watermark, mut at) = (None, None);
    while let Some(part) = xml.child(element.level)? {
        match part.name() {
            "Watermark" => watermark = xml.filled(&part)?,
            "TimeStamp" => at = EwsTime::parse(&xml.text(&part)?),
            "ItemId" => item = ItemId::read(&part),
            "OldItemId" => old = ItemId::read(&part),
            "FolderId" => folder = FolderId::read(&part),
            "ParentFolderId" => parent = FolderId::read(&part),
            _ => {}
        }
    }
    let subject = match (item, folder) {
        (Some(id), _) => Subject::Item { id, old },
        (None, Some(folder)) => Subject::Folder(folder),
        (None, None) => Subject::Nothing,
    };
    Ok(NotificationEvent { kind, subject, watermark, at, parent })
}

/// What a push notification is answered with, status 200, `text/xml; charset=utf-8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushReply {
    /// Go on.
    Ok,
    /// End this subscription.
    Unsubscribe,
}

impl PushReply {
    /// The envelope.
    pub fn to_bytes(self) -> Vec<u8> {
        let status = match self {
            Self::Ok => "OK",
            Self::Unsubscribe => "Unsubscribe",
        };
        let mut xml = XmlWriter::default();
        xml.element("s:Envelope", &[("xmlns:s", SOAP)], |xml| {
            xml.element("s:Body", &[], |xml| {
                let namespace = [("xmlns:m", MESSAGES)];
                xml.element("m:SendNotificationResult", &namespace, |xml| {
                    xml.text("m:SubscriptionStatus", status);
                });
            });
        });
        xml.into_bytes()
    }
}

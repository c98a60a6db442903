//! Subscribe and Unsubscribe.

use crate::error::EwsError;
use crate::id::FolderAddress;
use crate::request::{Operation, sealed::Sealed};
use crate::response::{Response, read_messages, read_outcomes};
use crate::xml::XmlWriter;

/// Longest time between two heartbeats, in minutes (statusfrequency page); the shortest is one.
pub const STATUS_MINUTES_MAX: u16 = 1440;

/// What is subscribed to: everything that may touch an appointment. A delete by Outlook is a move
/// to Deleted Items.
const EVENTS: [&str; 4] = ["CreatedEvent", "ModifiedEvent", "DeletedEvent", "MovedEvent"];

/// Asks the server to post events of folders to an address (pushsubscriptionrequest page). The
/// listener has to be up: the first notification comes at once.
#[derive(Clone)]
pub struct SubscribePush {
    /// Which folders, all of one mailbox; those below them are not included.
    pub folders: Vec<FolderAddress>,
    /// Where to; 1 to 2082 characters.
    pub url: String,
    /// Minutes between heartbeats, 1 to 1440, which is also how long the server tries to deliver;
    /// other numbers are moved there.
    pub status_minutes: u16,
    /// Where the last subscription ended. Microsoft advises against it: the server searches its
    /// events one by one.
    pub watermark: Option<String>,
}

impl core::fmt::Debug for SubscribePush {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SubscribePush")
            .field("folders", &self.folders)
            .field("status_minutes", &self.status_minutes)
            .finish_non_exhaustive()
    }
}

impl Sealed for SubscribePush {}
impl Operation for SubscribePush {
    fn write(&self, xml: &mut XmlWriter) {
        let only_these = [("SubscribeToAllFolders", "false")];
        xml.element("m:Subscribe", &[], |xml| {
            xml.element("m:PushSubscriptionRequest", &only_these, |xml| {
                xml.element("t:FolderIds", &[], |xml| {
                    self.folders.iter().for_each(|folder| folder.write(xml));
                });
                xml.element("t:EventTypes", &[], |xml| {
                    for event in EVENTS {
                        xml.text("t:EventType", event);
                    }
                });
                xml.text_if("t:Watermark", self.watermark.as_deref());
                let minutes = self.status_minutes.clamp(1, STATUS_MINUTES_MAX);
                xml.text("t:StatusFrequency", &minutes.to_string());
                xml.text("t:URL", &self.url);
            });
        });
    }
}

/// A subscription that was made. `Debug` shows neither part: the id holds the server's name.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// Which subscription.
    pub id: String,
    /// Where its events begin.
    pub watermark: Option<String>,
}

impl core::fmt::Debug for Subscribed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Subscribed(..)")
    }
}

impl SubscribePush {
    /// Reads the answer.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer to this operation.
    pub fn read(bytes: &[u8]) -> Result<Response<Subscribed>, EwsError> {
        type Found = (Option<String>, Option<String>);
        let answer = read_messages(bytes, "Subscribe", |xml, part, found: &mut Found| {
            match part.name() {
                "SubscriptionId" => found.0 = xml.filled(part)?,
                "Watermark" => found.1 = xml.filled(part)?,
                _ => {}
            }
            Ok(())
        })?;
        let messages = answer.messages.into_iter();
        let made = |(id, watermark): Found| id.map(|id| Subscribed { id, watermark });
        let answer = Response {
            server: answer.server,
            messages: messages.map(|message| message.map(made)).collect(),
        };
        Ok(answer.required())
    }
}

/// Ends a subscription (unsubscribe-operation page), documented for pull and used for streaming; a
/// push subscription ends when its notification is answered so.
#[derive(Clone)]
pub struct Unsubscribe {
    /// Which subscription.
    pub id: String,
}

impl core::fmt::Debug for Unsubscribe {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Unsubscribe(..)")
    }
}

impl Sealed for Unsubscribe {}
impl Operation for Unsubscribe {
    fn write(&self, xml: &mut XmlWriter) {
        xml.element("m:Unsubscribe", &[], |xml| xml.text("m:SubscriptionId", &self.id));
    }
}

impl Unsubscribe {
    /// Reads the answer.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer of EWS.
    pub fn read(bytes: &[u8]) -> Result<Response<()>, EwsError> {
        read_outcomes(bytes)
    }
}

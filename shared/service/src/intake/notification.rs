//! What of a notification counts, and the two answers to one.
//!
//! Source: <https://learn.microsoft.com/exchange/client-developer/web-service-reference/sendnotification>
//! and `SendNotificationResponseMessage`, `SubscriptionStatus` there.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Deepest nesting that is read. A notification has nine levels.
const DEPTH_MAX: usize = 32;
/// Longest subscription id or watermark that is kept, in bytes. Real ones have some hundred.
const TOKEN_BYTES_MAX: usize = 4096;

/// What a notification says, as far as it is believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Notification {
    /// Which subscription it is of; none when Exchange says only that it is gone.
    pub(super) subscription_id: Option<String>,
    /// Where its events begin.
    pub(super) previous_watermark: Option<String>,
    /// Where its events end.
    pub(super) last_watermark: Option<String>,
    /// Whether it says that the subscription is gone.
    pub(super) is_error: bool,
    /// Whether it has an event other than a heartbeat.
    pub(super) hints: bool,
}

/// It is no notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoNotification;

/// Reads a notification by local names, whatever the prefixes are.
pub(super) fn read_notification(body: &[u8]) -> Result<Notification, NoNotification> {
    let text = core::str::from_utf8(body).map_err(|_| NoNotification)?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{FEFF}'));
    let mut reading = Reading::default();
    loop {
        match reader.read_event().map_err(|_| NoNotification)? {
            Event::Start(start) => reading.open(&start)?,
            Event::Empty(start) => {
                reading.open(&start)?;
                reading.close()?;
            }
            Event::End(_) => reading.close()?,
            Event::Text(text) => reading.push(&text.xml10_content())?,
            Event::CData(text) => reading.push(&text.xml10_content())?,
            // Entities come from there, and bombs are made of them.
            Event::DocType(_) => return Err(NoNotification),
            // Ids and watermarks are base64: a reference is in nothing that counts.
            Event::GeneralRef(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return reading.finish(),
        }
    }
}

/// The SOAP answer with this status.
pub(super) fn answer(status: &'static str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
         <m:SendNotificationResult xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\">\
         <m:SubscriptionStatus>{status}</m:SubscriptionStatus>\
         </m:SendNotificationResult></soap:Body></soap:Envelope>"
    )
    .into_bytes()
}

/// The elements on the way to where the reader is, and what was found so far.
#[derive(Default)]
struct Reading {
    path: Vec<String>,
    text: String,
    found: Notification,
    messages: usize,
}

/// The way to a response message, and from there to what is in its notification.
const MESSAGE: [&str; 5] =
    ["Envelope", "Body", "SendNotification", "ResponseMessages", "SendNotificationResponseMessage"];

impl Reading {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), NoNotification> {
        if self.path.len() >= DEPTH_MAX {
            return Err(NoNotification);
        }
        self.path.push(start.local_name().into_inner().to_owned());
        self.text.clear();
        match self.inside() {
            Some([]) => {
                self.messages = self.messages.saturating_add(1);
                self.found.is_error |= is_error(start);
            }
            Some([notification, event]) if notification == "Notification" => {
                self.found.hints |= event.ends_with("Event") && event != "StatusEvent";
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), NoNotification> {
        let text = self.text.trim().to_owned();
        self.text.clear();
        let place = match self.inside() {
            Some([first, second]) if first == "Notification" => match second.as_str() {
                "SubscriptionId" => Place::Id,
                "PreviousWatermark" => Place::Previous,
                _ => Place::Elsewhere,
            },
            Some([first, event, mark])
                if first == "Notification" && event.ends_with("Event") && mark == "Watermark" =>
            {
                Place::Last
            }
            _ => Place::Elsewhere,
        };
        self.path.pop();
        if text.is_empty() {
            return Ok(());
        }
        match place {
            Place::Id => {
                // One address belongs to one subscription.
                let other = self.found.subscription_id.replace(text.clone());
                if other.is_some_and(|other| other != text) {
                    return Err(NoNotification);
                }
            }
            Place::Previous => {
                self.found.previous_watermark.get_or_insert(text);
            }
            Place::Last => self.found.last_watermark = Some(text),
            Place::Elsewhere => {}
        }
        Ok(())
    }

    fn push(&mut self, text: &str) -> Result<(), NoNotification> {
        if self.text.len().saturating_add(text.len()) > TOKEN_BYTES_MAX {
            return Err(NoNotification);
        }
        self.text.push_str(text);
        Ok(())
    }

    fn finish(self) -> Result<Notification, NoNotification> {
        if self.path.is_empty() && self.messages > 0 { Ok(self.found) } else { Err(NoNotification) }
    }

    /// The way from a response message to here; none outside of one.
    fn inside(&self) -> Option<&[String]> {
        let (way, rest) = self.path.split_at_checked(MESSAGE.len())?;
        way.iter().eq(MESSAGE.iter()).then_some(rest)
    }
}

enum Place {
    Id,
    Previous,
    Last,
    Elsewhere,
}

fn is_error(message: &BytesStart<'_>) -> bool {
    message.attributes().with_checks(false).filter_map(Result::ok).any(|attribute| {
        attribute.key.local_name().into_inner() == "ResponseClass"
            && attribute.value.as_ref() == "Error"
    })
}

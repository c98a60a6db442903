//! What of a notification counts.

use tidemark_ews::EwsError;
use tidemark_ews::notification::{EventKind, read_push};

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
    /// Whether it says that the subscription is gone (`ErrorReadEventsFailed`).
    pub(super) is_error: bool,
    /// Whether it has an event other than a heartbeat.
    pub(super) hints: bool,
}

/// It is no notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoNotification;

/// Reads a notification: all of its messages in one, since one address belongs to one subscription.
pub(super) fn read_notification(body: &[u8]) -> Result<Notification, NoNotification> {
    let messages = read_push(body).map_err(|_| NoNotification)?;
    if messages.is_empty() {
        return Err(NoNotification);
    }
    let mut news = Notification::default();
    for message in messages {
        let part = match message {
            Ok(part) => part,
            Err(EwsError::Refused(error)) => {
                tracing::info!(code = %error.code, "a subscription is gone");
                news.is_error = true;
                continue;
            }
            Err(_) => return Err(NoNotification),
        };
        let last = part.watermark().map(token).transpose()?;
        news.hints |= part.events.iter().any(|event| event.kind != EventKind::Status);
        if let Some(previous) = &part.previous_watermark {
            news.previous_watermark.get_or_insert(token(previous)?);
        }
        news.last_watermark = last.or(news.last_watermark);
        let other = news.subscription_id.replace(token(&part.subscription)?);
        if other.is_some_and(|other| other != part.subscription) {
            return Err(NoNotification);
        }
    }
    Ok(news)
}

fn token(text: &str) -> Result<String, NoNotification> {
    if text.len() <= TOKEN_BYTES_MAX { Ok(text.to_owned()) } else { Err(NoNotification) }
}

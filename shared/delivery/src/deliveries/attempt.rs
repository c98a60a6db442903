//! One POST of one event.

use core::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method};
use jiff::{SignedDuration, Timestamp};
use tidemark_business::{SigningSecret, cloud_event, sign};
use tidemark_transport::HttpRequest;
use uuid::Uuid;

use crate::Deliveries;

/// How long an endpoint may take. Source: Standard Webhooks, which advises 15 to 30 s; ours is less,
/// since entries go one after the other.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer that is read; nothing of it is looked at.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Longest `Retry-After` that is obeyed.
const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_hours(1);

/// What came of a POST.
pub(super) enum Attempt {
    /// The endpoint has it.
    Taken,
    /// The endpoint wants no more of anything.
    Gone,
    /// It does not have it, or it is not known.
    Failed {
        /// When the endpoint wants to be called again, from now.
        retry_after: Option<SignedDuration>,
    },
}

/// Posts an event, signed as of now.
pub(super) async fn send(
    deliveries: &Deliveries,
    url: &str,
    secrets: &[SigningSecret],
    id: Uuid,
    event: &[u8],
) -> Attempt {
    let id = id.to_string();
    let now = deliveries.world.now();
    let signature = sign(secrets, &id, now, event);
    let Some(headers) = headers(&id, now, &signature) else {
        tracing::error!("a delivery's headers cannot be built");
        return Attempt::Failed { retry_after: None };
    };
    let request = HttpRequest {
        method: Method::POST,
        url: url.to_owned(),
        headers,
        body: Bytes::copy_from_slice(event),
        timeout: TIMEOUT,
        answer_bytes_max: ANSWER_BYTES_MAX,
    };
    match deliveries.webhooks.send(request).await {
        Ok(response) if (200..300).contains(&response.status) => Attempt::Taken,
        Ok(response) if response.status == 410 => Attempt::Gone,
        Ok(response) => {
            tracing::info!(event = %id, status = response.status, "a delivery was not taken");
            let retry_after = retry_after(&response.headers, deliveries.world.now());
            Attempt::Failed { retry_after }
        }
        Err(error) => {
            tracing::info!(event = %id, %error, "a delivery was not answered");
            Attempt::Failed { retry_after: None }
        }
    }
}

fn headers(id: &str, at: Timestamp, signature: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let value = |text: &str| HeaderValue::from_str(text).ok();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(cloud_event::CONTENT_TYPE));
    headers.insert("webhook-id", value(id)?);
    headers.insert("webhook-timestamp", value(&at.as_second().to_string())?);
    headers.insert("webhook-signature", value(signature)?);
    Some(headers)
}

/// Seconds or a date (RFC 9110, 10.2.3), at most an hour.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u32>() {
        SignedDuration::from_secs(i64::from(seconds))
    } else {
        let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        at.duration_since(now)
    };
    wait.is_positive().then(|| wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_at_most_an_hour() {
        let now: Timestamp = "2027-03-02T09:00:00Z".parse().unwrap();
        let cases = [
            ("120", Some(120)),
            ("86400", Some(3600)),
            ("Tue, 02 Mar 2027 09:10:00 GMT", Some(600)),
            ("Tue, 02 Mar 2027 08:00:00 GMT", None),
            ("0", None),
            ("-5", None),
            ("soon", None),
        ];
        for (text, seconds) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            assert_eq!(
                retry_after(&headers, now),
                seconds.map(SignedDuration::from_secs),
                "{text}"
            );
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}

//! The headers that guard a change.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use tidemark_service::border::Guards;

use crate::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::problem::{Problem, ProblemError};

/// `If-Match` and `Idempotency-Key`.
pub(crate) struct ReadGuards(pub(crate) Guards);

impl<S: Sync> FromRequestParts<S> for ReadGuards {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // A header that is not obeyed would be worse than one that is refused: the caller believes
        // that it guards against overwriting.
        if parts.headers.contains_key(IF_NONE_MATCH) {
            return Err(malformed(
                "If-None-Match",
                "is not supported for changes",
                "leave it out: PUT creates or changes, and Idempotency-Key makes repeating safe",
            ));
        }
        Ok(Self(Guards {
            if_match: if_match(&parts.headers)?,
            idempotency_key: idempotency_key(&parts.headers)?,
        }))
    }
}

/// The version that an entity tag of ours names: a strong tag of a number (RFC 9110, 8.8.3).
pub(crate) fn read_etag(tag: &str) -> Option<u64> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let revision: u64 = digits.parse().ok()?;
    // Tags are compared character by character: "7" and "07" are two tags, and only one is ours.
    (revision.to_string() == digits).then_some(revision)
}

fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = only(headers, IF_MATCH.as_str(), "If-Match")? else {
        return Ok(None);
    };
    read_etag(value).map(Some).ok_or_else(|| {
        malformed(
            "If-Match",
            "is not an ETag that this API gave",
            "the ETag of the item as GET answered it, with its quotes; * and lists are not supported",
        )
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = only(headers, "idempotency-key", "Idempotency-Key")? else {
        return Ok(None);
    };
    let fits = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        Ok(Some(value.to_owned()))
    } else {
        Err(malformed(
            "Idempotency-Key",
            "does not have the right form",
            "1 to 255 visible ASCII characters",
        ))
    }
}

/// The value of a header that may stand only once.
fn only<'a>(
    headers: &'a HeaderMap,
    name: &str,
    shown: &'static str,
) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(text) if values.next().is_none() => Ok(Some(text)),
        Ok(_) | Err(_) => {
            Err(malformed(shown, "stands more than once or is not visible ASCII", "send it once"))
        }
    }
}

fn malformed(header: &'static str, detail: &str, mend: &str) -> Problem {
    Problem::malformed(ProblemError::header(header, detail, mend))
}

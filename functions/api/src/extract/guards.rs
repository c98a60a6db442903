//! The headers that guard a change.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use tidemark_service::border::{Guards, ItemVersion};

use crate::etag;
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

/// `If-None-Match` of a read: what the caller has already.
pub(crate) struct Cached(Vec<String>);

impl<S: Sync> FromRequestParts<S> for Cached {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // What cannot be read matches nothing: the caller then gets the whole item.
        let values = parts.headers.get_all(IF_NONE_MATCH).iter();
        let tags = values.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
        Ok(Self(tags.map(|tag| tag.trim().to_owned()).collect()))
    }
}

impl Cached {
    /// Whether the caller has the version of this tag.
    pub(crate) fn has(&self, current: &str) -> bool {
        self.0.iter().any(|tag| tag == "*" || etag::is_weakly_same(tag, current))
    }
}

fn if_match(headers: &HeaderMap) -> Result<Option<ItemVersion>, Problem> {
    let Some(value) = only(headers, IF_MATCH.as_str(), "If-Match")? else {
        return Ok(None);
    };
    etag::read(value).map(Some).ok_or_else(|| {
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

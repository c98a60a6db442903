//! Query parameters. An empty one counts as absent, so that a template may always name it.

use core::str::FromStr;
use core::time::Duration;

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::Deserialize;

use crate::limits::{CURSOR_BYTES_MAX, PAGE_ENTRIES_DEFAULT, PAGE_ENTRIES_MAX, WAIT_SECONDS_MAX};
use crate::problem::{Problem, ProblemError};

/// The parameters as they came.
#[derive(Deserialize)]
struct RawQuery {
    after: Option<String>,
    limit: Option<String>,
    wait: Option<String>,
}

/// Which part of a listing.
pub(crate) struct Page {
    /// Where to go on.
    pub(crate) after: Option<String>,
    /// Most entries.
    pub(crate) limit: usize,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let raw = raw(parts, state).await?;
        Ok(Self { after: cursor(raw.after)?, limit: limit(raw.limit)? })
    }
}

/// Which part of the feed, and how long to wait for it.
pub(crate) struct FeedQuery {
    /// Which part.
    pub(crate) page: Page,
    /// How long, at most [`WAIT_SECONDS_MAX`].
    pub(crate) wait: Duration,
}

impl<S: Send + Sync> FromRequestParts<S> for FeedQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let raw = raw(parts, state).await?;
        let seconds: u64 =
            number(raw.wait, "wait", "a whole number of seconds from 0")?.unwrap_or_default();
        Ok(Self {
            page: Page { after: cursor(raw.after)?, limit: limit(raw.limit)? },
            wait: Duration::from_secs(seconds.min(WAIT_SECONDS_MAX)),
        })
    }
}

async fn raw<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawQuery, Problem> {
    let Query(raw) = Query::<RawQuery>::from_request_parts(parts, state).await.map_err(|_| {
        Problem::malformed(ProblemError::parameter(
            "query",
            "cannot be read, or names a parameter twice",
            "name=value pairs, percent-encoded, each name once",
        ))
    })?;
    Ok(raw)
}

fn cursor(text: Option<String>) -> Result<Option<String>, Problem> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) if text.len() > CURSOR_BYTES_MAX => Err(Problem::malformed(
            ProblemError::parameter("after", "is too long", "a cursor as an answer gave it"),
        )),
        text => Ok(text),
    }
}

fn limit(text: Option<String>) -> Result<usize, Problem> {
    let form = "a whole number from 1";
    match number(text, "limit", form)? {
        None => Ok(PAGE_ENTRIES_DEFAULT),
        Some(0) => Err(not_a_number("limit", form)),
        Some(entries) => {
            Ok(usize::try_from(entries).unwrap_or(PAGE_ENTRIES_MAX).min(PAGE_ENTRIES_MAX))
        }
    }
}

fn number(text: Option<String>, name: &'static str, form: &str) -> Result<Option<u64>, Problem> {
    text.filter(|text| !text.is_empty())
        .map(|text| u64::from_str(&text).map_err(|_| not_a_number(name, form)))
        .transpose()
}

fn not_a_number(name: &'static str, form: &str) -> Problem {
    Problem::malformed(ProblemError::parameter(name, "is not a number in range", form))
}

//! Several requests in one (json-batching page). Answers come in any order, each with a status of
//! its own: one that is throttled does not cost its neighbours.

use core::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::bounds::{BATCH_REQUESTS_MAX, DOCUMENT_BYTES_MAX};
use crate::error::Unreadable;
use crate::request::{GraphRequest, Method, Path};
use crate::text::{List, Object, Text};

/// Requests that go together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    parts: Vec<(GraphRequest, Option<usize>)>,
}

/// Why a request cannot join a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// There are [`BATCH_REQUESTS_MAX`] already.
    #[error("the batch is full")]
    Full,
    /// A link of Graph's own has a host, and parts of a batch have none.
    #[error("a link cannot be part of a batch")]
    Link,
    /// It waits for a request that does not come before it.
    #[error("a request waits for one that does not come before it")]
    Order,
}

impl Batch {
    /// Adds a request; returns its place.
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn push(&mut self, request: GraphRequest) -> Result<usize, BatchError> {
        self.add(request, None)
    }

    /// Adds a request that is carried out only after an earlier one has succeeded. Outlook carries
    /// out up to four of one mailbox at once otherwise, in any order.
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn push_after(&mut self, request: GraphRequest, after: usize) -> Result<usize, BatchError> {
        if after >= self.parts.len() {
            return Err(BatchError::Order);
        }
        self.add(request, Some(after))
    }

    fn add(&mut self, request: GraphRequest, after: Option<usize>) -> Result<usize, BatchError> {
        if self.parts.len() >= BATCH_REQUESTS_MAX {
            return Err(BatchError::Full);
        }
        if request.path().is_none() {
            return Err(BatchError::Link);
        }
        self.parts.push((request, after));
        Ok(self.parts.len() - 1)
    }

    /// How many requests it holds.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The request. Every part says for itself what ids it wants.
    pub fn build(&self) -> GraphRequest {
        let parts = self.parts.iter().enumerate();
        let requests: Vec<Value> =
            parts.map(|(place, (part, after))| wire(place, part, *after)).collect();
        GraphRequest::new(Method::Post, Path::of("/$batch"))
            .with_body(json!({ "requests": requests }))
    }

    /// Reads the answers, in the order of the requests. One that has none stands as an error in its
    /// place.
    ///
    /// # Errors
    /// What is no answer to a batch.
    pub fn read(&self, body: &[u8]) -> Result<Vec<Result<BatchAnswer, Unreadable>>, Unreadable> {
        if body.len() > DOCUMENT_BYTES_MAX {
            return Err(Unreadable::TooLarge);
        }
        let answers: WireAnswers<'_> =
            serde_json::from_slice(body).map_err(|error| Unreadable::of_json(&error))?;
        let mut found: Vec<_> = self.parts.iter().map(|_| Err(Unreadable::Unexpected)).collect();
        for answer in answers.responses.items {
            let Some(answer) = answer.0 else { continue };
            let place = answer.id.filled().and_then(|id| id.parse::<usize>().ok());
            if let Some(slot) = place.and_then(|place| found.get_mut(place)) {
                *slot = answer.read();
            }
        }
        Ok(found)
    }
}

fn wire(place: usize, part: &GraphRequest, after: Option<usize>) -> Value {
    let headers: Map<String, Value> =
        part.headers().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let mut request = json!({
        "id": place.to_string(),
        "method": part.method.as_str(),
        "url": part.path().unwrap_or_default(),
        "headers": headers,
    });
    if let (Value::Object(members), Some(body)) = (&mut request, part.body()) {
        members.insert("body".to_owned(), body.clone());
    }
    if let (Value::Object(members), Some(after)) = (&mut request, after) {
        members.insert("dependsOn".to_owned(), json!([after.to_string()]));
    }
    request
}

/// The answer to one request of a batch.
#[derive(Clone, PartialEq, Eq)]
pub struct BatchAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, as it came: seconds or a date.
    pub retry_after: Option<String>,
    /// The body, JSON; empty if there is none.
    pub body: Vec<u8>,
}

impl fmt::Debug for BatchAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchAnswer({}, {} bytes)", self.status, self.body.len())
    }
}

#[derive(Deserialize)]
struct WireAnswers<'a> {
    #[serde(borrow)]
    responses: List<Object<WireAnswer<'a>>, { BATCH_REQUESTS_MAX * 2 }>,
}

#[derive(Deserialize)]
struct WireAnswer<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    status: Option<u64>,
    #[serde(default)]
    headers: Option<Map<String, Value>>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

impl WireAnswer<'_> {
    fn read(self) -> Result<BatchAnswer, Unreadable> {
        let status = self.status.and_then(|status| u16::try_from(status).ok());
        let status = status.filter(|status| (100..600).contains(status));
        let retry_after = self.headers.into_iter().flatten().find_map(|(name, value)| {
            let named = name.eq_ignore_ascii_case("Retry-After");
            match value {
                Value::String(text) if named => Some(text),
                Value::Number(seconds) if named => Some(seconds.to_string()),
                _ => None,
            }
        });
        Ok(BatchAnswer {
            status: status.ok_or(Unreadable::Unexpected)?,
            retry_after,
            body: self.body.map(|body| body.get().as_bytes().to_vec()).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests;

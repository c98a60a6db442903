//! Bodies: JSON, bounded in size and depth.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;
use tidemark_jscalendar::INPUT_BYTES_MAX;

use crate::problem::{Problem, ProblemError, ProblemKind};

/// An item or a merge patch: a JSON object, read no further here.
pub(crate) struct ItemBody(pub(crate) Value);

impl<S: Send + Sync> FromRequest<S> for ItemBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let value = json(request, state).await?;
        if value.is_object() {
            Ok(Self(value))
        } else {
            Err(Problem::new(ProblemKind::Invalid, "the body is not the item itself").with_errors(
                vec![ProblemError::at(String::new(), "is not an object", "a JSON object")],
            ))
        }
    }
}

/// What a command may be.
pub(crate) trait CommandForm: DeserializeOwned {
    /// The form that the body is to have, for people.
    const FORM: &'static str;

    /// The first place where an object or array of the form is another type. Derived readers would
    /// take an array of values for an object, too.
    fn misshapen(value: &Value) -> Option<String> {
        (!value.is_object()).then(String::new)
    }
}

/// A body with a fixed form. Members that are not known are refused, so that a misspelt one is
/// found.
pub(crate) struct Command<T>(pub(crate) T);

impl<T: CommandForm, S: Send + Sync> FromRequest<S> for Command<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let value = json(request, state).await?;
        if let Some(place) = T::misshapen(&value) {
            return Err(not_of_the_form::<T>(place));
        }
        // The deserializer's own text is not passed on: it quotes what was sent.
        serde_path_to_error::deserialize(value)
            .map(Self)
            .map_err(|error| not_of_the_form::<T>(pointer(error.path())))
    }
}

fn not_of_the_form<T: CommandForm>(place: String) -> Problem {
    Problem::new(ProblemKind::Invalid, "the body does not have the form that this route asks for")
        .with_errors(vec![ProblemError::at(
            place,
            "is of the wrong type, not known here, or lacks a member",
            T::FORM,
        )])
}

/// The JSON of a request's body.
async fn json<S: Send + Sync>(request: Request, state: &S) -> Result<Value, Problem> {
    if !says_json(request.headers()) {
        return Err(Problem::new(
            ProblemKind::UnsupportedMediaType,
            "the body has to be JSON and say so: Content-Type application/json, \
             application/jscalendar+json or another +json",
        ));
    }
    let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new(
                ProblemKind::PayloadTooLarge,
                format!("a body has at most {INPUT_BYTES_MAX} bytes"),
            )
        } else {
            Problem::new(ProblemKind::MalformedRequest, "the body could not be read to its end")
        }
    })?;
    // serde_json stops at 128 levels, so that no input can exhaust the stack.
    serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(
            ProblemKind::MalformedJson,
            format!(
                "the body is not JSON of at most 128 levels: line {}, column {}",
                error.line(),
                error.column()
            ),
        )
    })
}

/// Whether the body is declared to be JSON: `application/json` or a `+json` (RFC 6839).
fn says_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// A place as an RFC 6901 pointer. Member names that do not look like names are the caller's
/// content: the pointer ends before them.
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key }
                if key.len() <= 32 && key.bytes().all(|byte| byte.is_ascii_alphabetic()) =>
            {
                pointer.push('/');
                pointer.push_str(key);
            }
            Segment::Map { .. } | Segment::Enum { .. } | Segment::Unknown => break,
        }
    }
    pointer
}

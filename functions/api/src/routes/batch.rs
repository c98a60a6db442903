//! Several changes in one request.
//!
//! A batch runs its changes in order, each through the route that serves it alone, and goes on when
//! one is refused: it is a way to send less often, not a transaction. What can be said about the
//! form of all of them is said before the first one runs.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use axum::{Extension, Json, Router};
use http::header::{CONTENT_TYPE, IF_MATCH};
use http::{HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;
use tidemark_jscalendar::INPUT_BYTES_MAX;
use tidemark_service::border::Caller;
use tower::ServiceExt as _;

use crate::answers::BatchAnswer;
use crate::commands::{BatchMethod, BatchOperation};
use crate::edge::RequestId;
use crate::etag;
use crate::extract::{Authenticated, Command};
use crate::limits::BATCH_OPERATIONS_MAX;
use crate::openapi::{BodyRefusals, Refusals};
use crate::problem::{Problem, ProblemError, ProblemKind};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The routes that a batch may name.
#[derive(Clone)]
pub(crate) struct ItemRoutes(pub(crate) Router);

/// Several changes in one request
///
/// An array of 1 to 100 changes, carried out in the order of the array, each as if it had been sent
/// alone: one that is refused does not keep the later ones from being carried out. The answers
/// stand in the same order. If the form of any of them is wrong, nothing is carried out.
#[utoipa::path(
    post,
    path = "/v1/batch",
    tag = "items",
    request_body = Vec<BatchOperation>,
    responses((status = 200, description = "What became of each, in the same order", body = Vec<BatchAnswer>), Refusals, BodyRefusals)
)]
pub(crate) async fn run_batch(
    Authenticated(caller): Authenticated,
    Extension(routes): Extension<ItemRoutes>,
    Extension(id): Extension<RequestId>,
    Command(operations): Command<Vec<BatchOperation>>,
) -> Result<Json<Vec<BatchAnswer>>, Problem> {
    let requests = build_requests(operations, &caller)?;
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        // The router's error is Infallible: whatever happens is an answer.
        let Ok(response) = routes.0.clone().oneshot(request).await;
        answers.push(read_answer(response, &id).await);
    }
    Ok(Json(answers))
}

/// The requests of a batch, or everything that is wrong with their form.
fn build_requests(
    operations: Vec<BatchOperation>,
    caller: &Caller,
) -> Result<Vec<Request>, Problem> {
    if !(1..=BATCH_OPERATIONS_MAX).contains(&operations.len()) {
        return Err(invalid(vec![ProblemError::at(
            String::new(),
            "has too few or too many changes",
            format!("1 to {BATCH_OPERATIONS_MAX} changes"),
        )]));
    }
    let mut requests = Vec::with_capacity(operations.len());
    let mut errors = Vec::new();
    for (index, operation) in operations.into_iter().enumerate() {
        match build_request(index, operation, caller) {
            Ok(request) => requests.push(request),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(requests) } else { Err(invalid(errors)) }
}

fn invalid(errors: Vec<ProblemError>) -> Problem {
    Problem::new(ProblemKind::Invalid, "the batch is not valid; nothing of it was carried out")
        .with_errors(errors)
}

fn build_request(
    index: usize,
    operation: BatchOperation,
    caller: &Caller,
) -> Result<Request, ProblemError> {
    let uri = read_path(&operation.path).ok_or_else(|| {
        ProblemError::at(
            format!("/{index}/path"),
            "is not the path of an item",
            "/v1/mailboxes/{mailbox}/{kind}/{id}, percent-encoded, without a query",
        )
    })?;
    let (method, body) = read_body(operation.method, operation.body).ok_or_else(|| {
        ProblemError::at(
            format!("/{index}/body"),
            "is missing or not wanted",
            "an object for PUT and PATCH, nothing for DELETE",
        )
    })?;
    let mut request = Request::new(body);
    *request.uri_mut() = uri;
    *request.method_mut() = method;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(tag) = operation.if_match {
        let value = etag::read(&tag).and_then(|_| HeaderValue::from_str(&tag).ok());
        let value = value.ok_or_else(|| {
            ProblemError::at(
                format!("/{index}/ifMatch"),
                "is not an ETag that this API gave",
                "the ETag of the item with its quotes",
            )
        })?;
        headers.insert(IF_MATCH, value);
    }
    if let Some(key) = operation.idempotency_key {
        // Its length and characters are checked where the header is read.
        let value = HeaderValue::from_str(&key).map_err(|_| {
            ProblemError::at(
                format!("/{index}/idempotencyKey"),
                "does not have the right form",
                "1 to 255 visible ASCII characters",
            )
        })?;
        headers.insert(IDEMPOTENCY_KEY, value);
    }
    request.extensions_mut().insert(caller.clone());
    Ok(request)
}

/// A path of an item as a URI; kind and id are judged by the route.
fn read_path(path: &str) -> Option<Uri> {
    let uri: Uri = path.parse().ok()?;
    let own = uri.scheme().is_none() && uri.authority().is_none() && uri.query().is_none();
    let segments: Vec<&str> = uri.path().split('/').collect();
    match segments.as_slice() {
        ["", "v1", "mailboxes", mailbox, kind, id]
            if own && ![mailbox, kind, id].iter().any(|part| part.is_empty()) =>
        {
            Some(uri)
        }
        _ => None,
    }
}

/// The method and the bytes of the body, if there is one exactly where there should be.
fn read_body(method: BatchMethod, body: Option<Value>) -> Option<(Method, Body)> {
    match (method, body) {
        (BatchMethod::Put, Some(item)) => Some((Method::PUT, Body::from(item.to_string()))),
        (BatchMethod::Patch, Some(patch)) => Some((Method::PATCH, Body::from(patch.to_string()))),
        (BatchMethod::Delete, None) => Some((Method::DELETE, Body::empty())),
        (BatchMethod::Put | BatchMethod::Patch, None) | (BatchMethod::Delete, Some(_)) => None,
    }
}

/// What became of a change, with its problem written out.
async fn read_answer(mut response: Response, id: &RequestId) -> BatchAnswer {
    let status = response.status().as_u16();
    let body = if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        serde_json::to_value(problem.into_body(id.as_str())).unwrap_or_default()
    } else {
        // Ours, in memory, and far smaller than what a caller may send.
        let bytes: Bytes =
            to_bytes(response.into_body(), INPUT_BYTES_MAX).await.unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    };
    BatchAnswer { status, body }
}

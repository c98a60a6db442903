//! What happens to every request before and after its handler: who calls, the request's id, the
//! form of problems, headers and the log line.

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tidemark_service::World;
use tidemark_service::border::Refusal;

use crate::limits::{REQUEST_ID_BYTES_MAX, TOKEN_BYTES_MAX};
use crate::problem::{PROBLEM_JSON, Problem, ProblemKind};
use crate::state::ApiState;

/// The header that carries a request's id both ways.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What stands for the route in the log when there is none.
const NO_ROUTE: &str = "(no route)";

/// The id of the request: in the answer, in problems and in the log.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) HeaderValue);

impl RequestId {
    /// The caller's own id, if it is a short token, or a new one.
    fn of(headers: &HeaderMap, world: &World) -> Self {
        let sent = headers.get(REQUEST_ID).filter(|value| {
            (1..=REQUEST_ID_BYTES_MAX).contains(&value.len())
                && value
                    .as_bytes()
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
        });
        Self(sent.cloned().unwrap_or_else(|| {
            HeaderValue::from_str(&world.uuid().to_string())
                .unwrap_or_else(|_| HeaderValue::from_static("unknown"))
        }))
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("unknown")
    }
}

/// The key behind a request, for the log.
#[derive(Debug, Clone)]
struct KeyId(String);

/// Lets only those through who have a key, and notes who it is.
pub(crate) async fn authenticate(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    let outcome = match bearer(request.headers()) {
        Some(token) => state.border.authenticate(token).await,
        None => Err(Refusal::Unauthenticated),
    };
    match outcome {
        Ok(caller) => {
            let key = KeyId(caller.key_id.clone());
            request.extensions_mut().insert(caller);
            let mut response = next.run(request).await;
            response.extensions_mut().insert(key);
            response
        }
        Err(refusal) => Problem::from(refusal).into_response(),
    }
}

/// The token of `Authorization: Bearer`; the scheme's name is case-insensitive (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?;
    // Two of them: nobody can say which one counts.
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    let fits = (1..=TOKEN_BYTES_MAX).contains(&token.len());
    (scheme.eq_ignore_ascii_case("bearer") && fits).then_some(token)
}

/// Gives every answer its id, its headers and its log line, and problems their body.
pub(crate) async fn finish(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = state.world.now();
    let id = RequestId::of(request.headers(), &state.world);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    request.extensions_mut().insert(id.clone());

    let mut response = next.run(request).await;
    write_problem(&mut response, &id, &method);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id.0.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let duration_ms = state.world.now().duration_since(started).as_millis();
    log(&response, &id, &method, route, duration_ms);
    response
}

/// Turns a problem on its way into the body that the caller reads.
fn write_problem(response: &mut Response, id: &RequestId, method: &Method) {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return;
    };
    // A problem cannot fail to be written: it is texts and numbers. An empty body stays right.
    let body = serde_json::to_vec(&problem.into_body(id.as_str())).unwrap_or_default();
    if method != Method::HEAD {
        *response.body_mut() = Body::from(body);
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
}

/// One line per request. Paths are never filled in: they name people.
fn log(response: &Response, id: &RequestId, method: &Method, route: &str, duration_ms: i128) {
    let key = response.extensions().get::<KeyId>().map_or("-", |key| key.0.as_str());
    let method = shown(method);
    let status = response.status().as_u16();
    let duration_ms = i64::try_from(duration_ms).unwrap_or(i64::MAX);
    tracing::info!(
        http.method = method,
        http.route = route,
        http.status = status,
        duration_ms,
        key.id = key,
        request.id = id.as_str(),
        "{method} {route} answered {status} in {duration_ms} ms",
    );
}

/// The method for the log. A method may be any token: only those that routes have are written.
fn shown(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "(other)",
    }
}

/// The answer where no route matches.
pub(crate) async fn no_such_route() -> Problem {
    Problem::new(ProblemKind::UnknownRoute, "there is no such route: /openapi.json lists them")
}

/// The answer where a route does not know the method; `Allow` lists those that it knows.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(
        ProblemKind::MethodNotAllowed,
        "this route does not know the method: the header Allow lists those that it knows",
    )
}

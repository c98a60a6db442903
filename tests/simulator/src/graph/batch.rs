//! `$batch` (exchange-graph.md 9.2).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::request::Request;
use super::{Answer, GraphError, RequestIds, Routed, early_error, perform as perform_one, routes};
use crate::simulator::{SimRequest, State};

/// Most requests of a batch.
const REQUESTS_MAX: usize = 20;

/// One request inside.
struct Inner {
    id: String,
    depends_on: Vec<String>,
    request: SimRequest,
}

/// Carries out a batch; the answers come in no particular order.
pub(super) fn perform(
    state: &mut State,
    outer: &Request<'_>,
    now: Timestamp,
) -> Result<Answer, GraphError> {
    let body = outer.json()?;
    let list = body
        .get("requests")
        .and_then(Value::as_array)
        .ok_or_else(|| GraphError::query("Invalid batch payload format."))?;
    if list.is_empty() || list.len() > REQUESTS_MAX {
        return Err(GraphError::query(format!(
            "Number of batch request steps must be between 1 and {REQUESTS_MAX}."
        )));
    }
    let requests = list.iter().map(|one| read(one, outer)).collect::<Result<Vec<_>, _>>()?;
    check_order(&requests)?;
    let mut statuses: BTreeMap<&str, u16> = BTreeMap::new();
    let mut responses = Vec::new();
    for one in &requests {
        let failed = one
            .depends_on
            .iter()
            .any(|id| statuses.get(id.as_str()).is_none_or(|status| *status >= 400));
        let response = if failed {
            let error = GraphError::new(
                424,
                "FailedDependency",
                "A request that this one depends on failed.",
            );
            refused(&one.id, &error, state, now)
        } else {
            answer(state, one, now)
        };
        let status = response.get("status").and_then(Value::as_u64).unwrap_or(500);
        statuses.insert(&one.id, u16::try_from(status).unwrap_or(500));
        responses.push(response);
    }
    // Last first: nobody may rely on the order.
    responses.reverse();
    Ok(Answer::json(200, json!({ "responses": responses })))
}

fn read(value: &Value, outer: &Request<'_>) -> Result<Inner, GraphError> {
    let invalid = |what: &str| GraphError::query(format!("Invalid batch payload format: {what}."));
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let id = text("id").filter(|id| !id.is_empty()).ok_or_else(|| invalid("an id is missing"))?;
    let method = text("method").ok_or_else(|| invalid("a method is missing"))?;
    let url = text("url").ok_or_else(|| invalid("a url is missing"))?;
    let path = url.trim_start_matches('/');
    if path.starts_with("$batch") || url.contains("://") {
        return Err(invalid("a url is not relative"));
    }
    let mut headers: Vec<(String, String)> = value
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let body = match value.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(body) => {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                return Err(invalid("a body needs the header Content-Type"));
            }
            body.to_string().into_bytes()
        }
    };
    // Who asks, and where, is the batch's.
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
    for name in ["authorization", "host"] {
        if let Some(value) = outer.raw.header(name) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    let version = if outer.beta { "beta" } else { "v1.0" };
    let depends_on = value
        .get("dependsOn")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|id| Some(id.as_str()?.to_owned()))
        .collect();
    Ok(Inner {
        id: id.to_owned(),
        depends_on,
        request: SimRequest {
            method: method.to_ascii_uppercase(),
            path: format!("/graph/{version}/{path}"),
            headers,
            body,
        },
    })
}

/// Ids are unique, and each request depends on earlier ones only.
fn check_order(requests: &[Inner]) -> Result<(), GraphError> {
    let mut seen: Vec<&str> = Vec::new();
    for one in requests {
        if seen.contains(&one.id.as_str())
            || one.depends_on.iter().any(|id| !seen.contains(&id.as_str()))
        {
            return Err(GraphError::query(
                "Invalid batch payload format: request ids and dependencies do not fit together.",
            ));
        }
        seen.push(&one.id);
    }
    Ok(())
}

fn answer(state: &mut State, one: &Inner, now: Timestamp) -> Value {
    match answered(state, one, now) {
        Ok((answer, applied)) => {
            let mut headers = Map::new();
            for (name, value) in answer.headers {
                headers.insert(name, value.into());
            }
            if !applied.is_empty() {
                headers.insert("Preference-Applied".to_owned(), applied.into());
            }
            if answer.body.is_some() {
                headers.insert("Content-Type".to_owned(), "application/json".into());
            }
            json!({
                "id": one.id,
                "status": answer.status,
                "headers": headers,
                "body": answer.body.unwrap_or(Value::Null),
            })
        }
        Err(error) => refused(&one.id, &error, state, now),
    }
}

fn answered(
    state: &mut State,
    one: &Inner,
    now: Timestamp,
) -> Result<(Answer, String), GraphError> {
    let request = Request::read(&one.request)
        .ok_or_else(|| GraphError::query("Resource not found for the segment."))??;
    let operation = routes::operation(&request);
    *state.requests.entry(operation.clone()).or_default() += 1;
    state.faults.begin(&operation);
    if let Some(error) = early_error(state) {
        return Err(error);
    }
    let routed = perform_one(state, &request, now)?;
    state.spread_events();
    match routed {
        Routed::Answer(answer) => Ok((answer, request.prefer.applied.join(", "))),
        Routed::Handshake(number, _) => {
            // A handshake needs a request of its own here.
            state.graph.subscriptions.abandon(number);
            Err(GraphError::new(
                400,
                "InvalidRequest",
                "This simulator creates subscriptions outside of batches only.",
            ))
        }
    }
}

fn refused(id: &str, error: &GraphError, state: &mut State, now: Timestamp) -> Value {
    let ids = RequestIds { own: super::guid(state.graph.random.next()), client: None, echo: false };
    let mut headers = Map::new();
    for (name, value) in &error.headers {
        let name = if name == "retry-after" { "Retry-After" } else { name };
        headers.insert(name.to_owned(), value.as_str().into());
    }
    headers.insert("Content-Type".to_owned(), "application/json".into());
    json!({
        "id": id,
        "status": error.status,
        "headers": headers,
        "body": error.body_json(now, &ids.own, &ids.own),
    })
}

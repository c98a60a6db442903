//! Functions that answer HTTP.

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use lambda_http::tower::ServiceExt as _;
use lambda_http::{RequestExt as _, service_fn};
use tidemark_platform::{Frame, Panicked};
use tidemark_store::records::Payer;

use crate::{Call, Error};

/// Serves routes from the events of function URLs and HTTP APIs (payload format 2.0).
///
/// # Errors
/// When the Lambda runtime cannot be reached or ends.
pub async fn serve_http(router: Router, frame: Frame) -> Result<(), Error> {
    let routes = framed(router, frame.clone());
    frame.ready();
    lambda_http::run(service_fn(move |request: lambda_http::Request| {
        answer(routes.clone(), request.map(Body::new))
    }))
    .await
}

/// A handler that panicked ends the call as an error: only this counts as one of Lambda's errors, by
/// which alarms and the shift of a release go. Lambda answers a server error in its place.
async fn answer(routes: Router, request: Request) -> Result<Response, Error> {
    let Ok(response) = routes.oneshot(request).await;
    match response.extensions().get::<Panicked>() {
        Some(panicked) => Err((*panicked).into()),
        None => Ok(response),
    }
}

/// Puts the frame around every request. One whose handler panics is answered 500 with [`Panicked`]
/// among its extensions; what it uses until a mailbox's meter is written is that mailbox's.
pub fn framed(router: Router, frame: Frame) -> Router {
    router.layer(from_fn(move |request: Request, next: Next| {
        let frame = frame.clone();
        async move {
            let call = Call::of(&request.lambda_context_ref().cloned().unwrap_or_default());
            let work = async {
                let response = next.run(request).await;
                note(&frame, &response);
                response
            };
            let ended = frame.run(call.as_unit(Payer::Mailbox), work).await;
            ended.unwrap_or_else(|panicked| {
                (StatusCode::INTERNAL_SERVER_ERROR, Extension(panicked)).into_response()
            })
        }
    }))
}

fn note(frame: &Frame, response: &Response) {
    frame.number("http.status", u64::from(response.status().as_u16()));
    if response.status().is_server_error() {
        frame.failed();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::routing::post;
    use serde_json::Value;
    use tidemark_model::{MailboxId, OrganisationId};
    use tidemark_platform::Environment;
    use tidemark_store::memory::MemoryTable;
    use tidemark_store::records::{Collection, Keyring, MailboxScope, Records};
    use tidemark_world::{Clock as _, SystemClock};

    use super::*;

    fn records() -> Arc<Records> {
        let keyring = Keyring::new(&[3; 32], Arc::new(|buffer: &mut [u8]| buffer.fill(7)));
        Arc::new(Records::new(Arc::new(MemoryTable::new()), Arc::new(keyring.unwrap())))
    }

    fn scope() -> MailboxScope {
        MailboxScope {
            organisation: OrganisationId::parse("contoso").unwrap(),
            mailbox: MailboxId::parse("019aacb0-0000-7000-8000-000000000001").unwrap(),
        }
    }

    fn frame() -> (Frame, Arc<Mutex<Vec<Value>>>) {
        let variables =
            [("AWS_LAMBDA_FUNCTION_NAME", "acme-api"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")];
        let variables: Environment =
            variables.map(|(name, value)| (name.into(), value.into())).into_iter().collect();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let write = Box::new(move |line: &str| {
            kept.lock().unwrap().push(serde_json::from_str(line).unwrap());
        });
        (Frame::writing(&variables, Arc::new(SystemClock), write), lines)
    }

    async fn answered(router: &Router, path: &str) -> StatusCode {
        let request = Request::builder().method("POST").uri(path).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn n9_a_request_is_metered_on_the_mailbox_that_it_marks() {
        let (records, (frame, lines)) = (records(), frame());
        frame.meter(&records);
        let raised = Arc::clone(&records);
        let mark = move || {
            let records = Arc::clone(&raised);
            async move {
                let now = SystemClock.now();
                records.raise(&scope(), &Collection::calendar(), now).await.unwrap();
            }
        };
        let router = framed(Router::new().route("/mark", post(mark)), frame);
        assert_eq!(answered(&router, "/nowhere").await, StatusCode::NOT_FOUND);
        assert_eq!(answered(&router, "/mark").await, StatusCode::OK);
        let usage = records.usage(&scope()).await.unwrap();
        assert_eq!(usage.invocations, 1);
        assert!(usage.compute_mb_ms >= 256 && usage.compute_mb_ms % 256 == 0, "{usage:?}");
        let statuses: Vec<_> =
            lines.lock().unwrap().iter().map(|line| line["http.status"].clone()).collect();
        assert_eq!(statuses, [404, 200]);
    }

    async fn unavailable() -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }

    #[tokio::test]
    async fn only_a_panic_ends_the_call_as_an_error() {
        let routes =
            Router::new().route("/broken", post(broken)).route("/unavailable", post(unavailable));
        let routes = framed(routes, frame().0);
        let asked = |path| {
            let request = Request::builder().method("POST").uri(path).body(Body::empty());
            answer(routes.clone(), request.unwrap())
        };
        assert_eq!(asked("/unavailable").await.unwrap().status(), 503);
        assert!(asked("/broken").await.unwrap_err().is::<Panicked>());
    }

    async fn broken() -> StatusCode {
        panic!("Budget 2027")
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_and_told_of() {
        let (frame, lines) = frame();
        let routes = Router::new().route("/broken", post(broken));
        let router = framed(routes, frame);
        assert_eq!(answered(&router, "/broken").await, StatusCode::INTERNAL_SERVER_ERROR);
        let lines = lines.lock().unwrap();
        assert_eq!(lines[0]["outcome"], "panicked");
        assert!(!lines[0].to_string().contains("Budget"));
    }
}

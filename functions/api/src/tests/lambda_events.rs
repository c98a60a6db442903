//! Events of Lambda, through the conversion that the runtime uses, into the router.
//!
//! The fixtures follow the documented payload format 2.0 of function URLs and HTTP APIs.

use super::*;

const FUNCTION_URL: &str = include_str!("../../tests/fixtures/function-url/put-appointment.json");
const HTTP_API: &str = include_str!("../../tests/fixtures/http-api/list-changes.json");

async fn send(api: &Api, event: &str) -> Answer {
    let request = lambda_http::request::from_str(event).unwrap();
    let response = api.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        bytes: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
    }
}

#[tokio::test]
async fn a_function_url_puts_an_item_with_an_encoded_id_and_body() {
    let api = Api::new();
    let answer = send(&api, FUNCTION_URL).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json()["id"], "crm/42");
    let got = api.get("/v1/mailboxes/m-1/appointments/crm%2F42").await;
    assert_eq!(got.json(), json!({"title": "Grüße"}));
}

#[tokio::test]
async fn a_function_url_without_a_key_is_refused() {
    let api = Api::new();
    let mut event: Value = serde_json::from_str(FUNCTION_URL).unwrap();
    event["headers"].as_object_mut().unwrap().remove("authorization");
    let answer = send(&api, &event.to_string()).await;
    answer.problem(401, "unauthenticated");
}

#[tokio::test]
async fn an_http_api_reads_changes_with_a_query() {
    let api = Api::new();
    let answer = send(&api, HTTP_API).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(*api.border.pages.lock().unwrap(), [(Some("c 1+2".to_owned()), 10)]);
    assert_eq!(answer.header("x-request-id"), Some("from-the-caller"));
}

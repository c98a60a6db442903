//! The preflight and the fence of a connection, through the API.

use super::fake::CONNECTION;
use super::*;

fn path(what: &str) -> String {
    format!("/v1/connections/{CONNECTION}/{what}")
}

async fn patch(api: &Api, body: Value) -> Answer {
    api.send(request("PATCH", &path("fence"), Some(body))).await
}

#[tokio::test]
async fn a_preflight_tells_steps_with_mend_and_commands() {
    let api = Api::new();
    let asked = json!({"mailboxes": ["alex@tidemark.example"]});
    let answer = api.post(&path("preflight"), asked).await;
    assert_eq!(answer.status, StatusCode::OK);
    let found = answer.json();
    assert_eq!(found["passed"], false);
    assert_eq!(found["steps"][0]["name"], "impersonation");
    assert_eq!(found["steps"][0]["state"], "failed");
    assert_eq!(found["steps"][0]["commands"], json!(["New-ManagementRoleAssignment"]));
    assert_eq!(found["mailboxes"][0]["address"], "alex@tidemark.example");
    assert_eq!(found["mailboxes"][0]["id"], Value::Null);
    assert_eq!(found["fence"]["state"], "unproved");
    assert_eq!(api.post(&path("preflight"), json!({})).await.status, StatusCode::OK);
    api.post(&path("preflight"), json!({"mailbox": 1})).await.problem(422, "invalid");
}

#[tokio::test]
async fn the_check_of_assignment_goes_on_where_it_stopped() {
    let api = Api::new();
    let first = api.post(&path("assignment"), json!({})).await.json();
    assert_eq!(first["checked"], 2);
    assert_eq!(first["unreachable"][0]["steps"][0]["code"], "ErrorImpersonateUserDenied");
    let last = api.post(&path("assignment"), json!({"after": first["next"]})).await.json();
    assert_eq!(last["next"], Value::Null);
}

#[tokio::test]
async fn what_is_absent_of_a_fence_stays_and_what_is_null_goes() {
    let api = Api::new();
    let set = json!({
        "outside": "board@tidemark.example", "gate": "warn", "waiver": {"reason": "a test tenant"},
    });
    let set = patch(&api, set).await.json();
    assert_eq!(set["outside"], "board@tidemark.example");
    assert_eq!(set["gate"], "warn");
    assert_eq!(set["waiver"]["reason"], "a test tenant");
    let gone = patch(&api, json!({"outside": null, "waiver": null})).await.json();
    assert_eq!((&gone["outside"], &gone["waiver"]), (&Value::Null, &Value::Null));
    patch(&api, json!({"gate": "open"})).await.problem(422, "invalid");
    patch(&api, json!({"waiver": {}})).await.problem(422, "invalid");
    let seen = api.get(&path("fence")).await.json();
    assert_eq!(seen["admits"], false);
}

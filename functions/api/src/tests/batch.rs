use super::*;

fn path(id: &str) -> String {
    format!("/v1/mailboxes/alex@tidemark.example/appointments/{id}")
}

#[tokio::test]
async fn a_batch_runs_in_order_and_goes_on_after_a_refusal() {
    let api = Api::new();
    let batch = json!([
        {"method": "PUT", "path": path("a%2Fb"), "body": {"title": "1"}, "idempotencyKey": "k"},
        {"method": "PATCH", "path": path("a%2Fb"), "body": {"title": "2"}, "ifMatch": "\"1\""},
        {"method": "PATCH", "path": path("a%2Fb"), "body": {"title": "3"}, "ifMatch": "\"1\""},
        {"method": "PUT", "path": path("a%2Fb").replace("appointments", "tasks"), "body": {}},
        {"method": "PUT", "path": path("panic"), "body": {}},
        {"method": "PUT", "path": path("c"), "body": {}, "idempotencyKey": "two words"},
        {"method": "DELETE", "path": path("gone")},
        {"method": "PUT", "path": path("last"), "body": {}, "ifMatch": null}
    ]);
    let answer = with(request("POST", "/v1/batch", Some(batch)), "x-request-id", "batch-1");
    let answer = api.send(answer).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answers = answer.json();
    let summary: Vec<(u64, &str)> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| {
            let body = &answer["body"];
            let word = body["type"].as_str().or(body["status"].as_str());
            (answer["status"].as_u64().unwrap(), word.unwrap())
        })
        .collect();
    assert_eq!(
        summary,
        [
            (202, "queued"),
            (202, "queued"),
            (412, "urn:tidemark:problem:precondition-failed"),
            (404, "urn:tidemark:problem:unknown-kind"),
            (500, "urn:tidemark:problem:internal"),
            (400, "urn:tidemark:problem:malformed-request"),
            (404, "urn:tidemark:problem:not-found"),
            (202, "queued"),
        ]
    );
    assert_eq!(answers[2]["body"]["requestId"], "batch-1");
    assert_eq!(answers[7]["body"]["number"], 3);
    let got = api.get(&path("a%2Fb")).await;
    assert_eq!(got.json()["title"], "2");
}

#[tokio::test]
async fn nothing_of_a_batch_is_carried_out_when_the_form_of_one_is_wrong() {
    let api = Api::new();
    for (wrong, pointer) in [
        (json!({"method": "GET", "path": path("1")}), "/1/method"),
        (json!({"method": "PUT", "path": path("1")}), "/1/body"),
        (json!({"method": "DELETE", "path": path("1"), "body": {}}), "/1/body"),
        (json!({"method": "DELETE", "path": path("1"), "extra": 1}), "/1/extra"),
        (json!({"method": "DELETE"}), "/1"),
        (json!(["DELETE", path("1")]), "/1"),
        (json!({"method": "DELETE", "path": path("1"), "ifMatch": "*"}), "/1/ifMatch"),
        (
            json!({"method": "DELETE", "path": path("1"), "idempotencyKey": "\n"}),
            "/1/idempotencyKey",
        ),
        (json!({"method": "DELETE", "path": "/v1/webhooks/1"}), "/1/path"),
        (json!({"method": "DELETE", "path": path("1/history")}), "/1/path"),
        (json!({"method": "DELETE", "path": path("1?x=1")}), "/1/path"),
        (json!({"method": "DELETE", "path": format!("https://x{}", path("1"))}), "/1/path"),
        (json!({"method": "DELETE", "path": "no path at all"}), "/1/path"),
    ] {
        let batch = json!([{"method": "PUT", "path": path("0"), "body": {}}, wrong]);
        let problem = api.post("/v1/batch", batch).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{wrong}");
    }
    api.get(&path("0")).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_batch_has_1_to_100_changes() {
    let api = Api::new();
    let put = |n: usize| json!({"method": "PUT", "path": path(&n.to_string()), "body": {}});
    let most: Vec<Value> = (0..100).map(put).collect();
    let answer = api.post("/v1/batch", json!(most)).await;
    assert_eq!(answer.json().as_array().unwrap().len(), 100);
    for wrong in [json!([]), json!((0..101).map(put).collect::<Vec<_>>()), json!({})] {
        let problem = api.post("/v1/batch", wrong).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], "");
    }
}

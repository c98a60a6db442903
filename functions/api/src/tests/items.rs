use super::*;

#[tokio::test]
async fn an_item_is_put_read_patched_and_deleted() {
    let api = Api::new();
    let put = api.put(ITEM, json!({"title": "Standup"})).await;
    assert_eq!(put.status, StatusCode::ACCEPTED);
    assert_eq!(
        put.json(),
        json!({"number": 1, "id": "42", "status": "queued", "ignored": ["/color"]})
    );

    let got = api.get(ITEM).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.json(), json!({"title": "Standup"}));
    assert_eq!(got.header("etag"), Some("\"1\""));
    assert_eq!(got.header("tidemark-pending"), Some("0"));

    let patch = request("PATCH", ITEM, Some(json!({"title": null})));
    assert_eq!(api.send(patch).await.status, StatusCode::ACCEPTED);
    assert_eq!(api.get(ITEM).await.json(), json!({"title": null}));

    let delete = api.send(request("DELETE", ITEM, None)).await;
    assert_eq!(delete.status, StatusCode::ACCEPTED);
    assert_eq!(delete.json()["number"], 3);
    let gone = api.get(ITEM).await.problem(404, "not-found");
    assert_eq!(gone["detail"], "there is no appointment of this name here");
}

#[tokio::test]
async fn mailboxes_are_named_in_any_case_by_address_alias_and_id() {
    let api = Api::new();
    api.put(ITEM, json!({})).await;
    for name in [
        "alex%40tidemark.example",
        "Alex@Tidemark.Example",
        "ALEX%40TIDEMARK.EXAMPLE",
        "A.lex@tidemark.example",
        "m-1",
        "M-1",
    ] {
        let got = api.get(&format!("/v1/mailboxes/{name}/appointments/42")).await;
        assert_eq!(got.status, StatusCode::OK, "{name}");
    }
    let other = "/v1/mailboxes/casey@tidemark.example/appointments/42";
    api.get(other).await.problem(404, "not-found");
    let endless = format!("/v1/mailboxes/{}/appointments/42", "a".repeat(400));
    api.get(&endless).await.problem(404, "not-found");
}

#[tokio::test]
async fn ids_are_decoded_once() {
    let api = Api::new();
    for (sent, meant) in [
        ("a%2Fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("%C3%BC%20%2B+", "ü ++"),
        ("history", "history"),
        ("%23%3F", "#?"),
    ] {
        let path = format!("/v1/mailboxes/m-1/appointments/{sent}");
        let put = api.put(&path, json!({})).await;
        assert_eq!(put.status, StatusCode::ACCEPTED, "{sent}");
        assert_eq!(put.json()["id"], meant);
        let history = api.get(&format!("{path}/history")).await;
        assert_eq!(history.status, StatusCode::OK, "{sent}");
    }
}

#[tokio::test]
async fn ids_have_1_to_255_bytes_and_no_control_characters() {
    let api = Api::new();
    let path = |id: &str| format!("/v1/mailboxes/m-1/appointments/{id}");
    let longest = path(&"%C3%BC".repeat(127));
    assert_eq!(api.put(&longest, json!({})).await.status.as_u16(), 202);
    for id in ["%C3%BC".repeat(128), "a%00b".to_owned(), "a%0Ab".to_owned()] {
        let refused = api.put(&path(&id), json!({})).await;
        let problem = refused.problem(400, "malformed-request");
        assert_eq!(problem["errors"][0]["parameter"], "id");
    }
    let bytes = api.put(&path("%FF"), json!({})).await;
    bytes.problem(400, "malformed-request");
    api.put(&path(""), json!({})).await.problem(404, "unknown-route");
}

#[tokio::test]
async fn other_kinds_are_refused_with_those_that_are_synced() {
    let api = Api::new();
    for kind in ["tasks", "contacts", "messages", "appointment", "Appointments"] {
        for path in [
            format!("/v1/mailboxes/m-1/{kind}"),
            format!("/v1/mailboxes/m-1/{kind}/1"),
            format!("/v1/mailboxes/m-1/{kind}/1/history"),
        ] {
            let problem = api.get(&path).await.problem(404, "unknown-kind");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.ends_with("kinds of items: appointments"), "{detail}");
        }
    }
}

#[tokio::test]
async fn if_match_takes_our_etags_and_nothing_else() {
    let api = Api::new();
    api.put(ITEM, json!({})).await;
    let with_tag = |tag: &str| with(request("PUT", ITEM, Some(json!({}))), "if-match", tag);
    assert_eq!(api.send(with_tag("\"1\"")).await.status.as_u16(), 202);
    let stale = api.send(with_tag("\"1\"")).await;
    stale.problem(412, "precondition-failed");
    for tag in [
        "*",
        "W/\"2\"",
        "\"2\", \"3\"",
        "2",
        "\"02\"",
        "\"+2\"",
        "\"\"",
        "\"18446744073709551616\"",
        "\"ü\"",
    ] {
        let problem = api.send(with_tag(tag)).await;
        let problem = problem.problem(400, "malformed-request");
        assert_eq!(problem["errors"][0]["header"], "If-Match", "{tag}");
    }
    let twice = with(with_tag("\"2\""), "if-match", "\"2\"");
    api.send(twice).await.problem(400, "malformed-request");
    let create_only = with(request("PUT", ITEM, Some(json!({}))), "if-none-match", "*");
    let problem = api.send(create_only).await;
    let problem = problem.problem(400, "malformed-request");
    assert_eq!(problem["errors"][0]["header"], "If-None-Match");
}

#[tokio::test]
async fn idempotency_keys_are_1_to_255_visible_characters() {
    let api = Api::new();
    let put =
        |path: &str, key: &str| with(request("PUT", path, Some(json!({}))), "idempotency-key", key);
    let longest = "k".repeat(255);
    assert_eq!(api.send(put(ITEM, &longest)).await.status.as_u16(), 202);
    assert_eq!(api.send(put(ITEM, &longest)).await.status.as_u16(), 202);
    let other = "/v1/mailboxes/m-1/appointments/43";
    let mismatch = api.send(put(other, &longest)).await;
    mismatch.problem(422, "idempotency-mismatch");
    for key in ["", "two words", "ü", &"k".repeat(256)] {
        let problem = api.send(put(ITEM, key)).await;
        let problem = problem.problem(400, "malformed-request");
        assert_eq!(problem["errors"][0]["header"], "Idempotency-Key");
    }
}

#[tokio::test]
async fn while_changes_wait_the_etag_is_weak() {
    let api = Api::new();
    api.put(ITEM, json!({})).await;
    *api.border.waiting.lock().unwrap() = 31;
    let got = api.get(ITEM).await;
    assert_eq!(got.header("etag"), Some("W/\"1-31\""));
    assert_eq!(got.header("tidemark-pending"), Some("3"));
    let list = api.get("/v1/mailboxes/m-1/appointments").await.json();
    let entry = &list["items"][0];
    assert_eq!((&entry["etag"], &entry["pending"]), (&json!("W/\"1-31\""), &json!(3)));
    // It is ours, so that it is no malformed header, and it never matches.
    let put = with(request("PUT", ITEM, Some(json!({}))), "if-match", "W/\"1-31\"");
    api.send(put).await.problem(412, "precondition-failed");
}

#[tokio::test]
async fn who_has_the_version_already_is_not_sent_it_again() {
    let api = Api::new();
    api.put(ITEM, json!({})).await;
    let get = |tag: &str| with(request("GET", ITEM, None), "if-none-match", tag);
    for tag in ["\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"] {
        let answer = api.send(get(tag)).await;
        assert_eq!((answer.status.as_u16(), answer.bytes.len()), (304, 0), "{tag}");
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.header("tidemark-pending"), Some("0"));
    }
    for tag in ["\"2\"", "\"1-3\"", "1", ""] {
        assert_eq!(api.send(get(tag)).await.status.as_u16(), 200, "{tag}");
    }
    let twice = with(get("\"0\""), "if-none-match", "\"1\"");
    assert_eq!(api.send(twice).await.status.as_u16(), 304);
    *api.border.waiting.lock().unwrap() = 31;
    assert_eq!(api.send(get("\"1\"")).await.status.as_u16(), 200);
    assert_eq!(api.send(get("W/\"1-31\"")).await.status.as_u16(), 304);
    // What is not there is not there, whatever the caller has.
    let gone = "/v1/mailboxes/m-1/appointments/gone";
    let gone = api.send(with(request("GET", gone, None), "if-none-match", "*")).await;
    gone.problem(404, "not-found");
}

#[tokio::test]
async fn items_and_history_come_in_pages() {
    let api = Api::new();
    for id in ["1", "2", "3"] {
        api.put(&format!("/v1/mailboxes/m-1/appointments/{id}"), json!({"n": id})).await;
    }
    let list = "/v1/mailboxes/m-1/appointments";
    assert_eq!(
        api.get(&format!("{list}?limit=2")).await.json(),
        json!({
            "items": [
                {"id": "1", "etag": "\"1\"", "pending": 0, "item": {"n": "1"}},
                {"id": "2", "etag": "\"1\"", "pending": 0, "item": {"n": "2"}}
            ],
            "next": "2"
        })
    );
    assert_eq!(
        api.get(&format!("{list}?after=2&limit=")).await.json(),
        json!({
            "items": [{"id": "3", "etag": "\"1\"", "pending": 0, "item": {"n": "3"}}],
            "next": null
        })
    );
    let history = api.get(&format!("{list}/1/history?after=&limit=5")).await;
    assert_eq!(
        history.json(),
        json!({
            "history": [{
                "at": "2026-03-01T08:00:00Z",
                "actor": "business",
                "decision": "written",
                "reason": "only the business system changed it",
                "revision": 1
            }],
            "next": null
        })
    );
}

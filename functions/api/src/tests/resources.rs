use tidemark_service::border::HoldChoice;

use super::fake::HOLD;
use super::*;

#[tokio::test]
async fn mailboxes_are_listed_with_their_state() {
    let api = Api::new();
    let list = api.get("/v1/mailboxes").await;
    assert_eq!(list.status, StatusCode::OK);
    let alex = json!({
        "id": "m-1",
        "address": "alex@tidemark.example",
        "aliases": ["a.lex@tidemark.example"],
        "system": "crm",
        "connection": "onprem",
        "enabled": true,
        "state": "synced",
        "firstCopyItems": 12,
        "firstCopy": {
            "phase": "done",
            "items": 12,
            "total": 12,
            "text": "Everything was copied: 12 items."
        },
        "lag": {
            "seconds": 0,
            "changes": 0,
            "moreChanges": false,
            "notices": 0,
            "since": null,
            "nextAttempt": null,
            "lastHeard": "2026-03-01T07:58:00Z",
            "text": "Nothing waits."
        },
        "lastSynced": "2026-03-01T08:00:00Z",
        "dirty": false,
        "errors": []
    });
    assert_eq!(list.json()["mailboxes"][0], alex);
    assert_eq!(list.json()["mailboxes"][1]["lastSynced"], Value::Null);
    assert_eq!(
        list.json()["mailboxes"][1]["errors"],
        json!([{
            "code": "access-denied",
            "text": "the service account may not impersonate: grant the role",
            "since": "2026-03-01T07:00:00Z"
        }])
    );
    assert_eq!(list.json()["next"], Value::Null);
    let page = api.get("/v1/mailboxes?limit=1").await.json();
    assert_eq!(page["next"], "m-1");
    assert_eq!(api.get("/v1/mailboxes/ALEX%40tidemark.example").await.json(), alex);
    let nobody = api.get("/v1/mailboxes/nobody@tidemark.example").await;
    nobody.problem(404, "not-found");
}

#[tokio::test]
async fn what_a_mailbox_costs_is_told_part_by_part() {
    let api = Api::new();
    let answer = api.get("/v1/mailboxes/alex@tidemark.example/cost").await;
    assert_eq!(answer.status, StatusCode::OK);
    let cost = answer.json();
    assert_eq!(cost["cents"], 63.0, "{cost:#}");
    assert_eq!(cost["centsPerMonth"], 126.0);
    let writes = cost["parts"].as_array().unwrap().iter().find(|it| it["what"] == "table-writes");
    let expected = json!({
        "what": "table-writes",
        "quantity": 1_000_000.0,
        "unit": "write request units",
        "cents": 62.5
    });
    assert_eq!(writes, Some(&expected));
    assert_eq!(cost["exchangeRequests"], 3);
    let cap = json!({"centsPerMonth": "2.5", "usedCentsPerMonth": 3.0, "exceeded": true});
    assert_eq!((&cost["cap"], &cost["sweepMinutes"]), (&cap, &json!(120)));
    assert!(cost["prices"]["date"].is_string(), "{cost:#}");
    api.get("/v1/mailboxes/nobody@tidemark.example/cost").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_mailbox_is_switched_off_and_on() {
    let api = Api::new();
    for enabled in [false, true] {
        let patch = request("PATCH", "/v1/mailboxes/M-1", Some(json!({"enabled": enabled})));
        let answer = api.send(patch).await;
        assert_eq!((answer.status, &answer.json()["enabled"]), (StatusCode::OK, &json!(enabled)));
    }
    let alex = || "alex@tidemark.example".to_owned();
    assert_eq!(*api.border.switched.lock().unwrap(), [(alex(), false), (alex(), true)]);
    for wrong in [json!([]), json!({"enabled": "yes"}), json!({"enabled": true, "x": 1})] {
        let patch = request("PATCH", "/v1/mailboxes/m-1", Some(wrong));
        api.send(patch).await.problem(422, "invalid");
    }
}

#[tokio::test]
async fn a_mailbox_is_synced_on_demand_without_a_body() {
    let api = Api::new();
    let path = "/v1/mailboxes/a.lex@tidemark.example/sync";
    let answer = api.send(request("POST", path, None)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json(), json!({"status": "queued"}));
    assert_eq!(*api.border.synced.lock().unwrap(), ["alex@tidemark.example"]);
}

#[tokio::test]
async fn a_webhook_is_made_paused_resumed_replayed_and_removed() {
    let api = Api::new();
    let url = "https://business.example/hook";
    let made = api.post("/v1/webhooks", json!({"url": url})).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let body = made.json();
    assert_eq!(body["secret"], "whsec_c2VjcmV0");
    assert_eq!(body["url"], url);
    let webhook = format!("/v1/webhooks/{}", body["id"].as_str().unwrap());

    let all = api.get("/v1/webhooks").await.json();
    assert_eq!(
        all,
        json!({
            "webhooks": [{
                "id": body["id"],
                "url": url,
                "paused": false,
                "pauseReason": null,
                "failures": 0,
                "nextAttempt": null,
                "created": "2026-03-01T08:00:00Z"
            }],
            "next": null
        })
    );
    for (action, paused) in [("pause", true), ("resume", false)] {
        let path = format!("{webhook}/{action}");
        let answer = api.send(request("POST", &path, None)).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json()["paused"], paused);
    }
    let replay = format!("{webhook}/replay");
    for (body, after) in [
        (json!({"after": "c-9"}), Some("c-9".to_owned())),
        (json!({"after": null}), None),
        (json!({}), None),
    ] {
        assert_eq!(api.post(&replay, body).await.status, StatusCode::ACCEPTED);
        assert_eq!(api.border.pages.lock().unwrap().pop(), Some((after, 0)));
    }
    let removed = api.send(request("DELETE", &webhook, None)).await;
    assert_eq!((removed.status.as_u16(), removed.bytes.len()), (204, 0));
    let again = api.send(request("DELETE", &webhook, None)).await;
    again.problem(404, "not-found");
    let no_uuid = api.send(request("POST", "/v1/webhooks/x/pause", None)).await;
    no_uuid.problem(404, "not-found");
}

#[tokio::test]
async fn commands_have_a_fixed_form_and_answers_repeat_nothing_of_them() {
    let api = Api::new();
    let webhook = format!("/v1/webhooks/{}/replay", uuid::Uuid::nil());
    let hold = format!("/v1/holds/{HOLD}");
    for (path, body, pointer) in [
        ("/v1/webhooks", json!({}), ""),
        ("/v1/webhooks", json!({"url": 54321}), "/url"),
        ("/v1/webhooks", json!({"url": "https://x", "sekrit": "sekrit"}), "/sekrit"),
        ("/v1/webhooks", json!({"url": "https://x", "a@b": "sekrit"}), ""),
        ("/v1/webhooks", json!(["sekrit"]), ""),
        ("/v1/webhooks", json!(null), ""),
        (&webhook, json!({"after": 54321}), "/after"),
        (&hold, json!({"choice": "sekrit"}), "/choice"),
        (&hold, json!({"choice": ["send"]}), "/choice"),
    ] {
        let answer = api.post(path, body.clone()).await;
        let problem = answer.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
        let text = problem.to_string().replace("\"/sekrit\"", "");
        assert!(!text.contains("sekrit") && !text.contains("54321"), "{text}");
    }
}

#[tokio::test]
async fn a_person_decides_about_what_waits() {
    let api = Api::new();
    assert_eq!(
        api.get("/v1/holds").await.json(),
        json!({
            "holds": [{
                "id": HOLD,
                "mailbox": "alex@tidemark.example",
                "item": null,
                "why": "brake-deletes",
                "text": "more than 50 deletes in an hour",
                "people": 0,
                "choices": ["send", "without-attendees"],
                "since": "2026-03-01T08:00:00Z"
            }],
            "next": null
        })
    );
    let details = api.get(&format!("/v1/holds/{HOLD}")).await.json();
    assert_eq!((&details["why"], &details["id"]), (&json!("brake-deletes"), &json!(HOLD)));
    assert_eq!(
        details["preview"],
        json!({
            "changes": 60,
            "more": false,
            "deletes": 60,
            "mails": 2,
            "items": [{"id": "crm-1", "action": "delete", "people": 2}]
        })
    );
    for choice in ["send", "without-attendees", "discard", "pair", "gone"] {
        let path = format!("/v1/holds/{HOLD}");
        let answer = api.post(&path, json!({"choice": choice})).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
    }
    assert_eq!(
        *api.border.decided.lock().unwrap(),
        [
            HoldChoice::Send,
            HoldChoice::WithoutAttendees,
            HoldChoice::Discard,
            HoldChoice::Pair,
            HoldChoice::Gone,
        ]
    );
    let other = format!("/v1/holds/{}", uuid::Uuid::nil());
    let unknown = api.post(&other, json!({"choice": "send"})).await;
    unknown.problem(404, "not-found");
}

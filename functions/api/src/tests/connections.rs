use super::fake::CONNECTION;
use super::*;

const CONNECTIONS: &str = "/v1/connections";

fn one() -> String {
    format!("{CONNECTIONS}/{CONNECTION}")
}

fn head_office() -> Value {
    json!({
        "name": "Head office",
        "url": "https://mail.example/EWS/Exchange.asmx",
        "account": "CORP\\svc",
        "password": "Passw0rd!"
    })
}

#[tokio::test]
async fn a_connection_is_made_changed_and_never_shows_its_password() {
    let api = Api::new();
    let made = api.post(CONNECTIONS, head_office()).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let shown = json!({
        "id": CONNECTION,
        "name": "Head office",
        "protocol": "ews",
        "url": "https://mail.example/EWS/Exchange.asmx",
        "account": "CORP\\svc",
        "impersonate": true,
        "extraCa": [],
        "confirmedCertificate": null,
        "enabled": true,
        "appointments": true,
        "notifications": "push",
        "serverVersion": null,
        "waitUntil": null,
        "errors": [],
        "created": "2026-03-01T08:00:00Z"
    });
    assert_eq!(made.json(), shown);
    let all = api.get(CONNECTIONS).await.json();
    assert_eq!(all, json!({"connections": [shown], "next": null}));

    let change = json!({"enabled": false, "password": "N3w!"});
    let changed = api.send(request("PATCH", &one(), Some(change))).await;
    assert_eq!(changed.json()["enabled"], false);
    assert_eq!(*api.border.passwords.lock().unwrap(), ["Passw0rd!", "N3w!"]);
    let got = api.get(&one()).await;
    assert_eq!((got.status, &got.json()["enabled"]), (StatusCode::OK, &json!(false)));
    api.get("/v1/connections/x").await.problem(404, "not-found");
}

#[tokio::test]
async fn null_takes_the_authorities_away_and_absence_leaves_them() {
    let api = Api::new();
    api.post(CONNECTIONS, head_office()).await;
    for body in [json!({}), json!({"extraCa": null}), json!({"extraCa": "PEM"})] {
        let answer = api.send(request("PATCH", &one(), Some(body))).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    let taken = api.border.authorities.lock().unwrap().clone();
    assert_eq!(taken, ["left", "taken away", "replaced"]);
}

#[tokio::test]
async fn e8_a_certificate_is_looked_at_confirmed_and_forgotten() {
    let api = Api::new();
    api.post(CONNECTIONS, head_office()).await;
    let certificate = format!("{}/certificate", one());
    let seen = api.get(&certificate).await.json();
    assert_eq!((&seen["trusted"], &seen["confirmed"]), (&json!(false), &Value::Null));
    assert_eq!(seen["certificate"]["sha256"], "AB:CD");
    assert_eq!(seen["certificate"]["selfSigned"], true);
    let confirm = request("PUT", &certificate, Some(json!({"sha256": "AB:CD"})));
    let confirmed = api.send(confirm).await;
    assert_eq!(confirmed.json()["confirmedCertificate"], "AB:CD");
    assert_eq!(api.get(&certificate).await.json()["trusted"], true);
    let forgotten = api.send(request("DELETE", &certificate, None)).await;
    assert_eq!(forgotten.json()["confirmedCertificate"], Value::Null);
}

#[tokio::test]
async fn bad_forms_name_the_member_and_repeat_no_password() {
    let api = Api::new();
    for (member, value) in [
        ("password", json!(12345)),
        ("url", json!(null)),
        ("notifications", json!("sekrit")),
        ("impersonate", json!("sekrit")),
        ("sekrit", json!(1)),
    ] {
        let mut body = head_office();
        body[member] = value;
        let problem = api.post(CONNECTIONS, body).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{member}"));
        let text = problem.to_string().replace("/sekrit", "");
        assert!(!text.contains("Passw0rd") && !text.contains("sekrit"), "{text}");
    }
    assert!(api.border.passwords.lock().unwrap().is_empty());
}

#[tokio::test]
async fn n2_mailboxes_are_moved_and_the_move_is_shown() {
    let api = Api::new();
    api.post(CONNECTIONS, head_office()).await;
    let path = format!("{}/move", one());
    let to = super::fake::HOLD;
    let named = api.post(&path, json!({"to": to, "mailboxes": ["a@tidemark.example"]})).await;
    assert_eq!(named.status, StatusCode::ACCEPTED);
    assert_eq!(named.json(), json!({"moving": 1, "more": false}));
    assert_eq!(api.post(&path, json!({"to": to})).await.json()["moving"], 7);
    api.post(&path, json!({"mailboxes": []})).await.problem(422, "invalid");
    let unknown = format!("{CONNECTIONS}/{to}/move");
    api.post(&unknown, json!({"to": to})).await.problem(404, "not-found");

    let shown = api.get("/v1/mailboxes/alex@tidemark.example/move").await.json();
    assert_eq!(shown["phase"], "done");
    assert_eq!((&shown["from"], &shown["to"]), (&json!(CONNECTION), &json!(to)));
    assert_eq!(shown["items"]["translated"], 3);
    assert_eq!(shown["items"]["byUid"], 1);
    assert_eq!(shown["untranslated"], Value::Null);
}

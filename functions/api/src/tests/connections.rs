use super::fake::CONNECTION;
use super::fake::HOLD;
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
        "graph": null,
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

fn cloud() -> Value {
    json!({
        "name": "Exchange Online",
        "graph": {
            "tenant": "contoso.onmicrosoft.com",
            "client": "6f1c2d3e-0000-4000-8000-1a2b3c4d5e6f",
            "cloud": "us-government",
            "credential": {"secret": "s3cret~value", "secretEnds": "2027-06-01T00:00:00Z"},
            "applicationObject": "00000000-0000-4000-8000-00000000000b",
            "richNotifications": true
        }
    })
}

#[tokio::test]
async fn w8_an_application_is_entered_and_its_secret_never_comes_back() {
    let api = Api::new();
    let made = api.post(CONNECTIONS, cloud()).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let shown = json!({
        "tenant": "contoso.onmicrosoft.com",
        "client": "6f1c2d3e-0000-4000-8000-1a2b3c4d5e6f",
        "cloud": "us-government",
        "credentials": [{"kind": "secret", "ends": "2027-06-01T00:00:00Z", "made": false}],
        "applicationObject": "00000000-0000-4000-8000-00000000000b",
        "renewsCredentials": false,
        "richNotifications": true
    });
    let answer = made.json();
    assert_eq!((&answer["protocol"], &answer["url"]), (&json!("graph"), &Value::Null));
    assert_eq!(answer["graph"], shown);
    assert_eq!(*api.border.passwords.lock().unwrap(), ["s3cret~value"]);
    let credentials = api.get(&format!("{}/credentials", one())).await;
    assert_eq!(credentials.json()["credentials"][0]["pem"], "-----BEGIN CERTIFICATE-----");

    for (body, what) in [
        (json!({"richNotifications": false}), "left"),
        (json!({"secondCredential": null}), "taken out"),
        (json!({"credential": {"makeCertificate": true}}), "entered"),
    ] {
        let answer = api.send(request("PATCH", &one(), Some(json!({ "graph": body })))).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(api.border.graph_changes.lock().unwrap().pop(), Some(what));
    }
}

#[tokio::test]
async fn an_application_in_a_bad_form_is_named_by_member() {
    let api = Api::new();
    let cases = [
        ("/graph/credential/secret", json!(5), "/graph/credential/secret"),
        ("/graph/credential/secretEnds", json!("soon"), "/graph/credential/secretEnds"),
        ("/graph/colour", json!("blue"), "/graph/colour"),
        ("/graph/tenant", json!(null), "/graph/tenant"),
        ("/url", json!("https://mail.example/EWS/Exchange.asmx"), "/url"),
        ("/graph", json!(null), "/url"),
    ];
    for (place, value, named) in cases {
        let mut body = cloud();
        let (parent, member) = place.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[member] = value;
        let problem = api.post(CONNECTIONS, body).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], named, "{place}");
    }
    assert!(api.border.passwords.lock().unwrap().is_empty());
}

/// The structs that describe the form are not those that read it: this holds them together.
#[tokio::test]
async fn the_document_has_exactly_the_members_that_are_read() {
    let api = Api::new();
    let document = api.get("/openapi.json").await.json();
    let members = |schema: &str| -> Vec<String> {
        let properties = &document["components"]["schemas"][schema]["properties"];
        properties.as_object().unwrap().keys().cloned().collect()
    };
    let credential = json!({
        "certificate": null, "key": null, "secret": null, "secretEnds": null,
        "makeCertificate": true, "awsFederation": false
    });
    let whole = json!({
        "tenant": "t", "client": "c", "cloud": "china", "credential": credential,
        "secondCredential": null, "applicationObject": null, "renewCredentials": false,
        "richNotifications": false
    });
    let sorted = |value: &Value| {
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    for (schema, taken) in
        [("GraphSettings", &whole), ("GraphChange", &whole), ("CredentialSettings", &credential)]
    {
        let mut described = members(schema);
        described.sort();
        assert_eq!(described, sorted(taken), "{schema}");
    }
    let made = api.post(CONNECTIONS, json!({ "name": "n", "graph": whole })).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let changed = api.send(request("PATCH", &one(), Some(json!({ "graph": whole })))).await;
    assert_eq!(changed.status, StatusCode::OK);
}

#[tokio::test]
async fn n2_mailboxes_are_moved_and_the_move_is_shown() {
    let api = Api::new();
    api.post(CONNECTIONS, head_office()).await;
    let path = format!("{}/move", one());
    let to = HOLD;
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

#[tokio::test]
async fn n2_moves_are_listed_and_withdrawn() {
    let api = Api::new();
    let first = api.get("/v1/moves?limit=1").await.json();
    assert_eq!(first["moves"].as_array().unwrap().len(), 1);
    assert_eq!(first["moves"][0]["phase"], "asked");
    assert_eq!(first["moves"][0]["switched"], Value::Null);
    let after = first["next"].as_str().unwrap();
    let last = api.get(&format!("/v1/moves?limit=1&after={after}")).await.json();
    assert_eq!(last["next"], Value::Null);
    assert_ne!(last["moves"][0]["mailbox"], first["moves"][0]["mailbox"]);

    let path = "/v1/mailboxes/alex@tidemark.example/move";
    let withdrawn = api.send(request("DELETE", path, None)).await;
    assert_eq!(withdrawn.status, StatusCode::NO_CONTENT);
    let late = tidemark_service::border::Refusal::Conflict(
        "the mailbox goes on over the new connection already".to_owned(),
    );
    *api.border.refusal.lock().unwrap() = Some(late);
    api.send(request("DELETE", path, None)).await.problem(409, "conflict");
}

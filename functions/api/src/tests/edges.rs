use tidemark_jscalendar::{INPUT_BYTES_MAX, Problem};
use tidemark_service::border::{Refusal, Role};

use super::*;

/// One request to every route that needs a key.
fn guarded_routes() -> Vec<Request<Body>> {
    let webhook = "/v1/webhooks/00000000-0000-0000-0000-000000000064";
    let hold = "/v1/holds/00000000-0000-0000-0000-000000000007";
    let connection = "/v1/connections/00000000-0000-0000-0000-000000000008";
    vec![
        request("GET", "/v1/mailboxes", None),
        request("GET", "/v1/mailboxes/m-1", None),
        request("PATCH", "/v1/mailboxes/m-1", Some(json!({"enabled": true}))),
        request("POST", "/v1/mailboxes/m-1/sync", None),
        request("GET", "/v1/mailboxes/m-1/appointments", None),
        request("PUT", ITEM, Some(json!({}))),
        request("PATCH", ITEM, Some(json!({}))),
        request("GET", ITEM, None),
        request("DELETE", ITEM, None),
        request("GET", &format!("{ITEM}/history"), None),
        request("GET", "/v1/changes", None),
        request("POST", "/v1/webhooks", Some(json!({"url": "https://x"}))),
        request("GET", "/v1/webhooks", None),
        request("DELETE", webhook, None),
        request("POST", &format!("{webhook}/pause"), None),
        request("POST", &format!("{webhook}/resume"), None),
        request("POST", &format!("{webhook}/replay"), Some(json!({}))),
        request("GET", "/v1/connections", None),
        request(
            "POST",
            "/v1/connections",
            Some(json!({"name": "n", "url": "https://x", "account": "a", "password": "p"})),
        ),
        request("GET", connection, None),
        request("PATCH", connection, Some(json!({}))),
        request("GET", &format!("{connection}/certificate"), None),
        request("PUT", &format!("{connection}/certificate"), Some(json!({"sha256": "0"}))),
        request("DELETE", &format!("{connection}/certificate"), None),
        request("GET", "/v1/holds", None),
        request("GET", hold, None),
        request("POST", hold, Some(json!({"choice": "send"}))),
    ]
}

#[tokio::test]
async fn every_route_but_the_public_ones_needs_a_key() {
    let api = Api::new();
    let batch = request("POST", "/v1/batch", Some(json!([])));
    for mut request in guarded_routes().into_iter().chain([batch]) {
        request.headers_mut().remove("authorization");
        let answer = api.send(request).await;
        answer.problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    // Who has no key learns nothing of kinds or forms either.
    let tasks = Request::get("/v1/mailboxes/m-1/tasks/1").body(Body::empty());
    api.send(tasks.unwrap()).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn keys_come_as_one_bearer_token() {
    let api = Api::new();
    for (header, status) in [
        ("Bearer key-of-alpha", 200),
        ("bearer  key-of-alpha ", 200),
        ("Bearer key-of-alph", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Basic key-of-alpha", 401),
        ("key-of-alpha", 401),
        (&format!("Bearer {}", "k".repeat(8193)), 401),
        ("Bearer ü", 401),
    ] {
        let mut request = request("GET", "/v1/mailboxes", None);
        request.headers_mut().remove("authorization");
        let answer = api.send(with(request, "authorization", header)).await;
        assert_eq!(answer.status.as_u16(), status, "{header}");
    }
    let twice = request("GET", "/v1/mailboxes", None);
    let twice = api.send(with(twice, "authorization", "Bearer x")).await;
    twice.problem(401, "unauthenticated");
}

#[tokio::test]
async fn every_refusal_is_a_problem_on_every_route() {
    let api = Api::new();
    let retry = Duration::from_millis(1_001);
    let refusals = [
        (Refusal::Unauthenticated, 401, "unauthenticated", None),
        (Refusal::Forbidden(Role::Integrator), 403, "forbidden", None),
        (Refusal::NotFound { what: "webhook" }, 404, "not-found", None),
        (Refusal::OtherSystem, 403, "other-system", None),
        (Refusal::NoSystem, 403, "no-system", None),
        (Refusal::Deleted { what: "appointment", in_exchange: true }, 404, "deleted", None),
        (Refusal::InvalidCursor { parameter: "after" }, 400, "malformed-request", None),
        (Refusal::PreconditionFailed, 412, "precondition-failed", None),
        (Refusal::ChangesWait, 412, "precondition-failed", None),
        (Refusal::IdempotencyMismatch, 422, "idempotency-mismatch", None),
        (Refusal::CursorExpired, 410, "cursor-expired", None),
        (Refusal::Conflict("it is paused: resume it".to_owned()), 409, "conflict", None),
        (Refusal::TooMany(retry), 429, "too-many-requests", Some("2")),
        (Refusal::TooMany(Duration::ZERO), 429, "too-many-requests", Some("1")),
        (Refusal::Unavailable, 503, "unavailable", Some("2")),
        (Refusal::Internal, 500, "internal", None),
    ];
    for (refusal, status, kind, retry_after) in refusals {
        *api.border.refusal.lock().unwrap() = Some(refusal.clone());
        for request in guarded_routes() {
            let answer = api.send(request).await;
            let problem = answer.problem(status, kind);
            assert_eq!(problem["detail"], refusal.to_string());
            assert_eq!(answer.header("retry-after"), retry_after);
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_item_is_named_with_its_mend() {
    let api = Api::new();
    *api.border.refusal.lock().unwrap() = Some(Refusal::Invalid(vec![Problem {
        pointer: "/start".to_owned(),
        rule: "is not a local date-time".to_owned(),
        mend: "a date-time as 2026-03-02T09:00:00".to_owned(),
    }]));
    let problem = api.put(ITEM, json!({"start": 1})).await.problem(422, "invalid");
    assert_eq!(
        problem["errors"],
        json!([{
            "pointer": "/start",
            "detail": "is not a local date-time",
            "mend": "a date-time as 2026-03-02T09:00:00"
        }])
    );
}

#[tokio::test]
async fn bodies_are_json_and_say_so() {
    let api = Api::new();
    let put = |content_type: Option<&str>, body: Vec<u8>| {
        let mut request = request("PUT", ITEM, None);
        *request.body_mut() = Body::from(body);
        match content_type {
            Some(text) => with(request, "content-type", text),
            None => request,
        }
    };
    for good in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/jscalendar+json;type=event",
        "application/merge-patch+json",
    ] {
        let answer = api.send(put(Some(good), b"{}".to_vec())).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{good}");
    }
    let others = ["text/plain", "application/jsonx", "text/x+json", "", "ü"];
    for bad in others.into_iter().map(Some).chain([None]) {
        let answer = api.send(put(bad, b"{}".to_vec())).await;
        answer.problem(415, "unsupported-media-type");
    }
    let malformed = api.send(put(Some("application/json"), b"{\n \"sekrit\": }".to_vec())).await;
    let problem = malformed.problem(400, "malformed-json");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.ends_with("line 2, column 12"), "{detail}");
    assert!(!detail.contains("sekrit"));
    for bytes in [b"".to_vec(), b"\xff".to_vec(), b"{} {}".to_vec()] {
        let answer = api.send(put(Some("application/json"), bytes)).await;
        answer.problem(400, "malformed-json");
    }
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let answer = api.send(put(Some("application/json"), deep)).await;
    answer.problem(400, "malformed-json");
    let list = api.send(put(Some("application/json"), b"[]".to_vec())).await;
    list.problem(422, "invalid");
}

#[tokio::test]
async fn bodies_are_bounded_to_the_byte() {
    let api = Api::new();
    let body = |bytes: usize| {
        let mut request = request("PUT", ITEM, Some(json!({})));
        let padding = " ".repeat(bytes - 2);
        *request.body_mut() = Body::from(format!("{{}}{padding}"));
        request
    };
    let most = api.send(body(INPUT_BYTES_MAX)).await;
    assert_eq!(most.status, StatusCode::ACCEPTED);
    let over = api.send(body(INPUT_BYTES_MAX + 1)).await;
    over.problem(413, "payload-too-large");
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let api = Api::new();
    for path in ["/v1", "/v2/mailboxes", "/v1/mailboxes/m-1/appointments/1/2", "//"] {
        api.get(path).await.problem(404, "unknown-route");
    }
    let post = api.send(request("POST", ITEM, Some(json!({})))).await;
    post.problem(405, "method-not-allowed");
    let allow: Vec<&str> = post.header("allow").unwrap().split(',').collect();
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        assert!(allow.contains(&method), "{allow:?}");
    }
}

#[tokio::test]
async fn a_panic_is_a_problem_and_tells_nothing() {
    let api = Api::new();
    let answer = api.put("/v1/mailboxes/m-1/appointments/panic", json!({})).await;
    let problem = answer.problem(500, "internal");
    assert!(!problem.to_string().contains("secret content"));
}

#[tokio::test]
async fn request_ids_are_taken_over_if_they_are_short_tokens() {
    let api = Api::new();
    let longest = "r".repeat(64);
    for id in ["4bf92f35-77b3.4da6_A", longest.as_str()] {
        let request = with(request("GET", "/health", None), "x-request-id", id);
        assert_eq!(api.send(request).await.header("x-request-id"), Some(id));
    }
    for id in ["", "two words", "alex@tidemark.example", &"r".repeat(65)] {
        let request = with(request("GET", "/health", None), "x-request-id", id);
        let answer = api.send(request).await;
        let made = uuid::Uuid::try_parse(answer.header("x-request-id").unwrap());
        assert_eq!(made.unwrap().get_version_num(), 7);
    }
}

#[tokio::test]
async fn the_public_routes_need_no_key_and_show_no_data() {
    let api = Api::new();
    let open = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let page = api.send(open("/")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let text = String::from_utf8(page.bytes).unwrap();
    assert!(text.contains(env!("CARGO_PKG_VERSION")));
    assert!(text.contains("href=\"/openapi.json\"") && text.contains("href=\"/health\""));
    assert!(!text.contains("<script") && !text.contains("style") && !text.contains('@'));

    let health = api.send(open("/health")).await;
    assert_eq!(health.status, StatusCode::OK);
    assert_eq!(health.json(), json!({"status": "ok"}));
    *api.border.unwell.lock().unwrap() = Some("the simulator does not listen".to_owned());
    let unwell = api.send(open("/health")).await.problem(503, "unavailable");
    assert_eq!(unwell["detail"], "the simulator does not listen");
    let head = api.send(request("HEAD", "/health", None)).await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (503, 0));
}

#[tokio::test]
async fn one_line_per_request_names_the_route_and_no_person() {
    let api = Api::new();
    log::take();
    let put = request("PUT", ITEM, Some(json!({"title": "sekrit"})));
    api.send(with(put, "x-request-id", "r-1")).await;
    api.get("/v1/mailboxes/nobody@tidemark.example/appointments?after=sekrit").await;
    api.get("/alex@tidemark.example").await;
    api.send(request("SEKRIT", ITEM, None)).await;
    let text = log::take();
    let lines: Vec<&str> = text.lines().collect();
    let route = "/v1/mailboxes/{mailbox}/{kind}/{id}";
    assert!(lines[0].contains(&format!("PUT {route} answered 202 in 5 ms")));
    for field in [
        "http.method=\"PUT\"",
        "http.status=202",
        "duration_ms=5",
        "key.id=\"k1\"",
        "request.id=\"r-1\"",
    ] {
        assert!(lines[0].contains(field), "{field} in {}", lines[0]);
    }
    assert!(lines[1].contains("GET /v1/mailboxes/{mailbox}/{kind} answered 404"));
    assert!(lines[2].contains("GET (no route) answered 404"));
    assert!(lines[3].contains(&format!("(other) {route} answered 405")));
    assert_eq!(lines.len(), 4);
    let lower = text.to_lowercase();
    for secret in ["tidemark.example", "sekrit", KEY] {
        assert!(!lower.contains(secret), "{secret}");
    }
}

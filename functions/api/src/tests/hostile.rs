//! Whatever is sent, there is an answer, and it is never an accident.

use std::sync::LazyLock;

use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::*;

/// One API for all cases: making the OpenAPI document for each would take most of the time.
static SERVED: LazyLock<(Runtime, Api)> =
    LazyLock::new(|| (Builder::new_current_thread().build().unwrap(), Api::new()));

fn segments() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("v1".to_owned()),
        Just("mailboxes".to_owned()),
        Just("m-1".to_owned()),
        Just("appointments".to_owned()),
        Just("sync".to_owned()),
        Just("batch".to_owned()),
        Just("changes".to_owned()),
        Just("webhooks".to_owned()),
        Just("holds".to_owned()),
        "[a-zA-Z0-9@.+~!$&'()*,;=:-]{0,12}",
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| {
            let encoded = bytes.iter().map(|byte| format!("%{byte:02X}"));
            encoded.collect::<Vec<_>>().concat()
        }),
    ]
}

fn paths() -> impl Strategy<Value = String> {
    let free = proptest::collection::vec(segments(), 0..7);
    let known = prop_oneof![
        segments().prop_map(|id| format!("/v1/mailboxes/m-1/appointments/{id}")),
        Just("/v1/batch".to_owned()),
        Just("/v1/webhooks".to_owned()),
        "[a-z0-9=&%]{0,20}".prop_map(|query| format!("/v1/changes?{query}")),
    ];
    prop_oneof![free.prop_map(|parts| format!("/{}", parts.join("/"))), known]
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..64),
        "[\\[\\]{}\":,0-9a-z. ]{0,64}".prop_map(String::into_bytes),
        paths().prop_map(|path| {
            let batch = json!([{"method": "PUT", "path": path, "body": {}}]);
            batch.to_string().into_bytes()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_input_is_an_accident(
        method in prop_oneof![Just("GET"), Just("PUT"), Just("PATCH"), Just("POST"), Just("DELETE")],
        path in paths(),
        body in bodies(),
        header in prop_oneof![Just("if-match"), Just("idempotency-key"), Just("x-request-id")],
        value in proptest::collection::vec(0x20u8..=0x7e, 0..40),
    ) {
        let Ok(uri) = path.parse::<http::Uri>() else {
            return Ok(());
        };
        let mut request = request(method, "/", Some(json!({})));
        *request.uri_mut() = uri;
        *request.body_mut() = Body::from(body);
        let value = String::from_utf8(value).unwrap();
        let request = with(request, header, &value);
        // A real wait would hang: the fake waits until something changes.
        let (runtime, api) = &*SERVED;
        api.border.change.notify_one();
        let answer = runtime.block_on(api.send(request));
        prop_assert!(answer.status.as_u16() < 500, "{}", answer.status);
        prop_assert!(answer.header("x-request-id").is_some());
        if answer.status.is_client_error() {
            prop_assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
    }
}

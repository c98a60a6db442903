//! The OpenAPI document: complete, and the one that was agreed.

use super::*;
use crate::openapi::document::document as openapi_document;

/// Where the agreed document stands.
const AGREED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

/// Set this variable to write the agreed document anew.
const UPDATE: &str = "TIDEMARK_UPDATE_OPENAPI";

fn document() -> Value {
    serde_json::to_value(openapi_document()).unwrap()
}

/// Every operation with its path and method.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(|(method, operation)| (path.clone(), method.clone(), operation.clone()))
        })
        .collect()
}

#[test]
fn the_document_is_the_agreed_one() {
    let text = openapi_document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(AGREED, &text).unwrap();
    }
    let agreed = std::fs::read_to_string(AGREED).unwrap();
    assert!(
        agreed == text,
        "the interface changed: look at it, then run the tests with {UPDATE}=1"
    );
}

#[tokio::test]
async fn the_document_is_served() {
    let api = Api::new();
    let served = Request::get("/openapi.json").body(Body::empty()).unwrap();
    let served = api.send(served).await;
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.json(), document());
    assert_eq!(served.json()["openapi"], "3.1.0");
}

#[test]
fn every_operation_has_its_problems_and_needs_a_key() {
    let document = document();
    assert_eq!(document["security"], json!([{"bearer": []}]));
    let scheme = &document["components"]["securitySchemes"]["bearer"];
    assert_eq!(scheme["scheme"], "bearer");
    let operations = operations(&document);
    assert_eq!(operations.len(), 54);
    for (path, method, operation) in operations {
        let responses = operation["responses"].as_object().unwrap();
        let public = ["/", "/health"].contains(&path.as_str());
        assert_eq!(responses.contains_key("401"), !public, "{method} {path}");
        assert_eq!(operation.get("security").is_some(), public, "{path}");
        let body = operation.get("requestBody").is_some();
        assert_eq!(responses.contains_key("415"), body, "{method} {path}");
        for (status, response) in responses {
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/problem+json"]["schema"];
                assert_eq!(schema["$ref"], "#/components/schemas/Problem", "{path}");
            }
        }
    }
}

#[test]
fn the_kinds_in_paths_are_those_that_are_synced() {
    let synced = format!("^({})$", Kind::ALL.map(Kind::plural).join("|"));
    let mut seen = 0;
    for (path, method, operation) in operations(&document()) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let schema = &parameter["schema"];
            assert!(schema["type"].is_string(), "{method} {path}: {parameter}");
            if parameter["name"] == "kind" {
                assert_eq!(schema["pattern"], synced, "{method} {path}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 6);
}

#[test]
fn the_document_says_how_long_keys_are_remembered() {
    let hours = format!("for {} hours", tidemark_service::border::IDEMPOTENCY_HOURS);
    let document = document();
    let keys: Vec<Value> = operations(&document)
        .iter()
        .filter_map(|(_, _, operation)| operation["parameters"].as_array().cloned())
        .flatten()
        .filter(|parameter| parameter["name"] == "Idempotency-Key")
        .collect();
    assert_eq!(keys.len(), 3);
    for key in keys {
        assert!(key["description"].as_str().unwrap().contains(&hours), "{key}");
    }
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    let pointer = target.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{target}");
                }
                members.values().for_each(|member| check(member, document));
            }
            Value::Array(entries) => entries.iter().for_each(|entry| check(entry, document)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document();
    check(&document, &document);
}

#[tokio::test]
async fn every_documented_operation_is_served() {
    let api = Api::new();
    for (path, method, _) in operations(&document()) {
        let filled = path
            .replace("{mailbox}", "m-1")
            .replace("{kind}", "appointments")
            .replace("{id}", "1")
            .replace("{system}", "1");
        let answer = api.send(request(&method.to_uppercase(), &filled, None)).await;
        assert_ne!(answer.status.as_u16(), 405, "{method} {path}");
        if answer.status == StatusCode::NOT_FOUND {
            answer.problem(404, "not-found");
        }
    }
}

#[test]
fn no_two_kinds_of_problems_share_a_type() {
    let types: std::collections::BTreeSet<&str> =
        crate::problem::ProblemKind::ALL.iter().map(|kind| kind.urn()).collect();
    assert_eq!(types.len(), crate::problem::ProblemKind::ALL.len());
}

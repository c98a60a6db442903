//! The export: every page from where the one before ended, until all was shown.

use std::collections::BTreeMap;

use tidemark_service::border::Refusal;

use super::*;

/// The whole export, and of how many pages it was.
async fn exported(api: &Api) -> (Vec<Value>, usize) {
    let (mut rows, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = api.get(&format!("/v1/export?after={after}")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.json());
        let page = page.json();
        rows.extend(page["rows"].as_array().unwrap().clone());
        pages += 1;
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return (rows, pages),
        }
    }
}

fn kinds(rows: &[Value]) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for row in rows {
        *kinds.entry(row["kind"].as_str().unwrap()).or_default() += 1;
    }
    kinds
}

#[tokio::test]
async fn everything_that_is_shown_is_exported_once() {
    let api = Api::new();
    for id in 0..150 {
        let path = format!("/v1/mailboxes/m-1/appointments/{id:03}");
        let body = json!({"@type": "Event", "title": format!("Item {id}")});
        assert_eq!(api.put(&path, body).await.status, StatusCode::ACCEPTED);
    }
    let (rows, pages) = exported(&api).await;
    assert!(pages > 1);
    let kinds = kinds(&rows);
    for kind in ["organisation", "system", "key", "hold", "activity", "history", "change"] {
        assert!(kinds.get(kind).is_some_and(|count| *count > 0), "{kind}: {kinds:?}");
    }
    assert_eq!((kinds["mailbox"], kinds["organisation"]), (2, 1));
    let items: Vec<_> = rows.iter().filter(|row| row["kind"] == "appointment").collect();
    assert_eq!(items.len(), 150);
    assert!(items.iter().all(|row| row["mailbox"] == items[0]["mailbox"]));
    let mut ids: Vec<_> = items.iter().map(|row| row["item"].as_str().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 150);
    assert_eq!(items[7]["value"]["item"]["title"], "Item 7");
}

#[tokio::test]
async fn a_place_that_is_none_is_refused() {
    let api = Api::new();
    for after in ["x", "e30", "eyJhdCI6Im5vd2hlcmUifQ"] {
        let answer = api.get(&format!("/v1/export?after={after}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{after}");
    }
    *api.border.refusal.lock().unwrap() = Some(Refusal::Unavailable);
    assert_eq!(api.get("/v1/export").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_shutdown_says_how_far_it_has_come() {
    let api = Api::new();
    let first = api.send(request("POST", "/v1/organisation/shutdown", None)).await.json();
    assert_eq!((&first["ended"], &first["next"]), (&json!(1), &json!("m-1")));
    let path = "/v1/organisation/shutdown?after=m-1";
    assert_eq!(api.send(request("POST", path, None)).await.json()["next"], Value::Null);
}

#[tokio::test]
async fn a_start_from_a_backup_says_what_it_woke() {
    let api = Api::new();
    let started = api.send(request("POST", "/v1/organisation/restored", None)).await.json();
    assert_eq!(started, json!({"mailboxes": 2, "retired": 1, "next": null}));
}

use super::*;
use crate::events::{Answer, build_answer, build_delete, build_get};
use crate::request::{EventId, UserKey};
use crate::root::Cloud;

fn user() -> UserKey {
    UserKey::parse("a@tidemark.example").expect("a name")
}

fn id(text: &str) -> EventId {
    EventId::new(text).expect("an id")
}

fn three() -> Batch {
    let mut batch = Batch::default();
    assert_eq!(batch.push(build_get(&user(), &id("x"))), Ok(0));
    assert_eq!(batch.push_after(build_delete(&user(), &id("y"), "k"), 0), Ok(1));
    let answer = build_answer(&user(), &id("z"), Answer::Accept, true);
    assert_eq!(batch.push(answer), Ok(2));
    batch
}

#[test]
fn every_part_asks_for_immutable_ids_and_names_no_version() {
    let request = three().build();
    assert_eq!(request.url(&Cloud::Global.root()), "https://graph.microsoft.com/v1.0/$batch");
    let parts = request.body().expect("a body")["requests"].as_array().expect("parts").clone();
    let ids: Vec<_> = parts.iter().map(|part| part["id"].as_str().expect("an id")).collect();
    assert_eq!(ids, ["0", "1", "2"]);
    for part in &parts {
        assert_eq!(part["headers"]["Prefer"], "IdType=\"ImmutableId\"");
        let url = part["url"].as_str().expect("a URL");
        assert!(url.starts_with("/users/a%40tidemark.example/"), "{url}");
    }
    let (read, delete, answer) = (&parts[0], &parts[1], &parts[2]);
    assert!(read.get("body").is_none() && read.get("dependsOn").is_none());
    assert_eq!(delete["headers"]["If-Match"], "W/\"k\"");
    assert_eq!(delete["dependsOn"], json!(["0"]));
    assert_eq!(answer["headers"]["Content-Type"], "application/json");
    assert_eq!(answer["body"]["sendResponse"], true);
}

#[test]
fn answers_in_any_order_find_their_places() {
    let body = br#"{"responses":[
        {"id":"1","status":429,"headers":{"retry-after":"12"},
         "body":{"error":{"code":"TooManyRequests"}}},
        {"id":"0","status":200,"headers":{"Content-Type":"application/json"},"body":{"id":"x"}}]}"#;
    let answers = three().read(body).expect("answers");
    let read = answers[0].as_ref().expect("an answer");
    assert_eq!((read.status, read.body.as_slice()), (200, br#"{"id":"x"}"#.as_slice()));
    let throttled = answers[1].as_ref().expect("an answer");
    assert_eq!((throttled.status, throttled.retry_after.as_deref()), (429, Some("12")));
}

#[test]
fn what_has_no_answer_or_a_broken_one_costs_only_itself() {
    let body = br#"{"responses":[{"id":"1","status":204},{"id":"7","status":200},7,
        {"id":"0","status":99999}]}"#;
    let answers = three().read(body).expect("answers");
    assert_eq!(answers[0], Err(Unreadable::Unexpected));
    assert_eq!(answers[1].as_ref().map(|answer| (answer.status, answer.body.len())), Ok((204, 0)));
    assert_eq!(
        three().read(b"{\"responses\":[]}").expect("none"),
        vec![Err(Unreadable::Unexpected); 3]
    );
    assert_eq!(three().read(b"{}"), Err(Unreadable::Unexpected));
}

#[test]
fn a_batch_has_its_limits() {
    let mut batch = Batch::default();
    for _ in 0..BATCH_REQUESTS_MAX {
        batch.push(build_delete(&user(), &id("x"), "k")).expect("room");
    }
    assert_eq!(batch.push(build_get(&user(), &id("x"))), Err(BatchError::Full));
    let mut batch = Batch::default();
    assert_eq!(batch.push_after(build_get(&user(), &id("x")), 0), Err(BatchError::Order));
    let link = Cloud::Global.root().link("https://graph.microsoft.com/v1.0/x").expect("a link");
    assert_eq!(batch.push(GraphRequest::follow(&link)), Err(BatchError::Link));
    assert!(batch.is_empty());
}

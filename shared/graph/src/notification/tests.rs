use proptest::collection::vec;
use proptest::{prop_assert, proptest};

use super::*;

/// As the change-notifications-delivery-webhooks page shows it, with the casing of the service.
const CHANGE: &str = r##"{"id":"lsgTZMr9KwAAA","subscriptionId":"2f1e6a7c",
  "subscriptionExpirationDateTime":"2026-11-28T22:00:00Z","clientState":"state",
  "changeType":"updated","tenantId":"84bd8158","resource":"Users/8a7c/Events/AAkALg=",
  "resourceData":{"@odata.type":"#Microsoft.Graph.Event","@odata.id":"Users/8a7c/Events/AAkALg=",
  "@odata.etag":"W/\"DwAAABYA\"","id":"AAkALg="}}"##;

fn read(entries: &str) -> Notifications {
    read_notifications(format!("{{\"value\":[{entries}],\"validationTokens\":null}}").as_bytes())
        .expect("a post")
}

fn only(entries: &str) -> Notification {
    let mut found = read(entries).entries;
    assert_eq!(found.len(), 1);
    found.remove(0).expect("an entry")
}

#[test]
fn a_change_names_its_item_exactly() {
    let found = only(CHANGE);
    assert_eq!(found.subscription_id, "2f1e6a7c");
    assert_eq!(found.client_state.as_ref().map(Token::as_str), Some("state"));
    assert_eq!(found.tenant_id.as_deref(), Some("84bd8158"));
    assert_eq!(found.expires_at.map(|at| at.to_string()).as_deref(), Some("2026-11-28T22:00:00Z"));
    let News::Change(change) = found.news else { panic!("a change") };
    assert_eq!(change.change, ChangeType::Updated);
    assert_eq!(change.user.as_deref(), Some("8a7c"));
    assert_eq!(change.item.as_deref(), Some("AAkALg="));
    assert_eq!(change.etag.as_deref(), Some("W/\"DwAAABYA\""));
    assert_eq!(change.content, None);
}

#[test]
fn a_deletion_without_data_names_its_item_by_the_resource() {
    let entry =
        r#"{"subscriptionId":"s","changeType":"deleted","resource":"/users/U/EVENTS/AbC="}"#;
    let News::Change(change) = only(entry).news else { panic!("a change") };
    assert_eq!(change.change, ChangeType::Deleted);
    assert_eq!((change.user.as_deref(), change.item.as_deref()), (Some("U"), Some("AbC=")));
}

#[test]
fn each_event_of_a_subscriptions_life_is_told() {
    for (word, event) in [
        ("reauthorizationRequired", LifecycleEvent::ReauthorizationRequired),
        ("subscriptionRemoved", LifecycleEvent::SubscriptionRemoved),
        ("missed", LifecycleEvent::Missed),
        ("somethingOfNextYear", LifecycleEvent::Unrecognised),
    ] {
        let entry = format!("{{\"subscriptionId\":\"s\",\"lifecycleEvent\":\"{word}\"}}");
        assert_eq!(only(&entry).news, News::Lifecycle(event));
    }
}

#[test]
fn a_mixed_post_keeps_each_entrys_error_apart() {
    let missed = r#"{"subscriptionId":"other","lifecycleEvent":"missed","tenantId":"t"}"#;
    let long =
        format!("{{\"subscriptionId\":\"{}\",\"changeType\":\"updated\"}}", "x".repeat(4000));
    let state = "x".repeat(129);
    let state = format!(
        "{{\"subscriptionId\":\"s\",\"changeType\":\"updated\",\"clientState\":\"{state}\"}}"
    );
    let twice = r#"{"subscriptionId":"s","subscriptionId":"t","changeType":"updated"}"#;
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let entries = [
        CHANGE,
        "7",
        "null",
        "{}",
        &long,
        &state,
        twice,
        &deep,
        "{\"subscriptionId\":\"s\"}",
        missed,
    ];
    let found = read(&entries.join(",")).entries;
    let outcomes: Vec<bool> = found.iter().map(Result::is_ok).collect();
    assert_eq!(outcomes, [true, false, false, false, false, false, false, false, false, true]);
}

#[test]
fn an_unknown_change_is_one_nevertheless() {
    let entry = r#"{"subscriptionId":"s","changeType":"archived","resource":7,"resourceData":[]}"#;
    let News::Change(change) = only(entry).news else { panic!("a change") };
    assert_eq!((change.change, change.item), (ChangeType::Unrecognised, None));
}

#[test]
fn a_post_may_hold_nothing_and_not_too_much() {
    assert!(read("").entries.is_empty());
    let many = vec!["{}"; NOTIFICATIONS_MAX + 1].join(",");
    let found = read(&many);
    assert_eq!((found.entries.len(), found.overflows), (NOTIFICATIONS_MAX, true));
    let large = vec![b' '; NOTIFICATION_BYTES_MAX + 1];
    assert_eq!(read_notifications(&large), Err(Unreadable::TooLarge));
    for (body, error) in [
        ("", Unreadable::NoJson),
        ("<x>", Unreadable::NoJson),
        ("[]", Unreadable::Unexpected),
        ("{}", Unreadable::Unexpected),
        ("{\"value\":{}}", Unreadable::Unexpected),
    ] {
        assert_eq!(read_notifications(body.as_bytes()), Err(error), "{body}");
    }
    let nested = format!("{{\"value\":[{}", "[".repeat(200));
    assert_eq!(read_notifications(nested.as_bytes()), Err(Unreadable::NoJson));
}

#[test]
fn resource_data_comes_with_its_tokens_and_is_not_shown() {
    let body = r#"{"validationTokens":["secret.jwt",7],"value":[{"subscriptionId":"s",
        "changeType":"updated","encryptedContent":{"data":"ZGF0YQ==","dataKey":"a2V5",
        "dataSignature":"c2ln","encryptionCertificateId":"key-1",
        "encryptionCertificateThumbprint":"x"}}]}"#;
    let found = read_notifications(body.as_bytes()).expect("a post");
    let tokens: Vec<_> = found.validation_tokens.iter().map(Token::as_str).collect();
    assert_eq!(tokens, ["secret.jwt"]);
    let shown = format!("{found:?}");
    assert!(!shown.contains("secret") && !shown.contains("ZGF0"), "{shown}");
    let Ok(Notification { news: News::Change(change), .. }) = &found.entries[0] else {
        panic!("a change")
    };
    assert_eq!(change.content.as_ref().map(|it| it.certificate_id.as_str()), Some("key-1"));
}

proptest! {
    /// The sender is anonymous: nothing that it posts may end the reader, or make one entry of two.
    #[test]
    fn whatever_is_posted_is_read_or_refused(
        entries in vec("[ -~]{0,40}|\\{\"subscriptionId\":\"s\",\"changeType\":\"updated\"\\}", 0..6),
        cut in 0usize..400,
    ) {
        let body = format!("{{\"value\":[{}]}}", entries.join(","));
        if let Ok(found) = read_notifications(body.as_bytes()) {
            let good = r#"{"subscriptionId":"s","changeType":"updated"}"#;
            let expected = entries.iter().filter(|entry| entry.as_str() == good).count();
            prop_assert!(found.entries.iter().flatten().count() >= expected);
        }
        let _ = read_notifications(body.as_bytes().get(..cut).unwrap_or_default());
    }
}

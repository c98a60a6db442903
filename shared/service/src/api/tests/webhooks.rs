use super::*;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tidemark_store::Secrets as _;
use tidemark_store::records::EndpointId;

const URL: &str = "https://erp.example.com/hook";
const GONE: Refusal = Refusal::NotFound { what: "webhook" };

async fn deliver(stage: &Stage, id: Uuid) -> Vec<String> {
    let id = EndpointId::new(id);
    stage.service.deliveries().deliver_due(&organisation(), id, Timestamp::MAX).await.unwrap();
    stage
        .webhooks
        .take_bodies()
        .iter()
        .map(|body| serde_json::from_str::<Value>(body).unwrap()["number"].to_string())
        .collect()
}

#[tokio::test]
async fn a_webhook_begins_at_the_present_and_shows_its_secret_once() {
    let stage = Stage::new().await;
    stage.tell(&scope(1), system(), 1).await;
    let (view, secret) = stage.service.create_webhook(&ours(), URL).await.unwrap();
    assert!(secret.starts_with("whsec_"));
    assert_eq!((view.url.as_str(), view.paused, view.failures), (URL, false, 0));
    let name = format!("webhooks/{}/{}", organisation(), view.id);
    assert_eq!(stage.secrets.get(&name).await.unwrap().unwrap().expose_secret(), secret);
    let listed = stage.service.webhooks(&ours()).await.unwrap();
    assert_eq!(listed, vec![view.clone()]);
    stage.tell(&scope(1), system(), 2).await;
    assert_eq!(deliver(&stage, view.id).await, ["\"2\""]);
}

#[tokio::test]
async fn urls_roles_and_too_many_are_refused() {
    let stage = Stage::new().await;
    let create = async |url: &str| stage.service.create_webhook(&ours(), url).await.map(|_| ());
    for url in ["http://erp.example.com/", "https://user:secret@erp.example.com/", "/hook"] {
        assert_eq!(pointers(create(url).await), ["/url"], "{url}");
    }
    let operator = stage.service.create_webhook(&caller(Role::Operator), URL).await;
    assert_eq!(operator.map(|_| ()), Err(Refusal::Forbidden(Role::Integrator)));
    for _ in 0..20 {
        create(URL).await.unwrap();
    }
    assert!(matches!(create(URL).await, Err(Refusal::Conflict(_))));
    stage.service.create_webhook(&theirs(), URL).await.unwrap();
}

#[tokio::test]
async fn another_systems_webhook_is_not_there() {
    let stage = Stage::new().await;
    let (view, _) = stage.service.create_webhook(&ours(), URL).await.unwrap();
    let (service, them) = (&stage.service, theirs());
    assert_eq!(service.webhooks(&them).await.unwrap(), Vec::new());
    assert_eq!(service.delete_webhook(&them, view.id).await, Err(GONE));
    assert_eq!(service.pause_webhook(&them, view.id, true).await, Err(GONE));
    assert_eq!(service.replay_webhook(&them, view.id, None).await, Err(GONE));
    service.delete_webhook(&ours(), view.id).await.unwrap();
    assert_eq!(service.delete_webhook(&ours(), view.id).await, Err(GONE));
    assert_eq!(service.webhooks(&ours()).await.unwrap(), Vec::new());
}

#[tokio::test]
async fn what_happens_during_a_pause_is_delivered_after_it() {
    let stage = Stage::new().await;
    let (view, _) = stage.service.create_webhook(&ours(), URL).await.unwrap();
    let pause = async |paused| stage.service.pause_webhook(&ours(), view.id, paused).await.unwrap();
    assert!(pause(true).await.paused);
    stage.tell(&scope(1), system(), 1).await;
    assert!(deliver(&stage, view.id).await.is_empty());
    let resumed = pause(false).await;
    assert_eq!((resumed.paused, resumed.pause_reason), (false, None));
    assert_eq!(deliver(&stage, view.id).await, ["\"1\""]);
}

#[tokio::test]
async fn a_pause_keeps_the_reason_that_was_there_before() {
    let stage = Stage::new().await;
    let (view, _) = stage.service.create_webhook(&ours(), URL).await.unwrap();
    let id = EndpointId::new(view.id);
    let mut row = stage.service.records.endpoint(&organisation(), id).await.unwrap().unwrap();
    row.value.paused = Some("it failed for 3 days".to_owned());
    let records = &stage.service.records;
    records.save_endpoint(&organisation(), &row.value, Some(row.revision)).await.unwrap();
    let pause = async |paused| {
        let view = stage.service.pause_webhook(&ours(), view.id, paused).await.unwrap();
        view.pause_reason
    };
    let both = Some("it failed for 3 days; paused through the API".to_owned());
    assert_eq!(pause(true).await, both);
    assert_eq!(pause(true).await, both);
    assert_eq!(pause(false).await, None);
    assert_eq!(pause(true).await.as_deref(), Some("paused through the API"));
}

#[tokio::test]
async fn a_replay_delivers_again_what_comes_after_its_cursor() {
    let stage = Stage::new().await;
    let start = stage.service.changes(&ours(), None, 10, core::time::Duration::ZERO).await;
    let start = start.unwrap().cursor;
    stage.tell(&scope(1), system(), 1).await;
    stage.tell(&scope(1), system(), 2).await;
    let (view, _) = stage.service.create_webhook(&ours(), URL).await.unwrap();
    let replay =
        async |after: Option<&str>| stage.service.replay_webhook(&ours(), view.id, after).await;
    replay(Some(&start)).await.unwrap();
    assert_eq!(deliver(&stage, view.id).await, ["\"1\"", "\"2\""]);
    // Without one, from the first entry that is kept.
    replay(None).await.unwrap();
    assert_eq!(deliver(&stage, view.id).await, ["\"1\"", "\"2\""]);
    assert!(deliver(&stage, view.id).await.is_empty());
    assert_eq!(pointers(replay(Some("nonsense")).await), ["/after"]);
}

#[tokio::test]
async fn a_replay_from_before_retention_is_refused_and_moves_nothing() {
    let stage = Stage::new().await;
    let start = stage.service.changes(&ours(), None, 10, core::time::Duration::ZERO).await;
    let start = start.unwrap().cursor;
    stage.tell(&scope(1), system(), 1).await;
    stage.clock.advance(SignedDuration::from_hours(24 * 31));
    let (view, _) = stage.service.create_webhook(&ours(), URL).await.unwrap();
    let answer = stage.service.replay_webhook(&ours(), view.id, Some(&start)).await;
    assert_eq!(answer, Err(Refusal::CursorExpired));
    stage.tell(&scope(1), system(), 2).await;
    assert_eq!(deliver(&stage, view.id).await, ["\"2\""]);
}

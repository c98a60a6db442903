use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tidemark_identity::{Claims, TokenSource as _};
use tidemark_store::records::{Cloud, CredentialKind, GraphAccess, GraphCredential, Protocol};
use tidemark_transport::{HttpPort, HttpRequest, HttpResponse, TransportError};

use super::rotation::EntraAuthority;
use super::*;
use crate::testing::{Stage, connection_id, organisation};

/// A token service by script of statuses and bodies.
#[derive(Clone, Default)]
struct Authority {
    script: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3600,"access_token":"tok"}"#;
const EXPIRED: &str = r#"{"error":"invalid_client","error_codes":[7000222]}"#;
const UNKNOWN: &str = r#"{"error":"unauthorized_client","error_codes":[700016]}"#;

#[async_trait]
impl HttpPort for Authority {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        self.asked.lock().unwrap().push(String::from_utf8(request.body.to_vec()).unwrap());
        let (status, body) = self.script.lock().unwrap().pop_front().expect("foreseen");
        Ok(HttpResponse { status, headers: http::HeaderMap::new(), body: Bytes::from(body) })
    }
}

struct Desk {
    stage: Stage,
    authority: Authority,
    refresher: Refresher,
}

impl Desk {
    /// A desk whose connection speaks Graph with these credentials.
    async fn new(credentials: Vec<GraphCredential>) -> Self {
        let stage = Stage::new().await;
        let authority = Authority::default();
        let service = &stage.service;
        let http: Arc<dyn HttpPort> = Arc::new(authority.clone());
        let tokens = Tokens::new(
            Arc::clone(&service.records),
            Arc::clone(&service.secrets),
            Arc::new(move |_: Option<&str>| Ok(Arc::clone(&http))),
            service.world.clone(),
        );
        let tokens = Arc::new(tokens);
        let http: Arc<dyn HttpPort> = Arc::new(authority.clone());
        let refresher = Refresher {
            records: Arc::clone(&service.records),
            authority: Arc::new(EntraAuthority {
                tokens: Arc::clone(&tokens),
                connect: Arc::new(move |_: Option<&str>| Ok(Arc::clone(&http))),
                world: service.world.clone(),
            }),
            tokens,
            versions: None,
            exchange: None,
            world: service.world.clone(),
        };
        let desk = Self { stage, authority, refresher };
        let access = GraphAccess {
            tenant: "contoso.example".to_owned(),
            client: "00000000-0000-4000-8000-000000000002".to_owned(),
            cloud: Cloud::Global,
            credentials,
            application_object: None,
            renews: false,
            rich_notifications: false,
        };
        desk.change(|row| row.protocol = Protocol::Graph(access)).await;
        desk
    }

    async fn row(&self) -> Document<ConnectionRow> {
        let records = &self.stage.service.records;
        records.connection(&organisation(), connection_id()).await.unwrap().unwrap()
    }

    async fn change(&self, change: impl FnOnce(&mut ConnectionRow)) {
        let Document { mut value, revision } = self.row().await;
        change(&mut value);
        let records = &self.stage.service.records;
        records.save_connection(&organisation(), &value, Some(revision)).await.unwrap();
    }

    fn will(&self, answers: impl IntoIterator<Item = (u16, &'static str)>) {
        self.authority.script.lock().unwrap().extend(answers);
    }

    async fn codes(&self) -> Vec<String> {
        let row = self.row().await.value;
        row.troubles.into_iter().map(|trouble| trouble.code).collect()
    }
}

fn secret(name: &str, expires_at: Option<Timestamp>) -> GraphCredential {
    GraphCredential {
        kind: CredentialKind::Secret { secret_name: name.to_owned() },
        expires_at,
        made_at: None,
    }
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

#[tokio::test]
async fn every_enabled_connection_over_graph_gets_its_token_ahead_of_time() {
    let desk = Desk::new(vec![secret("one", None)]).await;
    desk.stage.put_secret("one", "s3cret").await;
    desk.will([(200, TOKEN)]);
    let report = desk.refresher.refresh().await;
    assert_eq!(report, RefreshReport { connections: 1, renewed: 1, ..RefreshReport::default() });
    let report = desk.refresher.refresh().await;
    assert_eq!(report, RefreshReport { connections: 1, ..RefreshReport::default() });
    desk.stage.clock.advance(SignedDuration::from_secs(2881));
    desk.will([(200, TOKEN)]);
    assert_eq!(desk.refresher.refresh().await.renewed, 1);
    desk.change(|row| row.enabled = false).await;
    assert_eq!(desk.refresher.refresh().await, RefreshReport::default());
    assert_eq!(desk.authority.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_an_administrator_has_to_mend_stands_at_the_connection_until_it_is() {
    let desk = Desk::new(vec![secret("one", None)]).await;
    let report = desk.refresher.refresh().await;
    assert_eq!((report.failed, report.errors), (1, 0));
    assert_eq!(desk.codes().await, ["token-credential-missing"]);
    desk.stage.put_secret("one", "s3cret").await;
    desk.stage.clock.advance(SignedDuration::from_mins(1));
    desk.will([(401, UNKNOWN)]);
    desk.refresher.refresh().await;
    let row = desk.row().await.value;
    assert_eq!(row.troubles[0].code, "token-AADSTS700016");
    assert!(row.troubles[0].mend.contains("consent"), "{}", row.troubles[0].mend);
    let since = row.troubles[0].since;
    // Nobody asks again within the minute, and the trouble keeps its beginning.
    desk.stage.clock.advance(SignedDuration::from_secs(59));
    desk.refresher.refresh().await;
    assert_eq!(desk.row().await.value.troubles[0].since, since);
    desk.stage.clock.advance(SignedDuration::from_secs(1));
    desk.will([(200, TOKEN)]);
    desk.refresher.refresh().await;
    assert!(desk.codes().await.is_empty());
}

#[tokio::test]
async fn two_credentials_overlap_and_the_refused_one_is_named() {
    let desk = Desk::new(vec![secret("old", None), secret("new", None)]).await;
    desk.stage.put_secret("old", "old-secret").await;
    desk.stage.put_secret("new", "new-secret").await;
    desk.will([(401, EXPIRED), (200, TOKEN)]);
    assert_eq!(desk.refresher.refresh().await.renewed, 1);
    assert_eq!(desk.codes().await, ["credential-first-refused"]);
    assert!(desk.authority.asked.lock().unwrap()[1].contains("new-secret"));
    // It stays as long as nothing newer is known.
    desk.refresher.refresh().await;
    assert_eq!(desk.codes().await, ["credential-first-refused"]);
    // The administrator takes the old one out.
    desk.change(|row| {
        let Protocol::Graph(access) = &mut row.protocol else { panic!("it speaks Graph") };
        access.credentials.remove(0);
    })
    .await;
    desk.stage.clock.advance(SignedDuration::from_secs(2881));
    desk.will([(200, TOKEN)]);
    desk.refresher.refresh().await;
    assert!(desk.codes().await.is_empty());
}

#[tokio::test]
async fn the_end_of_a_credential_is_said_at_60_30_14_and_7_days() {
    let start = Stage::new().await.clock;
    let end = tidemark_transport::Clock::now(&start) + days(61);
    let desk = Desk::new(vec![secret("one", Some(end))]).await;
    desk.stage.put_secret("one", "s3cret").await;
    let mut said = Vec::new();
    for _ in 0..=62 {
        desk.will([(200, TOKEN)]);
        desk.refresher.refresh().await;
        let codes = desk.codes().await;
        if said.last() != Some(&codes) {
            said.push(codes);
        }
        desk.stage.clock.advance(days(1));
    }
    let code = |text: &str| vec![text.to_owned()];
    assert_eq!(
        said,
        [
            vec![],
            code("credential-ends-1-within-60-days"),
            code("credential-ends-1-within-30-days"),
            code("credential-ends-1-within-14-days"),
            code("credential-ends-1-within-7-days"),
            code("credential-ended-1"),
        ]
    );
}

#[tokio::test]
async fn other_troubles_of_a_connection_are_left_alone() {
    let desk = Desk::new(vec![secret("one", None)]).await;
    desk.stage.put_secret("one", "s3cret").await;
    let other = Trouble {
        code: "webhook-unreachable".to_owned(),
        cause: String::new(),
        mend: String::new(),
        since: desk.stage.service.world.now(),
    };
    desk.change(|row| row.troubles.push(other.clone())).await;
    desk.will([(200, TOKEN)]);
    desk.refresher.refresh().await;
    assert_eq!(desk.row().await.value.troubles, [other]);
}

#[tokio::test]
async fn settings_that_cannot_work_say_what_to_mend() {
    let desk = Desk::new(vec![secret("one", None)]).await;
    desk.stage.put_secret("one", "s3cret").await;
    let changes: [fn(&mut GraphAccess); 3] = [
        |access| access.tenant = "common".to_owned(),
        |access| access.client = "my app".to_owned(),
        |access| {
            let graph = "http://graph.example".to_owned();
            access.cloud = Cloud::Other { authority: graph.clone(), graph };
        },
    ];
    for change in changes {
        let before = desk.row().await.value.protocol;
        desk.change(|row| {
            let Protocol::Graph(access) = &mut row.protocol else { panic!("it speaks Graph") };
            change(access);
        })
        .await;
        desk.refresher.refresh().await;
        assert_eq!(desk.codes().await, ["token-connection-settings"]);
        desk.change(|row| row.protocol = before).await;
    }
    assert!(desk.authority.asked.lock().unwrap().is_empty());
}

/// A server says what the next token has to have; it is asked for with that, and the one after it
/// without.
#[tokio::test]
async fn a_claims_challenge_is_answered_once() {
    let other = r#"{"token_type":"Bearer","expires_in":3600,"access_token":"other"}"#;
    let desk = Desk::new(vec![secret("one", None)]).await;
    desk.stage.put_secret("one", "s3cret").await;
    desk.will([(200, TOKEN), (200, other), (200, TOKEN)]);
    let row = desk.row().await.value;
    let source = desk.refresher.tokens.source(&organisation(), &row).unwrap();
    let challenge = r#"Bearer error="insufficient_claims", claims="e30=""#;
    let mut headers = http::HeaderMap::new();
    headers.insert("www-authenticate", challenge.parse().unwrap());
    let first = source.token().await.unwrap();
    source.refused_for(&first, Claims::of_challenge(&headers)).await;
    let second = source.token().await.unwrap();
    assert_eq!(second.expose(), "other");
    desk.stage.clock.advance(SignedDuration::from_mins(5));
    source.refused_for(&second, None).await;
    source.token().await.unwrap();
    let asked = desk.authority.asked.lock().unwrap();
    let with: Vec<bool> = asked.iter().map(|form| form.contains("claims=%7B%7D")).collect();
    assert_eq!(with, [false, true, false]);
}

/// Whatever breaks off, the next pass goes on; what the file or a person entered stays as it is.
#[tokio::test]
async fn a_credential_is_replaced_only_where_that_was_asked_for_and_its_time_has_come() {
    let desk = Desk::new(vec![secret("one", None)]).await;
    desk.stage.put_secret("one", "s3cret").await;
    let now = desk.stage.service.world.now();
    desk.will([(200, TOKEN)]);
    for (renews, end) in [(false, Some(now + days(5))), (true, None), (true, Some(now + days(31)))]
    {
        desk.change(|row| {
            let Protocol::Graph(access) = &mut row.protocol else { panic!("it speaks Graph") };
            access.renews = renews;
            access.application_object = Some("00000000-0000-4000-8000-00000000000b".to_owned());
            access.credentials[0].expires_at = end;
        })
        .await;
        desk.refresher.refresh().await;
        let row = desk.row().await.value;
        assert_eq!(row.graph().unwrap().credentials.len(), 1, "{renews} {end:?}");
    }
}

use serde_json::json;
use uuid::Uuid;

use super::stage::*;
use crate::records::*;

fn row(protocol: Protocol) -> ConnectionRow {
    ConnectionRow {
        id: ConnectionId::new(Uuid::from_u128(7)),
        name: "Exchange".to_owned(),
        protocol,
        extra_ca_pem: None,
        confirmed_fingerprint: None,
        enabled: true,
        appointments: true,
        notifications: Notifications::Push,
        server_version: None,
        wait_until: None,
        troubles: Vec::new(),
        fence: Fence::default(),
        created_at: at(0),
    }
}

fn over_ews() -> ConnectionRow {
    row(Protocol::Ews(EwsAccess {
        url: "https://mail.example/EWS/Exchange.asmx".to_owned(),
        account: "svc".to_owned(),
        secret_name: "connections/7/password".to_owned(),
        impersonate: true,
        password: None,
    }))
}

fn over_graph(kind: CredentialKind, cloud: Cloud) -> ConnectionRow {
    row(Protocol::Graph(GraphAccess {
        tenant: "contoso.example".to_owned(),
        client: "00000000-0000-4000-8000-000000000002".to_owned(),
        cloud,
        credentials: vec![GraphCredential { kind, expires_at: Some(at(60)), made_at: None }],
        application_object: None,
        renews: false,
        rich_notifications: false,
    }))
}

#[tokio::test]
async fn a_connection_of_either_protocol_is_read_as_it_was_saved() {
    let (records, _, _) = stage().await;
    let secret_name = "connections/7/credential".to_owned();
    let other = Cloud::Other {
        authority: "http://127.0.0.1:8481".to_owned(),
        graph: "http://127.0.0.1:8481/graph".to_owned(),
    };
    let rows = [
        over_ews(),
        over_graph(CredentialKind::Certificate { secret_name: secret_name.clone() }, Cloud::Global),
        over_graph(CredentialKind::Secret { secret_name }, other),
        over_graph(CredentialKind::AwsFederation, Cloud::UsGovernmentDod),
    ];
    let mut revision = None;
    for row in rows {
        let saved = records.save_connection(&organisation(), &row, revision).await.unwrap();
        let read = records.connection(&organisation(), row.id).await.unwrap().unwrap();
        assert_eq!(read.value, row);
        assert_eq!(row.ews().is_some(), row.graph().is_none());
        revision = Some(saved);
    }
}

#[test]
fn a_row_from_before_there_was_a_second_protocol_reads_as_ews() {
    let before = json!({
        "id": "00000000-0000-0000-0000-000000000007",
        "name": "Exchange",
        "url": "https://mail.example/EWS/Exchange.asmx",
        "account": "svc",
        "secret_name": "connections/7/password",
        "impersonate": true,
        "extra_ca_pem": null,
        "confirmed_fingerprint": null,
        "enabled": true,
        "appointments": true,
        "notifications": "push",
        "server_version": null,
        "wait_until": null,
        "created_at": at(0),
    });
    assert_eq!(serde_json::from_value::<ConnectionRow>(before).unwrap(), over_ews());
}

#[test]
fn debug_shows_the_protocol_and_nothing_of_whom() {
    let graph = over_graph(CredentialKind::AwsFederation, Cloud::Global);
    let shown = format!("{graph:?} {:?}", over_ews());
    assert!(shown.contains("aws-federation") && shown.contains("Ews"), "{shown}");
    for word in ["contoso", "00000000-0000-4000", "mail.example", "svc", "password"] {
        assert!(!shown.contains(word), "{word} in {shown}");
    }
}

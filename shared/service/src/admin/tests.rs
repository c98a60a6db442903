use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tidemark_model::{OrganisationId, SystemId};
use tidemark_store::Secrets as _;
use tidemark_store::records::{ConnectionId, ConnectionRow, Notifications, Role};

use super::*;
use crate::testing::Stage;

fn organisation() -> OrganisationId {
    OrganisationId::parse("globex").unwrap()
}

fn erp() -> SystemId {
    SystemId::parse("erp").unwrap()
}

fn new_organisation() -> NewOrganisation {
    NewOrganisation {
        id: organisation(),
        name: " Globex ".to_owned(),
        domains: vec!["Globex.Example".to_owned()],
        allowed_networks: vec!["10.0.0.0/8".to_owned()],
    }
}

fn new_connection() -> NewConnection {
    NewConnection {
        name: "On premises".to_owned(),
        url: "https://mail.globex.example/EWS/Exchange.asmx".to_owned(),
        account: "GLOBEX\\svc".to_owned(),
        password: SecretString::from("first"),
        impersonate: true,
        extra_ca_pem: None,
        notifications: Notifications::Push,
    }
}

fn new_key(key: Option<&str>, roles: &[Role]) -> NewApiKey {
    NewApiKey {
        system: erp(),
        label: "nightly".to_owned(),
        roles: roles.to_vec(),
        key: key.map(SecretString::from),
    }
}

fn new_mailbox(address: &str, connection: ConnectionId) -> NewMailbox {
    NewMailbox {
        address: address.to_owned(),
        aliases: [address.replace('@', ".alias@")].into(),
        connection,
        system: erp(),
        profile: None,
        time_zone: Some("Europe/Berlin".to_owned()),
    }
}

async fn set_up() -> (Stage, ConnectionRow) {
    let stage = Stage::new().await;
    let service = &stage.service;
    service.create_organisation(&new_organisation()).await.unwrap();
    service.create_system(&organisation(), &erp(), "ERP").await.unwrap();
    let connection = service.create_connection(&organisation(), &new_connection()).await.unwrap();
    (stage, connection)
}

/// The field that a refusal names.
fn field_of(error: AdminError) -> String {
    match error {
        AdminError::Invalid { field, .. }
        | AdminError::Taken { field, .. }
        | AdminError::NotFound { field, .. } => field,
        other => panic!("no field: {other}"),
    }
}

#[tokio::test]
async fn what_is_set_up_twice_is_refused_or_found_again() {
    let (stage, connection) = set_up().await;
    let service = &stage.service;
    let taken = service.create_organisation(&new_organisation()).await.unwrap_err();
    assert!(matches!(taken, AdminError::Taken { .. }), "{taken}");
    let taken = service.create_system(&organisation(), &erp(), "ERP").await.unwrap_err();
    assert!(matches!(taken, AdminError::Taken { .. }), "{taken}");
    let taken = service.create_connection(&organisation(), &new_connection()).await.unwrap_err();
    assert!(matches!(taken, AdminError::Taken { .. }), "{taken}");

    let row = service.ensure_organisation(&new_organisation()).await.unwrap();
    assert_eq!((row.name.as_str(), row.domains), ("Globex", vec!["globex.example".to_owned()]));
    service.ensure_system(&organisation(), &erp(), "The ERP").await.unwrap();
    let system = service.records.system(&organisation(), &erp()).await.unwrap().unwrap();
    assert_eq!(system.value.name, "The ERP");
    let again = service.ensure_connection(&organisation(), &new_connection()).await.unwrap();
    assert_eq!(again.id, connection.id);
    assert_eq!(service.records.connections(&organisation()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn e8_w15_a_connection_is_refused_with_the_mend() {
    let (stage, _) = set_up().await;
    let refused = async |change: fn(&mut NewConnection)| {
        let mut new = NewConnection { name: "Other".to_owned(), ..new_connection() };
        change(&mut new);
        stage.service.create_connection(&organisation(), &new).await.unwrap_err()
    };
    let error = refused(|new| new.account = "GLOBEX/svc".to_owned()).await;
    assert!(error.to_string().contains("with a backslash"), "{error}");
    assert_eq!(field_of(error), "account");
    let error = refused(|new| new.url = "http://mail.globex.example/EWS".to_owned()).await;
    assert!(error.to_string().contains("must begin with https"), "{error}");
    assert_eq!(field_of(error), "url");
    let error = refused(|new| new.password = SecretString::from("")).await;
    assert_eq!(field_of(error), "password");
    let error = refused(|new| new.extra_ca_pem = Some("none".to_owned())).await;
    assert_eq!(field_of(error), "extra_ca_pem");
    let error = refused(|new| new.name = "  ".to_owned()).await;
    assert_eq!(field_of(error), "name");
}

#[tokio::test]
async fn a_changed_connection_keeps_its_id_and_forgets_another_server() {
    let (stage, before) = set_up().await;
    let service = &stage.service;
    let secret = format!("connections/globex/{}", before.id);
    assert_eq!(before.secret_name, secret);
    let found = service.records.connection(&organisation(), before.id).await.unwrap().unwrap();
    let learnt = ConnectionRow {
        confirmed_fingerprint: Some("ab".to_owned()),
        server_version: Some("15.2".to_owned()),
        ..found.value
    };
    service.records.save_connection(&organisation(), &learnt, Some(found.revision)).await.unwrap();

    let new = NewConnection { password: SecretString::from("second"), ..new_connection() };
    let row = service.ensure_connection(&organisation(), &new).await.unwrap();
    assert_eq!(row, learnt);
    assert_eq!(stage.secrets.get(&secret).await.unwrap().unwrap().expose_secret(), "second");

    let url = "https://new.globex.example/EWS/Exchange.asmx".to_owned();
    let row = service
        .ensure_connection(&organisation(), &NewConnection { url: url.clone(), ..new })
        .await
        .unwrap();
    assert_eq!((row.id, row.url), (before.id, url));
    assert_eq!((row.confirmed_fingerprint, row.server_version), (None, None));
}

#[tokio::test]
async fn keys_are_made_or_taken_and_replaced_by_their_label() {
    let (stage, _) = set_up().await;
    let (service, now) = (&stage.service, stage.service.world.now());
    let (row, key) =
        service.create_api_key(&organisation(), &new_key(None, &[Role::Integrator])).await.unwrap();
    assert!(key.expose_secret().starts_with("tidemark_") && key.expose_secret().len() == 52);
    assert_eq!(service.records.api_key(key.expose_secret(), now).await.unwrap(), Some(row));
    let again = new_key(None, &[Role::Integrator]);
    let error = service.create_api_key(&organisation(), &again).await.unwrap_err();
    assert_eq!(field_of(error), "label");

    let given = new_key(Some("given-key"), &[Role::Integrator]);
    let first = service.ensure_api_key(&organisation(), &given).await.unwrap();
    assert_eq!(service.records.api_key(key.expose_secret(), now).await.unwrap(), None);
    assert_eq!(service.ensure_api_key(&organisation(), &given).await.unwrap(), first);
    let more = new_key(Some("given-key"), &[Role::Administrator]);
    let second = service.ensure_api_key(&organisation(), &more).await.unwrap();
    assert_eq!(service.records.api_key("given-key", now).await.unwrap(), Some(second.clone()));
    assert_eq!(service.records.api_keys(&organisation()).await.unwrap(), vec![second]);
}

#[tokio::test]
async fn keys_that_cannot_work_are_refused() {
    let (stage, _) = set_up().await;
    let service = &stage.service;
    let refused = async |new: NewApiKey| {
        field_of(service.create_api_key(&organisation(), &new).await.unwrap_err())
    };
    assert_eq!(refused(new_key(Some("short"), &[Role::Operator])).await, "key");
    assert_eq!(refused(new_key(Some("with a space"), &[Role::Operator])).await, "key");
    assert_eq!(refused(new_key(None, &[])).await, "roles");
    let other = SystemId::parse("nobody").unwrap();
    assert_eq!(
        refused(NewApiKey { system: other, ..new_key(None, &[Role::Operator]) }).await,
        "system"
    );
    let none = new_key(None, &[Role::Operator]);
    let error = service.ensure_api_key(&organisation(), &none).await.unwrap_err();
    assert_eq!(field_of(error), "key");

    // A key of another business system is not taken over, whoever asks.
    let given = new_key(Some("given-key"), &[Role::Operator]);
    service.create_api_key(&organisation(), &given).await.unwrap();
    let crm = SystemId::parse("crm").unwrap();
    service.create_system(&organisation(), &crm, "CRM").await.unwrap();
    let theirs = NewApiKey { system: crm, ..given };
    let error = service.ensure_api_key(&organisation(), &theirs).await.unwrap_err();
    assert!(!format!("{error}{theirs:?}").contains("given-key"));
    assert_eq!(field_of(error), "key");
}

#[tokio::test]
async fn mailboxes_are_added_with_lower_case_addresses_and_start_at_once() {
    let (stage, connection) = set_up().await;
    let service = &stage.service;
    let list = ["Ada@Globex.Example", "bob@globex.example"];
    let list = list.map(|address| new_mailbox(address, connection.id));
    let scopes = service.add_mailboxes(&organisation(), &list).await.unwrap();
    let row = stage.mailbox(&scopes[0]).await;
    assert_eq!(row.address, "ada@globex.example");
    assert!(row.aliases.contains("ada.alias@globex.example"));
    assert_eq!((stage.hinted(&scopes[0]).await, stage.hinted(&scopes[1]).await), (1, 1));

    let error = service.add_mailboxes(&organisation(), &list[1..]).await.unwrap_err();
    assert!(matches!(error, AdminError::Taken { .. }), "{error}");
    assert!(!error.to_string().contains("bob"), "{error}");

    let by_alias = [new_mailbox("ada.alias@globex.example", connection.id)];
    let error = service.ensure_mailboxes(&organisation(), &by_alias).await.unwrap_err();
    assert_eq!(field_of(error), "mailboxes[0].address");
    assert_eq!(stage.mailbox(&scopes[0]).await.address, "ada@globex.example");

    // A restarted process finds them again and hints at nothing that has not changed.
    assert_eq!(service.ensure_mailboxes(&organisation(), &list).await.unwrap(), scopes);
    assert_eq!(stage.hinted(&scopes[0]).await, 1);
}

#[tokio::test]
async fn nothing_is_added_of_a_list_with_a_mistake() {
    let (stage, connection) = set_up().await;
    let service = &stage.service;
    let refused = async |change: fn(&mut NewMailbox)| {
        let mut wrong = new_mailbox("bob@globex.example", connection.id);
        change(&mut wrong);
        let list = [new_mailbox("ada@globex.example", connection.id), wrong];
        let error = service.add_mailboxes(&organisation(), &list).await.unwrap_err();
        let page = service.records.mailboxes(&organisation(), None, 10).await.unwrap();
        assert!(page.mailboxes.is_empty());
        field_of(error)
    };
    assert_eq!(refused(|new| new.address = "bob".to_owned()).await, "mailboxes[1].address");
    assert_eq!(
        refused(|new| new.address = "ADA@globex.example".to_owned()).await,
        "mailboxes[1].address"
    );
    let zone = refused(|new| new.time_zone = Some("Mars/Olympus".to_owned())).await;
    assert_eq!(zone, "mailboxes[1].time_zone");
    let profile = refused(|new| new.profile = Some("none".to_owned())).await;
    assert_eq!(profile, "mailboxes[1].profile");
    let system = refused(|new| new.system = SystemId::parse("nobody").unwrap()).await;
    assert_eq!(system, "mailboxes[1].system");
    let connection = refused(|new| new.connection = ConnectionId::new(uuid::Uuid::nil())).await;
    assert_eq!(connection, "mailboxes[1].connection");
}

#[tokio::test]
async fn a_mailbox_stays_with_its_business_system() {
    let (stage, connection) = set_up().await;
    let service = &stage.service;
    let crm = SystemId::parse("crm").unwrap();
    service.create_system(&organisation(), &crm, "CRM").await.unwrap();
    let list = [new_mailbox("ada@globex.example", connection.id)];
    let scopes = service.ensure_mailboxes(&organisation(), &list).await.unwrap();
    let moved = list.map(|new| NewMailbox { system: crm.clone(), ..new });
    let error = service.ensure_mailboxes(&organisation(), &moved).await.unwrap_err();
    assert_eq!(field_of(error), "mailboxes[0].system");
    assert_eq!(stage.mailbox(&scopes[0]).await.system, erp());
}

#[tokio::test]
async fn a_mailbox_is_switched_off_and_on() {
    let (stage, connection) = set_up().await;
    let service = &stage.service;
    let list = [new_mailbox("ada@globex.example", connection.id)];
    let scopes = service.add_mailboxes(&organisation(), &list).await.unwrap();
    service.set_mailbox_enabled(&scopes[0], false).await.unwrap();
    assert!(!stage.mailbox(&scopes[0]).await.enabled);
    assert_eq!(stage.hinted(&scopes[0]).await, 1);
    service.set_mailbox_enabled(&scopes[0], true).await.unwrap();
    assert!(stage.mailbox(&scopes[0]).await.enabled);
    assert_eq!(stage.hinted(&scopes[0]).await, 2);
    let nobody = crate::testing::scope(99);
    let error = service.set_mailbox_enabled(&nobody, true).await.unwrap_err();
    assert!(matches!(error, AdminError::NotFound { what: "mailbox", .. }), "{error}");
    assert_eq!(stage.hinted(&nobody).await, 0);
}

#[tokio::test]
async fn a_profile_names_the_rule_that_is_wrong() {
    let (stage, connection) = set_up().await;
    let service = &stage.service;
    let refused = async |rules: serde_json::Value| {
        field_of(service.set_profile(&organisation(), "quiet", &rules).await.unwrap_err())
    };
    assert_eq!(
        refused(json!({"mail": "send", "deletesPerHour": "many"})).await,
        "rules.deletesPerHour"
    );
    assert_eq!(refused(json!({"mial": "send"})).await, "rules.mial");
    assert_eq!(refused(json!([])).await, "rules");

    let rules = json!({"mail": "without-attendees"});
    service.set_profile(&organisation(), "quiet", &rules).await.unwrap();
    let list = [new_mailbox("ada@globex.example", connection.id)];
    let scopes = service.add_mailboxes(&organisation(), &list).await.unwrap();
    service.set_mailbox_profile(&scopes[0], Some("quiet")).await.unwrap();
    assert_eq!(stage.mailbox(&scopes[0]).await.profile.as_deref(), Some("quiet"));
    let error = service.set_mailbox_profile(&scopes[0], Some("loud")).await.unwrap_err();
    assert_eq!(field_of(error), "profile");
}

#[tokio::test]
async fn an_organisation_is_refused_with_the_field() {
    let stage = Stage::new().await;
    let refused = async |change: fn(&mut NewOrganisation)| {
        let mut new = new_organisation();
        change(&mut new);
        field_of(stage.service.create_organisation(&new).await.unwrap_err())
    };
    assert_eq!(
        refused(|new| new.domains.push("ada@globex.example".to_owned())).await,
        "domains[1]"
    );
    assert_eq!(refused(|new| new.domains.push("a..b".to_owned())).await, "domains[1]");
    let network = refused(|new| new.allowed_networks.push("10.1.0.0/8".to_owned())).await;
    assert_eq!(network, "allowed_networks[1]");
    assert_eq!(refused(|new| new.name = String::new()).await, "name");
    let error = stage.service.create_system(&organisation(), &erp(), "ERP").await.unwrap_err();
    assert!(matches!(error, AdminError::NotFound { what: "organisation", .. }), "{error}");
}

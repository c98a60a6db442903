use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use tidemark_store::records::Cloud;

use super::*;

const EXAMPLE: &str = include_str!("../../example.json");

fn environment() -> Environment {
    [("EXCHANGE_PASSWORD", "p"), ("GRAPH_SECRET", "s"), ("ERP_API_KEY", "0123456789abcdefghij")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect()
}

fn setup_of(value: &Value) -> anyhow::Result<Setup> {
    let settings: Settings = serde_json::from_value(value.clone())?;
    settings.to_setup(&environment(), "2026-11-22T12:00:00Z".parse().unwrap())
}

fn example() -> Value {
    serde_json::from_str(EXAMPLE).unwrap()
}

#[test]
fn the_example_is_taken() {
    let setup = setup_of(&example()).unwrap();
    let connection = &setup.connections[0];
    let AccessSetup::Ews(access) = &connection.access else { panic!("it speaks EWS") };
    assert_eq!(access.password.expose_secret(), "p");
    assert!(access.impersonate);
    let cloud = &setup.connections[1];
    let AccessSetup::Graph(access) = &cloud.access else { panic!("it speaks Graph") };
    let secret = access.credential.secret.as_ref().unwrap();
    assert_eq!((secret.expose_secret(), &access.cloud), ("s", &Cloud::Global));
    assert_eq!(connection.mailboxes[0].system, setup.systems[0].id);
    assert_eq!(setup.systems[0].api_keys[0].key.expose_secret().len(), 20);
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_its_mend() {
    let cases = [
        ("/organisation/id", json!("With Space"), "organisation.id"),
        ("/organisation/allowedNetworks", json!(["10.0.0.0/33"]), "allowedNetworks[0]"),
        ("/systems/0/apiKeys/0/key", json!({"variable": "NOT_SET"}), "NOT_SET: is not set"),
        ("/systems/0/apiKeys/0/roles", json!([]), "apiKeys[0]: roles: name at least one"),
        ("/connections/0/url", json!("http://mail.example/ews"), "must begin with https"),
        ("/connections/0/account", json!("CORP/svc"), "backslash"),
        ("/connections/0/mailboxes/0/timeZone", json!("Mars/Olympus"), "Europe/Berlin"),
        ("/connections/0/mailboxes/0/system", json!("other"), "connections[0]: mailboxes[0]"),
        ("/connections/0/mailboxes/0/address", json!("nobody"), "address"),
        ("/connections/0/url", json!(null), "url: is missing"),
        ("/connections/0/graph", example()["connections"][1]["graph"].clone(), "graph: stands"),
        ("/connections/1/graph/tenant", json!("common"), "connections[1]: graph"),
        ("/connections/1/graph/client", json!("my app"), "application (client) id"),
        ("/connections/1/graph/client", json!("6f1c2d3e-0000-4000-8000-1a2b3c4d5e6"), "no GUID"),
        ("/connections/1/graph/credential", json!({}), "graph.credential: it names none"),
        ("/connections/1/graph/credential", json!({"awsFederation": true}), "AWS vouches for"),
        (
            "/connections/1/graph/credential/certificate",
            json!({"variable": "GRAPH_SECRET"}),
            "several",
        ),
        (
            "/connections/1/graph/credential",
            json!({"certificate": {"variable": "GRAPH_SECRET"}}),
            "graph.credential.certificate: there is no",
        ),
        (
            "/connections/1/graph/credential/secret",
            json!({"variable": "NOT_SET"}),
            "connections[1]: credential.secret: NOT_SET",
        ),
        (
            "/connections/0/url",
            json!("https://outlook.office365.com/EWS/Exchange.asmx"),
            "app passwords",
        ),
        ("/callbackUrl", json!("http://hooks.example"), "callbackUrl"),
        ("/egressAddresses", json!(["mail.contoso.example"]), "invalid IP address syntax"),
    ];
    for (pointer, value, expected) in cases {
        let mut settings = example();
        let (place, member) = pointer.rsplit_once('/').unwrap();
        settings.pointer_mut(place).unwrap()[member] = value;
        let error = setup_of(&settings).err().unwrap();
        let shown = format!("{error:#}");
        assert!(shown.contains(expected), "{pointer}: {shown}");
    }
}

#[test]
fn unknown_members_and_doubled_addresses_are_refused() {
    let mut settings = example();
    settings["organisation"]["colour"] = json!("blue");
    assert!(format!("{:#}", setup_of(&settings).err().unwrap()).contains("colour"));

    let mut settings = example();
    let mailbox = settings["connections"][0]["mailboxes"][0].clone();
    settings["connections"][0]["mailboxes"].as_array_mut().unwrap().push(mailbox);
    let error = format!("{:#}", setup_of(&settings).err().unwrap());
    assert!(error.contains("another mailbox has the same address"), "{error}");
}

#[test]
fn an_account_without_impersonation_has_one_mailbox() {
    let mut settings = example();
    settings["connections"][0]["impersonate"] = json!(false);
    let mailboxes = settings["connections"][0]["mailboxes"].as_array_mut().unwrap();
    let mut second = mailboxes[0].clone();
    second["address"] = json!("casey@contoso.example");
    second["aliases"] = json!([]);
    mailboxes.push(second);
    assert!(format!("{:#}", setup_of(&settings).err().unwrap()).contains("impersonate"));
}

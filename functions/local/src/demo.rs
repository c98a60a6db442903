//! The demo organisation: the one that tools and people find on a fresh machine.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use tidemark_mailbox::ews::EwsUrl;
use tidemark_model::{OrganisationId, SystemId};
use tidemark_runtime::Environment;
use tidemark_service::border::{CredentialSettings, GraphSettings};
use tidemark_store::Secrets;
use tidemark_store::records::{Cloud, Gate, Notifications, Role};
use tidemark_transport::Entropy;

use crate::setup::{
    AccessSetup, ApiKeySetup, ConnectionSetup, EwsSetup, FenceSetup, MailboxSetup, Setup,
    SystemSetup,
};

/// The people whose calendars are synced over EWS.
const OVER_EWS: [&str; 4] = ["alex", "blake", "casey", "devon"];
/// The people whose calendars are synced over Graph.
const OVER_GRAPH: [&str; 16] = [
    "ellis", "frankie", "gray", "harper", "indigo", "jamie", "kendall", "logan", "morgan", "noel",
    "oakley", "parker", "quinn", "riley", "sage", "taylor",
];
/// The application that the simulator knows.
const TENANT: &str = "00000000-0000-4000-8000-000000000001";
const CLIENT: &str = "00000000-0000-4000-8000-000000000002";
const CLIENT_SECRET: &str = "sim-secret";
const DOMAIN: &str = "tidemark.example";
const TIME_ZONE: &str = "Europe/Berlin";
/// The password of every account of the simulator.
const PASSWORD: &str = "Passw0rd!";
/// The name under which the data directory keeps the key of the demo.
const API_KEY_SECRET: &str = "demo/api-key";

/// Refuses ways of the demo that there are not.
///
/// # Errors
/// Names the variable and what there is.
pub(crate) fn check_ways(environment: &Environment) -> anyhow::Result<()> {
    for (name, only) in [("TIDEMARK_DEMO_EWS", "push"), ("TIDEMARK_SIM_AUTH", "basic")] {
        if environment.text(name).is_some_and(|value| value != only) {
            bail!("{name}: only \"{only}\" exists in this version");
        }
    }
    Ok(())
}

/// The demo organisation against a simulator at this URL (without a path).
pub(crate) fn setup(simulator: &str, api_key: SecretString) -> anyhow::Result<Setup> {
    let simulator = simulator.trim_end_matches('/');
    let url = format!("{simulator}/EWS/Exchange.asmx");
    EwsUrl::parse(&url).context("TIDEMARK_SIM_URL should look like http://127.0.0.1:8481")?;
    let system = SystemId::parse("demo")?;
    let mailbox = |person: &&str| MailboxSetup {
        address: format!("{person}@{DOMAIN}"),
        aliases: BTreeSet::new(),
        time_zone: Some(TIME_ZONE.to_owned()),
        system: system.clone(),
        profile: None,
    };
    let ews = ConnectionSetup {
        name: "Simulator".to_owned(),
        access: AccessSetup::Ews(EwsSetup {
            url,
            account: format!("svc@{DOMAIN}"),
            password: SecretString::from(PASSWORD),
            impersonate: true,
        }),
        extra_ca_pem: None,
        notifications: Notifications::Push,
        fence: Some(fence()),
        mailboxes: OVER_EWS.iter().map(mailbox).collect(),
    };
    let graph = ConnectionSetup {
        name: "Simulated cloud".to_owned(),
        access: AccessSetup::Graph(Box::new(GraphSettings {
            tenant: TENANT.to_owned(),
            client: CLIENT.to_owned(),
            cloud: Cloud::Other {
                authority: simulator.to_owned(),
                graph: format!("{simulator}/graph"),
            },
            credential: CredentialSettings {
                secret: Some(SecretString::from(CLIENT_SECRET)),
                ..CredentialSettings::default()
            },
            second_credential: None,
            application_object: None,
            renew_credentials: None,
            rich_notifications: false,
        })),
        extra_ca_pem: None,
        notifications: Notifications::Push,
        fence: Some(fence()),
        mailboxes: OVER_GRAPH.iter().map(mailbox).collect(),
    };
    Ok(Setup {
        organisation: OrganisationId::parse("demo")?,
        organisation_name: "Demo".to_owned(),
        domains: vec![DOMAIN.to_owned()],
        allowed_networks: vec!["127.0.0.0/8".to_owned()],
        systems: vec![SystemSetup {
            id: system.clone(),
            name: "Demo".to_owned(),
            api_keys: vec![ApiKeySetup {
                label: "demo".to_owned(),
                roles: vec![Role::Administrator, Role::Integrator],
                key: api_key,
            }],
        }],
        connections: vec![ews, graph],
    })
}

/// The simulator has a mailbox outside of the scope only when somebody makes one over `/_sim/`.
fn fence() -> FenceSetup {
    FenceSetup {
        gate: Gate::Require,
        outside: None,
        waiver: Some(
            "A simulator: there is no mailbox outside until somebody makes one.".to_owned(),
        ),
    }
}

/// The demo's API key: the one of `TIDEMARK_DEMO_API_KEY`, else the one that the data directory
/// keeps, else a new one that is kept there.
pub(crate) async fn api_key(
    environment: &Environment,
    secrets: &dyn Secrets,
    entropy: &dyn Entropy,
) -> anyhow::Result<SecretString> {
    if let Some(key) = environment.text("TIDEMARK_DEMO_API_KEY") {
        if !(8..=200).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!("TIDEMARK_DEMO_API_KEY: should be 8 to 200 visible ASCII characters");
        }
        return Ok(SecretString::from(key));
    }
    if let Some(key) = secrets.get(API_KEY_SECRET).await? {
        return Ok(key);
    }
    let mut random = [0; 24];
    entropy.fill(&mut random);
    let key = SecretString::from(format!("demo_{}", URL_SAFE_NO_PAD.encode(random)));
    secrets.put(API_KEY_SECRET, SecretString::from(key.expose_secret())).await?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use tidemark_store::memory::MemorySecrets;
    use tidemark_transport::SystemEntropy;

    use super::*;

    fn environment(name: &str, value: &str) -> Environment {
        [(name.to_owned(), value.to_owned())].into_iter().collect()
    }

    #[test]
    fn only_what_exists_is_taken() {
        assert!(check_ways(&Environment::default()).is_ok());
        assert!(check_ways(&environment("TIDEMARK_DEMO_EWS", "push")).is_ok());
        let error = check_ways(&environment("TIDEMARK_DEMO_EWS", "streaming")).unwrap_err();
        assert_eq!(error.to_string(), "TIDEMARK_DEMO_EWS: only \"push\" exists in this version");
        assert!(check_ways(&environment("TIDEMARK_SIM_AUTH", "ntlm")).is_err());
    }

    #[test]
    fn twenty_calendars_of_one_simulator_on_this_machine() {
        let key = || SecretString::from("12345678");
        let setup = setup("http://127.0.0.1:8481/", key()).unwrap();
        let [ews, graph] = &setup.connections[..] else { panic!("two connections") };
        let AccessSetup::Ews(access) = &ews.access else { panic!("the first speaks EWS") };
        assert_eq!(access.url, "http://127.0.0.1:8481/EWS/Exchange.asmx");
        let AccessSetup::Graph(access) = &graph.access else { panic!("the second speaks Graph") };
        assert!(tidemark_service::refresh::application_of(&access.to_access()).is_ok());
        assert_eq!((ews.mailboxes.len(), graph.mailboxes.len()), (4, 16));
        assert!(super::setup("http://sim.example:8481", key()).is_err());
    }

    #[tokio::test]
    async fn the_key_is_given_or_kept() {
        let secrets = MemorySecrets::new();
        let none = Environment::default();
        let first = api_key(&none, &secrets, &SystemEntropy).await.unwrap();
        let again = api_key(&none, &secrets, &SystemEntropy).await.unwrap();
        assert_eq!(first.expose_secret(), again.expose_secret());
        assert!(first.expose_secret().len() > 30);
        let given = environment("TIDEMARK_DEMO_API_KEY", "given-by-a-tool");
        let given = api_key(&given, &secrets, &SystemEntropy).await.unwrap();
        assert_eq!(given.expose_secret(), "given-by-a-tool");
        for bad in ["short", "with space", &"x".repeat(201)] {
            let bad = environment("TIDEMARK_DEMO_API_KEY", bad);
            assert!(api_key(&bad, &secrets, &SystemEntropy).await.is_err());
        }
    }
}

//! What a process is to serve, whether a file says so or the demo, and how it comes into the store.

use std::collections::BTreeSet;

use anyhow::Context as _;
use jiff::Timestamp;
use secrecy::SecretString;
use tidemark_jscalendar::Problem;
use tidemark_model::{MailboxId, OrganisationId, SystemId};
use tidemark_service::Service;
use tidemark_service::border::{
    Administration as _, Caller, GraphChange, GraphSettings, MailboxChange, OrganisationChange,
    Refusal,
};
use tidemark_service::graph_settings::{Place, enter_graph};
use tidemark_service::preflight::waive;
use tidemark_store::records::{
    ApiKeyId, ApiKeyRow, ConnectionId, ConnectionRow, Document, EwsAccess, Fence, FenceWaiver,
    FirstSync, Gate, MailboxRow, MailboxScope, MailboxState, Notifications, Protocol, Role,
};

/// What a process is to serve.
pub(crate) struct Setup {
    pub(crate) organisation: OrganisationId,
    pub(crate) organisation_name: String,
    pub(crate) domains: Vec<String>,
    pub(crate) allowed_networks: Vec<String>,
    pub(crate) systems: Vec<SystemSetup>,
    pub(crate) connections: Vec<ConnectionSetup>,
}

/// A business system with its keys.
pub(crate) struct SystemSetup {
    pub(crate) id: SystemId,
    pub(crate) name: String,
    pub(crate) api_keys: Vec<ApiKeySetup>,
}

/// An API key; the label names it when it is replaced.
pub(crate) struct ApiKeySetup {
    pub(crate) label: String,
    pub(crate) roles: Vec<Role>,
    pub(crate) key: SecretString,
}

/// A connection with its mailboxes; the name names it when it is changed.
pub(crate) struct ConnectionSetup {
    pub(crate) name: String,
    pub(crate) access: AccessSetup,
    pub(crate) extra_ca_pem: Option<String>,
    pub(crate) notifications: Notifications,
    /// None leaves the fence to the API.
    pub(crate) fence: Option<FenceSetup>,
    pub(crate) mailboxes: Vec<MailboxSetup>,
}

/// What keeps a connection out of mailboxes that are none of its business.
pub(crate) struct FenceSetup {
    pub(crate) gate: Gate,
    /// Address of a mailbox that must not open, lower case.
    pub(crate) outside: Option<String>,
    /// Why no proof is needed.
    pub(crate) waiver: Option<String>,
}

impl FenceSetup {
    /// Who put a waiver on record.
    const BY: &str = "configuration";

    /// The fence that a row is to have; what was found of it stays.
    fn to_row(&self, row: &ConnectionRow, now: Timestamp) -> Fence {
        let before = &row.fence;
        let waiver = self.waiver.as_deref().map(|reason| {
            let new = waive(row, reason, Self::BY, now);
            // The same words about the same account are no new waiver.
            let is_same =
                |known: &&FenceWaiver| **known == FenceWaiver { at: known.at, ..new.clone() };
            before.waiver.as_ref().filter(is_same).cloned().unwrap_or(new)
        });
        Fence {
            gate: self.gate,
            outside: self.outside.clone(),
            finding: before.finding.clone(),
            tried_at: before.tried_at,
            waiver,
        }
    }
}

/// How a connection speaks, and as whom.
pub(crate) enum AccessSetup {
    /// Exchange Web Services with a password.
    Ews(EwsSetup),
    /// Microsoft Graph as an application.
    Graph(Box<GraphSettings>),
}

/// The account that logs on to EWS.
pub(crate) struct EwsSetup {
    pub(crate) url: String,
    pub(crate) account: String,
    pub(crate) password: SecretString,
    pub(crate) impersonate: bool,
}

impl AccessSetup {
    /// The protocol as a row holds it, and the secrets to be put under the names that the row gives
    /// them. Fails when the settings cannot work.
    fn to_row(
        &self,
        id: ConnectionId,
        before: Option<&Protocol>,
        now: Timestamp,
    ) -> anyhow::Result<(Protocol, Vec<(String, SecretString)>)> {
        match self {
            Self::Ews(access) => {
                let secret_name = format!("connections/{}/password", id.uuid());
                let password = before.and_then(|row| match row {
                    Protocol::Ews(row) if row.account == access.account => row.password,
                    Protocol::Ews(_) | Protocol::Graph(_) => None,
                });
                let row = EwsAccess {
                    url: access.url.clone(),
                    account: access.account.clone(),
                    secret_name: secret_name.clone(),
                    impersonate: access.impersonate,
                    password,
                };
                Ok((Protocol::Ews(row), vec![(secret_name, access.password.clone())]))
            }
            Self::Graph(settings) => {
                let known = match before {
                    Some(Protocol::Graph(row)) => Some(row),
                    Some(Protocol::Ews(_)) | None => None,
                };
                let mut change = GraphChange::from(GraphSettings::clone(settings));
                if known.is_some_and(|row| row.renews && settings.credential.make_certificate) {
                    // What was made after it while this program ran is not in the file.
                    change.credential = None;
                    change.second_credential = None;
                }
                let entry = enter_graph(id, known, change, on_this_machine(now));
                let entry = entry.map_err(|problems| in_words(&problems))?;
                Ok((Protocol::Graph(entry.access), entry.secrets))
            }
        }
    }
}

/// Where the settings of a file are used.
pub(crate) const fn on_this_machine(now: Timestamp) -> Place {
    Place { now, is_on_aws: false, is_file: true }
}

/// Everything that is wrong, with the member that it is about.
pub(crate) fn in_words(problems: &[Problem]) -> anyhow::Error {
    let one = |problem: &Problem| {
        let member = problem.pointer.trim_start_matches('/').replace('/', ".");
        format!("{member}: {}: {}", problem.rule, problem.mend)
    };
    let all: Vec<String> = problems.iter().map(one).collect();
    anyhow::anyhow!("{}", all.join("; "))
}

/// A mailbox; the address names it when it is changed.
pub(crate) struct MailboxSetup {
    pub(crate) address: String,
    pub(crate) aliases: BTreeSet<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) system: SystemId,
    pub(crate) profile: Option<String>,
}

/// Writes a set-up into the store and gives the mailboxes that it names. What is there already is
/// brought to what the set-up says; state is left alone. Mailboxes that the set-up no longer names
/// are switched off, not forgotten.
pub(crate) async fn apply(service: &Service, setup: &Setup) -> anyhow::Result<Vec<MailboxScope>> {
    save_organisation(service, setup).await?;
    for system in &setup.systems {
        save_system(service, setup, system).await?;
    }
    let mut scopes = Vec::new();
    for connection in &setup.connections {
        let id = save_connection(service, setup, connection).await?;
        for mailbox in &connection.mailboxes {
            let saved = save_mailbox(service, setup, id, mailbox).await;
            scopes.push(saved.with_context(|| format!("mailbox of {}", connection.name))?);
        }
    }
    switch_off_others(service, setup, &scopes).await?;
    Ok(scopes)
}

/// Whoever wrote the file administers, and the activity calls them so.
fn file_of(setup: &Setup) -> Caller {
    Caller {
        organisation: setup.organisation.clone(),
        system: None,
        role: tidemark_service::border::Role::Administrator,
        key_id: "settings-file".to_owned(),
    }
}

async fn save_organisation(service: &Service, setup: &Setup) -> anyhow::Result<()> {
    service.found_organisation(&setup.organisation, "settings-file").await?;
    let change = OrganisationChange {
        name: Some(setup.organisation_name.clone()),
        domains: Some(setup.domains.clone()),
        allowed_networks: Some(setup.allowed_networks.clone()),
        // Whoever switched it off through the API did so for longer than this process lives.
        enabled: None,
        // The file does not know it: it stays as it was set.
        cap_cents_per_month: None,
    };
    let changed = service.change_organisation(&file_of(setup), change).await;
    changed.map_err(refusal_in_words).context("organisation")?;
    Ok(())
}

async fn save_system(service: &Service, setup: &Setup, system: &SystemSetup) -> anyhow::Result<()> {
    let caller = file_of(setup);
    let settled = service.settle_system(&caller, &system.id, &system.name).await;
    settled.map_err(refusal_in_words).with_context(|| format!("system {}", system.id))?;
    for key in &system.api_keys {
        let wanted = ApiKeyRow {
            id: ApiKeyId::new(service.world.uuid()),
            organisation: setup.organisation.clone(),
            label: key.label.clone(),
            roles: key.roles.clone(),
            system: Some(system.id.clone()),
            created_at: service.world.now(),
            expires_at: None,
        };
        let settled = service.settle_key(&caller, &key.key, &wanted).await;
        settled.map_err(refusal_in_words).with_context(|| format!("system {}", system.id))?;
    }
    Ok(())
}

/// A refusal with the members that it is about.
fn refusal_in_words(refusal: Refusal) -> anyhow::Error {
    match refusal {
        Refusal::Invalid(problems) => in_words(&problems),
        other => other.into(),
    }
}

async fn save_connection(
    service: &Service,
    setup: &Setup,
    connection: &ConnectionSetup,
) -> anyhow::Result<ConnectionId> {
    let all = service.records.connections(&setup.organisation).await?;
    let before = all.into_iter().find(|row| row.value.name == connection.name);
    let id = match &before {
        Some(before) => before.value.id,
        None => ConnectionId::new(service.world.uuid()),
    };
    let known = before.as_ref().map(|before| &before.value.protocol);
    let entered = connection.access.to_row(id, known, service.world.now());
    let (protocol, secrets) = entered.with_context(|| connection.name.clone())?;
    // Secrets first: a connection whose secret is not there yet would show an error.
    for (name, secret) in secrets {
        service.secrets.put(&name, secret).await?;
    }
    let mut row = ConnectionRow {
        id,
        name: connection.name.clone(),
        protocol,
        extra_ca_pem: connection.extra_ca_pem.clone(),
        confirmed_fingerprint: before.as_ref().and_then(|row| still_confirmed(connection, row)),
        enabled: true,
        appointments: true,
        notifications: connection.notifications,
        server_version: before.as_ref().and_then(|row| row.value.server_version.clone()),
        wait_until: before.as_ref().and_then(|row| row.value.wait_until),
        troubles: before.as_ref().map(|row| row.value.troubles.clone()).unwrap_or_default(),
        fence: before.as_ref().map(|row| row.value.fence.clone()).unwrap_or_default(),
        created_at: since(before.as_ref().map(|before| before.value.created_at), service),
    };
    if let Some(fence) = &connection.fence {
        row.fence = fence.to_row(&row, service.world.now());
    }
    if before.as_ref().is_none_or(|before| before.value != row) {
        let saved = service.save_set_connection(&file_of(setup), &row, before.as_ref()).await;
        saved.map_err(refusal_in_words)?;
    }
    Ok(id)
}

/// The certificate that an administrator confirmed through the API, as long as the server is the same:
/// the file does not name one, and a restart must not take it away.
fn still_confirmed(
    connection: &ConnectionSetup,
    before: &Document<ConnectionRow>,
) -> Option<String> {
    let same = match (&connection.access, before.value.ews()) {
        (AccessSetup::Ews(access), Some(row)) => access.url == row.url,
        _ => false,
    };
    before.value.confirmed_fingerprint.clone().filter(|_| same)
}

async fn save_mailbox(
    service: &Service,
    setup: &Setup,
    connection: ConnectionId,
    mailbox: &MailboxSetup,
) -> anyhow::Result<MailboxScope> {
    let wanted = MailboxRow {
        id: MailboxId::new(service.world.uuid()),
        address: mailbox.address.to_lowercase(),
        aliases: mailbox.aliases.clone(),
        connection,
        profile: mailbox.profile.clone(),
        system: mailbox.system.clone(),
        enabled: true,
        state: MailboxState::New,
        troubles: Vec::new(),
        time_zone: mailbox.time_zone.clone(),
        paused: None,
        first_sync: FirstSync::default(),
        last_synced: None,
        sweep_doublings: 0,
        created_at: service.world.now(),
    };
    let settled = service.settle_mailbox(&file_of(setup), wanted).await;
    settled.map_err(refusal_in_words).context(mailbox.address.clone())
}

async fn switch_off_others(
    service: &Service,
    setup: &Setup,
    named: &[MailboxScope],
) -> anyhow::Result<()> {
    for Document { value: row, .. } in all_mailboxes(service, &setup.organisation).await? {
        if row.enabled && !named.iter().any(|scope| scope.mailbox == row.id) {
            tracing::info!(mailbox.id = %row.id, "the mailbox is no longer named: switched off");
            let off = MailboxChange { enabled: Some(false), ..MailboxChange::default() };
            let id = row.id.to_string();
            let switched = service.change_mailbox(&file_of(setup), &id, off).await;
            switched.map_err(refusal_in_words)?;
        }
    }
    Ok(())
}

/// All mailboxes of an organisation.
pub(crate) async fn all_mailboxes(
    service: &Service,
    organisation: &OrganisationId,
) -> Result<Vec<Document<MailboxRow>>, tidemark_store::StoreError> {
    const PAGE_ITEMS: usize = 100;
    let mut mailboxes = Vec::new();
    let mut after = None;
    loop {
        let page = service.records.mailboxes(organisation, after, PAGE_ITEMS).await?;
        mailboxes.extend(page.mailboxes);
        after = page.next;
        if after.is_none() {
            return Ok(mailboxes);
        }
    }
}

/// Since when something is there: as before, or from now on.
fn since(before: Option<Timestamp>, service: &Service) -> Timestamp {
    before.unwrap_or_else(|| service.world.now())
}

//! The configuration file of `tidemark local --config` and `tidemark doctor`.
//!
//! JSON; `example.json` beside this crate shows all of it. Members that are not known are refused,
//! and no secret stands in the file: each is read from a file or a variable that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use tidemark_mailbox::ews::{BasicUser, EwsUrl, MailboxAddress};
use tidemark_model::{OrganisationId, SystemId, Zone};
use tidemark_runtime::Environment;
use tidemark_service::border::{GraphSettings, WAIVER_REASON_BYTES_MAX};
use tidemark_service::graph_settings::{PASSWORD_MEND, check_graph, password_refusal};
use tidemark_store::records::{ADDRESSES_MAX, Gate, Notifications, Role};
use tidemark_transport::{NetworkRange, describe_certificates};

use crate::setup::{
    AccessSetup, ApiKeySetup, ConnectionSetup, EwsSetup, FenceSetup, MailboxSetup, Setup,
    SystemSetup, in_words, on_this_machine,
};

/// Largest configuration file, and largest file that it names.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Shortest and longest API key.
const API_KEY_BYTES: core::ops::RangeInclusive<usize> = 20..=200;

/// The file as it was read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default)]
    callback_url: Option<String>,
    #[serde(default)]
    egress_addresses: Vec<IpAddr>,
    organisation: OrganisationPart,
    systems: Vec<SystemPart>,
    connections: Vec<ConnectionPart>,
    /// Where relative paths begin.
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OrganisationPart {
    id: String,
    name: String,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    allowed_networks: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SystemPart {
    id: String,
    name: String,
    api_keys: Vec<ApiKeyPart>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ApiKeyPart {
    label: String,
    roles: Vec<Role>,
    key: SecretPart,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConnectionPart {
    name: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    password: Option<SecretPart>,
    #[serde(default)]
    impersonate: bool,
    /// Stands instead of `url`, `account`, `password` and `impersonate`: the same form as the API's.
    #[serde(default)]
    graph: Option<GraphSettings<SecretPart>>,
    #[serde(default)]
    extra_ca_file: Option<PathBuf>,
    #[serde(default = "push")]
    notifications: Notifications,
    #[serde(default)]
    fence: Option<FencePart>,
    mailboxes: Vec<MailboxPart>,
}

/// What keeps a connection out of mailboxes that are none of its business.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FencePart {
    #[serde(default = "require")]
    gate: Gate,
    #[serde(default)]
    outside: Option<String>,
    #[serde(default)]
    waiver: Option<String>,
}

const fn require() -> Gate {
    Gate::Require
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MailboxPart {
    address: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    time_zone: Option<String>,
    system: String,
    #[serde(default)]
    profile: Option<String>,
}

/// Where a secret stands.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum SecretPart {
    /// In this file, alone; white space around it does not count.
    File(PathBuf),
    /// In this environment variable.
    Variable(String),
}

const fn push() -> Notifications {
    Notifications::Push
}

impl Settings {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, is no JSON or has other members; the place is named.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = read_text(file)?;
        let mut settings: Self =
            serde_json::from_str(&text).with_context(|| file.display().to_string())?;
        settings.folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(settings)
    }

    /// Where Exchange reaches this connector, if it is not this machine itself.
    pub(crate) fn callback_url(&self) -> Option<&str> {
        self.callback_url.as_deref().map(|url| url.trim_end_matches('/'))
    }

    /// The addresses that Exchange and webhooks see calls of this connector come from.
    pub(crate) fn egress_addresses(&self) -> &[IpAddr] {
        &self.egress_addresses
    }

    /// Checks everything and reads the secrets.
    ///
    /// # Errors
    /// Names the member and how to mend it.
    pub(crate) fn to_setup(
        &self,
        environment: &Environment,
        now: Timestamp,
    ) -> anyhow::Result<Setup> {
        if let Some(url) = &self.callback_url
            && !url.starts_with("https://")
            && EwsUrl::parse(url).is_err()
        {
            bail!("callbackUrl: should begin with https://");
        }
        for (index, range) in self.organisation.allowed_networks.iter().enumerate() {
            range
                .parse::<NetworkRange>()
                .with_context(|| format!("organisation.allowedNetworks[{index}]"))?;
        }
        let systems = each("systems", &self.systems, |part| self.system(part, environment))?;
        let known: BTreeSet<_> = systems.iter().map(|system| system.id.clone()).collect();
        let connections = each("connections", &self.connections, |part| {
            self.connection(part, environment, &known, now)
        })?;
        check_unique(&connections)?;
        Ok(Setup {
            organisation: OrganisationId::parse(&self.organisation.id)
                .context("organisation.id")?,
            organisation_name: self.organisation.name.clone(),
            domains: self.organisation.domains.iter().map(|name| name.to_lowercase()).collect(),
            allowed_networks: self.organisation.allowed_networks.clone(),
            systems,
            connections,
        })
    }

    fn system(&self, part: &SystemPart, environment: &Environment) -> anyhow::Result<SystemSetup> {
        let api_keys = each("apiKeys", &part.api_keys, |part| {
            if part.roles.is_empty() {
                bail!("roles: name at least one of administrator, operator, integrator");
            }
            let key = self.secret(&part.key, environment).context("key")?;
            let text = secrecy::ExposeSecret::expose_secret(&key);
            let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
            if !API_KEY_BYTES.contains(&text.len()) || !is_visible {
                bail!("key: should be 20 to 200 visible ASCII characters");
            }
            Ok(ApiKeySetup { label: part.label.clone(), roles: part.roles.clone(), key })
        })?;
        Ok(SystemSetup {
            id: SystemId::parse(&part.id).context("id")?,
            name: part.name.clone(),
            api_keys,
        })
    }

    fn connection(
        &self,
        part: &ConnectionPart,
        environment: &Environment,
        systems: &BTreeSet<SystemId>,
        now: Timestamp,
    ) -> anyhow::Result<ConnectionSetup> {
        let access = match &part.graph {
            Some(graph) => {
                let of_ews = part.url.is_some() || part.account.is_some();
                if of_ews || part.password.is_some() || part.impersonate {
                    bail!("graph: stands instead of url, account, password and impersonate");
                }
                AccessSetup::Graph(Box::new(self.graph(graph, environment, now)?))
            }
            None => AccessSetup::Ews(self.ews(part, environment)?),
        };
        let extra_ca_pem = match &part.extra_ca_file {
            Some(file) => {
                let pem = read_text(&self.folder.join(file)).context("extraCaFile")?;
                describe_certificates(&pem).context("extraCaFile")?;
                Some(pem)
            }
            None => None,
        };
        Ok(ConnectionSetup {
            name: part.name.clone(),
            access,
            extra_ca_pem,
            notifications: part.notifications,
            fence: part.fence.as_ref().map(|part| read_fence(part).context("fence")).transpose()?,
            mailboxes: each("mailboxes", &part.mailboxes, |part| read_mailbox(part, systems))?,
        })
    }

    fn ews(&self, part: &ConnectionPart, environment: &Environment) -> anyhow::Result<EwsSetup> {
        let url = part.url.as_deref().context("url: is missing; or name a graph application")?;
        EwsUrl::parse(url).context("url")?;
        if let Some(reason) = password_refusal(url) {
            bail!("password: {reason}: {PASSWORD_MEND}");
        }
        let account = part.account.as_deref().context("account: is missing")?;
        BasicUser::parse(account).context("account")?;
        let password = part.password.as_ref().context("password: is missing")?;
        if part.mailboxes.len() > 1 && !part.impersonate {
            bail!("impersonate: an account without impersonation reaches its own mailbox only");
        }
        Ok(EwsSetup {
            url: url.to_owned(),
            account: account.to_owned(),
            password: self.secret(password, environment).context("password")?,
            impersonate: part.impersonate,
        })
    }

    fn graph(
        &self,
        part: &GraphSettings<SecretPart>,
        environment: &Environment,
        now: Timestamp,
    ) -> anyhow::Result<GraphSettings> {
        let read = |member: &str, secret: &SecretPart| {
            self.secret(secret, environment).with_context(|| member.to_owned())
        };
        let settings = part.read_secrets(read)?;
        let checked = check_graph(settings.clone(), on_this_machine(now));
        checked.map_err(|problems| in_words(&problems))?;
        Ok(settings)
    }

    fn secret(&self, part: &SecretPart, environment: &Environment) -> anyhow::Result<SecretString> {
        let text = match part {
            SecretPart::File(file) => return read_secret(&self.folder.join(file)),
            SecretPart::Variable(name) => environment.required(name)?.to_owned(),
        };
        Ok(SecretString::from(text))
    }
}

fn read_fence(part: &FencePart) -> anyhow::Result<FenceSetup> {
    let outside = part.outside.as_deref().map(MailboxAddress::parse).transpose();
    let outside = outside.context("outside")?.map(|address| address.as_str().to_owned());
    let waiver = part.waiver.as_deref().map(str::trim);
    if waiver.is_some_and(|reason| !(1..=WAIVER_REASON_BYTES_MAX).contains(&reason.len())) {
        bail!("waiver: say why no proof is needed, in up to {WAIVER_REASON_BYTES_MAX} bytes");
    }
    Ok(FenceSetup { gate: part.gate, outside, waiver: waiver.map(str::to_owned) })
}

fn read_mailbox(part: &MailboxPart, systems: &BTreeSet<SystemId>) -> anyhow::Result<MailboxSetup> {
    let address = MailboxAddress::parse(&part.address).context("address")?;
    let aliases = each("aliases", &part.aliases, |alias| {
        Ok(MailboxAddress::parse(alias)?.as_str().to_owned())
    })?;
    if aliases.len() >= ADDRESSES_MAX {
        bail!("aliases: a mailbox has at most {ADDRESSES_MAX} addresses");
    }
    if let Some(zone) = &part.time_zone {
        Zone::parse(zone).context("timeZone: use a name such as Europe/Berlin")?;
    }
    let system = SystemId::parse(&part.system).context("system")?;
    if !systems.contains(&system) {
        bail!("system: there is none of this id in systems");
    }
    Ok(MailboxSetup {
        address: address.as_str().to_owned(),
        aliases: aliases.into_iter().collect(),
        time_zone: part.time_zone.clone(),
        system,
        profile: part.profile.clone(),
    })
}

/// Names and addresses say which row is meant, so none may come twice.
fn check_unique(connections: &[ConnectionSetup]) -> anyhow::Result<()> {
    let mut names = BTreeSet::new();
    let mut addresses = BTreeMap::new();
    for (index, connection) in connections.iter().enumerate() {
        if !names.insert(&connection.name) {
            bail!("connections[{index}].name: another connection has this name");
        }
        for (place, mailbox) in connection.mailboxes.iter().enumerate() {
            let all = core::iter::once(&mailbox.address).chain(&mailbox.aliases);
            for address in all {
                if let Some(other) = addresses.insert(address, (index, place))
                    && other != (index, place)
                {
                    bail!(
                        "connections[{index}].mailboxes[{place}]: another mailbox has the same address"
                    );
                }
            }
        }
    }
    Ok(())
}

/// Reads the members of an array; errors name the place.
fn each<P, T>(
    name: &str,
    parts: &[P],
    read: impl Fn(&P) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    parts
        .iter()
        .enumerate()
        .map(|(index, part)| read(part).with_context(|| format!("{name}[{index}]")))
        .collect()
}

/// A secret that stands alone in a file; white space around it does not count.
///
/// # Errors
/// When the file cannot be read, is too large or holds nothing.
pub(crate) fn read_secret(file: &Path) -> anyhow::Result<SecretString> {
    let text = read_text(file)?;
    let text = text.trim();
    if text.is_empty() {
        bail!("{}: the secret is empty", file.display());
    }
    Ok(SecretString::from(text))
}

fn read_text(file: &Path) -> anyhow::Result<String> {
    let name = || file.display().to_string();
    let length = fs::metadata(file).with_context(name)?.len();
    if length > FILE_BYTES_MAX {
        bail!("{}: the file is larger than 4 MB", name());
    }
    fs::read_to_string(file).with_context(name)
}

#[cfg(test)]
mod tests;

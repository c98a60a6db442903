//! The settings of a connection over Graph, from whatever source: checked, and made into what a row
//! and the secret store hold.

mod credential;

use jiff::Timestamp;
use secrecy::SecretString;
use tidemark_identity::{Cloud as Servers, Tenant};
use tidemark_jscalendar::Problem;
use tidemark_store::records::{Cloud, ConnectionId, CredentialKind, GraphAccess, GraphCredential};
use uuid::Uuid;

use crate::border::{CredentialSettings, GraphChange, GraphSettings};

use self::credential::{Entered, Refused, check_kind, enter};

/// How long a credential that we make is good for: Microsoft recommends less than a year, and the
/// alarms begin 60 days before the end.
pub(crate) const CREDENTIAL_LIFE: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 180);

/// Hosts of EWS in Microsoft's clouds, which take no password any more.
const CLOUD_HOSTS: [&str; 6] = [
    "outlook.office365.com",
    "outlook.office.com",
    "outlook.office365.us",
    "outlook-dod.office365.us",
    "webmail.apps.mil",
    "partner.outlook.cn",
];

/// Where settings are to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Now.
    pub now: Timestamp,
    /// Whether the program runs on a platform that vouches for it.
    pub is_on_aws: bool,
    /// Whether they stand in a file, which is read again at every start.
    pub is_file: bool,
}

/// Settings that can work: what the row holds, and the secrets to be put under the names that it
/// gives them, before it is saved.
pub struct GraphEntry {
    /// For the row.
    pub access: GraphAccess,
    /// Names and values of secrets.
    pub secrets: Vec<(String, SecretString)>,
}

impl core::fmt::Debug for GraphEntry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "GraphEntry({} secrets)", self.secrets.len())
    }
}

impl GraphSettings {
    /// The application as a row names it, without its credentials.
    pub fn to_access(&self) -> GraphAccess {
        GraphAccess {
            tenant: self.tenant.trim().to_owned(),
            client: self.client.trim().to_owned(),
            cloud: self.cloud.clone(),
            ..blank()
        }
    }
}

const fn blank() -> GraphAccess {
    GraphAccess {
        tenant: String::new(),
        client: String::new(),
        cloud: Cloud::Global,
        credentials: Vec::new(),
        application_object: None,
        renews: false,
        rich_notifications: false,
    }
}

/// Brings the settings of a connection to what `change` says; `before` is none for a new one. All
/// that is wrong is told at once, at pointers below `/graph`.
///
/// # Errors
/// What cannot work, each with its mend.
pub fn enter_graph(
    id: ConnectionId,
    before: Option<&GraphAccess>,
    change: GraphChange,
    place: Place,
) -> Result<GraphEntry, Vec<Problem>> {
    bring(id, before, change, place, true)
}

/// Says what is wrong with settings, and makes nothing.
///
/// # Errors
/// As [`enter_graph`].
pub fn check_graph(settings: GraphSettings, place: Place) -> Result<(), Vec<Problem>> {
    bring(ConnectionId::new(Uuid::nil()), None, settings.into(), place, false).map(drop)
}

fn bring(
    id: ConnectionId,
    before: Option<&GraphAccess>,
    change: GraphChange,
    place: Place,
    makes: bool,
) -> Result<GraphEntry, Vec<Problem>> {
    let access = before.cloned().unwrap_or_else(blank);
    let (secrets, problems) = (Vec::new(), Vec::new());
    let mut entering = Entering { id, place, makes, access, secrets, problems };
    entering.names(&change);
    entering.object(change.application_object);
    entering.credentials(change.credential, change.second_credential);
    entering.switches(change.renew_credentials, change.rich_notifications);
    if let Some(before) = before {
        entering.keeps_to_itself(before);
    }
    if entering.problems.is_empty() {
        Ok(GraphEntry { access: entering.access, secrets: entering.secrets })
    } else {
        Err(entering.problems)
    }
}

struct Entering {
    id: ConnectionId,
    place: Place,
    /// Whether a certificate that is to be made is made.
    makes: bool,
    access: GraphAccess,
    secrets: Vec<(String, SecretString)>,
    problems: Vec<Problem>,
}

impl Entering {
    fn wrong(&mut self, member: &str, rule: impl Into<String>, mend: &str) {
        let pointer = format!("/graph/{member}");
        self.problems.push(Problem { pointer, rule: rule.into(), mend: mend.to_owned() });
    }

    fn names(&mut self, change: &GraphChange) {
        if let Some(tenant) = &change.tenant {
            match read_tenant(tenant) {
                Ok(tenant) => self.access.tenant = tenant,
                Err(rule) => self.wrong(
                    "tenant",
                    rule,
                    "the directory (tenant) id from the overview of the app registration, or a \
                     verified domain such as contoso.onmicrosoft.com",
                ),
            }
        }
        if let Some(client) = &change.client {
            match Uuid::try_parse(client.trim()) {
                Ok(id) => self.access.client = id.hyphenated().to_string(),
                Err(_) => self.wrong(
                    "client",
                    "it is no GUID",
                    "the application (client) id from the overview of the app registration",
                ),
            }
        }
        if let Some(cloud) = &change.cloud {
            if let Cloud::Other { authority, graph } = cloud
                && let Err(error) = Servers::other(authority, graph)
            {
                self.wrong(
                    "cloud",
                    error.to_string(),
                    "global, us-government, us-government-dod or china",
                );
            }
            self.access.cloud = cloud.clone();
        }
    }

    #[expect(clippy::option_option, reason = "absent, forgotten and entered are three things")]
    fn object(&mut self, object: Option<Option<String>>) {
        let Some(object) = object else { return };
        let Some(text) = object else {
            self.access.application_object = None;
            return;
        };
        let id = Uuid::try_parse(text.trim()).map(|id| id.hyphenated().to_string());
        if id.is_err() {
            self.wrong(
                "applicationObject",
                "it is no GUID",
                "the object id of the app registration, not of the enterprise application",
            );
        } else if id.as_ref() == Ok(&self.access.client) {
            self.wrong(
                "applicationObject",
                "it is the application (client) id",
                "the object id, which stands on the same page of the app registration",
            );
        }
        self.access.application_object = Some(id.unwrap_or(text));
    }

    fn switches(&mut self, renews: Option<bool>, rich: Option<bool>) {
        self.access.rich_notifications = rich.unwrap_or(self.access.rich_notifications);
        let made = self.access.credentials.first().is_some_and(|first| first.made_at.is_some());
        // What stands in a file comes back with the next start, so only somebody can replace it.
        let may = !self.place.is_file || made;
        self.access.renews = renews.map_or(self.access.renews, |renews| renews && may);
        if self.access.renews && self.access.application_object.is_none() {
            self.wrong(
                "applicationObject",
                "credentials cannot be replaced without the object id of the app registration",
                "the object id, or renewCredentials false",
            );
        }
    }

    #[expect(clippy::option_option, reason = "absent, taken out and entered are three things")]
    fn credentials(
        &mut self,
        first: Option<Option<CredentialSettings>>,
        second: Option<Option<CredentialSettings>>,
    ) {
        let before = core::mem::take(&mut self.access.credentials);
        let mut before = before.into_iter();
        let (known, other) = (before.next(), before.next());
        let taken = |one: &Option<GraphCredential>| {
            one.as_ref().and_then(GraphCredential::secret_name).map(str::to_owned)
        };
        let (known_name, other_name) = (taken(&known), taken(&other));
        let first = match first {
            None => known,
            Some(None) => None,
            Some(Some(new)) => self.credential("credential", &new, known, other_name.as_deref()),
        };
        let name = taken(&first).or(known_name);
        let second = match second {
            None => other,
            Some(None) => None,
            Some(Some(new)) => self.credential("secondCredential", &new, other, name.as_deref()),
        };
        self.access.credentials = first.into_iter().chain(second).collect();
        if self.access.credentials.is_empty() && self.problems.is_empty() {
            self.wrong(
                "credential",
                "the application would have nothing to prove itself with",
                "another credential first, as secondCredential",
            );
        }
    }

    /// Enters a credential in the place of `known`; `other` is the name of the other one's secret.
    fn credential(
        &mut self,
        member: &str,
        new: &CredentialSettings,
        known: Option<GraphCredential>,
        other: Option<&str>,
    ) -> Option<GraphCredential> {
        if let Err(refused) = check_kind(new) {
            self.refuse(member, refused);
            return known;
        }
        // One that was made before is the one that was uploaded.
        let is_made = known.as_ref().is_some_and(|known| known.made_at.is_some());
        if new.make_certificate && self.place.is_file && is_made {
            return known;
        }
        if new.make_certificate && !self.makes {
            let kind = kind_of(CERTIFICATE, free_name(self.id, CERTIFICATE, other));
            let made_at = Some(self.place.now);
            return Some(GraphCredential { kind, expires_at: None, made_at });
        }
        let entered = match enter(new, &self.access.cloud, self.place) {
            Ok(entered) => entered,
            Err(refused) => {
                self.refuse(member, refused);
                return known;
            }
        };
        let (word, value, expires_at, made_at) = match entered {
            Entered::AwsFederation => {
                return Some(GraphCredential {
                    kind: CredentialKind::AwsFederation,
                    expires_at: None,
                    made_at: None,
                });
            }
            Entered::Made { pem, ends } => (CERTIFICATE, pem, Some(ends), Some(self.place.now)),
            Entered::Certificate { pem, ends } => (CERTIFICATE, pem, Some(ends), None),
            Entered::Secret { value, ends } => (SECRET, value, ends, None),
        };
        let name = self.secret_name(word, known.as_ref(), other);
        self.secrets.push((name.clone(), value));
        let kind = kind_of(word, name);
        // What rotation noted of a secret that a file names stays; a file does not say it again.
        let noted = known.filter(|known| self.place.is_file && known.kind == kind);
        let expires_at = expires_at.or_else(|| noted.and_then(|known| known.expires_at));
        Some(GraphCredential { kind, expires_at, made_at })
    }

    fn refuse(&mut self, member: &str, refused: Refused) {
        let member = match refused.member {
            "" => member.to_owned(),
            part => format!("{member}/{part}"),
        };
        self.wrong(&member, refused.rule, refused.mend);
    }

    /// The name that the place had for a credential of this kind, else one that is free.
    fn secret_name(
        &self,
        word: &str,
        known: Option<&GraphCredential>,
        other: Option<&str>,
    ) -> String {
        let known = known.filter(|known| kind_word(known) == Some(word));
        match known.and_then(GraphCredential::secret_name) {
            Some(name) => name.to_owned(),
            None => free_name(self.id, word, other),
        }
    }

    /// A stored secret goes to no other application, tenant or cloud than it was entered for.
    fn keeps_to_itself(&mut self, before: &GraphAccess) {
        let is_same = before.tenant == self.access.tenant
            && before.client == self.access.client
            && before.cloud == self.access.cloud;
        if is_same {
            return;
        }
        let kept = self.access.credentials.iter().any(|credential| {
            let name = credential.secret_name();
            matches!(credential.kind, CredentialKind::Secret { .. })
                && !self.secrets.iter().any(|(entered, _)| name == Some(entered.as_str()))
        });
        if kept {
            self.wrong(
                "credential",
                "a stored client secret is not used for another application, tenant or cloud",
                "the credential again, along with the change",
            );
        }
    }
}

/// What the names of secrets with certificates end with.
pub(crate) const CERTIFICATE: &str = "certificate";
/// And those with client secrets.
pub(crate) const SECRET: &str = "client-secret";

/// The kind that a word stands for.
pub(crate) fn kind_of(word: &str, secret_name: String) -> CredentialKind {
    if word == CERTIFICATE {
        CredentialKind::Certificate { secret_name }
    } else {
        CredentialKind::Secret { secret_name }
    }
}

pub(crate) fn kind_word(credential: &GraphCredential) -> Option<&'static str> {
    match credential.kind {
        CredentialKind::Certificate { .. } => Some(CERTIFICATE),
        CredentialKind::Secret { .. } => Some(SECRET),
        CredentialKind::AwsFederation => None,
    }
}

/// The first name for a connection's secret of this kind that `other` does not have.
pub(crate) fn free_name(id: ConnectionId, word: &str, other: Option<&str>) -> String {
    let name = format!("connections/{}/{word}", id.uuid());
    if other == Some(name.as_str()) { format!("{name}-2") } else { name }
}

fn read_tenant(text: &str) -> Result<String, String> {
    let tenant = Tenant::parse(text).map_err(|error| error.to_string())?;
    let name = tenant.as_str();
    match Uuid::try_parse(name) {
        Ok(id) => Ok(id.hyphenated().to_string()),
        Err(_) if name.contains('.') => Ok(name.to_owned()),
        Err(_) => Err("it is neither a GUID nor a domain".to_owned()),
    }
}

/// Why the password of an account is of no use for EWS at this URL; none where it may be.
///
/// W12: Exchange Online switched Basic authentication off for EWS, for app passwords too (page
/// "deprecation-of-basic-authentication-exchange-online").
pub fn password_refusal(url: &str) -> Option<&'static str> {
    let uri: http::Uri = url.trim().parse().ok()?;
    let host = uri.host()?;
    CLOUD_HOSTS.iter().any(|cloud| host.eq_ignore_ascii_case(cloud)).then_some(
        "Exchange Online takes no passwords, and no app passwords either: an app password goes \
         around the second factor, and Microsoft switched both off",
    )
}

/// What mends it.
pub const PASSWORD_MEND: &str =
    "an application instead, as graph, with a certificate: see docs/exchange-online.md";

//! Connections over Microsoft Graph as administrators set them, through the API and in the
//! configuration file alike.

use core::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tidemark_store::records::Cloud;

use super::CertificateView;

/// The application that a connection logs on to Graph as. `S` is what stands for a secret: the text
/// itself, or in a file the place where it stands. `Debug` shows nothing of it.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GraphSettings<S = SecretString> {
    /// Directory (tenant) id, or one of its verified domains.
    pub tenant: String,
    /// Application (client) id.
    pub client: String,
    /// The cloud that the tenant lives in; the worldwide one unless said.
    #[serde(default = "worldwide")]
    pub cloud: Cloud,
    /// What the application proves itself with.
    pub credential: CredentialSettings<S>,
    /// Tried when the first one is refused, so that two overlap while one replaces the other.
    #[serde(default = "none")]
    pub second_credential: Option<CredentialSettings<S>>,
    /// Object id of the app registration: needed to replace credentials by ourselves.
    #[serde(default)]
    pub application_object: Option<String>,
    /// Whether a credential that ends soon is replaced by ourselves; where the object id is given
    /// unless said.
    #[serde(default)]
    pub renew_credentials: Option<bool>,
    /// Whether notifications bring encrypted content, and so a proof of who sent them.
    #[serde(default)]
    pub rich_notifications: bool,
}

/// One credential: exactly one of certificate, secret, `make_certificate` and `aws_federation`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialSettings<S = SecretString> {
    /// A certificate, PEM, with its private key or without.
    #[serde(default = "none")]
    pub certificate: Option<S>,
    /// The certificate's private key, PEM, where it does not stand beside it.
    #[serde(default = "none")]
    pub key: Option<S>,
    /// A client secret: its value, not its id.
    #[serde(default = "none")]
    pub secret: Option<S>,
    /// When the client secret ends, where that is known.
    #[serde(default)]
    pub secret_ends: Option<Timestamp>,
    /// A certificate that we make; its public part is for the administrator to upload.
    #[serde(default)]
    pub make_certificate: bool,
    /// The identity that AWS gives the running function: nothing is stored.
    #[serde(default)]
    pub aws_federation: bool,
}

/// What is to change about the application of a connection; what is none stays.
#[derive(Clone, Default)]
pub struct GraphChange {
    /// Directory id or domain.
    pub tenant: Option<String>,
    /// Application (client) id.
    pub client: Option<String>,
    /// The cloud.
    pub cloud: Option<Cloud>,
    /// The first credential; `Some(None)` takes it out, and the second one takes its place.
    pub credential: Option<Option<CredentialSettings>>,
    /// The second credential; `Some(None)` takes it out.
    pub second_credential: Option<Option<CredentialSettings>>,
    /// Object id of the app registration; `Some(None)` forgets it.
    pub application_object: Option<Option<String>>,
    /// Whether credentials are replaced by ourselves.
    pub renew_credentials: Option<bool>,
    /// Whether notifications bring encrypted content.
    pub rich_notifications: Option<bool>,
}

impl<S> Default for CredentialSettings<S> {
    fn default() -> Self {
        Self {
            certificate: None,
            key: None,
            secret: None,
            secret_ends: None,
            make_certificate: false,
            aws_federation: false,
        }
    }
}

impl<S> GraphSettings<S> {
    /// The same with every secret read from where it stands.
    ///
    /// # Errors
    /// What `read` says, with the member that it said it of.
    pub fn read_secrets<E>(
        &self,
        read: impl Fn(&str, &S) -> Result<SecretString, E>,
    ) -> Result<GraphSettings, E> {
        let second = self.second_credential.as_ref();
        Ok(GraphSettings {
            tenant: self.tenant.clone(),
            client: self.client.clone(),
            cloud: self.cloud.clone(),
            credential: self.credential.read_secrets("credential", &read)?,
            second_credential: second
                .map(|second| second.read_secrets("secondCredential", &read))
                .transpose()?,
            application_object: self.application_object.clone(),
            renew_credentials: self.renew_credentials,
            rich_notifications: self.rich_notifications,
        })
    }
}

impl CredentialSettings {
    /// Certificate and key as one PEM text.
    pub fn pem(&self) -> Option<SecretString> {
        let pem = self.certificate.as_ref()?;
        let Some(key) = &self.key else { return Some(pem.clone()) };
        let (key, pem) = (key.expose_secret().trim(), pem.expose_secret().trim());
        Some(SecretString::from(format!("{key}\n{pem}\n")))
    }
}

impl<S> CredentialSettings<S> {
    fn read_secrets<E>(
        &self,
        name: &str,
        read: &impl Fn(&str, &S) -> Result<SecretString, E>,
    ) -> Result<CredentialSettings, E> {
        let one = |member: &str, secret: &Option<S>| {
            secret.as_ref().map(|it| read(&format!("{name}.{member}"), it)).transpose()
        };
        Ok(CredentialSettings {
            certificate: one("certificate", &self.certificate)?,
            key: one("key", &self.key)?,
            secret: one("secret", &self.secret)?,
            secret_ends: self.secret_ends,
            make_certificate: self.make_certificate,
            aws_federation: self.aws_federation,
        })
    }
}

impl From<GraphSettings> for GraphChange {
    fn from(settings: GraphSettings) -> Self {
        Self {
            tenant: Some(settings.tenant),
            client: Some(settings.client),
            cloud: Some(settings.cloud),
            credential: Some(Some(settings.credential)),
            second_credential: Some(settings.second_credential),
            renew_credentials: settings
                .renew_credentials
                .or(Some(settings.application_object.is_some())),
            application_object: Some(settings.application_object),
            rich_notifications: Some(settings.rich_notifications),
        }
    }
}

const fn worldwide() -> Cloud {
    Cloud::Global
}

/// So that what stands for a secret needs no default of its own.
const fn none<T>() -> Option<T> {
    None
}

impl<S> fmt::Debug for GraphSettings<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphSettings").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for CredentialSettings<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialSettings").finish_non_exhaustive()
    }
}

impl fmt::Debug for GraphChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphChange").finish_non_exhaustive()
    }
}

/// The application of a connection as administrators see it. `Debug` shows no names.
#[derive(Clone, PartialEq, Eq)]
pub struct GraphView {
    /// Directory id or domain.
    pub tenant: String,
    /// Application (client) id.
    pub client: String,
    /// The cloud.
    pub cloud: Cloud,
    /// What it proves itself with, in the order in which it is tried.
    pub credentials: Vec<CredentialView>,
    /// Object id of the app registration.
    pub application_object: Option<String>,
    /// Whether a credential that ends soon is replaced by ourselves.
    pub renews_credentials: bool,
    /// Whether notifications bring encrypted content.
    pub rich_notifications: bool,
}

impl fmt::Debug for GraphView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphView")
            .field("credentials", &self.credentials.len())
            .finish_non_exhaustive()
    }
}

/// A credential without what is secret of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialView {
    /// `certificate`, `secret` or `aws-federation`.
    pub kind: &'static str,
    /// When it ends, RFC 3339, where that is known.
    pub ends: Option<String>,
    /// Whether we made it.
    pub made: bool,
}

/// A credential whose public part was looked up in the secret store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialDetails {
    /// What it is.
    pub credential: CredentialView,
    /// The certificate, where it is one that can be read.
    pub certificate: Option<CertificateView>,
    /// The same as PEM, to be uploaded to the app registration; never its key.
    pub pem: Option<String>,
}

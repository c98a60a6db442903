//! Tokens of connections over Graph: the way from a connection's row to a source of tokens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use secrecy::SecretString;
use tidemark_identity::{
    Application, CertificateKey, Claims, ClientCredential, Entra, Issued, Issuer, Tenant,
    TokenCache, TokenError, WebIdentity,
};
use tidemark_model::OrganisationId;
pub use tidemark_proofs::Connect;
use tidemark_proofs::cloud_of;
use tidemark_store::records::{
    CREDENTIALS_MAX, ConnectionId, ConnectionRow, CredentialKind, GraphAccess, Records, TokenScope,
};
use tidemark_store::{Secrets, StoreError};

use super::shelf::RecordsShelf;
use tidemark_world::World;

/// Connections whose tokens are remembered. Beyond that all are forgotten and looked up again.
const CONNECTIONS_MAX: usize = 256;
/// How long to wait when the store of secrets does not answer.
const SECRETS_WAIT: core::time::Duration = core::time::Duration::from_secs(30);

/// Sources of tokens by connection. One of them per process, so that what a process remembers of a
/// token is in one place.
pub struct Tokens {
    records: Arc<Records>,
    secrets: Arc<dyn Secrets>,
    connect: Connect,
    world: World,
    platform: Option<Arc<dyn WebIdentity>>,
    open: Mutex<HashMap<(OrganisationId, ConnectionId), Open>>,
}

struct Open {
    access: GraphAccess,
    extra_ca_pem: Option<String>,
    cache: Arc<TokenCache>,
}

/// Asks Entra for one connection, with its credentials as they are at that moment.
struct ConnectionIssuer {
    entra: Entra,
    application: Application,
    access: GraphAccess,
    secrets: Arc<dyn Secrets>,
    platform: Option<Arc<dyn WebIdentity>>,
}

impl Tokens {
    /// Sources that share tokens through `records` and read credentials from `secrets`.
    pub fn new(
        records: Arc<Records>,
        secrets: Arc<dyn Secrets>,
        connect: Connect,
        world: World,
    ) -> Self {
        Self { records, secrets, connect, world, platform: None, open: Mutex::default() }
    }

    /// Lets connections prove themselves by the platform that this program runs on.
    #[must_use]
    pub fn with_platform(self, platform: Arc<dyn WebIdentity>) -> Self {
        Self { platform: Some(platform), ..self }
    }

    /// Whether connections can prove themselves by the platform that this program runs on.
    pub fn has_platform(&self) -> bool {
        self.platform.is_some()
    }

    /// The tokens of a connection.
    ///
    /// # Errors
    /// [`TokenError`] when the connection's settings cannot be used.
    pub fn source(
        &self,
        organisation: &OrganisationId,
        row: &ConnectionRow,
    ) -> Result<Arc<TokenCache>, TokenError> {
        let access = row.graph().ok_or_else(|| {
            unusable("The connection does not speak Graph and has no tokens.".to_owned())
        })?;
        let key = (organisation.clone(), row.id);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.get(&key)
            && known.access == *access
            && known.extra_ca_pem == row.extra_ca_pem
        {
            return Ok(Arc::clone(&known.cache));
        }
        let cache = Arc::new(self.cache(organisation, row, access)?);
        if open.len() >= CONNECTIONS_MAX {
            open.clear();
        }
        let known = Open {
            access: access.clone(),
            extra_ca_pem: row.extra_ca_pem.clone(),
            cache: Arc::clone(&cache),
        };
        open.insert(key, known);
        Ok(cache)
    }

    /// Asks for a token of a connection that is kept nowhere and shared with nobody: a preflight looks
    /// at what the authority says now.
    ///
    /// # Errors
    /// [`TokenError`] when the authority gives none, or the settings cannot be used.
    pub async fn issue_apart(&self, row: &ConnectionRow) -> Result<Issued, TokenError> {
        let access = row.graph().ok_or_else(|| {
            unusable("The connection does not speak Graph and has no tokens.".to_owned())
        })?;
        self.issuer(row, access, application_of(access)?)?.issue().await
    }

    fn cache(
        &self,
        organisation: &OrganisationId,
        row: &ConnectionRow,
        access: &GraphAccess,
    ) -> Result<TokenCache, TokenError> {
        let application = application_of(access)?;
        let audience = format!(
            "{} {} {}",
            application.cloud.token_url(&application.tenant),
            application.client,
            application.cloud.scope()
        );
        let issuer = self.issuer(row, access, application)?;
        let scope = TokenScope { organisation: organisation.clone(), connection: row.id, audience };
        let shelf = RecordsShelf { records: Arc::clone(&self.records), scope };
        Ok(TokenCache::new(
            Arc::new(issuer),
            Arc::new(shelf),
            self.world.clock(),
            self.world.entropy(),
        ))
    }

    fn issuer(
        &self,
        row: &ConnectionRow,
        access: &GraphAccess,
        application: Application,
    ) -> Result<ConnectionIssuer, TokenError> {
        let http = (self.connect)(row.extra_ca_pem.as_deref())?;
        Ok(ConnectionIssuer {
            entra: Entra::new(http, self.world.clock(), self.world.entropy()),
            application,
            access: access.clone(),
            secrets: Arc::clone(&self.secrets),
            platform: self.platform.clone(),
        })
    }

    pub(super) fn secrets(&self) -> &dyn Secrets {
        &*self.secrets
    }
}

/// The application that a connection names.
///
/// # Errors
/// [`TokenError`] that names the setting and its mend.
pub fn application_of(access: &GraphAccess) -> Result<Application, TokenError> {
    let tenant = Tenant::parse(&access.tenant)
        .map_err(|error| unusable(format!("The connection's tenant cannot be used: {error}.")))?;
    let client = access.client.trim();
    if uuid::Uuid::try_parse(client).is_err() {
        let text = "The connection's application (client) id is no id: copy it from the overview \
                    of the app registration.";
        return Err(unusable(text.to_owned()));
    }
    let cloud = cloud_of(&access.cloud)
        .map_err(|why| unusable(format!("The connection's cloud cannot be used: {why}.")))?;
    Ok(Application { cloud, tenant, client: client.to_owned() })
}

impl ConnectionIssuer {
    /// The credentials that are there. One that is missing or broken is passed over as long as there
    /// is another one.
    async fn credentials(&self) -> Result<Vec<ClientCredential>, TokenError> {
        let mut usable = Vec::new();
        let mut problem = None;
        for credential in self.access.credentials.iter().take(CREDENTIALS_MAX) {
            match load_credential(&*self.secrets, &credential.kind, self.platform.as_ref()).await {
                Ok(credential) => usable.push(credential),
                Err(later @ TokenError::Later { .. }) => return Err(later),
                Err(refused @ TokenError::Refused { .. }) => problem = Some(refused),
            }
        }
        match (usable.is_empty(), problem) {
            (true, Some(problem)) => Err(problem),
            _ => Ok(usable),
        }
    }
}

#[async_trait]
impl Issuer for ConnectionIssuer {
    async fn issue(&self) -> Result<Issued, TokenError> {
        self.issue_for(None).await
    }

    async fn issue_for(&self, claims: Option<&Claims>) -> Result<Issued, TokenError> {
        let credentials = self.credentials().await?;
        self.entra.issue_for(&self.application, &credentials, claims).await
    }
}

/// A credential ready for use.
pub(super) async fn load_credential(
    secrets: &dyn Secrets,
    kind: &CredentialKind,
    platform: Option<&Arc<dyn WebIdentity>>,
) -> Result<ClientCredential, TokenError> {
    match kind {
        CredentialKind::Secret { secret_name } => {
            Ok(ClientCredential::Secret(read_secret(secrets, secret_name).await?))
        }
        CredentialKind::Certificate { secret_name } => {
            let pem = read_secret(secrets, secret_name).await?;
            let key = CertificateKey::from_pem(&pem).map_err(|error| TokenError::Refused {
                code: "certificate-unusable".to_owned(),
                text: format!("The connection's certificate cannot be used: {error}."),
            })?;
            Ok(ClientCredential::Certificate(Arc::new(key)))
        }
        CredentialKind::AwsFederation => match platform {
            Some(platform) => Ok(ClientCredential::Federated(Arc::clone(platform))),
            None => Err(unusable(
                "The connection relies on the identity that AWS gives, but this program does not \
                 run on AWS: give it a certificate."
                    .to_owned(),
            )),
        },
    }
}

async fn read_secret(secrets: &dyn Secrets, name: &str) -> Result<SecretString, TokenError> {
    match secrets.get(name).await {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(TokenError::Refused {
            code: "credential-missing".to_owned(),
            text: "The connection's credential is not in the secret store: enter it again."
                .to_owned(),
        }),
        Err(error) => Err(unanswered(&error)),
    }
}

fn unanswered(error: &StoreError) -> TokenError {
    tracing::warn!(error = %error, "the secret store does not answer");
    TokenError::Later {
        after: SECRETS_WAIT,
        code: "secrets-unavailable".to_owned(),
        text: "The secret store does not answer; it is asked again by itself.".to_owned(),
    }
}

fn unusable(text: String) -> TokenError {
    TokenError::Refused { code: "connection-settings".to_owned(), text }
}

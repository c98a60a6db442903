//! The four steps in which Secrets Manager has a credential replaced
//! (AWS Secrets Manager user guide, "Rotation by Lambda function").
//!
//! A step may come twice, late, or after the one that follows it: each looks first at what is there.
//! The credential that was current before stays good until the next rotation, so that two overlap.

mod entra;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use tidemark_identity::{
    ApplicationCredentials, CertificateKey, ClientCredential, CredentialsError, TokenError,
    make_application_certificate,
};
use tidemark_model::OrganisationId;
use tidemark_store::StoreError;
use tidemark_store::records::{
    ConnectionRow, CredentialKind, GraphAccess, Protocol, Records, SaveError,
};

use crate::graph_settings::CREDENTIAL_LIFE as LIFE;
use tidemark_world::World;

pub use entra::EntraAuthority;

/// The label of the version that everybody reads.
pub const CURRENT: &str = "AWSCURRENT";
/// The label of the version that is being made.
pub const PENDING: &str = "AWSPENDING";
/// The label of the version before the current one.
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// What the names of our credentials in the app registration begin with; the version follows.
const NAME: &str = "Tidemark ";

/// A step of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A new credential is made and kept as pending.
    Create,
    /// Entra learns of it.
    Set,
    /// It is tried.
    Test,
    /// It becomes the current one.
    Finish,
}

impl Step {
    /// Reads a step as the event has it. The guide's functions compare with the form in camel case;
    /// its page on parameters writes it with underscores.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "createSecret" | "create_secret" => Some(Self::Create),
            "setSecret" | "set_secret" => Some(Self::Set),
            "testSecret" | "test_secret" => Some(Self::Test),
            "finishSecret" | "finish_secret" => Some(Self::Finish),
            _ => None,
        }
    }

    /// Its stable word, for the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Set => "set",
            Self::Test => "test",
            Self::Finish => "finish",
        }
    }
}

/// What is known of a secret without its values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecretFacts {
    /// Its name, as connections name it.
    pub name: String,
    /// Whether it is rotated at all.
    pub rotated: bool,
    /// The labels of each version.
    pub versions: BTreeMap<String, BTreeSet<String>>,
}

impl SecretFacts {
    fn labelled(&self, label: &str) -> Option<&str> {
        let found = self.versions.iter().find(|(_, labels)| labels.contains(label));
        found.map(|(version, _)| version.as_str())
    }

    fn has(&self, version: &str, label: &str) -> bool {
        self.versions.get(version).is_some_and(|labels| labels.contains(label))
    }
}

/// The versions of secrets, as Secrets Manager keeps them.
#[async_trait]
pub trait SecretVersions: Send + Sync {
    /// What is known of a secret, by name or ARN.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn facts(&self, secret: &str) -> Result<Option<SecretFacts>, StoreError>;

    /// Whether a secret, by the name that connections give it, is replaced by its keeper.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn is_rotated(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.facts(name).await?.is_some_and(|facts| facts.rotated))
    }

    /// A version's value; none when it has none yet.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn value(&self, secret: &str, version: &str) -> Result<Option<SecretString>, StoreError>;

    /// Gives a version its value and the label [`PENDING`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_pending(
        &self,
        secret: &str,
        version: &str,
        value: SecretString,
    ) -> Result<(), StoreError>;

    /// Moves the label [`CURRENT`] to a version, from the one that has it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn make_current(
        &self,
        secret: &str,
        version: &str,
        from: Option<&str>,
    ) -> Result<(), StoreError>;
}

/// What a connection's credential is replaced with: its app registration, and the token service.
#[async_trait]
pub trait Authority: Send + Sync {
    /// The app registration of a connection.
    ///
    /// # Errors
    /// [`TokenError`] when the connection's settings do not suffice.
    fn application(
        &self,
        organisation: &OrganisationId,
        row: &ConnectionRow,
    ) -> Result<Arc<dyn ApplicationCredentials>, TokenError>;

    /// Whether a credential is accepted.
    ///
    /// # Errors
    /// [`TokenError`] when it is not.
    async fn try_credential(
        &self,
        row: &ConnectionRow,
        credential: ClientCredential,
    ) -> Result<(), TokenError>;
}

/// Why a step did not succeed. Secrets Manager tries again and shows the text.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RotationError {
    /// The event is not for this secret as it is.
    #[error("{0}")]
    NotDue(&'static str),
    /// No connection has its credential in this secret.
    #[error("no connection has its credential in this secret")]
    Unused,
    /// What is kept cannot be used as a credential.
    #[error("{0}")]
    Unusable(String),
    /// The app registration was not changed.
    #[error(transparent)]
    Application(#[from] CredentialsError),
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Replaces credentials.
#[derive(Clone)]
pub struct Rotation {
    /// What is kept.
    pub records: Arc<Records>,
    /// The versions of secrets.
    pub versions: Arc<dyn SecretVersions>,
    /// Entra.
    pub authority: Arc<dyn Authority>,
    /// Time and randomness.
    pub world: World,
}

/// What a step works on.
struct Case {
    facts: SecretFacts,
    organisation: OrganisationId,
    row: ConnectionRow,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Secret,
    Certificate,
}

impl Rotation {
    /// Does one step for the version `token` (`ClientRequestToken`) of a secret. A version that is
    /// current already needs nothing any more.
    ///
    /// # Errors
    /// [`RotationError`].
    pub async fn step(&self, secret: &str, token: &str, step: Step) -> Result<(), RotationError> {
        let facts = self.versions.facts(secret).await?;
        let facts = facts.ok_or(RotationError::NotDue("there is no such secret"))?;
        if !facts.rotated {
            return Err(RotationError::NotDue("the secret is not set up for rotation"));
        }
        if !facts.versions.contains_key(token) {
            return Err(RotationError::NotDue("the secret has no such version"));
        }
        let is_current = facts.has(token, CURRENT);
        if !is_current && !facts.has(token, PENDING) {
            return Err(RotationError::NotDue("the version is not the pending one"));
        }
        let case = self.case(facts).await?;
        match step {
            // What was left to tidy when the last attempt broke off is tidied now.
            Step::Finish if is_current => self.tidy(&case, secret, token).await,
            Step::Create | Step::Set | Step::Test if is_current => Ok(()),
            Step::Create => self.create(&case, secret, token).await,
            Step::Set => self.set(&case, secret, token).await,
            Step::Test => self.test(&case, secret, token).await,
            Step::Finish => self.finish(&case, secret, token).await,
        }
    }

    /// The connection whose credential it is. Rotations are rare enough to look at all of them.
    async fn case(&self, facts: SecretFacts) -> Result<Case, RotationError> {
        for organisation in self.records.organisations().await? {
            for row in self.records.connections(&organisation).await? {
                let row = row.value;
                if let Some(kind) = row.graph().and_then(|access| kind_of(access, &facts.name)) {
                    return Ok(Case { facts, organisation, row, kind });
                }
            }
        }
        Err(RotationError::Unused)
    }

    async fn create(&self, case: &Case, secret: &str, token: &str) -> Result<(), RotationError> {
        if self.versions.value(secret, token).await?.is_some() {
            return Ok(());
        }
        let now = self.world.now();
        let value = match case.kind {
            Kind::Certificate => make_application_certificate("Tidemark", now, LIFE)
                .map_err(|error| RotationError::Unusable(error.to_string()))?,
            // Entra makes the secret itself and tells it once, so it is added in this step already.
            Kind::Secret => {
                let application = self.authority.application(&case.organisation, &case.row)?;
                let name = name_of(token);
                // One whose text was lost when the last attempt broke off is of no use to anybody.
                for lost in application.passwords().await? {
                    if lost.name.as_deref() == Some(name.as_str()) {
                        application.remove_password(&lost.id).await?;
                    }
                }
                let ends = now.saturating_add(LIFE).unwrap_or(Timestamp::MAX);
                application.add_password(&name, ends).await?
            }
        };
        Ok(self.versions.put_pending(secret, token, value).await?)
    }

    async fn set(&self, case: &Case, secret: &str, token: &str) -> Result<(), RotationError> {
        let pending = self.pending(secret, token).await?;
        if case.kind == Kind::Secret {
            return Ok(());
        }
        let certificate = read_certificate(&pending)?;
        // Entra may know it already from an attempt whose answer was lost.
        let known = ClientCredential::Certificate(Arc::new(certificate.clone()));
        match self.authority.try_credential(&case.row, known).await {
            Ok(()) => return Ok(()),
            Err(later @ TokenError::Later { .. }) => return Err(later.into()),
            Err(TokenError::Refused { .. }) => {}
        }
        let current = case.facts.labelled(CURRENT);
        let current = current.ok_or(RotationError::NotDue("the secret has no current version"))?;
        let present = self.versions.value(secret, current).await?;
        let present = present.ok_or(RotationError::NotDue("the current version has no value"))?;
        let present = read_certificate(&present)?;
        let application = self.authority.application(&case.organisation, &case.row)?;
        Ok(application.add_key(&name_of(token), &certificate, &present).await?)
    }

    async fn test(&self, case: &Case, secret: &str, token: &str) -> Result<(), RotationError> {
        let pending = self.pending(secret, token).await?;
        let credential = match case.kind {
            Kind::Secret => ClientCredential::Secret(pending),
            Kind::Certificate => {
                ClientCredential::Certificate(Arc::new(read_certificate(&pending)?))
            }
        };
        Ok(self.authority.try_credential(&case.row, credential).await?)
    }

    /// Nothing becomes current that was not accepted: the steps may come out of order.
    async fn finish(&self, case: &Case, secret: &str, token: &str) -> Result<(), RotationError> {
        self.test(case, secret, token).await?;
        let from = case.facts.labelled(CURRENT);
        self.versions.make_current(secret, token, from).await?;
        let facts = self.versions.facts(secret).await?.unwrap_or_default();
        let case = Case {
            facts,
            organisation: case.organisation.clone(),
            row: case.row.clone(),
            kind: case.kind,
        };
        self.tidy(&case, secret, token).await
    }

    /// Notes when the new credential ends, and removes ours from the app registration but for the
    /// current and the previous one. Where we may not, they end by themselves.
    async fn tidy(&self, case: &Case, secret: &str, token: &str) -> Result<(), RotationError> {
        let current = self.pending(secret, token).await?;
        let application = self.authority.application(&case.organisation, &case.row)?;
        let removed = match case.kind {
            Kind::Secret => {
                self.note_end(case).await?;
                self.remove_old(case, &*application, None).await
            }
            Kind::Certificate => {
                let present = read_certificate(&current)?;
                self.remove_old(case, &*application, Some(&present)).await
            }
        };
        if let Err(error) = removed {
            tracing::warn!(connection.id = %case.row.id, error = %error, "old credential not removed");
        }
        Ok(())
    }

    async fn remove_old(
        &self,
        case: &Case,
        application: &dyn ApplicationCredentials,
        present: Option<&CertificateKey>,
    ) -> Result<(), CredentialsError> {
        let kept: BTreeSet<String> = [CURRENT, PREVIOUS, PENDING]
            .into_iter()
            .filter_map(|label| case.facts.labelled(label))
            .map(name_of)
            .collect();
        let listed = match present {
            Some(_) => application.keys().await?,
            None => application.passwords().await?,
        };
        for old in listed {
            // What others entered by hand is theirs.
            if !old.name.as_ref().is_some_and(|name| name.starts_with(NAME) && !kept.contains(name))
            {
                continue;
            }
            match present {
                Some(present) => application.remove_key(&old.id, present).await?,
                None => application.remove_password(&old.id).await?,
            }
        }
        Ok(())
    }

    /// A secret does not say itself when it ends.
    async fn note_end(&self, case: &Case) -> Result<(), RotationError> {
        let found = self.records.connection(&case.organisation, case.row.id).await?;
        let Some(mut found) = found else {
            return Ok(());
        };
        let ends = self.world.now().saturating_add(LIFE).unwrap_or(Timestamp::MAX);
        if let Protocol::Graph(access) = &mut found.value.protocol {
            for credential in &mut access.credentials {
                let is_it = matches!(
                    &credential.kind,
                    CredentialKind::Secret { secret_name } if *secret_name == case.facts.name
                );
                if is_it {
                    credential.expires_at = Some(ends);
                }
            }
        }
        let revision = Some(found.revision);
        match self.records.save_connection(&case.organisation, &found.value, revision).await {
            Ok(_) => Ok(()),
            Err(SaveError::RevisionMoved) => {
                Err(RotationError::NotDue("the connection was saved in the meantime; try again"))
            }
            Err(SaveError::Store(error)) => Err(error.into()),
        }
    }

    /// The value of the version that is being made.
    async fn pending(&self, secret: &str, token: &str) -> Result<SecretString, RotationError> {
        let value = self.versions.value(secret, token).await?;
        value
            .ok_or(RotationError::NotDue("the pending version has no value: createSecret is first"))
    }
}

fn kind_of(access: &GraphAccess, name: &str) -> Option<Kind> {
    access.credentials.iter().find_map(|credential| match &credential.kind {
        CredentialKind::Secret { secret_name } if secret_name == name => Some(Kind::Secret),
        CredentialKind::Certificate { secret_name } if secret_name == name => {
            Some(Kind::Certificate)
        }
        CredentialKind::Secret { .. }
        | CredentialKind::Certificate { .. }
        | CredentialKind::AwsFederation => None,
    })
}

fn name_of(version: &str) -> String {
    format!("{NAME}{version}")
}

fn read_certificate(pem: &SecretString) -> Result<CertificateKey, RotationError> {
    CertificateKey::from_pem(pem).map_err(|error| {
        RotationError::Unusable(format!("the certificate cannot be used: {error}"))
    })
}

#[cfg(test)]
mod tests;

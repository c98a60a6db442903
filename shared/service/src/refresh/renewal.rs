//! Credentials replaced ahead of their end, step by step over as many passes as it takes.
//!
//! A successor is made and kept beside the present credential, in the second place; Entra learns of it;
//! once Entra accepts it, it takes the first place, and the old one serves as the second until it ends.
//! So two overlap all the time, and a pass that breaks off anywhere is taken up by the next one. Where
//! Secrets Manager rotates a secret itself, it is left alone.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tidemark_identity::{
    ApplicationCredentials, CertificateKey, ClientCredential, CredentialsError, TokenError,
    make_application_certificate,
};
use tidemark_model::OrganisationId;
use tidemark_store::records::{
    ConnectionRow, CredentialKind, Document, GraphAccess, GraphCredential, Protocol, SaveError,
    Trouble,
};

use super::Refresher;
use super::rotation::RotationError;
use super::tokens::load_credential;
use crate::graph_settings::{CREDENTIAL_LIFE, free_name, kind_of, kind_word};

/// So long before its end a credential is replaced.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 30);
/// What the codes of troubles begin with that say why none was replaced.
const RENEWAL: &str = "credential-renewal";
/// What the names of our credentials in the app registration begin with; connection and time follow.
const NAME: &str = "Tidemark ";

impl Refresher {
    /// Takes one or more steps towards a credential that lasts. Gives the row as it is then, and what
    /// is to be shown.
    pub(super) async fn renew_credential(
        &self,
        organisation: &OrganisationId,
        row: Document<ConnectionRow>,
    ) -> (Document<ConnectionRow>, Option<Trouble>) {
        let before = row.clone();
        match self.step(organisation, row).await {
            Ok(row) => (row, None),
            Err(
                RotationError::Token(TokenError::Later { code, .. })
                | RotationError::Application(CredentialsError::Token(TokenError::Later {
                    code, ..
                })),
            ) => {
                tracing::info!(connection.id = %before.value.id, code, "credential not replaced yet");
                (before, None)
            }
            Err(error) => {
                let trouble = Trouble {
                    code: RENEWAL.to_owned(),
                    cause: format!("The credential that ends soon is not replaced: {error}."),
                    mend:
                        "Mend that, or enter a new credential as the connection's second one; it \
                           is tried again every few minutes."
                            .to_owned(),
                    since: self.world.now(),
                };
                // A step before it may have saved the row, and what is to be shown is shown now.
                let id = before.value.id;
                let now = self.records.connection(organisation, id).await.ok().flatten();
                (now.unwrap_or(before), Some(trouble))
            }
        }
    }

    async fn step(
        &self,
        organisation: &OrganisationId,
        row: Document<ConnectionRow>,
    ) -> Result<Document<ConnectionRow>, RotationError> {
        let Some(access) = row.value.graph().filter(|access| access.renews) else {
            return Ok(row);
        };
        let now = self.world.now();
        match access.credentials.as_slice() {
            [present] if ends_soon(present, now) && !self.is_rotated(present).await? => {
                let row = self.make_successor(organisation, row).await?;
                self.introduce(organisation, row).await
            }
            [present, next] if is_successor(present, next) => {
                self.introduce(organisation, row).await
            }
            [_, old] if old.expires_at.is_some_and(|end| end <= now) => {
                self.drop_old(organisation, row).await
            }
            _ => Ok(row),
        }
    }

    /// Whether Secrets Manager replaces it.
    async fn is_rotated(&self, credential: &GraphCredential) -> Result<bool, RotationError> {
        match (&self.versions, credential.secret_name()) {
            (Some(versions), Some(name)) => Ok(versions.is_rotated(name).await?),
            _ => Ok(false),
        }
    }

    /// Makes a credential of the same kind and keeps it in the second place.
    async fn make_successor(
        &self,
        organisation: &OrganisationId,
        row: Document<ConnectionRow>,
    ) -> Result<Document<ConnectionRow>, RotationError> {
        let id = row.value.id;
        let present = first(&row.value)?;
        let word = kind_word(present).ok_or(RotationError::Unused)?;
        let now = self.world.now();
        let ends = now.saturating_add(CREDENTIAL_LIFE).unwrap_or(Timestamp::MAX);
        let (value, ends) = match &present.kind {
            CredentialKind::Certificate { .. } => {
                let pem = make_application_certificate("Tidemark", now, CREDENTIAL_LIFE)
                    .map_err(|error| RotationError::Unusable(error.to_string()))?;
                let ends = read(&pem)?.not_after();
                (pem, ends)
            }
            CredentialKind::Secret { .. } => {
                let application = self.authority.application(organisation, &row.value)?;
                self.remove_ours(&row.value, &*application, None).await?;
                (application.add_password(&name_of(&row.value, now), ends).await?, ends)
            }
            CredentialKind::AwsFederation => return Ok(row),
        };
        let name = free_name(id, word, present.secret_name());
        self.tokens.secrets().put(&name, value).await?;
        let next = GraphCredential {
            kind: kind_of(word, name),
            expires_at: Some(ends),
            made_at: Some(now),
        };
        self.save(organisation, row, |access| access.credentials.push(next)).await
    }

    /// Has Entra know the successor, and puts it first once it is accepted, which may take minutes.
    async fn introduce(
        &self,
        organisation: &OrganisationId,
        row: Document<ConnectionRow>,
    ) -> Result<Document<ConnectionRow>, RotationError> {
        let secrets = self.tokens.secrets();
        let known = row.value.graph().map(|access| access.credentials.as_slice());
        let Some([present, next]) = known else { return Ok(row) };
        let credential = load_credential(secrets, &next.kind, None).await?;
        let accepted = self.authority.try_credential(&row.value, credential.clone()).await;
        let added = match (accepted, credential) {
            (Ok(()), _) => true,
            (Err(later @ TokenError::Later { .. }), _) => return Err(later.into()),
            (Err(TokenError::Refused { .. }), ClientCredential::Certificate(certificate)) => {
                let present = load_credential(secrets, &present.kind, None).await?;
                let ClientCredential::Certificate(present) = present else { return Ok(row) };
                self.add_once(organisation, &row.value, next, &certificate, &present).await?;
                let known = ClientCredential::Certificate(certificate);
                self.authority.try_credential(&row.value, known).await.is_ok()
            }
            // Entra made it, and does not know it everywhere yet.
            (Err(TokenError::Refused { .. }), _) => false,
        };
        if added {
            self.save(organisation, row, |access| access.credentials.swap(0, 1)).await
        } else {
            Ok(row)
        }
    }

    /// Adds the certificate unless a list that we may read has it already: Entra takes minutes to
    /// know it everywhere.
    async fn add_once(
        &self,
        organisation: &OrganisationId,
        row: &ConnectionRow,
        next: &GraphCredential,
        certificate: &Arc<CertificateKey>,
        present: &Arc<CertificateKey>,
    ) -> Result<(), RotationError> {
        let application = self.authority.application(organisation, row)?;
        let name = name_of(row, next.made_at.unwrap_or(Timestamp::UNIX_EPOCH));
        let listed = application.keys().await.unwrap_or_default();
        if listed.iter().any(|key| key.name.as_deref() == Some(name.as_str())) {
            return Ok(());
        }
        Ok(application.add_key(&name, certificate, present).await?)
    }

    /// Takes the old credential out of the row, and ours out of the app registration where we may.
    async fn drop_old(
        &self,
        organisation: &OrganisationId,
        row: Document<ConnectionRow>,
    ) -> Result<Document<ConnectionRow>, RotationError> {
        let row = self.save(organisation, row, |access| access.credentials.truncate(1)).await?;
        let present =
            load_credential(self.tokens.secrets(), &first(&row.value)?.kind, None).await?;
        let present = match present {
            ClientCredential::Certificate(key) => Some(key),
            ClientCredential::Secret(_) | ClientCredential::Federated(_) => None,
        };
        let application = self.authority.application(organisation, &row.value)?;
        if let Err(error) = self.remove_ours(&row.value, &*application, present.as_deref()).await {
            tracing::info!(connection.id = %row.value.id, error = %error, "old credential not removed");
        }
        Ok(row)
    }

    /// Removes what we made for this connection and the row does not name any more.
    async fn remove_ours(
        &self,
        row: &ConnectionRow,
        application: &dyn ApplicationCredentials,
        present: Option<&CertificateKey>,
    ) -> Result<(), RotationError> {
        let made = row.graph().into_iter().flat_map(|access| &access.credentials);
        let kept: Vec<String> =
            made.filter_map(|one| one.made_at).map(|at| name_of(row, at)).collect();
        let ours = format!("{NAME}{} ", row.id.uuid());
        let listed = match present {
            Some(_) => application.keys().await?,
            None => application.passwords().await?,
        };
        for old in listed {
            let is_old = old
                .name
                .as_ref()
                .is_some_and(|name| name.starts_with(&ours) && !kept.contains(name));
            match present {
                _ if !is_old => {}
                Some(present) => application.remove_key(&old.id, present).await?,
                None => application.remove_password(&old.id).await?,
            }
        }
        Ok(())
    }

    async fn save(
        &self,
        organisation: &OrganisationId,
        row: Document<ConnectionRow>,
        change: impl FnOnce(&mut GraphAccess),
    ) -> Result<Document<ConnectionRow>, RotationError> {
        let Document { mut value, revision } = row;
        if let Protocol::Graph(access) = &mut value.protocol {
            change(access);
        }
        match self.records.save_connection(organisation, &value, Some(revision)).await {
            Ok(revision) => {
                tracing::info!(connection.id = %value.id, "credential of the connection moved on");
                Ok(Document { value, revision })
            }
            Err(SaveError::RevisionMoved) => {
                Err(RotationError::NotDue("the connection was saved in the meantime; try again"))
            }
            Err(SaveError::Store(error)) => Err(error.into()),
        }
    }
}

/// Whether a trouble was written here.
pub(super) fn is_renewal(trouble: &Trouble) -> bool {
    trouble.code == RENEWAL
}

fn first(row: &ConnectionRow) -> Result<&GraphCredential, RotationError> {
    row.graph().and_then(|access| access.credentials.first()).ok_or(RotationError::Unused)
}

fn ends_soon(credential: &GraphCredential, now: Timestamp) -> bool {
    credential.expires_at.is_some_and(|end| end.duration_since(now) <= AHEAD)
}

/// Whether the second one is to replace the first: we made it, and later.
fn is_successor(present: &GraphCredential, next: &GraphCredential) -> bool {
    next.made_at.is_some() && next.made_at > present.made_at
}

fn name_of(row: &ConnectionRow, made_at: Timestamp) -> String {
    format!("{NAME}{} {made_at}", row.id.uuid())
}

fn read(pem: &SecretString) -> Result<CertificateKey, RotationError> {
    CertificateKey::from_pem(pem).map_err(|error| RotationError::Unusable(error.to_string()))
}

//! The application of a connection over Graph, as administrators see it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tidemark_identity::{CertificateKey, CertificateKeyError};
use tidemark_store::records::{CredentialKind, GraphAccess, GraphCredential};
use tidemark_transport::describe_certificates;
use uuid::Uuid;

use super::certificate_view;
use crate::border::{Caller, CredentialDetails, CredentialView, GraphView, Refusal};
use crate::service::Service;

/// Characters of a line of PEM (RFC 7468 2).
const PEM_LINE: usize = 64;

impl Service {
    /// The credentials with what is public of them. One that cannot be read shows no certificate; why
    /// stands among the connection's errors.
    pub(in crate::api) async fn list_credentials(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Vec<CredentialDetails>, Refusal> {
        let row = self.find_connection(caller, id).await?.value;
        let Some(access) = row.graph() else {
            let text = "the connection speaks EWS: it has no application of Graph's";
            return Err(Refusal::Conflict(text.to_owned()));
        };
        let mut all = Vec::new();
        for credential in &access.credentials {
            let pem = self.public_part(credential).await?;
            let facts = pem.as_deref().and_then(|pem| describe_certificates(pem).ok());
            all.push(CredentialDetails {
                credential: view_of_credential(credential),
                certificate: facts.and_then(|facts| facts.into_iter().next()).map(certificate_view),
                pem,
            });
        }
        Ok(all)
    }

    async fn public_part(&self, credential: &GraphCredential) -> Result<Option<String>, Refusal> {
        let CredentialKind::Certificate { secret_name } = &credential.kind else {
            return Ok(None);
        };
        let read = self.secrets.get(secret_name).await?;
        let key: Option<Result<_, CertificateKeyError>> =
            read.as_ref().map(CertificateKey::from_pem);
        Ok(key.and_then(Result::ok).map(|key| pem_of(key.certificate())))
    }
}

pub(super) fn view_of(access: &GraphAccess) -> GraphView {
    GraphView {
        tenant: access.tenant.clone(),
        client: access.client.clone(),
        cloud: access.cloud.clone(),
        credentials: access.credentials.iter().map(view_of_credential).collect(),
        application_object: access.application_object.clone(),
        renews_credentials: access.renews,
        rich_notifications: access.rich_notifications,
    }
}

fn view_of_credential(credential: &GraphCredential) -> CredentialView {
    CredentialView {
        kind: match credential.kind {
            CredentialKind::Certificate { .. } => "certificate",
            CredentialKind::Secret { .. } => "secret",
            CredentialKind::AwsFederation => "aws-federation",
        },
        ends: credential.expires_at.map(|at| at.to_string()),
        made: credential.made_at.is_some(),
    }
}

/// A certificate as PEM (RFC 7468 5).
fn pem_of(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while let Some((line, after)) = rest.split_at_checked(PEM_LINE) {
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    if !rest.is_empty() {
        pem.push_str(rest);
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

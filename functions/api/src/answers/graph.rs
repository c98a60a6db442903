//! What answers about the application of a connection over Graph look like.

use serde::Serialize;
use tidemark_service::border::{CloudName, CredentialDetails, CredentialView, GraphView};
use utoipa::ToSchema;

use super::connections::Certificate;
use crate::commands::CloudForm;

/// The application of a connection over Graph, without its secrets.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Graph {
    /// Directory (tenant) id or domain.
    tenant: String,
    /// Application (client) id.
    client: String,
    /// The cloud that the tenant lives in.
    #[schema(value_type = CloudForm)]
    cloud: CloudName,
    /// What the application proves itself with, in the order in which it is tried.
    credentials: Vec<Credential>,
    /// Object id of the app registration.
    #[schema(required)]
    application_object: Option<String>,
    /// Whether a credential is replaced 30 days before its end.
    renews_credentials: bool,
    /// Whether notifications bring encrypted content.
    rich_notifications: bool,
}

impl From<GraphView> for Graph {
    fn from(view: GraphView) -> Self {
        Self {
            tenant: view.tenant,
            client: view.client,
            cloud: view.cloud,
            credentials: view.credentials.into_iter().map(Credential::from).collect(),
            application_object: view.application_object,
            renews_credentials: view.renews_credentials,
            rich_notifications: view.rich_notifications,
        }
    }
}

/// A credential, without what is secret of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Credential {
    /// `certificate`, `secret` or `aws-federation`.
    #[schema(value_type = String, example = "certificate")]
    kind: &'static str,
    /// When it ends, RFC 3339, where that is known.
    #[schema(required)]
    ends: Option<String>,
    /// Whether it was made here.
    made: bool,
}

impl From<CredentialView> for Credential {
    fn from(view: CredentialView) -> Self {
        Self { kind: view.kind, ends: view.ends, made: view.made }
    }
}

/// The credentials of a connection.
#[derive(Serialize, ToSchema)]
pub(crate) struct Credentials {
    pub(crate) credentials: Vec<PublicCredential>,
}

/// A credential with its public part.
#[derive(Serialize, ToSchema)]
pub(crate) struct PublicCredential {
    /// `certificate`, `secret` or `aws-federation`.
    #[schema(value_type = String, example = "certificate")]
    kind: &'static str,
    /// When it ends, RFC 3339, where that is known.
    #[schema(required)]
    ends: Option<String>,
    /// Whether it was made here.
    made: bool,
    /// What the certificate says, where it is one that can be read.
    #[schema(required)]
    certificate: Option<Certificate>,
    /// The certificate as PEM, to be uploaded to the app registration; never its key.
    #[schema(required)]
    pem: Option<String>,
}

impl From<CredentialDetails> for PublicCredential {
    fn from(details: CredentialDetails) -> Self {
        Self {
            kind: details.credential.kind,
            ends: details.credential.ends,
            made: details.credential.made,
            certificate: details.certificate.map(Certificate::from),
            pem: details.pem,
        }
    }
}

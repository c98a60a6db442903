//! The application of a connection over Graph, in commands. What is read is the border's own form,
//! which the configuration file has too; the structs named `…Form` describe it.

use serde::Deserialize;
use tidemark_service::border::{CloudName, CredentialSettings, GraphChange};
use utoipa::ToSchema;

use super::connections::present;

/// The application that a connection logs on to Microsoft Graph as.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = GraphSettings)]
#[expect(dead_code, reason = "it describes the border's form, which tests hold it to")]
pub(crate) struct GraphForm {
    /// Directory (tenant) id, or one of its verified domains.
    #[schema(example = "contoso.onmicrosoft.com")]
    tenant: String,
    /// Application (client) id.
    #[schema(example = "6f1c2d3e-0000-4000-8000-1a2b3c4d5e6f")]
    client: String,
    /// The cloud that the tenant lives in; the worldwide one unless said.
    #[schema(required = false)]
    cloud: CloudForm,
    /// What the application proves itself with.
    credential: CredentialForm,
    /// Tried when the first one is refused.
    second_credential: Option<CredentialForm>,
    /// Object id of the app registration: needed to replace credentials by ourselves.
    application_object: Option<String>,
    /// Whether a credential is replaced 30 days before its end; where the object id is given unless
    /// said.
    renew_credentials: Option<bool>,
    /// Whether notifications bring encrypted content, and so a proof of who sent them.
    #[schema(required = false)]
    rich_notifications: bool,
}

/// What is to change about the application; what is absent stays.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = GraphChange)]
#[expect(dead_code, reason = "it describes the form below, which tests hold it to")]
pub(crate) struct GraphChangeForm {
    /// Directory id or domain. A stored client secret has to be entered again with it.
    #[schema(nullable = false)]
    tenant: Option<String>,
    /// Application (client) id. A stored client secret has to be entered again with it.
    #[schema(nullable = false)]
    client: Option<String>,
    /// The cloud. A stored client secret has to be entered again with it.
    #[schema(nullable = false)]
    cloud: Option<CloudForm>,
    /// The first credential; `null` takes it out, and the second one takes its place.
    credential: Option<CredentialForm>,
    /// The second credential; `null` takes it out.
    second_credential: Option<CredentialForm>,
    /// Object id of the app registration; `null` forgets it.
    application_object: Option<String>,
    /// Whether credentials are replaced by ourselves.
    #[schema(nullable = false)]
    renew_credentials: Option<bool>,
    /// Whether notifications bring encrypted content.
    #[schema(nullable = false)]
    rich_notifications: Option<bool>,
}

/// One credential: exactly one of `certificate`, `secret`, `makeCertificate` and `awsFederation`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = CredentialSettings)]
#[expect(dead_code, reason = "it describes the border's form, which tests hold it to")]
pub(crate) struct CredentialForm {
    /// A certificate, PEM, with its private key or without.
    #[schema(write_only)]
    certificate: Option<String>,
    /// The certificate's private key, PEM, where it does not stand beside it.
    #[schema(format = Password, write_only)]
    key: Option<String>,
    /// A client secret: its value, not its id.
    #[schema(format = Password, write_only)]
    secret: Option<String>,
    /// When the client secret ends, RFC 3339, where that is known.
    #[schema(example = "2027-06-01T00:00:00Z")]
    secret_ends: Option<String>,
    /// A certificate that is made here; its public part is for you to upload.
    #[schema(required = false)]
    make_certificate: bool,
    /// The identity that AWS gives the running function: nothing is stored.
    #[schema(required = false)]
    aws_federation: bool,
}

/// A Microsoft cloud.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case", as = Cloud)]
#[expect(dead_code, reason = "it describes the border's form, which tests hold it to")]
pub(crate) enum CloudForm {
    /// The worldwide cloud, and US Government GCC.
    Global,
    /// US Government L4 (GCC High).
    UsGovernment,
    /// US Government L5 (DoD).
    UsGovernmentDod,
    /// China, operated by 21Vianet.
    China,
    /// Other servers, such as a simulator's.
    Other {
        /// Root of the token service.
        authority: String,
        /// Root of Graph.
        graph: String,
    },
}

/// What is to change about the application, as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(clippy::option_option, reason = "absent, null and a value mean three things")]
pub(crate) struct GraphPatch {
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    client: Option<String>,
    #[serde(default)]
    cloud: Option<CloudName>,
    #[serde(default, deserialize_with = "present")]
    credential: Option<Option<CredentialSettings>>,
    #[serde(default, deserialize_with = "present")]
    second_credential: Option<Option<CredentialSettings>>,
    #[serde(default, deserialize_with = "present")]
    application_object: Option<Option<String>>,
    #[serde(default)]
    renew_credentials: Option<bool>,
    #[serde(default)]
    rich_notifications: Option<bool>,
}

impl From<GraphPatch> for GraphChange {
    fn from(patch: GraphPatch) -> Self {
        Self {
            tenant: patch.tenant,
            client: patch.client,
            cloud: patch.cloud,
            credential: patch.credential,
            second_credential: patch.second_credential,
            application_object: patch.application_object,
            renew_credentials: patch.renew_credentials,
            rich_notifications: patch.rich_notifications,
        }
    }
}

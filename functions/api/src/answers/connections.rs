//! What answers about connections look like.

use serde::Serialize;
use tidemark_service::border::{CertificateView, ConnectionView, ServerCertificateView};
use utoipa::ToSchema;
use uuid::Uuid;

use super::MailboxError;
use super::graph::Graph;

/// The connections.
#[derive(Serialize, ToSchema)]
pub(crate) struct Connections {
    pub(crate) connections: Vec<Connection>,
    /// Always `null`: there are few.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// A connection to an Exchange, without its secrets.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connection {
    /// Its id.
    id: Uuid,
    /// What people call it.
    name: String,
    /// `ews` or `graph`.
    #[schema(value_type = String, example = "ews")]
    protocol: &'static str,
    /// URL of the EWS end point; `null` over Graph.
    #[schema(required, example = "https://mail.example/EWS/Exchange.asmx")]
    url: Option<String>,
    /// Name of the account that logs on; `null` over Graph.
    #[schema(required, example = "CORP\\svc-tidemark")]
    account: Option<String>,
    /// Whether the account impersonates the owners of the mailboxes.
    impersonate: bool,
    /// The application; `null` over EWS.
    #[schema(required)]
    graph: Option<Graph>,
    /// The authorities that are trusted besides the public ones.
    extra_ca: Vec<Certificate>,
    /// SHA-256 of the only certificate that is trusted, where a person confirmed one.
    #[schema(required)]
    confirmed_certificate: Option<String>,
    /// Whether it is used.
    enabled: bool,
    /// Whether appointments are synced.
    appointments: bool,
    /// How changes in Exchange are noticed: `push` or `poll`.
    #[schema(value_type = String, example = "push")]
    notifications: &'static str,
    /// The version that the server said last.
    #[schema(required)]
    server_version: Option<String>,
    /// Until when the server asked us to wait, RFC 3339.
    #[schema(required)]
    wait_until: Option<String>,
    /// What is wrong now.
    errors: Vec<MailboxError>,
    /// Since when, RFC 3339.
    created: String,
}

impl From<ConnectionView> for Connection {
    fn from(view: ConnectionView) -> Self {
        Self {
            id: view.id,
            name: view.name,
            protocol: view.protocol,
            url: view.url,
            account: view.account,
            impersonate: view.impersonate,
            graph: view.graph.map(Graph::from),
            extra_ca: view.extra_ca.into_iter().map(Certificate::from).collect(),
            confirmed_certificate: view.confirmed_certificate,
            enabled: view.enabled,
            appointments: view.appointments,
            notifications: view.notifications,
            server_version: view.server_version,
            wait_until: view.wait_until,
            errors: view.errors.into_iter().map(MailboxError::from).collect(),
            created: view.created,
        }
    }
}

/// A certificate, as people look at it before they trust it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Certificate {
    /// Who is named in it.
    #[schema(example = "CN=mail.example")]
    subject: String,
    /// Who issued it.
    issuer: String,
    /// SHA-256 of its DER form.
    sha256: String,
    /// When it begins to be valid, RFC 3339.
    not_before: String,
    /// When it ends, RFC 3339.
    not_after: String,
    /// Whether it names itself as its issuer.
    self_signed: bool,
}

impl From<CertificateView> for Certificate {
    fn from(view: CertificateView) -> Self {
        Self {
            subject: view.subject,
            issuer: view.issuer,
            sha256: view.sha256,
            not_before: view.not_before,
            not_after: view.not_after,
            self_signed: view.self_signed,
        }
    }
}

/// The certificate that the server of a connection shows now.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServerCertificate {
    /// What it says.
    certificate: Certificate,
    /// Whether the connection trusts it.
    trusted: bool,
    /// SHA-256 of the one that a person confirmed, where one was.
    #[schema(required)]
    confirmed: Option<String>,
    /// What that means and what to do, in words.
    text: String,
}

impl From<ServerCertificateView> for ServerCertificate {
    fn from(view: ServerCertificateView) -> Self {
        Self {
            certificate: view.certificate.into(),
            trusted: view.trusted,
            confirmed: view.confirmed,
            text: view.text,
        }
    }
}

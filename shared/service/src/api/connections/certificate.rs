//! The certificate of a connection's server: looked at, confirmed by a person, forgotten (E8).

use tidemark_store::records::{ConnectionRow, Document};
use tidemark_transport::{Fingerprint, ShownCertificate};
use uuid::Uuid;

use super::{certificate_view, invalid, view_of};
use crate::border::{Caller, ConnectionView, Refusal, ServerCertificateView};
use crate::service::Service;

impl Service {
    pub(in crate::api) async fn look_at_certificate(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<ServerCertificateView, Refusal> {
        let row = self.find_connection(caller, id).await?.value;
        let shown = self.shown_certificate(&row).await?;
        let confirmed = row.confirmed_fingerprint;
        let text = match (shown.is_trusted, &confirmed) {
            (true, None) => "It is trusted: there is nothing to confirm.",
            (true, Some(_)) => "It is the one that was confirmed.",
            (false, None) => {
                "It is not trusted. If it is the server's own, compare its SHA-256 on the server and \
                 confirm exactly that; nothing else is trusted then."
            }
            (false, Some(_)) => {
                "It is not the one that was confirmed, or that one has expired: nothing is synced. If \
                 the server has a new one, compare its SHA-256 on the server and confirm exactly that."
            }
        };
        Ok(ServerCertificateView {
            trusted: shown.is_trusted,
            certificate: certificate_view(shown.facts),
            confirmed,
            text: text.to_owned(),
        })
    }

    /// Confirms a certificate that the server shows now. Every run reads the connection, so that all
    /// workers trust it from then on.
    pub(in crate::api) async fn confirm_shown(
        &self,
        caller: &Caller,
        id: Uuid,
        sha256: &str,
    ) -> Result<ConnectionView, Refusal> {
        let found = self.find_connection(caller, id).await?;
        let wanted: Fingerprint = sha256.parse().map_err(|_| {
            invalid(
                "/sha256",
                "it is not the 32 bytes of a SHA-256 in hexadecimal digits",
                "64 digits, with colons between the pairs or none",
            )
        })?;
        let shown = self.shown_certificate(&found.value).await?.facts;
        if shown.fingerprint != wanted {
            return Err(Refusal::Conflict(format!(
                "the server shows another certificate now, with the SHA-256 {}: look at it before \
                 you confirm it",
                shown.fingerprint
            )));
        }
        if shown.not_after <= self.world.now() {
            let text = "the certificate has expired: let the server have a new one";
            return Err(Refusal::Conflict(text.to_owned()));
        }
        self.save_confirmed(caller, found, Some(wanted.to_string())).await
    }

    pub(in crate::api) async fn forget_confirmed(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<ConnectionView, Refusal> {
        let found = self.find_connection(caller, id).await?;
        self.save_confirmed(caller, found, None).await
    }

    async fn save_confirmed(
        &self,
        caller: &Caller,
        found: Document<ConnectionRow>,
        confirmed: Option<String>,
    ) -> Result<ConnectionView, Refusal> {
        let row = ConnectionRow { confirmed_fingerprint: confirmed, ..found.value.clone() };
        self.save_set_connection(caller, &row, Some(&found)).await?;
        Ok(view_of(row))
    }

    async fn shown_certificate(&self, row: &ConnectionRow) -> Result<ShownCertificate, Refusal> {
        match self.exchange.server_certificate(row).await {
            Ok(Some(shown)) => Ok(shown),
            Ok(None) => {
                let text = "the connection has no certificate to confirm: it leads to this machine \
                            without TLS, or to a public cloud";
                Err(Refusal::Conflict(text.to_owned()))
            }
            Err(error) => Err(Refusal::Conflict(error.text)),
        }
    }
}

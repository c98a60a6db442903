//! Entra, as a rotation needs it.

use std::sync::Arc;

use async_trait::async_trait;
use tidemark_identity::{
    ApplicationCredentials, ClientCredential, Entra, GraphApplication, TokenError,
};
use tidemark_model::OrganisationId;
use tidemark_store::records::ConnectionRow;

use super::Authority;
use crate::refresh::tokens::{Connect, Tokens, application_of};
use tidemark_world::World;

/// The token service, and app registrations through Graph.
pub struct EntraAuthority {
    /// Tokens of the connections.
    pub tokens: Arc<Tokens>,
    /// The way out.
    pub connect: Connect,
    /// Time and randomness.
    pub world: World,
}

#[async_trait]
impl Authority for EntraAuthority {
    fn application(
        &self,
        organisation: &OrganisationId,
        row: &ConnectionRow,
    ) -> Result<Arc<dyn ApplicationCredentials>, TokenError> {
        let access = row.graph().ok_or_else(no_object)?;
        let object = access.application_object.as_deref().map(str::trim);
        let object = object.and_then(|text| uuid::Uuid::try_parse(text).ok());
        let object = object.ok_or_else(no_object)?;
        Ok(Arc::new(GraphApplication {
            http: (self.connect)(row.extra_ca_pem.as_deref())?,
            clock: self.world.clock(),
            tokens: self.tokens.source(organisation, row)?,
            cloud: application_of(access)?.cloud,
            object: object.to_string(),
        }))
    }

    async fn try_credential(
        &self,
        row: &ConnectionRow,
        credential: ClientCredential,
    ) -> Result<(), TokenError> {
        let application = application_of(row.graph().ok_or_else(no_object)?)?;
        let http = (self.connect)(row.extra_ca_pem.as_deref())?;
        let entra = Entra::new(http, self.world.clock(), self.world.entropy());
        entra.issue(&application, &[credential]).await.map(drop)
    }
}

fn no_object() -> TokenError {
    TokenError::Refused {
        code: "application-object-missing".to_owned(),
        text: "Enter the object id of the app registration (not of the enterprise application) at \
               the connection: its credentials cannot be replaced without it."
            .to_owned(),
    }
}

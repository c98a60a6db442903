//! Clouds as they are kept, and as identity knows them.

use std::sync::Arc;

use tidemark_identity::{Cloud, TokenError};
use tidemark_store::records::Cloud as CloudRow;
use tidemark_transport::{HttpOptions, HttpPort, PlainHttp, ReqwestHttp, TargetPolicy};

/// The cloud that a row names.
///
/// # Errors
/// In words, why an address of another cloud cannot be used.
pub fn cloud_of(row: &CloudRow) -> Result<Cloud, String> {
    match row {
        CloudRow::Global => Ok(Cloud::GLOBAL),
        CloudRow::UsGovernment => Ok(Cloud::US_GOVERNMENT),
        CloudRow::UsGovernmentDod => Ok(Cloud::US_GOVERNMENT_DOD),
        CloudRow::China => Ok(Cloud::CHINA),
        CloudRow::Other { authority, graph } => {
            Cloud::other(authority, graph).map_err(|error| error.to_string())
        }
    }
}

/// An HTTP client for a cloud, which trusts these authorities (PEM) besides the public ones.
/// Microsoft's servers stand in public; the root of another cloud is an administrator's. Without TLS
/// only to this machine.
///
/// # Errors
/// When the authorities are none.
pub fn connect_to_cloud(extra_ca_pem: Option<&str>) -> Result<Arc<dyn HttpPort>, TokenError> {
    let options = HttpOptions {
        extra_roots_pem: extra_ca_pem.map(str::to_owned).into_iter().collect(),
        plain_http: PlainHttp::LoopbackLiterals,
        targets: TargetPolicy::Any,
        ..HttpOptions::default()
    };
    match ReqwestHttp::new(options) {
        Ok(http) => Ok(Arc::new(http)),
        Err(error) => Err(TokenError::Refused {
            code: "certificates-unusable".to_owned(),
            text: format!(
                "TLS cannot be set up: {error}. Check the connection's extra certificates."
            ),
        }),
    }
}

//! The identity that AWS gives the running function, for Entra (AWS IAM user guide, "Outbound
//! identity federation"): nothing secret is kept.

use core::time::Duration;

use async_trait::async_trait;
use aws_sdk_sts::Client;
use aws_sdk_sts::error::ProvideErrorMetadata as _;
use secrecy::SecretString;
use tidemark_identity::{TokenError, WebIdentity};

/// How long an assertion holds: it is exchanged at once.
const LIFE_SECONDS: i32 = 300;
/// Entra verifies no other algorithm of the two that STS offers.
const ALGORITHM: &str = "RS256";
const WAIT: Duration = Duration::from_secs(15);

/// STS, asked with the function's own role. The client has to speak to a regional endpoint: the
/// global one does not have the call.
#[derive(Debug, Clone)]
pub struct StsIdentity {
    client: Client,
}

impl StsIdentity {
    /// Assertions from this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl WebIdentity for StsIdentity {
    async fn assertion(&self, audience: &str) -> Result<SecretString, TokenError> {
        let given = self
            .client
            .get_web_identity_token()
            .audience(audience)
            .signing_algorithm(ALGORITHM)
            .duration_seconds(LIFE_SECONDS)
            .send()
            .await;
        match given {
            Ok(output) => output.web_identity_token.map(SecretString::from).ok_or_else(|| {
                later("federation-answer", "AWS answered without an identity token.".to_owned())
            }),
            Err(error) => Err(failure(error.as_service_error().and_then(|error| error.code()))),
        }
    }
}

/// Only the code is looked at: messages name roles and accounts.
fn failure(code: Option<&str>) -> TokenError {
    let text = match code {
        Some("OutboundWebIdentityFederationDisabledException") => {
            "The AWS account does not give out identities. Enable outbound web identity federation \
             in IAM (iam:EnableOutboundWebIdentityFederation), or use a certificate."
        }
        Some("AccessDenied" | "AccessDeniedException") => {
            "The function's role may not ask for its identity. Allow it sts:GetWebIdentityToken for \
             the audience api://AzureADTokenExchange."
        }
        Some("SessionDurationEscalationException" | "JWTPayloadSizeExceededException") => {
            "AWS refuses the identity token as it was asked for. Look at the role's session and its \
             tags."
        }
        _ => {
            let code = code.unwrap_or("no answer");
            return later("federation-unavailable", format!("AWS STS gives no identity ({code})."));
        }
    };
    TokenError::Refused { code: "federation-refused".to_owned(), text: text.to_owned() }
}

fn later(code: &str, text: String) -> TokenError {
    TokenError::Later { after: WAIT, code: code.to_owned(), text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_administrator_can_mend_is_told_from_what_passes() {
        let mends = [
            ("OutboundWebIdentityFederationDisabledException", "Enable outbound"),
            ("AccessDenied", "sts:GetWebIdentityToken"),
        ];
        for (code, mend) in mends {
            let error = failure(Some(code));
            assert!(
                matches!(&error, TokenError::Refused { text, .. } if text.contains(mend)),
                "{error}"
            );
        }
        for code in [None, Some("Throttling")] {
            assert!(matches!(failure(code), TokenError::Later { .. }));
        }
    }
}

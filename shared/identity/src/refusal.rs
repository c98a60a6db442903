//! Entra's refusals in words.
//!
//! Decisions follow the words of OAuth (RFC 6749 5.2): Microsoft says that the numbers may change
//! and are for people (page "reference-error-codes"). So the numbers only choose the text here, and
//! one that is not known is passed on as it is.

use core::fmt;

use oauth2::ErrorResponse;
use serde::{Deserialize, Serialize};

/// Longest word that is passed on from an answer, in bytes.
const WORD_BYTES_MAX: usize = 64;

/// Entra's answer to a request that it refuses (page "v2-oauth2-client-creds-grant-flow", "Error
/// response"). Its description is read for the number only: it names tenants and applications.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RefusalAnswer {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    error_codes: Vec<u64>,
    #[serde(default)]
    correlation_id: Option<String>,
}

impl ErrorResponse for RefusalAnswer {}

impl fmt::Display for RefusalAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code())
    }
}

impl fmt::Debug for RefusalAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefusalAnswer({})", self.code())
    }
}

impl RefusalAnswer {
    /// Whether the proof was refused and another one may do: `invalid_client` is OAuth's word for a
    /// client that failed to authenticate (RFC 6749 5.2).
    pub(crate) fn is_of_credential(&self) -> bool {
        self.error == "invalid_client"
    }

    /// Whether the same request may succeed later (RFC 6749 4.1.2.1 has the words; Entra sends them
    /// from the token endpoint too: page "reference-error-codes").
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.error.as_str(), "temporarily_unavailable" | "server_error")
    }

    /// `AADSTS` and its number, or OAuth's word where there is none.
    pub(crate) fn code(&self) -> String {
        match self.number() {
            Some(number) => format!("AADSTS{number}"),
            None => word(&self.error),
        }
    }

    /// What is wrong and what mends it.
    pub(crate) fn text(&self) -> String {
        let mut text = match self.number().and_then(explanation) {
            Some(known) => known.to_owned(),
            None => format!(
                "Microsoft Entra refuses the application ({}). What the code means stands at \
                 https://login.microsoftonline.com/error.",
                word(&self.error)
            ),
        };
        if let Some(id) = self.correlation_id.as_deref().map(word).filter(|id| !id.is_empty()) {
            text.push_str(" Correlation id for Microsoft's support: ");
            text.push_str(&id);
            text.push('.');
        }
        text
    }

    /// The description begins with the number; the list repeats it.
    fn number(&self) -> Option<u64> {
        let described = self.error_description.as_deref().and_then(|description| {
            let (_, after) = description.split_once("AADSTS")?;
            let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            after.get(..digits)?.parse().ok()
        });
        described.or_else(|| self.error_codes.first().copied())
    }
}

/// What of a foreign word is shown: letters, digits and a little more, not too much of it.
fn word(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.chars().filter(is_plain).take(WORD_BYTES_MAX).collect()
}

/// The numbers that an application meets (pages "reference-error-codes" and
/// "workload-identity-federation-config-app-trust-managed-identity", section on errors).
fn explanation(number: u64) -> Option<&'static str> {
    let text = match number {
        7_000_215 => {
            "The client secret is wrong. Enter the secret's value, not its id, from the app \
             registration under Certificates & secrets."
        }
        7_000_222 => {
            "The client secret has expired. Make a new one in the app registration under \
             Certificates & secrets and enter it here."
        }
        7_000_218 => "The request carried no proof of the application. Enter a credential.",
        700_027 => {
            "Entra does not know the certificate that signed the request, or it has expired. Upload \
             the certificate (without its key) to the app registration under Certificates & secrets."
        }
        700_016 => {
            "The application is not known in this tenant. Check the application (client) id and the \
             tenant, and let an administrator of the tenant consent to it."
        }
        700_021 | 700_023 | 700_030 => {
            "Entra does not accept the assertion for this application and tenant. Check that \
             application id, tenant and certificate belong together."
        }
        700_024 => {
            "The assertion is outside its time: the clock of this machine is wrong. Set it by a time \
             server."
        }
        70_021 | 700_211 | 700_212 | 700_213 => {
            "No federated credential of the app registration fits. Compare its issuer (the account's \
             issuer URL of AWS), its subject (the ARN of the function's role) and its audience \
             (api://AzureADTokenExchange), letter by letter; a new one works after some minutes."
        }
        90_002 | 900_023 => {
            "There is no such tenant in this cloud. Check the tenant's id or domain, and whether it \
             lives in a national cloud."
        }
        50_034 => {
            "The account is not in this tenant's directory. Check which tenant the connection names."
        }
        53_003 => {
            "A Conditional Access policy blocks the application. Let it in by a policy for workload \
             identities, or take this application out of the policy."
        }
        500_011 => {
            "Microsoft Graph is not known in this tenant. Check that the connection names the cloud \
             that the tenant lives in."
        }
        7_000_112 => {
            "The application is disabled. Enable it in Entra, under Enterprise applications, \
             Properties."
        }
        7_000_229 => {
            "The application has no service principal in this tenant. Let an administrator of the \
             tenant consent to it."
        }
        1_002_012 | 70_011 => {
            "Entra does not know the scope. Check that the connection names the cloud that the tenant \
             lives in."
        }
        50_194 | 50_020 => {
            "The application is registered for its own tenant only. Register it for several tenants, \
             or name its own tenant."
        }
        _ => return None,
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: &str) -> RefusalAnswer {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_number_chooses_the_words_and_the_description_is_not_shown() {
        let answer = answer(
            r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client
            secret keys for app 'SECRET-APP' are expired.\r\nTrace ID: x","error_codes":[7000222],
            "timestamp":"2026-11-22 10:00:00Z","trace_id":"t","correlation_id":"c0ffee-1"}"#
                .replace("\n            ", " ")
                .as_str(),
        );
        assert_eq!(answer.code(), "AADSTS7000222");
        assert!(answer.text().contains("has expired"), "{}", answer.text());
        assert!(answer.text().contains("c0ffee-1"));
        assert!(answer.is_of_credential());
        let shown = format!("{answer:?} {answer} {}", answer.text());
        assert!(!shown.contains("SECRET-APP"), "{shown}");
    }

    #[test]
    fn unknown_numbers_and_answers_without_one_are_kept() {
        let unknown = answer(r#"{"error":"invalid_grant","error_codes":[123456]}"#);
        assert_eq!(unknown.code(), "AADSTS123456");
        assert!(unknown.text().contains("invalid_grant"), "{}", unknown.text());
        assert!(!unknown.is_of_credential());
        let bare = answer(r#"{"error":"invalid_client<script>"}"#);
        assert_eq!(bare.code(), "invalid_clientscript");
    }

    #[test]
    fn passing_trouble_is_told_from_a_refusal() {
        assert!(answer(r#"{"error":"temporarily_unavailable"}"#).is_passing());
        assert!(!answer(r#"{"error":"unauthorized_client"}"#).is_passing());
    }
}

//! Certificates of the registration, changed by whoever proves that he has one of them
//! (pages: application-addkey, application-removekey, application-rollkey-prooftoken).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::application::object_id;
use super::control::{CREDENTIALS_MAX, certificate_of};
use super::jwt::Token;
use super::{Certificate, Entra};

/// The audience of every proof.
const PROOF_AUDIENCE: &str = "00000002-0000-0000-c000-000000000000";
/// Longest life of a proof, in seconds.
const PROOF_SECONDS_MAX: i64 = 600;
/// How far the clocks of two servers may differ, in seconds.
const SKEW_SECONDS: i64 = 300;

/// Why a certificate is not added or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyRefused {
    /// The proof is none of a present certificate.
    Proof,
    /// The rest of the request does not fit.
    Request,
}

impl Entra {
    /// Adds a certificate, and shows it without its key.
    ///
    /// # Errors
    /// [`KeyRefused`].
    pub(crate) fn add_key(
        &mut self,
        wanted: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Value, KeyRefused> {
        let credential = wanted.get("keyCredential").ok_or(KeyRefused::Request)?;
        let text = |name: &str| credential.get(name).and_then(Value::as_str);
        // The other type, with a private key, goes with a password and signs tokens.
        if (text("type"), text("usage")) != (Some("AsymmetricX509Cert"), Some("Verify")) {
            return Err(KeyRefused::Request);
        }
        self.check_proof(wanted, now)?;
        let bytes = text("key").and_then(|key| STANDARD.decode(key).ok());
        let id = crate::graph::guid(self.random.next());
        let new = bytes.and_then(|bytes| certificate_of(id, &bytes)).ok_or(KeyRefused::Request)?;
        if new.not_after <= now || self.certificates.len() >= CREDENTIALS_MAX {
            return Err(KeyRefused::Request);
        }
        let new = Certificate { name: text("displayName").map(str::to_owned), ..new };
        let shown = new.shown();
        self.certificates.push(new);
        Ok(shown)
    }

    /// Removes a certificate.
    ///
    /// # Errors
    /// [`KeyRefused`].
    pub(crate) fn remove_key(
        &mut self,
        wanted: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), KeyRefused> {
        let id = wanted.get("keyId").and_then(Value::as_str).ok_or(KeyRefused::Request)?;
        self.check_proof(wanted, now)?;
        let at = self.certificates.iter().position(|known| known.id.eq_ignore_ascii_case(id));
        self.certificates.remove(at.ok_or(KeyRefused::Request)?);
        Ok(())
    }

    /// The proof is a token for [`PROOF_AUDIENCE`] by the registration, named by its object id, that a
    /// present certificate signed and that lives ten minutes at most.
    fn check_proof(&self, wanted: &Map<String, Value>, now: Timestamp) -> Result<(), KeyRefused> {
        let token = wanted.get("proof").and_then(Value::as_str).and_then(Token::read);
        let token = token.ok_or(KeyRefused::Proof)?;
        let is_claimed = |name, value: &str| {
            token.claim_text(name).is_some_and(|claim| claim.eq_ignore_ascii_case(value))
        };
        let (begin, end) = (token.claim_seconds("nbf"), token.claim_seconds("exp"));
        let (Some(begin), Some(end)) = (begin, end) else { return Err(KeyRefused::Proof) };
        let at = now.as_second();
        let is_in_time = begin.saturating_sub(SKEW_SECONDS) <= at
            && at < end.saturating_add(SKEW_SECONDS)
            && end.saturating_sub(begin) <= PROOF_SECONDS_MAX;
        let algorithm = token.algorithm().ok_or(KeyRefused::Proof)?;
        let is_signed = self
            .certificates
            .iter()
            .filter(|known| known.not_before <= now && now < known.not_after)
            .any(|known| token.is_signed_by(&known.key, algorithm));
        let is_good = is_claimed("aud", PROOF_AUDIENCE)
            && is_claimed("iss", &object_id())
            && is_in_time
            && is_signed;
        if is_good { Ok(()) } else { Err(KeyRefused::Proof) }
    }
}

impl Certificate {
    /// As Graph lists it.
    pub(super) fn shown(&self) -> Value {
        json!({
            "keyId": self.id,
            "displayName": self.name,
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
            "customKeyIdentifier": self.sha1,
            "startDateTime": self.not_before.to_string(),
            "endDateTime": self.not_after.to_string(),
            "key": null,
        })
    }
}

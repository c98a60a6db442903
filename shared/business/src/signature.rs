//! Standard Webhooks signatures: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use core::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use zeroize::Zeroizing;

/// Prefix of a serialised symmetric secret.
const PREFIX: &str = "whsec_";
/// Bytes of a secret that we make. The specification asks for 24 to 64.
pub const SECRET_BYTES: usize = 32;

/// The key that an endpoint's deliveries are signed with.
#[derive(Clone)]
pub struct SigningSecret(Zeroizing<Vec<u8>>);

/// The text is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is `whsec_` followed by the base64 of 24 to 64 bytes")]
pub struct SigningSecretError;

impl SigningSecret {
    /// A secret of random bytes that were drawn elsewhere.
    pub fn new(random: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(random.to_vec()))
    }

    /// Reads the `whsec_…` form.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, SigningSecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SigningSecretError)?;
        let key = STANDARD.decode(encoded).map_err(|_| SigningSecretError)?;
        if (24..=64).contains(&key.len()) {
            Ok(Self(Zeroizing::new(key)))
        } else {
            Err(SigningSecretError)
        }
    }

    /// The `whsec_…` form, for the one answer that shows it.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&*self.0))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

/// The value of `webhook-signature`: one signature per secret, so that secrets can overlap while
/// they are rotated.
pub fn sign(secrets: &[SigningSecret], id: &str, at: Timestamp, body: &[u8]) -> String {
    let seconds = at.as_second().to_string();
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.0);
            let mut context = hmac::Context::with_key(&key);
            for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
                context.update(part);
            }
            format!("v1,{}", STANDARD.encode(context.sign()))
        })
        .collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published vector of the specification's reference libraries.
    #[test]
    fn the_published_vector_is_reproduced() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let signed =
            sign(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_give_two_signatures() {
        let one = SigningSecret::new([1; SECRET_BYTES]);
        let two = SigningSecret::new([2; SECRET_BYTES]);
        let at = Timestamp::from_second(1).unwrap();
        let both = sign(&[one.clone(), two], "m", at, b"x");
        assert_eq!(both.split(' ').count(), 2);
        assert_eq!(both.split(' ').next(), Some(sign(&[one], "m", at, b"x").as_str()));
    }

    #[test]
    fn a_secret_is_read_back_and_never_shown() {
        let secret = SigningSecret::new([7; SECRET_BYTES]);
        let text = secret.reveal();
        assert_eq!(SigningSecret::parse(&text).unwrap().reveal(), text);
        assert_eq!(format!("{secret:?}"), "SigningSecret(..)");
        assert!(SigningSecret::parse("whsec_AAAA").is_err());
        assert!(SigningSecret::parse("secret").is_err());
    }
}

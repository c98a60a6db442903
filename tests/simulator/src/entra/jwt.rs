//! JSON web tokens by hand: the connector's library must not judge itself.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::der;

/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 16_384;

/// The simulator's own key, RSA of 2,048 bits in PKCS #1. It guards nothing.
static OWN_KEY: &[u8] = include_bytes!("../../data/entra-signing-key.der");

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

impl Algorithm {
    fn read(word: &str) -> Option<Self> {
        match word {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            _ => None,
        }
    }
}

/// A public key that a signature is checked with.
#[derive(Clone)]
pub(super) enum PublicKey {
    /// A `SubjectPublicKeyInfo`.
    Info(Vec<u8>),
    /// Modulus and exponent of a JSON web key.
    Components {
        /// Modulus, big-endian.
        n: Vec<u8>,
        /// Exponent, big-endian.
        e: Vec<u8>,
    },
}

/// A token taken apart; nothing is checked yet.
pub(super) struct Token {
    /// Its header.
    pub(super) header: Map<String, Value>,
    /// What it claims.
    pub(super) claims: Map<String, Value>,
    /// Header and claims as they were signed.
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl Token {
    /// Takes a compact token apart; none if it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signed: signed.as_bytes().to_vec(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// The algorithm of the header; none if it is not served.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::read(self.header.get("alg")?.as_str()?)
    }

    /// A text of the header.
    pub(super) fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    /// A text among the claims.
    pub(super) fn claim_text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// Seconds since 1970 among the claims.
    pub(super) fn claim_seconds(&self, name: &str) -> Option<i64> {
        self.claims.get(name)?.as_i64()
    }

    /// Whether this key signed it.
    pub(super) fn is_signed_by(&self, key: &PublicKey, algorithm: Algorithm) -> bool {
        let parameters = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        };
        match key {
            PublicKey::Info(der) => {
                UnparsedPublicKey::new(parameters, der).verify(&self.signed, &self.signature)
            }
            PublicKey::Components { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(parameters, &self.signed, &self.signature)
            }
        }
        .is_ok()
    }
}

fn signature_of(
    pair: &RsaKeyPair,
    encoding: &'static dyn RsaEncoding,
    signed: &[u8],
) -> Option<Vec<u8>> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), signed, &mut signature).ok()?;
    Some(signature)
}

/// What is wrong with how a token is signed. All of them name the simulator's own key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Forgery {
    /// Nothing.
    #[default]
    None,
    /// Another key.
    ForeignKey,
    /// The right key with another algorithm.
    Ps256,
    /// An HMAC with the public key as its secret.
    Hs256,
    /// Nothing at all.
    Unsigned,
}

/// The key that signs what Entra gives out.
pub(super) struct SigningKey {
    pair: RsaKeyPair,
    /// Its id in the key set.
    id: String,
    n: Vec<u8>,
    e: Vec<u8>,
}

/// The simulator's key; none if this build's library refuses it.
static OWN: LazyLock<Option<SigningKey>> = LazyLock::new(SigningKey::read);

impl SigningKey {
    /// The simulator's key.
    pub(super) fn own() -> Option<&'static Self> {
        OWN.as_ref()
    }

    fn read() -> Option<Self> {
        let pair = RsaKeyPair::from_der(OWN_KEY).ok()?;
        let (n, e) = der::rsa_components(pair.public_key().as_ref())?;
        let digest = Sha256::digest(&n);
        let id = URL_SAFE_NO_PAD.encode(digest.get(..20)?);
        Some(Self { pair, id, n, e })
    }

    /// Signs claims with RS256, as Entra does.
    pub(super) fn sign(&self, claims: &Value) -> Option<String> {
        self.sign_as(claims, Forgery::None)
    }

    /// Signs claims in a way that Entra would not.
    pub(super) fn sign_as(&self, claims: &Value, forgery: Forgery) -> Option<String> {
        let algorithm = match forgery {
            Forgery::None | Forgery::ForeignKey => "RS256",
            Forgery::Ps256 => "PS256",
            Forgery::Hs256 => "HS256",
            Forgery::Unsigned => "none",
        };
        let header = json!({ "typ": "JWT", "alg": algorithm, "x5t": self.id, "kid": self.id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut token = format!("{}.{}", part(&header), part(claims));
        let signed = token.as_bytes();
        let signature = match forgery {
            Forgery::None => signature_of(&self.pair, &RSA_PKCS1_SHA256, signed)?,
            Forgery::Ps256 => signature_of(&self.pair, &RSA_PSS_SHA256, signed)?,
            Forgery::ForeignKey => {
                let foreign = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
                signature_of(&foreign, &RSA_PKCS1_SHA256, signed)?
            }
            // What is public is taken for what is secret.
            Forgery::Hs256 => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.pair.public_key().as_ref());
                hmac::sign(&key, signed).as_ref().to_vec()
            }
            Forgery::Unsigned => Vec::new(),
        };
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Some(token)
    }

    /// The key that checks what this one signed.
    pub(super) fn public(&self) -> PublicKey {
        PublicKey::Components { n: self.n.clone(), e: self.e.clone() }
    }

    /// The public half as a JSON web key, in the form of Entra's key set.
    pub(super) fn web_key(&self, issuer: &str) -> Value {
        json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.id,
            "x5t": self.id,
            "n": URL_SAFE_NO_PAD.encode(&self.n),
            "e": URL_SAFE_NO_PAD.encode(&self.e),
            "issuer": issuer,
        })
    }
}

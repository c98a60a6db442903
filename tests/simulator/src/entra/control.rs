//! `/_sim/entra`: what tests change in the directory.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::challenge::Challenge;
use super::jwt::{Forgery, PublicKey, SigningKey};
use super::{CLIENT, Certificate, Entra, Federated, Secret, der};
use crate::control::{Refusal, read};

/// Most credentials of a kind: Entra's limit for federated ones (exchange-graph.md 2.3).
pub(super) const CREDENTIALS_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    expires_in: Option<i64>,
    roles: Option<Vec<String>>,
    refuse_replays: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewSecret {
    secret: String,
    expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewCertificate {
    /// PEM, or base64 of DER.
    certificate: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewFederated {
    issuer: String,
    subject: String,
    audience: Option<String>,
    jwks: KeySet,
}

/// A token that is to prove a notification, with what is to be wrong about it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewProof {
    /// Claims that differ from the right ones; null takes one out.
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    forgery: Forgery,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewChallenge {
    /// The authentication context that tokens have to have; none asks for new tokens.
    context: Option<String>,
    /// Since when they have to be, in seconds since 1970; none is now.
    not_before: Option<i64>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<WebKey>,
}

#[derive(Deserialize)]
struct WebKey {
    kid: String,
    n: Option<String>,
    e: Option<String>,
}

/// Answers a request below `/_sim/entra`.
///
/// # Errors
/// When there is no such control, or the body does not fit.
pub(crate) fn control(
    entra: &mut Entra,
    method: &str,
    rest: &[&str],
    body: &[u8],
    now: Timestamp,
) -> Result<Value, Refusal> {
    match (method, rest) {
        ("GET", []) => Ok(json!({
            "issued": entra.issued,
            "revoked": entra.revoked,
            "expiresIn": entra.expires_in,
            "roles": entra.roles,
            "secrets": entra.secrets.len(),
            "certificates": entra.certificates.iter().map(|one| &one.sha256).collect::<Vec<_>>(),
            "federated": entra.federated.len(),
            "claimed": entra.claimed,
        })),
        ("PUT" | "PATCH", []) => {
            let new: Settings = read(body)?;
            entra.expires_in = new.expires_in.unwrap_or(entra.expires_in);
            entra.roles = new.roles.unwrap_or_else(|| std::mem::take(&mut entra.roles));
            entra.refuse_replays = new.refuse_replays.unwrap_or(entra.refuse_replays);
            Ok(json!({}))
        }
        ("POST", ["revoke"]) => {
            entra.revoked = entra.issued;
            Ok(json!({}))
        }
        ("POST", ["challenge"]) => {
            let new: NewChallenge = read(body)?;
            entra.challenge = Some(match new.context {
                Some(name) => Challenge::context(&name),
                None => Challenge::not_before(new.not_before.unwrap_or(now.as_second())),
            });
            Ok(json!({}))
        }
        ("DELETE", ["challenge"]) => {
            entra.challenge = None;
            Ok(json!({}))
        }
        ("POST", ["validation-tokens"]) => {
            let token = proof(&read(body)?, now).ok_or((500, "nothing can be signed"))?;
            Ok(json!({ "token": token }))
        }
        ("POST", ["secrets"]) => {
            let NewSecret { secret, expires } = read(body)?;
            room(entra.secrets.len())?;
            entra.secrets.retain(|known| known.value != secret);
            let id = crate::graph::guid(entra.random.next());
            entra.secrets.push(Secret { id, name: None, value: secret, expires });
            Ok(json!({}))
        }
        ("DELETE", ["secrets"]) => {
            entra.secrets.clear();
            Ok(json!({}))
        }
        ("POST", ["certificates"]) => {
            let NewCertificate { certificate } = read(body)?;
            room(entra.certificates.len())?;
            let id = crate::graph::guid(entra.random.next());
            let new = read_certificate(id, &certificate).ok_or((400, "this is no certificate"))?;
            let thumbprint = new.sha256.clone();
            entra.certificates.push(new);
            Ok(json!({ "x5t#S256": thumbprint }))
        }
        ("DELETE", ["certificates"]) => {
            entra.certificates.clear();
            Ok(json!({}))
        }
        ("POST", ["federated"]) => {
            room(entra.federated.len())?;
            entra.federated.push(read_federated(read(body)?)?);
            Ok(json!({}))
        }
        ("DELETE", ["federated"]) => {
            entra.federated.clear();
            Ok(json!({}))
        }
        _ => Err((404, "no such control")),
    }
}

fn proof(wanted: &NewProof, now: Timestamp) -> Option<String> {
    let mut claims = super::validation_claims(CLIENT, 0, now);
    for (name, value) in &wanted.claims {
        let members = claims.as_object_mut()?;
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    SigningKey::own()?.sign_as(&claims, wanted.forgery)
}

fn room(taken: usize) -> Result<(), Refusal> {
    if taken < CREDENTIALS_MAX { Ok(()) } else { Err((409, "there are too many credentials")) }
}

fn read_certificate(id: String, text: &str) -> Option<Certificate> {
    let base64: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .flat_map(str::chars)
        .filter(|letter| !letter.is_whitespace())
        .collect();
    certificate_of(id, &STANDARD.decode(base64).ok()?)
}

/// A certificate in DER without a name.
pub(super) fn certificate_of(id: String, bytes: &[u8]) -> Option<Certificate> {
    let parts = der::certificate(bytes)?;
    Some(Certificate {
        id,
        name: None,
        sha256: URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)),
        sha1: URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes)),
        key: PublicKey::Info(parts.key_info),
        not_before: parts.not_before,
        not_after: parts.not_after,
    })
}

fn read_federated(new: NewFederated) -> Result<Federated, Refusal> {
    let keys: BTreeMap<_, _> = new
        .jwks
        .keys
        .into_iter()
        .filter_map(|key| {
            let number = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
            let (n, e) = (number(key.n)?, number(key.e)?);
            Some((key.kid, PublicKey::Components { n, e }))
        })
        .collect();
    if keys.is_empty() {
        return Err((400, "the key set has no RSA key"));
    }
    Ok(Federated {
        issuer: new.issuer,
        subject: new.subject,
        audience: new.audience.unwrap_or_else(|| "api://AzureADTokenExchange".to_owned()),
        keys,
    })
}

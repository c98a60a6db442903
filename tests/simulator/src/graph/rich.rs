//! Notifications that carry the resource, encrypted for the listener (exchange-graph.md 7).

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::GraphError;
use super::extended;
use super::query;
use super::request::hex;
use crate::random::Random;

/// Longest id of a certificate.
const CERTIFICATE_ID_CHARS_MAX: usize = 128;
/// Sizes of keys that are taken, in bits.
const KEY_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

/// For whom the resource is encrypted, and how much of it.
#[derive(Clone)]
pub(super) struct Rich {
    /// What `$select` of the subscribed resource names.
    select: String,
    /// Extended properties that its `$expand` names, in their one spelling.
    properties: Vec<String>,
    /// The listener's certificate, base64 of DER.
    pub(super) certificate: String,
    /// The listener's name for it.
    pub(super) certificate_id: String,
    /// `SubjectPublicKeyInfo` of the certificate.
    key: Vec<u8>,
    /// SHA-1 of the certificate, in hexadecimal.
    thumbprint: String,
}

fn invalid(message: impl Into<String>) -> GraphError {
    GraphError::new(400, "InvalidRequest", message)
}

impl Rich {
    /// What a new subscription asks for; none if it wants plain notifications.
    ///
    /// # Errors
    /// When certificate or resource do not fit.
    pub(super) fn read(
        body: &Map<String, Value>,
        resource: &str,
    ) -> Result<Option<Self>, GraphError> {
        if body.get("includeResourceData").and_then(Value::as_bool) != Some(true) {
            return Ok(None);
        }
        let (select, properties) = read_options(resource)?;
        let text = |name: &str| {
            body.get(name)
                .and_then(Value::as_str)
                .ok_or_else(|| invalid(format!("includeResourceData needs {name}.")))
        };
        let (certificate, id) = (text("encryptionCertificate")?, text("encryptionCertificateId")?);
        let empty = Self {
            select,
            properties,
            certificate: String::new(),
            certificate_id: String::new(),
            key: Vec::new(),
            thumbprint: String::new(),
        };
        empty.with_certificate(certificate, id).map(Some)
    }

    /// The same, for another certificate.
    ///
    /// # Errors
    /// When it does not fit.
    pub(super) fn with_certificate(&self, certificate: &str, id: &str) -> Result<Self, GraphError> {
        if id.is_empty() || id.chars().count() > CERTIFICATE_ID_CHARS_MAX {
            return Err(invalid("encryptionCertificateId must have 1 to 128 characters."));
        }
        let der = STANDARD
            .decode(certificate)
            .map_err(|_| invalid("encryptionCertificate is not valid base64."))?;
        // Neither its time nor its issuer is looked at.
        let key = crate::entra::certificate_key(&der)
            .ok_or_else(|| invalid("encryptionCertificate is no X.509 certificate."))?;
        let public = PublicEncryptingKey::from_der(&key);
        let fits = public.is_ok_and(|key| KEY_BITS.contains(&key.key_size_bits()));
        if !fits {
            return Err(invalid("The key must be an RSA key of 2048 to 4096 bits."));
        }
        let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, &der);
        Ok(Self {
            certificate: certificate.to_owned(),
            certificate_id: id.to_owned(),
            thumbprint: sum.as_ref().iter().flat_map(|byte| hex(*byte)).collect(),
            key,
            ..self.clone()
        })
    }

    /// The encrypted part of a notification, with a key of its own; none if it cannot be made.
    pub(super) fn encrypt(&self, event: Value, random: &mut Random) -> Option<Value> {
        let plain = self.chosen(event).to_string();
        let mut key = [0u8; 32];
        for chunk in key.chunks_exact_mut(8) {
            chunk.copy_from_slice(&random.next().to_be_bytes());
        }
        let (start, _) = key.split_first_chunk::<16>()?;
        let cipher =
            PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, &key).ok()?);
        let mut data = plain.into_bytes();
        let context = EncryptionContext::Iv128(start.into());
        cipher.ok()?.less_safe_encrypt(&mut data, context).ok()?;
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &data);
        let public = PublicEncryptingKey::from_der(&self.key).ok()?;
        let public = OaepPublicEncryptingKey::new(public).ok()?;
        let mut sealed = vec![0; public.ciphertext_size()];
        let sealed = public.encrypt(&OAEP_SHA1_MGF1SHA1, &key, &mut sealed, None).ok()?;
        Some(json!({
            "data": STANDARD.encode(&data),
            "dataKey": STANDARD.encode(sealed),
            "dataSignature": STANDARD.encode(signature),
            "encryptionCertificateId": self.certificate_id,
            "encryptionCertificateThumbprint": self.thumbprint,
        }))
    }

    fn chosen(&self, mut event: Value) -> Value {
        let mut properties = Vec::new();
        if let Some(members) = event.as_object_mut() {
            members.remove("multiValueExtendedProperties");
            let all = members.remove("singleValueExtendedProperties");
            properties = all.and_then(|all| all.as_array().cloned()).unwrap_or_default();
            properties.retain(|one| {
                self.properties.iter().any(|wanted| one["id"].as_str() == Some(wanted))
            });
        }
        let mut event = query::select(event, Some(&self.select));
        if let Some(members) = event.as_object_mut()
            && !properties.is_empty()
        {
            members.insert("singleValueExtendedProperties".to_owned(), properties.into());
        }
        event
    }
}

/// Outlook's resources need `$select`, without bodies; of the other options only extended
/// properties may be expanded.
fn read_options(resource: &str) -> Result<(String, Vec<String>), GraphError> {
    let (_, options) = resource.split_once('?').unwrap_or((resource, ""));
    let mut select = None;
    let mut properties = Vec::new();
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = super::decoded(&value.replace('+', " "));
        match super::decoded(name).trim_start_matches('$').to_ascii_lowercase().as_str() {
            "select" => select = Some(value),
            "expand" if value.starts_with("singleValueExtendedProperties(") => {
                // Every second piece between quotes is an id.
                properties.extend(value.split('\'').skip(1).step_by(2).map(extended::canonical));
            }
            _ => return Err(invalid(format!("The option '{name}' is not supported here."))),
        }
    }
    let select = select.filter(|select| !select.trim().is_empty()).ok_or_else(|| {
        invalid("The resource of a subscription with resource data needs $select.")
    })?;
    if select.split(',').any(|name| matches!(name.trim(), "body" | "uniqueBody")) {
        return Err(invalid("Bodies cannot be selected for resource data."));
    }
    Ok((select, properties))
}

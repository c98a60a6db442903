//! The registration itself, as Graph shows and changes it (pages: application-addpassword,
//! application-removepassword).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{CLIENT, Certificate, Entra, Secret};

/// Longest life of a secret that names no end: two years.
const LIFE_DEFAULT: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);
/// Most secrets at the same time, as for other credentials.
const SECRETS_MAX: usize = 20;

/// Object id of the registration; its client id is another one.
pub(crate) fn object_id() -> String {
    crate::graph::guid(3)
}

impl Entra {
    /// The registration. Secrets show no text, certificates no key.
    pub(crate) fn application(&self) -> Value {
        let secrets: Vec<_> = self.secrets.iter().map(Secret::shown).collect();
        let certificates: Vec<_> = self.certificates.iter().map(Certificate::shown).collect();
        json!({
            "id": object_id(),
            "appId": CLIENT,
            "displayName": "Tidemark",
            "passwordCredentials": secrets,
            "keyCredentials": certificates,
        })
    }

    /// Adds a secret that the service makes up; its text is told this once. None when there are
    /// too many, or the end is no time to come.
    pub(crate) fn add_password(
        &mut self,
        wanted: &Map<String, Value>,
        now: Timestamp,
    ) -> Option<Value> {
        let credential = wanted.get("passwordCredential").unwrap_or(&Value::Null);
        let expires = match credential.get("endDateTime").and_then(Value::as_str) {
            Some(text) => text.parse::<Timestamp>().ok()?,
            None => now.saturating_add(LIFE_DEFAULT).ok()?,
        };
        if expires <= now || self.secrets.len() >= SECRETS_MAX {
            return None;
        }
        let value = format!("sim~{:016x}{:016x}", self.random.next(), self.random.next());
        let secret = Secret {
            id: crate::graph::guid(self.random.next()),
            name: credential.get("displayName").and_then(Value::as_str).map(str::to_owned),
            value,
            expires: Some(expires),
        };
        let mut shown = secret.shown();
        if let Some(members) = shown.as_object_mut() {
            members.insert("secretText".to_owned(), secret.value.as_str().into());
            members.insert("startDateTime".to_owned(), now.to_string().into());
        }
        self.secrets.push(secret);
        Some(shown)
    }

    /// Removes a secret by its id; says whether there was one.
    pub(crate) fn remove_password(&mut self, id: &str) -> bool {
        let before = self.secrets.len();
        self.secrets.retain(|one| !one.id.eq_ignore_ascii_case(id));
        before != self.secrets.len()
    }
}

impl Secret {
    fn shown(&self) -> Value {
        json!({
            "keyId": self.id,
            "displayName": self.name,
            "hint": self.value.chars().take(3).collect::<String>(),
            "secretText": null,
            "customKeyIdentifier": null,
            "endDateTime": self.expires.map(|at| at.to_string()),
        })
    }
}

//! Claims challenges: Graph refuses a token that Entra thought good, and says what the next one has to
//! have (pages: claims-challenge, app-resilience-continuous-access-evaluation).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::jwt::Token;

/// What an access token has to have: the object `access_token` of a challenge.
pub(super) struct Challenge(Value);

/// What a request for a token asks it to have: its parameter `claims`.
#[derive(Default)]
pub(super) struct Wanted(Value);

impl Challenge {
    /// The challenge of continuous access evaluation: no token from before a moment.
    pub(super) fn not_before(at: i64) -> Self {
        Self(json!({ "nbf": { "essential": true, "value": at.to_string() } }))
    }

    /// The challenge of an authentication context.
    pub(super) fn context(name: &str) -> Self {
        Self(json!({ "acrs": { "essential": true, "value": name } }))
    }

    /// The parameter `claims` of `WWW-Authenticate`.
    pub(super) fn encoded(&self) -> String {
        STANDARD.encode(json!({ "access_token": self.0 }).to_string())
    }

    /// Whether a token has it.
    pub(super) fn is_met_by(&self, token: &Token) -> bool {
        let wanted = |name: &str| self.0.get(name)?.get("value")?.as_str();
        let begin = wanted("nbf").and_then(|at| at.parse::<i64>().ok());
        let is_new = begin.is_none_or(|at| token.claim_seconds("nbf").is_some_and(|nbf| nbf >= at));
        let contexts = token.claims.get("acrs").and_then(Value::as_array);
        let has_context = wanted("acrs").is_none_or(|wanted| {
            contexts.into_iter().flatten().any(|known| known.as_str() == Some(wanted))
        });
        is_new && has_context
    }
}

impl Wanted {
    /// Reads the parameter, which is JSON and not base64; none if it is no object.
    pub(super) fn read(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        value.is_object().then_some(Self(value))
    }

    /// The authentication contexts that it asks for.
    pub(super) fn contexts(&self) -> Option<Value> {
        let asked = self.0.pointer("/access_token/acrs")?;
        let list = match (asked.get("value"), asked.get("values").and_then(Value::as_array)) {
            (Some(one), _) => vec![one.clone()],
            (None, Some(several)) => several.clone(),
            (None, None) => return None,
        };
        Some(list.into())
    }
}

//! Entra's token endpoint, as far as an application on its own uses it (exchange-graph.md 2).

mod application;
mod assertion;
mod challenge;
mod control;
mod der;
mod error;
mod grant;
mod jwt;
mod keys;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::random::Random;
use crate::simulator::{SimOutcome, SimRequest, State};
use challenge::{Challenge, Wanted};
use error::TokenError;
use jwt::{PublicKey, SigningKey, Token};

pub(crate) use application::object_id;
pub(crate) use control::control;
pub(crate) use grant::{is_loopback, opens_graph};
pub(crate) use keys::KeyRefused;

/// Tenant of the demo organisation (DESIGN.md 8).
pub(crate) const TENANT: &str = "00000000-0000-4000-8000-000000000001";
/// Client id of the demo organisation's registration (DESIGN.md 8).
pub(crate) const CLIENT: &str = "00000000-0000-4000-8000-000000000002";
/// Its first secret (DESIGN.md 8).
const SECRET: &str = "sim-secret";
/// Seconds that a token lives; Entra's own example.
const EXPIRES_IN: i64 = 3_599;

/// One client secret.
struct Secret {
    id: String,
    name: Option<String>,
    value: String,
    expires: Option<Timestamp>,
}

/// One registered certificate.
struct Certificate {
    id: String,
    name: Option<String>,
    /// Base64url of the SHA-256 of its DER form: `x5t#S256`.
    sha256: String,
    /// Base64url of the SHA-1 of its DER form: `x5t`.
    sha1: String,
    key: PublicKey,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// One federated identity credential, with the keys that its issuer publishes.
struct Federated {
    issuer: String,
    subject: String,
    audience: String,
    /// Keys by their ids.
    keys: BTreeMap<String, PublicKey>,
}

/// The directory's view of the one registered application.
pub(crate) struct Entra {
    secrets: Vec<Secret>,
    certificates: Vec<Certificate>,
    federated: Vec<Federated>,
    /// Seconds that new tokens live.
    expires_in: i64,
    /// Application roles that were consented to in Entra, for all mailboxes.
    roles: Vec<String>,
    /// Whether the id of an assertion may come once only.
    refuse_replays: bool,
    /// Ids of assertions that came, with their ends.
    seen: BTreeMap<String, i64>,
    /// How many tokens were given out.
    issued: u64,
    /// Tokens up to this number are revoked.
    revoked: u64,
    /// What tokens have to have besides.
    challenge: Option<Challenge>,
    /// How many requests for tokens brought claims.
    claimed: u64,
    random: Random,
}

/// What a bearer of a good token may do.
#[derive(Clone)]
pub(crate) struct Bearer {
    /// Application id.
    pub(crate) application: String,
    /// Application roles in the token.
    pub(crate) roles: Vec<String>,
}

/// Why a bearer token is refused, in Graph's words.
pub(crate) struct TokenRefused {
    /// The sentence.
    pub(crate) text: &'static str,
    /// What the next token has to have, as it stands in the challenge; none where that is nothing.
    pub(crate) claims: Option<String>,
}

impl From<&'static str> for TokenRefused {
    fn from(text: &'static str) -> Self {
        Self { text, claims: None }
    }
}

impl Entra {
    /// The directory at the start; `seed` is where ids start.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            secrets: vec![Secret {
                id: crate::graph::guid(4),
                name: None,
                value: SECRET.to_owned(),
                expires: None,
            }],
            certificates: Vec::new(),
            federated: Vec::new(),
            expires_in: EXPIRES_IN,
            // Mailboxes are opened by RBAC for Applications: the token carries no role for them.
            roles: vec!["User.Read.All".to_owned()],
            refuse_replays: true,
            seen: BTreeMap::new(),
            issued: 0,
            revoked: 0,
            challenge: None,
            claimed: 0,
            random: Random::new(seed ^ 0x0e17_4a00),
        }
    }

    /// A token for a resource, signed, with what the request's claims ask for.
    fn issue(&mut self, audience: &str, wanted: &Wanted, now: Timestamp) -> Option<String> {
        self.issued = self.issued.saturating_add(1);
        let at = now.as_second();
        let mut claims = json!({
            "aud": audience,
            "iss": format!("https://sts.windows.net/{TENANT}/"),
            "iat": at,
            "nbf": at,
            "exp": at.saturating_add(self.expires_in),
            "appid": CLIENT,
            "appidacr": "2",
            "idtyp": "app",
            "oid": crate::graph::guid(2),
            "sub": crate::graph::guid(2),
            "roles": self.roles,
            "tid": TENANT,
            "uti": self.issued.to_string(),
            "ver": "1.0",
        });
        if let (Some(contexts), Some(members)) = (wanted.contexts(), claims.as_object_mut()) {
            members.insert("acrs".to_owned(), contexts);
        }
        SigningKey::own()?.sign(&claims)
    }

    /// Checks a bearer token for one of these audiences.
    ///
    /// # Errors
    /// When it is not good, with the sentence that Graph says.
    pub(crate) fn check(
        &self,
        token: &str,
        audiences: &dyn Fn(&str) -> bool,
        now: Timestamp,
    ) -> Result<Bearer, TokenRefused> {
        let token =
            Token::read(token).ok_or("CompactToken parsing failed with error code: 80049217")?;
        let algorithm = token.algorithm().ok_or("Access token validation failure.")?;
        let own = SigningKey::own().ok_or("Access token validation failure.")?;
        if !token.is_signed_by(&own.public(), algorithm) {
            return Err("Signature is invalid.".into());
        }
        if !token.claim_text("aud").is_some_and(audiences) {
            return Err("Access token validation failure. Invalid audience.".into());
        }
        let at = now.as_second();
        if token.claim_seconds("exp").is_none_or(|end| end <= at) {
            return Err("Lifetime validation failed, the token is expired.".into());
        }
        let number = token.claim_text("uti").and_then(|text| text.parse::<u64>().ok());
        if number.is_none_or(|number| number <= self.revoked) {
            return Err("The token has been revoked.".into());
        }
        if let Some(challenge) = self.challenge.as_ref().filter(|it| !it.is_met_by(&token)) {
            return Err(TokenRefused {
                text: "Continuous access evaluation resulted in challenge with result: \
                       InteractionRequired.",
                claims: Some(challenge.encoded()),
            });
        }
        let roles = token.claims.get("roles").and_then(Value::as_array);
        Ok(Bearer {
            application: token.claim_text("appid").unwrap_or_default().to_owned(),
            roles: roles
                .into_iter()
                .flatten()
                .filter_map(|role| Some(role.as_str()?.to_owned()))
                .collect(),
        })
    }
}

/// `SubjectPublicKeyInfo` of a certificate in DER.
pub(crate) fn certificate_key(der: &[u8]) -> Option<Vec<u8>> {
    der::certificate(der).map(|parts| parts.key_info)
}

/// Application id of Graph's change tracking: who sends notifications with resource data.
const CHANGE_TRACKING: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";

/// The token that proves to an application that Graph sent a notification (page:
/// change-notifications-with-resource-data).
pub(crate) fn validation_token(application: &str, number: u64, now: Timestamp) -> Option<String> {
    SigningKey::own()?.sign(&validation_claims(application, number, now))
}

fn validation_claims(application: &str, number: u64, now: Timestamp) -> Value {
    let at = now.as_second();
    json!({
        "aud": application,
        "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        "iat": at,
        "nbf": at,
        "exp": at.saturating_add(EXPIRES_IN),
        "azp": CHANGE_TRACKING,
        "azpacr": "2",
        "tid": TENANT,
        "uti": format!("n{number}"),
        "ver": "2.0",
    })
}

/// Answers a request below `/{tenant}/`; none if the path is not Entra's.
pub(crate) fn handle(
    state: &mut State,
    request: &SimRequest,
    now: Timestamp,
) -> Option<SimOutcome> {
    let (path, _) = request.path_and_query();
    let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
    let base = crate::graph::origin(request);
    let answer = match (request.method.as_str(), parts.as_slice()) {
        ("POST", [tenant, "oauth2", "v2.0", "token"]) => {
            return Some(grant::answer(state, tenant, request, now));
        }
        ("GET", [tenant, "discovery", "v2.0", "keys"]) if is_tenant(tenant) => key_set(),
        (
            "GET",
            [tenant, "v2.0", ".well-known", "openid-configuration"]
            | [tenant, ".well-known", "openid-configuration"],
        ) if is_tenant(tenant) => {
            let version = if path.contains("/v2.0/") { "v2.0" } else { "v1.0" };
            configuration(&base, tenant, version)
        }
        _ => return None,
    };
    Some(SimOutcome::answer(200, "application/json; charset=utf-8", answer.to_string()))
}

/// The tenant itself, or a word that stands for any.
fn is_tenant(text: &str) -> bool {
    text.eq_ignore_ascii_case(TENANT) || matches!(text, "common" | "organizations")
}

fn key_set() -> Value {
    let issuer = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let keys: Vec<_> = SigningKey::own().map(|key| key.web_key(issuer)).into_iter().collect();
    json!({ "keys": keys })
}

fn configuration(base: &str, tenant: &str, version: &str) -> Value {
    let issuer = match (version, tenant) {
        ("v1.0", "common" | "organizations") => "https://sts.windows.net/{tenantid}/".to_owned(),
        ("v1.0", tenant) => format!("https://sts.windows.net/{tenant}/"),
        (_, "common" | "organizations") => {
            "https://login.microsoftonline.com/{tenantid}/v2.0".to_owned()
        }
        (_, tenant) => format!("https://login.microsoftonline.com/{tenant}/v2.0"),
    };
    json!({
        "issuer": issuer,
        "token_endpoint": format!("{base}/{tenant}/oauth2/v2.0/token"),
        "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "tenant_region_scope": "EU",
    })
}

#[cfg(test)]
mod tests;

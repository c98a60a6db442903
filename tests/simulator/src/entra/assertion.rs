//! Client assertions: signed with a registered certificate, or by a trusted issuer
//! (pages: certificate-credentials, workload-identity-federation).

use jiff::Timestamp;

use super::jwt::{Algorithm, PublicKey, Token};
use super::{Entra, TENANT, TokenError};

/// How far the clocks of two servers may differ, in seconds.
const SKEW_SECONDS: i64 = 300;
/// Ids of assertions that are kept at most.
const SEEN_MAX: usize = 10_000;

/// Checks an assertion of either kind.
///
/// # Errors
/// When it is not good.
pub(super) fn check(
    entra: &mut Entra,
    assertion: &str,
    client: &str,
    endpoint: &str,
    now: Timestamp,
) -> Result<(), TokenError> {
    let malformed = || TokenError::request(50_027, "JWT token is invalid or malformed.");
    let token = Token::read(assertion).ok_or_else(malformed)?;
    let issuer = token.claim_text("iss").ok_or_else(malformed)?;
    if issuer.eq_ignore_ascii_case(client) {
        with_certificate(entra, &token, client, endpoint, now)
    } else {
        federated(entra, &token, issuer, now)
    }
}

fn with_certificate(
    entra: &mut Entra,
    token: &Token,
    client: &str,
    endpoint: &str,
    now: Timestamp,
) -> Result<(), TokenError> {
    if !token.claim_text("sub").is_some_and(|subject| subject.eq_ignore_ascii_case(client)) {
        return Err(TokenError::client(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    let named = entra.certificates.iter().find(|certificate| {
        token.header_text("x5t#S256") == Some(&certificate.sha256)
            || token.header_text("x5t") == Some(&certificate.sha1)
    });
    let certificate = named.ok_or_else(|| {
        TokenError::client(
            700_027,
            "The certificate with identifier used to sign the client assertion is not registered \
             on application. [Reason - The key was not found.]",
        )
    })?;
    if now < certificate.not_before || certificate.not_after <= now {
        return Err(TokenError::client(
            700_027,
            "Client assertion failed signature validation. [Reason - The key used is expired.]",
        ));
    }
    let signed =
        token.algorithm().is_some_and(|algorithm| token.is_signed_by(&certificate.key, algorithm));
    if !signed {
        return Err(TokenError::client(
            700_027,
            "Client assertion failed signature validation. [Reason - The provided signature value \
             did not match the expected signature value.]",
        ));
    }
    check_audience(token, endpoint)?;
    let end = check_times(token, now)?;
    // Ten minutes are recommended, but Entra takes any end.
    remember(entra, token, end, now)
}

/// The audience is the endpoint that is asked, by its public name or by the one it was reached by.
fn check_audience(token: &Token, endpoint: &str) -> Result<(), TokenError> {
    let public = [
        format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"),
        format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        format!("https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token"),
        format!("https://login.chinacloudapi.cn/{TENANT}/oauth2/v2.0/token"),
        format!("https://login.partner.microsoftonline.cn/{TENANT}/oauth2/v2.0/token"),
    ];
    let audience = token.claim_text("aud").unwrap_or_default();
    if audience == endpoint || public.iter().any(|known| known == audience) {
        return Ok(());
    }
    Err(TokenError::client(
        700_023,
        "Client assertion audience claim does not match Realm issuer. Review the documentation at \
         https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials.",
    ))
}

fn out_of_time() -> TokenError {
    TokenError::client(
        700_024,
        "Client assertion is not within its valid time range. Current time, assertion valid from \
         and expiry time of assertion do not fit together.",
    )
}

/// Gives the end of the assertion's life, in seconds since 1970.
fn check_times(token: &Token, now: Timestamp) -> Result<i64, TokenError> {
    let at = now.as_second();
    let end = token.claim_seconds("exp").ok_or_else(out_of_time)?;
    let begin = token.claim_seconds("nbf").unwrap_or(at);
    if end.saturating_add(SKEW_SECONDS) <= at || begin.saturating_sub(SKEW_SECONDS) > at {
        return Err(out_of_time());
    }
    Ok(end)
}

/// An id comes once. Entra's page calls it a guard against replays; which number it answers with
/// is written nowhere.
fn remember(entra: &mut Entra, token: &Token, end: i64, now: Timestamp) -> Result<(), TokenError> {
    let id = token.claim_text("jti").filter(|id| !id.is_empty()).ok_or_else(|| {
        TokenError::request(
            50_027,
            "JWT token is invalid or malformed. The claim 'jti' is missing.",
        )
    })?;
    entra.seen.retain(|_, end| end.saturating_add(SKEW_SECONDS) > now.as_second());
    if entra.refuse_replays && entra.seen.contains_key(id) {
        return Err(TokenError::client(
            50_027,
            "JWT token is invalid or malformed. The assertion was used before.",
        ));
    }
    if entra.seen.len() < SEEN_MAX {
        entra.seen.insert(id.to_owned(), end);
    }
    Ok(())
}

/// A token of a trusted issuer may be used again until it ends (exchange-graph.md 2.3).
fn federated(entra: &Entra, token: &Token, issuer: &str, now: Timestamp) -> Result<(), TokenError> {
    let refuse = |code, what: &str| {
        Err(TokenError::client(
            code,
            format!(
                "No matching federated identity record found for presented assertion {what}. Please \
                 check your federated identity credential Subject, Audience and Issuer against the \
                 presented assertion."
            ),
        ))
    };
    let mut candidates = entra.federated.iter().filter(|known| known.issuer == issuer).peekable();
    if candidates.peek().is_none() {
        return refuse(700_211, "issuer");
    }
    let subject = token.claim_text("sub").unwrap_or_default();
    let Some(known) = candidates.find(|known| known.subject == subject) else {
        return refuse(700_213, "subject");
    };
    if !has_audience(token, &known.audience) {
        return refuse(700_212, "audience");
    }
    let key: Option<&PublicKey> = match token.header_text("kid") {
        Some(id) => known.keys.get(id),
        None => known.keys.values().next(),
    };
    // Only RS256 is taken from other issuers.
    let signed = token.algorithm() == Some(Algorithm::Rs256)
        && key.is_some_and(|key| token.is_signed_by(key, Algorithm::Rs256));
    if !signed {
        return Err(TokenError::client(
            700_027,
            "Client assertion failed signature validation. [Reason - The key was not found.]",
        ));
    }
    check_times(token, now).map(|_| ())
}

fn has_audience(token: &Token, wanted: &str) -> bool {
    match token.claims.get("aud") {
        Some(serde_json::Value::String(one)) => one == wanted,
        Some(serde_json::Value::Array(several)) => {
            several.iter().any(|one| one.as_str() == Some(wanted))
        }
        _ => false,
    }
}

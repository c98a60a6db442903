//! The client credentials grant (page: v2-oauth2-client-creds-grant-flow).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::challenge::Wanted;
use super::{CLIENT, Entra, TENANT, TokenError, assertion};
use crate::fault::FaultKind;
use crate::graph::decoded;
use crate::simulator::{SimOutcome, SimRequest, State};

/// Largest form that is read.
const FORM_BYTES_MAX: usize = 65_536;
/// Type of every assertion (RFC 7523, 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Application id of Graph, which may stand for its URI.
const GRAPH_APPLICATION: &str = "00000003-0000-0000-c000-000000000000";

/// Resources that tokens are given for: Graph in its clouds, and Exchange for EWS.
const RESOURCES: [&str; 6] = [
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
    "https://outlook.office365.com",
    GRAPH_APPLICATION,
];

type Form = BTreeMap<String, String>;

/// Answers a token request.
pub(super) fn answer(
    state: &mut State,
    tenant: &str,
    request: &SimRequest,
    now: Timestamp,
) -> SimOutcome {
    *state.requests.entry("Token".to_owned()).or_default() += 1;
    state.faults.begin("Token");
    if state.faults.fires(FaultKind::CutBefore) {
        return SimOutcome::CutBefore;
    }
    let wait = state.faults.back_off_ms().div_ceil(1_000);
    let refused = if state.faults.fires(FaultKind::Unavailable) {
        Some((TokenError::busy(503), None))
    } else if state.faults.fires(FaultKind::ServerBusy) {
        Some((TokenError::busy(429), Some(wait)))
    } else {
        None
    };
    let endpoint = format!("{}/{tenant}/oauth2/v2.0/token", crate::graph::origin(request));
    let result = match refused {
        Some(refused) => Err(refused),
        None => grant(&mut state.entra, tenant, &endpoint, &request.body, now)
            .map_err(|error| (error, None)),
    };
    let (status, body, wait) = match result {
        Ok(body) => (200, body, None),
        Err((error, wait)) => {
            let trace = (state.entra.random.next(), state.entra.random.next());
            (error.status, error.body(now, trace), wait)
        }
    };
    let mut outcome =
        SimOutcome::answer(status, "application/json; charset=utf-8", body.to_string());
    if let SimOutcome::Answer { headers, .. } = &mut outcome {
        headers.push(("cache-control".to_owned(), "no-store, no-cache".to_owned()));
        if let Some(wait) = wait {
            headers.push(("retry-after".to_owned(), wait.to_string()));
        }
    }
    if status == 200 && state.faults.fires(FaultKind::CutAfter) {
        return SimOutcome::CutAfter;
    }
    outcome
}

fn grant(
    entra: &mut Entra,
    tenant: &str,
    endpoint: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<serde_json::Value, TokenError> {
    if !tenant.eq_ignore_ascii_case(TENANT) {
        // `common` names no tenant that an application could act in.
        return Err(TokenError::tenant_missing(tenant));
    }
    let form = read_form(body)?;
    let grant_type = field(&form, "grant_type")?;
    if grant_type != "client_credentials" {
        return Err(TokenError::grant_type(grant_type));
    }
    let client = field(&form, "client_id")?;
    if !client.eq_ignore_ascii_case(CLIENT) {
        return Err(TokenError::application_missing(client, tenant));
    }
    let scope = field(&form, "scope")?;
    let resource = scope.strip_suffix("/.default").ok_or_else(|| TokenError::scope(scope))?;
    if !RESOURCES.contains(&resource) && !is_loopback(resource) {
        return Err(TokenError::resource(resource));
    }
    match (form.get("client_assertion"), form.get("client_secret")) {
        (Some(assertion), _) => {
            if form.get("client_assertion_type").map(String::as_str) != Some(ASSERTION_TYPE) {
                return Err(TokenError::parameter_missing("client_assertion_type"));
            }
            assertion::check(entra, assertion, client, endpoint, now)?;
        }
        (None, Some(secret)) => check_secret(entra, secret, now)?,
        (None, None) => {
            return Err(TokenError::client(
                7_000_216,
                "'client_assertion', 'client_secret' or 'request' is required for the \
                 'client_credentials' grant type.",
            ));
        }
    }
    let wanted = match form.get("claims") {
        None => Wanted::default(),
        Some(text) => {
            let read = Wanted::read(text).ok_or_else(|| {
                TokenError::request(9_002_013, "The 'claims' parameter is not valid JSON.")
            })?;
            entra.claimed = entra.claimed.saturating_add(1);
            read
        }
    };
    let token = entra.issue(resource, &wanted, now).ok_or_else(|| TokenError::busy(503))?;
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": entra.expires_in,
        "ext_expires_in": entra.expires_in,
        "access_token": token,
    }))
}

fn check_secret(entra: &Entra, secret: &str, now: Timestamp) -> Result<(), TokenError> {
    let Some(known) = entra.secrets.iter().find(|known| known.value == secret) else {
        return Err(TokenError::client(
            7_000_215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the \
                 client secret value, not the client secret ID, for a secret added to app '{CLIENT}'."
            ),
        ));
    };
    if known.expires.is_some_and(|end| end <= now) {
        return Err(TokenError::client(
            7_000_222,
            format!("The provided client secret keys for app '{CLIENT}' are expired."),
        ));
    }
    Ok(())
}

fn read_form(body: &[u8]) -> Result<Form, TokenError> {
    let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= FORM_BYTES_MAX);
    let text = text.ok_or_else(|| TokenError::request(90_100, "The form is malformed."))?;
    Ok(text
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")))
        })
        .collect())
}

fn field<'a>(form: &'a Form, name: &str) -> Result<&'a str, TokenError> {
    form.get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| TokenError::parameter_missing(name))
}

/// The simulator's own Graph may be named as the resource too.
pub(crate) fn is_loopback(resource: &str) -> bool {
    resource
        .parse::<http::Uri>()
        .ok()
        .and_then(|uri| uri.host()?.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok())
        .is_some_and(|address| address.is_loopback())
}

/// Whether a token for this audience opens Graph.
pub(crate) fn opens_graph(audience: &str) -> bool {
    (RESOURCES.contains(&audience) && audience != "https://outlook.office365.com")
        || is_loopback(audience)
}

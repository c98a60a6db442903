//! What only Graph has: the token, the roles in it, mailboxes that are not in the cloud.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use tidemark_mailbox::MailboxError;
use tidemark_store::records::{Cloud, GraphAccess};

use super::fence::Standing;
use super::steps::NOT_REACHED;
use super::{Looked, commands};
use crate::border::PreflightStep;
use crate::ports::TokenFacts;

/// Longest token whose claims are read, in bytes.
const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// Most roles that are read of a token, and longest one.
const ROLES_MAX: usize = 200;
const ROLE_BYTES_MAX: usize = 100;

/// What roles in Entra begin with that open every mailbox of the tenant, whatever Exchange's scope
/// says: rights add up (page "Role Based Access Control for Applications in Exchange Online").
const WIDE: [&str; 4] = ["Calendars.", "Contacts.", "Mail.", "MailboxSettings."];
/// The role of EWS over all mailboxes (page "Authenticate an EWS application by using OAuth").
const WIDE_WHOLE: [&str; 1] = ["full_access_as_app"];
/// Roles that something of ours asks for: `User.Read.All` to translate ids when a connection moves,
/// `Application.ReadWrite.OwnedBy` to renew our own secret.
const USED: [&str; 3] = ["User.Read.All", "User.ReadBasic.All", "Application.ReadWrite.OwnedBy"];

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    roles: Vec<String>,
}

/// The application roles that a token shows; none if it does not show its claims. Microsoft promises
/// no form of tokens for Graph, so that nothing may depend on it but what people are told.
pub fn roles_of(token: &str) -> Option<Vec<String>> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let mut parts = token.split('.');
    let claims = parts.nth(1)?;
    // Three parts make a signed token; one of five is encrypted.
    if parts.count() != 1 {
        return None;
    }
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    let is_word = |role: &String| {
        role.len() <= ROLE_BYTES_MAX
            && role
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    Some(claims.roles.into_iter().filter(is_word).take(ROLES_MAX).collect())
}

/// Whether an error is the refusal that a mailbox outside of the scope is to meet.
pub(super) fn is_refusal(error: &MailboxError) -> bool {
    ["ErrorAccessDenied", "Authorization_RequestDenied"]
        .iter()
        .any(|code| error.code.eq_ignore_ascii_case(code))
}

/// The login of the application.
pub(super) fn token(
    access: &GraphAccess,
    asked: &Result<TokenFacts, MailboxError>,
) -> PreflightStep {
    const NAME: &str = "token";
    match asked {
        Ok(facts) => {
            let ends = access.credentials.iter().filter_map(|it| it.expires_at).min();
            let ends = ends.map_or_else(String::new, |at| format!(" A credential ends {at}."));
            let seen =
                format!("Entra gives a token, good until {}.{ends}", facts.token.expires_at());
            PreflightStep::passed(NAME, seen)
        }
        Err(error) => {
            let step = PreflightStep::of_error(NAME, error);
            let step = PreflightStep { seen: "Entra gives no token.".to_owned(), ..step };
            if needs_consent(&error.code) {
                let commands =
                    commands::admin_consent(authority(access), &access.tenant, &access.client);
                return step.commands(commands);
            }
            step
        }
    }
}

/// Whether the application is not there in the tenant: consent makes it.
fn needs_consent(code: &str) -> bool {
    matches!(code, "AADSTS700016" | "AADSTS7000229" | "AADSTS65001")
}

/// Roots of Entra's token services (page "National clouds").
fn authority(access: &GraphAccess) -> &str {
    match &access.cloud {
        Cloud::Global => "https://login.microsoftonline.com",
        Cloud::UsGovernment | Cloud::UsGovernmentDod => "https://login.microsoftonline.us",
        Cloud::China => "https://login.partner.microsoftonline.cn",
        Cloud::Other { authority, .. } => authority,
    }
}

/// What the token may do everywhere. With a scope in Exchange it names no right on mailboxes at all:
/// Exchange adds them itself, so that a missing role is no fault.
pub(super) fn roles(
    access: &GraphAccess,
    asked: &Result<TokenFacts, MailboxError>,
    fence: Standing<'_>,
) -> PreflightStep {
    const NAME: &str = "roles";
    let Ok(facts) = asked else {
        return PreflightStep::skipped(NAME, NOT_REACHED);
    };
    let Some(roles) = &facts.roles else {
        return PreflightStep::skipped(NAME, "The token does not show its roles.");
    };
    let wide: Vec<&str> = roles.iter().map(String::as_str).filter(|role| is_wide(role)).collect();
    let idle = roles.iter().map(String::as_str);
    let idle: Vec<&str> = idle.filter(|role| !is_wide(role) && !USED.contains(role)).collect();
    let mut seen = match roles.as_slice() {
        [] => "The token carries no role.".to_owned(),
        roles => format!("The token carries {}.", roles.join(", ")),
    };
    if !idle.is_empty() {
        seen = format!("{seen} Nothing here needs {}: take it away.", idle.join(", "));
    }
    if wide.is_empty() {
        seen.push_str(" No role opens every mailbox; Exchange gives its rights by its own scope.");
        return PreflightStep::passed(NAME, seen);
    }
    seen = format!("{seen} Granted in Entra, {} holds for every mailbox.", wide.join(", "));
    match fence {
        Standing::Waived(_) => PreflightStep::waived(NAME, seen),
        Standing::Proved(_) => PreflightStep::passed(
            NAME,
            seen + " The mailbox outside is refused nevertheless: an application access policy seems \
                    to narrow it. Microsoft replaces those by RBAC for Applications.",
        ),
        Standing::NotNeeded | Standing::Open(_) | Standing::Unproved => {
            let mut commands = commands::application_scope(&access.client);
            commands.extend(commands::grants_removed(&access.client));
            PreflightStep::failed(NAME, seen)
                .code("roles-too-broad")
                .mend(
                    "Give the application its rights in Exchange, with a scope (RBAC for \
                     Applications), then take these grants away in Entra: both add up, so that the \
                     scope alone narrows nothing. Changes take 30 minutes to 2 hours to work.",
                )
                .commands(commands)
        }
    }
}

fn is_wide(role: &str) -> bool {
    WIDE.iter().any(|begin| role.starts_with(begin)) || WIDE_WHOLE.contains(&role)
}

/// The steps of one mailbox.
pub(super) fn mailbox(access: &GraphAccess, looked: &Looked) -> Vec<PreflightStep> {
    let (place, calendar) = ("mailbox", "calendar");
    let error = match &looked.seen {
        Ok(seen) if seen.can_edit == Some(false) => {
            return vec![
                PreflightStep::passed(place, "The mailbox is in Exchange Online."),
                PreflightStep::failed(calendar, "The calendar can be read but not written.")
                    .code("calendar-read-only")
                    .mend("Grant the role \"Application Calendars.ReadWrite\" in the scope.")
                    .commands(commands::application_scope(&access.client)),
            ];
        }
        Ok(_) => {
            return vec![
                PreflightStep::passed(place, "The mailbox is in Exchange Online."),
                PreflightStep::passed(calendar, "The calendar opens."),
            ];
        }
        Err(error) => error,
    };
    if is_refusal(error) {
        let mut commands = commands::application_scope(&access.client);
        commands.extend(commands::application_tested(&access.client, &looked.address));
        let step = PreflightStep::of_error(calendar, error).commands(commands);
        return vec![PreflightStep::skipped(place, "The refusal does not say where it is."), step];
    }
    if is_placeless(&error.code) {
        let step = PreflightStep::of_error(place, error);
        return vec![step, PreflightStep::skipped(calendar, NOT_REACHED)];
    }
    vec![
        PreflightStep::skipped(place, "The answer does not say where it is."),
        PreflightStep::of_error(calendar, error),
    ]
}

/// Codes of a mailbox that is not in the cloud, has no licence, or is not there at all
/// (exchange-graph.md 3 and 9.3).
fn is_placeless(code: &str) -> bool {
    const CODES: [&str; 8] = [
        "MailboxNotEnabledForRESTAPI",
        "MailboxNotSupportedForRESTAPI",
        "MailboxNotHostedInExchangeOnline",
        "ErrorInvalidUser",
        "ResourceNotFound",
        "Request_ResourceNotFound",
        "ErrorNonExistentMailbox",
        "ErrorInvalidLicense",
    ];
    CODES.iter().any(|known| known.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_of(claims: &str) -> String {
        format!("eyJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn roles_are_read_as_far_as_a_token_shows_them() {
        let roles =
            roles_of(&token_of(r#"{"roles":["Calendars.ReadWrite","<b>","User.Read.All"]}"#));
        assert_eq!(roles.unwrap(), ["Calendars.ReadWrite", "User.Read.All"]);
        assert_eq!(roles_of(&token_of("{}")), Some(vec![]));
        for opaque in ["EwBQA8l6BAAU", "a.b", "a.b.c.d.e", "a.!.c", &token_of("7")] {
            assert_eq!(roles_of(opaque), None, "{opaque}");
        }
        assert_eq!(roles_of(&"a".repeat(TOKEN_BYTES_MAX + 1)), None);
    }
}

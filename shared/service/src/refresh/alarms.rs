//! When credentials end: said well before, and louder as the day comes.

use jiff::{SignedDuration, Timestamp};
use tidemark_identity::{ClientCredential, TokenError};
use tidemark_store::Secrets;
use tidemark_store::records::{CredentialKind, GraphAccess, Trouble};

use super::tokens::load_credential;

/// So many days before its end a credential is spoken of, the nearest of them counts.
pub const ALARM_DAYS: [i64; 4] = [60, 30, 14, 7];

/// What the codes of these troubles begin with.
const ENDS: &str = "credential-ends";
/// The code once the day is over.
const ENDED: &str = "credential-ended";
/// The same for the password of an account of EWS.
const PASSWORD_ENDS: &str = "password-ends";
const PASSWORD_ENDED: &str = "password-ended";

/// A credential whose end is known: its place, what it is, when it ends.
pub(super) type End<'a> = (usize, &'a CredentialKind, Timestamp);

/// What is to be said about a connection's credentials now; nothing as long as there is time.
pub(super) fn credential_troubles(ends: &[End<'_>], now: Timestamp) -> Vec<Trouble> {
    ends.iter().filter_map(|(index, kind, end)| trouble_of(*index, kind, *end, now)).collect()
}

/// When a connection's credentials end, as far as that is known: by their places.
pub(super) async fn credential_ends<'a>(
    secrets: &dyn Secrets,
    access: &'a GraphAccess,
) -> Vec<End<'a>> {
    let mut ends = Vec::new();
    for (index, credential) in access.credentials.iter().enumerate() {
        let end = match &credential.kind {
            CredentialKind::AwsFederation => None,
            CredentialKind::Secret { .. } => credential.expires_at,
            CredentialKind::Certificate { .. } => {
                // A certificate says itself when it ends; what cannot be read is told elsewhere.
                match load_credential(secrets, &credential.kind, None).await {
                    Ok(ClientCredential::Certificate(key)) => Some(key.not_after()),
                    Ok(_) | Err(TokenError::Refused { .. } | TokenError::Later { .. }) => {
                        credential.expires_at
                    }
                }
            }
        };
        ends.extend(end.map(|end| (index, &credential.kind, end)));
    }
    ends
}

/// Whole days until the last of these credentials ends: until then one serves. None where nothing is
/// known to end.
pub(super) fn days_left(ends: &[End<'_>], now: Timestamp) -> Option<u64> {
    let last = ends.iter().map(|(.., end)| *end).max()?;
    let days = last.duration_since(now).as_hours() / 24;
    Some(u64::try_from(days).unwrap_or(0))
}

fn trouble_of(
    index: usize,
    kind: &CredentialKind,
    end: Timestamp,
    now: Timestamp,
) -> Option<Trouble> {
    let what = match kind {
        CredentialKind::Secret { .. } => "client secret",
        CredentialKind::Certificate { .. } => "certificate",
        CredentialKind::AwsFederation => return None,
    };
    let number = index.saturating_add(1);
    let day = end.strftime("%Y-%m-%d");
    let (code, cause) = match within(end, now)? {
        0 => (
            format!("{ENDED}-{number}"),
            format!("The {what} (credential {number}) ended on {day}."),
        ),
        days => (
            format!("{ENDS}-{number}-within-{days}-days"),
            format!("The {what} (credential {number}) ends on {day}."),
        ),
    };
    let mend = format!(
        "Make a new {what} in the app registration, under Certificates & secrets, and enter it as \
         the connection's other credential; the old one serves until it ends."
    );
    Some(Trouble { code, cause, mend, since: now })
}

/// Within how many days something ends, of [`ALARM_DAYS`]: 0 when it has ended, none while there is
/// time.
fn within(end: Timestamp, now: Timestamp) -> Option<i64> {
    let left = end.duration_since(now);
    if left <= SignedDuration::ZERO {
        return Some(0);
    }
    let is_near = |days: &i64| left <= SignedDuration::from_hours(24 * days);
    ALARM_DAYS.into_iter().filter(is_near).min()
}

/// What is to be said about the password of an account of EWS; nothing as long as there is time.
pub(super) fn password_trouble(end: Timestamp, now: Timestamp) -> Option<Trouble> {
    let day = end.strftime("%Y-%m-%d");
    let (code, cause) = match within(end, now)? {
        0 => (PASSWORD_ENDED.to_owned(), format!("The account's password ended on {day}.")),
        days => (
            format!("{PASSWORD_ENDS}-within-{days}-days"),
            format!("The account's password ends on {day}."),
        ),
    };
    let mend = "Give the service account a new password and enter it in the connection, or exempt the \
                account from the expiry of passwords.";
    Some(Trouble { code, cause, mend: mend.to_owned(), since: now })
}

/// Whether a trouble is about the end of a password.
pub(super) fn is_of_password(trouble: &Trouble) -> bool {
    trouble.code.starts_with(PASSWORD_ENDS) || trouble.code == PASSWORD_ENDED
}

/// Whether a trouble was written here.
pub(super) fn is_alarm(trouble: &Trouble) -> bool {
    trouble.code.starts_with(ENDS) || trouble.code.starts_with(ENDED) || is_of_password(trouble)
}

/// Whether nothing but the passing of the day can follow: these are logged as errors.
pub(super) fn is_urgent(trouble: &Trouble) -> bool {
    trouble.code.starts_with(ENDED)
        || trouble.code == PASSWORD_ENDED
        || trouble.code.ends_with("-within-7-days")
}

//! The fence: a connection must be kept out of mailboxes that are none of its business (N14).
//!
//! An administrator names a mailbox outside of the scope; a preflight tries to open it. A refusal next
//! to a mailbox that opens is the proof, since an application without any right is refused everywhere.
//!
//! What it stops. Where the connection demands the proof ([`Gate::Require`], which connections made by
//! the API do), no mailbox *begins* to be synced, or is subscribed, without proof or waiver. What is
//! synced already goes on, with an error on the connection: five thousand calendars that stop because
//! somebody consented to one permission too many take nothing of that permission away, and we open no
//! mailbox that nobody chose. A waiver is an administrator's word, with a reason and a name.
//!
//! Proof and waiver are of an account or application (and the proof of a mailbox outside): another one
//! needs its own.

use core::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tidemark_mailbox::{Disposition, MailboxError, Scope};
use tidemark_store::records::{
    Cloud, ConnectionRow, FenceFinding, FenceWaiver, Gate, MailboxState, Protocol,
};

use crate::border::{FenceView, MailboxErrorView, WaiverView};

/// How long a mailbox rests that may not begin yet.
const CLOSED_WAIT: core::time::Duration = core::time::Duration::from_mins(5);

/// What is known of a fence now.
#[derive(Clone, Copy)]
pub(crate) enum Standing<'a> {
    /// The account opens its own mailbox only.
    NotNeeded,
    /// The mailbox outside did not open.
    Proved(&'a FenceFinding),
    /// An administrator says that no proof is needed.
    Waived(&'a FenceWaiver),
    /// The mailbox outside opened.
    Open(&'a FenceFinding),
    /// Nobody has tried.
    Unproved,
}

/// Who logs on over a connection, as a digest.
pub(crate) fn account_of(row: &ConnectionRow) -> String {
    let mut parts = Vec::new();
    match &row.protocol {
        Protocol::Ews(access) => parts.extend(["ews", &access.url, &access.account]),
        Protocol::Graph(access) => {
            parts.extend(["graph", &access.tenant, &access.client]);
            if let Cloud::Other { authority, graph } = &access.cloud {
                parts.extend([authority.as_str(), graph.as_str()]);
            }
        }
    }
    digest(&parts)
}

/// The same, with the mailbox that it is kept from.
pub(crate) fn subject_of(row: &ConnectionRow, outside: &str) -> String {
    digest(&[&account_of(row), outside])
}

fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        let part = part.trim().to_lowercase();
        // Lengths keep two parts from being read as two others.
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What is known of the fence of a connection.
pub(crate) fn standing(row: &ConnectionRow) -> Standing<'_> {
    let fence = &row.fence;
    if row.ews().is_some_and(|access| !access.impersonate) {
        return Standing::NotNeeded;
    }
    let finding = fence.finding.as_ref().zip(fence.outside.as_deref());
    let finding = finding
        .filter(|(finding, outside)| finding.subject == subject_of(row, outside))
        .map(|(finding, _)| finding);
    let waiver = fence.waiver.as_ref().filter(|waiver| waiver.subject == account_of(row));
    match (finding, waiver) {
        (Some(finding), _) if finding.holds => Standing::Proved(finding),
        // What was seen to be open after the waiver is not what was waived.
        (Some(finding), Some(waiver)) if waiver.at >= finding.at => Standing::Waived(waiver),
        (Some(finding), _) => Standing::Open(finding),
        (None, Some(waiver)) => Standing::Waived(waiver),
        (None, None) => Standing::Unproved,
    }
}

/// Whether mailboxes may begin to be synced over a connection.
pub(crate) fn admits(row: &ConnectionRow) -> bool {
    match standing(row) {
        Standing::NotNeeded | Standing::Proved(_) | Standing::Waived(_) => true,
        Standing::Open(_) | Standing::Unproved => row.fence.gate == Gate::Warn,
    }
}

/// Whether a mailbox in this state may be opened over a connection.
///
/// # Errors
/// What the mailbox shows while it may not.
pub(crate) fn check(row: &ConnectionRow, state: MailboxState) -> Result<(), MailboxError> {
    let has_begun = match state {
        MailboxState::New | MailboxState::Subscribed => false,
        MailboxState::FirstSync | MailboxState::Synced => true,
    };
    if has_begun || admits(row) {
        return Ok(());
    }
    let (code, text) = complaint(row).unwrap_or((UNPROVED, String::new()));
    Err(MailboxError {
        disposition: Disposition::RetryAfter(CLOSED_WAIT),
        scope: Scope::Connection,
        code: code.to_owned(),
        text,
    })
}

/// The code of a connection whose fence nobody has proved.
const UNPROVED: &str = "fence-unproved";
/// The code of a connection whose mailbox outside opened.
const OPEN: &str = "fence-open";

/// What is wrong with a fence, as the connection shows it among its errors.
pub(crate) fn warning(row: &ConnectionRow) -> Option<MailboxErrorView> {
    let (code, text) = complaint(row)?;
    let since = match standing(row) {
        Standing::Open(finding) => finding.at,
        _ => row.created_at,
    };
    Some(MailboxErrorView { code: code.to_owned(), text, since: since.to_string() })
}

fn complaint(row: &ConnectionRow) -> Option<(&'static str, String)> {
    let consequence = match row.fence.gate {
        Gate::Require => "Until then no mailbox begins to be synced over this connection.",
        Gate::Warn => "This connection syncs all the same.",
    };
    let id = row.id.uuid();
    match standing(row) {
        Standing::NotNeeded | Standing::Proved(_) | Standing::Waived(_) => None,
        Standing::Open(_) => Some((
            OPEN,
            format!(
                "The mailbox outside of the scope opened: the connection reaches mailboxes that \
                 nobody chose. Narrow its rights (POST /v1/connections/{id}/preflight has the \
                 commands), or put on record why not. {consequence}"
            ),
        )),
        Standing::Unproved => Some((
            UNPROVED,
            format!(
                "Nobody has shown that the connection is kept out of mailboxes that are none of its \
                 business. Name one that must not open (PATCH /v1/connections/{id}/fence \
                 {{\"outside\": \"…\"}}) and run POST /v1/connections/{id}/preflight, or put on record \
                 why not ({{\"waiver\": {{\"reason\": \"…\"}}}}). {consequence}"
            ),
        )),
    }
}

/// The fence as administrators see it.
pub(crate) fn view(row: &ConnectionRow) -> FenceView {
    let standing = standing(row);
    let (state, text) = match standing {
        Standing::NotNeeded => (
            "not-needed",
            "The account opens its own mailbox only: there is nothing to be kept out of."
                .to_owned(),
        ),
        Standing::Proved(finding) => (
            "proved",
            format!("The mailbox outside of the scope did not open, last tried {}.", finding.at),
        ),
        Standing::Waived(waiver) => {
            ("waived", format!("An administrator waived the proof on {}.", waiver.at))
        }
        Standing::Open(_) => ("open", complaint(row).map(|(_, text)| text).unwrap_or_default()),
        Standing::Unproved => {
            ("unproved", complaint(row).map(|(_, text)| text).unwrap_or_default())
        }
    };
    let fence = &row.fence;
    FenceView {
        state,
        admits: admits(row),
        gate: match fence.gate {
            Gate::Require => "require",
            Gate::Warn => "warn",
        },
        outside: fence.outside.clone(),
        tried: match standing {
            Standing::Proved(finding) | Standing::Open(finding) => Some(finding.at.to_string()),
            Standing::NotNeeded | Standing::Waived(_) | Standing::Unproved => None,
        },
        waiver: fence.waiver.as_ref().map(|waiver| WaiverView {
            reason: waiver.reason.clone(),
            by: waiver.by.clone(),
            at: waiver.at.to_string(),
        }),
        text,
    }
}

/// A waiver for whoever logs on over a connection now.
pub fn waive(row: &ConnectionRow, reason: &str, by: &str, at: Timestamp) -> FenceWaiver {
    FenceWaiver {
        reason: reason.trim().to_owned(),
        by: by.to_owned(),
        at,
        subject: account_of(row),
    }
}

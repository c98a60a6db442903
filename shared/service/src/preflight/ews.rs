//! What only EWS has: login, impersonation, version.

use tidemark_mailbox::ews::{ServerVersion, Support};
use tidemark_mailbox::{Greeting, MailboxError};
use tidemark_store::records::EwsAccess;

use super::steps::NOT_REACHED;
use super::{Looked, commands, way};
use crate::border::PreflightStep;
use crate::ports::Seen;

/// Where a look at a mailbox ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Way,
    Login,
    Impersonation,
    Calendar,
}

fn stage_of(error: &MailboxError) -> Stage {
    match error.code.as_str() {
        "http-401" | "password-missing" | "setting-unfit" => Stage::Login,
        "ErrorImpersonateUserDenied"
        | "ErrorImpersonationDenied"
        | "ErrorImpersonationFailed"
        | "ErrorNonExistentMailbox" => Stage::Impersonation,
        "http-403" => Stage::Calendar,
        code if code.starts_with("Error") => Stage::Calendar,
        _ => Stage::Way,
    }
}

/// Whether an error is the refusal that a mailbox outside of the scope is to meet. A mailbox that is
/// not there, or that is broken, proves nothing.
pub(super) fn is_refusal(error: &MailboxError) -> bool {
    matches!(error.code.as_str(), "ErrorImpersonateUserDenied" | "ErrorImpersonationDenied")
}

/// The form of the account's name (W15). One with a forward slash is not even stored.
pub(super) fn account_form(access: &EwsAccess) -> PreflightStep {
    const NAME: &str = "account";
    let account = access.account.as_str();
    if account.contains('/') {
        return PreflightStep::failed(NAME, "The account's name holds a forward slash.")
            .code("account-slash")
            .mend("Write DOMAIN\\user with a backslash, or user@domain.");
    }
    if account.contains('\\') {
        return PreflightStep::passed(NAME, "The account is named as DOMAIN\\user.");
    }
    if account.contains('@') {
        return PreflightStep::passed(NAME, "The account is named as user@domain.");
    }
    PreflightStep::passed(
        NAME,
        "The account is named without a domain. That works only as long as the virtual directory has \
         a default domain; DOMAIN\\user or user@domain works always.",
    )
}

/// The login, as the mailboxes that were looked at show it.
pub(super) fn login(
    access: &EwsAccess,
    greeting: &Result<Greeting, MailboxError>,
    looked: &[Looked],
) -> PreflightStep {
    const NAME: &str = "login";
    let schemes = greeting.as_ref().map(|greeting| greeting.schemes.as_slice()).unwrap_or_default();
    let is_basic_off = !schemes.is_empty() && !schemes.iter().any(|scheme| scheme == "basic");
    let offered = match schemes {
        [] => String::new(),
        schemes => format!(" The server offers {}.", schemes.join(", ")),
    };
    let refused = looked.iter().filter_map(Looked::error).find(|it| stage_of(it) == Stage::Login);
    if let Some(error) = refused {
        let step = PreflightStep::of_error(NAME, error);
        let seen = format!("The server does not let the account in.{offered}");
        if is_basic_off {
            return PreflightStep { seen, ..step }
                .mend(
                    "The server does not offer Basic authentication, which this connection logs on \
                     with: switch it on for the EWS virtual directory. It is safe behind TLS.",
                )
                .commands(commands::basic_login());
        }
        return PreflightStep { seen, ..step }.mend(
            "User name or password was not accepted. Check both; whether the password has expired or \
             the account is locked or disabled (Get-ADUser -Properties PasswordExpired, LockedOut, \
             Enabled); and that no app password of multi-factor authentication was entered, which \
             Exchange does not take.",
        );
    }
    let is_in =
        looked.iter().any(|it| it.error().is_none_or(|error| stage_of(error) > Stage::Login));
    if is_in {
        let whose = if access.impersonate { "The service account" } else { "The account" };
        return PreflightStep::passed(NAME, format!("{whose} logs on with Basic.{offered}"));
    }
    if looked.is_empty() && greeting.is_ok() {
        let why =
            "No mailbox was named and none is set up over this connection: nobody to log on for.";
        return PreflightStep::skipped(NAME, why);
    }
    PreflightStep::skipped(NAME, NOT_REACHED)
}

/// Which Exchange answers, and whether it is supported (E22).
pub(super) fn version(version: Option<ServerVersion>) -> PreflightStep {
    const NAME: &str = "version";
    let Some(version) = version else {
        return PreflightStep::skipped(NAME, "The server did not name its version.");
    };
    let product = version.product();
    let seen = format!("{version}, {}.", product.statement());
    if product.support() == Support::Refused {
        return PreflightStep::failed(NAME, seen)
            .code("version-unsupported")
            .mend("Exchange 2016 is the oldest that is supported: move the mailboxes.");
    }
    PreflightStep::passed(NAME, seen)
}

/// The steps of one mailbox.
pub(super) fn mailbox(access: &EwsAccess, looked: &Looked) -> Vec<PreflightStep> {
    let stage = looked.error().map(|error| (stage_of(error), error));
    let mut steps = Vec::new();
    if let Some((Stage::Way, error)) = stage {
        steps.push(PreflightStep::of_error(way::step_of(&error.code), error));
    }
    if access.impersonate {
        steps.push(match stage {
            Some((Stage::Impersonation, error)) => not_impersonated(access, error),
            None | Some((Stage::Calendar, _)) => PreflightStep::passed(
                "impersonation",
                "The service account acts for the owner of the mailbox.",
            ),
            Some((Stage::Way | Stage::Login, _)) => {
                PreflightStep::skipped("impersonation", NOT_REACHED)
            }
        });
    }
    steps.push(match (stage, &looked.seen) {
        (Some((Stage::Calendar, error)), _) if error.code == "http-403" => {
            PreflightStep::of_error("calendar", error)
                .commands(commands::ews_enabled(&looked.address))
        }
        (Some((Stage::Calendar, error)), _) => PreflightStep::of_error("calendar", error),
        (None, Ok(seen)) => PreflightStep::passed("calendar", items(seen)),
        _ => PreflightStep::skipped("calendar", NOT_REACHED),
    });
    steps
}

fn not_impersonated(access: &EwsAccess, error: &MailboxError) -> PreflightStep {
    let step = PreflightStep::of_error("impersonation", error);
    if error.code == "ErrorNonExistentMailbox" {
        return step;
    }
    step.commands(commands::impersonation(&access.account))
}

fn items(seen: &Seen) -> String {
    match seen.items {
        Some(items) => format!("The calendar opens; it holds {items} items."),
        None => "The calendar opens.".to_owned(),
    }
}

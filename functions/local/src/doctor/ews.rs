//! The way to mailboxes over EWS, step by step.

use std::sync::Arc;

use jiff::Timestamp;
use tidemark_mailbox::MailboxError;
use tidemark_mailbox::ews::{
    Access, BasicUser, ConnectionLimiter, Credential, EwsEndpoint, EwsMailbox, EwsUrl,
    MailboxAddress, ServerFacts, Support,
};
use tidemark_model::Zone;
use tidemark_transport::{
    Clock, HttpOptions, HttpPort, PlainHttp, ReqwestHttp, SystemClock, SystemEntropy, TargetPolicy,
};

use crate::console::say;
use crate::setup::{ConnectionSetup, EwsSetup, MailboxSetup};

/// What is looked at, in the order in which one depends on the other.
const STEPS: [&str; 7] =
    ["name", "connection", "TLS", "HTTP", "login", "impersonation", "calendar"];

/// Checks each mailbox of a connection over EWS. False when a step fails.
pub(super) async fn check(connection: &ConnectionSetup, access: &EwsSetup) -> anyhow::Result<bool> {
    let options = HttpOptions {
        extra_roots_pem: connection.extra_ca_pem.clone().into_iter().collect(),
        plain_http: PlainHttp::LoopbackLiterals,
        targets: TargetPolicy::Any,
        ..HttpOptions::default()
    };
    let http: Arc<dyn HttpPort> = Arc::new(ReqwestHttp::new(options.clone())?);
    let limiter = ConnectionLimiter::new();
    let mut is_well = true;
    for (index, mailbox) in connection.mailboxes.iter().enumerate() {
        // The terminal is the operator's own, but its lines end up in tickets.
        say(&format!("  mailbox {} of {}", index + 1, connection.mailboxes.len()));
        let endpoint = endpoint(access, mailbox, &http, &limiter)?;
        match EwsMailbox::new(endpoint).check().await {
            Ok(facts) => is_well &= tell_facts(access, facts),
            Err(error) => {
                is_well = false;
                tell_error(access, &error);
                if error.code == "certificate-untrusted" {
                    tell_certificate(options.clone(), &access.url).await;
                }
            }
        }
    }
    Ok(is_well)
}

fn endpoint(
    access: &EwsSetup,
    mailbox: &MailboxSetup,
    http: &Arc<dyn HttpPort>,
    limiter: &ConnectionLimiter,
) -> anyhow::Result<EwsEndpoint> {
    let now: Timestamp = SystemClock.now();
    Ok(EwsEndpoint {
        url: EwsUrl::parse(&access.url)?,
        credential: Credential::Basic {
            user: BasicUser::parse(&access.account)?,
            password: access.password.clone(),
        },
        mailbox: MailboxAddress::parse(&mailbox.address)?,
        access: if access.impersonate { Access::Impersonation } else { Access::Own },
        zone: match &mailbox.time_zone {
            Some(name) => Zone::parse(name)?,
            None => Zone::utc(),
        },
        http: Arc::clone(http),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        limiter: limiter.mailbox(&mailbox.address, now),
    })
}

/// Tells that every step went well, and whether the server's version is supported.
fn tell_facts(access: &EwsSetup, facts: ServerFacts) -> bool {
    for step in steps_of(access) {
        say(&format!("    ok    {step}"));
    }
    if let Some(items) = facts.calendar_items {
        say(&format!("          {items} items in the calendar"));
    }
    let Some(version) = facts.version else {
        say("    ok    version: the server does not name it");
        return true;
    };
    let product = version.product();
    let is_supported = product.support() != Support::Refused;
    let mark = if is_supported { "ok   " } else { "WRONG" };
    say(&format!("    {mark} version {version}: {}", product.statement()));
    is_supported
}

/// Tells which step failed; those before it went well, those after it were not reached.
fn tell_error(access: &EwsSetup, error: &MailboxError) {
    let failed = step_of(&error.code);
    for step in steps_of(access) {
        if step == failed {
            say(&format!("    WRONG {step}: {}", error.text));
            say(&format!("          ({})", error.code));
            return;
        }
        say(&format!("    ok    {step}"));
    }
    say(&format!("    WRONG {failed}: {} ({})", error.text, error.code));
}

/// Shows the certificate that was refused, for a person to compare with the server's own (E8).
async fn tell_certificate(options: HttpOptions, url: &str) {
    let Ok(shown) = ReqwestHttp::look_at_certificate(options, url).await else {
        return;
    };
    let facts = shown.facts;
    say(&format!("          the server shows {}, issued by {}", facts.subject, facts.issuer));
    say(&format!("          valid from {} to {}", facts.not_before, facts.not_after));
    say(&format!("          SHA-256 {}", facts.fingerprint));
    say("          if that is the server's own, an administrator confirms it:");
    say("          PUT /v1/connections/{id}/certificate {\"sha256\": \"...\"}");
}

/// The steps that there are on the way of a connection.
fn steps_of(access: &EwsSetup) -> impl Iterator<Item = &'static str> {
    let is_plain = access.url.trim_start().starts_with("http:");
    let impersonates = access.impersonate;
    STEPS.into_iter().filter(move |step| match *step {
        "TLS" => !is_plain,
        "impersonation" => impersonates,
        _ => true,
    })
}

/// At which step an error arises: the adapter's own codes and Exchange's response codes.
fn step_of(code: &str) -> &'static str {
    match code {
        "name-not-found" => "name",
        "unreachable" | "timed-out" | "connection-cut" | "target-forbidden" | "url-refused" => {
            "connection"
        }
        "tls-failed" | "certificate-untrusted" | "certificate-changed" => "TLS",
        "http-401" => "login",
        "ErrorImpersonateUserDenied"
        | "ErrorImpersonationDenied"
        | "ErrorImpersonationFailed"
        | "ErrorNonExistentMailbox" => "impersonation",
        code if code.starts_with("Error") => "calendar",
        _ => "HTTP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_can_fail_and_unknown_codes_are_of_http() {
        for (code, step) in [
            ("name-not-found", "name"),
            ("unreachable", "connection"),
            ("certificate-untrusted", "TLS"),
            ("http-404", "HTTP"),
            ("http-401", "login"),
            ("ErrorImpersonateUserDenied", "impersonation"),
            ("ErrorAccessDenied", "calendar"),
        ] {
            assert_eq!(step_of(code), step);
            assert!(STEPS.contains(&step));
        }
    }
}

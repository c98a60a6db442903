//! What the fake border shows.

use super::*;

pub(super) fn credential() -> CredentialView {
    CredentialView { kind: "secret", ends: Some("2027-06-01T00:00:00Z".to_owned()), made: false }
}

pub(in crate::tests) fn mailbox_view(address: &str) -> MailboxView {
    let first = address.starts_with("alex");
    MailboxView {
        id: if first { "m-1" } else { "m-2" }.to_owned(),
        address: address.to_owned(),
        aliases: if first { vec!["a.lex@tidemark.example".to_owned()] } else { vec![] },
        system: "crm".to_owned(),
        connection: "onprem".to_owned(),
        enabled: true,
        state: if first { "synced" } else { "failing" },
        first_copy_items: 12,
        first_copy: FirstCopyView {
            phase: "done",
            items: 12,
            total: Some(12),
            text: "Everything was copied: 12 items.".to_owned(),
        },
        lag: LagView {
            seconds: if first { 0 } else { 60 },
            changes: 0,
            more_changes: false,
            notices: u64::from(!first),
            since: (!first).then(|| "2026-03-01T07:59:00Z".to_owned()),
            next_attempt: None,
            last_heard: first.then(|| "2026-03-01T07:58:00Z".to_owned()),
            text: if first { "Nothing waits." } else { "Behind by 60 seconds." }.to_owned(),
        },
        last_synced: first.then(|| "2026-03-01T08:00:00Z".to_owned()),
        dirty: !first,
        errors: if first {
            vec![]
        } else {
            vec![MailboxErrorView {
                code: "access-denied".to_owned(),
                text: "the service account may not impersonate: grant the role".to_owned(),
                since: "2026-03-01T07:00:00Z".to_owned(),
            }]
        },
    }
}

pub(super) fn hold_view() -> HoldView {
    HoldView {
        id: HOLD,
        mailbox: "alex@tidemark.example".to_owned(),
        item: None,
        why: "brake-deletes".to_owned(),
        text: "more than 50 deletes in an hour".to_owned(),
        people: 0,
        choices: vec![HoldChoice::Send, HoldChoice::WithoutAttendees],
        since: "2026-03-01T08:00:00Z".to_owned(),
    }
}

pub(super) fn failed_step() -> PreflightStep {
    PreflightStep {
        name: "impersonation",
        state: StepState::Failed,
        seen: "It did not work.".to_owned(),
        code: Some("ErrorImpersonateUserDenied".to_owned()),
        mend: Some("Assign the role.".to_owned()),
        commands: vec!["New-ManagementRoleAssignment".to_owned()],
    }
}

pub(super) fn unreachable(address: String) -> MailboxSteps {
    MailboxSteps { id: None, address, steps: vec![failed_step()] }
}

/// A fence that nothing is known of, with what a change would set.
pub(super) fn fence_view(change: FenceChange) -> FenceView {
    FenceView {
        state: "unproved",
        admits: false,
        gate: match change.gate {
            Some(GateChoice::Warn) => "warn",
            Some(GateChoice::Require) | None => "require",
        },
        outside: change.outside.flatten(),
        tried: None,
        waiver: change.waiver.flatten().map(|reason| WaiverView {
            reason,
            by: "key-1".to_owned(),
            at: "2026-03-01T08:00:00Z".to_owned(),
        }),
        text: "Name a mailbox that must not open.".to_owned(),
    }
}

pub(super) fn move_entry(address: &str) -> MoveEntry {
    MoveEntry {
        mailbox: mailbox_view(address).id,
        address: address.to_owned(),
        from: CONNECTION,
        to: HOLD,
        phase: "asked",
        text: "It waits.".to_owned(),
        asked: "2026-03-01T08:00:00Z".to_owned(),
        switched: None,
        finished: None,
    }
}

pub(super) fn move_view() -> MoveView {
    MoveView {
        from: CONNECTION,
        to: HOLD,
        phase: "done",
        text: "Done.".to_owned(),
        asked: "2026-03-01T08:00:00Z".to_owned(),
        switched: Some("2026-03-01T08:01:00Z".to_owned()),
        finished: Some("2026-03-01T08:02:00Z".to_owned()),
        untranslated: None,
        items: MovedItems { translated: 3, by_uid: 1, ..MovedItems::default() },
    }
}

pub(super) fn cost_view() -> CostView {
    let usage = Usage { write_halves: 2_000_000, exchange_requests: 3, ..Usage::default() };
    let list = PriceList::embedded().unwrap();
    let parts = list.price(&usage);
    CostView {
        from: "2027-03-01T00:00:00Z".to_owned(),
        until: "2027-03-16T00:00:00Z".to_owned(),
        cost: Amount::from_cents(63),
        month: Amount::from_cents(126),
        parts,
        exchange_requests: usage.exchange_requests,
        cap: Some(CapView {
            cents_per_month: "2.5".to_owned(),
            used: Some(Amount::from_cents(3)),
            exceeded: true,
        }),
        sweep_minutes: 120,
        prices_date: list.date,
        prices_region: list.region,
        prices_note: list.note,
    }
}

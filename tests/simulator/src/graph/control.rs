//! `/_sim/graph`: what tests change on the Graph side.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{GraphState, subscriptions};
use crate::control::{Refusal, read};
use crate::store::MailboxNumber;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewSettings {
    requests_max: Option<usize>,
    duplicate_status: Option<u16>,
    deleted_readable: Option<bool>,
    rbac_roles: Option<BTreeSet<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Lifecycle {
    event: String,
    /// None means all.
    subscription: Option<String>,
}

/// Answers a request below `/_sim/graph`.
///
/// # Errors
/// When there is no such control, or the body does not fit.
pub(crate) fn control(
    graph: &mut GraphState,
    method: &str,
    rest: &[&str],
    body: &[u8],
    now: Timestamp,
) -> Result<Value, Refusal> {
    match (method, rest) {
        ("GET", []) => {
            let (waiting, open) = graph.subscriptions.deliveries.counts();
            Ok(json!({
                "requestsMax": graph.settings.requests_max,
                "duplicateStatus": graph.settings.duplicate_status,
                "deletedReadable": graph.settings.deleted_readable,
                "rbacRoles": graph.settings.rbac_roles,
                "subscriptions": graph.subscriptions.list.len(),
                "notificationsWaiting": waiting,
                "notificationsOpen": open,
            }))
        }
        // With the client states: whoever measures a listener posts to it in Graph's name.
        ("GET", ["subscriptions"]) => {
            let list = graph.subscriptions.list.values();
            let list: Vec<_> = list.map(|one| subscriptions::entity(one, true)).collect();
            Ok(json!({ "subscriptions": list }))
        }
        ("PUT" | "PATCH", []) => {
            let new: NewSettings = read(body)?;
            let settings = &mut graph.settings;
            if new.duplicate_status.is_some_and(|status| !matches!(status, 400 | 409)) {
                return Err((400, "duplicateStatus is 400 or 409"));
            }
            settings.requests_max = new.requests_max.unwrap_or(settings.requests_max);
            settings.duplicate_status = new.duplicate_status.unwrap_or(settings.duplicate_status);
            settings.deleted_readable = new.deleted_readable.unwrap_or(settings.deleted_readable);
            if let Some(roles) = new.rbac_roles {
                settings.rbac_roles = roles;
            }
            Ok(json!({}))
        }
        ("POST", ["lifecycle"]) => {
            let new: Lifecycle = read(body)?;
            let known = ["missed", "subscriptionRemoved", "reauthorizationRequired"];
            if !known.contains(&new.event.as_str()) {
                return Err((400, "there is no such lifecycle event"));
            }
            let all: Vec<_> = graph.subscriptions.list.keys().cloned().collect();
            let wanted = all
                .iter()
                .filter(|id| new.subscription.as_ref().is_none_or(|wanted| wanted == *id));
            let told = wanted.filter(|id| graph.subscriptions.say(id, &new.event, now)).count();
            if told == 0 { Err((404, "no such subscription")) } else { Ok(json!({ "told": told })) }
        }
        _ => Err((404, "no such control")),
    }
}

impl GraphState {
    /// Puts a mailbox inside or outside of the application's scope.
    pub(crate) fn set_scope(&mut self, mailbox: MailboxNumber, inside: bool) {
        if inside {
            self.out_of_scope.remove(&mailbox);
        } else {
            self.out_of_scope.insert(mailbox);
        }
    }

    /// Whether a mailbox is inside of the administrator's scope, which is the same over both protocols.
    pub(crate) fn is_in_scope(&self, mailbox: MailboxNumber) -> bool {
        !self.out_of_scope.contains(&mailbox)
    }

    /// Takes in a mailbox that comes from a server: nothing of what was known of it holds.
    pub(crate) fn take_in(&mut self, mailbox: MailboxNumber) {
        self.on_premises.remove(&mailbox);
        self.deltas.forget(mailbox);
        self.extras.retain(|(owner, _), _| *owner != mailbox);
        self.transactions.retain(|(owner, _), _| *owner != mailbox);
        self.subscriptions.end_all_of(mailbox);
    }

    /// Puts a mailbox onto a server of its own, or into the cloud.
    pub(crate) fn set_on_premises(&mut self, mailbox: MailboxNumber, on_premises: bool) {
        if on_premises {
            self.on_premises.insert(mailbox);
        } else {
            self.on_premises.remove(&mailbox);
        }
    }
}

//! The bodies of commands.

mod administration;
mod connections;
mod graph;
mod moves;
mod preflight;

pub(crate) use administration::{
    AddMailboxes, ChangeMailbox, ChangeOrganisation, ChangeSystem, CreateKey, CreateSystem, KeyRole,
};
pub(crate) use connections::{ChangeConnection, ConfirmCertificate, CreateConnection};
pub(crate) use graph::CloudForm;
pub(crate) use moves::MoveMailboxes;
pub(crate) use preflight::{ChangeFence, CheckAssignment, RunPreflight};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidemark_service::border::HoldChoice;
use utoipa::ToSchema;

use crate::extract::CommandForm;

/// A webhook endpoint to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateWebhook {
    /// Where deliveries go: https, or http to a loopback literal.
    #[schema(example = "https://business.example/tidemark")]
    pub(crate) url: String,
}

impl CommandForm for CreateWebhook {
    const FORM: &'static str = r#"{"url": "https://…"}"#;
}

/// From where to deliver again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayWebhook {
    /// A cursor of the feed; without it, from the beginning of retention.
    #[serde(default)]
    pub(crate) after: Option<String>,
}

impl CommandForm for ReplayWebhook {
    const FORM: &'static str = r#"{"after": "CURSOR"} or {}"#;
}

/// A decision about something that waits.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecideHold {
    /// What to do.
    pub(crate) choice: Choice,
}

impl CommandForm for DecideHold {
    const FORM: &'static str =
        r#"{"choice": "send", "without-attendees", "discard", "pair" or "gone"}"#;
}

/// What a person decides.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Choice {
    /// Do it, and let Exchange mail.
    Send,
    /// Do it silently; create without attendees. Not where a server cannot be kept from mailing for
    /// what exists already.
    WithoutAttendees,
    /// Do not do it: the waiting changes are refused.
    Discard,
    /// Take the first of several copies for the item; the others are items of their own. Only for
    /// `move-ambiguous`.
    Pair,
    /// The item is gone: it is told as deleted. Only for `move-missing`.
    Gone,
}

impl From<Choice> for HoldChoice {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Send => Self::Send,
            Choice::WithoutAttendees => Self::WithoutAttendees,
            Choice::Discard => Self::Discard,
            Choice::Pair => Self::Pair,
            Choice::Gone => Self::Gone,
        }
    }
}

impl From<HoldChoice> for Choice {
    fn from(choice: HoldChoice) -> Self {
        match choice {
            HoldChoice::Send => Self::Send,
            HoldChoice::WithoutAttendees => Self::WithoutAttendees,
            HoldChoice::Discard => Self::Discard,
            HoldChoice::Pair => Self::Pair,
            HoldChoice::Gone => Self::Gone,
        }
    }
}

/// One change of a batch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct BatchOperation {
    /// What to do.
    pub(crate) method: BatchMethod,
    /// Which item: the path of its own route, percent-encoded.
    #[schema(example = "/v1/mailboxes/alex@tidemark.example/appointments/42")]
    pub(crate) path: String,
    /// The item, or the merge patch; none for `DELETE`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub(crate) body: Option<Value>,
    /// As the header `If-Match`: an ETag with its quotes.
    #[serde(default)]
    #[schema(example = "\"7\"")]
    pub(crate) if_match: Option<String>,
    /// As the header `Idempotency-Key`.
    #[serde(default)]
    pub(crate) idempotency_key: Option<String>,
}

/// What a change of a batch can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum BatchMethod {
    /// Create or change.
    Put,
    /// Merge patch.
    Patch,
    /// Delete.
    Delete,
}

impl CommandForm for Vec<BatchOperation> {
    const FORM: &'static str = r#"[{"method": "PUT", "PATCH" or "DELETE", "path": "/v1/mailboxes/…", "body": {…}, "ifMatch": "…", "idempotencyKey": "…"}, …]"#;

    fn misshapen(value: &Value) -> Option<String> {
        let Some(operations) = value.as_array() else {
            return Some(String::new());
        };
        operations
            .iter()
            .position(|operation| !operation.is_object())
            .map(|index| format!("/{index}"))
    }
}

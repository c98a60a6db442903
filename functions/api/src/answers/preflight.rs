//! What answers about the preflight look like.

use serde::Serialize;
use tidemark_service::border::{
    AssignmentView, FenceView, MailboxSteps, PreflightStep, PreflightView, WaiverView,
};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a preflight found.
#[derive(Serialize, ToSchema)]
pub(crate) struct Preflight {
    /// Which connection.
    connection: Uuid,
    /// `ews` or `graph`.
    #[schema(value_type = String, example = "graph")]
    protocol: &'static str,
    /// When, RFC 3339.
    at: String,
    /// Whether no step failed.
    passed: bool,
    /// What concerns the connection as a whole, in the order in which one depends on the other.
    steps: Vec<Step>,
    /// The mailboxes that were looked at.
    mailboxes: Vec<MailboxPreflight>,
    /// Whether mailboxes were left out.
    more: bool,
    /// What keeps the connection out of other mailboxes.
    fence: Fence,
}

/// A step.
#[derive(Serialize, ToSchema)]
#[schema(as = PreflightStep)]
pub(crate) struct Step {
    /// A stable word.
    #[schema(value_type = String, example = "tls")]
    name: &'static str,
    /// `passed`, `failed`, `skipped` or `waived`.
    #[schema(value_type = String, example = "passed")]
    state: &'static str,
    /// What was seen, in words; of a skipped one, why.
    seen: String,
    /// A stable word for the cause: the server's own code, or one of ours.
    #[schema(required)]
    code: Option<String>,
    /// Why, and how it is mended.
    #[schema(required)]
    mend: Option<String>,
    /// What an administrator of Exchange or Entra types, or the address that one opens.
    commands: Vec<String>,
}

/// A mailbox that was looked at.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailboxPreflight {
    /// Our id of it; `null` for one that is not set up.
    #[schema(required)]
    id: Option<String>,
    /// Its address.
    address: String,
    /// What was looked at.
    steps: Vec<Step>,
}

/// Which mailboxes cannot be reached.
#[derive(Serialize, ToSchema)]
pub(crate) struct Assignment {
    /// How many were looked at in this call.
    checked: usize,
    /// Those that cannot be reached, with the step that failed.
    unreachable: Vec<MailboxPreflight>,
    /// Where to go on; `null` when all were looked at.
    #[schema(required)]
    next: Option<String>,
}

/// What keeps a connection out of mailboxes that are none of its business.
#[derive(Serialize, ToSchema)]
pub(crate) struct Fence {
    /// `not-needed`, `proved`, `waived`, `open` or `unproved`.
    #[schema(value_type = String, example = "proved")]
    state: &'static str,
    /// Whether mailboxes may begin to be synced.
    admits: bool,
    /// `require` or `warn`: what holds while it is not proved.
    #[schema(value_type = String, example = "require")]
    gate: &'static str,
    /// The mailbox outside that must not open.
    #[schema(required)]
    outside: Option<String>,
    /// When it was last tried, RFC 3339.
    #[schema(required)]
    tried: Option<String>,
    /// The waiver on record.
    #[schema(required)]
    waiver: Option<FenceWaiver>,
    /// What that means and what to do.
    text: String,
}

/// A waiver on record.
#[derive(Serialize, ToSchema)]
pub(crate) struct FenceWaiver {
    /// Why.
    reason: String,
    /// Id of the key that it was put on record with, or `configuration`.
    by: String,
    /// When, RFC 3339.
    at: String,
}

impl From<PreflightView> for Preflight {
    fn from(view: PreflightView) -> Self {
        Self {
            connection: view.connection,
            protocol: view.protocol,
            at: view.at,
            passed: view.passed,
            steps: view.steps.into_iter().map(Step::from).collect(),
            mailboxes: view.mailboxes.into_iter().map(MailboxPreflight::from).collect(),
            more: view.more,
            fence: view.fence.into(),
        }
    }
}

impl From<PreflightStep> for Step {
    fn from(step: PreflightStep) -> Self {
        Self {
            name: step.name,
            state: step.state.as_str(),
            seen: step.seen,
            code: step.code,
            mend: step.mend,
            commands: step.commands,
        }
    }
}

impl From<MailboxSteps> for MailboxPreflight {
    fn from(view: MailboxSteps) -> Self {
        let steps = view.steps.into_iter().map(Step::from).collect();
        Self { id: view.id, address: view.address, steps }
    }
}

impl From<AssignmentView> for Assignment {
    fn from(view: AssignmentView) -> Self {
        Self {
            checked: view.checked,
            unreachable: view.unreachable.into_iter().map(MailboxPreflight::from).collect(),
            next: view.next,
        }
    }
}

impl From<FenceView> for Fence {
    fn from(view: FenceView) -> Self {
        Self {
            state: view.state,
            admits: view.admits,
            gate: view.gate,
            outside: view.outside,
            tried: view.tried,
            waiver: view.waiver.map(FenceWaiver::from),
            text: view.text,
        }
    }
}

impl From<WaiverView> for FenceWaiver {
    fn from(view: WaiverView) -> Self {
        Self { reason: view.reason, by: view.by, at: view.at }
    }
}

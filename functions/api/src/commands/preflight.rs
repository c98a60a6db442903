//! The bodies of commands about the preflight.

use serde::{Deserialize, Deserializer};
use tidemark_service::border::{FenceChange, GateChoice, PreflightAsk};
use utoipa::ToSchema;

use crate::extract::CommandForm;

/// What a preflight is to look at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunPreflight {
    /// Addresses of mailboxes, which need not be set up yet; without them, the first 20 that are.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["alex@tidemark.example"]))]
    mailboxes: Vec<String>,
}

impl CommandForm for RunPreflight {
    const FORM: &'static str = r#"{"mailboxes": ["…@…"]} or {}"#;
}

impl From<RunPreflight> for PreflightAsk {
    fn from(command: RunPreflight) -> Self {
        Self { mailboxes: command.mailboxes, try_callback: true }
    }
}

/// Which mailboxes come next.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckAssignment {
    /// `next` of the answer before; without it, from the first one.
    #[serde(default)]
    pub(crate) after: Option<String>,
}

impl CommandForm for CheckAssignment {
    const FORM: &'static str = r#"{"after": "…"} or {}"#;
}

/// What is to change about a fence; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeFence {
    /// Primary address of a mailbox outside of the scope; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "board@tidemark.example")]
    #[expect(clippy::option_option, reason = "absent, null and a text mean three things")]
    outside: Option<Option<String>>,
    /// What holds while the fence is not proved.
    #[serde(default)]
    #[schema(nullable = false)]
    gate: Option<Gate>,
    /// A waiver of the proof; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Waiver>)]
    #[expect(clippy::option_option, reason = "absent, null and a waiver mean three things")]
    waiver: Option<Option<Waiver>>,
}

impl CommandForm for ChangeFence {
    const FORM: &'static str = r#"{"outside": "…@…" or null, "gate": "require" or "warn", "waiver": {"reason": "…"} or null}, each of them or not"#;
}

/// A waiver.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiver {
    /// Why no proof is needed.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// What holds while a fence is not proved.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Gate {
    /// No mailbox begins to be synced.
    Require,
    /// It is only said.
    Warn,
}

impl From<ChangeFence> for FenceChange {
    fn from(command: ChangeFence) -> Self {
        Self {
            outside: command.outside,
            gate: command.gate.map(|gate| match gate {
                Gate::Require => GateChoice::Require,
                Gate::Warn => GateChoice::Warn,
            }),
            waiver: command.waiver.map(|waiver| waiver.map(|waiver| waiver.reason)),
        }
    }
}

/// Tells a member that is null from one that is absent.
#[expect(clippy::option_option, reason = "absent, null and a value mean three things")]
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

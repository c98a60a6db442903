//! The body of the command that moves mailboxes.

use serde::Deserialize;
use tidemark_service::border::MoveRequest;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::extract::CommandForm;

/// What is to move, and where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveMailboxes {
    /// Id of a connection over Graph.
    to: Uuid,
    /// The mailboxes by address, alias or id, at most 500; all of the connection unless said.
    #[serde(default)]
    #[schema(nullable = false, max_items = 500, example = json!(["alex@tidemark.example"]))]
    mailboxes: Option<Vec<String>>,
}

impl CommandForm for MoveMailboxes {
    const FORM: &'static str =
        r#"{"to": "id of a connection over Graph", "mailboxes": ["address", …] or not}"#;
}

impl From<MoveMailboxes> for MoveRequest {
    fn from(command: MoveMailboxes) -> Self {
        Self { to: command.to, mailboxes: command.mailboxes }
    }
}

//! What an export looks like.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A page of an export.
#[derive(Serialize, ToSchema)]
pub(crate) struct Export {
    pub(crate) rows: Vec<ExportedRow>,
    /// Where to go on; `null` when that was all.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// One thing that is kept.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExportedRow {
    /// What it is.
    #[schema(value_type = String, example = "appointment")]
    pub(crate) kind: &'static str,
    /// Of which mailbox, where it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) mailbox: Option<String>,
    /// Of which item, where it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) item: Option<String>,
    /// The thing, in the form in which its own route shows it.
    #[schema(value_type = Object)]
    pub(crate) value: Value,
}

//! The parameters that several routes share, as the document describes them. They are read by the
//! extractors; nothing ever makes one of these.

use utoipa::IntoParams;

/// Which mailbox.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it stands for parameters in the document and is never made")]
pub(crate) struct MailboxParam {
    /// Primary address or alias in any case, or id
    #[param(example = "alex@tidemark.example")]
    mailbox: String,
}

/// Which kind of items.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it stands for parameters in the document and is never made")]
pub(crate) struct KindParam {
    /// Kind of items
    #[param(pattern = "^(appointments)$", example = "appointments")]
    kind: String,
}

/// Which item.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it stands for parameters in the document and is never made")]
pub(crate) struct ItemParam {
    /// The business system's id, or the one that the first change event announced
    #[param(min_length = 1, max_length = 255, example = "crm-42")]
    id: String,
}

/// Which hold, webhook, connection or key.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it stands for parameters in the document and is never made")]
pub(crate) struct IdParam {
    /// Its id
    id: uuid::Uuid,
}

/// Which business system.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it stands for parameters in the document and is never made")]
pub(crate) struct SystemParam {
    /// Its id
    #[param(example = "crm")]
    system: String,
}

/// Which part of a listing.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it stands for parameters in the document and is never made")]
pub(crate) struct PageParams {
    /// `next` of the page before
    after: Option<String>,
    /// Most entries: 100 unless said, at most 500. A page may have fewer although there are more:
    /// `next` tells
    #[param(minimum = 1)]
    limit: Option<u64>,
}

/// The headers that guard a change.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it stands for parameters in the document and is never made")]
pub(crate) struct GuardParams {
    /// The ETag of the item as GET answered it. It is compared at once with the ETag that GET would
    /// answer now, and once more when the change is carried out: a change of Exchange in between makes
    /// it `refused`. While changes of the item wait, GET answers a weak ETag (`W/"7-31"`), which by RFC
    /// 9110 never matches here: wait for the outcomes, then GET again. `*` and lists are not supported
    #[param(rename = "If-Match", pattern = r#"^(W/"[0-9]+-[0-9]+"|"[0-9]+")$"#, example = "\"7\"")]
    if_match: Option<String>,
    /// Makes repeating safe: for 24 hours a request with the same key is answered as the first one
    /// was, whatever became of the change since, and nothing is done a second time. Keys are the
    /// business system's own in each mailbox. The same key with another method, id, body or `If-Match`
    /// is refused. A request that was refused leaves its key free
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$",
        example = "order-4711-v3"
    )]
    idempotency_key: Option<String>,
}

/// What the caller has already.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it stands for parameters in the document and is never made")]
pub(crate) struct CachedParam {
    /// ETags of what the caller has: if the item's is among them, 304 is answered
    #[param(rename = "If-None-Match", example = "\"7\"")]
    if_none_match: Option<String>,
}

//! Ids of one protocol as ids of another (user-translateexchangeids page).

use serde::Deserialize;
use serde_json::json;

use crate::bounds::{DOCUMENT_BYTES_MAX, TRANSLATE_IDS_MAX};
use crate::error::Unreadable;
use crate::request::{EventId, GraphRequest, Method, UserKey};
use crate::text::{List, Object, Text};

/// A form of ids (exchangeIdFormat).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdForm {
    /// MAPI's, which changes when the item moves.
    Entry,
    /// Exchange Web Services'.
    Ews,
    /// MAPI's, which lasts.
    ImmutableEntry,
    /// Graph's default, which changes when the item moves.
    Rest,
    /// What we use of Graph: lasts as long as the item stays in the mailbox.
    RestImmutableEntry,
}

impl IdForm {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Entry => "entryId",
            Self::Ews => "ewsId",
            Self::ImmutableEntry => "immutableEntryId",
            Self::Rest => "restId",
            Self::RestImmutableEntry => "restImmutableEntryId",
        }
    }
}

/// Why ids cannot be translated in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("between 1 and 1,000 ids are translated at once")]
pub struct IdCountError;

/// Asks for ids of one mailbox and one kind of item in another form, at most [`TRANSLATE_IDS_MAX`].
///
/// # Errors
/// [`IdCountError`].
pub fn build_translate(
    user: &UserKey,
    ids: &[String],
    from: IdForm,
    to: IdForm,
) -> Result<GraphRequest, IdCountError> {
    if ids.is_empty() || ids.len() > TRANSLATE_IDS_MAX {
        return Err(IdCountError);
    }
    let body = json!({
        "inputIds": ids,
        "sourceIdType": from.as_str(),
        "targetIdType": to.as_str(),
    });
    let path = user.path().words("/translateExchangeIds");
    Ok(GraphRequest::new(Method::Post, path).with_body(body))
}

/// What became of one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated {
    /// The id that was given; case counts.
    pub source: EventId,
    /// The id in the other form; none if it cannot be translated.
    pub target: Option<EventId>,
}

#[derive(Deserialize)]
struct WireResults<'a> {
    #[serde(borrow)]
    value: List<Object<WireResult<'a>>, TRANSLATE_IDS_MAX>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResult<'a> {
    #[serde(borrow, default)]
    source_id: Text<'a>,
    #[serde(borrow, default)]
    target_id: Text<'a>,
    #[serde(borrow, default)]
    error_details: Object<Text<'a>>,
}

/// Reads the answer. Entries that name no source are left out: their ids count as not translated.
///
/// # Errors
/// What is no such answer.
pub fn read_translated(body: &[u8]) -> Result<Vec<Translated>, Unreadable> {
    if body.len() > DOCUMENT_BYTES_MAX {
        return Err(Unreadable::TooLarge);
    }
    let results: WireResults<'_> =
        serde_json::from_slice(body).map_err(|error| Unreadable::of_json(&error))?;
    let results = results.value.items.into_iter().filter_map(|result| result.0);
    let read = |result: WireResult<'_>| {
        let source = result.source_id.owned().and_then(EventId::new)?;
        let failed = result.error_details.0.is_some();
        let target = result.target_id.owned().and_then(EventId::new).filter(|_| !failed);
        Some(Translated { source, target })
    };
    Ok(results.filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_asked_for_in_blocks_and_fail_one_by_one() {
        let user = UserKey::parse("a@tidemark.example").expect("a name");
        let ids = vec!["AAMk/+=".to_owned(), "AAMk2".to_owned()];
        let request = build_translate(&user, &ids, IdForm::Ews, IdForm::RestImmutableEntry);
        let request = request.expect("a request");
        let expected = json!({ "inputIds": ["AAMk/+=", "AAMk2"], "sourceIdType": "ewsId",
            "targetIdType": "restImmutableEntryId" });
        assert_eq!(request.body(), Some(&expected));
        assert_eq!(request.path(), Some("/users/a%40tidemark.example/translateExchangeIds"));
        let body = br#"{"value":[{"sourceId":"AAMk/+=","targetId":"AAkA-_="},
            {"sourceId":"AAMk2","targetId":"x","errorDetails":{"code":"ErrorInvalidId"}},
            {"sourceId":"AAMk3","targetId":null,"errorDetails":null},{"targetId":"y"},3]}"#;
        let found = read_translated(body).expect("an answer");
        let targets: Vec<_> =
            found.iter().map(|one| one.target.as_ref().map(EventId::as_str)).collect();
        assert_eq!(targets, [Some("AAkA-_="), None, None]);
        let many = vec!["x".to_owned(); TRANSLATE_IDS_MAX + 1];
        for bad in [&[][..], &many] {
            let request = build_translate(&user, bad, IdForm::Ews, IdForm::Rest);
            assert_eq!(request, Err(IdCountError));
        }
    }
}

//! What EWS answers around its data: envelopes, faults, response messages.

use core::fmt;
use core::time::Duration;

use super::tree::{Node, TreeError};
use crate::port::{ChangeKey, RemoteId, RemoteRef};

/// Longest response code that is kept, in bytes; the longest that there is has some 60.
const CODE_BYTES_MAX: usize = 100;

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ews) enum WireError {
    /// The whole request failed: a SOAP fault.
    Fault(ResponseCode),
    /// The operation failed, or one item of it.
    Response(ResponseCode),
    /// The answer is not one of EWS.
    Unreadable(&'static str),
    /// One item makes no sense; its neighbours do.
    Item(&'static str),
}

impl WireError {
    /// Whether it is a SOAP fault, which says more than the HTTP status it comes with.
    pub(in crate::ews) const fn is_fault(&self) -> bool {
        matches!(self, Self::Fault(_))
    }
}

impl From<TreeError> for WireError {
    fn from(error: TreeError) -> Self {
        Self::Unreadable(match error {
            TreeError::Malformed => "not well-formed XML",
            TreeError::DocumentType => "a document type is declared",
            TreeError::TooLarge => "too deep or too many elements",
        })
    }
}

/// A code of EWS with what it asks for. The message is left behind: it may quote content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ews) struct ResponseCode {
    /// Such as `ErrorServerBusy`.
    pub(in crate::ews) code: String,
    /// How long the server wants to be left alone.
    pub(in crate::ews) back_off: Option<Duration>,
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)
    }
}

impl ResponseCode {
    /// `holder` has `ResponseCode` and `MessageXml` in it: a response message or the detail of a
    /// fault. An internal error may only wrap what really happened (exchange-ews.md 12).
    fn of(holder: &Node, fallback: &str) -> Self {
        let named = |name| {
            let values = holder.child("MessageXml")?.children();
            let mut values = values.filter(|value| value.name() == "Value");
            Some(values.find(|value| value.attribute("Name") == Some(name))?.text().trim())
        };
        let outer = holder.text_of("ResponseCode").unwrap_or(fallback);
        let code = match outer {
            "ErrorInternalServerError" => named("InnerErrorResponseCode").unwrap_or(outer),
            _ => outer,
        };
        let is_code = !code.is_empty()
            && code.len() <= CODE_BYTES_MAX
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        Self {
            code: if is_code { code } else { "ErrorUnknown" }.to_owned(),
            back_off: named("BackOffMilliseconds")
                .and_then(|wait| wait.parse().ok())
                .map(Duration::from_millis),
        }
    }
}

/// A whole answer.
pub(super) struct Answer {
    envelope: Node,
}

impl Answer {
    /// Reads an answer, or the fault that stands in its place.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let envelope = Node::parse(bytes)?;
        if envelope.name() != "Envelope" {
            return Err(WireError::Unreadable("no SOAP envelope"));
        }
        let body = envelope.child("Body");
        let body = body.ok_or(WireError::Unreadable("no SOAP body"))?;
        if let Some(fault) = body.child("Fault") {
            let code = fault.text_of("faultcode").unwrap_or_default();
            let code = code.rsplit(':').next().unwrap_or_default();
            return Err(WireError::Fault(match fault.child("detail") {
                Some(detail) => ResponseCode::of(detail, code),
                None => ResponseCode::of(fault, code),
            }));
        }
        Ok(Self { envelope })
    }

    /// A header by its local name.
    pub(super) fn header(&self, name: &str) -> Option<&Node> {
        self.envelope.at(&["Header", name])
    }

    /// The response messages of an operation such as `GetItem`, in the order of its items; an
    /// error stands in the place of its item.
    pub(super) fn messages(
        &self,
        operation: &str,
    ) -> Result<Vec<Result<&Node, WireError>>, WireError> {
        let name = format!("{operation}Response");
        let messages = self.envelope.at(&["Body", &name, "ResponseMessages"]);
        let messages = messages.ok_or(WireError::Unreadable("another operation's answer"))?;
        let wanted = format!("{operation}ResponseMessage");
        let messages = messages.children().filter(|child| child.name() == wanted);
        Ok(messages.map(succeeded).collect())
    }

    /// The one response message of an operation on one thing.
    pub(super) fn message(&self, operation: &str) -> Result<Result<&Node, WireError>, WireError> {
        let mut messages = self.messages(operation)?;
        match (messages.pop(), messages.is_empty()) {
            (Some(message), true) => Ok(message),
            _ => Err(WireError::Unreadable("not one response message")),
        }
    }

    /// The one response message of whichever of these operations was asked for.
    pub(super) fn any_message(
        &self,
        operations: &[&str],
    ) -> Result<Result<&Node, WireError>, WireError> {
        let answered = |operation: &&&str| {
            let name = format!("{operation}Response");
            self.envelope.at(&["Body", &name]).is_some()
        };
        let operation = operations.iter().find(answered);
        self.message(operation.ok_or(WireError::Unreadable("another operation's answer"))?)
    }
}

/// A message that carries a result. A warning carries one too, unless the server had stopped
/// before it came to this item.
fn succeeded(message: &Node) -> Result<&Node, WireError> {
    let failed = || WireError::Response(ResponseCode::of(message, "ErrorUnknown"));
    match message.attribute("ResponseClass") {
        Some("Success") => Ok(message),
        Some("Warning")
            if message.text_of("ResponseCode") != Some("ErrorBatchProcessingStopped") =>
        {
            Ok(message)
        }
        _ => Err(failed()),
    }
}

/// The id and version in an `ItemId`.
pub(super) fn reference_of(id: &Node) -> Option<RemoteRef> {
    Some(RemoteRef {
        id: RemoteId::new(id.attribute("Id").filter(|id| !id.is_empty())?),
        change_key: ChangeKey::new(id.attribute("ChangeKey").unwrap_or_default()),
    })
}

/// The id and version of an item.
pub(super) fn item_reference(item: &Node) -> Option<RemoteRef> {
    reference_of(item.child("ItemId")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(body: &str) -> Option<WireError> {
        let text = format!("<Envelope><Body>{body}</Body></Envelope>");
        match Answer::parse(text.as_bytes()) {
            Ok(answer) => answer.message("GetItem").map_or_else(Some, Result::err),
            Err(error) => Some(error),
        }
    }

    fn message(class: &str, content: &str) -> String {
        format!(
            "<GetItemResponse><ResponseMessages><GetItemResponseMessage ResponseClass='{class}'>\
             {content}</GetItemResponseMessage></ResponseMessages></GetItemResponse>"
        )
    }

    fn response(code: &str, back_off: Option<u64>) -> ResponseCode {
        ResponseCode { code: code.to_owned(), back_off: back_off.map(Duration::from_millis) }
    }

    #[test]
    fn an_internal_error_is_what_it_wraps() {
        let wrapped = "<ResponseCode>ErrorInternalServerError</ResponseCode><MessageXml>\
                       <Value Name='InnerErrorResponseCode'>ErrorServerBusy</Value>\
                       <Value Name='BackOffMilliseconds'>1500</Value></MessageXml>";
        let expected = WireError::Response(response("ErrorServerBusy", Some(1500)));
        assert_eq!(failed(&message("Error", wrapped)), Some(expected));
    }

    #[test]
    fn a_fault_without_detail_has_its_fault_code() {
        let fault = "<Fault><faultcode>a:ErrorSchemaValidation</faultcode></Fault>";
        let expected = WireError::Fault(response("ErrorSchemaValidation", None));
        assert_eq!(failed(fault), Some(expected));
    }

    #[test]
    fn a_code_is_a_word_and_no_text() {
        for code in ["alex@tidemark.example", "", &"E".repeat(CODE_BYTES_MAX + 1)] {
            let content = format!("<ResponseCode>{code}</ResponseCode>");
            let expected = WireError::Response(response("ErrorUnknown", None));
            assert_eq!(failed(&message("Error", &content)), Some(expected));
        }
    }

    #[test]
    fn a_warning_carries_a_result_unless_the_batch_stopped() {
        let warning = "<ResponseCode>ErrorNameResolutionMultipleResults</ResponseCode>";
        assert_eq!(failed(&message("Warning", warning)), None);
        let stopped = "<ResponseCode>ErrorBatchProcessingStopped</ResponseCode>";
        let expected = WireError::Response(response("ErrorBatchProcessingStopped", None));
        assert_eq!(failed(&message("Warning", stopped)), Some(expected));
    }

    #[test]
    fn another_operations_answer_is_none() {
        let two = message("Success", "").replace(
            "</ResponseMessages>",
            "<GetItemResponseMessage ResponseClass='Success'/></ResponseMessages>",
        );
        for body in [String::new(), "<FindItemResponse/>".to_owned(), two] {
            assert!(matches!(failed(&body), Some(WireError::Unreadable(_))), "{body}");
        }
    }
}

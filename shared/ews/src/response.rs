//! The SOAP envelope of an answer: header, fault, response messages.
//!
//! Every response message stands for one part of the request, in its order, and is read on its own:
//! an error, or an item that cannot be read, leaves its neighbours as they are.

use crate::bounds::{DOCUMENT_BYTES_MAX, MESSAGES_MAX};
use crate::code::ResponseCode;
use crate::error::{DamagedItem, EwsError, Flaw, ServerError, Unreadable};
use crate::fault;
use crate::id::{ItemId, bounded};
use crate::xml::{Element, Level, Xml, decode};

/// The answer to one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Response<T> {
    /// Which server answered, if it said so.
    pub server: Option<ServerVersionInfo>,
    /// One result per part of the request, in its order.
    pub messages: Vec<Result<T, EwsError>>,
}

impl<T> Response<T> {
    /// The result of a request that has one part only.
    ///
    /// # Errors
    /// The error of that part; [`Unreadable::Unexpected`] if the answer has no part.
    pub fn single(self) -> Result<T, EwsError> {
        let first = self.messages.into_iter().next();
        first.unwrap_or(Err(EwsError::Unreadable(Unreadable::Unexpected)))
    }
}

impl<T> Response<Option<T>> {
    /// Makes parts that say nothing into errors.
    pub(crate) fn required(self) -> Response<T> {
        let missing = || EwsError::Damaged(DamagedItem { id: None, reason: "the answer is empty" });
        let messages = self.messages.into_iter();
        Response {
            server: self.server,
            messages: messages
                .map(|part| part.and_then(|value| value.ok_or_else(missing)))
                .collect(),
        }
    }
}

/// The version in the header of an answer (serverversioninfo page).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerVersionInfo {
    /// 15 from Exchange 2013 on.
    pub major: u16,
    /// 0 for 2013, 1 for 2016, 2 for 2019 and Subscription Edition, 20 for Exchange Online.
    pub minor: u16,
    /// The build.
    pub build: u32,
    /// Its revision.
    pub revision: u32,
    /// The newest schema that the server knows, if it names one.
    pub schema: Option<String>,
}

impl ServerVersionInfo {
    fn read(element: &Element<'_>) -> Self {
        fn number<N: core::str::FromStr + Default>(element: &Element<'_>, name: &str) -> N {
            let value = element.attribute(name);
            value.and_then(|value| value.parse().ok()).unwrap_or_default()
        }
        Self {
            major: number(element, "MajorVersion"),
            minor: number(element, "MinorVersion"),
            build: number(element, "MajorBuildNumber"),
            revision: number(element, "MinorBuildNumber"),
            schema: element.attribute("Version").map(|version| version.chars().take(64).collect()),
        }
    }
}

/// Reads the answer to an operation. `read` is called for each child of a successful response
/// message that is not part of every message, and puts what it says into the part's value.
pub(crate) fn read_messages<T: Default>(
    bytes: &[u8],
    operation: &str,
    mut read: impl FnMut(&mut Xml<'_>, &Element<'_>, &mut T) -> Result<(), Flaw>,
) -> Result<Response<T>, EwsError> {
    let mut messages = Vec::new();
    let is_answer = |name: &str| name.strip_suffix("Response") == Some(operation);
    let server = walk(bytes, DOCUMENT_BYTES_MAX, is_answer, |xml, answer| {
        while let Some(list) = xml.child(answer.level)? {
            if list.name() != "ResponseMessages" {
                continue;
            }
            while let Some(message) = xml.child(list.level)? {
                bounded(&messages, MESSAGES_MAX, "response messages")?;
                messages.push(read_message(xml, &message, &mut read)?);
            }
        }
        Ok(())
    })?;
    Ok(Response { server, messages })
}

/// Goes to the body of every envelope in a document and hands over the elements in it that
/// `is_answer` knows by name. A fault is an error; so is a document without any answer.
pub(crate) fn walk(
    bytes: &[u8],
    bytes_max: usize,
    is_answer: impl Fn(&str) -> bool,
    mut read: impl FnMut(&mut Xml<'_>, &Element<'_>) -> Result<(), Unreadable>,
) -> Result<Option<ServerVersionInfo>, EwsError> {
    let document = decode(bytes, bytes_max)?;
    let mut xml = Xml::new(&document);
    let mut server = None;
    let mut answered = false;
    while let Some(envelope) = xml.child(Level::DOCUMENT)? {
        if envelope.name() != "Envelope" {
            continue;
        }
        while let Some(part) = xml.child(envelope.level)? {
            match part.name() {
                "Header" => {
                    while let Some(header) = xml.child(part.level)? {
                        if header.name() == "ServerVersionInfo" {
                            server = Some(ServerVersionInfo::read(&header));
                        }
                    }
                }
                "Body" => {
                    while let Some(element) = xml.child(part.level)? {
                        if element.name() == "Fault" {
                            return Err(EwsError::Fault(fault::read(&mut xml, &element)?));
                        }
                        if is_answer(element.name()) {
                            answered = true;
                            read(&mut xml, &element)?;
                        }
                    }
                }
                _ => {}
            }
        }
    }
    if answered { Ok(server) } else { Err(EwsError::Unreadable(Unreadable::Unexpected)) }
}

/// One response message. The outer error is one of the document.
pub(crate) fn read_message<T: Default>(
    xml: &mut Xml<'_>,
    message: &Element<'_>,
    read: &mut impl FnMut(&mut Xml<'_>, &Element<'_>, &mut T) -> Result<(), Flaw>,
) -> Result<Result<T, EwsError>, Unreadable> {
    let class = message.attribute("ResponseClass");
    let refused = class.as_deref() == Some("Error");
    let mut error = ServerError::new(ResponseCode::new(ResponseCode::NO_ERROR));
    let mut value = T::default();
    let mut damage = None;
    while let Some(part) = xml.child(message.level)? {
        match part.name() {
            "MessageText" => error.text = xml.filled(&part)?,
            "ResponseCode" => error.code = ResponseCode::new(&xml.text(&part)?),
            "DescriptiveLinkKey" => {}
            "MessageXml" => error.read_details(xml, &part)?,
            _ if refused || damage.is_some() => {}
            _ => match read(xml, &part, &mut value) {
                Ok(()) => {}
                Err(Flaw::Document(unreadable)) => return Err(unreadable),
                Err(Flaw::Content(reason)) => damage = Some(reason),
            },
        }
    }
    // A warning comes with data (ResolveNames), but for the rest of a batch that was stopped.
    let stopped = error.code.as_str() == ResponseCode::BATCH_STOPPED;
    let silent = class.is_none() && !error.code.is_success();
    Ok(if refused || stopped || silent {
        if error.code.is_success() {
            error.code = ResponseCode::new(ResponseCode::UNKNOWN);
        }
        Err(EwsError::Refused(error))
    } else if let Some(reason) = damage {
        Err(EwsError::Damaged(DamagedItem { id: None, reason }))
    } else {
        Ok(value)
    })
}

impl ServerError {
    pub(crate) const fn new(code: ResponseCode) -> Self {
        Self { code, text: None, back_off_ms: None, inner: None, line: None, position: None }
    }

    /// Reads `MessageXml`: values by name, and where a schema violation lies.
    pub(crate) fn read_details(
        &mut self,
        xml: &mut Xml<'_>,
        details: &Element<'_>,
    ) -> Result<(), Unreadable> {
        while let Some(detail) = xml.child(details.level)? {
            match detail.name() {
                "Value" => match detail.attribute("Name").as_deref() {
                    Some("BackOffMilliseconds") => self.back_off_ms = xml.parsed(&detail)?,
                    Some("InnerErrorResponseCode") => {
                        self.inner = Some(ResponseCode::new(&xml.text(&detail)?));
                    }
                    _ => {}
                },
                "LineNumber" => self.line = xml.parsed(&detail)?,
                "LinePosition" => self.position = xml.parsed(&detail)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Says which item a flaw of the content belongs to.
pub(crate) fn damaged<T>(
    result: Result<T, Flaw>,
    id: Option<&ItemId>,
) -> Result<Result<T, EwsError>, Unreadable> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Flaw::Document(unreadable)) => Err(unreadable),
        Err(Flaw::Content(reason)) => {
            Ok(Err(EwsError::Damaged(DamagedItem { id: id.cloned(), reason })))
        }
    }
}

/// What became of the parts of a request whose answer says nothing else, whatever the operation:
/// every element with a `ResponseClass`.
///
/// # Errors
/// A SOAP fault, or what is no answer of EWS.
pub fn read_outcomes(bytes: &[u8]) -> Result<Response<()>, EwsError> {
    let mut messages = Vec::new();
    let any = |name: &str| name.ends_with("Response");
    let server = walk(bytes, DOCUMENT_BYTES_MAX, any, |xml, answer| {
        if answer.attribute("ResponseClass").is_some() {
            messages.push(read_message(xml, answer, &mut |_, _, (): &mut ()| Ok(()))?);
            return Ok(());
        }
        collect_outcomes(xml, answer, &mut messages)
    })?;
    Ok(Response { server, messages })
}

fn collect_outcomes(
    xml: &mut Xml<'_>,
    parent: &Element<'_>,
    messages: &mut Vec<Result<(), EwsError>>,
) -> Result<(), Unreadable> {
    while let Some(element) = xml.child(parent.level)? {
        if element.attribute("ResponseClass").is_some() {
            bounded(messages, MESSAGES_MAX, "response messages")?;
            messages.push(read_message(xml, &element, &mut |_, _, (): &mut ()| Ok(()))?);
        } else {
            // The reader's bound on depth bounds this recursion too.
            collect_outcomes(xml, &element, messages)?;
        }
    }
    Ok(())
}

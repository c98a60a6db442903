//! SOAP faults: what the server says when it refuses the envelope as a whole, with HTTP status 500.

use crate::code::ResponseCode;
use crate::error::{ServerError, Unreadable};
use crate::xml::{Element, Xml};

/// Reads a fault. The code of EWS stands in the detail; a fault without detail has only the fault
/// code, which names the EWS code as well or is one of SOAP's own (`Server`).
pub(crate) fn read(xml: &mut Xml<'_>, fault: &Element<'_>) -> Result<ServerError, Unreadable> {
    let mut error = ServerError::new(ResponseCode::new(""));
    let mut detailed = None;
    while let Some(part) = xml.child(fault.level)? {
        match part.name() {
            "faultcode" => error.code = ResponseCode::new(&xml.text(&part)?),
            "faultstring" => error.text = error.text.or(xml.filled(&part)?),
            "detail" => {
                while let Some(detail) = xml.child(part.level)? {
                    match detail.name() {
                        "ResponseCode" => detailed = Some(ResponseCode::new(&xml.text(&detail)?)),
                        "Message" => error.text = xml.filled(&detail)?.or(error.text),
                        "MessageXml" => error.read_details(xml, &detail)?,
                        "LineNumber" => error.line = xml.parsed(&detail)?,
                        "LinePosition" => error.position = xml.parsed(&detail)?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    if let Some(code) = detailed {
        error.code = code;
    }
    Ok(error)
}

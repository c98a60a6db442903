//! GetPasswordExpirationDate: until when the password of whoever asks is good.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::bounds::DOCUMENT_BYTES_MAX;
use crate::error::EwsError;
use crate::request::{Operation, sealed::Sealed};
use crate::response::{Response, read_message, walk};
use crate::xml::XmlWriter;

/// The first year that stands for no end: .NET's largest date is the last day of 9999.
const NEVER_FROM_YEAR: i16 = 9000;

/// Asks for the current user, whom the page lets be left out (getpasswordexpirationdate-operation page).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GetPasswordExpirationDate;

impl Sealed for GetPasswordExpirationDate {}
impl Operation for GetPasswordExpirationDate {
    fn write(&self, xml: &mut XmlWriter) {
        xml.element("m:GetPasswordExpirationDate", &[], |_| {});
    }
}

impl GetPasswordExpirationDate {
    /// Reads the answer: the end, or none where there is none or it is no date. By the schema the
    /// answer is the message itself; the page has it in a list, and both are read.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer to this operation.
    pub fn read(bytes: &[u8]) -> Result<Response<Option<Timestamp>>, EwsError> {
        let mut messages = Vec::new();
        let is_answer = |name: &str| {
            matches!(
                name,
                "GetPasswordExpirationDateResponse" | "GetPasswordExpirationDateResponseMessage"
            )
        };
        let server = walk(bytes, DOCUMENT_BYTES_MAX, is_answer, |xml, answer| {
            let message =
                read_message(xml, answer, &mut |xml, part, end: &mut Option<Timestamp>| {
                    if part.name() == "PasswordExpirationDate" {
                        *end = read_end(&xml.text(part)?);
                    }
                    Ok(())
                })?;
            if messages.is_empty() {
                messages.push(message);
            }
            Ok(())
        })?;
        Ok(Response { server, messages })
    }
}

/// A time without an offset is meant in UTC.
fn read_end(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    let year = at.to_zoned(TimeZone::UTC).year();
    (1970..NEVER_FROM_YEAR).contains(&year).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    fn answer(body: &str) -> Result<Option<Timestamp>, EwsError> {
        let text = format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' \
             xmlns:m='http://schemas.microsoft.com/exchange/services/2006/messages'><s:Body>\
             <m:GetPasswordExpirationDateResponse {body}</m:GetPasswordExpirationDateResponse>\
             </s:Body></s:Envelope>"
        );
        GetPasswordExpirationDate::read(text.as_bytes())?.single()
    }

    fn end(text: &str) -> Option<Timestamp> {
        let body = format!(
            "ResponseClass='Success'><m:ResponseCode>NoError</m:ResponseCode>\
             <m:PasswordExpirationDate>{text}</m:PasswordExpirationDate>"
        );
        answer(&body).unwrap()
    }

    #[test]
    fn the_end_is_read_and_what_is_no_end_is_none() {
        let known = Some("2027-01-31T08:00:00Z".parse().unwrap());
        assert_eq!(end("2027-01-31T08:00:00Z"), known);
        assert_eq!(end(" 2027-01-31T09:00:00+01:00 "), known);
        assert_eq!(end("2027-01-31T08:00:00"), known);
        for none in
            ["9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00", ""]
        {
            assert_eq!(end(none), None, "{none}");
        }
    }

    #[test]
    fn a_refusal_is_an_error_with_its_code() {
        let refused = "ResponseClass='Error'><m:MessageText>No.</m:MessageText>\
                       <m:ResponseCode>ErrorNonExistentMailbox</m:ResponseCode>";
        let Err(EwsError::Refused(error)) = answer(refused) else { panic!("not refused") };
        assert_eq!(error.code.as_str(), "ErrorNonExistentMailbox");
        assert!(GetPasswordExpirationDate::read(b"<x/>").is_err());
    }

    #[test]
    fn nobody_is_named() {
        let sent = String::from_utf8(Request::new().build(&GetPasswordExpirationDate)).unwrap();
        assert!(sent.contains("<m:GetPasswordExpirationDate"), "{sent}");
        assert!(!sent.contains("ExchangeImpersonation"), "{sent}");
    }
}

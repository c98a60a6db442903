//! Names and ids: ResolveNames and ConvertId.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;

use super::error::EwsError;
use super::node::Read;
use super::parts::write_mailbox;
use super::xml::Xml;
use super::{Context, Reply, id};

/// Most candidates of a name (exchange-ews.md 11).
const CANDIDATES_MAX: usize = 100;

/// ResolveNames: by address, or by the beginning of name or address.
pub(super) fn resolve_names(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let entry = request
        .child_text("UnresolvedEntry")
        .ok_or_else(|| EwsError::schema("UnresolvedEntry is missing"))?
        .trim();
    let wanted = entry.to_lowercase();
    let exact = wanted.strip_prefix("smtp:");
    let found: Vec<_> = context
        .store
        .mailboxes()
        .iter()
        .filter(|mailbox| match exact {
            Some(address) => mailbox.answers_to(address),
            None => {
                mailbox.display_name.to_lowercase().starts_with(&wanted)
                    || mailbox.address.to_lowercase().starts_with(&wanted)
                    || mailbox.answers_to(&wanted)
            }
        })
        .collect();
    if found.is_empty() {
        return Ok(vec![Err(EwsError::new(
            "ErrorNameResolutionNoResults",
            "No results were found.",
        ))]);
    }
    let mut xml = Xml::default();
    if found.len() > 1 {
        xml.set_partial();
    }
    let shown = found.len().min(CANDIDATES_MAX);
    xml.open(
        "m:ResolutionSet",
        &[("TotalItemsInView", &shown.to_string()), ("IncludesLastItemInRange", "true")],
    );
    for mailbox in found.into_iter().take(CANDIDATES_MAX) {
        xml.open("t:Resolution", &[]);
        write_mailbox(&mut xml, &mailbox.contact());
        xml.close("t:Resolution");
    }
    xml.close("m:ResolutionSet");
    Ok(vec![Ok(xml)])
}

/// ConvertId. All formats of this server are the same bytes in another writing.
pub(super) fn convert_ids(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let format = request
        .attribute("DestinationFormat")
        .ok_or_else(|| EwsError::schema("DestinationFormat is missing"))?;
    let ids = request.child("SourceIds").into_iter().flat_map(Read::elements);
    Ok(ids
        .map(|node| {
            let source = node.attribute("Id").unwrap_or_default();
            let plain = match node.attribute("Format") {
                Some("HexEntryId") => from_hex(source)?,
                _ => source.to_owned(),
            };
            if id::read_folder(&plain).is_err() && id::read_item(&plain).is_err() {
                return Err(EwsError::from(id::Malformed));
            }
            let converted = if format == "HexEntryId" { to_hex(&plain)? } else { plain };
            let owner = context.owner()?;
            let mut xml = Xml::default();
            xml.empty(
                "m:AlternateId",
                &[
                    ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
                    ("xsi:type", "t:AlternateIdType"),
                    ("Format", format),
                    ("Id", &converted),
                    ("Mailbox", &owner.address),
                ],
            );
            Ok(xml)
        })
        .collect())
}

/// An id as the hexadecimal of its bytes.
pub(super) fn to_hex(text: &str) -> Result<String, EwsError> {
    let bytes = STANDARD.decode(text).map_err(|_| EwsError::from(id::Malformed))?;
    let mut hex = String::new();
    for byte in bytes {
        // Writing into a string cannot fail.
        let _ = write!(hex, "{byte:02X}");
    }
    Ok(hex)
}

fn from_hex(text: &str) -> Result<String, EwsError> {
    let bytes = text
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(|| EwsError::from(id::Malformed))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(STANDARD.encode(bytes))
}

/// GetPasswordExpirationDate: by the schema the answer is itself the one response message. Without an
/// address the caller is meant (getpasswordexpirationdate-operation). What stands for a password
/// without an end is on no page; here it is .NET's largest date.
pub(super) fn password_end(context: &Context<'_>, request: Node<'_, '_>) -> String {
    const OUTER: &str = "m:GetPasswordExpirationDateResponse";
    let named = request.child("MailboxSmtpAddress").map(|node| node.inner().trim().to_owned());
    let number = match &named {
        Some(address) => context.store.find(address).map(|mailbox| mailbox.number),
        None => Some(context.caller),
    };
    let mut xml = Xml::default();
    if let Some(number) = number {
        let end = context.store.password_ends.get(&number);
        let end = end.map_or_else(|| "9999-12-31T23:59:59.9999999".to_owned(), ToString::to_string);
        xml.open(OUTER, &[("ResponseClass", "Success")]);
        xml.leaf("m:ResponseCode", "NoError");
        xml.leaf("m:PasswordExpirationDate", &end);
    } else {
        xml.open(OUTER, &[("ResponseClass", "Error")]);
        xml.leaf("m:MessageText", "No mailbox with such guid.");
        xml.leaf("m:ResponseCode", "ErrorNonExistentMailbox");
        xml.leaf("m:DescriptiveLinkKey", "0");
    }
    xml.close(OUTER);
    xml.into_string()
}

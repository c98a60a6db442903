//! ResolveNames: who an address or a name is.

use crate::bounds::PAGE_ITEMS_MAX;
use crate::calendar::WireMailbox;
use crate::error::EwsError;
use crate::id::bounded;
use crate::request::{Operation, sealed::Sealed};
use crate::response::{Response, read_messages};
use crate::xml::XmlWriter;

/// Looks somebody up in the directory (resolvenames-operation page).
#[derive(Clone)]
pub struct ResolveNames {
    /// A name or part of one, or `smtp:` and an address for exactly that; not empty.
    pub entry: String,
}

impl core::fmt::Debug for ResolveNames {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ResolveNames(..)")
    }
}

impl Sealed for ResolveNames {}
impl Operation for ResolveNames {
    fn write(&self, xml: &mut XmlWriter) {
        let attributes = [("ReturnFullContactData", "false"), ("SearchScope", "ActiveDirectory")];
        xml.element("m:ResolveNames", &attributes, |xml| {
            xml.text("m:UnresolvedEntry", &self.entry);
        });
    }
}

/// Who was found: several are possible, at most 100.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolved {
    /// The candidates.
    pub mailboxes: Vec<WireMailbox>,
    /// Whether there are no further ones.
    pub is_complete: bool,
}

impl ResolveNames {
    /// Reads the answer. That nobody was found is an error with the code
    /// `ErrorNameResolutionNoResults`.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer to this operation.
    pub fn read(bytes: &[u8]) -> Result<Response<Resolved>, EwsError> {
        read_messages(bytes, "ResolveNames", |xml, part, found: &mut Resolved| {
            if part.name() != "ResolutionSet" {
                return Ok(());
            }
            let last = part.attribute("IncludesLastItemInRange");
            let last = last.and_then(|word| crate::xml::reader::boolean(&word));
            found.is_complete = last.unwrap_or(true);
            while let Some(resolution) = xml.child(part.level)? {
                while let Some(member) = xml.child(resolution.level)? {
                    if member.name() == "Mailbox" {
                        bounded(&found.mailboxes, PAGE_ITEMS_MAX, "mailboxes")?;
                        found.mailboxes.push(WireMailbox::read(xml, &member)?);
                    }
                }
            }
            Ok(())
        })
    }
}

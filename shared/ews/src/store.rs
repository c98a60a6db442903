//! CreateItem, UpdateItem, DeleteItem, and answers to invitations.

use tidemark_model::{MailMode, Participation};

use crate::bounds::PAGE_ITEMS_MAX;
use crate::calendar::{FieldChange, NewItem};
use crate::error::{EwsError, Flaw};
use crate::id::{FolderAddress, ItemAddress, ItemId, bounded};
use crate::request::{Operation, invitations, sealed::Sealed, updates};
use crate::response::{Response, read_messages, read_outcomes};
use crate::xml::{Element, Xml, XmlWriter};

/// Makes an appointment (createitem-operation-calendar-item page).
#[derive(Debug, Clone)]
pub struct CreateItem {
    /// In which folder.
    pub folder: FolderAddress,
    /// What.
    pub item: NewItem,
    /// Whom to tell.
    pub mail: MailMode,
}

impl Sealed for CreateItem {}
impl Operation for CreateItem {
    fn write(&self, xml: &mut XmlWriter) {
        let mail = [("SendMeetingInvitations", invitations(self.mail))];
        xml.element("m:CreateItem", &mail, |xml| {
            xml.element("m:SavedItemFolderId", &[], |xml| self.folder.write(xml));
            xml.element("m:Items", &[], |xml| self.item.write(xml));
        });
    }
}

/// What a write left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The items that were made or changed, in their new versions.
    pub ids: Vec<ItemId>,
    /// Properties that the server left alone because somebody else had changed them (AutoResolve).
    pub conflicts: u32,
}

impl Written {
    fn read_part(&mut self, xml: &mut Xml<'_>, part: &Element<'_>) -> Result<(), Flaw> {
        match part.name() {
            "Items" => {
                while let Some(item) = xml.child(part.level)? {
                    while let Some(member) = xml.child(item.level)? {
                        if member.name() == "ItemId" {
                            bounded(&self.ids, PAGE_ITEMS_MAX, "items")?;
                            self.ids.extend(ItemId::read(&member));
                        }
                    }
                }
            }
            "ConflictResults" => {
                while let Some(member) = xml.child(part.level)? {
                    if member.name() == "Count" {
                        self.conflicts = xml.parsed(&member)?.unwrap_or_default();
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl CreateItem {
    /// Reads the answer, also that to [`Respond`] and [`CancelMeeting`], which are creations too.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer to this operation.
    pub fn read(bytes: &[u8]) -> Result<Response<Written>, EwsError> {
        read_messages(bytes, "CreateItem", |xml, part, written: &mut Written| {
            written.read_part(xml, part)
        })
    }
}

/// Changes one item or occurrence (updateitem-operation page). It is refused with
/// `ErrorIrresolvableConflict` if the item is no longer in the version of the address.
#[derive(Debug, Clone)]
pub struct UpdateItem {
    /// Which item, in the version that the changes were made from.
    pub item: ItemAddress,
    /// What of it; at least one, applied in order.
    pub changes: Vec<FieldChange>,
    /// Whom to tell.
    pub mail: MailMode,
}

impl Sealed for UpdateItem {}
impl Operation for UpdateItem {
    fn write(&self, xml: &mut XmlWriter) {
        let attributes = [
            ("ConflictResolution", "NeverOverwrite"),
            ("MessageDisposition", "SaveOnly"),
            ("SendMeetingInvitationsOrCancellations", updates(self.mail)),
        ];
        xml.element("m:UpdateItem", &attributes, |xml| {
            xml.element("m:ItemChanges", &[], |xml| {
                xml.element("t:ItemChange", &[], |xml| {
                    self.item.write(xml);
                    xml.element("t:Updates", &[], |xml| {
                        self.changes.iter().for_each(|change| change.write(xml));
                    });
                });
            });
        });
    }
}

impl UpdateItem {
    /// Reads the answer.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer to this operation.
    pub fn read(bytes: &[u8]) -> Result<Response<Written>, EwsError> {
        read_messages(bytes, "UpdateItem", |xml, part, written: &mut Written| {
            written.read_part(xml, part)
        })
    }
}

/// Deletes items or occurrences (deleteitem-operation page). The server ignores change keys here:
/// an edit of the last moment is deleted too.
#[derive(Debug, Clone)]
pub struct DeleteItem {
    /// Which.
    pub items: Vec<ItemAddress>,
    /// Where to.
    pub disposal: Disposal,
    /// Whom to tell, of a meeting that the owner organises.
    pub mail: MailMode,
}

/// What becomes of a deleted item. Occurrences are gone either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposal {
    /// It lies in Deleted Items, under another id.
    MoveToDeletedItems,
    /// It is gone.
    HardDelete,
}

impl Sealed for DeleteItem {}
impl Operation for DeleteItem {
    fn write(&self, xml: &mut XmlWriter) {
        let disposal = match self.disposal {
            Disposal::MoveToDeletedItems => "MoveToDeletedItems",
            Disposal::HardDelete => "HardDelete",
        };
        let attributes =
            [("DeleteType", disposal), ("SendMeetingCancellations", invitations(self.mail))];
        xml.element("m:DeleteItem", &attributes, |xml| {
            xml.element("m:ItemIds", &[], |xml| {
                self.items.iter().for_each(|item| item.write(xml));
            });
        });
    }
}

impl DeleteItem {
    /// Reads the answer: one outcome per item.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer of EWS.
    pub fn read(bytes: &[u8]) -> Result<Response<()>, EwsError> {
        read_outcomes(bytes)
    }
}

/// Answers an invitation in the owner's name (acceptitem, tentativelyacceptitem, declineitem
/// pages). The answer to it is read by [`CreateItem::read`].
#[derive(Debug, Clone)]
pub struct Respond {
    item: ItemId,
    element: &'static str,
    /// Whether the organiser is told.
    mail: MailMode,
}

impl Respond {
    /// None for `NeedsAction`: one cannot take an answer back.
    pub fn new(item: ItemId, answer: Participation, mail: MailMode) -> Option<Self> {
        let element = match answer {
            Participation::Accepted => "t:AcceptItem",
            Participation::Tentative => "t:TentativelyAcceptItem",
            Participation::Declined => "t:DeclineItem",
            Participation::NeedsAction => return None,
        };
        Some(Self { item, element, mail })
    }
}

impl Sealed for Respond {}
impl Operation for Respond {
    fn write(&self, xml: &mut XmlWriter) {
        write_reply(disposition(self.mail), xml, |xml| {
            xml.element(self.element, &[], |xml| self.item.write("t:ReferenceItemId", xml));
        });
    }
}

/// Cancels a meeting that the owner organises, with a word to its attendees (cancelcalendaritem
/// page). The answer to it is read by [`CreateItem::read`].
#[derive(Clone)]
pub struct CancelMeeting {
    /// The meeting, or one occurrence by its own id.
    pub item: ItemId,
    /// What the attendees are told.
    pub text: Option<String>,
}

impl core::fmt::Debug for CancelMeeting {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CancelMeeting").field("item", &self.item).finish_non_exhaustive()
    }
}

impl Sealed for CancelMeeting {}
impl Operation for CancelMeeting {
    fn write(&self, xml: &mut XmlWriter) {
        write_reply(disposition(MailMode::All), xml, |xml| {
            xml.element("t:CancelCalendarItem", &[], |xml| {
                self.item.write("t:ReferenceItemId", xml);
                if let Some(text) = &self.text {
                    let kind = [("BodyType", "Text")];
                    xml.element("t:NewBodyContent", &kind, |xml| xml.push_text(text));
                }
            });
        });
    }
}

/// Replies are messages: without a disposition they are refused (ErrorMessageDispositionRequired).
const fn disposition(mail: MailMode) -> &'static str {
    match mail {
        MailMode::Silent => "SaveOnly",
        MailMode::All | MailMode::Changed => "SendAndSaveCopy",
    }
}

fn write_reply(disposition: &str, xml: &mut XmlWriter, reply: impl FnOnce(&mut XmlWriter)) {
    let attributes = [("MessageDisposition", disposition)];
    xml.element("m:CreateItem", &attributes, |xml| {
        xml.element("m:Items", &[], reply);
    });
}

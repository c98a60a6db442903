//! GetItem: appointments whole, or only in which version they are.

use crate::calendar::CalendarItem;
use crate::error::{DamagedItem, EwsError, Flaw};
use crate::id::{ItemAddress, ItemId};
use crate::property::Shape;
use crate::request::{Operation, sealed::Sealed};
use crate::response::{Response, read_messages};
use crate::summary::ItemKind;
use crate::xml::{Element, Xml, XmlWriter};

/// Reads items (getitem-operation page). Ten whole items are what Microsoft recommends for one
/// request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetItem {
    /// Which items.
    pub items: Vec<ItemAddress>,
    /// What of them.
    pub shape: Shape,
}

impl GetItem {
    /// Appointments whole.
    pub fn whole(items: Vec<ItemAddress>) -> Self {
        Self { items, shape: CalendarItem::shape() }
    }

    /// Only ids and change keys.
    pub const fn versions(items: Vec<ItemAddress>) -> Self {
        Self { items, shape: Shape::id_only() }
    }
}

impl Sealed for GetItem {}
impl Operation for GetItem {
    fn write(&self, xml: &mut XmlWriter) {
        xml.element("m:GetItem", &[], |xml| {
            self.shape.write("m:ItemShape", xml);
            xml.element("m:ItemIds", &[], |xml| {
                self.items.iter().for_each(|item| item.write(xml));
            });
        });
    }
}

/// An item of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// An appointment.
    Calendar(Box<CalendarItem>),
    /// Something else that lies in a calendar or was asked for by id.
    Other(ItemKind, Option<ItemId>),
}

impl Item {
    /// Which item, in which version.
    pub fn id(&self) -> Option<&ItemId> {
        match self {
            Self::Calendar(item) => item.id.as_ref(),
            Self::Other(_, id) => id.as_ref(),
        }
    }

    fn read(xml: &mut Xml<'_>, element: &Element<'_>) -> Result<Self, (Option<ItemId>, Flaw)> {
        let kind = ItemKind::of(element.name());
        if kind == ItemKind::Calendar {
            return CalendarItem::read(xml, element).map(|item| Self::Calendar(Box::new(item)));
        }
        let mut id = None;
        loop {
            match xml.child(element.level) {
                Ok(Some(part)) if part.name() == "ItemId" => id = ItemId::read(&part),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(Self::Other(kind, id)),
                Err(unreadable) => return Err((id, Flaw::Document(unreadable))),
            }
        }
    }
}

impl GetItem {
    /// Reads the answer: one item per message.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer to this operation.
    pub fn read(bytes: &[u8]) -> Result<Response<Item>, EwsError> {
        type Found = Option<Result<Item, DamagedItem>>;
        let answer = read_messages(bytes, "GetItem", |xml, part, found: &mut Found| {
            if part.name() != "Items" {
                return Ok(());
            }
            while let Some(element) = xml.child(part.level)? {
                *found = Some(match Item::read(xml, &element) {
                    Ok(item) => Ok(item),
                    Err((_, flaw @ Flaw::Document(_))) => return Err(flaw),
                    Err((id, Flaw::Content(reason))) => Err(DamagedItem { id, reason }),
                });
            }
            Ok(())
        })?;
        let Response { server, messages } = answer.required();
        let flat = |message: Result<Result<Item, DamagedItem>, EwsError>| {
            message.and_then(|item| item.map_err(EwsError::Damaged))
        };
        Ok(Response { server, messages: messages.into_iter().map(flat).collect() })
    }
}

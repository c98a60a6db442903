//! An item as lists have it: enough to know it again.

use crate::error::{Flaw, Unreadable};
use crate::id::ItemId;
use crate::property::{PropertyPath, Shape};
use crate::stamp::{STAMP, is_stamp};
use crate::time::EwsTime;
use crate::xml::{Element, Xml};

/// What an item is, by the name of its element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// An appointment or meeting.
    Calendar,
    /// An invitation, an answer to one, or a cancellation.
    MeetingMessage,
    /// A message.
    Message,
    /// A task.
    Task,
    /// A contact or a list of them.
    Contact,
    /// Anything else.
    Other,
}

impl ItemKind {
    pub(crate) fn of(element: &str) -> Self {
        match element {
            "CalendarItem" => Self::Calendar,
            "MeetingMessage" | "MeetingRequest" | "MeetingResponse" | "MeetingCancellation" => {
                Self::MeetingMessage
            }
            "Message" => Self::Message,
            "Task" => Self::Task,
            "Contact" | "DistributionList" => Self::Contact,
            _ => Self::Other,
        }
    }
}

/// What an appointment is to its series (calendaritemtype page).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CalendarItemType {
    /// It has no series.
    Single,
    /// An occurrence as the rule has it.
    Occurrence,
    /// An occurrence that differs.
    Exception,
    /// The series itself.
    RecurringMaster,
}

impl CalendarItemType {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "Single" => Some(Self::Single),
            "Occurrence" => Some(Self::Occurrence),
            "Exception" => Some(Self::Exception),
            "RecurringMaster" => Some(Self::RecurringMaster),
            _ => None,
        }
    }
}

/// An item in a list.
#[derive(Clone, PartialEq, Eq)]
pub struct ItemSummary {
    /// Which item, in which version.
    pub id: ItemId,
    /// What it is.
    pub kind: ItemKind,
    /// The iCalendar UID, if it was asked for.
    pub uid: Option<String>,
    /// The text of our stamp, if it was asked for and the item carries one.
    pub stamp: Option<String>,
    /// When it was last touched, if it was asked for.
    pub modified: Option<EwsTime>,
    /// When it begins, if it was asked for.
    pub start: Option<EwsTime>,
    /// When it ends, if it was asked for.
    pub end: Option<EwsTime>,
    /// What it is to its series, if it was asked for.
    pub item_type: Option<CalendarItemType>,
}

impl core::fmt::Debug for ItemSummary {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ItemSummary")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("stamped", &self.stamp.is_some())
            .field("item_type", &self.item_type)
            .finish_non_exhaustive()
    }
}

impl ItemSummary {
    /// The shape that asks for everything in it.
    pub fn shape() -> Shape {
        Shape {
            properties: vec![
                PropertyPath::Field("item:LastModifiedTime"),
                PropertyPath::Extended(STAMP),
                PropertyPath::Field("calendar:UID"),
                PropertyPath::Field("calendar:Start"),
                PropertyPath::Field("calendar:End"),
                PropertyPath::Field("calendar:CalendarItemType"),
            ],
            body: false,
        }
    }

    pub(crate) fn read(xml: &mut Xml<'_>, element: &Element<'_>) -> Result<Self, Flaw> {
        let kind = ItemKind::of(element.name());
        let mut id = None;
        let (mut uid, mut stamp, mut item_type) = (None, None, None);
        let (mut modified, mut start, mut end) = (None, None, None);
        while let Some(part) = xml.child(element.level)? {
            match part.name() {
                "ItemId" => id = ItemId::read(&part),
                "UID" => uid = xml.filled(&part)?,
                "ExtendedProperty" => stamp = read_stamp(xml, &part)?.or(stamp),
                "LastModifiedTime" => modified = EwsTime::parse(&xml.text(&part)?),
                "Start" => start = EwsTime::parse(&xml.text(&part)?),
                "End" => end = EwsTime::parse(&xml.text(&part)?),
                "CalendarItemType" => item_type = CalendarItemType::parse(&xml.word(&part)?),
                _ => {}
            }
        }
        Ok(Self {
            id: id.ok_or(Flaw::Content("an item has no id"))?,
            kind,
            uid,
            stamp,
            modified,
            start,
            end,
            item_type,
        })
    }
}

/// The value of an extended property if it is our stamp.
pub(crate) fn read_stamp(
    xml: &mut Xml<'_>,
    property: &Element<'_>,
) -> Result<Option<String>, Unreadable> {
    let mut ours = false;
    let mut value = None;
    while let Some(part) = xml.child(property.level)? {
        match part.name() {
            "ExtendedFieldURI" => {
                let set = part.attribute("PropertySetId");
                ours = is_stamp(set.as_deref(), part.attribute("PropertyName").as_deref());
            }
            "Value" if ours => value = xml.filled(&part)?,
            _ => {}
        }
    }
    Ok(value)
}

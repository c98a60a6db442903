//! FindItem: by page with a restriction, or by time.

use jiff::Timestamp;

use crate::error::EwsError;
use crate::folder::{Page, write_page};
use crate::id::FolderAddress;
use crate::property::{ExtendedField, PropertyPath, Shape};
use crate::request::{Operation, sealed::Sealed};
use crate::response::{Response, read_messages};
use crate::stamp::{self, STAMP};
use crate::summary::ItemSummary;
use crate::uid::{GLOBAL_OBJECT_ID, GlobalObjectId};
use crate::xml::XmlWriter;

/// Searches folders (finditem-operation page). It never has recipients, bodies or rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindItem {
    /// In which folders.
    pub folders: Vec<FolderAddress>,
    /// What of the items.
    pub shape: Shape,
    /// Which items, and how many.
    pub view: View,
}

/// Which items, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// A page of the items as they are stored: singles and series.
    Page {
        /// Where it begins, from 0.
        offset: u32,
        /// Most items on it: at most 1000, or 250 with a restriction (EWSFindCountLimit).
        items_max: u32,
        /// What they have to be like.
        restriction: Option<Restriction>,
    },
    /// Singles and occurrences in a window of at most two years; series are spread out
    /// (calendarview page).
    Calendar {
        /// From here on.
        start: Timestamp,
        /// Up to here, not included.
        end: Timestamp,
        /// Most items.
        items_max: Option<u32>,
    },
}

/// What items have to be like.
#[derive(Clone, PartialEq, Eq)]
pub enum Restriction {
    /// A property of the store has this value; of a binary one, in base64.
    Equals(ExtendedField, String),
    /// A text property of the store begins with this, in exactly these letters.
    BeginsWith(ExtendedField, String),
}

impl core::fmt::Debug for Restriction {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Equals(field, value) => write!(f, "Equals({field:?}, {} bytes)", value.len()),
            Self::BeginsWith(field, value) => {
                write!(f, "BeginsWith({field:?}, {} bytes)", value.len())
            }
        }
    }
}

/// Most items that a search for one item brings.
const MATCHES_MAX: u32 = 50;

impl FindItem {
    /// Items of the calendar that carry a stamp of this link.
    pub fn by_stamp(link: &str) -> Self {
        Self::matching(Restriction::BeginsWith(STAMP, stamp::prefix(link)))
    }

    /// Items of the calendar with this iCalendar UID.
    ///
    /// `calendar:UID` cannot be searched for; the property of the store that it is made from can.
    pub fn by_uid(uid: &str) -> Self {
        let value = GlobalObjectId::of_uid(uid).to_base64();
        Self::matching(Restriction::Equals(GLOBAL_OBJECT_ID, value))
    }

    /// What the calendar shows in a window: singles and occurrences, at most `items_max` of them.
    /// Of each it says which item it is, what it is to its series, and the UID, which all
    /// occurrences of a series share (RFC 5545, 3.8.4.7).
    pub fn in_window(start: Timestamp, end: Timestamp, items_max: u32) -> Self {
        let properties = vec![
            PropertyPath::Field("calendar:UID"),
            PropertyPath::Field("calendar:CalendarItemType"),
        ];
        Self {
            folders: vec![FolderAddress::CALENDAR],
            shape: Shape { properties, body: false },
            view: View::Calendar { start, end, items_max: Some(items_max) },
        }
    }

    fn matching(restriction: Restriction) -> Self {
        Self {
            folders: vec![FolderAddress::CALENDAR],
            shape: ItemSummary::shape(),
            view: View::Page { offset: 0, items_max: MATCHES_MAX, restriction: Some(restriction) },
        }
    }

    /// Reads the answer: one page per folder.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer to this operation.
    pub fn read(bytes: &[u8]) -> Result<Response<Page<ItemSummary>>, EwsError> {
        read_messages(bytes, "FindItem", |xml, part, page: &mut Page<ItemSummary>| {
            match part.name() {
                "RootFolder" => page.read_root(xml, part, "Items", ItemSummary::read),
                _ => Ok(()),
            }
        })
    }
}

impl Sealed for FindItem {}
impl Operation for FindItem {
    fn write(&self, xml: &mut XmlWriter) {
        xml.element("m:FindItem", &[("Traversal", "Shallow")], |xml| {
            self.shape.write("m:ItemShape", xml);
            self.view.write(xml);
            xml.element("m:ParentFolderIds", &[], |xml| {
                self.folders.iter().for_each(|folder| folder.write(xml));
            });
        });
    }
}

impl View {
    fn write(&self, xml: &mut XmlWriter) {
        match self {
            Self::Page { offset, items_max, restriction } => {
                write_page("m:IndexedPageItemView", *items_max, *offset, xml);
                if let Some(restriction) = restriction {
                    xml.element("m:Restriction", &[], |xml| restriction.write(xml));
                }
            }
            Self::Calendar { start, end, items_max } => {
                let max = items_max.map(|max| max.to_string());
                let (start, end) = (start.to_string(), end.to_string());
                let mut attributes = Vec::with_capacity(3);
                attributes.extend(max.as_deref().map(|max| ("MaxEntriesReturned", max)));
                attributes.extend([("StartDate", start.as_str()), ("EndDate", &end)]);
                xml.empty("m:CalendarView", &attributes);
            }
        }
    }
}

impl Restriction {
    fn write(&self, xml: &mut XmlWriter) {
        match self {
            Self::Equals(field, value) => xml.element("t:IsEqualTo", &[], |xml| {
                field.write(xml);
                xml.element("t:FieldURIOrConstant", &[], |xml| {
                    xml.empty("t:Constant", &[("Value", value)]);
                });
            }),
            Self::BeginsWith(field, value) => {
                let how = [("ContainmentMode", "Prefixed"), ("ContainmentComparison", "Exact")];
                xml.element("t:Contains", &how, |xml| {
                    field.write(xml);
                    xml.empty("t:Constant", &[("Value", value)]);
                });
            }
        }
    }
}

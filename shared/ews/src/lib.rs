//! Exchange Web Services: request builders, tolerant readers, mapping to the model. Pure.
//!
//! - A request is an [`Operation`] in the envelope of a [`Request`]; its elements stand in the order
//!   of Microsoft's schema, and characters that XML forbids are left out.
//! - An answer is read by the operation's own `read`. Names are compared without namespaces, what is
//!   not known is skipped, and an item that cannot be read does not cost its neighbours.
//! - [`calendar`] maps appointments to the model and back.
//!
//! Names of pages are those of Microsoft's EWS reference for Exchange.

pub mod bounds;
pub mod calendar;
mod code;
mod error;
mod fault;
mod find;
mod folder;
mod get;
mod id;
pub mod notification;
mod password;
mod property;
mod request;
mod resolve;
mod response;
mod server_zones;
pub mod stamp;
mod store;
mod subscription;
mod summary;
mod sync;
mod time;
mod uid;
mod xml;
mod zone;

pub use code::{CodeClass, ResponseCode};
pub use error::{DamagedItem, EwsError, ServerError, Unreadable};
pub use find::{FindItem, Restriction, View};
pub use folder::{
    FindFolder, Folder, FolderChange, FolderChanges, FolderShape, GetFolder, Page, Rights,
    SyncFolderHierarchy,
};
pub use get::{GetItem, Item};
pub use id::{FolderAddress, FolderId, ItemAddress, ItemId, WellKnownFolder};
pub use password::GetPasswordExpirationDate;
pub use property::{ExtendedField, PropertyName, PropertyPath, PropertySet, Shape};
pub use request::{Operation, Precision, Request, ServerVersion};
pub use resolve::{ResolveNames, Resolved};
pub use response::{Response, ServerVersionInfo, read_outcomes};
pub use server_zones::GetServerTimeZones;
pub use store::{CancelMeeting, CreateItem, DeleteItem, Disposal, Respond, UpdateItem, Written};
pub use subscription::{STATUS_MINUTES_MAX, SubscribePush, Subscribed, Unsubscribe};
pub use summary::{CalendarItemType, ItemKind, ItemSummary};
pub use sync::{ItemChange, ItemChanges, SyncFolderItems};
pub use time::{EwsTime, parse_date, parse_duration};
pub use uid::{GLOBAL_OBJECT_ID, GlobalObjectId};
pub use zone::ZoneDefinition;

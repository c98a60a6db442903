//! The port to any Exchange: what a sync run asks of a mailbox, in its own words.
//!
//! [`Mailbox`] is implemented by an adapter per protocol. The engine and the use cases see only
//! this trait; ids and tokens of the server are opaque to them.

mod effect;
pub mod error;
pub mod ews;
pub mod graph;
pub mod greeting;
pub mod port;

pub use error::{Disposition, MailboxError, Scope};
pub use greeting::{Greeting, greet};
pub use port::{
    Capabilities, Change, ChangeKey, ChangePage, Cursor, FirstLook, ItemRead, Mailbox, Permit,
    PermitDenied, PushContent, PushRequest, PushSubscription, RemoteEvent, RemoteId, RemoteRef,
    Search, Searched, Stamp,
};

//! Moving mailboxes to another connection, as administrators ask for it and follow it (N2).

use uuid::Uuid;

/// Most mailboxes that one request moves. What is left is named, and moved by the next.
pub const MOVED_AT_ONCE_MAX: usize = 500;

/// What is to move. `Debug` shows how many mailboxes are named.
#[derive(Clone, PartialEq, Eq)]
pub struct MoveRequest {
    /// The connection that the mailboxes go on over.
    pub to: Uuid,
    /// The mailboxes by address, alias or id; none for all of the connection.
    pub mailboxes: Option<Vec<String>>,
}

impl core::fmt::Debug for MoveRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MoveRequest")
            .field("to", &self.to)
            .field("mailboxes", &self.mailboxes.as_ref().map(Vec::len))
            .finish()
    }
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovesAsked {
    /// Mailboxes that are to move, those among them that were asked before.
    pub moving: usize,
    /// Whether the connection has more mailboxes: ask again.
    pub more: bool,
}

/// How the move of a mailbox stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveView {
    /// The connection that it leaves or left.
    pub from: Uuid,
    /// The connection that it goes on over.
    pub to: Uuid,
    /// `asked`, `linking`, `comparing`, `done` or `withdrawn`.
    pub phase: &'static str,
    /// How it stands, in words.
    pub text: String,
    /// When it was asked for, RFC 3339.
    pub asked: String,
    /// Since when the new connection is in use, RFC 3339.
    pub switched: Option<String>,
    /// When it was done or withdrawn, RFC 3339.
    pub finished: Option<String>,
    /// Why ids were not translated; none while they are.
    pub untranslated: Option<String>,
    /// How the items were found again, as of now.
    pub items: MovedItems,
}

/// The last move of a mailbox, as a list of them shows it. `Debug` shows no address.
#[derive(Clone, PartialEq, Eq)]
pub struct MoveEntry {
    /// The mailbox's id.
    pub mailbox: String,
    /// Its primary address.
    pub address: String,
    /// The connection that it leaves or left.
    pub from: Uuid,
    /// The connection that it goes on over.
    pub to: Uuid,
    /// `asked`, `linking`, `comparing`, `done` or `withdrawn`.
    pub phase: &'static str,
    /// How it stands, in words, without counting its items.
    pub text: String,
    /// When it was asked for, RFC 3339.
    pub asked: String,
    /// Since when the new connection is in use, RFC 3339.
    pub switched: Option<String>,
    /// When it was done or withdrawn, RFC 3339.
    pub finished: Option<String>,
}

impl core::fmt::Debug for MoveEntry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MoveEntry")
            .field("mailbox", &self.mailbox)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

/// How the items of a mailbox were found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MovedItems {
    /// The server translated their ids.
    pub translated: u64,
    /// By our stamp.
    pub by_stamp: u64,
    /// By UID and start.
    pub by_uid: u64,
    /// By what they say.
    pub by_content: u64,
    /// A person said which they are.
    pub by_person: u64,
    /// Several may be it; held.
    pub ambiguous: u64,
    /// Nothing may be it; held.
    pub missing: u64,
    /// Not looked at yet.
    pub left: u64,
}

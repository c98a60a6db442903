//! What answers about moves look like.

use serde::Serialize;
use tidemark_service::border::{
    Listing, MoveEntry, MoveView, MovedItems as MovedItemsView, MovesAsked as AskedView,
};
use utoipa::ToSchema;
use uuid::Uuid;

/// What was asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct MovesAsked {
    /// How many mailboxes are to move now.
    moving: usize,
    /// Whether the connection has more of them: ask again.
    more: bool,
}

impl From<AskedView> for MovesAsked {
    fn from(view: AskedView) -> Self {
        Self { moving: view.moving, more: view.more }
    }
}

/// How the move of a mailbox stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailboxMove {
    /// The connection that it leaves or left.
    from: Uuid,
    /// The connection that it goes on over.
    to: Uuid,
    /// `asked`, `linking`, `comparing`, `done` or `withdrawn`.
    #[schema(value_type = String, example = "done")]
    phase: &'static str,
    /// How it stands, in words.
    text: String,
    /// When it was asked for, RFC 3339.
    asked: String,
    /// Since when the new connection is in use, RFC 3339.
    #[schema(required)]
    switched: Option<String>,
    /// When it was done or withdrawn, RFC 3339.
    #[schema(required)]
    finished: Option<String>,
    /// Why the server does not translate ids, so that items are looked for instead.
    #[schema(required)]
    untranslated: Option<String>,
    /// How the items were found again.
    items: MovedItems,
}

/// A page of the moves.
#[derive(Serialize, ToSchema)]
pub(crate) struct Moves {
    moves: Vec<MoveListed>,
    /// Where to go on; `null` when there is no more.
    #[schema(required)]
    next: Option<String>,
}

/// The last move of a mailbox.
#[derive(Serialize, ToSchema)]
pub(crate) struct MoveListed {
    /// The mailbox's id.
    mailbox: String,
    /// Its primary address.
    address: String,
    /// The connection that it leaves or left.
    from: Uuid,
    /// The connection that it goes on over.
    to: Uuid,
    /// `asked`, `linking`, `comparing`, `done` or `withdrawn`.
    #[schema(value_type = String, example = "asked")]
    phase: &'static str,
    /// How it stands, in words.
    text: String,
    /// When it was asked for, RFC 3339.
    asked: String,
    /// Since when the new connection is in use, RFC 3339.
    #[schema(required)]
    switched: Option<String>,
    /// When it was done or withdrawn, RFC 3339.
    #[schema(required)]
    finished: Option<String>,
}

impl From<Listing<MoveEntry>> for Moves {
    fn from(listing: Listing<MoveEntry>) -> Self {
        let moves = listing.entries.into_iter().map(MoveListed::from).collect();
        Self { moves, next: listing.next }
    }
}

impl From<MoveEntry> for MoveListed {
    fn from(entry: MoveEntry) -> Self {
        Self {
            mailbox: entry.mailbox,
            address: entry.address,
            from: entry.from,
            to: entry.to,
            phase: entry.phase,
            text: entry.text,
            asked: entry.asked,
            switched: entry.switched,
            finished: entry.finished,
        }
    }
}

/// How the items of a mailbox were found again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MovedItems {
    /// The server translated their ids.
    translated: u64,
    /// By the stamp that Tidemark leaves on what it creates.
    by_stamp: u64,
    /// By iCalendar UID and start.
    by_uid: u64,
    /// By what they say.
    by_content: u64,
    /// A person said which they are.
    by_person: u64,
    /// Several may be it: they are held.
    ambiguous: u64,
    /// Nothing may be it: they are held.
    missing: u64,
    /// Not looked at yet.
    left: u64,
}

impl From<MoveView> for MailboxMove {
    fn from(view: MoveView) -> Self {
        Self {
            from: view.from,
            to: view.to,
            phase: view.phase,
            text: view.text,
            asked: view.asked,
            switched: view.switched,
            finished: view.finished,
            untranslated: view.untranslated,
            items: view.items.into(),
        }
    }
}

impl From<MovedItemsView> for MovedItems {
    fn from(view: MovedItemsView) -> Self {
        Self {
            translated: view.translated,
            by_stamp: view.by_stamp,
            by_uid: view.by_uid,
            by_content: view.by_content,
            by_person: view.by_person,
            ambiguous: view.ambiguous,
            missing: view.missing,
            left: view.left,
        }
    }
}

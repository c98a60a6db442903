//! What waits for a person, and what the person decides.

use uuid::Uuid;

/// Something that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldView {
    /// Its id.
    pub id: Uuid,
    /// Primary address of the mailbox.
    pub mailbox: String,
    /// The item's id; none where the mailbox as a whole is held by the brake.
    pub item: Option<String>,
    /// A stable word: `would-mail`, `cannot-be-silent`, `loop`, `late-copy-changed`,
    /// `late-copy-mails`, `brake-deletes`, `brake-mails`, `move-ambiguous`, `move-missing`.
    pub why: String,
    /// What waits and what to do, in words.
    pub text: String,
    /// How many people would be mailed.
    pub people: u32,
    /// What can be decided about it.
    pub choices: Vec<HoldChoice>,
    /// Since when, RFC 3339.
    pub since: String,
}

/// A hold with what a person has to know to decide about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldDetails {
    /// The hold.
    pub hold: HoldView,
    /// What waits behind the brake of a mailbox; none for a hold of one item.
    pub preview: Option<BrakePreview>,
}

/// What the waiting changes of a mailbox would do in Exchange, as both sides were known last. What
/// Exchange has to tell is not read while the mailbox is paused, and so is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BrakePreview {
    /// Changes of the business system that were looked at.
    pub changes: usize,
    /// Whether more of them wait.
    pub more: bool,
    /// Items that would be deleted.
    pub deletes: u64,
    /// People who would be mailed, each as often as that happens.
    pub mails: u64,
    /// The first items for which something would happen.
    pub items: Vec<PreviewItem>,
}

/// What would happen to one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewItem {
    /// The id that the business system knows it by.
    pub id: String,
    /// `create`, `update`, `delete`, `respond`, or `hold` where it would wait for a person.
    pub action: &'static str,
    /// How many people would be mailed; of what would wait, if it were released.
    pub people: u32,
}

/// What a person decides about a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldChoice {
    /// Do it, and let Exchange mail.
    Send,
    /// Do it silently; create without attendees. Not where a server cannot be kept from mailing for
    /// what exists already.
    WithoutAttendees,
    /// Do not do it: the waiting changes are refused.
    Discard,
    /// Take the first of several copies for the item; the others are items of their own. Only after a
    /// move of the mailbox.
    Pair,
    /// The item is gone. Only after a move of the mailbox.
    Gone,
}

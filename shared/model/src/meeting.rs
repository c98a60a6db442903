//! Meetings: whose copy an item is, and whether a write is told to people.

/// Whose copy of a meeting an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CopyRole {
    /// Nobody else is on it.
    Appointment,
    /// The owner of the mailbox organises.
    Organizer,
    /// The owner was invited; edits stay in this copy.
    Attendee,
}

/// Whether the server sends mail for a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailMode {
    /// Nobody is mailed.
    Silent,
    /// Everybody on the item is mailed.
    All,
    /// Only those who were added, removed or concerned are mailed.
    Changed,
}

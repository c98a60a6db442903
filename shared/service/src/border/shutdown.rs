//! The end of an organisation, and its beginning from a backup, as people see them.

/// How far the shutdown of an organisation has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShutdownView {
    /// Mailboxes that this call looked at.
    pub mailboxes: u64,
    /// Subscriptions that this call ended.
    pub ended: u64,
    /// Subscriptions that end with Exchange's next call.
    pub waiting: u64,
    /// Subscriptions that could not be ended.
    pub failed: u64,
    /// When what is left is over at the latest, RFC 3339.
    pub over: Option<String>,
    /// Where to go on; none when that were all mailboxes.
    pub next: Option<String>,
}

/// How far an organisation has started from a restored table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestoreView {
    /// Mailboxes that this call woke.
    pub mailboxes: u64,
    /// Subscriptions of the backup that are not used any more.
    pub retired: u64,
    /// Where to go on; none when that were all mailboxes.
    pub next: Option<String>,
}

//! The fence of a connection: what keeps it out of mailboxes that are none of its business (N14).

use core::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a connection may do while nobody has shown that it is kept out of other mailboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// It syncs, and says so. Connections from before there was a fence, and those of a configuration
    /// file that says nothing.
    #[default]
    Warn,
    /// No mailbox begins to be synced. What is synced already goes on.
    Require,
}

/// What is known about the fence of a connection. `Debug` shows no address and no words of people.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fence {
    /// What holds while the fence is not proved.
    #[serde(default)]
    pub gate: Gate,
    /// Primary address, lower case, of a mailbox outside of the scope: it must not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<String>,
    /// What the last attempt to open it found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FenceFinding>,
    /// When the schedule last tried to renew the proof, whatever came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<Timestamp>,
    /// An administrator's word that no proof is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<FenceWaiver>,
}

/// What an attempt to open the mailbox outside found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceFinding {
    /// When.
    pub at: Timestamp,
    /// Whether all of it was refused. False when something opened.
    pub holds: bool,
    /// Who logged on and from which mailbox it was kept: a digest. A finding about another account,
    /// application or mailbox says nothing.
    pub subject: String,
}

/// A waiver of the proof.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceWaiver {
    /// Why, in the administrator's words.
    pub reason: String,
    /// Whose API key it was, or `configuration`.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Who logs on: a digest. A waiver does not pass over to another account or application.
    pub subject: String,
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fence")
            .field("gate", &self.gate)
            .field("outside", &self.outside.is_some())
            .field("holds", &self.finding.as_ref().map(|finding| finding.holds))
            .field("waived", &self.waiver.is_some())
            .field("tried_at", &self.tried_at)
            .finish()
    }
}

impl fmt::Debug for FenceWaiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FenceWaiver").field("at", &self.at).finish_non_exhaustive()
    }
}

//! The preflight of a connection as administrators see it (N14).

use core::fmt;

use uuid::Uuid;

/// Most mailboxes that one preflight looks at.
pub const PREFLIGHT_MAILBOXES_MAX: usize = 50;
/// Longest reason of a waiver, in bytes.
pub const WAIVER_REASON_BYTES_MAX: usize = 1000;

/// What a preflight is to look at.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PreflightAsk {
    /// Addresses, at most [`PREFLIGHT_MAILBOXES_MAX`]; they need not be set up yet. Empty means the
    /// first mailboxes that are.
    pub mailboxes: Vec<String>,
    /// Whether a subscription may be made to see that Exchange reaches us. Only where somebody
    /// listens.
    pub try_callback: bool,
}

impl fmt::Debug for PreflightAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreflightAsk")
            .field("mailboxes", &self.mailboxes.len())
            .field("try_callback", &self.try_callback)
            .finish()
    }
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// It is well.
    Passed,
    /// Somebody has to mend it.
    Failed,
    /// It was not reached, does not apply, or could not be proved; the text says which.
    Skipped,
    /// An administrator put on record that it need not be.
    Waived,
}

impl StepState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Waived => "waived",
        }
    }
}

/// One step. `Debug` shows name, state and code: commands name accounts.
#[derive(Clone, PartialEq, Eq)]
pub struct PreflightStep {
    /// A stable word.
    pub name: &'static str,
    /// What became of it.
    pub state: StepState,
    /// What was seen, in words.
    pub seen: String,
    /// A stable word for the cause: Exchange's or Entra's own code, or one of ours.
    pub code: Option<String>,
    /// Why, and how it is mended, in words.
    pub mend: Option<String>,
    /// What an administrator of Exchange or Entra types, line by line.
    pub commands: Vec<String>,
}

impl fmt::Debug for PreflightStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.state.as_str())?;
        self.code.as_ref().map_or(Ok(()), |code| write!(f, " ({code})"))
    }
}

/// The steps of one mailbox. `Debug` shows no address.
#[derive(Clone, PartialEq, Eq)]
pub struct MailboxSteps {
    /// Our id of it; none for an address that is not set up.
    pub id: Option<String>,
    /// Its address.
    pub address: String,
    /// What was looked at.
    pub steps: Vec<PreflightStep>,
}

impl fmt::Debug for MailboxSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.id, self.steps)
    }
}

impl MailboxSteps {
    /// The step that failed, if one did.
    pub fn failed(&self) -> Option<&PreflightStep> {
        self.steps.iter().find(|step| step.state == StepState::Failed)
    }
}

/// What a preflight found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightView {
    /// Which connection.
    pub connection: Uuid,
    /// `ews` or `graph`.
    pub protocol: &'static str,
    /// When, RFC 3339.
    pub at: String,
    /// Whether no step failed, here or at a mailbox.
    pub passed: bool,
    /// What concerns the connection as a whole, in the order in which one depends on the other.
    pub steps: Vec<PreflightStep>,
    /// The mailboxes that were looked at.
    pub mailboxes: Vec<MailboxSteps>,
    /// Whether there are more mailboxes than were looked at: no time was left, or they are too many.
    pub more: bool,
    /// What keeps the connection out of other mailboxes.
    pub fence: FenceView,
}

/// Which of the chosen mailboxes cannot be reached (E19).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentView {
    /// How many were looked at in this page.
    pub checked: usize,
    /// Those that cannot be reached, each with the step that failed.
    pub unreachable: Vec<MailboxSteps>,
    /// Where to go on; none when all were looked at.
    pub next: Option<String>,
}

/// What keeps a connection out of mailboxes that are none of its business. `Debug` shows no address.
#[derive(Clone, PartialEq, Eq)]
pub struct FenceView {
    /// `not-needed`, `proved`, `waived`, `open` or `unproved`.
    pub state: &'static str,
    /// Whether mailboxes may begin to be synced.
    pub admits: bool,
    /// `require` or `warn`: what holds while it is not proved.
    pub gate: &'static str,
    /// The mailbox outside that must not open.
    pub outside: Option<String>,
    /// When it was last tried, RFC 3339.
    pub tried: Option<String>,
    /// The waiver, if there is one.
    pub waiver: Option<WaiverView>,
    /// What that means and what to do, in words.
    pub text: String,
}

impl fmt::Debug for FenceView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FenceView")
            .field("state", &self.state)
            .field("admits", &self.admits)
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}

/// A waiver on record. `Debug` shows no reason.
#[derive(Clone, PartialEq, Eq)]
pub struct WaiverView {
    /// Why.
    pub reason: String,
    /// Whose key it was.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
}

impl fmt::Debug for WaiverView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaiverView").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Whether the proof is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateChoice {
    /// Nothing begins to be synced without proof or waiver.
    Require,
    /// It is only said.
    Warn,
}

/// What is to change about a fence; what is none stays.
#[derive(Clone, Default)]
pub struct FenceChange {
    /// The mailbox outside; `Some(None)` takes it away.
    pub outside: Option<Option<String>>,
    /// Whether the proof is demanded.
    pub gate: Option<GateChoice>,
    /// The reason of a waiver; `Some(None)` takes the waiver away.
    pub waiver: Option<Option<String>>,
}

impl fmt::Debug for FenceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FenceChange")
            .field("outside", &self.outside.is_some())
            .field("gate", &self.gate)
            .field("waiver", &self.waiver.is_some())
            .finish()
    }
}

//! Why something was decided: stable codes and plain sentences, without personal data (N5).

use core::fmt;

use tidemark_model::Property;

use crate::input::Side;

/// One reason of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Both sides are as they were.
    Unchanged,
    /// First seen in Exchange.
    NewInExchange,
    /// First heard of from the business system.
    NewInBusiness,
    /// An item that both sides had already was paired.
    Adopted,
    /// Not changed since the start of synchronisation (E10).
    BeforeStart,
    /// Changed in Exchange.
    ExchangeChanged,
    /// Changed by the business system.
    BusinessChanged,
    /// Only parts that nobody but Exchange writes changed: answers, attachments, online meeting.
    ReadOnlyChanged,
    /// Both sides made the same change.
    SameChange,
    /// Both sides changed one property; this side's value was taken.
    Conflict {
        /// What was changed.
        property: Property,
        /// Whose value stands.
        winner: Side,
    },
    /// It is private and is kept from the business system.
    Private,
    /// It is no longer private.
    PublicAgain,
    /// The business system may not make a private item public that it may not see.
    PrivacyKept,
    /// It was deleted on this side.
    Deleted(Side),
    /// Deletes are not carried to this side.
    DeletesOff(Side),
    /// It was deleted on one side and changed on this one; the change stands.
    EditBeatsDelete(Side),
    /// It was deleted on this side and changed on the other; the delete stands.
    DeleteBeatsEdit(Side),
    /// An appointment of several employees is not touched in the business system (E5).
    ConferenceProtected,
    /// Changes are not carried to this side.
    DirectionOff(Side),
    /// On an invitation only the answer can be changed.
    AttendeeCopy,
    /// People would be mailed, and nobody has chosen that.
    HeldForMail {
        /// How many people.
        people: u32,
    },
    /// Written silently where people would have been mailed.
    WrittenSilently {
        /// How many people.
        people: u32,
    },
    /// Created without its attendees.
    WithoutAttendees {
        /// How many people.
        people: u32,
    },
    /// It lies in the past or is part of the first copy: nobody is mailed.
    NobodyMailed,
    /// The same, where the server cannot be kept from mailing: it is not written unasked.
    NobodyToMail,
    /// The server cannot be kept from mailing for a change of what exists.
    CannotBeSilent,
    /// A change to an occurrence that the series no longer has was dropped.
    OccurrenceVanished,
    /// A write that was cut off is carried on.
    Continued,
    /// It is out of sight in Exchange: nothing is concluded from that.
    OutOfSight,
    /// A create of ours that arrived late was removed.
    LateCopyRemoved,
    /// A create of ours that arrived late cannot be removed without mail and is held.
    LateCopyMails,
    /// A create of ours that arrived late was changed meanwhile and is held.
    LateCopyHeld,
    /// Something else writes the same property back again and again (E21).
    Loop,
    /// It came back after it had been deleted.
    Restored,
    /// It is created again after it had been deleted.
    Recreated,
    /// A change demanded a version that is no longer current.
    IfMatchFailed,
    /// The business system cancelled it, which deletes it in Exchange.
    CancelledIsDeleted,
    /// A change was refused.
    Refused(RefusalCode),
}

impl Reason {
    /// The stable word of it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::NewInExchange => "new-in-exchange",
            Self::NewInBusiness => "new-in-business",
            Self::Adopted => "adopted",
            Self::BeforeStart => "before-start",
            Self::ExchangeChanged => "exchange-changed",
            Self::BusinessChanged => "business-changed",
            Self::ReadOnlyChanged => "read-only-changed",
            Self::SameChange => "same-change",
            Self::Conflict { winner, .. } => match winner {
                Side::Exchange => "conflict-exchange-won",
                Side::Business => "conflict-business-won",
            },
            Self::Private => "private",
            Self::PublicAgain => "public-again",
            Self::PrivacyKept => "privacy-kept",
            Self::Deleted(Side::Exchange) => "deleted-in-exchange",
            Self::Deleted(Side::Business) => "deleted-in-business",
            Self::DeletesOff(Side::Exchange) => "deletes-off-in-exchange",
            Self::DeletesOff(Side::Business) => "deletes-off-in-business",
            Self::EditBeatsDelete(_) => "edit-beats-delete",
            Self::DeleteBeatsEdit(_) => "delete-beats-edit",
            Self::ConferenceProtected => "conference-protected",
            Self::DirectionOff(Side::Exchange) => "not-carried-to-exchange",
            Self::DirectionOff(Side::Business) => "not-carried-to-business",
            Self::AttendeeCopy => "attendee-copy",
            Self::HeldForMail { .. } => "held-for-mail",
            Self::WrittenSilently { .. } => "written-silently",
            Self::WithoutAttendees { .. } => "without-attendees",
            Self::NobodyMailed => "nobody-mailed",
            Self::NobodyToMail => "nobody-to-mail",
            Self::CannotBeSilent => "cannot-be-silent",
            Self::OccurrenceVanished => "occurrence-vanished",
            Self::Continued => "continued",
            Self::OutOfSight => "out-of-sight",
            Self::LateCopyRemoved => "late-copy-removed",
            Self::LateCopyMails => "late-copy-mails",
            Self::LateCopyHeld => "late-copy-held",
            Self::Loop => "loop",
            Self::Restored => "restored",
            Self::Recreated => "re-created",
            Self::IfMatchFailed => "if-match-failed",
            Self::CancelledIsDeleted => "cancelled-is-deleted",
            Self::Refused(code) => code.as_str(),
        }
    }
}

/// A number with its word.
fn counted(count: u32, one: &str, more: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {more}") }
}

/// The sentence for people.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Conflict { property, winner } => {
                let side = side_name(*winner);
                return write!(
                    f,
                    "Both sides changed '{}'; the value of {side} was taken and the other one kept.",
                    property.name()
                );
            }
            Self::Deleted(side) => return write!(f, "It was deleted in {}.", side_name(*side)),
            Self::DeletesOff(side) => {
                return write!(f, "The profile carries no deletes to {}.", side_name(*side));
            }
            Self::EditBeatsDelete(side) => {
                return write!(
                    f,
                    "It was deleted on the other side while it was changed in {}; the change stands.",
                    side_name(*side)
                );
            }
            Self::DeleteBeatsEdit(side) => {
                return write!(
                    f,
                    "It was deleted in {} while it was changed on the other side; the delete stands.",
                    side_name(*side)
                );
            }
            Self::DirectionOff(side) => {
                return write!(f, "The profile carries no changes to {}.", side_name(*side));
            }
            Self::HeldForMail { people } => {
                let people = counted(*people, "person", "people");
                return write!(f, "Exchange would mail {people}; it waits for a decision.");
            }
            Self::WrittenSilently { people } => {
                let people = counted(*people, "person", "people");
                return write!(f, "Written without mailing the {people} on it.");
            }
            Self::WithoutAttendees { people } => {
                let people = counted(*people, "attendee", "attendees");
                return write!(f, "Created without its {people}, so nobody is mailed.");
            }
            Self::Refused(code) => code.sentence(),
            Self::Unchanged => "Both sides are as they were.",
            Self::NewInExchange => "It is new in Exchange.",
            Self::NewInBusiness => "It is new in the business system.",
            Self::Adopted => "Both sides had it already; they were paired.",
            Self::BeforeStart => {
                "It was not changed since the start of synchronisation; it is paired without news."
            }
            Self::ExchangeChanged => "It was changed in Exchange.",
            Self::BusinessChanged => "It was changed by the business system.",
            Self::ReadOnlyChanged => "Answers, attachments or the online meeting changed.",
            Self::SameChange => "Both sides made the same change.",
            Self::Private => "It is private, and the profile does not carry private items.",
            Self::PublicAgain => "It is no longer private.",
            Self::PrivacyKept => {
                "A private item cannot be made public by a system that may not see it."
            }
            Self::ConferenceProtected => {
                "Several employees take part; changes in Exchange do not touch it in the business system."
            }
            Self::AttendeeCopy => "It is an invitation: only the answer can be changed.",
            Self::NobodyMailed => "It is past or part of the first copy: nobody is mailed.",
            Self::NobodyToMail => {
                "It is past or part of the first copy: nobody is to be mailed for it."
            }
            Self::CannotBeSilent => {
                "This Exchange cannot be kept from mailing for a meeting that exists: send it, or discard it."
            }
            Self::OccurrenceVanished => {
                "A change to an occurrence that the series no longer has was dropped."
            }
            Self::Continued => "A write that was cut off is carried on.",
            Self::OutOfSight => "It is out of sight in Exchange, which is no delete.",
            Self::LateCopyRemoved => "A second copy from a late answer was removed.",
            Self::LateCopyMails => {
                "A second copy from a late answer cannot be removed without mail: send that, or discard \
                 the hold to keep it as an item of its own."
            }
            Self::LateCopyHeld => {
                "A second copy from a late answer was changed: send its removal, or discard the hold to \
                 keep it as an item of its own."
            }
            Self::Loop => "Something else changes the same property back again and again.",
            Self::Restored => "It came back after it had been deleted.",
            Self::Recreated => "It is created again.",
            Self::IfMatchFailed => "The version that was demanded is no longer the current one.",
            Self::CancelledIsDeleted => "It was cancelled, which deletes it in Exchange.",
        };
        f.write_str(text)
    }
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Exchange => "Exchange",
        Side::Business => "the business system",
    }
}

/// Why a change of the business system will not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    /// It demanded another version.
    IfMatchFailed,
    /// Writing to Exchange is off.
    DirectionOff,
    /// Deleting in Exchange is off.
    DeletesOff,
    /// It is an invitation.
    AttendeeCopy,
    /// A new item needs times.
    ScheduleMissing,
    /// It was deleted in Exchange.
    DeletedInExchange,
    /// A new item cannot be a cancelled one.
    CancelledNew,
}

impl RefusalCode {
    /// The stable word of it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IfMatchFailed => "if-match-failed",
            Self::DirectionOff => "direction-off",
            Self::DeletesOff => "deletes-off",
            Self::AttendeeCopy => "attendee-copy",
            Self::ScheduleMissing => "schedule-missing",
            Self::DeletedInExchange => "deleted-in-exchange",
            Self::CancelledNew => "cancelled-new",
        }
    }

    /// The reason and the mend, for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::IfMatchFailed => {
                "The item changed after the version that was demanded; read it and try again."
            }
            Self::DirectionOff => {
                "The mailbox's profile carries no changes to Exchange; change the profile."
            }
            Self::DeletesOff => {
                "The mailbox's profile carries no deletes to Exchange; change the profile."
            }
            Self::AttendeeCopy => {
                "The mailbox's owner is only invited; write the organiser's copy or send an answer."
            }
            Self::ScheduleMissing => "A new item needs a start; send the whole item.",
            Self::DeletedInExchange => {
                "The item was deleted in Exchange; send it again to create it anew."
            }
            Self::CancelledNew => "An item that does not exist cannot be created as cancelled.",
        }
    }
}

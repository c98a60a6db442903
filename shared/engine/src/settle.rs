//! What to remember once a decision has been carried out.

use tidemark_model::Event;

use crate::decision::{BaseAfter, Decision, LinkAfter};
use crate::input::Base;

/// What the store has to remember once the decision has been carried out.
///
/// `read_back` is the item in exactly the version that the write returned; a later version would
/// hide a person's change behind our own write. The Exchange side of the base is what was read back,
/// as it is. The business side is the merged view as the business system knows it, finer values
/// included (mapping.md 3.3: the priority 3 stays 3 while Exchange says "high"), with what only
/// Exchange writes taken over. Without `read_back` the target stands for it; the next read then
/// shows the server's own form of it as a change.
pub fn settle(decision: &Decision, read_back: Option<&Event>) -> LinkAfter {
    match &decision.base {
        BaseAfter::Keep => LinkAfter::Unchanged,
        BaseAfter::Agreed(base) => LinkAfter::Linked(base.clone()),
        BaseAfter::AfterWrite(base) => {
            let exchange = read_back.unwrap_or(&base.exchange).clone();
            let mut business = base.business.clone();
            copy_read_only(&exchange, &mut business);
            LinkAfter::Linked(Box::new(Base {
                exchange,
                business,
                born: base.born,
                announced: base.announced,
            }))
        }
        BaseAfter::Private { born, announced } => {
            LinkAfter::Private { born: *born, announced: *announced }
        }
        BaseAfter::Tombstone { by, at } => LinkAfter::Tombstone { by: *by, at: *at },
    }
}

/// Takes over what only Exchange writes: identity, organiser, answers, attachments, revision.
pub(crate) fn copy_read_only(from: &Event, to: &mut Event) {
    to.uid = from.uid.clone().or_else(|| to.uid.take());
    to.organizer.clone_from(&from.organizer);
    to.online_meeting.clone_from(&from.online_meeting);
    to.attachments.clone_from(&from.attachments);
    to.sequence = from.sequence;
    to.created = from.created;
    to.updated = from.updated;
    for (address, attendee) in &mut to.attendees {
        if let Some(known) = from.attendees.get(address) {
            attendee.participation = known.participation;
        }
    }
}

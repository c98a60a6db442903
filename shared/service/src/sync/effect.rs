//! Carrying a decision out in Exchange.

use tidemark_engine::{Decision, ExchangeAction};
use tidemark_mailbox::{
    Disposition, Mailbox, MailboxError, Permit, RemoteEvent, RemoteId, RemoteRef, Stamp,
};

/// What a write left behind.
pub(crate) enum Written {
    /// The item in the version that the write returned, read back.
    Item(Box<RemoteEvent>),
    /// The item exists in this version, but a later one was read: somebody was faster.
    Overtaken(RemoteRef),
    /// The item exists in this version and cannot be read.
    Unread(RemoteRef),
    /// The item is gone.
    Removed,
}

/// Carries out the action of a decision. `current` is the item as it was planned with.
///
/// # Errors
/// [`MailboxError`]; nothing is retried here.
pub(crate) async fn carry_out(
    mailbox: &dyn Mailbox,
    decision: &Decision,
    current: Option<&RemoteEvent>,
    stamp: &Stamp,
    permit: &dyn Permit,
) -> Result<Option<Written>, MailboxError> {
    let reference = match (&decision.exchange, current) {
        (ExchangeAction::Create { target, mail }, _) => {
            mailbox.create(target, stamp, *mail, permit).await?
        }
        (ExchangeAction::Update { target, mail }, Some(current)) => {
            mailbox.update(current, target, *mail, permit).await?
        }
        (ExchangeAction::Respond { answer, mail }, Some(current)) => {
            mailbox.respond(&current.reference, *answer, *mail, permit).await?
        }
        (ExchangeAction::Delete { mail }, Some(current)) => {
            return match mailbox.delete(&current.reference, *mail, permit).await {
                Ok(()) => Ok(Some(Written::Removed)),
                // Somebody deleted it first: that is what was wanted.
                Err(error) if error.disposition == Disposition::Gone => Ok(Some(Written::Removed)),
                Err(error) => Err(error),
            };
        }
        // Nothing to do, or nothing to do it to: a plan that writes to an item has seen it.
        (
            ExchangeAction::None
            | ExchangeAction::Hold { .. }
            | ExchangeAction::Update { .. }
            | ExchangeAction::Respond { .. }
            | ExchangeAction::Delete { .. },
            _,
        ) => return Ok(None),
    };
    read_back(mailbox, reference).await.map(Some)
}

/// Reads the item that was just written. What Exchange made of it is the new common state, but only
/// in exactly the version that the write returned: a later one holds somebody else's change.
///
/// # Errors
/// When it cannot be read now. The write happened; the next run finds it and carries on from there.
async fn read_back(mailbox: &dyn Mailbox, reference: RemoteRef) -> Result<Written, MailboxError> {
    match read_one(mailbox, &reference.id).await {
        Ok(item) if item.reference.change_key == reference.change_key => {
            Ok(Written::Item(Box::new(item)))
        }
        Ok(_) => Ok(Written::Overtaken(reference)),
        Err(error) => match error.disposition {
            // Gone already: the change that made it so is read as one of its own.
            Disposition::Gone => Ok(Written::Overtaken(reference)),
            Disposition::Quarantine => Ok(Written::Unread(reference)),
            _ => Err(error),
        },
    }
}

/// Reads one item.
///
/// # Errors
/// The request's error or the item's own.
pub(crate) async fn read_one(
    mailbox: &dyn Mailbox,
    id: &RemoteId,
) -> Result<RemoteEvent, MailboxError> {
    let mut read = mailbox.read(core::slice::from_ref(id)).await?;
    read.pop().unwrap_or_else(|| {
        Err(MailboxError {
            disposition: Disposition::Quarantine,
            scope: tidemark_mailbox::Scope::Item,
            code: "answer-missing".to_owned(),
            text: "the server answered without the item that was asked for".to_owned(),
        })
    })
}

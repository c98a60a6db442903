//! Changes of the business system: judged as far as that is possible now, and written down.

use core::time::Duration;

use serde_json::Value;
use tidemark_jscalendar::{ReadMode, check_patch, read_event_patch, read_merge_patch};
use tidemark_model::Kind;
use tidemark_store::records::{
    AcceptError, Accepted as Stored, ChangeId, IdempotencyKey, MailboxScope, PendingChange,
    PendingOperation, PendingRow,
};

use super::Known;
use crate::api::access::SWITCHED_OFF;
use crate::border::{Accepted, Caller, Guards, ItemChangeRequest, ItemVersion, Refusal};
use crate::service::{Service, collection_of};

/// Most changes of one item that may wait at once. A commit carries out so many together.
const WAITING_MAX: usize = 64;
/// When to try again where too many wait.
const WAITING_RETRY: Duration = Duration::from_secs(30);

impl Service {
    pub(in crate::api) async fn accept_change(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
        change: ItemChangeRequest,
        guards: Guards,
    ) -> Result<Accepted, Refusal> {
        let found = self.find_items_of(caller, mailbox).await?;
        let now = self.world.now();
        let (operation, body) = to_stored(&change)?;
        let idempotency = guards
            .idempotency_key
            .map(|key| claim(key, kind, id, operation, guards.if_match, &body));
        // What was accepted once is answered again before anything is looked at: by now the item may
        // stand in another version, or be gone by this very change.
        if let Some(key) = &idempotency {
            let again = self.records.answer_again(&found.scope, &found.row.system, key, now).await;
            if let Some(stored) = again.map_err(accept_refusal)? {
                return self.answer(&found.scope, id, stored).await;
            }
        }
        if !found.row.enabled {
            return Err(Refusal::Conflict(SWITCHED_OFF.to_owned()));
        }
        self.demand_switched_on(caller).await?;
        let (item, waiting) = self.find_with_waiting(&found, kind, id).await?;
        if waiting.len() >= WAITING_MAX {
            return Err(Refusal::TooMany(WAITING_RETRY));
        }
        let known = Known::of(item.row.as_ref(), now)?;
        let ignored = check(&known, kind, &waiting, &change)?;
        let if_match = match guards.if_match {
            Some(wanted) => Some(hold_against(wanted, &known, &waiting)?),
            None => None,
        };
        let pending = PendingChange {
            id: ChangeId::new(self.world.uuid()),
            link: item.link,
            business_key: item.key,
            operation,
            body,
            if_match,
            idempotency,
            answer: serde_json::to_vec(&ignored).map_err(|_| Refusal::Internal)?,
            system: found.row.system.clone(),
        };
        let accepted = self.records.accept(&found.scope, &pending, &collection_of(kind), now).await;
        self.answer(&found.scope, id, accepted.map_err(accept_refusal)?).await
    }

    /// What the caller is told of a change that is written down, now or before.
    async fn answer(
        &self,
        scope: &MailboxScope,
        id: &str,
        stored: Stored,
    ) -> Result<Accepted, Refusal> {
        // It is written down, and the mark with it: the minute schedule makes up for a message
        // that could not be sent.
        if let Err(error) = self.intake().send_if_needed(scope, &stored.marks).await {
            tracing::warn!(error = %error, "a message is left to the minute schedule: {error}");
        }
        let ignored = serde_json::from_slice(&stored.answer).map_err(|_| Refusal::Internal)?;
        Ok(Accepted { number: stored.number, id: id.to_owned(), ignored })
    }
}

/// What is written down of a change.
fn to_stored(change: &ItemChangeRequest) -> Result<(PendingOperation, Vec<u8>), Refusal> {
    let bytes = |value: &Value| serde_json::to_vec(value).map_err(|_| Refusal::Internal);
    Ok(match change {
        ItemChangeRequest::Put(value) => (PendingOperation::Put, bytes(value)?),
        ItemChangeRequest::Patch(value) => (PendingOperation::Patch, bytes(value)?),
        ItemChangeRequest::Delete => (PendingOperation::Delete, Vec::new()),
    })
}

/// What a key stands for: the request as it was sent. The item by the id that the caller used, not by
/// ours, since two items that wait can be joined to one.
fn claim(
    key: String,
    kind: Kind,
    id: &str,
    operation: PendingOperation,
    if_match: Option<ItemVersion>,
    body: &[u8],
) -> IdempotencyKey {
    let operation: &[u8] = match operation {
        PendingOperation::Put => b"put",
        PendingOperation::Patch => b"patch",
        PendingOperation::Delete => b"delete",
    };
    let version = if_match.map(|version| version.to_string()).unwrap_or_default();
    let parts = [kind.as_str().as_bytes(), id.as_bytes(), operation, version.as_bytes(), body];
    IdempotencyKey::new(key, &parts)
}

/// The revision that `If-Match` demands, if the item stands in it. While changes of the item wait,
/// nobody can say in which version it will stand when this one is carried out.
fn hold_against(
    wanted: ItemVersion,
    known: &Known,
    waiting: &[PendingRow],
) -> Result<u64, Refusal> {
    if !waiting.is_empty() {
        return Err(Refusal::ChangesWait);
    }
    match (wanted, known) {
        (ItemVersion::Settled(wanted), Known::Shown { revision, .. }) if wanted == *revision => {
            Ok(wanted)
        }
        _ => Err(Refusal::PreconditionFailed),
    }
}

/// Says at once what can be said of a change. What depends on changes that still wait is said when
/// they are carried out. Answers the members that are not carried.
fn check(
    known: &Known,
    kind: Kind,
    waiting: &[PendingRow],
    change: &ItemChangeRequest,
) -> Result<Vec<String>, Refusal> {
    let what = kind.as_str();
    let missing = match known {
        Known::Nothing => Some(Refusal::NotFound { what }),
        Known::Deleted { in_exchange } => {
            Some(Refusal::Deleted { what, in_exchange: *in_exchange })
        }
        Known::Shown { .. } | Known::Private => None,
    };
    let missing = missing.filter(|_| waiting.is_empty());
    let (value, mode) = match change {
        ItemChangeRequest::Put(value) => (value, ReadMode::Put),
        ItemChangeRequest::Patch(value) => (value, ReadMode::Patch),
        ItemChangeRequest::Delete => return missing.map_or(Ok(Vec::new()), Err),
    };
    check_patch(value, mode).map_err(Refusal::Invalid)?;
    if let (ReadMode::Patch, Some(missing)) = (mode, missing) {
        return Err(missing);
    }
    if !waiting.is_empty() {
        return Ok(Vec::new());
    }
    let reading = match (known, mode) {
        (Known::Shown { base, .. }, ReadMode::Put) => read_event_patch(value, Some(&base.business)),
        (Known::Shown { base, .. }, ReadMode::Patch) => read_merge_patch(value, &base.business),
        // A private item: what it is read against is known only when it is carried out.
        (Known::Private, _) => return Ok(Vec::new()),
        (Known::Nothing | Known::Deleted { .. }, _) => read_event_patch(value, None),
    };
    Ok(reading.map_err(Refusal::Invalid)?.ignored)
}

fn accept_refusal(error: AcceptError) -> Refusal {
    match error {
        AcceptError::IdempotencyMismatch => Refusal::IdempotencyMismatch,
        AcceptError::Store(error) => error.into(),
    }
}

//! What the business system is told about a decision.

use jiff::Timestamp;
use tidemark_business::{CloudEvent, ItemChange, Origin, Verb};
use tidemark_engine::{Base, Decision, Loser, LoserValue, News, Reason, Side, Verdict};
use tidemark_jscalendar::{WriteOptions, write_event};
use tidemark_model::{CopyRole, Kind, OrganisationId};
use uuid::Uuid;

/// Whose news it is.
pub(crate) struct Subject<'a> {
    /// The organisation.
    pub(crate) organisation: &'a OrganisationId,
    /// Primary address of the mailbox.
    pub(crate) mailbox_address: &'a str,
    /// Id of the mailbox.
    pub(crate) mailbox_id: String,
    /// The id that the business system knows the item by.
    pub(crate) id: String,
    /// Whose copy of a meeting it is, where that is known.
    pub(crate) role: Option<CopyRole>,
}

/// One event about an item. `shown` is the common state that may be shown now.
pub(crate) fn event(
    subject: &Subject<'_>,
    verb: Verb,
    origin: Origin,
    reason: String,
    shown: Option<&Base>,
    id: Uuid,
    now: Timestamp,
) -> CloudEvent {
    let options = WriteOptions { copy_role: subject.role, ..WriteOptions::default() };
    let change = ItemChange {
        mailbox_address: subject.mailbox_address.to_owned(),
        mailbox_id: subject.mailbox_id.clone(),
        id: subject.id.clone(),
        kind: Kind::Appointment,
        verb,
        origin,
        item: shown.map(|base| write_event(&base.business, &options)),
        reason,
    };
    CloudEvent::of_item(subject.organisation, id, now, &change)
}

/// The events of a decision, in the order in which they are told: what became of the business
/// system's own changes, then what Exchange changed. `shown` is the common state that is remembered
/// now; none where nothing may be shown.
pub(crate) fn events(
    subject: &Subject<'_>,
    decision: &Decision,
    shown: Option<&Base>,
    now: Timestamp,
    mut new_id: impl FnMut() -> Uuid,
) -> Vec<CloudEvent> {
    let reason = sentence(&decision.reasons);
    let mut told = Vec::new();
    for outcome in &decision.outcomes {
        let (verb, reason) = match &outcome.verdict {
            Verdict::Applied => (Verb::Applied, reason.clone()),
            Verdict::Conflict { losers } => (Verb::Conflict, conflict_sentence(&reason, losers)),
            Verdict::Held => (Verb::Held, reason.clone()),
            Verdict::Refused { text, .. } => (Verb::Refused, (*text).to_owned()),
        };
        told.push(event(subject, verb, Origin::Business, reason, shown, new_id(), now));
    }
    // What only Exchange writes (the organiser, a join address) shows in the outcome's item already.
    let shown_already = !told.is_empty();
    let news = match &decision.business {
        Some(News::Updated { properties }) if properties.is_empty() && shown_already => None,
        Some(News::Created) => Some((Verb::Created, shown)),
        Some(News::Updated { .. }) => Some((Verb::Updated, shown)),
        Some(News::Deleted) => Some((Verb::Deleted, None)),
        None => None,
    };
    if let Some((verb, shown)) = news {
        told.push(event(subject, verb, Origin::Exchange, reason, shown, new_id(), now));
    }
    told
}

/// The reasons in words.
pub(crate) fn sentence(reasons: &[Reason]) -> String {
    let sentences: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    sentences.join(" ")
}

fn conflict_sentence(reason: &str, losers: &[Loser]) -> String {
    let lost: Vec<String> = losers
        .iter()
        .map(|loser| {
            let what = match &loser.value {
                LoserValue::Property(value) => value.property().name(),
                LoserValue::Delete => "the delete",
            };
            let side = match loser.side {
                Side::Exchange => "Exchange",
                Side::Business => "the business system",
            };
            format!("{side} lost {what}")
        })
        .collect();
    if lost.is_empty() { reason.to_owned() } else { format!("{reason} ({})", lost.join(", ")) }
}

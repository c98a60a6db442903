//! Writing: items, and the occurrences of series one after the other.

use tidemark_ews::{EwsError, ItemAddress};
use tidemark_model::{Event, MailMode, Participation, RecurrenceId};

use super::EwsMailbox;
use super::fault::{self, Effect};
use super::series::{OverridePlan, occurrence, plan_all, plan_overrides, same_times};
use super::session::Affinity;
use super::wire;
use crate::error::{Disposition, MailboxError};
use crate::port::{Permit, RemoteEvent, RemoteRef, Stamp};

/// Occurrences deleted by one request.
const DELETES_MAX: usize = 10;

/// What every write of one call has in common.
#[derive(Clone, Copy)]
struct Terms<'a> {
    mail: MailMode,
    permit: &'a dyn Permit,
}

impl EwsMailbox {
    pub(super) async fn push_create(
        &self,
        event: &Event,
        stamp: &Stamp,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        let terms = Terms { mail, permit };
        let plan = plan_all(event, false);
        // An override without an occurrence is found before anything is made.
        check_occurrences(event, Existing::none(), &plan)?;
        let envelope = wire::build_create(&self.session.endpoint, event, stamp, mail)?;
        let made = self.push_one(envelope, Effect::Once, terms, wire::read_created).await?;
        if !plan.touches_occurrences() {
            return Ok(made);
        }
        let mut plain = event.clone();
        plain.overrides.clear();
        self.push_overrides(made, &plain, event, Existing::none(), &plan, terms)
            .await
            .map_err(|error| fault::half_written(&error))
    }

    pub(super) async fn push_update(
        &self,
        current: &RemoteEvent,
        target: &Event,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        let terms = Terms { mail, permit };
        let plan = plan_overrides(&current.event, target);
        let existing = Existing { of: Some(current) };
        check_occurrences(target, existing, &plan)?;
        let mut known = current.event.clone();
        if plan.rewrite_rule {
            // Not to know of the rule is what makes it differ, and so be written.
            known.recurrence = None;
        }
        let rule_written = !same_times(&known, target);
        let changes =
            wire::build_update(&self.session.endpoint, &current.reference, &known, target, mail)?;
        let written = match changes {
            Some(envelope) => {
                // A rule that may have been written may have dropped exceptions.
                let effect = if rule_written && plan.touches_occurrences() {
                    Effect::Once
                } else {
                    Effect::Write
                };
                self.push_one(envelope, effect, terms, wire::read_updated).await?
            }
            None => current.reference.clone(),
        };
        if !plan.touches_occurrences() {
            return Ok(written);
        }
        let mut before = target.clone();
        let existing = if rule_written {
            before.overrides.clear();
            Existing::none()
        } else {
            before.overrides.clone_from(&current.event.overrides);
            existing
        };
        let pushed = self.push_overrides(written, &before, target, existing, &plan, terms).await;
        pushed.map_err(|error| if rule_written { fault::half_written(&error) } else { error })
    }

    /// Takes out and changes occurrences of a series that is in the state `before`.
    async fn push_overrides(
        &self,
        series: RemoteRef,
        before: &Event,
        target: &Event,
        existing: Existing<'_>,
        plan: &OverridePlan,
        terms: Terms<'_>,
    ) -> Result<RemoteRef, MailboxError> {
        let mut series = series;
        if !plan.exclude.is_empty() && self.fetch_reference(&series.id).await? != series {
            // DeleteItem ignores the ChangeKey, that inside OccurrenceItemId too (exchange-ews.md 6),
            // so an edit of the last moment is looked for here. Later deletes follow at once.
            return Err(fault::stale());
        }
        for ids in plan.exclude.chunks(DELETES_MAX) {
            let addresses = addresses(ids, &series, target, existing)?;
            let results = self.push_deletes(addresses, terms).await?;
            for result in results {
                match result {
                    Err(error) if error.code == ALREADY_DELETED => {}
                    result => result?,
                }
            }
        }
        if !plan.exclude.is_empty() {
            // The answer to a delete names no version, and the series has a new one now.
            series = self.fetch_reference(&series.id).await?;
        }
        let mut changed = false;
        for id in &plan.change {
            let address = address(*id, &series, target, existing)?;
            let (from, to) = (occurrence(before, *id), occurrence(target, *id));
            let envelope = wire::build_update_occurrence(
                &self.session.endpoint,
                address,
                &from,
                &to,
                terms.mail,
            )?;
            let Some(envelope) = envelope else { continue };
            let written = self.push_one(envelope, Effect::Write, terms, wire::read_updated).await?;
            // Series and occurrences share one ChangeKey (exchange-ews.md 6).
            series.change_key = written.change_key;
            changed = true;
        }
        if changed {
            series = self.fetch_reference(&series.id).await?;
        }
        Ok(series)
    }

    pub(super) async fn push_delete(
        &self,
        target: &RemoteRef,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<(), MailboxError> {
        // DeleteItem ignores the ChangeKey, so an edit of the last moment is looked for here.
        if self.fetch_reference(&target.id).await? != *target {
            return Err(fault::stale());
        }
        let items = vec![wire::address_of(target)];
        let terms = Terms { mail, permit };
        self.push_deletes(items, terms).await?.into_iter().collect()
    }

    pub(super) async fn push_answer(
        &self,
        target: &RemoteRef,
        answer: Participation,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        let envelope = wire::build_response(&self.session.endpoint, target, answer, mail)
            .ok_or_else(fault::no_answer)?;
        let terms = Terms { mail, permit };
        self.push_one(envelope, Effect::Once, terms, wire::read_response).await?;
        match self.fetch_reference(&target.id).await {
            // A declined meeting leaves the calendar.
            Err(error) if error.disposition == Disposition::Gone => Ok(target.clone()),
            answered => answered,
        }
    }

    /// Deletes items; what became of each, in their order.
    async fn push_deletes(
        &self,
        items: Vec<ItemAddress>,
        terms: Terms<'_>,
    ) -> Result<Vec<Result<(), MailboxError>>, MailboxError> {
        terms.permit.may_write().map_err(|_| fault::out_of_time())?;
        let effect = Effect::Write;
        let expected = items.len();
        let envelope = wire::build_delete(&self.session.endpoint, items, terms.mail);
        let results = self.session.call(envelope, effect, Affinity::Any, wire::read_delete).await?;
        if results.len() != expected {
            return Err(fault::unreadable(effect, &"not one answer per item"));
        }
        let of_one = |error| self.session.remember(fault::code::of_ews(&error, effect));
        Ok(results.into_iter().map(|result| result.map_err(of_one)).collect())
    }

    /// Sends one request that writes one thing, if the lease outlives it.
    async fn push_one<T>(
        &self,
        envelope: Vec<u8>,
        effect: Effect,
        terms: Terms<'_>,
        read: impl FnOnce(&[u8]) -> Result<T, EwsError> + Send,
    ) -> Result<T, MailboxError> {
        terms.permit.may_write().map_err(|_| fault::out_of_time())?;
        self.session.call(envelope, effect, Affinity::Any, read).await
    }
}

/// Code of an occurrence that is not there any more: what was wanted.
const ALREADY_DELETED: &str = "ErrorCalendarOccurrenceIsDeletedFromRecurrence";

/// The exceptions that stand on the server, by their own ids.
#[derive(Clone, Copy)]
struct Existing<'a> {
    of: Option<&'a RemoteEvent>,
}

impl Existing<'_> {
    const fn none() -> Self {
        Self { of: None }
    }
}

fn addresses(
    ids: &[RecurrenceId],
    series: &RemoteRef,
    target: &Event,
    existing: Existing<'_>,
) -> Result<Vec<ItemAddress>, MailboxError> {
    ids.iter().map(|id| address(*id, series, target, existing)).collect()
}

/// An exception by its own id, any other occurrence by its number in the series.
fn address(
    id: RecurrenceId,
    series: &RemoteRef,
    target: &Event,
    existing: Existing<'_>,
) -> Result<ItemAddress, MailboxError> {
    let exception = existing.of.and_then(|event| event.exceptions.get(&id));
    if let Some(exception) = exception {
        return Ok(wire::address_of(&RemoteRef {
            id: exception.id.clone(),
            change_key: series.change_key.clone(),
        }));
    }
    let index = index_of(target, id).ok_or_else(fault::no_such_occurrence)?;
    Ok(wire::address_in(series, index))
}

fn check_occurrences(
    target: &Event,
    existing: Existing<'_>,
    plan: &OverridePlan,
) -> Result<(), MailboxError> {
    let stands = |id| existing.of.is_some_and(|event| event.exceptions.contains_key(id));
    let mut all = plan.exclude.iter().chain(&plan.change);
    if all.all(|id| stands(id) || index_of(target, *id).is_some()) {
        Ok(())
    } else {
        Err(fault::no_such_occurrence())
    }
}

/// The number of an occurrence, from 1, deleted ones counted.
fn index_of(series: &Event, id: RecurrenceId) -> Option<u32> {
    let rule = series.recurrence.as_ref()?;
    rule.index_of(series.schedule.start(), id)
}

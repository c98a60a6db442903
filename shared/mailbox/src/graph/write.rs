//! Writing: events, and the occurrences of series one after the other.

use tidemark_graph::calendar::{
    EventItem, Mailed, OccurrenceAction, OccurrenceWrite, mailed_by_create, mailed_by_delete,
    mailed_by_update, plan_create, plan_update, stamp,
};
use tidemark_graph::events::{
    Answer, build_answer, build_create, build_delete, build_instances, build_update,
};
use tidemark_graph::{EventId, GraphRequest, Next, read_raw};
use tidemark_model::{Event, MailMode, Participation};

use super::GraphMailbox;
use super::fault::{self, Effect};
use super::read::reference_in;
use crate::error::{Disposition, MailboxError};
use crate::port::{ChangeKey, Permit, RemoteEvent, RemoteId, RemoteRef, Stamp};

/// Instances of a series that are asked for at once; in the days around one occurrence there are few.
const INSTANCES_MAX: usize = 50;

/// Most pages of instances that are followed.
const INSTANCE_PAGES_MAX: usize = 20;

/// A series while its occurrences are being written.
#[derive(Clone, Copy)]
struct Series<'a> {
    id: &'a EventId,
    /// What it shall be; its rule is the one on the server by now.
    target: &'a Event,
    /// What it was, where the exceptions of then still stand.
    existing: Option<&'a RemoteEvent>,
}

impl GraphMailbox {
    pub(super) async fn push_create(
        &self,
        event: &Event,
        stamp: &Stamp,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        let end = &self.session.endpoint;
        let intent = stamp.intent.hyphenated().to_string();
        let text = stamp::format(&stamp.link.to_string(), &intent, stamp.epoch);
        let plan = plan_create(event, Some(&text), Some(&intent), end.write_context());
        let plan = plan.map_err(|error| fault::unfit(&error))?;
        self.check_mail(&mailed_by_create(event), mail)?;
        let request = build_create(&end.user, &plan.event);
        let made = self.session.write(&request, Effect::Once, permit).await?;
        let made = reference_in(&made, Effect::Once)?;
        if plan.occurrences.is_empty() {
            return Ok(made);
        }
        let id = event_id(&made.id)?;
        let series = Series { id: &id, target: event, existing: None };
        self.push_occurrences(series, &plan.occurrences, permit)
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
        let end = &self.session.endpoint;
        let plan = plan_update(&current.event, target, end.write_context());
        let plan = plan.map_err(|error| fault::unfit(&error))?;
        if plan.is_empty() {
            return Ok(current.reference.clone());
        }
        self.check_mail(&mailed_by_update(&current.event, target, current.role, &plan), mail)?;
        let id = event_id(&current.reference.id)?;
        // That a PATCH honours If-Match stands on no page, so an edit is looked for as well.
        self.check_version(&id, &current.reference).await?;
        self.check_exceptions(current, &plan.occurrences).await?;
        let mut written = current.reference.clone();
        if !plan.event.is_empty() {
            let key = current.reference.change_key.as_str();
            let request = build_update(&end.user, &id, key, &plan.event);
            // A rule that may have been written may have dropped exceptions.
            let resets = plan.resets_occurrences && !plan.occurrences.is_empty();
            let effect = if resets { Effect::Once } else { Effect::Write };
            let body = self.session.write(&request, effect, permit).await?;
            written = reference_in(&body, effect)?;
        }
        if plan.occurrences.is_empty() {
            return Ok(written);
        }
        let existing = (!plan.resets_occurrences).then_some(current);
        let series = Series { id: &id, target, existing };
        let pushed = self.push_occurrences(series, &plan.occurrences, permit).await;
        pushed.map_err(
            |error| {
                if plan.resets_occurrences { fault::half_written(&error) } else { error }
            },
        )
    }

    /// Takes out and changes occurrences, and reads what version the series has then.
    async fn push_occurrences(
        &self,
        series: Series<'_>,
        writes: &[OccurrenceWrite],
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        for write in writes {
            self.push_occurrence(series, write, permit).await?;
        }
        self.fetch_reference(series.id).await
    }

    async fn push_occurrence(
        &self,
        series: Series<'_>,
        write: &OccurrenceWrite,
        permit: &dyn Permit,
    ) -> Result<(), MailboxError> {
        let user = &self.session.endpoint.user;
        let found = self.find_instance(series, write).await?;
        match (&write.action, found) {
            (OccurrenceAction::Cancel, None) => Ok(()),
            (OccurrenceAction::Change(_), None) => Err(fault::occurrence_gone()),
            (OccurrenceAction::Cancel, Some(found)) => {
                match self.push_one_delete(&found, permit).await {
                    // Somebody else took it out meanwhile: what was wanted.
                    Err(error) if error.disposition == Disposition::Gone => Ok(()),
                    sent => sent,
                }
            }
            (OccurrenceAction::Change(changes), Some(found)) => {
                let key = found.change_key.as_str();
                let request = build_update(user, &event_id(&found.id)?, key, changes);
                self.session.write(&request, Effect::Write, permit).await.map(drop)
            }
        }
    }

    /// The instance that an occurrence is on the server, in its current version: an exception by its
    /// own id, any other among the instances around its start. None if it is not there.
    async fn find_instance(
        &self,
        series: Series<'_>,
        write: &OccurrenceWrite,
    ) -> Result<Option<RemoteRef>, MailboxError> {
        let known = series.existing.and_then(|event| event.exceptions.get(&write.id));
        if let Some(known) = known {
            // Both were compared before; its version may have moved with that of its series since.
            return match self.fetch_reference(&event_id(&known.id)?).await {
                Ok(found) => Ok(Some(found)),
                Err(error) if error.disposition == Disposition::Gone => Ok(None),
                Err(error) => Err(error),
            };
        }
        let end = &self.session.endpoint;
        let context = end.read_context();
        let (from, until) = (write.from, write.until);
        let mut request = build_instances(&end.user, series.id, from, until, INSTANCES_MAX);
        for _ in 0..INSTANCE_PAGES_MAX {
            let body = self.session.read(&request).await?;
            let (entries, next) = read_raw(&body, &end.root)
                .map_err(|what| fault::of_unreadable(what, Effect::Read))?;
            for entry in entries {
                let Ok(item) = EventItem::read_raw(entry) else { continue };
                if item.occurrence_of(series.target, &context) == Some(write.id) {
                    let reference = item.reference();
                    let key = reference.change_key.unwrap_or_default();
                    let id = RemoteId::new(reference.id);
                    return Ok(Some(RemoteRef { id, change_key: ChangeKey::new(key) }));
                }
            }
            match next {
                Next::More(link) => request = GraphRequest::follow(&link),
                Next::Delta(_) | Next::End => return Ok(None),
            }
        }
        Ok(None)
    }

    pub(super) async fn push_delete(
        &self,
        target: &RemoteRef,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<(), MailboxError> {
        let id = event_id(&target.id)?;
        match mail {
            MailMode::All | MailMode::Changed => self.check_version(&id, target).await?,
            MailMode::Silent => self.check_silent_delete(target).await?,
        }
        self.push_one_delete(target, permit).await
    }

    async fn push_one_delete(
        &self,
        target: &RemoteRef,
        permit: &dyn Permit,
    ) -> Result<(), MailboxError> {
        let id = event_id(&target.id)?;
        let user = &self.session.endpoint.user;
        let request = build_delete(user, &id, target.change_key.as_str());
        match self.session.write(&request, Effect::Write, permit).await {
            // With immutable ids this may mean that it is gone (msgraph-sdk-dotnet#3047, 2025-12).
            Err(error) if error.code.eq_ignore_ascii_case("ErrorCannotDeleteObject") => {
                self.fetch_reference(&id).await?;
                Err(error)
            }
            sent => sent.map(drop),
        }
    }

    /// Reads an item whole, since only it says whether its deletion would be told to people.
    async fn check_silent_delete(&self, target: &RemoteRef) -> Result<(), MailboxError> {
        let read = self.fetch_items(core::slice::from_ref(&target.id)).await?;
        let found = read.into_iter().next().unwrap_or_else(|| Err(fault::unreadable(Effect::Read)));
        let found = found?;
        if found.reference != *target {
            return Err(fault::stale());
        }
        self.check_mail(&mailed_by_delete(&found.event, found.role), MailMode::Silent)
    }

    pub(super) async fn push_answer(
        &self,
        target: &RemoteRef,
        answer: Participation,
        mail: MailMode,
        permit: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        let answer = match answer {
            Participation::Accepted => Answer::Accept,
            Participation::Tentative => Answer::Tentative,
            Participation::Declined => Answer::Decline,
            Participation::NeedsAction => return Err(fault::no_answer()),
        };
        let id = event_id(&target.id)?;
        self.check_version(&id, target).await?;
        let user = &self.session.endpoint.user;
        let request = build_answer(user, &id, answer, mail != MailMode::Silent);
        self.session.write(&request, Effect::Once, permit).await?;
        match self.fetch_reference(&id).await {
            // A declined meeting leaves the calendar.
            Err(error) if error.disposition == Disposition::Gone => Ok(target.clone()),
            answered => answered,
        }
    }

    /// Refuses a write over a version that is no longer the current one.
    async fn check_version(&self, id: &EventId, known: &RemoteRef) -> Result<(), MailboxError> {
        let found = self.fetch_reference(id).await?;
        if found == *known { Ok(()) } else { Err(fault::stale()) }
    }

    /// Refuses to change exceptions that somebody changed meanwhile: whether the version of a series
    /// moves with those of its exceptions stands on no page.
    async fn check_exceptions(
        &self,
        current: &RemoteEvent,
        writes: &[OccurrenceWrite],
    ) -> Result<(), MailboxError> {
        for known in writes.iter().filter_map(|write| current.exceptions.get(&write.id)) {
            match self.check_version(&event_id(&known.id)?, known).await {
                Err(error) if error.disposition == Disposition::Gone => return Err(fault::stale()),
                checked => checked?,
            }
        }
        Ok(())
    }

    /// Refuses a silent write that Graph would send mail for.
    fn check_mail(&self, mailed: &Mailed, mail: MailMode) -> Result<(), MailboxError> {
        let own = &self.session.endpoint.addresses;
        let others = mailed.addresses.iter().filter(|address| !own.contains(address)).count();
        match mail {
            MailMode::Silent if others > 0 => Err(fault::would_mail(others)),
            MailMode::Silent | MailMode::All | MailMode::Changed => Ok(()),
        }
    }
}

/// The id of an item for a request; one that no item can have is that of none.
fn event_id(id: &RemoteId) -> Result<EventId, MailboxError> {
    EventId::new(id.as_str()).ok_or_else(fault::no_such_item)
}

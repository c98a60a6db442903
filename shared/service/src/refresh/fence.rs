//! The proof of the fence, renewed once a day: rights are given and taken in Entra and Exchange without
//! a word to us, so that a proof says little about the day after it.
//!
//! It is the preflight's own attempt: mailboxes of the connection have to open, and calendar, contacts
//! and mail of the mailbox outside must not. What was found open stands among the errors of the
//! connection; that it was, and that a proof could not be renewed, stands in the activity besides.
//! Nothing is stopped by an attempt that says nothing, and the proof of the day before goes on.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tidemark_model::OrganisationId;
use tidemark_store::StoreError;
use tidemark_store::records::{
    ActivityRow, ConnectionRow, Document, FenceFinding, MailboxRow, MailboxState, SaveError,
    SettingsChange,
};
use uuid::Uuid;

use super::Refresher;
use crate::ports::{Exchange, Probe};
use crate::preflight::Course;
use crate::preflight::fence::{Standing, standing, view};

/// How often it is tried.
const EVERY: SignedDuration = SignedDuration::from_hours(24);
/// How long an attempt may take.
const BUDGET: SignedDuration = SignedDuration::from_secs(20);
/// Mailboxes that are opened to show that the application is let in at all.
const SAMPLE: usize = 2;
/// Mailboxes that are read at a time, and pages that are read, to find them.
const PAGE_MAILBOXES: usize = 100;
const PAGES_MAX: usize = 20;
/// Who stands in the activity.
const BY: &str = "token-refresh";

/// What an attempt came to: a finding, or why there is none.
type Attempt = Result<FenceFinding, String>;

impl Refresher {
    /// Tries the fence of a connection if a day is over since it was tried, and keeps what was found.
    /// Gives the row as it is then.
    pub(super) async fn keep_fence(
        &self,
        organisation: &OrganisationId,
        row: Document<ConnectionRow>,
    ) -> Result<Document<ConnectionRow>, StoreError> {
        let Some(exchange) = &self.exchange else { return Ok(row) };
        let Some(probe) = exchange.probe() else { return Ok(row) };
        let now = self.world.now();
        let Some(outside) = row.value.fence.outside.clone().filter(|_| is_due(&row.value, now))
        else {
            return Ok(row);
        };
        let attempt = self.try_fence(organisation, &row.value, &**exchange, probe, outside).await?;
        self.keep_attempt(organisation, row, attempt, now).await
    }

    async fn try_fence(
        &self,
        organisation: &OrganisationId,
        row: &ConnectionRow,
        exchange: &dyn Exchange,
        probe: &dyn Probe,
        outside: String,
    ) -> Result<Attempt, StoreError> {
        if self.records.mailbox_of_address(organisation, &outside).await?.is_some() {
            return Ok(Err("fence-outside-chosen".to_owned()));
        }
        let inside = self.some_of(organisation, row).await?;
        let Some(first) = inside.first() else { return Ok(Err("no-mailbox".to_owned())) };
        let outside = MailboxRow {
            id: tidemark_model::MailboxId::new(Uuid::new_v5(&row.id.uuid(), outside.as_bytes())),
            address: outside,
            aliases: std::collections::BTreeSet::new(),
            state: MailboxState::New,
            ..first.clone()
        };
        let token = match probe.token(row).await {
            Ok(facts) => facts.token,
            Err(error) => return Ok(Err(error.code)),
        };
        let course = Course {
            probe,
            exchange,
            world: &self.world,
            organisation,
            connection: row,
            deadline: self.world.now().saturating_add(BUDGET).unwrap_or(Timestamp::MAX),
        };
        let looked = course.look_at(&inside, Some(&token)).await;
        let (step, finding) = course.try_fence(Some(&outside), &looked, Some(&token)).await;
        let why = step.code.unwrap_or_else(|| "no-mailbox-opened".to_owned());
        Ok(finding.ok_or(why))
    }

    /// Some mailboxes of the connection.
    pub(super) async fn some_of(
        &self,
        organisation: &OrganisationId,
        row: &ConnectionRow,
    ) -> Result<Vec<MailboxRow>, StoreError> {
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = self.records.mailboxes(organisation, after, PAGE_MAILBOXES).await?;
            let rows = page.mailboxes.into_iter().map(|mailbox| mailbox.value);
            found.extend(rows.filter(|it| it.connection == row.id && it.enabled));
            after = page.next;
            if found.len() >= SAMPLE || after.is_none() {
                break;
            }
        }
        found.truncate(SAMPLE);
        Ok(found)
    }

    async fn keep_attempt(
        &self,
        organisation: &OrganisationId,
        row: Document<ConnectionRow>,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<Document<ConnectionRow>, StoreError> {
        let mut changed = row.value.clone();
        changed.fence.tried_at = Some(now);
        let why = match attempt {
            Ok(finding) => {
                changed.fence.finding = Some(finding);
                None
            }
            Err(why) => Some(why),
        };
        let revision = Some(row.revision);
        let saved = if let Some(note) = note(&row.value, &changed, why.as_deref(), now) {
            let change = SettingsChange::Connection(&changed, revision);
            self.records.change_settings(organisation, change, &note).await
        } else {
            self.records.save_connection(organisation, &changed, revision).await.map(|_| ())
        };
        match saved {
            // Whoever saved it in between is followed by the next pass.
            Ok(()) | Err(SaveError::RevisionMoved) => {
                let found = self.records.connection(organisation, row.value.id).await?;
                Ok(found.unwrap_or(row))
            }
            Err(SaveError::Store(error)) => Err(error),
        }
    }
}

fn is_due(row: &ConnectionRow, now: Timestamp) -> bool {
    let seen = match standing(row) {
        Standing::Proved(finding) | Standing::Open(finding) => Some(finding.at),
        Standing::NotNeeded | Standing::Waived(_) | Standing::Unproved => None,
    };
    let last = row.fence.tried_at.max(seen);
    last.is_none_or(|at| now.duration_since(at) >= EVERY)
}

/// What the activity says of an attempt; nothing where all is as it was.
fn note(
    before: &ConnectionRow,
    after: &ConnectionRow,
    why: Option<&str>,
    at: Timestamp,
) -> Option<ActivityRow> {
    let id = before.id;
    let action = match (standing(before), standing(after), why) {
        (Standing::Proved(_), _, Some(why)) => {
            tracing::warn!(connection.id = %id, why, "the proof of the fence was not renewed");
            "fence-not-renewed"
        }
        (Standing::Open(_), Standing::Open(_), None)
        | (Standing::Proved(_), Standing::Proved(_), None)
        | (_, Standing::NotNeeded | Standing::Waived(_) | Standing::Unproved, None)
        | (_, _, Some(_)) => return None,
        (_, Standing::Open(_), None) => {
            tracing::error!(connection.id = %id, "the mailbox outside of the scope opened");
            "fence-found-open"
        }
        (_, Standing::Proved(_), None) => "fence-proved",
    };
    let shown = |row: &ConnectionRow| {
        let fence = view(row);
        json!({ "fence": { "state": fence.state, "tried": fence.tried } })
    };
    let mut told = shown(after);
    if let (Some(why), Some(fence)) = (why, told.pointer_mut("/fence")) {
        fence["why"] = why.into();
    }
    Some(ActivityRow {
        at,
        by: BY.to_owned(),
        action: action.to_owned(),
        subject: format!("connection/{id}"),
        before: Some(shown(before)),
        after: Some(told),
    })
}

//! The first copy: today and the days after it before the history, and how far it has come (A6).

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use tidemark_mailbox::{Disposition, FirstLook, MailboxError, Scope};
use tidemark_store::StoreError;
use tidemark_store::records::{FirstSyncPhase, MailboxState};

use super::pages::PAGE_ITEMS;
use super::run::Run;
use super::stop::Stop;

/// Days after today that are copied before everything else (DESIGN.md 4).
const COMING_DAYS: i64 = 14;

/// Most pages of coming days: the cursor keeps their ids until the changes have brought them. More
/// than 500 appointments in 15 days come with the changes.
const COMING_PAGES_MAX: usize = 5;

impl Run<'_> {
    fn is_first_copy(&self) -> bool {
        self.row.value.state != MailboxState::Synced
    }

    /// Copies what takes place today and in the days after it. The changes from the beginning, which
    /// come next, meet these items again in the version that was copied, and tell nothing of them.
    pub(super) async fn copy_coming_days(&mut self) -> Result<(), Stop> {
        if !self.is_first_copy() {
            return Ok(());
        }
        let (start, end) = self.coming_days();
        let now = self.now();
        let look = match self.mailbox.first_look(start, end).await {
            Ok(look) => look,
            // Only the order suffers: everything comes with the changes as well.
            Err(error) if is_no_obstacle(&error) => {
                tracing::warn!(
                    mailbox.id = %self.scope.mailbox, code = %error.code,
                    "the coming days cannot be listed: {}", error.code
                );
                FirstLook::default()
            }
            Err(error) => return Err(Stop::of_mailbox(error, now)),
        };
        let before = self.report.items;
        self.show_copied(FirstSyncPhase::ComingDays, before, look.total).await?;
        for soon in look.soon.chunks(PAGE_ITEMS).take(COMING_PAGES_MAX) {
            self.check_time()?;
            let before = self.report.items;
            let read = Box::pin(self.read_touched(soon.to_vec(), false)).await;
            self.show_copied(FirstSyncPhase::ComingDays, before, None).await?;
            self.commit(read?).await?;
            // The changes from the beginning never mention what is deleted before they are asked
            // for: what they do not bring is asked for by its id.
            for reference in soon {
                self.created.entry(reference.id.as_str().to_owned()).or_default();
            }
        }
        Ok(())
    }

    /// From the beginning of today, as the mailbox's owner has it.
    fn coming_days(&self) -> (Timestamp, Timestamp) {
        let zone = &self.facts.zone;
        let now = self.now();
        let today = zone.to_civil(now).date();
        let end = today.saturating_add((COMING_DAYS + 1).days());
        let at = |day: jiff::civil::Date| zone.to_instant(day.at(0, 0, 0, 0));
        let start = at(today);
        // A zone whose days cannot be told apart still has a window.
        (start, at(end).max(start.saturating_add(SignedDuration::from_hours(24)).unwrap_or(start)))
    }

    /// Shows how far the first copy has come: `before` is how many items this run had dealt with
    /// when the piece began that is done now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn show_copied(
        &self,
        phase: FirstSyncPhase,
        before: u64,
        total: Option<u64>,
    ) -> Result<(), StoreError> {
        if !self.is_first_copy() {
            return Ok(());
        }
        let copied = self.report.items.saturating_sub(before);
        let shown = self.service.records.change_mailbox(&self.scope, |row| {
            row.state = MailboxState::FirstSync;
            let progress = &mut row.first_sync;
            progress.phase = phase;
            progress.done = progress.done.saturating_add(copied);
            progress.total = total.or(progress.total);
        });
        shown.await?;
        Ok(())
    }
}

/// Whether the first copy can do without the list of the coming days.
fn is_no_obstacle(error: &MailboxError) -> bool {
    let refused = match error.disposition {
        Disposition::Reject | Disposition::Gone | Disposition::Quarantine => true,
        Disposition::RetryAfter(_)
        | Disposition::Unclear
        | Disposition::Authorize
        | Disposition::Resync
        | Disposition::Conflict
        | Disposition::OutOfTime => false,
    };
    refused && error.scope == Scope::Item
}

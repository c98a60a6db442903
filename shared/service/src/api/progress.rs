//! How far a mailbox has come and how far it lags behind, in numbers and in words (A6, A12).

use jiff::{SignedDuration, Timestamp};
use tidemark_store::StoreError;
use tidemark_store::records::{
    Backlog, FirstSyncPhase, MailboxRow, MailboxScope, MailboxState, Marks,
};

use crate::border::{FirstCopyView, LagView};
use crate::service::Service;

/// Waiting changes that are counted; of more it is only said that there are more.
const COUNTED_MAX: usize = 500;

impl Service {
    /// How far a mailbox has come and how far it lags behind, for pages that show all of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn progress_of(
        &self,
        scope: &MailboxScope,
        row: &MailboxRow,
    ) -> Result<(FirstCopyView, LagView), StoreError> {
        let marks = self.records.marks(scope).await?;
        Ok((first_copy(row), self.lag_of(scope, &marks).await?))
    }

    /// How far a mailbox lags behind now.
    pub(super) async fn lag_of(
        &self,
        scope: &MailboxScope,
        marks: &Marks,
    ) -> Result<LagView, StoreError> {
        // Whatever waits has a time at which somebody looks: without one nothing is to be counted.
        let waits = marks.is_dirty() || marks.due_at.is_some();
        let backlog = if waits {
            self.records.backlog(scope, COUNTED_MAX).await?
        } else {
            Backlog::default()
        };
        let subscriptions = self.records.subscriptions(scope).await?;
        let heard = subscriptions.iter().filter_map(|found| found.value.last_heard).max();
        Ok(lag(marks, &backlog, heard, self.world.now()))
    }
}

/// What is known of the first copy.
pub(super) fn first_copy(row: &MailboxRow) -> FirstCopyView {
    let progress = row.first_sync;
    let items = progress.done;
    // The server's count is older than what was copied since.
    let total = progress.total.map(|total| total.max(items));
    let so_far = match total {
        Some(total) => format!("{items} items so far, of about {total} in all"),
        None => format!("{items} items so far"),
    };
    let (phase, text) = match (row.state, progress.phase) {
        (MailboxState::Synced, _) => ("done", format!("Everything was copied: {items} items.")),
        (_, FirstSyncPhase::Waiting) => ("waiting", "Nothing is copied yet.".to_owned()),
        (_, FirstSyncPhase::ComingDays) => {
            ("coming-days", format!("Today and the next 14 days are copied first: {so_far}."))
        }
        (_, FirstSyncPhase::Everything) => {
            ("everything", format!("Everything that is left is copied: {so_far}."))
        }
    };
    FirstCopyView { phase, items, total, text }
}

fn lag(marks: &Marks, backlog: &Backlog, heard: Option<Timestamp>, now: Timestamp) -> LagView {
    let announced = marks.hinted.saturating_sub(marks.synced);
    let hinted_since = marks.waiting_since.filter(|_| marks.is_dirty());
    let since = [backlog.oldest, hinted_since].into_iter().flatten().min();
    let age = since.map_or(SignedDuration::ZERO, |since| now.duration_since(since));
    let seconds = u64::try_from(age.as_secs()).unwrap_or(0);
    let next_attempt = marks.due_at.filter(|_| since.is_some());
    let mut sentences = vec![match since {
        None => "Nothing waits.".to_owned(),
        Some(_) => format!("Behind by {}.", span(age)),
    }];
    if backlog.changes > 0 {
        let more = if backlog.more { "More than " } else { "" };
        let oldest = backlog.oldest.map_or(SignedDuration::ZERO, |at| now.duration_since(at));
        sentences.push(format!(
            "{more}{} of the business system {}, the oldest for {}.",
            plural(backlog.changes, "change", "changes"),
            if backlog.changes == 1 { "waits" } else { "wait" },
            span(oldest)
        ));
    }
    if announced > 0 {
        sentences.push(format!(
            "{} of changes {} not dealt with yet.",
            plural(announced, "notice", "notices"),
            if announced == 1 { "is" } else { "are" }
        ));
    }
    if let Some(at) = next_attempt.filter(|at| *at > now) {
        let wait = span(at.duration_since(now));
        sentences.push(format!("It is looked at again in {wait} at the latest."));
    }
    sentences.push(match heard {
        Some(at) => {
            format!("Exchange was last heard {} ago.", span(now.duration_since(at)))
        }
        None => "Exchange has sent no notification yet.".to_owned(),
    });
    LagView {
        seconds,
        changes: backlog.changes,
        more_changes: backlog.more,
        notices: announced,
        since: since.map(|at| at.to_string()),
        next_attempt: next_attempt.map(|at| at.to_string()),
        last_heard: heard.map(|at| at.to_string()),
        text: sentences.join(" "),
    }
}

fn plural(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// A length of time in its largest whole unit.
fn span(length: SignedDuration) -> String {
    let seconds = u64::try_from(length.as_secs()).unwrap_or(0);
    match seconds {
        0..120 => plural(seconds, "second", "seconds"),
        120..7_200 => plural(seconds / 60, "minute", "minutes"),
        7_200..172_800 => plural(seconds / 3_600, "hour", "hours"),
        _ => plural(seconds / 86_400, "day", "days"),
    }
}

#[cfg(test)]
mod tests {
    use tidemark_store::records::FirstSync;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn marks(hinted: u64, synced: u64) -> Marks {
        let mut marks = Marks::default();
        (marks.hinted, marks.synced) = (hinted, synced);
        marks.waiting_since = Some(at(-30));
        marks
    }

    #[test]
    fn a12_says_how_much_waits_since_when_and_until_when() {
        let mut marks = marks(7, 5);
        marks.due_at = Some(at(90));
        let backlog = Backlog { changes: 3, more: false, oldest: Some(at(-600)) };
        let lag = lag(&marks, &backlog, Some(at(-240)), at(0));
        assert_eq!((lag.seconds, lag.changes, lag.notices), (600, 3, 2));
        assert_eq!(lag.since, Some(at(-600).to_string()));
        assert_eq!(lag.next_attempt, Some(at(90).to_string()));
        assert_eq!(
            lag.text,
            "Behind by 10 minutes. 3 changes of the business system wait, the oldest for 10 \
             minutes. 2 notices of changes are not dealt with yet. It is looked at again in 90 \
             seconds at the latest. Exchange was last heard 4 minutes ago."
        );
    }

    #[test]
    fn a12_nothing_waits_where_nothing_is_dirty() {
        let lag = lag(&marks(5, 5), &Backlog::default(), None, at(0));
        assert_eq!((lag.seconds, lag.since, lag.next_attempt), (0, None, None));
        assert_eq!(lag.text, "Nothing waits. Exchange has sent no notification yet.");
    }

    #[test]
    fn a6_the_total_is_never_less_than_what_was_copied() {
        let mut row = crate::testing::mailbox_row(1, at(0));
        row.state = MailboxState::FirstSync;
        row.first_sync = FirstSync {
            done: 12,
            total: Some(10),
            phase: FirstSyncPhase::Everything,
            ..FirstSync::default()
        };
        let view = first_copy(&row);
        assert_eq!((view.phase, view.items, view.total), ("everything", 12, Some(12)));
        row.first_sync = FirstSync::default();
        assert_eq!(first_copy(&row).phase, "waiting");
        row.state = MailboxState::Synced;
        assert_eq!(first_copy(&row).phase, "done");
    }
}

//! What was changed, by whom (W7).

use serde_json::Value;
use tidemark_store::records::{ActivityRow, HistoryCursor};

use crate::api::access::may_administer;
use crate::border::{ActivityView, Caller, Listing, Refusal};
use crate::service::Service;

impl Service {
    pub(super) async fn list_activity(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<ActivityView>, Refusal> {
        may_administer(caller)?;
        let place = after.map(HistoryCursor::parse);
        if place.as_ref().is_some_and(Option::is_none) {
            return Err(Refusal::InvalidCursor { parameter: "after" });
        }
        let now = self.world.now();
        let place = place.flatten();
        let page = self.records.activity(&caller.organisation, place.as_ref(), limit, now).await?;
        Ok(Listing {
            entries: page.entries.into_iter().map(view_of).collect(),
            next: page.next.map(|place| place.as_str().to_owned()),
        })
    }

    /// What is written down of a change.
    pub(crate) fn note(
        &self,
        by: &str,
        action: &str,
        subject: String,
        before: Option<Value>,
        after: Option<Value>,
    ) -> ActivityRow {
        let at = self.world.now();
        ActivityRow { at, by: by.to_owned(), action: action.to_owned(), subject, before, after }
    }
}

fn view_of(row: ActivityRow) -> ActivityView {
    ActivityView {
        at: row.at.to_string(),
        by: row.by,
        action: row.action,
        subject: row.subject,
        before: row.before,
        after: row.after,
    }
}

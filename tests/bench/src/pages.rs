//! Answers of EWS as the simulated Exchange gives them: what a first copy of a calendar reads.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use jiff::civil::{DateTime, Weekday, date};
use jiff::{SignedDuration, Timestamp, ToSpan};
use tidemark_ews::{
    FolderAddress, GetItem, ItemAddress, ItemSummary, Operation, Request, SyncFolderItems,
};
use tidemark_model::{Body, BodyFormat, Pattern, Range, Recurrence, WeekdaySet};
use tidemark_simulator::store::Change;
use tidemark_simulator::{Config, ManualClock, NewAppointment, SimOutcome, SimRequest, Simulator};

/// Changes on a page, as the connector asks for them.
const CHANGES_PER_PAGE: usize = 100;
/// Items in one answer, as Microsoft recommends and the connector asks for them.
const ITEMS_PER_ANSWER: usize = 10;
/// Characters of a body, in turns: nothing, a line, an agenda, a forwarded thread.
const BODY_CHARACTERS: [usize; 4] = [0, 120, 1_500, 6_000];
/// Of so many appointments one is a meeting, and one a series.
const MEETING_EVERY: usize = 3;
const SERIES_EVERY: usize = 20;

/// Which reader a page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageKind {
    /// An answer to SyncFolderItems.
    Changes,
    /// An answer to GetItem.
    Items,
}

/// One answer.
pub struct Page {
    /// Which reader it is for.
    pub kind: PageKind,
    /// The document.
    pub bytes: Vec<u8>,
}

/// Fills a calendar with `items` appointments and reads it as a first copy does.
///
/// The same number gives the same bytes.
///
/// # Errors
/// When the simulator refuses, which would be a defect of it.
pub fn generate(items: usize) -> anyhow::Result<Vec<Page>> {
    let start: Timestamp = "2026-03-02T08:00:00Z".parse()?;
    let simulator = Simulator::new(Config::demo(), Arc::new(ManualClock::new(start)));
    for number in 0..items {
        create(&simulator, number)?;
    }
    let mut pages = Vec::new();
    let mut state = None;
    loop {
        let changes = ask(
            &simulator,
            &SyncFolderItems {
                folder: FolderAddress::CALENDAR,
                state: state.take(),
                changes_max: CHANGES_PER_PAGE,
                shape: ItemSummary::shape(),
            },
        )?;
        let read = SyncFolderItems::read(&changes)?.single()?;
        pages.push(Page { kind: PageKind::Changes, bytes: changes });
        let ids: Vec<_> =
            read.changes.into_iter().flatten().map(|change| change.id().clone()).collect();
        for ids in ids.chunks(ITEMS_PER_ANSWER) {
            let items = ids.iter().cloned().map(ItemAddress::Item).collect();
            let bytes = ask(&simulator, &GetItem::whole(items))?;
            pages.push(Page { kind: PageKind::Items, bytes });
        }
        if read.is_last {
            return Ok(pages);
        }
        state = read.state;
    }
}

fn ask(simulator: &Simulator, operation: &impl Operation) -> anyhow::Result<Vec<u8>> {
    let envelope = Request::new().build(operation);
    match simulator.handle(&SimRequest::ews("alex@tidemark.example", "Passw0rd!", envelope)) {
        SimOutcome::Answer { status: 200, body, .. } => Ok(body),
        SimOutcome::Answer { status, .. } => bail!("the simulator answered {status}"),
        SimOutcome::CutBefore | SimOutcome::CutAfter => bail!("the simulator cut the connection"),
    }
}

fn create(simulator: &Simulator, number: usize) -> anyhow::Result<()> {
    let alex = simulator.user("alex@tidemark.example");
    let start = start_of(number)?;
    let attendees = if number.is_multiple_of(MEETING_EVERY) {
        ["blake", "casey", "devon", "ellis"].map(|name| format!("{name}@tidemark.example")).into()
    } else {
        Vec::new()
    };
    let item = alex.create(&NewAppointment {
        subject: format!("Review {number}: tides & <moorings>, quay Ä"),
        start,
        duration: SignedDuration::from_mins(45),
        body: None,
        location: Some(format!("Room {}", number % 40)),
        recurrence: (number % SERIES_EVERY == 1).then(|| Recurrence {
            pattern: Pattern::Weekly {
                interval: 1,
                days: WeekdaySet::EMPTY.with(start.weekday()),
                first_day: Weekday::Monday,
            },
            range: Range::Count(12),
        }),
        attendees,
    })?;
    let length = BODY_CHARACTERS.get(number % BODY_CHARACTERS.len()).copied().unwrap_or_default();
    let mut changes = vec![Change::Categories([format!("Team {}", number % 7)].into())];
    if length > 0 {
        changes.push(Change::Body(Some(html(length))));
    }
    Ok(alex.update(item, &changes)?)
}

/// Quarter of an hour after quarter of an hour of working days.
fn start_of(number: usize) -> anyhow::Result<DateTime> {
    let day = i64::try_from(number / 32)?;
    let quarter = i64::try_from(number % 32)?;
    let morning = date(2026, 3, 2).at(8, 0, 0, 0);
    morning.checked_add(day.days().minutes(quarter * 15)).context("the calendar is full")
}

/// A body as Outlook writes it: much markup, some text.
fn html(characters: usize) -> Body {
    const LINE: &str = "<p class=\"MsoNormal\"><span lang=\"EN-GB\">The harbour master &amp; the \
                        pilots meet the dredging crew.<o:p></o:p></span></p>\r\n";
    let mut content = "<html><head></head><body>\r\n".to_owned();
    while content.len() < characters {
        content.push_str(LINE);
    }
    content.push_str("</body></html>");
    Body { format: BodyFormat::Html, content }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_copy_holds_every_item_whole() {
        let pages = generate(130).unwrap();
        let count = |kind| pages.iter().filter(|page| page.kind == kind).count();
        assert_eq!((count(PageKind::Changes), count(PageKind::Items)), (2, 13));
        let items: usize = pages
            .iter()
            .filter(|page| page.kind == PageKind::Items)
            .map(|page| GetItem::read(&page.bytes).unwrap().messages.into_iter().flatten().count())
            .sum();
        assert_eq!(items, 130);
    }
}

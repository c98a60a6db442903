//! Answers of EWS as the simulated Exchange gives them: what a first copy of a calendar reads.

use anyhow::bail;
use tidemark_ews::{
    FolderAddress, GetItem, ItemAddress, ItemSummary, Operation, Request, SyncFolderItems,
};
use tidemark_simulator::{SimOutcome, SimRequest, Simulator};

use crate::calendar::{OWNER, fill};

/// Changes on a page, as the connector asks for them.
const CHANGES_PER_PAGE: usize = 100;
/// Items in one answer, as Microsoft recommends and the connector asks for them.
const ITEMS_PER_ANSWER: usize = 10;

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
    let simulator = fill(items)?;
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
    match simulator.handle(&SimRequest::ews(OWNER, "Passw0rd!", envelope)) {
        SimOutcome::Answer { status: 200, body, .. } => Ok(body),
        SimOutcome::Answer { status, .. } => bail!("the simulator answered {status}"),
        SimOutcome::CutBefore | SimOutcome::CutAfter => bail!("the simulator cut the connection"),
    }
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

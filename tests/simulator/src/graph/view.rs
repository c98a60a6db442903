//! A calendar between two instants: `calendarView` and the instances of a series.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::filter::Filter;
use super::query::{self, Page};
use super::request::Request;
use super::{Answer, Call, GraphError, events, time};
use crate::store::{FolderNumber, Item, Mailbox, Occurrence, Target, overlaps};

/// Longest window of a view (exchange-graph.md 10.2).
const WINDOW_MAX: SignedDuration = SignedDuration::from_hours(1_825 * 24);

/// A window in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Its begin.
    pub(super) from: Timestamp,
    /// Its end, which no longer belongs to it.
    pub(super) to: Timestamp,
}

impl Window {
    /// The window that a request names.
    ///
    /// # Errors
    /// When it names none, or one that is too long.
    pub(super) fn read(request: &Request<'_>) -> Result<Self, GraphError> {
        let (from, to) = request
            .option("startDateTime")
            .zip(request.option("endDateTime"))
            .ok_or_else(|| {
                GraphError::new(
                    400,
                    "ErrorInvalidParameter",
                    "This request requires a time window specified by the query string parameters \
                     StartDateTime and EndDateTime.",
                )
            })?;
        let from = time::read_option(from, "StartDateTime")?;
        let to = time::read_option(to, "EndDateTime")?;
        if to < from {
            return Err(GraphError::invalid("The end of the window lies before its start."));
        }
        if from.duration_until(to) > WINDOW_MAX {
            return Err(GraphError::invalid(
                "The requested time duration is too large: the maximum is 1825 days.",
            ));
        }
        Ok(Self { from, to })
    }
}

/// Something with a time of its own in a calendar.
pub(super) enum Entry<'a> {
    /// A single event.
    Single(&'a Item),
    /// An occurrence of a series, changed or not.
    Occurrence(&'a Item, Box<Occurrence>),
}

impl Entry<'_> {
    fn start(&self) -> Timestamp {
        match self {
            Self::Single(item) => item.appointment().map_or(Timestamp::MIN, |of| of.start),
            Self::Occurrence(_, seen) => seen.appointment.start,
        }
    }
}

/// What lies in a window of a calendar, earliest first.
pub(super) fn entries(mailbox: &Mailbox, folder: FolderNumber, window: Window) -> Vec<Entry<'_>> {
    let mut found: Vec<_> =
        mailbox.items_in(folder).flat_map(|item| entries_of(item, window)).collect();
    found.sort_by_key(Entry::start);
    found
}

fn entries_of(item: &Item, window: Window) -> Vec<Entry<'_>> {
    let Some(of) = item.appointment() else {
        return Vec::new();
    };
    if of.recurrence.is_some() {
        return of
            .occurrences_between(window.from, window.to)
            .into_iter()
            .map(|seen| Entry::Occurrence(item, Box::new(seen)))
            .collect();
    }
    if overlaps(of.start, of.end, window.from, window.to) {
        vec![Entry::Single(item)]
    } else {
        Vec::new()
    }
}

/// `GET …/calendarView`.
pub(super) fn calendar_view(call: &Call<'_>, folder: FolderNumber) -> Result<Answer, GraphError> {
    let window = Window::read(call.request)?;
    let mailbox = call.mailbox()?;
    page(call, &entries(mailbox, folder, window))
}

/// `GET …/events/{id}/instances`.
pub(super) fn instances(call: &Call<'_>, event_id: &str) -> Result<Answer, GraphError> {
    let window = Window::read(call.request)?;
    let target = events::find(call, event_id)?;
    let mailbox = call.mailbox()?;
    let item = mailbox.item(target.item())?;
    let is_master = item.appointment().is_some_and(|of| of.recurrence.is_some());
    if !is_master || matches!(target, Target::Occurrence(..)) {
        return Err(GraphError::invalid(
            "The instances of an event can be listed for the master of a series only.",
        ));
    }
    page(call, &entries_of(item, window))
}

fn page(call: &Call<'_>, found: &[Entry<'_>]) -> Result<Answer, GraphError> {
    let reader = call.reader(call.mailbox()?);
    let filter = call.request.option("$filter").map(Filter::read).transpose()?;
    let mut all: Vec<Value> = found
        .iter()
        .filter_map(|entry| match entry {
            Entry::Single(item) => events::with_properties(&reader, item, None),
            Entry::Occurrence(item, seen) => events::with_properties(&reader, item, Some(seen)),
        })
        .filter(|event| filter.as_ref().is_none_or(|filter| filter.holds(event)))
        .collect();
    query::sort(&mut all, call.request.option("$orderby"));
    let page = Page::read(call.request)?;
    let expand = events::read_expand(call)?;
    let show = |event: &Value| events::finish(call, event.clone(), &expand);
    Ok(Answer::json(200, page.body(call.request, &all, show)))
}

//! Pages of events: of delta rounds, lists, searches and calendar views. Only what says which item
//! it is and in which version is read; items are read whole by id.

use core::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bounds::{DOCUMENT_BYTES_MAX, PAGE_ENTRIES_MAX};
use crate::calendar::{EventKind, EventRef};
use crate::error::Unreadable;
use crate::request::EventId;
use crate::root::{GraphRoot, Link};
use crate::text::{List, Object, Text};

/// Which event, in which version.
#[derive(Clone, PartialEq, Eq)]
pub struct EventHead {
    /// Id.
    pub id: EventId,
    /// Version: `changeKey`, or what `@odata.etag` says in its place. Occurrences in a delta carry
    /// only the latter (exchange-graph.md 8).
    pub change_key: Option<String>,
    /// Kind.
    pub kind: EventKind,
    /// The series that an occurrence or exception belongs to.
    pub series_master: Option<EventId>,
    /// When it was changed last, where that is shown.
    pub modified: Option<Timestamp>,
    /// Its start, where that is shown in UTC; that of a series is its first one's.
    pub start: Option<Timestamp>,
    /// Its end, likewise.
    pub end: Option<Timestamp>,
}

impl fmt::Debug for EventHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventHead")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Why something is no longer part of what a delta follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Removal {
    /// `deleted`. Outlook says so also of what only left the window: no proof (exchange-graph.md 8).
    Deleted,
    /// `changed`, or whatever else: it left the collection.
    Changed,
}

/// One entry of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An event that is there.
    Event(EventHead),
    /// An event that is no longer part of the collection.
    Removed {
        /// Its id: that of a single event, of a series, or of one occurrence.
        id: EventId,
        /// As the server says it.
        reason: Removal,
    },
}

/// Where reading goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// More pages of this round are waiting.
    More(Link),
    /// The round is complete; the next one begins here.
    Delta(Link),
    /// The list is complete.
    End,
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The entries, in the server's order. One that names no id stands as an error in its place.
    pub entries: Vec<Result<Entry, Unreadable>>,
    /// Where to go on.
    pub next: Next,
}

#[derive(Deserialize)]
struct WirePage<'a> {
    #[serde(borrow)]
    value: List<Object<WireEntry<'a>>, PAGE_ENTRIES_MAX>,
    #[serde(borrow, default, rename = "@odata.nextLink")]
    next: Text<'a>,
    #[serde(borrow, default, rename = "@odata.deltaLink")]
    delta: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEntry<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    change_key: Text<'a>,
    #[serde(borrow, default, rename = "@odata.etag")]
    etag: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    series_master_id: Text<'a>,
    #[serde(borrow, default)]
    last_modified_date_time: Text<'a>,
    #[serde(borrow, default)]
    start: Object<WireMoment<'a>>,
    #[serde(borrow, default)]
    end: Object<WireMoment<'a>>,
    #[serde(borrow, default, rename = "@removed")]
    removed: Object<WireRemoved<'a>>,
}

/// A `dateTimeTimeZone`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMoment<'a> {
    #[serde(borrow, default)]
    date_time: Text<'a>,
    #[serde(borrow, default)]
    time_zone: Text<'a>,
}

impl WireMoment<'_> {
    /// The instant, if it is given in UTC, as it is where no other zone was asked for.
    fn in_utc(&self) -> Option<Timestamp> {
        let zone = self.time_zone.filled().unwrap_or("UTC");
        let civil: DateTime = self.date_time.filled()?.trim().parse().ok()?;
        if !zone.eq_ignore_ascii_case("UTC") {
            return None;
        }
        TimeZone::UTC.to_timestamp(civil).ok()
    }
}

#[derive(Deserialize)]
struct WireRemoved<'a> {
    #[serde(borrow, default)]
    reason: Text<'a>,
}

impl Page {
    /// Reads a page. Its links must lead to `root`.
    ///
    /// # Errors
    /// What is no page: nothing of it may be used then, since where it goes on is not known.
    pub fn read(body: &[u8], root: &GraphRoot) -> Result<Self, Unreadable> {
        if body.len() > DOCUMENT_BYTES_MAX {
            return Err(Unreadable::TooLarge);
        }
        let page: WirePage<'_> =
            serde_json::from_slice(body).map_err(|error| Unreadable::of_json(&error))?;
        if page.value.overflows {
            return Err(Unreadable::TooMany);
        }
        let next = match (page.next.filled(), page.delta.filled()) {
            (Some(link), _) => Next::More(root.link(link)?),
            (None, Some(link)) => Next::Delta(root.link(link)?),
            (None, None) => Next::End,
        };
        let entries = page.value.items.into_iter();
        Ok(Self { entries: entries.map(|entry| read_entry(entry.0)).collect(), next })
    }

    /// The events of a list, where one that cannot be told fails the whole.
    ///
    /// # Errors
    /// The first flaw.
    pub fn heads(self) -> Result<Vec<EventHead>, Unreadable> {
        let heads = self.entries.into_iter().filter_map(|entry| match entry {
            Ok(Entry::Event(head)) => Some(Ok(head)),
            Ok(Entry::Removed { .. }) => None,
            Err(flaw) => Some(Err(flaw)),
        });
        heads.collect()
    }
}

/// Reads one event's id and version, of an answer to GET, POST or PATCH.
///
/// # Errors
/// What is no event.
pub fn read_head(body: &[u8]) -> Result<EventHead, Unreadable> {
    if body.len() > DOCUMENT_BYTES_MAX {
        return Err(Unreadable::TooLarge);
    }
    let entry: Object<WireEntry<'_>> =
        serde_json::from_slice(body).map_err(|error| Unreadable::of_json(&error))?;
    match read_entry(entry.0)? {
        Entry::Event(head) => Ok(head),
        Entry::Removed { .. } => Err(Unreadable::Unexpected),
    }
}

fn read_entry(entry: Option<WireEntry<'_>>) -> Result<Entry, Unreadable> {
    let entry = entry.ok_or(Unreadable::Unexpected)?;
    let id = entry.id.owned().and_then(EventId::new).ok_or(Unreadable::Unexpected)?;
    if let Some(removed) = entry.removed.0 {
        let deleted = removed.reason.filled() == Some("deleted");
        let reason = if deleted { Removal::Deleted } else { Removal::Changed };
        return Ok(Entry::Removed { id, reason });
    }
    let change_key = entry.change_key.owned();
    let of_etag = || entry.etag.filled().and_then(EventRef::change_key_of).map(str::to_owned);
    Ok(Entry::Event(EventHead {
        id,
        change_key: change_key.or_else(of_etag),
        kind: kind_of(entry.kind.filled()),
        series_master: entry.series_master_id.owned().and_then(EventId::new),
        modified: entry.last_modified_date_time.filled().and_then(|at| at.parse().ok()),
        start: entry.start.0.and_then(|moment| moment.in_utc()),
        end: entry.end.0.and_then(|moment| moment.in_utc()),
    }))
}

/// The kind of a word; case does not count.
fn kind_of(word: Option<&str>) -> EventKind {
    let is = |name: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(name));
    if is("singleInstance") {
        EventKind::SingleInstance
    } else if is("occurrence") {
        EventKind::Occurrence
    } else if is("exception") {
        EventKind::Exception
    } else if is("seriesMaster") {
        EventKind::SeriesMaster
    } else {
        EventKind::Unrecognised
    }
}

#[derive(Deserialize)]
struct WireRaw<'a> {
    #[serde(borrow)]
    value: List<&'a RawValue, PAGE_ENTRIES_MAX>,
    #[serde(borrow, default, rename = "@odata.nextLink")]
    next: Text<'a>,
}

/// Reads a page of a list whose entries are read elsewhere, such as the instances of a series.
///
/// # Errors
/// What is no page.
pub fn read_raw<'a>(
    body: &'a [u8],
    root: &GraphRoot,
) -> Result<(Vec<&'a RawValue>, Next), Unreadable> {
    if body.len() > DOCUMENT_BYTES_MAX {
        return Err(Unreadable::TooLarge);
    }
    let page: WireRaw<'_> =
        serde_json::from_slice(body).map_err(|error| Unreadable::of_json(&error))?;
    if page.value.overflows {
        return Err(Unreadable::TooMany);
    }
    let next = match page.next.filled() {
        Some(link) => Next::More(root.link(link)?),
        None => Next::End,
    };
    Ok((page.value.items, next))
}

#[cfg(test)]
mod tests;

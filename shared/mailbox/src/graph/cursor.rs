//! Where reading of changes goes on. Graph's links are kept as they came, in a text of our own that
//! also says what they follow and when their window has to be moved.

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use tidemark_graph::EventHead;
use tidemark_graph::calendar::EventKind;

use crate::port::Cursor;

/// Days before now that a new window begins.
pub const WINDOW_DAYS_BEFORE: i64 = 31;

/// Days after now that a new window ends. Changing a series touches each of its occurrences in the
/// window, so that a longer one makes larger pages.
pub const WINDOW_DAYS_AFTER: i64 = 366;

/// Days after which a window is moved. It cannot be moved in place: a delta keeps the window that it
/// was begun with (event-delta page).
pub const WINDOW_RENEW_DAYS: i64 = 7;

/// How changes are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeFeed {
    /// `calendarView/delta` over a window that moves with the time. What lies outside is listed once,
    /// in the first round; its later changes are told by notifications and by id.
    Window,
    /// `events/delta`, which knows no window but is documented for beta only; where it is refused, as
    /// [`ChangeFeed::Window`].
    AllIfOffered,
}

/// Version of the text.
const VERSION: u8 = 1;

/// Where reading goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    version: u8,
    /// What is followed.
    pub(super) feed: Feed,
    /// How far it has come.
    pub(super) step: Step,
}

/// What a delta follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Feed {
    /// All single events and series.
    All,
    /// What takes place in a window.
    Window {
        /// Its begin.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
        /// When it has to be moved.
        renew_at: Timestamp,
    },
}

/// A step of the way. Links are texts from outside until they are checked anew.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// In the first round of a feed.
    First {
        /// The next page; none before the first one.
        page: Option<String>,
        /// The delta link of the window before, if there was one.
        before: Option<String>,
    },
    /// After the first round of a window: listing whatever lies outside.
    List {
        /// The next page; none before the first one.
        page: Option<String>,
        /// Where the round after goes on.
        delta: String,
    },
    /// After the first round of a moved window: what the window before has to say for the last time.
    /// An item that was deleted while the new round went on is known to it alone.
    Before {
        /// The next page of the old window.
        page: String,
        /// Where the round after goes on.
        delta: String,
    },
    /// In a later round, or before it.
    Round {
        /// The next page, or the delta link that begins the round.
        page: String,
        /// Whether the round has not begun yet.
        at_rest: bool,
    },
}

impl core::fmt::Debug for Step {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let word = match self {
            Self::First { .. } => "First",
            Self::List { .. } => "List",
            Self::Before { .. } => "Before",
            Self::Round { .. } => "Round",
        };
        f.write_str(word)
    }
}

impl Place {
    pub(super) fn new(feed: Feed, step: Step) -> Self {
        Self { version: VERSION, feed, step }
    }

    /// The begin of a feed.
    pub(super) fn first(feed: Feed) -> Self {
        Self::new(feed, Step::First { page: None, before: None })
    }

    /// The same feed, further on.
    pub(super) fn at(&self, step: Step) -> Self {
        Self::new(self.feed, step)
    }

    /// Whether the next request follows a link of the server's.
    pub(super) const fn follows_link(&self) -> bool {
        !matches!(self.step, Step::First { page: None, .. } | Step::List { page: None, .. })
    }

    /// Reads a cursor. None if it is of another protocol or version.
    pub(super) fn read(cursor: &Cursor) -> Option<Self> {
        let place: Self = serde_json::from_str(cursor.as_str()).ok()?;
        (place.version == VERSION).then_some(place)
    }

    /// The text that is kept.
    pub(super) fn to_cursor(&self) -> Cursor {
        // Enumerations of texts and times always serialise; an empty cursor would be read as unknown.
        Cursor::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// The place to begin at instead, if the window has to be moved and nothing is under way.
    pub(super) fn moved(&self, now: Timestamp) -> Option<Self> {
        match (self.feed, &self.step) {
            (Feed::Window { renew_at, .. }, Step::Round { page, at_rest: true })
                if renew_at <= now =>
            {
                let step = Step::First { page: None, before: Some(page.clone()) };
                Some(Self::new(Feed::window(now), step))
            }
            _ => None,
        }
    }
}

impl Feed {
    /// The window around a moment.
    pub(super) fn window(now: Timestamp) -> Self {
        let days = |days: i64| (days * 24).hours();
        Self::Window {
            from: now.saturating_sub(days(WINDOW_DAYS_BEFORE)).unwrap_or(now),
            until: now.saturating_add(days(WINDOW_DAYS_AFTER)).unwrap_or(now),
            renew_at: now.saturating_add(days(WINDOW_RENEW_DAYS)).unwrap_or(now),
        }
    }

    /// Whether the next round of this feed tells of an entry that was met beside the feed: in a
    /// listing, or in what the window before has to say. It was changed since the feed was begun, and
    /// not outside of its window.
    ///
    /// What the feed has not told yet must not be told by anything else. A delta names what is gone of
    /// what it told before; an event that is made after the feed was begun, told by the listing, and
    /// deleted before the next round, would be missing in it for ever.
    ///
    /// Clocks that differ open that gap again by as much as they differ; nothing is passed over by it.
    pub(super) fn will_tell(&self, head: &EventHead) -> bool {
        let Self::Window { from, until, .. } = *self else { return false };
        let begun = from.saturating_add((WINDOW_DAYS_BEFORE * 24).hours()).unwrap_or(from);
        let of_series = head.kind == EventKind::SeriesMaster;
        let before = !of_series && head.end.is_some_and(|end| end < from);
        let after = head.start.is_some_and(|start| start > until);
        match head.modified {
            // The server may say it in whole seconds.
            Some(modified) => !before && !after && modified.as_second() >= begun.as_second(),
            // An occurrence comes bare: its series has told, or will tell, what it says.
            None => !before && !after && head.kind == EventKind::Occurrence,
        }
    }
}

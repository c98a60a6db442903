//! The calendar whose pages are decoded: working days full of appointments, meetings and series.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::civil::{DateTime, Weekday, date};
use jiff::{SignedDuration, Timestamp, ToSpan};
use tidemark_model::{Body, BodyFormat, Pattern, Range, Recurrence, WeekdaySet};
use tidemark_simulator::store::Change;
use tidemark_simulator::{Config, ManualClock, NewAppointment, Simulator};

/// Whose calendar it is.
pub const OWNER: &str = "alex@tidemark.example";
/// Characters of a body, in turns: nothing, a line, an agenda, a forwarded thread.
const BODY_CHARACTERS: [usize; 4] = [0, 120, 1_500, 6_000];
/// Of so many appointments one is a meeting, and one a series.
const MEETING_EVERY: usize = 3;
const SERIES_EVERY: usize = 20;

/// A simulated Exchange with `items` appointments in the calendar of [`OWNER`]. The same number
/// gives the same calendar.
///
/// # Errors
/// When the simulator refuses, which would be a defect of it.
pub fn fill(items: usize) -> anyhow::Result<Simulator> {
    let start: Timestamp = "2026-03-02T08:00:00Z".parse()?;
    let simulator = Simulator::new(Config::demo(), Arc::new(ManualClock::new(start)));
    for number in 0..items {
        create(&simulator, number)?;
    }
    Ok(simulator)
}

fn create(simulator: &Simulator, number: usize) -> anyhow::Result<()> {
    let alex = simulator.user(OWNER);
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

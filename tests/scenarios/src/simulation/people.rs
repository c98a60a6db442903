//! People at their Outlook.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::{DateTime, Weekday};
use tidemark_model::{Event, Pattern, Privacy, Range, Recurrence, Schedule, ShowAs, WeekdaySet};
use tidemark_simulator::store::{Change, Importance};
use tidemark_simulator::{NewAppointment, Simulator, Snapshot};

use crate::random::Random;
use crate::stage::PEOPLE;

/// What a private appointment says: it must be found nowhere outside.
pub(crate) const SECRET: &str = "SECRET";

/// Who edits in Exchange, and what they did.
pub(crate) struct People {
    random: Arc<Random>,
    made: u32,
    trace: bool,
    /// UIDs of what somebody tried to change or to delete, by mailbox.
    pub(crate) edited: BTreeSet<(String, String)>,
    /// The same by the links in our stamps: an item that goes before it is read back has a UID that
    /// the business system never hears of.
    pub(crate) edited_links: BTreeSet<(String, String)>,
    /// UIDs that somebody deleted on purpose, by mailbox.
    pub(crate) deleted: BTreeSet<(String, String)>,
    /// UIDs that somebody made, by mailbox.
    pub(crate) created: BTreeMap<(String, String), String>,
}

impl People {
    pub(crate) fn new(random: Arc<Random>, trace: bool) -> Self {
        Self {
            random,
            made: 0,
            trace,
            edited: BTreeSet::new(),
            edited_links: BTreeSet::new(),
            deleted: BTreeSet::new(),
            created: BTreeMap::new(),
        }
    }

    /// What is in the mailboxes before the first sync.
    pub(crate) fn prepare(&mut self, simulator: &Simulator) {
        for _ in 0..self.random.below(5) {
            self.create(simulator, self.person());
        }
    }

    fn person(&self) -> &'static str {
        PEOPLE[self.random.below(PEOPLE.len())]
    }

    /// One edit of one person.
    pub(crate) fn edit(&mut self, simulator: &Simulator) {
        let person = self.person();
        let mut items = simulator.snapshot(person).expect("a mailbox of the demo");
        // Whoever edits a meeting mails its people: that is a person's mail, not ours.
        items.retain(|snapshot| snapshot.event.attendees.is_empty());
        let item = self.random.below(items.len());
        if self.trace {
            let chosen = items.get(item).map(|item| (&item.uid, &item.event.title));
            println!("{person} edits {chosen:?}");
        }
        let what = self.random.below(10);
        if let (3.., Some(item)) = (what, items.get(item)) {
            self.edited.insert((person.to_owned(), item.uid.clone()));
            let links =
                item.extended.values().flatten().filter_map(|stamp| stamp.split(';').next());
            self.edited_links.extend(links.map(|link| (person.to_owned(), link.to_owned())));
        }
        match (what, items.get(item)) {
            (0..=2, _) | (_, None) => self.create(simulator, person),
            (3, Some(item)) => {
                if self.trace {
                    println!("… deletes it");
                }
                self.deleted.insert((person.to_owned(), item.uid.clone()));
                // Somebody who cancels or deletes what is gone already changes nothing.
                let _ = simulator.user(person).delete(item.item);
            }
            (4, Some(item)) => self.privatise(simulator, person, item),
            (5 | 6, Some(item)) if item.event.recurrence.is_some() => {
                self.edit_occurrence(simulator, person, item);
            }
            (_, Some(item)) => {
                let changes = self.changes(&item.event);
                // A change that does not fit (an occurrence crossing its neighbour) is not made.
                let _ = simulator.user(person).update(item.item, &changes);
            }
        }
    }

    fn create(&mut self, simulator: &Simulator, person: &str) {
        self.made += 1;
        let day = 2 + self.random.below(20) as i8;
        let start = jiff::civil::date(2027, 3, day).at(8 + self.random.below(9) as i8, 0, 0, 0);
        let recurrence = self.random.chance(300).then(|| self.rule(start));
        let new = NewAppointment {
            subject: format!("made by a person {}", self.made),
            start,
            duration: SignedDuration::from_mins(15 * (1 + self.random.below(8) as i64)),
            body: self.random.chance(500).then(|| format!("text {}", self.random.below(100))),
            location: self.random.chance(500).then(|| format!("room {}", self.random.below(9))),
            recurrence,
            attendees: Vec::new(),
        };
        let item = simulator.user(person).create(&new).expect("it fits");
        let uid = simulator
            .snapshot(person)
            .expect("a mailbox of the demo")
            .into_iter()
            .find(|snapshot| snapshot.item == item)
            .map(|snapshot| snapshot.uid)
            .expect("it is there");
        self.created.insert((person.to_owned(), uid), new.subject);
    }

    fn rule(&self, start: DateTime) -> Recurrence {
        let pattern = match self.random.below(3) {
            0 => Pattern::Daily { interval: 1 + self.random.below(3) as u32 },
            1 => Pattern::Weekly {
                interval: 1 + self.random.below(2) as u32,
                days: WeekdaySet::EMPTY.with(start.weekday()),
                first_day: Weekday::Monday,
            },
            _ => Pattern::AbsoluteMonthly { interval: 1, day: start.day().unsigned_abs() },
        };
        let range = match self.random.below(3) {
            0 => Range::NoEnd,
            1 => Range::Count(3 + self.random.below(5) as u32),
            _ => Range::Until(start.date() + jiff::ToSpan::days(70)),
        };
        Recurrence { pattern, range }
    }

    fn privatise(&self, simulator: &Simulator, person: &str, item: &Snapshot) {
        let changes = if item.event.privacy == Privacy::Private {
            vec![
                Change::Sensitivity(Privacy::Public),
                Change::Subject(format!("public again {}", self.random.below(100))),
            ]
        } else {
            vec![
                Change::Sensitivity(Privacy::Private),
                Change::Subject(format!("{SECRET} {}", self.random.below(100))),
            ]
        };
        let _ = simulator.user(person).update(item.item, &changes);
    }

    fn edit_occurrence(&mut self, simulator: &Simulator, person: &str, item: &Snapshot) {
        let Some(recurrence) = &item.event.recurrence else { return };
        let nth = self.random.below(4);
        let Some(id) = recurrence.starts(item.event.schedule.start()).nth(nth) else { return };
        let user = simulator.user(person);
        // What was taken out cannot be changed: then nothing happens.
        let _ = if self.random.chance(400) {
            let cancelled = user.cancel_occurrence(item.item, id.start());
            let left = simulator.snapshot(person).expect("a mailbox of the demo");
            // Whoever takes out the last occurrence that is left deletes the series.
            if !left.iter().any(|it| it.item == item.item) {
                self.deleted.insert((person.to_owned(), item.uid.clone()));
            }
            cancelled
        } else if item.event.privacy.hides_details() {
            Ok(())
        } else {
            let subject = format!("once {}", self.random.below(100));
            user.except_occurrence(item.item, id.start(), &[Change::Subject(subject)])
        };
    }

    fn changes(&self, event: &Event) -> Vec<Change> {
        let secret = event.privacy.hides_details();
        match self.random.below(6) {
            0 if !secret => vec![Change::Subject(format!("renamed {}", self.random.below(100)))],
            1 => vec![Change::Location(
                self.random.chance(800).then(|| format!("room {}", self.random.below(9))),
            )],
            2 => vec![Change::ShowAs(ShowAs::Oof)],
            3 => vec![Change::Importance(Importance::High)],
            4 => vec![Change::Categories(BTreeSet::from([format!(
                "category {}",
                self.random.below(3)
            )]))],
            _ => {
                let Schedule::Timed(timed) = &event.schedule else { return Vec::new() };
                let later = SignedDuration::from_mins(30 * (1 + self.random.below(4) as i64));
                let start = timed.zone().to_instant(timed.start()) + later;
                vec![Change::Start(start), Change::End(start + timed.duration())]
            }
        }
    }
}

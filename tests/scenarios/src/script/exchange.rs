//! Lines about people at their Outlook.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::{SignedDuration, ToSpan as _};
use tidemark_jscalendar::read_event_patch;
use tidemark_model::{
    Body, BodyFormat, Participation, Privacy, Property, PropertyValue, Recurrence, Schedule,
    ShowAs, Zone,
};
use tidemark_simulator::store::{Change, Importance, ItemNumber};
use tidemark_simulator::{FaultKind, FaultPlan, FaultRule, NewAppointment};

use super::words::Words;
use super::{Outcome, Script, address};

/// Zones that scripts use, with their names in Windows.
const WINDOWS_ZONES: [(&str, &str); 6] = [
    ("America/New_York", "Eastern Standard Time"),
    ("Asia/Kolkata", "India Standard Time"),
    ("Asia/Tokyo", "Tokyo Standard Time"),
    ("Europe/Berlin", "W. Europe Standard Time"),
    ("Europe/London", "GMT Standard Time"),
    ("Pacific/Auckland", "New Zealand Standard Time"),
];

impl Script {
    pub(super) fn faults(&mut self, words: &mut Words) -> Outcome {
        let kind = words.word("a kind of fault")?;
        let kind: FaultKind = serde_json::from_value(kind.as_str().into())
            .map_err(|_| format!("there is no fault '{kind}'"))?;
        let mut rule = FaultRule::times(kind, words.number()?);
        rule.operation = words.word("an operation").ok();
        self.stage.simulator.set_faults(FaultPlan::new(0, vec![rule]));
        Ok(())
    }

    pub(super) fn exchange(&mut self, words: &mut Words) -> Outcome {
        let person = address(&words.word("a person")?);
        match words.word("an act")?.as_str() {
            "create" => self.create(&person, words),
            "fill" => self.fill(&person, words),
            "change" => self.change(&person, words),
            "cancel" => {
                let number = self.number_of(&person, &words.word("a title")?)?;
                if !words.takes("on") {
                    return Err("which occurrence? 'on START'".to_owned());
                }
                let original = words.civil()?;
                self.act(|script| {
                    script.stage.simulator.user(&person).cancel_occurrence(number, original)
                })
            }
            "delete" => {
                let number = self.number_of(&person, &words.word("a title")?)?;
                self.act(|script| script.stage.simulator.user(&person).delete(number))
            }
            "move" => {
                let title = words.word("a title")?;
                let number = self.number_of(&person, &title)?;
                let folder = words.word("a folder")?;
                let user = self.stage.simulator.user(&person);
                let moved =
                    user.move_to_folder(number, &folder).map_err(|error| error.to_string())?;
                self.numbers.insert((person, title), moved);
                Ok(())
            }
            "answer" => {
                let number = self.number_of(&person, &words.word("a title")?)?;
                let answer = match words.word("an answer")?.as_str() {
                    "accepted" => Participation::Accepted,
                    "declined" => Participation::Declined,
                    "tentative" => Participation::Tentative,
                    other => return Err(format!("there is no answer '{other}'")),
                };
                self.act(|script| script.stage.simulator.user(&person).respond(number, answer))
            }
            other => Err(format!("people cannot '{other}'")),
        }
    }

    fn act(
        &self,
        deed: impl FnOnce(&Self) -> Result<(), tidemark_simulator::UserError>,
    ) -> Outcome {
        deed(self).map_err(|error| error.to_string())
    }

    /// The appointment that has, or last had, this title.
    fn number_of(&mut self, person: &str, title: &str) -> Result<ItemNumber, String> {
        let key = (person.to_owned(), title.to_owned());
        let found = self.stage.calendar(person);
        let found = found.iter().find(|it| it.event.title.as_deref() == Some(title));
        match found {
            Some(found) => {
                self.numbers.insert(key, found.item);
                Ok(found.item)
            }
            None => self.numbers.get(&key).copied().ok_or(format!("there is no '{title}'")),
        }
    }

    fn create(&mut self, person: &str, words: &mut Words) -> Outcome {
        let mut new = NewAppointment {
            subject: words.word("a title")?,
            start: words.civil()?,
            duration: words.duration()?,
            body: None,
            location: None,
            recurrence: None,
            attendees: Vec::new(),
        };
        let (mut zone, mut rule, mut more) = (None, None, Vec::new());
        while let Ok(option) = words.word("an option") {
            match option.as_str() {
                "at" => new.location = Some(words.word("a place")?),
                "body" => new.body = Some(words.word("a text")?),
                "with" => {
                    let people = words.word("people")?;
                    new.attendees = people.split(',').map(address_or_name).collect();
                }
                "zone" => zone = Some(words.word("a zone")?),
                "rule" => rule = Some(read_rule(new.start, words.json("a rule")?)?),
                "all-day" => more.push(Change::AllDay(true)),
                "private" => more.push(Change::Sensitivity(Privacy::Private)),
                other => return Err(format!("appointments have no '{other}'")),
            }
        }
        if let Some(name) = &zone {
            more.extend(zone_changes(name, new.start, new.duration)?);
        }
        // Exchange needs the zone before the rule: the rule's days are days of that zone.
        match (&zone, rule) {
            (None, rule) => new.recurrence = rule,
            (Some(_), Some(rule)) => {
                more.push(Change::Recurrence(Some((rule, new.start.date()))));
            }
            (Some(_), None) => {}
        }
        let user = self.stage.simulator.user(person);
        let number = user.create(&new).map_err(|error| error.to_string())?;
        if !more.is_empty() {
            user.update(number, &more).map_err(|error| error.to_string())?;
        }
        self.numbers.insert((person.to_owned(), new.subject), number);
        Ok(())
    }

    fn fill(&self, person: &str, words: &mut Words) -> Outcome {
        let (count, first) = (words.number()?, words.civil()?);
        let user = self.stage.simulator.user(person);
        for number in 1..=count {
            let later = i64::from(number - 1).days();
            let new = NewAppointment {
                subject: format!("Filler {number}"),
                start: first.checked_add(later).map_err(|error| error.to_string())?,
                duration: SignedDuration::from_hours(1),
                body: None,
                location: None,
                recurrence: None,
                attendees: Vec::new(),
            };
            user.create(&new).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn change(&mut self, person: &str, words: &mut Words) -> Outcome {
        let title = words.word("a title")?;
        let number = self.number_of(person, &title)?;
        let occurrence = if words.takes("on") { Some(words.civil()?) } else { None };
        let event = self
            .stage
            .calendar(person)
            .into_iter()
            .find(|it| it.item == number)
            .map(|it| it.event)
            .ok_or("it is not in the calendar")?;
        let mut changes = Vec::new();
        let mut times = Times::of(&event.schedule, occurrence);
        while let Ok(property) = words.word("a property") {
            match property.as_str() {
                "title" => changes.push(Change::Subject(words.word("a title")?)),
                "place" => changes.push(Change::Location(Some(words.word("a place")?))),
                "body" => changes.push(Change::Body(Some(Body {
                    format: BodyFormat::Text,
                    content: words.word("a text")?,
                }))),
                "show" => changes.push(Change::ShowAs(show_as(&words.word("a status")?)?)),
                "category" => {
                    let category = BTreeSet::from([words.word("a category")?]);
                    changes.push(Change::Categories(category));
                }
                "remind" => {
                    changes.push(Change::ReminderSet(true));
                    changes.push(Change::ReminderMinutes(words.number()?));
                }
                "private" => changes.push(Change::Sensitivity(Privacy::Private)),
                "public" => changes.push(Change::Sensitivity(Privacy::Public)),
                "high" => changes.push(Change::Importance(Importance::High)),
                "start" => times.start = words.civil()?,
                "length" => times.duration = words.duration()?,
                other => return Err(format!("people cannot change '{other}'")),
            }
        }
        changes.extend(times.changes());
        let user = self.stage.simulator.user(person);
        let done = match occurrence {
            None => user.update(number, &changes),
            Some(original) => user.except_occurrence(number, original, &changes),
        };
        done.map_err(|error| error.to_string())
    }
}

/// When an appointment takes place, before and after a change.
struct Times {
    zone: Zone,
    before: (DateTime, SignedDuration),
    start: DateTime,
    duration: SignedDuration,
}

impl Times {
    fn of(schedule: &Schedule, occurrence: Option<DateTime>) -> Self {
        let (zone, start, duration) = match schedule {
            Schedule::Timed(timed) => (timed.zone().clone(), timed.start(), timed.duration()),
            _ => (Zone::utc(), schedule.start(), SignedDuration::from_hours(24)),
        };
        let start = occurrence.unwrap_or(start);
        Self { zone, before: (start, duration), start, duration }
    }

    fn changes(&self) -> Vec<Change> {
        if self.before == (self.start, self.duration) {
            return Vec::new();
        }
        let start = self.zone.to_instant(self.start);
        vec![Change::Start(start), Change::End(start + self.duration)]
    }
}

fn address_or_name(person: &str) -> String {
    if person.contains('@') { person.to_owned() } else { address(person) }
}

fn zone_changes(
    name: &str,
    start: DateTime,
    duration: SignedDuration,
) -> Result<Vec<Change>, String> {
    let (_, windows) = WINDOWS_ZONES
        .iter()
        .find(|(iana, _)| *iana == name)
        .ok_or(format!("scripts do not know the zone '{name}'"))?;
    let start = Zone::parse(name).map_err(|error| error.to_string())?.to_instant(start);
    Ok(vec![
        Change::StartZone((*windows).to_owned()),
        Change::EndZone((*windows).to_owned()),
        Change::Start(start),
        Change::End(start + duration),
    ])
}

/// A rule as the border writes it.
fn read_rule(start: DateTime, rule: serde_json::Value) -> Result<Recurrence, String> {
    let item = serde_json::json!({
        "start": start.to_string(),
        "timeZone": "Etc/UTC",
        "duration": "PT15M",
        "recurrenceRules": [rule],
    });
    let reading = read_event_patch(&item, None).map_err(|problems| format!("{problems:?}"))?;
    match reading.patch.get(Property::Schedule) {
        Some(PropertyValue::Schedule(_, Some(rule))) => Ok(rule.clone()),
        _ => Err("this is no rule".to_owned()),
    }
}

fn show_as(word: &str) -> Result<ShowAs, String> {
    match word {
        "busy" => Ok(ShowAs::Busy),
        "free" => Ok(ShowAs::Free),
        "oof" => Ok(ShowAs::Oof),
        "tentative" => Ok(ShowAs::Tentative),
        other => Err(format!("there is no status '{other}'")),
    }
}

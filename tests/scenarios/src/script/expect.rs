//! Lines that say what has to hold.

use serde_json::Value;
use tidemark_jscalendar::{WriteOptions, write_event};
use tidemark_service::border::Refusal;

use super::words::{Word, Words};
use super::{Outcome, Script, address};
use crate::stage::PEOPLE;

impl Script {
    pub(super) fn expect(&mut self, words: &mut Words) -> Outcome {
        match words.word("what")?.as_str() {
            "feed" => self.expect_feed(words),
            "order" => self.expect_order(words),
            "state" => self.expect_state(words),
            "exchange" => self.expect_exchange(words),
            "business" => self.expect_business(words),
            "history" => self.expect_history(words),
            "mailbox" => self.expect_mailbox(words),
            "trouble" => self.expect_trouble(words),
            "holds" => {
                let (wanted, holds) = (words.number()?, self.stage.holds());
                let count = u32::try_from(holds.len()).unwrap_or(u32::MAX);
                if count == wanted { Ok(()) } else { Err(format!("what waits: {holds:#?}")) }
            }
            "mail" => self.expect_mail(words),
            "no" => {
                if words.word("what")? != "mail" {
                    return Err("only 'no mail' can be expected".to_owned());
                }
                let unread = self.unread_mails();
                if unread.is_empty() { Ok(()) } else { Err(format!("mails left: {unread:#?}")) }
            }
            "quiet" => self.expect_quiet(),
            other => Err(format!("'{other}' cannot be expected")),
        }
    }

    fn expect_feed(&mut self, words: &mut Words) -> Outcome {
        self.read_feed();
        let verb = words.word("a verb")?;
        if verb == "nothing" {
            let left: Vec<&Value> = self.unread.iter().filter(|event| is_of_item(event)).collect();
            return if left.is_empty() { Ok(()) } else { Err(format!("unread: {}", brief(&left))) };
        }
        let who = words.word("an item")?;
        let person = if words.takes("in") { Some(address(&words.word("a person")?)) } else { None };
        let wanted = format!("tidemark.appointment.{verb}");
        let ids = &self.ids;
        let is_id = |data: &Value| {
            let key = (data["mailbox"].as_str().unwrap_or_default().to_owned(), who.clone());
            data["id"] == who.as_str() || ids.get(&key).is_some_and(|id| data["id"] == id.as_str())
        };
        let found = self.unread.iter().position(|event| {
            let data = &event["data"];
            let is_it = is_id(data) || data["item"]["title"] == who.as_str();
            let is_there = person.as_deref().is_none_or(|person| data["mailbox"] == person);
            event["type"] == wanted.as_str() && is_it && is_there
        });
        let Some(found) = found else {
            return Err(format!("no such event; unread: {}", self.brief()));
        };
        let event = self.unread.remove(found);
        let data = &event["data"];
        check(words, data, |name| match name {
            "reason" | "origin" | "item" | "mailbox" => data.get(name).cloned(),
            name => property(&data["item"], name),
        })
    }

    fn brief(&self) -> String {
        brief(&self.unread.iter().collect::<Vec<_>>())
    }

    fn expect_state(&mut self, words: &mut Words) -> Outcome {
        self.read_feed();
        let wanted = format!("tidemark.{}", words.word("a name")?);
        let found = self.unread.iter().position(|event| event["type"] == wanted.as_str());
        let Some(found) = found else {
            return Err(format!("no such event; unread: {}", self.brief()));
        };
        let event = self.unread.remove(found);
        check(words, &event["data"], |name| event["data"].get(name).cloned())
    }

    fn expect_exchange(&mut self, words: &mut Words) -> Outcome {
        let person = address(&words.word("a person")?);
        let calendar = self.stage.calendar(&person);
        let titled = |title: &str| -> Vec<_> {
            calendar.iter().filter(|it| it.event.title.as_deref() == Some(title)).collect()
        };
        match words.word("a title")?.as_str() {
            "count" => {
                let wanted = words.number()?;
                let count = u32::try_from(calendar.len()).unwrap_or(u32::MAX);
                if count == wanted { Ok(()) } else { Err(format!("there are {count}")) }
            }
            "none" => match titled(&words.word("a title")?).len() {
                0 => Ok(()),
                count => Err(format!("there are {count}")),
            },
            title => match titled(title).as_slice() {
                [one] => {
                    let item = write_event(&one.event, &WriteOptions::default());
                    check(words, &item, |name| property(&item, name))
                }
                found => {
                    let titles: Vec<_> = calendar.iter().map(|it| &it.event.title).collect();
                    Err(format!("there are {} of them among {titles:?}", found.len()))
                }
            },
        }
    }

    fn expect_business(&mut self, words: &mut Words) -> Outcome {
        let person = address(&words.word("a person")?);
        let id = self.id_of(&person, &words.word("an item")?);
        let view = self.stage.item(&person, &id);
        if words.takes("none") {
            return match view {
                Err(Refusal::NotFound { .. } | Refusal::Deleted { .. }) => Ok(()),
                Err(other) => Err(format!("the border answers {other:?}")),
                Ok(view) => Err(format!("it is there: {:#}", view.item)),
            };
        }
        let view = view.map_err(|refusal| format!("the border refuses it: {refusal:?}"))?;
        check(words, &view.item, |name| match name {
            "pending" => Some(view.pending.into()),
            "revision" => Some(view.version.revision().into()),
            name => property(&view.item, name),
        })
    }

    fn expect_history(&mut self, words: &mut Words) -> Outcome {
        let person = address(&words.word("a person")?);
        let id = self.id_of(&person, &words.word("an item")?);
        let text = words.word("a text")?;
        let history = self.stage.history(&person, &id);
        let says = |words: &str| words.contains(text.as_str());
        if history.iter().any(|entry| says(&entry.reason) || says(&entry.decision)) {
            Ok(())
        } else {
            Err(format!("the history says: {history:#?}"))
        }
    }

    /// The unread events of these items were told in this order.
    fn expect_order(&mut self, words: &mut Words) -> Outcome {
        self.read_feed();
        let mut last = 0;
        while let Ok(title) = words.word("a title") {
            let place = self
                .unread
                .iter()
                .position(|event| event["data"]["item"]["title"] == title.as_str())
                .ok_or_else(|| format!("nothing unread about '{title}': {}", self.brief()))?;
            if place < last {
                return Err(format!("'{title}' came earlier: {}", self.brief()));
            }
            last = place;
        }
        Ok(())
    }

    fn expect_mailbox(&mut self, words: &mut Words) -> Outcome {
        let person = address(&words.word("a person")?);
        let shown = self.stage.shown_mailbox(&person);
        check(words, &shown, |name| shown.pointer(&format!("/{name}")).cloned())
    }

    fn expect_trouble(&mut self, words: &mut Words) -> Outcome {
        let person = address(&words.word("a person")?);
        let code = words.word("a code")?;
        let troubles = self.stage.mailbox(&person).troubles;
        let found = troubles.iter().any(|trouble| trouble.code == code);
        match (code.as_str(), found, troubles.is_empty()) {
            ("none", _, true) | (_, true, _) => Ok(()),
            _ => Err(format!("the troubles are: {troubles:#?}")),
        }
    }

    /// Mails that no line has expected yet, with their places.
    fn unread_mails(&self) -> Vec<(usize, Value)> {
        let mails = self.stage.mails().into_iter().enumerate();
        mails.filter(|(place, _)| !self.mails_read.contains(place)).collect()
    }

    fn expect_mail(&mut self, words: &mut Words) -> Outcome {
        let person = words.word("a person")?;
        let to = if person.contains('@') { person } else { address(&person) };
        let kind = words.word("a kind").ok();
        let unread = self.unread_mails();
        let found = unread.iter().find(|(_, mail)| {
            mail["to"] == to.as_str() && kind.as_deref().is_none_or(|kind| mail["kind"] == kind)
        });
        match found {
            Some((place, _)) => {
                self.mails_read.push(*place);
                Ok(())
            }
            None => Err(format!("no such mail; unread: {unread:#?}")),
        }
    }

    /// Another round over everybody: nothing is written, nothing told, nothing left over.
    fn expect_quiet(&mut self) -> Outcome {
        self.read_feed();
        let (unread, writes) = (self.unread.len(), self.stage.writes());
        PEOPLE.iter().for_each(|person| self.stage.sync(person));
        self.read_feed();
        let told = self.unread[unread..].iter();
        // A mailbox that the script did not sync before ends its first copy now.
        let told: Vec<&Value> =
            told.filter(|event| event["type"] != "tidemark.firstsync.done").collect();
        if !told.is_empty() {
            return Err(format!("told again: {}", brief(&told)));
        }
        if self.stage.writes() > writes {
            return Err(format!("written again: {:#}", self.stage.requests()));
        }
        self.stage.assert_at_rest();
        Ok(())
    }
}

/// Events in short, for messages.
fn brief(events: &[&Value]) -> String {
    events
        .iter()
        .map(|event| {
            let data = &event["data"];
            format!(
                "\n  {} of {} '{}': {}",
                event["type"], data["id"], data["item"]["title"], data["reason"]
            )
        })
        .collect()
}

fn is_of_item(event: &Value) -> bool {
    event["type"].as_str().is_some_and(|kind| kind.starts_with("tidemark.appointment."))
}

/// Sentences, of which a script names a part.
fn is_prose(name: &str) -> bool {
    name == "reason" || name == "text" || name.ends_with("/text")
}

/// Compares the properties that the rest of the line names. Sentences have to contain their value.
fn check(words: &mut Words, shown: &Value, value_of: impl Fn(&str) -> Option<Value>) -> Outcome {
    while let Ok(name) = words.word("a property") {
        let actual = value_of(&name).filter(|value| !value.is_null());
        let wanted = words.any().ok_or(format!("which value has '{name}'?"))?;
        let holds = match (&wanted, &actual) {
            (Word::Text(text), None) => text == "absent",
            (Word::Json(_), None) => false,
            (Word::Json(wanted), Some(actual)) => wanted == actual,
            (Word::Text(text), Some(Value::String(actual))) if is_prose(&name) => {
                actual.contains(text.as_str())
            }
            (Word::Text(text), Some(Value::String(actual))) => text == actual,
            (Word::Text(text), Some(actual)) => {
                let written = actual.to_string();
                *text == written
            }
        };
        if !holds {
            return Err(format!("'{name}' is {actual:?}, not {wanted:?}, in {shown:#}"));
        }
    }
    Ok(())
}

/// A property of an item: the place's name, or what a JSON pointer says.
fn property(item: &Value, name: &str) -> Option<Value> {
    if name == "location" {
        let place = item["locations"].as_object()?.values().next()?;
        return place.get("name").cloned();
    }
    item.pointer(&format!("/{name}")).cloned()
}

//! Scenarios as text: two sides and a clock.
//!
//! A script is read line by line; `#` begins a comment. Words are separated by blanks; a word with
//! blanks stands in double quotes, JSON stands as it is. A word that is not known is an error that
//! names its line. `PERSON` is the first part of an address, `ID` the business system's own id of
//! an item or, for one born in Exchange, its title.
//!
//! ```text
//! over ews|graph COMMAND                       a line for one protocol, where they cannot do the same
//! rules JSON                                   the rules of everybody's profile
//! sync PERSON | sync everybody                 runs until nothing is left to do
//! subscribe PERSON                             asks Exchange for notifications
//! tick 15m                                     time passes: notifications, sweep, workers
//! wait 2s                                      time passes, and nothing else happens
//! faults KIND TIMES [OPERATION]                what goes wrong next in Exchange
//! exchange PERSON create TITLE START LENGTH [at PLACE] [body TEXT] [with PERSON,…]
//!                        [zone IANA] [rule JSON] [all-day] [private]
//! exchange PERSON fill N START                 N appointments of an hour, one a day, 'Filler 1' and so on
//! exchange PERSON change TITLE [on START] PROPERTY…
//! exchange PERSON cancel TITLE on START        takes one occurrence out
//! exchange PERSON delete TITLE
//! exchange PERSON move TITLE FOLDER            TITLE as it was last seen in the calendar
//! exchange PERSON answer TITLE accepted|declined|tentative
//! business put|patch PERSON ID JSON [if-match N] [refused WHY] [ignored POINTER]
//! business delete PERSON ID [if-match N] [refused WHY]
//! decide send|without-attendees|discard [refused WHY]   about everything that waits
//! expect feed VERB ID [in PERSON] [PROPERTY VALUE]…        the next event of this kind; it is read then
//! expect feed nothing                          no event about an item is unread
//! expect order TITLE…                          the unread events of these items came in this order
//! expect state NAME [reason TEXT]              an event about a state; it is read then
//! expect exchange PERSON TITLE [PROPERTY VALUE]…
//! expect exchange PERSON none TITLE | expect exchange PERSON count N
//! expect business PERSON ID [PROPERTY VALUE]…  what the border answers for it
//! expect history PERSON ID TEXT                some decision about it says so
//! expect mailbox PERSON [PROPERTY VALUE]…      what the border shows of the mailbox
//! expect trouble PERSON CODE
//! expect holds N
//! expect mail PERSON [KIND]                    a mail to somebody; it is read then
//! expect no mail                               no mail is unread
//! expect quiet                                 another round changes and tells nothing
//! ```
//!
//! A property in `expect` is a JSON pointer without its first slash; `location` is the place's
//! name, `reason`, `origin` and `item` belong to the event itself. The value `absent` means that it
//! is not there. Properties of `exchange … change`: `title`, `place`, `body`, `start`, `length`,
//! `show`, `category`, `remind`, `private`, `public`, `high`.

use std::collections::BTreeMap;

use serde_json::Value;
use tidemark_store::records::FeedCursor;

use crate::exchange::Wire;
use crate::stage::{PEOPLE, Setting, Stage};

mod business;
mod exchange;
mod expect;
mod words;

use words::Words;

/// Runs a script over a protocol.
///
/// # Panics
/// At the first line that does not hold or cannot be read; the message names it.
pub fn run(name: &str, text: &str, wire: Wire) {
    let mut script = Script::new(wire);
    for (number, line) in text.lines().enumerate() {
        let code = words::without_comment(line);
        if code.is_empty() {
            continue;
        }
        // The harness shows this only where a test fails: also a panic deep inside has its line.
        println!("{name}:{}: {code}", number + 1);
        if let Err(what) = script.line(code) {
            panic!("{name}:{}: {code}\n{what}", number + 1);
        }
    }
}

/// A script under way.
pub(crate) struct Script {
    stage: Stage,
    wire: Wire,
    cursor: Option<FeedCursor>,
    /// Events of the feed that no line has expected yet.
    unread: Vec<Value>,
    /// Ids of items by mailbox and title, as the feed told them.
    ids: BTreeMap<(String, String), String>,
    /// The appointments that people act upon, as they were called when they were made.
    numbers: BTreeMap<(String, String), tidemark_simulator::store::ItemNumber>,
    mails_read: Vec<usize>,
}

/// What goes wrong in a line.
type Outcome = Result<(), String>;

impl Script {
    fn new(wire: Wire) -> Self {
        Self {
            stage: Stage::new(Setting { wire, ..Setting::default() }),
            wire,
            cursor: None,
            unread: Vec::new(),
            ids: BTreeMap::new(),
            numbers: BTreeMap::new(),
            mails_read: Vec::new(),
        }
    }

    fn line(&mut self, code: &str) -> Outcome {
        let mut words = Words::read(code)?;
        let mut command = words.word("a command")?;
        if command == "over" {
            let wire = match words.word("a protocol")?.as_str() {
                "ews" => Wire::Ews,
                "graph" => Wire::Graph,
                other => return Err(format!("there is no protocol '{other}'")),
            };
            if wire != self.wire {
                return Ok(());
            }
            command = words.word("a command")?;
        }
        match command.as_str() {
            "rules" => {
                let rules = words.json("the rules")?;
                self.stage.set_rules(rules);
            }
            "sync" => match words.word("a person")?.as_str() {
                "everybody" => PEOPLE.iter().for_each(|person| self.stage.sync(person)),
                person => self.stage.sync(&address(person)),
            },
            "subscribe" => {
                let person = address(&words.word("a person")?);
                self.stage.subscribe(&person);
            }
            "tick" => self.stage.tick(words.duration()?),
            "wait" => self.stage.clock.advance(words.duration()?),
            "faults" => self.faults(&mut words)?,
            "exchange" => self.exchange(&mut words)?,
            "business" => self.business(&mut words)?,
            "decide" => self.decide(&mut words)?,
            "expect" => self.expect(&mut words)?,
            other => return Err(format!("there is no command '{other}'")),
        }
        words.end()
    }

    /// The id of an item: the title's, if the feed told one, else the word itself.
    fn id_of(&mut self, person: &str, word: &str) -> String {
        self.read_feed();
        let key = (person.to_owned(), word.to_owned());
        self.ids.get(&key).cloned().unwrap_or(key.1)
    }

    /// Reads what is new in the feed.
    fn read_feed(&mut self) {
        let (events, cursor) = self.stage.feed(self.cursor.take());
        self.cursor = Some(cursor);
        for event in events {
            let data = &event["data"];
            let text = |value: &Value| value.as_str().map(str::to_owned);
            if let (Some(person), Some(id), Some(title)) =
                (text(&data["mailbox"]), text(&data["id"]), text(&data["item"]["title"]))
            {
                self.ids.insert((person, title), id);
            }
            self.unread.push(event);
        }
    }
}

fn address(person: &str) -> String {
    format!("{person}@tidemark.example")
}

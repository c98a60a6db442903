//! A business system: it reads the feed into a picture of its own, and has its changes written down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde_json::{Value, json};
use tidemark_jscalendar::read_event_patch;
use tidemark_model::{BusinessKey, Kind, LinkId, MailboxId, Property, PropertyValue, SystemId};
use tidemark_service::border::{Caller, ItemChangeRequest};
use tidemark_store::records::{
    ChangeId, Collection, FeedCursor, IdempotencyKey, PendingChange, PendingOperation,
};
use tidemark_transport::Clock as _;

use super::Violation;
use super::invariants::differs;
use super::people::SECRET;
use crate::random::Random;
use crate::stage::{PEOPLE, Stage};

/// How often a change is asked for again whose answer was lost. It carries the same key each time.
const REPEATS_MAX: usize = 20;

/// Which item: mailbox address and item id.
pub(crate) type ItemKey = (String, String);

/// A change that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) key: ItemKey,
    pub(crate) delete: bool,
}

/// The business system.
pub(crate) struct Business {
    caller: Caller,
    random: Arc<Random>,
    made: u32,
    cursor: Option<FeedCursor>,
    /// Its picture of the items, as the feed told it.
    pub(crate) items: BTreeMap<ItemKey, Value>,
    /// Everything that it asked for.
    pub(crate) asked: Vec<Asked>,
    /// Outcomes per item.
    pub(crate) outcomes: BTreeMap<ItemKey, usize>,
    /// `created` events per item.
    pub(crate) created: BTreeMap<ItemKey, usize>,
    /// The UID of each item, as last told.
    pub(crate) uids: BTreeMap<ItemKey, String>,
    all_uids: BTreeMap<ItemKey, BTreeSet<String>>,
    /// Items that some event said to be gone.
    pub(crate) gone: BTreeSet<ItemKey>,
    /// Items of which it was told that Exchange changed them, and in what the picture changed.
    pub(crate) learned: Vec<(ItemKey, Property)>,
    /// Items in which a change of its own met one of somebody else.
    pub(crate) conflicts: BTreeSet<ItemKey>,
    /// How often it was told that a mailbox moved.
    pub(crate) moved: BTreeMap<String, usize>,
    events: usize,
    digest: u64,
    trace: bool,
}

impl Business {
    pub(crate) fn new(caller: Caller, random: Arc<Random>, trace: bool) -> Self {
        Self {
            caller,
            random,
            made: 0,
            cursor: None,
            items: BTreeMap::new(),
            asked: Vec::new(),
            outcomes: BTreeMap::new(),
            created: BTreeMap::new(),
            uids: BTreeMap::new(),
            all_uids: BTreeMap::new(),
            gone: BTreeSet::new(),
            learned: Vec::new(),
            conflicts: BTreeSet::new(),
            moved: BTreeMap::new(),
            events: 0,
            digest: 0,
            trace,
        }
    }

    pub(crate) const fn events(&self) -> usize {
        self.events
    }

    pub(crate) const fn digest(&self) -> u64 {
        self.digest
    }

    /// The UIDs under which an item was told: more than one if it was made again, none if it is
    /// private.
    pub(crate) fn uids_of(&self, key: &ItemKey) -> impl ExactSizeIterator<Item = &String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        self.all_uids.get(key).unwrap_or(&NONE).iter()
    }

    /// All items that were ever told with a UID.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &ItemKey> {
        self.all_uids.keys()
    }

    /// One change of the business system, or a look at the feed.
    pub(crate) fn edit(&mut self, stage: &mut Stage) -> Result<(), Violation> {
        let known: Vec<ItemKey> = self.items.keys().cloned().collect();
        let known = self.random.pick(&known).cloned();
        match (self.random.below(12), known) {
            (0..=2, _) => self.read_feed(stage),
            (3..=5, _) | (_, None) => {
                self.made += 1;
                let person = PEOPLE[self.random.below(PEOPLE.len())];
                let key = (person.to_owned(), format!("erp-{}", self.made));
                let item = self.new_item();
                self.ask(stage, key, ItemChangeRequest::Put(item));
                Ok(())
            }
            (6, Some(key)) => {
                self.ask(stage, key, ItemChangeRequest::Delete);
                Ok(())
            }
            (7 | 8, Some(key)) => {
                let item = self.rewritten(&self.items[&key]);
                self.ask(stage, key, ItemChangeRequest::Put(item));
                Ok(())
            }
            (_, Some(key)) => {
                let patch = self.patch(&self.items[&key]);
                self.ask(stage, key, ItemChangeRequest::Patch(patch));
                Ok(())
            }
        }
    }

    fn new_item(&self) -> Value {
        let hour = 8 + self.random.below(9);
        let day = 2 + self.random.below(20);
        let mut item = json!({
            "title": format!("made by the ERP {}", self.made),
            "start": format!("2027-04-{day:02}T{hour:02}:00:00"),
            "timeZone": "Europe/Berlin",
            "duration": "PT1H",
        });
        if self.random.chance(300) {
            item["recurrenceRules"] = json!([{
                "@type": "RecurrenceRule", "frequency": "daily", "interval": 2, "count": 5
            }]);
            if self.random.chance(500) {
                let next = format!("2027-04-{:02}T{hour:02}:00:00", day + 2);
                item["recurrenceOverrides"] = json!({ next: { "title": "once, says the ERP" } });
            }
        }
        if self.random.chance(100) {
            item["privacy"] = json!("private");
            item["title"] = json!(format!("{SECRET} of the ERP"));
        }
        if self.random.chance(80) {
            item["participants"] = json!({
                "guest@elsewhere.example": {
                    "@type": "Participant", "roles": { "attendee": true },
                    "sendTo": { "imip": "mailto:guest@elsewhere.example" }
                }
            });
        }
        item
    }

    /// The whole item as the business system knows it, born on whichever side, with one thing changed
    /// or nothing: so writes a system that does not keep track of what it changed. What it knows may
    /// be out of date by then.
    fn rewritten(&self, item: &Value) -> Value {
        let mut item = item.clone();
        let of_series = self.random.chance(500).then(|| self.series_patch(&item)).flatten();
        if let Some(patch) = of_series {
            merge(&mut item, patch);
            return item;
        }
        match self.random.below(7) {
            0 => item["title"] = json!(format!("rewritten {}", self.random.below(100))),
            1 => item["description"] = json!(format!("words {}", self.random.below(100))),
            2 => {
                let name = format!("site {}", self.random.below(9));
                item["locations"] = json!({ "1": { "@type": "Location", "name": name } });
            }
            3 => {
                let keyword = format!("category {}", self.random.below(3));
                item["keywords"] = json!({ keyword: true });
            }
            4 => self.move_start(&mut item),
            5 => {
                // Absent is no opinion.
                for name in ["description", "locations", "keywords", "freeBusyStatus"] {
                    if let Some(members) = item.as_object_mut() {
                        members.remove(name);
                    }
                }
            }
            _ => {}
        }
        item
    }

    /// Moves an item by some hours, with all its occurrences; what was said of single ones is dropped.
    fn move_start(&self, item: &mut Value) {
        let start = item["start"].as_str().and_then(|text| text.parse::<DateTime>().ok());
        let Some(start) = start else { return };
        let later = SignedDuration::from_hours(1 + self.random.below(3) as i64);
        item["start"] = json!((start + later).to_string());
        if !item["recurrenceOverrides"].is_null() {
            item["recurrenceOverrides"] = Value::Null;
        }
    }

    fn patch(&self, item: &Value) -> Value {
        let of_series = self.random.chance(500).then(|| self.series_patch(item)).flatten();
        of_series.unwrap_or_else(|| self.single_patch())
    }

    /// A change of a series that takes Exchange several requests: of its times, which drops what is
    /// said of its occurrences, or of an occurrence.
    fn series_patch(&self, item: &Value) -> Option<Value> {
        let reading = read_event_patch(item, None).ok()?;
        let Some(PropertyValue::Schedule(schedule, Some(rule))) =
            reading.patch.get(Property::Schedule)
        else {
            return None;
        };
        let id = rule.starts(schedule.start()).nth(self.random.below(4))?.start().to_string();
        Some(match self.random.below(4) {
            0 => json!({ "duration": format!("PT{}M", 30 * (1 + self.random.below(4))) }),
            1 => json!({ "recurrenceOverrides": { id: { "excluded": true } } }),
            _ => {
                let title = format!("once, says the ERP {}", self.random.below(100));
                json!({ "recurrenceOverrides": { id: { "title": title } } })
            }
        })
    }

    fn single_patch(&self) -> Value {
        match self.random.below(4) {
            0 => json!({ "title": format!("retitled {}", self.random.below(100)) }),
            1 => {
                json!({ "locations": { "1": { "name": format!("site {}", self.random.below(9)) } } })
            }
            2 => json!({ "description": format!("words {}", self.random.below(100)) }),
            _ => json!({ "freeBusyStatus": "free" }),
        }
    }

    fn ask(&mut self, stage: &mut Stage, key: ItemKey, change: ItemChangeRequest) {
        let service = stage.service.clone();
        let delete = change == ItemChangeRequest::Delete;
        let key_text = key.clone();
        let what = match &change {
            ItemChangeRequest::Put(item) => format!("put {item}"),
            ItemChangeRequest::Patch(item) => format!("patch {item}"),
            ItemChangeRequest::Delete => "delete".to_owned(),
        };
        let asked = Asked { key: key.clone(), delete };
        // A request without an answer is made again with the same key: it counts once.
        let number = format!("change-{}", self.asked.len() + self.events);
        let idempotency = Some(IdempotencyKey::new(number, &[what.as_bytes()]));
        let pending = self.pending_change(stage, &key, &change, idempotency);
        let scope = stage.scope(&key.0);
        let clock = stage.clock.clone();
        let accepted = stage.run(async move {
            for _ in 0..REPEATS_MAX {
                let now = clock.now();
                let collection = Collection::calendar();
                if service.records.accept(&scope, &pending, &collection, now).await.is_ok() {
                    // A message that is not sent is made up for by the minute schedule.
                    let _ = service.raise(&scope, &collection).await;
                    return true;
                }
            }
            false
        });
        if self.trace {
            println!("asked {} {}: {what} {}", key_text.0, key_text.1, accepted);
        }
        if accepted {
            self.asked.push(asked);
        }
    }

    /// The change as the API writes it down. The border's own checks have tests of their own.
    fn pending_change(
        &self,
        stage: &Stage,
        key: &ItemKey,
        change: &ItemChangeRequest,
        idempotency: Option<IdempotencyKey>,
    ) -> PendingChange {
        let business_key =
            LinkId::parse(&key.1).is_err().then(|| BusinessKey::parse(&key.1).expect("a valid id"));
        let mailbox = stage.scope(&key.0).mailbox;
        let (operation, body) = match change {
            ItemChangeRequest::Put(value) => (PendingOperation::Put, value.to_string()),
            ItemChangeRequest::Patch(value) => (PendingOperation::Patch, value.to_string()),
            ItemChangeRequest::Delete => (PendingOperation::Delete, String::new()),
        };
        PendingChange {
            id: ChangeId::new(stage.service.world.uuid()),
            link: self.link_of(mailbox, key),
            business_key,
            operation,
            body: body.into_bytes(),
            if_match: None,
            idempotency,
            answer: Vec::new(),
            system: self.system().clone(),
        }
    }

    fn system(&self) -> &SystemId {
        self.caller.system.as_ref().expect("the simulation's key has a system")
    }

    /// The link that an item's id means.
    pub(crate) fn link_of(&self, mailbox: MailboxId, key: &ItemKey) -> LinkId {
        LinkId::parse(&key.1).unwrap_or_else(|_| {
            let key = BusinessKey::parse(&key.1).expect("a valid id");
            LinkId::of_business_key(self.system(), mailbox, Kind::Appointment, &key)
        })
    }

    /// Reads the feed to its end and applies what it says.
    pub(crate) fn read_feed(&mut self, stage: &mut Stage) -> Result<(), Violation> {
        let Some((events, cursor)) = stage.try_feed(self.cursor.clone()) else { return Ok(()) };
        self.cursor = Some(cursor);
        for event in events {
            self.apply(&event)?;
        }
        Ok(())
    }

    fn apply(&mut self, event: &Value) -> Result<(), Violation> {
        self.events += 1;
        let text = event.to_string();
        if text.contains(SECRET) {
            return Err(Violation { rule: "nothing private is told", detail: text });
        }
        let kind = event["type"].as_str().unwrap_or_default();
        self.digest = mix(self.digest, kind);
        if self.trace {
            let data = &event["data"];
            println!(
                "{} {kind} {} {} {}",
                event["time"], data["id"], data["item"]["title"], data["reason"]
            );
        }
        let data = &event["data"];
        let field = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        if kind == "tidemark.mailbox.moved" {
            *self.moved.entry(field("mailbox")).or_default() += 1;
        }
        let Some(verb) = kind.strip_prefix("tidemark.appointment.") else { return Ok(()) };
        let key = (field("mailbox"), field("id"));
        self.digest = mix(self.digest, &key.0);
        if let Some(uid) = data["item"]["uid"].as_str() {
            self.uids.insert(key.clone(), uid.to_owned());
            self.all_uids.entry(key.clone()).or_default().insert(uid.to_owned());
        }
        match verb {
            "created" | "updated" => {
                if verb == "created" {
                    *self.created.entry(key.clone()).or_default() += 1;
                }
                if data["origin"] != "exchange" {
                    return Err(Violation { rule: "nothing echoes", detail: text });
                }
                let before = self.items.insert(key.clone(), data["item"].clone());
                let changed = before.and_then(|before| differs(&before, &data["item"]));
                self.learned.extend(changed.map(|property| (key, property)));
            }
            "deleted" => {
                self.items.remove(&key);
                self.gone.insert(key);
            }
            "applied" | "conflict" | "refused" | "held" => {
                if verb != "held" {
                    *self.outcomes.entry(key.clone()).or_default() += 1;
                }
                if verb == "conflict" {
                    self.conflicts.insert(key.clone());
                }
                if data["item"].is_object() {
                    self.items.insert(key, data["item"].clone());
                } else if verb != "held" {
                    // Deleted as asked, or private: there is nothing to show.
                    self.items.remove(&key);
                }
            }
            other => {
                return Err(Violation {
                    rule: "events have known types",
                    detail: other.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// Lays a patch over an item, as deep as both have members.
fn merge(item: &mut Value, patch: Value) {
    match (item, patch) {
        (Value::Object(members), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(members.entry(name).or_insert(Value::Null), value);
            }
        }
        (item, patch) => *item = patch,
    }
}

fn mix(digest: u64, text: &str) -> u64 {
    text.bytes().fold(digest, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

//! Exchange as the people of a stage see it.

use serde_json::Value;
use tidemark_jscalendar::{WriteOptions, write_event};
use tidemark_simulator::{SimOutcome, SimRequest, Snapshot};

use super::Stage;

impl Stage {
    /// The calendar of a person.
    ///
    /// # Panics
    /// When there is no such mailbox.
    pub fn calendar(&self, person: &str) -> Vec<Snapshot> {
        self.simulator.snapshot(person).expect("a mailbox of the demo")
    }

    /// The one appointment with this title.
    ///
    /// # Panics
    /// When there is none, or more than one.
    pub fn appointment(&self, person: &str, title: &str) -> Snapshot {
        let mut found: Vec<Snapshot> = self
            .calendar(person)
            .into_iter()
            .filter(|it| it.event.title.as_deref() == Some(title))
            .collect();
        assert_eq!(found.len(), 1, "{person} has {} appointments '{title}'", found.len());
        found.remove(0)
    }

    /// The calendar of a person in the notation of the border.
    ///
    /// # Panics
    /// When there is no such mailbox.
    pub fn written_calendar(&self, person: &str) -> Vec<Value> {
        self.calendar(person)
            .iter()
            .map(|it| write_event(&it.event, &WriteOptions::default()))
            .collect()
    }

    /// Every mail that left Exchange about meetings: who, to whom, what.
    ///
    /// # Panics
    /// When the simulator does not answer.
    pub fn mails(&self) -> Vec<Value> {
        let ledger = self.control("GET", "ledger", "");
        ledger["mails"].as_array().cloned().expect("the ledger is a list")
    }

    /// How often each operation was asked for.
    pub fn requests(&self) -> Value {
        self.control("GET", "requests", "")
    }

    /// How many requests so far could have changed something.
    ///
    /// # Panics
    /// When the simulator does not answer.
    pub fn writes(&self) -> u64 {
        let requests = self.requests();
        let counts = requests.as_object().expect("operations are counted");
        counts
            .iter()
            .filter(|(name, _)| {
                ["Create", "Update", "Delete", "Move", "Send"].iter().any(|it| name.starts_with(it))
            })
            .filter_map(|(_, count)| count.as_u64())
            .sum()
    }

    /// Asks the simulator below `/_sim/`.
    ///
    /// # Panics
    /// When it does not answer with 200.
    pub fn control(&self, method: &str, path: &str, body: &str) -> Value {
        let outcome = self.simulator.handle(&SimRequest {
            method: method.to_owned(),
            path: format!("/_sim/{path}"),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        });
        match outcome {
            SimOutcome::Answer { status: 200, body, .. } => {
                serde_json::from_slice(body.as_ref()).expect("an answer in JSON")
            }
            SimOutcome::Answer { status, .. } => panic!("{method} {path}: status {status}"),
            SimOutcome::CutBefore | SimOutcome::CutAfter => panic!("{method} {path}: no answer"),
        }
    }
}

//! Answers that are empty, cut short or empty of changes, although the status says 200 (N11, pains 6
//! and 14): a proxy's, or those of an Exchange in trouble. Nothing is deleted because of them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use tidemark_scenarios::exchange::SimulatedExchange;
use tidemark_scenarios::ports::SimulatedHttp;
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_simulator::{FaultKind, FaultPlan, FaultRule, NewAppointment};
use tidemark_transport::{HttpPort, HttpRequest, HttpResponse, TransportError};

const ALEX: &str = "alex@tidemark.example";
const ITEMS: usize = 12;

/// What becomes of the answers to SyncFolderItems on their way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Tampering {
    /// Nothing of them arrives.
    Empty,
    /// Their second half is missing.
    CutShort,
    /// They say that nothing is there, and that this is all.
    NoChanges,
    /// Nothing: they arrive as they are.
    No,
}

/// The way to the simulator, with somebody in between.
struct Between {
    http: SimulatedHttp,
    tampering: Arc<Mutex<Tampering>>,
    tampered: Arc<Mutex<usize>>,
}

#[async_trait]
impl HttpPort for Between {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let is_sync = body.contains("SyncFolderItems");
        let mut response = self.http.send(request).await?;
        let tampering = *self.tampering.lock().unwrap();
        let text = String::from_utf8(response.body.to_vec()).unwrap();
        if !is_sync || tampering == Tampering::No || !text.contains("NoError") {
            return Ok(response);
        }
        *self.tampered.lock().unwrap() += 1;
        response.body = Bytes::from(match tampering {
            Tampering::Empty => String::new(),
            Tampering::CutShort => text[..text.len() / 2].to_owned(),
            Tampering::NoChanges => without_changes(&text),
            Tampering::No => text,
        });
        Ok(response)
    }
}

fn without_changes(text: &str) -> String {
    let (begin, end) = ("<m:Changes>", "</m:Changes>");
    let Some(from) = text.find(begin) else { return text.to_owned() };
    let to = text.find(end).expect("the list ends");
    let text = format!("{}{}", &text[..from + begin.len()], &text[to..]);
    text.replace("IncludesLastItemInRange>false<", "IncludesLastItemInRange>true<")
}

/// A copied calendar, and what lies in between.
fn copied() -> (Stage, Arc<Mutex<Tampering>>, Arc<Mutex<usize>>) {
    let mut stage = Stage::new(Setting::default());
    for number in 0..ITEMS {
        let new = NewAppointment {
            subject: format!("Number {number}"),
            start: "2027-03-02T09:00:00".parse().unwrap(),
            duration: jiff::SignedDuration::from_hours(1),
            body: None,
            location: None,
            recurrence: None,
            attendees: Vec::new(),
        };
        stage.simulator.user(ALEX).create(&new).unwrap();
    }
    stage.sync(ALEX);
    let tampering = Arc::new(Mutex::new(Tampering::No));
    let tampered = Arc::new(Mutex::new(0));
    let http = Between {
        http: SimulatedHttp::new(Arc::clone(&stage.simulator), Arc::clone(&stage.effects)),
        tampering: Arc::clone(&tampering),
        tampered: Arc::clone(&tampered),
    };
    let world = &stage.service.world;
    let exchange = SimulatedExchange::new(Arc::new(http), world.clock(), world.entropy());
    stage.service.exchange = Arc::new(exchange);
    (stage, tampering, tampered)
}

#[test]
fn n11_an_empty_or_truncated_answer_deletes_nothing() {
    for how in [Tampering::Empty, Tampering::CutShort, Tampering::NoChanges] {
        for cursor_is_lost in [false, true] {
            let what = format!("{how:?}, cursor lost: {cursor_is_lost}");
            let (mut stage, tampering, tampered) = copied();
            let (_, cursor) = stage.feed(None);
            if cursor_is_lost {
                let lost = FaultRule::times(FaultKind::SyncStateLost, 1);
                stage.simulator.set_faults(FaultPlan::new(0, vec![lost]));
            }
            *tampering.lock().unwrap() = how;
            for _ in 0..4 {
                stage.raise(ALEX);
                stage.attempt(ALEX);
                stage.clock.advance(jiff::SignedDuration::from_mins(10));
            }
            assert!(*tampered.lock().unwrap() > 0, "{what}: nothing was tampered with");
            let troubles = stage.mailbox(ALEX).troubles;
            assert_eq!(troubles.is_empty(), how == Tampering::NoChanges, "{what}: {troubles:?}");

            // The way is clear again: a change goes on from where both sides were.
            *tampering.lock().unwrap() = Tampering::No;
            stage.recover(ALEX);
            stage.recover(ALEX);
            let (events, cursor) = stage.feed(Some(cursor));
            let items: Vec<_> = events
                .iter()
                .filter(|event| event["type"].as_str().unwrap().contains("appointment"))
                .collect();
            assert!(items.is_empty(), "{what}: {items:#?}");
            assert_eq!(stage.calendar(ALEX).len(), ITEMS, "{what}");
            assert_eq!(stage.mailbox(ALEX).troubles, [], "{what}");
            let number = stage.appointment(ALEX, "Number 3").item;
            let place = tidemark_simulator::store::Change::Location(Some("Room 3".to_owned()));
            stage.simulator.user(ALEX).update(number, &[place]).unwrap();
            stage.recover(ALEX);
            let (events, _) = stage.feed(Some(cursor));
            let kinds: Vec<_> = events.iter().map(|event| event["type"].clone()).collect();
            assert_eq!(kinds, ["tidemark.appointment.updated"], "{what}");
            stage.assert_at_rest();
        }
    }
}

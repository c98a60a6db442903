//! Intake under parallel calls (N1): Exchange posts the news of a busy mailbox on several
//! connections at once, and each is written down before it is answered.

use std::cell::RefCell;
use std::rc::Rc;

use tidemark_intake::{PushAnswer, PushIntake as _};
use tidemark_scenarios::executor::Step;
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_simulator::NewAppointment;

const ALEX: &str = "alex@tidemark.example";
const CONNECTIONS: usize = 8;
const CALLS: usize = 50;

/// The address and the body of a notification that Exchange posts for an appointment.
fn notification(stage: &mut Stage) -> (String, String) {
    stage.subscribe(ALEX);
    let new = NewAppointment {
        subject: "Visit".to_owned(),
        start: "2027-03-02T09:00:00".parse().unwrap(),
        duration: jiff::SignedDuration::from_hours(1),
        body: None,
        location: None,
        recurrence: None,
        attendees: Vec::new(),
    };
    stage.simulator.user(ALEX).create(&new).unwrap();
    stage.clock.advance(jiff::SignedDuration::from_secs(1));
    let mut due = stage.simulator.due_callbacks(tidemark_transport::Clock::now(&stage.clock));
    let callback = due.pop().expect("a notification");
    let key = callback.url.rsplit('/').next().unwrap().to_owned();
    (key, callback.body.clone())
}

/// The same news with a watermark of its own at its end.
fn later(body: &str, call: usize) -> String {
    let at = body.rfind("</t:Watermark>").expect("a watermark");
    format!("{}x{call}{}", &body[..at], &body[at..])
}

#[test]
fn n1_eight_connections_to_one_mailbox_are_all_taken() {
    for seed in 1..=5 {
        let mut stage = Stage::new(Setting { seed, ..Setting::default() });
        let (key, body) = notification(&mut stage);
        let answers = Rc::new(RefCell::new(Vec::new()));
        for connection in 0..CONNECTIONS {
            let (service, key, body) = (stage.service.clone(), key.clone(), body.clone());
            let answers = Rc::clone(&answers);
            stage.executor.spawn(async move {
                for call in 0..CALLS {
                    let body = later(&body, connection * CALLS + call);
                    let answer = service.ews_push(&key, body.as_bytes()).await;
                    answers.borrow_mut().push(matches!(answer, PushAnswer::Taken(_)));
                }
            });
        }
        while !stage.executor.is_empty() {
            assert!(stage.executor.step() != Step::Idle, "nobody waits for anything");
        }
        let answers = answers.borrow();
        assert_eq!(answers.len(), CONNECTIONS * CALLS);
        let refused = answers.iter().filter(|taken| !**taken).count();
        assert_eq!(refused, 0, "seed {seed}: of {} calls", answers.len());
        assert!(stage.marks(ALEX).hinted >= 400);
    }
}

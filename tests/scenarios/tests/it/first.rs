use jiff::SignedDuration;
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_simulator::NewAppointment;

const ALEX: &str = "alex@tidemark.example";

fn visit() -> NewAppointment {
    NewAppointment {
        subject: "Visit".to_owned(),
        start: "2027-03-02T09:00:00".parse().unwrap(),
        duration: SignedDuration::from_hours(1),
        body: None,
        location: Some("Room 1".to_owned()),
        recurrence: None,
        attendees: Vec::new(),
    }
}

#[test]
fn e1_an_appointment_of_exchange_arrives_once() {
    let mut stage = Stage::new(Setting::default());
    stage.simulator.user(ALEX).create(&visit()).unwrap();
    stage.sync(ALEX);
    let (events, cursor) = stage.feed(None);
    let created: Vec<_> =
        events.iter().filter(|e| e["type"] == "tidemark.appointment.created").collect();
    assert_eq!(created.len(), 1, "{events:#?}");
    assert_eq!(created[0]["data"]["item"]["title"], "Visit");
    stage.sync(ALEX);
    assert_eq!(stage.feed(Some(cursor)).0, Vec::<serde_json::Value>::new());
}

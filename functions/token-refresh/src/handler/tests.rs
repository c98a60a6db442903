use super::*;

const SCHEDULED: &str = include_str!("../../tests/fixtures/scheduled.json");

fn read(json: &str) -> Result<Asked, Failure> {
    serde_json::from_str::<Event>(json).unwrap().read()
}

#[test]
fn a_schedule_asks_for_the_refresh() {
    for json in [SCHEDULED, "{}"] {
        assert_eq!(read(json).unwrap(), Asked::Refresh);
    }
}

#[test]
fn secrets_manager_asks_for_a_step() {
    let steps = [
        ("createSecret", Step::Create),
        ("setSecret", Step::Set),
        ("testSecret", Step::Test),
        ("finishSecret", Step::Finish),
    ];
    for (name, step) in steps {
        let json = format!(
            r#"{{"Step":"{name}","SecretId":"arn:s","ClientRequestToken":"v","RotationToken":"r"}}"#
        );
        let (secret, token) = ("arn:s".to_owned(), "v".to_owned());
        assert_eq!(read(&json).unwrap(), Asked::Rotation { secret, token, step });
    }
}

#[test]
fn half_an_event_is_none() {
    for json in [
        r#"{"Step":"createSecret"}"#,
        r#"{"SecretId":"s","ClientRequestToken":"v"}"#,
        r#"{"Step":"burn","SecretId":"s","ClientRequestToken":"v"}"#,
    ] {
        assert!(matches!(read(json), Err(Failure::Unreadable)), "{json}");
    }
}

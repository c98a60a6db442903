//! A mailbox that its connection does not lead to any more: which one does is found and proposed, and
//! nothing is moved but by an administrator (pains 20, 21).

use tidemark_scenarios::stage::FIRST_CONNECTION;

use super::*;

/// A run that finds out how the mailbox is reached.
fn run(stage: &mut Stage) -> Vec<String> {
    stage.clock.advance(SignedDuration::from_mins(6));
    stage.raise(ALEX);
    stage.attempt(ALEX);
    stage.errors(ALEX)
}

/// The proposals in the activity: from, to, and the error that they follow from.
fn proposals(stage: &mut Stage) -> Vec<(Value, Value, Value)> {
    let rows = stage.activity().into_iter().filter(|row| row.action == "move-proposed");
    rows.map(|row| {
        let proposal = row.after.expect("what is proposed");
        (proposal["from"].clone(), proposal["to"].clone(), proposal["code"].clone())
    })
    .collect()
}

fn proposal(code: &str) -> (Value, Value, Value) {
    (json!(FIRST_CONNECTION), json!(SECOND_CONNECTION), json!(code))
}

#[test]
fn n2_a_mailbox_that_left_its_server_says_so_and_where_it_is() {
    let mut stage = agreed(Way::Migrated, 1, 0);
    stage.control("POST", &format!("mailboxes/{ALEX}/migrate"), "{}");
    stage.raise(ALEX);
    stage.attempt(ALEX);
    let errors = stage.errors(ALEX);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("ErrorNonExistentMailbox: "), "{errors:?}");
    assert!(errors[0].contains("Move this mailbox to a Graph connection"), "{errors:?}");
    assert!(errors[0].contains(&SECOND_CONNECTION.to_string()), "{errors:?}");
    stage.try_move(ALEX).unwrap();
    stage.sync(ALEX);
    assert_eq!(stage.errors(ALEX), Vec::<String>::new());
    assert_eq!(stage.shown_move(ALEX).items.by_uid, 1);
    assert_eq!(proposals(&mut stage), [proposal("ErrorNonExistentMailbox")]);
}

#[test]
fn n2_where_ews_is_blocked_the_move_is_proposed_and_not_made() {
    let mut stage = agreed(Way::InPlace, 3, 1);
    let (ids, before) = (known(&mut stage), writes(&stage));
    stage.control("PATCH", &format!("mailboxes/{ALEX}"), r#"{"ewsEnabled":false}"#);
    let (_, cursor) = stage.feed(None);
    for _ in 0..20 {
        let errors = run(&mut stage);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with("http-403: "), "{errors:?}");
        assert!(errors[0].contains(&SECOND_CONNECTION.to_string()), "{errors:?}");
    }
    assert_eq!(proposals(&mut stage), [proposal("http-403")], "it is noted once");
    let (events, cursor) = stage.feed(Some(cursor));
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tidemark.mailbox.failed"]);
    assert!(stage.moves(None, 100).entries.is_empty(), "nothing moves by itself");
    // The administrator does as proposed: EWS need not answer for that.
    stage.try_move(ALEX).unwrap();
    stage.sync(ALEX);
    let view = stage.shown_move(ALEX);
    assert_eq!((view.phase, view.items.translated), ("done", 4), "{view:?}");
    assert_eq!(stage.errors(ALEX), Vec::<String>::new());
    assert_eq!((known(&mut stage), writes(&stage)), (ids, before));
    let (events, _) = stage.feed(Some(cursor));
    assert_eq!((news(&events), moved(&events).len()), (Vec::new(), 1));
    assert!(stage.mails().is_empty());
    stage.assert_at_rest();
}

#[test]
fn n2_a_connection_that_is_made_later_is_proposed_then() {
    let mut stage = Stage::new(Setting::default());
    stage.control("PATCH", &format!("mailboxes/{ALEX}"), r#"{"onPremises":true}"#);
    stage.simulator.user(ALEX).create(&new_appointment("Visit", "2027-03-02T08:00:00")).unwrap();
    stage.sync(ALEX);
    stage.control("POST", &format!("mailboxes/{ALEX}/migrate"), "{}");
    let errors = run(&mut stage);
    assert!(errors[0].contains("make one"), "{errors:?}");
    assert_eq!(proposals(&mut stage), []);
    stage.connect(Wire::Graph);
    let errors = run(&mut stage);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains(&SECOND_CONNECTION.to_string()), "{errors:?}");
    assert_eq!(proposals(&mut stage), [proposal("ErrorNonExistentMailbox")]);
}

#[test]
fn n2_what_no_other_connection_leads_to_is_not_proposed() {
    // It is nowhere: neither on its server nor in Exchange Online.
    let mut stage = agreed(Way::Migrated, 1, 0);
    stage.control("POST", &format!("mailboxes/{ALEX}/migrate"), "{}");
    stage.control("PATCH", &format!("mailboxes/{ALEX}"), r#"{"onPremises":true}"#);
    let errors = run(&mut stage);
    assert!(!errors[0].contains(&SECOND_CONNECTION.to_string()), "{errors:?}");
    assert_eq!(proposals(&mut stage), []);
    // It is there, and its server refuses us for another reason.
    let mut stage = agreed(Way::InPlace, 1, 0);
    stage.set_account("nobody@tidemark.example");
    let errors = run(&mut stage);
    assert!(errors[0].starts_with("http-401: "), "{errors:?}");
    assert!(!errors[0].contains("Graph"), "{errors:?}");
    assert_eq!(proposals(&mut stage), []);
}

//! Moves that are withdrawn, and lists of moves.

use super::*;

/// What is refused as a conflict, in words.
fn conflict(refused: Result<(), Refusal>) -> String {
    let Err(Refusal::Conflict(text)) = refused else { panic!("{refused:?}") };
    text
}

#[test]
fn n2_a_move_is_withdrawn_until_the_new_connection_is_in_use() {
    let mut stage = agreed(Way::Migrated, 2, 0);
    assert_eq!(stage.withdraw_move(ALEX), Err(Refusal::NotFound { what: "move" }));
    stage.try_move(ALEX).unwrap();
    stage.sync(ALEX);
    assert_eq!(stage.shown_move(ALEX).phase, "asked", "it is on its server still");
    stage.withdraw_move(ALEX).unwrap();
    stage.withdraw_move(ALEX).unwrap();
    let view = stage.shown_move(ALEX);
    assert_eq!((view.phase, view.switched), ("withdrawn", None));
    assert!(view.finished.is_some());
    // It stays where it is, although it could move now, and goes on there.
    stage.put(ALEX, "erp-7", item("Later", "2027-04-01T10:00:00"));
    stage.sync(ALEX);
    assert_eq!(held(&stage)["Later"], 1);
    stage.control("POST", &format!("mailboxes/{ALEX}/migrate"), "{}");
    stage.raise(ALEX);
    stage.attempt(ALEX);
    assert_eq!(stage.shown_move(ALEX).phase, "withdrawn");
    assert_eq!(stage.errors(ALEX).len(), 1, "its server has it no more");
    // Asked for again, it is carried out as if nothing had been.
    let (ids, (_, cursor)) = (known(&mut stage), stage.feed(None));
    stage.try_move(ALEX).unwrap();
    stage.sync(ALEX);
    let view = stage.shown_move(ALEX);
    assert_eq!((view.phase, view.items.by_stamp + view.items.by_uid), ("done", 3), "{view:?}");
    assert_eq!(known(&mut stage), ids);
    let (events, _) = stage.feed(Some(cursor));
    assert_eq!((news(&events), moved(&events).len()), (Vec::new(), 1));
    assert!(conflict(stage.withdraw_move(ALEX)).contains("is done"));
    stage.assert_at_rest();
}

#[test]
fn n2_a_move_that_gives_items_their_ids_is_not_withdrawn() {
    for way in [Way::InPlace, Way::Migrated] {
        let mut stage = agreed(way, 3, 0);
        switch(&mut stage, way);
        let text = conflict(stage.withdraw_move(ALEX));
        assert!(text.contains("can no longer be withdrawn"), "{text}");
        stage.sync(ALEX);
        assert_eq!(stage.shown_move(ALEX).phase, "done");
        stage.assert_at_rest();
    }
}

/// Whatever a run is doing while the move is withdrawn: either it was withdrawn, and then the mailbox
/// stays where it is, or that is refused, and then it moves.
#[test]
fn n2_a_move_is_withdrawn_in_the_middle_of_a_run() {
    let prepared = || {
        let mut stage = agreed(Way::InPlace, 2, 0);
        stage.try_move(ALEX).unwrap();
        stage.raise(ALEX);
        stage.effects.plan(None);
        stage
    };
    let mut stage = prepared();
    stage.attempt(ALEX);
    let effects = stage.effects.seen();
    let (mut withdrawn, mut refused) = (0, 0);
    for number in 0..effects.len() {
        let mut stage = prepared();
        let answer = withdraw_at(&mut stage, number);
        stage.sync(ALEX);
        let phase = stage.shown_move(ALEX).phase;
        match answer {
            Ok(()) => {
                withdrawn += 1;
                assert_eq!(phase, "withdrawn", "effect {number}");
            }
            Err(Refusal::Conflict(_)) => {
                refused += 1;
                assert_eq!(phase, "done", "effect {number}");
            }
            Err(other) => panic!("effect {number}: {other:?}"),
        }
        assert_eq!(known(&mut stage).len(), 2);
        stage.assert_at_rest();
    }
    assert!(withdrawn > 10 && refused > 0, "{withdrawn} withdrawn, {refused} refused");
}

/// Withdraws while a run waits before its effect with this number, and lets the run go on.
fn withdraw_at(stage: &mut Stage, number: usize) -> Result<(), Refusal> {
    let mut answer = None;
    stage.attempt_beside(ALEX, |stage| {
        if answer.is_none() && stage.effects.seen().len() >= number {
            answer = Some(stage.withdraw_move(ALEX));
        }
    });
    answer.unwrap_or_else(|| stage.withdraw_move(ALEX))
}

#[test]
fn n2_what_is_held_stays_held_when_a_move_is_withdrawn() {
    let mut stage = agreed(Way::Migrated, 1, 0);
    let mut meeting = item("Kick-off", "2027-03-20T10:00:00");
    meeting["participants"] = json!({ "guest@elsewhere.example": {
        "@type": "Participant", "roles": { "attendee": true },
        "sendTo": { "imip": "mailto:guest@elsewhere.example" }
    } });
    stage.try_move(ALEX).unwrap();
    stage.put(ALEX, "erp-5", meeting);
    stage.sync(ALEX);
    let before = stage.holds();
    assert_eq!(before.len(), 1);
    stage.withdraw_move(ALEX).unwrap();
    stage.sync(ALEX);
    let after = stage.holds();
    assert_eq!((after.len(), &after[0].id), (1, &before[0].id));
    stage.decide(HoldChoice::WithoutAttendees);
    stage.sync(ALEX);
    assert!(stage.holds().is_empty());
    assert_eq!((held(&stage)["Kick-off"], stage.mails().len()), (1, 0));
    stage.assert_at_rest();
}

#[test]
fn n2_all_moves_are_listed() {
    let mut stage = agreed(Way::InPlace, 1, 0);
    assert!(stage.moves(None, 100).entries.is_empty());
    stage.try_move(BLAKE).unwrap();
    stage.withdraw_move(BLAKE).unwrap();
    begin(&mut stage, Way::InPlace);
    stage.sync(ALEX);
    let all = stage.moves(None, 100);
    let mut shown: Vec<_> = all.entries.iter().map(|it| (it.address.as_str(), it.phase)).collect();
    shown.sort_unstable();
    assert_eq!(shown, [(ALEX, "done"), (BLAKE, "withdrawn")]);
    assert_eq!(all.next, None);
    // Page by page, whatever the size, it is the same.
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = stage.moves(after.as_deref(), 1);
        paged.extend(page.entries);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(paged, all.entries);
    // Who asked and who withdrew stands in the activity.
    let mut actions: Vec<String> = stage.activity().into_iter().map(|it| it.action).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["move-asked", "move-asked", "move-withdrawn"]);
}

use tidemark_store::records::{FirstSync, MailboxState, Trouble};

use super::*;
use crate::testing::{Stage, organisation, scope};

#[test]
fn a_cap_is_a_decimal_number_of_cents() {
    assert_eq!(read("2"), Some(Amount::from_cents(2)));
    assert_eq!(read("0.5").map(Amount::cents), Some(0.5));
    assert_eq!(read("0.0001").map(Amount::cents), Some(0.0001));
    assert_eq!(read("100000"), Some(Amount::from_cents(CENTS_MAX)));
    for none in ["", "0", "0.0000", "0.00001", "100000.0001", "-1", "2,5", "2.", "1e3", " 2", "∞"]
    {
        assert_eq!(read(none), None, "{none}");
    }
}

#[test]
fn a_step_is_taken_above_the_cap_and_back_well_below_it() {
    let (cents, cap) = (Amount::from_cents, Amount::from_cents(100));
    assert_eq!([0, 1, 2, 3].map(|it| stepped(it, cents(101), cap)), [1, 2, 3, 3]);
    assert_eq!([0, 1, 2, 3].map(|it| stepped(it, cents(100), cap)), [0, 1, 2, 3]);
    assert_eq!([0, 1, 2, 3].map(|it| stepped(it, cents(80), cap)), [0, 1, 2, 3]);
    assert_eq!([0, 1, 2, 3].map(|it| stepped(it, cents(79), cap)), [0, 0, 1, 2]);
}

#[test]
fn sweeps_are_at_least_every_eight_hours_and_at_turns_of_their_own() {
    assert_eq!([0, 1, 2, 3, 9].map(|it| lengthened(60, it)), [60, 120, 240, 480, 480]);
    assert_eq!([0, 1, 2, 3].map(|it| lengthened(100, it)), [100, 200, 400, 400]);
    // Whoever sweeps more rarely than that does so.
    assert_eq!([0, 3].map(|it| lengthened(720, it)), [720, 720]);
}

#[test]
fn less_than_a_day_says_nothing_of_a_month() {
    let from: Timestamp = "2027-03-01T00:40:00Z".parse().unwrap();
    let usage = Usage { write_halves: 3200, ..Usage::default() };
    assert_eq!(month_of(&usage, from, from + SignedDuration::from_hours(23)), None);
    let month = month_of(&usage, from, from + SignedDuration::from_hours(48)).unwrap();
    assert!((month.cents() - 1.5).abs() < 1e-9, "{month:?}");
}

#[tokio::test]
async fn sweeps_stay_where_they_are_all_that_there_is() {
    let stage = Stage::new().await;
    let records = &stage.service.records;
    let row = records.mailbox(&scope(1)).await.unwrap().unwrap().value;
    let row = MailboxRow {
        state: MailboxState::Synced,
        first_sync: FirstSync::default(),
        sweep_doublings: 3,
        ..row
    };
    let connection = records.connection(&organisation(), row.connection).await.unwrap().unwrap();
    let pushed = ConnectionRow { notifications: Notifications::Push, ..connection.value.clone() };
    let polled = ConnectionRow { notifications: Notifications::Poll, ..connection.value };
    assert_eq!(sweep_minutes(&row, Some(&pushed), 60), 480);
    assert_eq!(sweep_minutes(&row, Some(&polled), 60), 1);
    let new = MailboxRow { state: MailboxState::New, ..row.clone() };
    assert_eq!(sweep_minutes(&new, Some(&pushed), 60), 60);
    let since = stage.service.world.now();
    let (cause, mend) = (String::new(), String::new());
    for (code, minutes) in [("subscription-refused", 15), ("exchange", 60)] {
        let trouble =
            Trouble { code: code.to_owned(), cause: cause.clone(), mend: mend.clone(), since };
        let troubled = MailboxRow { troubles: vec![trouble], ..row.clone() };
        assert_eq!(sweep_minutes(&troubled, Some(&pushed), 60), minutes, "{code}");
    }
}

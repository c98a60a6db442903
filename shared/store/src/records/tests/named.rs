use super::stage::*;
use crate::records::*;

fn about<const N: usize>(ids: [&str; N]) -> Hint {
    Hint { items: ids.map(str::to_owned).into(), incomplete: false }
}

async fn name(records: &Records, scope: &MailboxScope, hint: &Hint) -> Marks {
    records.raise_about(scope, &Collection::calendar(), hint, at(0)).await.unwrap()
}

fn named(marks: &Marks) -> Vec<&str> {
    marks.named.items().collect()
}

#[tokio::test]
async fn what_is_named_stays_until_a_run_has_dealt_with_it() {
    let (records, _, scope) = stage().await;
    name(&records, &scope, &about(["b", "A=", "b-_"])).await;
    let marks = name(&records, &scope, &about(["b", "c"])).await;
    assert_eq!((marks.hinted, named(&marks)), (2, vec!["A=", "b", "b-_", "c"]));
    assert!(!marks.named.is_incomplete());

    let held = lease(&records, &scope, 1).await;
    let started = records.start(&scope, &held, at(1)).await.unwrap();
    assert_eq!(started.marks.named, marks.named);
    // A run that is cut off has dealt with nothing: its successor starts with the same.
    let commit = Commit::new(scope.clone(), held.clone()).item(put(linked(1, b"x")));
    records.commit(&commit, at(1)).await.unwrap();
    let again = records.start(&scope, &held, at(2)).await.unwrap();
    assert_eq!(again.marks.named, marks.named);

    let commit = Commit::new(scope.clone(), held).synced(again, None);
    records.commit(&commit, at(3)).await.unwrap();
    let marks = records.marks(&scope).await.unwrap();
    assert_eq!((marks.is_dirty(), named(&marks)), (false, vec![]));
}

#[tokio::test]
async fn what_is_named_during_a_run_waits_for_the_next_one() {
    for in_a_commit in [false, true] {
        let (records, _, scope) = stage().await;
        name(&records, &scope, &about(["seen", "again"])).await;
        let held = lease(&records, &scope, 1).await;
        let started = records.start(&scope, &held, at(1)).await.unwrap();
        name(&records, &scope, &about(["again", "new"])).await;
        if in_a_commit {
            let commit = Commit::new(scope.clone(), held).synced(started, None);
            records.commit(&commit, at(2)).await.unwrap();
        } else {
            records.finish(&scope, &held, &started, None).await.unwrap();
        }
        let marks = records.marks(&scope).await.unwrap();
        assert_eq!(named(&marks), ["again", "new"], "in a commit: {in_a_commit}");
        assert!(marks.is_dirty());
    }
}

#[tokio::test]
async fn more_than_is_kept_is_noted_and_forgets_the_names() {
    let (records, _, scope) = stage().await;
    for number in 0..NAMED_ITEMS_MAX {
        name(&records, &scope, &about([format!("item {number}").as_str()])).await;
    }
    let full = records.marks(&scope).await.unwrap();
    assert_eq!(full.named.items().count(), NAMED_ITEMS_MAX);
    assert!(!full.named.is_incomplete());

    let over = name(&records, &scope, &about(["one more"])).await;
    assert_eq!((named(&over), over.named.is_incomplete()), (vec![], true));
    assert!(over.hinted > full.hinted + 1, "what was dropped is a hint of its own");
    // What is named from now on is kept beside that.
    let marks = name(&records, &scope, &about(["after"])).await;
    assert_eq!((named(&marks), marks.named.is_incomplete()), (vec!["after"], true));

    let held = lease(&records, &scope, 1).await;
    let started = records.start(&scope, &held, at(1)).await.unwrap();
    let lost = Hint { incomplete: true, ..Hint::default() };
    name(&records, &scope, &lost).await;
    records.finish(&scope, &held, &started, None).await.unwrap();
    let marks = records.marks(&scope).await.unwrap();
    assert!(marks.named.is_incomplete(), "it was noted again during the run");
    let started = records.start(&scope, &held, at(2)).await.unwrap();
    records.finish(&scope, &held, &started, None).await.unwrap();
    assert_eq!(records.marks(&scope).await.unwrap().named, Named::default());
}

#[tokio::test]
async fn what_cannot_be_kept_is_noted_as_such() {
    let long = "x".repeat(NAMED_ID_BYTES_MAX + 1);
    let many: Vec<String> = (0..=NAMED_ITEMS_MAX).map(|number| number.to_string()).collect();
    let hints = [
        about(["kept", &long]),
        about(["kept", ""]),
        Hint { items: many.into_iter().collect(), incomplete: false },
        Hint { items: ["kept".to_owned()].into(), incomplete: true },
    ];
    for hint in hints {
        let (records, _, scope) = stage().await;
        let marks = name(&records, &scope, &hint).await;
        assert!(marks.named.is_incomplete(), "{hint:?}");
        let expected: &[&str] = if hint.items.contains("kept") { &["kept"] } else { &[] };
        assert_eq!(named(&marks), expected);
    }
    assert_eq!(format!("{:?}", about(["secret"])), "Hint(1 items, incomplete: false)");
}

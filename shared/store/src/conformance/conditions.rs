//! Conditions.

use super::{Failure, Outcome, Scene, ensure, ensure_refused, equals, number, set, text};
use crate::table::{Condition, StoreError, Value, Write};

pub(super) async fn a_failed_condition_shows_what_is_there(scene: &Scene<'_>) -> Outcome {
    let item = scene.item("a", &[("n", number(1))]);
    scene.table.write(scene.put("a", &[("n", number(1))])).await?;
    let writes = [
        Write::Put {
            item: scene.item("a", &[("n", number(2))]),
            condition: Some(Condition::Absent),
        },
        Write::Update {
            key: scene.key("a"),
            actions: vec![set("n", number(2))],
            condition: Some(equals("n", number(3))),
        },
        Write::Delete { key: scene.key("a"), condition: Some(Condition::Lacks("n".to_owned())) },
        scene.check("a", Condition::Absent),
    ];
    for write in writes {
        match scene.table.write(write).await {
            Err(StoreError::ConditionFailed { index: 0, existing }) => {
                ensure!(existing.as_deref() == Some(&item));
            }
            other => return Err(Failure::Unmet(format!("a failed condition: {other:?}"))),
        }
        ensure!(scene.get("a").await?.as_ref() == Some(&item));
    }
    Ok(())
}

pub(super) async fn a_failed_condition_on_nothing_shows_none(scene: &Scene<'_>) -> Outcome {
    let update = Write::Update {
        key: scene.key("a"),
        actions: vec![set("n", number(2))],
        condition: Some(Condition::Exists),
    };
    ensure_refused!(
        scene.table.write(update).await,
        StoreError::ConditionFailed { index: 0, existing: None }
    );
    ensure!(scene.get("a").await?.is_none());
    Ok(())
}

pub(super) async fn conditions_on_a_present_item(scene: &Scene<'_>) -> Outcome {
    let attributes = [
        ("n", number(5)),
        ("t", text("b")),
        ("f", Value::Flag(true)),
        ("y", Value::Bytes(vec![2])),
    ];
    scene.table.write(scene.put("a", &attributes)).await?;
    let n = |value| ("n".to_owned(), number(value));
    let less = |(name, value)| Condition::Less(name, value);
    let at_most = |(name, value)| Condition::AtMost(name, value);
    let greater = |(name, value)| Condition::Greater(name, value);
    let t = |value| ("t".to_owned(), text(value));
    let y = |value| ("y".to_owned(), Value::Bytes(vec![value]));
    let cases = [
        (Condition::Exists, true),
        (Condition::Absent, false),
        (Condition::Has("n".to_owned()), true),
        (Condition::Has("m".to_owned()), false),
        (Condition::Lacks("n".to_owned()), false),
        (Condition::Lacks("m".to_owned()), true),
        (equals("n", number(5)), true),
        (equals("n", text("5")), false),
        (equals("f", Value::Flag(true)), true),
        (equals("f", Value::Flag(false)), false),
        (equals("m", number(5)), false),
        (less(n(6)), true),
        (less(n(5)), false),
        (less(n(-6)), false),
        (at_most(n(5)), true),
        (at_most(n(4)), false),
        (greater(n(4)), true),
        (greater(n(5)), false),
        (less(("n".to_owned(), text("9"))), false),
        (greater(("m".to_owned(), number(0))), false),
        (less(t("ba")), true),
        (greater(t("aé")), true),
        (less(y(3)), true),
        (greater(y(1)), true),
        (Condition::All(vec![]), true),
        (Condition::Any(vec![]), false),
        (Condition::All(vec![Condition::Exists, less(n(6))]), true),
        (Condition::All(vec![Condition::Exists, less(n(5))]), false),
        (Condition::Any(vec![Condition::Absent, less(n(6))]), true),
        (Condition::Any(vec![Condition::Absent, less(n(5))]), false),
        (Condition::All(vec![less(n(6)), Condition::Any(vec![])]), false),
        (Condition::Any(vec![less(n(5)), Condition::All(vec![])]), true),
        (Condition::All(vec![Condition::Any(vec![less(n(6))])]), true),
        (Condition::Any(vec![Condition::All(vec![Condition::Any(vec![less(n(5))])])]), false),
        (Condition::All(vec![Condition::Any(vec![less(n(6))]), Condition::Exists]), true),
    ];
    check_each(scene, "a", cases).await
}

pub(super) async fn conditions_on_an_absent_item(scene: &Scene<'_>) -> Outcome {
    let cases = [
        (Condition::Exists, false),
        (Condition::Absent, true),
        (Condition::Has("n".to_owned()), false),
        (Condition::Lacks("n".to_owned()), true),
        (equals("n", number(0)), false),
        (Condition::Less("n".to_owned(), number(1)), false),
        (Condition::AtMost("n".to_owned(), number(1)), false),
        (Condition::Greater("n".to_owned(), number(-1)), false),
        (Condition::All(vec![]), true),
        (Condition::Any(vec![]), false),
    ];
    check_each(scene, "a", cases).await
}

/// Tries each condition as a check, and as the guard of an update of another attribute.
async fn check_each(
    scene: &Scene<'_>,
    sort: &str,
    cases: impl IntoIterator<Item = (Condition, bool)>,
) -> Outcome {
    for (condition, expected) in cases {
        let checked = scene.table.write(scene.check(sort, condition.clone())).await;
        let deleted = scene
            .table
            .transact(vec![scene.check(sort, condition.clone()), scene.put("other", &[])]);
        let deleted = deleted.await;
        for result in [checked.map(|_| ()), deleted] {
            let holds = match result {
                Ok(()) => true,
                Err(StoreError::ConditionFailed { index: 0, .. }) => false,
                Err(other) => return Err(other.into()),
            };
            if holds != expected {
                let what = format!("{condition:?} holds: {expected}");
                return Err(Failure::Unmet(what));
            }
        }
    }
    Ok(())
}

pub(super) async fn a_flag_has_no_order(scene: &Scene<'_>) -> Outcome {
    scene.table.write(scene.put("a", &[("f", Value::Flag(true))])).await?;
    let check = scene.check("a", Condition::Greater("f".to_owned(), Value::Flag(false)));
    ensure_refused!(scene.table.write(check).await, StoreError::Corrupt(_));
    Ok(())
}

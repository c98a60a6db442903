//! Transactions and reading together.

use super::{Failure, Outcome, Scene, add, ensure, ensure_refused, equals, number, set};
use crate::table::{Condition, StoreError, UpdateAction, Value, Write};

pub(super) async fn all_writes_happen_together(scene: &Scene<'_>) -> Outcome {
    for sort in ["b", "c", "d"] {
        scene.table.write(scene.put(sort, &[("n", number(1))])).await?;
    }
    let writes = vec![
        scene.put("a", &[("n", number(2))]),
        scene.update("b", vec![add("n", 1), set("x", Value::Flag(true))]),
        Write::Delete { key: scene.key("c"), condition: Some(Condition::Exists) },
        scene.check("d", equals("n", number(1))),
        scene.update("e", vec![UpdateAction::SetIfAbsent("n".to_owned(), number(9))]),
    ];
    scene.table.transact(writes).await?;
    ensure!(scene.get("a").await? == Some(scene.item("a", &[("n", number(2))])));
    let b = scene.item("b", &[("n", number(2)), ("x", Value::Flag(true))]);
    ensure!(scene.get("b").await? == Some(b));
    ensure!(scene.get("c").await?.is_none());
    ensure!(scene.get("d").await? == Some(scene.item("d", &[("n", number(1))])));
    ensure!(scene.get("e").await? == Some(scene.item("e", &[("n", number(9))])));
    Ok(())
}

pub(super) async fn a_failed_condition_undoes_the_others(scene: &Scene<'_>) -> Outcome {
    let b = scene.item("b", &[("n", number(1))]);
    scene.table.write(scene.put("b", &[("n", number(1))])).await?;
    let writes = vec![
        scene.put("a", &[("n", number(2))]),
        Write::Update {
            key: scene.key("b"),
            actions: vec![add("n", 1)],
            condition: Some(equals("n", number(7))),
        },
        scene.put("c", &[("n", number(2))]),
    ];
    match scene.table.transact(writes).await {
        Err(StoreError::ConditionFailed { index: 1, existing }) => {
            ensure!(existing.as_deref() == Some(&b));
        }
        other => return Err(Failure::Unmet(format!("write 1 fails: {other:?}"))),
    }
    ensure!(scene.get("a").await?.is_none());
    ensure!(scene.get("b").await? == Some(b));
    ensure!(scene.get("c").await?.is_none());
    Ok(())
}

pub(super) async fn the_first_failed_write_is_named(scene: &Scene<'_>) -> Outcome {
    let writes = vec![
        scene.check("a", Condition::Absent),
        scene.put("b", &[]),
        scene.check("c", Condition::Exists),
        scene.check("d", Condition::Exists),
    ];
    ensure_refused!(
        scene.table.transact(writes).await,
        StoreError::ConditionFailed { index: 2, existing: None }
    );
    Ok(())
}

pub(super) async fn a_failed_check_stops_a_transaction(scene: &Scene<'_>) -> Outcome {
    let writes = vec![scene.put("a", &[]), scene.check("lease", equals("epoch", number(3)))];
    ensure_refused!(
        scene.table.transact(writes).await,
        StoreError::ConditionFailed { index: 1, existing: None }
    );
    ensure!(scene.get("a").await?.is_none());
    Ok(())
}

pub(super) async fn an_item_may_not_appear_twice(scene: &Scene<'_>) -> Outcome {
    let writes = vec![scene.put("a", &[]), scene.check("a", Condition::Absent)];
    ensure_refused!(scene.table.transact(writes).await, StoreError::Corrupt(_));
    ensure!(scene.get("a").await?.is_none());
    Ok(())
}

pub(super) async fn an_empty_transaction_does_nothing(scene: &Scene<'_>) -> Outcome {
    scene.table.transact(Vec::new()).await?;
    ensure!(scene.table.get_together(&[]).await?.is_empty());
    ensure!(scene.table.glance(&[]).await?.is_empty());
    Ok(())
}

/// A token made from the content would swallow the second one.
pub(super) async fn the_same_transaction_twice_happens_twice(scene: &Scene<'_>) -> Outcome {
    for _ in 0..2 {
        let writes = vec![scene.update("a", vec![add("n", 1)])];
        scene.table.transact(writes).await?;
    }
    ensure!(scene.get("a").await? == Some(scene.item("a", &[("n", number(2))])));
    Ok(())
}

/// The way the feed's heads are moved.
pub(super) async fn rivals_for_one_number_get_different_ones(scene: &Scene<'_>) -> Outcome {
    let rounds = 5;
    scene.table.write(scene.put("head", &[("n", number(0))])).await?;
    let (first, second, third) = tokio::join!(
        append_each(scene, "x", rounds),
        append_each(scene, "y", rounds),
        append_each(scene, "z", rounds),
    );
    first.and(second).and(third)?;
    ensure!(scene.get("head").await? == Some(scene.item("head", &[("n", number(15))])));
    for entry in 1..=15 {
        ensure!(scene.get(&format!("entry#{entry}")).await?.is_some());
    }
    Ok(())
}

async fn append_each(scene: &Scene<'_>, who: &str, rounds: i64) -> Outcome {
    let mut left = rounds;
    while left > 0 {
        let head = scene.get("head").await?;
        let head = head.and_then(|head| head.attributes.get("n").cloned());
        let Some(Value::Number(head)) = head else {
            return Err(Failure::Unmet("a head has a number".to_owned()));
        };
        let move_head = Write::Update {
            key: scene.key("head"),
            actions: vec![add("n", 1)],
            condition: Some(equals("n", number(head))),
        };
        let entry = Write::Put {
            item: scene.item(&format!("entry#{}", head + 1), &[("who", super::text(who))]),
            condition: Some(Condition::Absent),
        };
        match scene.table.transact(vec![move_head, entry]).await {
            Ok(()) => left -= 1,
            Err(StoreError::ConditionFailed { .. } | StoreError::Conflict) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

pub(super) async fn reading_together_keeps_the_order(scene: &Scene<'_>) -> Outcome {
    for sort in ["a", "b"] {
        scene.table.write(scene.put(sort, &[])).await?;
    }
    let keys = ["b", "none", "a", "b"].map(|sort| scene.key(sort));
    let (a, b) = (scene.item("a", &[]), scene.item("b", &[]));
    let read = scene.table.get_together(&keys).await?;
    let expected = [Some(b.clone()), None, Some(a), Some(b)];
    ensure!(read == expected);
    ensure!(scene.table.glance(&keys).await? == expected);
    Ok(())
}

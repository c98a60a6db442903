//! Single writes.

use super::{Outcome, Scene, add, ensure, ensure_refused, equals, number, set, text};
use crate::table::{Condition, StoreError, UpdateAction, Value, Write};

pub(super) async fn an_absent_item_reads_as_none(scene: &Scene<'_>) -> Outcome {
    ensure!(scene.get("a").await?.is_none());
    Ok(())
}

pub(super) async fn every_type_of_value_comes_back(scene: &Scene<'_>) -> Outcome {
    let attributes = [
        ("text", text("ß 𝄞 \u{0}")),
        ("empty", text("")),
        ("least", number(i64::MIN)),
        ("greatest", number(i64::MAX)),
        ("bytes", Value::Bytes(vec![0, 255, 128])),
        ("none", Value::Bytes(Vec::new())),
        ("yes", Value::Flag(true)),
        ("no", Value::Flag(false)),
    ];
    let item = scene.item("ü#1", &attributes);
    let written = scene.table.write(scene.put("ü#1", &attributes)).await?;
    ensure!(written.as_ref() == Some(&item));
    ensure!(scene.get("ü#1").await? == Some(item));
    Ok(())
}

pub(super) async fn a_put_replaces_the_whole_item(scene: &Scene<'_>) -> Outcome {
    scene.table.write(scene.put("a", &[("x", number(1))])).await?;
    scene.table.write(scene.put("a", &[("y", number(2))])).await?;
    ensure!(scene.get("a").await? == Some(scene.item("a", &[("y", number(2))])));
    Ok(())
}

pub(super) async fn an_update_creates_an_absent_item(scene: &Scene<'_>) -> Outcome {
    let update = scene.update("a", vec![set("x", text("1"))]);
    let item = scene.item("a", &[("x", text("1"))]);
    ensure!(scene.table.write(update).await? == Some(item.clone()));
    ensure!(scene.get("a").await? == Some(item));
    Ok(())
}

pub(super) async fn an_update_returns_the_whole_item(scene: &Scene<'_>) -> Outcome {
    let before = [("kept", number(7)), ("gone", number(8))];
    scene.table.write(scene.put("a", &before)).await?;
    let actions = vec![
        UpdateAction::Remove("gone".to_owned()),
        UpdateAction::Remove("never there".to_owned()),
        set("new", Value::Flag(true)),
    ];
    let item = scene.item("a", &[("kept", number(7)), ("new", Value::Flag(true))]);
    let after = scene.table.write(scene.update("a", actions)).await?;
    ensure!(after == Some(item));
    Ok(())
}

pub(super) async fn set_if_absent_keeps_what_is_there(scene: &Scene<'_>) -> Outcome {
    let actions =
        |value| vec![UpdateAction::SetIfAbsent("x".to_owned(), number(value)), add("n", 1)];
    scene.table.write(scene.update("a", actions(1))).await?;
    let after = scene.table.write(scene.update("a", actions(2))).await?;
    ensure!(after == Some(scene.item("a", &[("x", number(1)), ("n", number(2))])));
    Ok(())
}

pub(super) async fn add_counts_from_zero_and_down(scene: &Scene<'_>) -> Outcome {
    scene.table.write(scene.update("a", vec![add("n", 5)])).await?;
    let after = scene.table.write(scene.update("a", vec![add("n", -7)])).await?;
    ensure!(after == Some(scene.item("a", &[("n", number(-2))])));
    Ok(())
}

pub(super) async fn adding_to_text_is_refused(scene: &Scene<'_>) -> Outcome {
    scene.table.write(scene.put("a", &[("n", text("1"))])).await?;
    let update = scene.update("a", vec![add("n", 1)]);
    ensure_refused!(scene.table.write(update).await, StoreError::Corrupt(_));
    ensure!(scene.get("a").await? == Some(scene.item("a", &[("n", text("1"))])));
    Ok(())
}

pub(super) async fn a_delete_returns_none_and_may_find_nothing(scene: &Scene<'_>) -> Outcome {
    scene.table.write(scene.put("a", &[("n", number(1))])).await?;
    for _ in 0..2 {
        let delete = Write::Delete { key: scene.key("a"), condition: None };
        ensure!(scene.table.write(delete).await?.is_none());
        ensure!(scene.get("a").await?.is_none());
    }
    Ok(())
}

/// Reserved words and characters with a meaning in expressions.
pub(super) async fn names_are_data(scene: &Scene<'_>) -> Outcome {
    for name in ["name", "a.b", "x[0]", "#n0", ":v0", "with space", "größe"] {
        let write = Write::Update {
            key: scene.key("a"),
            actions: vec![set(name, text(":v0"))],
            condition: Some(Condition::Lacks(name.to_owned())),
        };
        scene.table.write(write).await?;
        let check = scene.check("a", equals(name, text(":v0")));
        scene.table.write(check).await?;
    }
    let item = scene.get("a").await?;
    ensure!(item.is_some_and(|item| item.attributes.len() == 7));
    Ok(())
}

pub(super) async fn a_check_writes_nothing(scene: &Scene<'_>) -> Outcome {
    ensure!(scene.table.write(scene.check("a", Condition::Absent)).await?.is_none());
    ensure!(scene.get("a").await?.is_none());
    let failing = scene.check("a", Condition::Exists);
    ensure_refused!(
        scene.table.write(failing).await,
        StoreError::ConditionFailed { index: 0, existing: None }
    );
    Ok(())
}

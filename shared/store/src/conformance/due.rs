//! The sparse index. On a table whose index lags, these cases would have to wait for it.

use super::{Outcome, Scene, ensure, ensure_refused, number, set, text};
use crate::table::{DUE_AT, DUE_SHARD, DueEntry, StoreError, UpdateAction, Value};

const ALL: usize = 1000;

impl Scene<'_> {
    /// The partition's name serves as a shard of its own.
    async fn put_due(&self, sort: &str, due_at_ms: i64) -> Result<(), StoreError> {
        let attributes = [(DUE_SHARD, text(&self.partition)), (DUE_AT, number(due_at_ms))];
        self.table.write(self.put(sort, &attributes)).await?;
        Ok(())
    }

    async fn due(&self, until_ms: i64, limit: usize) -> Result<Vec<DueEntry>, StoreError> {
        self.table.due(&self.partition, until_ms, limit).await
    }

    fn entry(&self, sort: &str, due_at_ms: i64) -> DueEntry {
        DueEntry { key: self.key(sort), due_at_ms }
    }
}

pub(super) async fn only_what_is_due_is_found_and_the_earliest_first(scene: &Scene<'_>) -> Outcome {
    for (sort, due_at_ms) in [("a", 300), ("b", -5), ("c", 100), ("d", 301), ("e", 20)] {
        scene.put_due(sort, due_at_ms).await?;
    }
    let shard = text(&scene.partition);
    scene.table.write(scene.put("shard only", &[(DUE_SHARD, shard)])).await?;
    scene.table.write(scene.put("time only", &[(DUE_AT, number(1))])).await?;
    let expected = [("b", -5), ("e", 20), ("c", 100), ("a", 300)];
    let expected = expected.map(|(sort, due_at_ms)| scene.entry(sort, due_at_ms));
    ensure!(scene.due(300, ALL).await? == expected);
    Ok(())
}

pub(super) async fn an_update_moves_an_entry_and_a_removal_drops_it(scene: &Scene<'_>) -> Outcome {
    scene.put_due("a", 100).await?;
    scene.put_due("b", 200).await?;
    let later = scene.update("a", vec![set(DUE_AT, number(300))]);
    scene.table.transact(vec![later]).await?;
    ensure!(scene.due(400, ALL).await? == [scene.entry("b", 200), scene.entry("a", 300)]);
    let settled = scene.update(
        "a",
        vec![UpdateAction::Remove(DUE_AT.to_owned()), UpdateAction::Remove(DUE_SHARD.to_owned())],
    );
    scene.table.write(settled).await?;
    ensure!(scene.due(400, ALL).await? == [scene.entry("b", 200)]);
    let delete = crate::table::Write::Delete { key: scene.key("b"), condition: None };
    scene.table.write(delete).await?;
    ensure!(scene.due(400, ALL).await?.is_empty());
    Ok(())
}

pub(super) async fn the_limit_and_the_shard_hold(scene: &Scene<'_>) -> Outcome {
    for (sort, due_at_ms) in [("a", 1), ("b", 2), ("c", 3)] {
        scene.put_due(sort, due_at_ms).await?;
    }
    ensure!(scene.due(9, 2).await? == [scene.entry("a", 1), scene.entry("b", 2)]);
    ensure!(scene.due(9, 0).await?.is_empty());
    let elsewhere = format!("{}-elsewhere", scene.partition);
    ensure!(scene.table.due(&elsewhere, 9, ALL).await?.is_empty());
    Ok(())
}

pub(super) async fn index_attributes_of_another_type_are_refused(scene: &Scene<'_>) -> Outcome {
    for (name, value) in [
        (DUE_SHARD, number(1)),
        (DUE_SHARD, text("")),
        (DUE_AT, text("1")),
        (DUE_AT, Value::Flag(true)),
    ] {
        let put = scene.put("a", &[(name, value.clone())]);
        ensure_refused!(scene.table.write(put).await, StoreError::Corrupt(_));
        let update = scene.update("a", vec![set(name, value)]);
        ensure_refused!(scene.table.transact(vec![update]).await, StoreError::Corrupt(_));
    }
    Ok(())
}

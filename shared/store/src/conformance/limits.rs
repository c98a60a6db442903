//! Limits and refusals.

use super::{Outcome, Scene, ensure, ensure_refused, number, set};
use crate::table::{Condition, Key, StoreError, UpdateAction, Value, Write};

const KB: usize = 1024;

/// A value that makes the item of the scene exactly `bytes` long, with attribute name `b`.
fn filling(scene: &Scene<'_>, sort: &str, bytes: usize) -> Value {
    let others = "pk".len() + scene.partition.len() + "sk".len() + sort.len() + "b".len();
    Value::Bytes(vec![7; bytes.saturating_sub(others)])
}

pub(super) async fn an_item_of_400_kb_fits_and_no_more(scene: &Scene<'_>) -> Outcome {
    let fits = filling(scene, "a", 400 * KB);
    scene.table.write(scene.put("a", &[("b", fits)])).await?;
    let larger = filling(scene, "a", 400 * KB + 1);
    let put = scene.put("a", &[("b", larger)]);
    ensure_refused!(scene.table.write(put.clone()).await, StoreError::TooLarge(_));
    ensure_refused!(scene.table.transact(vec![put]).await, StoreError::TooLarge(_));
    Ok(())
}

pub(super) async fn an_update_may_not_outgrow_the_item(scene: &Scene<'_>) -> Outcome {
    let before = scene.item("a", &[("b", filling(scene, "a", 400 * KB))]);
    let put = Write::Put { item: before.clone(), condition: None };
    scene.table.write(put).await?;
    let update = scene.update("a", vec![set("c", number(1))]);
    ensure_refused!(scene.table.write(update.clone()).await, StoreError::TooLarge(_));
    ensure_refused!(scene.table.transact(vec![update]).await, StoreError::TooLarge(_));
    ensure!(scene.get("a").await? == Some(before));
    Ok(())
}

pub(super) async fn a_transaction_has_100_writes_at_most(scene: &Scene<'_>) -> Outcome {
    let puts = |count: usize| (0..count).map(|index| scene.put(&format!("{index:03}"), &[]));
    ensure_refused!(scene.table.transact(puts(101).collect()).await, StoreError::TooLarge(_));
    ensure!(scene.get("000").await?.is_none());
    scene.table.transact(puts(100).collect()).await?;
    ensure!(scene.get("099").await?.is_some());
    Ok(())
}

pub(super) async fn a_transaction_has_4_mb_at_most(scene: &Scene<'_>) -> Outcome {
    let puts = |count: usize| {
        (0..count).map(|index| {
            let sort = format!("{index:02}");
            let value = filling(scene, &sort, 390 * KB);
            scene.put(&sort, &[("b", value)])
        })
    };
    ensure_refused!(scene.table.transact(puts(11).collect()).await, StoreError::TooLarge(_));
    ensure!(scene.get("00").await?.is_none());
    scene.table.transact(puts(10).collect()).await?;
    ensure!(scene.get("09").await?.is_some());
    Ok(())
}

pub(super) async fn at_most_100_items_are_read_together(scene: &Scene<'_>) -> Outcome {
    let keys: Vec<Key> = (0..101).map(|index| scene.key(&index.to_string())).collect();
    ensure_refused!(scene.table.get_together(&keys).await, StoreError::TooLarge(_));
    let (_, fitting) = keys.split_at(1);
    ensure!(scene.table.get_together(fitting).await?.len() == 100);
    ensure_refused!(scene.table.glance(&keys).await, StoreError::TooLarge(_));
    ensure!(scene.table.glance(fitting).await?.len() == 100);
    Ok(())
}

pub(super) async fn empty_keys_are_refused(scene: &Scene<'_>) -> Outcome {
    ensure_refused!(scene.get("").await, StoreError::Corrupt(_));
    ensure_refused!(scene.table.write(scene.put("", &[])).await, StoreError::Corrupt(_));
    let long = "s".repeat(1025);
    ensure_refused!(scene.table.write(scene.put(&long, &[])).await, StoreError::TooLarge(_));
    Ok(())
}

pub(super) async fn updates_that_make_no_sense_are_refused(scene: &Scene<'_>) -> Outcome {
    let twice = vec![set("a", number(1)), UpdateAction::Remove("a".to_owned())];
    for actions in [Vec::new(), twice, vec![set("pk", number(1))]] {
        let update = scene.update("a", actions);
        ensure_refused!(scene.table.write(update.clone()).await, StoreError::Corrupt(_));
        let writes = vec![update, scene.check("b", Condition::Absent)];
        ensure_refused!(scene.table.transact(writes).await, StoreError::Corrupt(_));
    }
    ensure!(scene.get("a").await?.is_none());
    Ok(())
}

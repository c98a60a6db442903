//! What requests are billed with, in halves of request units.
//!
//! Sources: DynamoDB developer guide, "Capacity unit consumption for reads", "Capacity unit
//! consumption for writes" and "Provisioned throughput considerations for global secondary indexes".

use super::{Outcome, Scene, add, ensure, equals, number, set, text};
use crate::consumption::Consumption;
use crate::table::{Condition, DUE_AT, DUE_SHARD, Order, Span, StoreError, Value, Write};

impl Scene<'_> {
    /// What was consumed since `before`.
    fn taken(&self, before: Consumption) -> Consumption {
        self.table.consumed().since(before)
    }
}

fn padding(bytes: usize) -> Value {
    Value::Bytes(vec![1; bytes])
}

fn halves(read_halves: u64, write_halves: u64) -> Consumption {
    Consumption { read_halves, write_halves }
}

pub(super) async fn reads_are_billed_by_4_kb(scene: &Scene<'_>) -> Outcome {
    scene.table.write(scene.put("large", &[("body", padding(5000))])).await?;
    let before = scene.table.consumed();
    scene.get("none").await?;
    ensure!(scene.taken(before) == halves(2, 0));
    let before = scene.table.consumed();
    scene.get("large").await?;
    ensure!(scene.taken(before) == halves(4, 0));
    let before = scene.table.consumed();
    scene.table.get_together(&[scene.key("large"), scene.key("none")]).await?;
    ensure!(scene.taken(before) == halves(8 + 4, 0));
    let before = scene.table.consumed();
    scene.table.glance(&[scene.key("large"), scene.key("none")]).await?;
    ensure!(scene.taken(before) == halves(2 + 1, 0));
    // A query adds its items up before it rounds.
    for sort in ["q1", "q2", "q3"] {
        scene.table.write(scene.put(sort, &[("body", padding(1500))])).await?;
    }
    let before = scene.table.consumed();
    let span = Span::Prefix("q".to_owned());
    scene.table.query(&scene.partition, &span, None, Order::Ascending, 10).await?;
    ensure!(scene.taken(before) == halves(4, 0));
    Ok(())
}

pub(super) async fn writes_are_billed_by_1_kb_of_the_larger_image(scene: &Scene<'_>) -> Outcome {
    let before = scene.table.consumed();
    scene.table.write(scene.put("item", &[("body", padding(2500))])).await?;
    ensure!(scene.taken(before) == halves(0, 6));
    let before = scene.table.consumed();
    scene.table.write(scene.put("item", &[("body", padding(10))])).await?;
    ensure!(scene.taken(before) == halves(0, 6));
    let before = scene.table.consumed();
    scene.table.write(scene.update("item", vec![add("count", 1)])).await?;
    ensure!(scene.taken(before) == halves(0, 2));
    let before = scene.table.consumed();
    scene.table.write(Write::Delete { key: scene.key("item"), condition: None }).await?;
    ensure!(scene.taken(before) == halves(0, 2));
    Ok(())
}

pub(super) async fn a_transaction_is_billed_twice(scene: &Scene<'_>) -> Outcome {
    scene.table.write(scene.put("there", &[("word", text("one"))])).await?;
    let before = scene.table.consumed();
    let writes = vec![
        scene.put("large", &[("body", padding(1500))]),
        scene.check("there", Condition::Exists),
    ];
    scene.table.transact(writes).await?;
    ensure!(scene.taken(before) == halves(0, 8 + 4));
    Ok(())
}

pub(super) async fn what_moves_in_the_index_is_billed(scene: &Scene<'_>) -> Outcome {
    let shard = text(&scene.partition);
    let before = scene.table.consumed();
    scene.table.write(scene.put("m", &[(DUE_SHARD, shard), (DUE_AT, number(5))])).await?;
    ensure!(scene.taken(before) == halves(0, 2 + 2));
    let before = scene.table.consumed();
    scene.table.write(scene.update("m", vec![set(DUE_AT, number(6))])).await?;
    ensure!(scene.taken(before) == halves(0, 2 + 4));
    let before = scene.table.consumed();
    scene.table.write(scene.update("m", vec![add("count", 1)])).await?;
    ensure!(scene.taken(before) == halves(0, 2));
    let before = scene.table.consumed();
    scene.table.transact(vec![scene.update("m", vec![set(DUE_AT, number(7))])]).await?;
    ensure!(scene.taken(before) == halves(0, 4 + 4));
    let before = scene.table.consumed();
    scene.table.due(&scene.partition, 10, 10).await?;
    ensure!(scene.taken(before) == halves(1, 0));
    Ok(())
}

pub(super) async fn what_is_refused_is_billed_too(scene: &Scene<'_>) -> Outcome {
    scene.table.write(scene.put("item", &[("body", padding(1500))])).await?;
    let before = scene.table.consumed();
    let refused = Write::Put {
        item: scene.item("item", &[]),
        condition: Some(equals("word", text("another"))),
    };
    ensure!(matches!(scene.table.write(refused).await, Err(StoreError::ConditionFailed { .. })));
    ensure!(scene.taken(before) == halves(0, 4));
    Ok(())
}

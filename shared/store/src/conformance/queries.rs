//! Queries.

use super::{Failure, Outcome, Scene, ensure};
use crate::table::{Order, Page, Span, StoreError, Value};

const ALL: usize = 1000;

impl Scene<'_> {
    async fn fill(&self, sorts: &[&str]) -> Result<(), StoreError> {
        for sort in sorts {
            self.table.write(self.put(sort, &[])).await?;
        }
        Ok(())
    }

    async fn page(
        &self,
        span: &Span,
        after: Option<&str>,
        order: Order,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.table.query(&self.partition, span, after, order, limit).await
    }

    async fn sorts(&self, span: &Span, order: Order) -> Result<Vec<String>, StoreError> {
        let page = self.page(span, None, order, ALL).await?;
        Ok(sorts_of(page))
    }
}

fn sorts_of(page: Page) -> Vec<String> {
    page.items.into_iter().map(|item| item.key.sort).collect()
}

fn prefix(prefix: &str) -> Span {
    Span::Prefix(prefix.to_owned())
}

fn between(first: &str, last: &str) -> Span {
    Span::Between(first.to_owned(), last.to_owned())
}

pub(super) async fn a_prefix_takes_what_begins_so(scene: &Scene<'_>) -> Outcome {
    scene.fill(&["a#2", "b", "a#10", "a", "a#1", "a\u{10ffff}"]).await?;
    let rising = scene.sorts(&prefix("a#"), Order::Ascending).await?;
    ensure!(rising == ["a#1", "a#10", "a#2"]);
    let falling = scene.sorts(&prefix("a"), Order::Descending).await?;
    ensure!(falling == ["a\u{10ffff}", "a#2", "a#10", "a#1", "a"]);
    ensure!(scene.sorts(&prefix(""), Order::Ascending).await?.len() == 6);
    Ok(())
}

pub(super) async fn between_takes_both_ends(scene: &Scene<'_>) -> Outcome {
    scene.fill(&["1", "2", "3", "4"]).await?;
    ensure!(scene.sorts(&between("2", "3"), Order::Ascending).await? == ["2", "3"]);
    ensure!(scene.sorts(&between("2", "3"), Order::Descending).await? == ["3", "2"]);
    ensure!(scene.sorts(&between("", "1"), Order::Ascending).await? == ["1"]);
    Ok(())
}

pub(super) async fn an_empty_span_is_empty(scene: &Scene<'_>) -> Outcome {
    scene.fill(&["1", "2"]).await?;
    for span in [prefix("x"), between("2", "1"), between("", ""), between("3", "4")] {
        let page = scene.page(&span, None, Order::Ascending, ALL).await?;
        ensure!(page.items.is_empty() && page.next.is_none());
    }
    let elsewhere = format!("{}-elsewhere", scene.partition);
    let everything = prefix("");
    let page = scene.table.query(&elsewhere, &everything, None, Order::Ascending, ALL);
    ensure!(page.await?.items.is_empty());
    Ok(())
}

pub(super) async fn pages_join_without_gap_or_repetition(scene: &Scene<'_>) -> Outcome {
    let sorts: Vec<String> = (0..10).map(|index| format!("m{index}")).collect();
    for sort in &sorts {
        scene.table.write(scene.put(sort, &[])).await?;
    }
    scene.fill(&["l9", "n0"]).await?;
    for span in [prefix("m"), between("m0", "m9")] {
        for order in [Order::Ascending, Order::Descending] {
            for limit in [1, 3, 5, 10, 11] {
                let mut expected = sorts.clone();
                if order == Order::Descending {
                    expected.reverse();
                }
                ensure!(read_all(scene, &span, order, limit).await? == expected);
            }
        }
    }
    Ok(())
}

async fn read_all(
    scene: &Scene<'_>,
    span: &Span,
    order: Order,
    limit: usize,
) -> Result<Vec<String>, Failure> {
    let mut sorts = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = scene.page(span, after.as_deref(), order, limit).await?;
        after.clone_from(&page.next);
        if page.items.len() > limit || sorts.len() > ALL {
            return Err(Failure::Unmet("a page keeps its limit".to_owned()));
        }
        sorts.extend(sorts_of(page));
        if after.is_none() {
            return Ok(sorts);
        }
    }
}

pub(super) async fn a_start_outside_the_span_is_borne(scene: &Scene<'_>) -> Outcome {
    scene.fill(&["a", "m1", "m2", "z"]).await?;
    for span in [prefix("m"), between("m1", "m2")] {
        for (after, order, expected) in [
            ("a", Order::Ascending, &["m1", "m2"][..]),
            ("z", Order::Ascending, &[]),
            ("z", Order::Descending, &["m2", "m1"]),
            ("a", Order::Descending, &[]),
            // Inside, but nothing stands there.
            ("m11", Order::Ascending, &["m2"]),
            ("m11", Order::Descending, &["m1"]),
        ] {
            let page = scene.page(&span, Some(after), order, ALL).await?;
            ensure!(sorts_of(page) == expected);
        }
    }
    Ok(())
}

pub(super) async fn a_page_ends_at_1_mb(scene: &Scene<'_>) -> Outcome {
    for sort in ["1", "2", "3", "4", "5"] {
        let value = Value::Bytes(vec![1; 300 * 1024]);
        scene.table.write(scene.put(sort, &[("b", value)])).await?;
    }
    let first = scene.page(&prefix(""), None, Order::Ascending, ALL).await?;
    ensure!(first.next.is_some());
    ensure!((3..=4).contains(&first.items.len()));
    ensure!(
        read_all(scene, &prefix(""), Order::Ascending, ALL).await? == ["1", "2", "3", "4", "5"]
    );
    Ok(())
}

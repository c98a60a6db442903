//! N9, and no hot partition: what partition keys take of the traffic of 10,000 mailboxes, and what a
//! change costs there.

mod fleet;

use std::collections::BTreeMap;

use tidemark_service::cost::PriceList;
use tidemark_store::Consumption;
use tidemark_store::memory::Partition;

use self::fleet::{Fleet, Measured, Plan};

/// Units that DynamoDB reads and writes of one partition in a second. Source: DynamoDB developer
/// guide, "Best practices for designing and using partition keys effectively".
const READ_UNITS_MAX: u64 = 3_000;
const WRITE_UNITS_MAX: u64 = 1_000;

fn show(name: &str, measured: &Measured) {
    let kinds = kinds(measured);
    let total = total(measured);
    println!(
        "{name}: {} changes in {} s, {} units read, {} written, {:.5} cents a change",
        measured.changes,
        measured.seconds,
        total.read_halves / 2,
        total.write_halves / 2,
        cents_per_change(measured)
    );
    for (kind, Kind { keys, sum, largest }) in kinds {
        println!(
            "  {kind:<40} {keys:>5} keys, read {:>6.2} % written {:>6.2} %, the largest key {:>6.2} % {:>6.2} %",
            percent(sum.read_halves, total.read_halves),
            percent(sum.write_halves, total.write_halves),
            percent(largest.read_halves, total.read_halves),
            percent(largest.write_halves, total.write_halves),
        );
    }
}

/// Partition keys of one kind.
#[derive(Default)]
struct Kind {
    keys: usize,
    sum: Consumption,
    largest: Consumption,
}

fn kinds(measured: &Measured) -> BTreeMap<String, Kind> {
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for (partition, consumed) in &measured.partitions {
        let kind = kinds.entry(kind_of(partition)).or_default();
        kind.keys += 1;
        kind.sum.read_halves += consumed.read_halves;
        kind.sum.write_halves += consumed.write_halves;
        kind.largest.read_halves = kind.largest.read_halves.max(consumed.read_halves);
        kind.largest.write_halves = kind.largest.write_halves.max(consumed.write_halves);
    }
    kinds
}

fn kind_of(partition: &Partition) -> String {
    match partition {
        Partition::Index(shard) => format!("index {}", shard.split('#').next().unwrap()),
        Partition::Table(key) => key.split('#').next().unwrap().to_owned(),
    }
}

fn total(measured: &Measured) -> Consumption {
    let mut total = Consumption::default();
    for consumed in measured.partitions.values() {
        total.read_halves += consumed.read_halves;
        total.write_halves += consumed.write_halves;
    }
    total
}

#[expect(clippy::cast_precision_loss, reason = "it is shown to two places")]
fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole as f64
}

#[expect(clippy::cast_precision_loss, reason = "there are some hundred changes")]
fn cents_per_change(measured: &Measured) -> f64 {
    let parts = PriceList::embedded().unwrap().price(&measured.usage);
    let thousand = parts.iter().map(|part| part.amount).sum::<tidemark_service::cost::Amount>();
    thousand.scaled(1, 1000).cents() / 1000.0 / measured.changes as f64
}

#[test]
fn n9_look() {
    for (name, organisations, mailboxes, window) in [
        ("100 mailboxes", 1, 100, 10..30),
        ("10,000 in one organisation", 1, 10_000, 20..22),
        ("10,000 in 25 organisations", 25, 10_000, 20..22),
    ] {
        let plan = Plan { organisations, mailboxes, window };
        let began = std::time::Instant::now();
        let fleet = Fleet::new(&plan);
        println!("built in {:?}", began.elapsed());
        let measured = fleet.measure();
        println!("measured in {:?}", began.elapsed());
        show(name, &measured);
    }
    let _ = (READ_UNITS_MAX, WRITE_UNITS_MAX);
}

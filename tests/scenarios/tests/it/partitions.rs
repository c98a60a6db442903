//! N9, and no hot partition: what partition keys take of the traffic of 10,000 mailboxes, and what a
//! change costs there.

mod fleet;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use tidemark_service::cost::{Amount, PriceList};
use tidemark_store::Consumption;
use tidemark_store::memory::Partition;

use self::fleet::{Fleet, Measured, Plan};

/// Most that one partition key may take of what is read, and of what is written, in parts of a hundred.
const SHARE_MAX: f64 = 5.0;
/// How much more a change may cost than it does at 100 mailboxes, in parts of a hundred. It may cost
/// less: what a minute costs whatever happens in it is then shared by more.
const COST_MORE_MAX: f64 = 20.0;
/// Units that DynamoDB reads and writes of one partition in a second. Source: DynamoDB developer
/// guide, "Best practices for designing and using partition keys effectively".
const READ_UNITS_MAX: u64 = 3_000;
const WRITE_UNITS_MAX: u64 = 1_000;

/// What many are compared with.
static HUNDRED: LazyLock<Measured> = LazyLock::new(|| {
    measured("100 mailboxes", &Plan { organisations: 1, mailboxes: 100, window: 10..30 })
});

fn measured(name: &str, plan: &Plan) -> Measured {
    let measured = Fleet::new(plan).measure();
    show(name, &measured);
    measured
}

#[test]
fn n9_no_partition_is_hot_where_organisations_share_10_000_mailboxes() {
    let plan = Plan { organisations: 25, mailboxes: 10_000, window: 20..22 };
    let shared = measured("10,000 in 25 organisations", &plan);
    assert_eq!(beyond_share(&shared), Vec::<&Partition>::new());
    assert_bearable(&shared);
    assert_costs_as(&HUNDRED, &shared);
}

#[test]
fn n9_no_partition_is_hot_where_10_000_mailboxes_have_one_organisation() {
    let plan = Plan { organisations: 1, mailboxes: 10_000, window: 20..22 };
    let one = measured("10,000 in one organisation", &plan);
    assert_eq!(beyond_share(&one), Vec::<&Partition>::new());
    assert_bearable(&one);
    assert_costs_as(&HUNDRED, &one);
}

/// The partition keys that take more than their share.
fn beyond_share(measured: &Measured) -> Vec<&Partition> {
    let total = total(measured);
    let is_beyond = |consumed: &Consumption| {
        percent(consumed.read_halves, total.read_halves) > SHARE_MAX
            || percent(consumed.write_halves, total.write_halves) > SHARE_MAX
    };
    measured.partitions.iter().filter(|(_, it)| is_beyond(it)).map(|(key, _)| key).collect()
}

/// Even if all that a partition key takes in a minute came within one second of it, DynamoDB would
/// serve it.
fn assert_bearable(measured: &Measured) {
    let minutes = measured.seconds / 60;
    for (partition, Consumption { read_halves, write_halves }) in &measured.partitions {
        let (read, written) = (read_halves / 2 / minutes, write_halves / 2 / minutes);
        let is_borne = read <= READ_UNITS_MAX && written <= WRITE_UNITS_MAX;
        assert!(is_borne, "{read} read, {written} written a minute: {}", kind_of(partition));
    }
}

fn assert_costs_as(few: &Measured, many: &Measured) {
    let (few, many) = (cents_per_change(few), cents_per_change(many));
    let more = (many - few) / few * 100.0;
    println!("a change costs {more:+.1} % against 100 mailboxes");
    assert!(more <= COST_MORE_MAX, "{many} cents a change, at 100 mailboxes {few}");
}

/// Shows what kinds of partition keys take. A key itself can name somebody: it is not shown.
fn show(name: &str, measured: &Measured) {
    let total = total(measured);
    println!(
        "{name}: {} changes in {} s, {} units read, {} written, {:.5} cents a change",
        measured.changes,
        measured.seconds,
        total.read_halves / 2,
        total.write_halves / 2,
        cents_per_change(measured)
    );
    for (kind, Kind { keys, sum, largest }) in kinds(measured) {
        println!(
            "{kind:>14} {keys:>5} keys: read {:>6.2} %, written {:>6.2} %; the largest {:>6.2} %, {:>6.2} %",
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
    let all: Amount = parts.iter().map(|part| part.amount).sum();
    all.scaled(1, 1000).cents() / 1000.0 / measured.changes as f64
}

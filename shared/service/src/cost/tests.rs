use tidemark_store::records::Usage;

use super::*;

#[test]
fn every_price_of_the_list_is_a_number() {
    let list = PriceList::embedded().unwrap();
    let prices = &list.prices;
    let all = [
        &prices.table_reads,
        &prices.table_writes,
        &prices.queue_requests,
        &prices.invocations,
        &prices.compute,
        &prices.sent,
    ];
    assert!(all.iter().all(|price| picodollars(&price.usd).is_some_and(|it| it > 0)));
    assert!(!list.date.is_empty() && !list.sources.is_empty());
}

#[test]
fn decimals_are_read_exactly() {
    assert_eq!(picodollars("0.625"), Some(625_000_000_000));
    assert_eq!(picodollars("0.0000166667"), Some(16_666_700));
    assert_eq!(picodollars("3"), Some(3 * PICODOLLARS));
    for none in ["", "-1", "1.2.3", "1e3", "0.0000000000001", " 1"] {
        assert_eq!(picodollars(none), None, "{none}");
    }
}

#[test]
fn a_million_of_everything_costs_what_the_list_says() {
    let usage = Usage {
        read_halves: 2_000_000,
        write_halves: 2_000_000,
        queue_requests: 1_000_000,
        invocations: 1_000_000,
        // A hundred thousand GB-seconds.
        compute_mb_ms: 100_000 * 1024 * 1000,
        exchange_requests: 7,
        sent_bytes: 2 * 1024 * 1024 * 1024,
    };
    let parts = PriceList::embedded().unwrap().price(&usage);
    let cents: Vec<_> = parts.iter().map(|part| (part.what, part.amount.cents())).collect();
    let expected = [
        ("table-reads", 12.5),
        ("table-writes", 62.5),
        ("queue-requests", 50.0),
        ("invocations", 20.0),
        ("compute", 166.667),
        ("sent", 18.0),
    ];
    assert_eq!(cents, expected);
    assert_eq!(parts[0].thousandths, 1_000_000_000);
}

#[test]
fn an_amount_scales_to_a_month() {
    let day = Amount::from_cents(2);
    assert!((day.scaled(24 * 3600, 30 * 24 * 3600).cents() - 60.0).abs() < f64::EPSILON);
    assert!((day.scaled(0, 5).cents() - 10.0).abs() < f64::EPSILON);
}

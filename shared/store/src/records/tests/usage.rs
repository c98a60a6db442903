use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::Date;

use super::stage::*;
use crate::records::*;
use crate::table::Write;

/// Every look at it is a millisecond of 100 MB.
#[derive(Default)]
struct Ticking(AtomicU64);

impl Gauge for Ticking {
    fn take(&self) -> Usage {
        self.0.fetch_add(1, Ordering::Relaxed);
        Usage { compute_mb_ms: 100, ..Usage::default() }
    }
}

fn invoked() -> Usage {
    Usage { invocations: 1, ..Usage::default() }
}

async fn shared(records: &Records) -> Usage {
    records.shared_usage(Date::MIN).await.unwrap()
}

/// Lets the time pass in which what is shared is kept.
async fn write_down(records: &Records, second: i64) {
    records.write_shared(at(second)).await.unwrap();
    records.write_shared(at(second) + SHARED_EVERY).await.unwrap();
}

#[tokio::test]
async fn a_unit_is_paid_by_the_mailbox_whose_meter_it_writes_and_its_rest_by_all() {
    let (records, _, scope) = stage().await;
    let gauge = Arc::new(Ticking::default());
    records.gauge_by(gauge.clone());
    records.begin_unit(Payer::Mailbox);
    let rest = shared(&records).await;
    records.meter(invoked());
    records.raise(&scope, &Collection::calendar(), at(0)).await.unwrap();
    records.meter(Usage { queue_requests: 1, ..Usage::default() });
    records.end_unit();

    let own = records.usage(&scope).await.unwrap();
    assert_eq!((own.invocations, own.queue_requests, own.compute_mb_ms), (1, 0, 100));
    assert_eq!(rest, Usage::default());
    write_down(&records, 0).await;
    let rest = shared(&records).await;
    // Before the unit began, and after the meter was written.
    assert_eq!((rest.invocations, rest.queue_requests, rest.compute_mb_ms), (0, 1, 200));
}

#[tokio::test]
async fn work_for_everybody_is_paid_by_nobody_alone() {
    let (records, _, scope) = stage().await;
    records.begin_unit(Payer::Everybody);
    records.meter(invoked());
    records.raise(&scope, &Collection::calendar(), at(0)).await.unwrap();
    records.end_unit();
    assert_eq!(records.usage(&scope).await.unwrap(), Usage::default());
    write_down(&records, 0).await;
    let all = shared(&records).await;
    assert_eq!(all.invocations, 1);
    assert!(all.write_halves > 0, "the table's units are shared too: {all:?}");
    // The next unit is somebody's again.
    records.begin_unit(Payer::Mailbox);
    records.meter(invoked());
    records.raise(&scope, &Collection::calendar(), at(1)).await.unwrap();
    assert_eq!(records.usage(&scope).await.unwrap().invocations, 1);
}

#[tokio::test]
async fn what_is_shared_is_written_every_quarter_of_an_hour_and_day_by_day() {
    let (records, table, _) = stage().await;
    let day = 24 * 3600;
    for second in [0, 60, 899] {
        records.begin_unit(Payer::Everybody);
        records.meter(invoked());
        records.end_unit();
        records.write_shared(at(second)).await.unwrap();
    }
    assert_eq!(shared(&records).await, Usage::default());
    records.write_shared(at(900)).await.unwrap();
    assert_eq!(shared(&records).await.invocations, 3);
    records.meter(invoked());
    records.end_unit();
    records.write_shared(at(day)).await.unwrap();
    let rows = table.items().iter().filter(|item| item.key.partition == "SHARED").count();
    assert_eq!((rows, shared(&records).await.invocations), (2, 4));
    let later: Date = "2099-01-01".parse().unwrap();
    assert_eq!(records.shared_usage(later).await.unwrap(), Usage::default());
}

#[tokio::test]
async fn a_reading_says_when_it_was_taken_and_one_of_before_the_beginning_of_its_day() {
    let (records, table, scope) = stage().await;
    let noon = at(14_400);
    records.note_reading(&scope, invoked(), noon).await.unwrap();
    let readings = records.readings(&scope, Date::MIN).await.unwrap();
    assert_eq!((readings.len(), readings[0].at, readings[0].total), (1, noon, invoked()));
    let mut item =
        table.items().into_iter().find(|it| it.key.sort.starts_with("READING#")).unwrap();
    item.attributes.remove("at").unwrap();
    table.write(Write::Put { item, condition: None }).await.unwrap();
    let begins = readings[0].day.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    assert!(begins < noon);
    assert_eq!(records.readings(&scope, Date::MIN).await.unwrap()[0].at, begins);
}

use super::*;
use crate::memory::{MemoryQueue, MemoryTable};

#[tokio::test]
async fn the_memory_table_conforms() {
    let table = MemoryTable::new();
    for case in CASES {
        if let Err(failure) = run(&table, case, "test#").await {
            panic!("{}: {failure}", case.name);
        }
    }
}

#[tokio::test]
async fn the_memory_queue_conforms() {
    for case in queue::CASES {
        let clock = queue::ManualClock::default();
        let fresh = MemoryQueue::new(clock.as_clock(), queue::VISIBILITY);
        if let Err(failure) = queue::run(&fresh, &clock, case).await {
            panic!("{}: {failure}", case.name);
        }
    }
}

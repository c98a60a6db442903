//! Faults on purpose.

use crate::table::{Key, Span, StoreError, Write};

/// What the table is asked to do.
#[derive(Debug, Clone, Copy)]
pub enum Operation<'a> {
    /// [`Table::get`](crate::Table::get).
    Get(&'a Key),
    /// [`Table::get_together`](crate::Table::get_together).
    GetTogether(&'a [Key]),
    /// [`Table::glance`](crate::Table::glance).
    Glance(&'a [Key]),
    /// [`Table::query`](crate::Table::query).
    Query {
        /// Of which partition.
        partition: &'a str,
        /// Which part of it.
        span: &'a Span,
    },
    /// [`Table::due`](crate::Table::due).
    Due {
        /// Of which index shard.
        shard: &'a str,
        /// Until when, in milliseconds since 1970.
        until_ms: i64,
    },
    /// [`Table::write`](crate::Table::write).
    Write(&'a Write),
    /// [`Table::transact`](crate::Table::transact).
    Transact(&'a [Write]),
}

/// How an operation goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing happens, and this is reported: a conflict, a throttle, or an unclear answer to a
    /// request that never arrived.
    Before(StoreError),
    /// It happens, and this is reported nevertheless: an answer that was lost. If it cannot happen
    /// (a condition does not hold), the true reason is reported.
    After(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        Fault::Before(error)
    }
}

/// Asked before every operation that is well-formed; none lets it go right.
pub type Faults = Box<dyn FnMut(&Operation<'_>) -> Option<Fault> + Send>;

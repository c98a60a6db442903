//! What every store has to do, as cases that can be run against any of them.
//!
//! The memory store, the embedded engine and AWS are interchangeable only as far as they pass
//! these. Each case has a partition of its own, so all of them can run on one table; `run` is
//! given a prefix so that the same table can be used again.

mod conditions;
mod consumption;
mod due;
mod limits;
mod queries;
pub mod queue;
mod transactions;
mod writes;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use crate::table::{Condition, Item, Key, StoreError, Table, UpdateAction, Value, Write};

/// How a case ended.
pub type Outcome = Result<(), Failure>;

/// What a store did otherwise than it should.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store reported an error where none was due.
    #[error("unexpected error: {0}")]
    Store(#[from] StoreError),
    /// An expectation of the case was not met.
    #[error("not so: {0}")]
    Unmet(String),
}

type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// A behaviour that is named and can be checked.
#[derive(Clone, Copy)]
pub struct Case {
    /// Says the behaviour.
    pub name: &'static str,
    run: for<'a> fn(&'a Scene<'a>) -> Running<'a>,
}

/// Checks one behaviour. `prefix` begins the partitions that are used: two runs on one table must
/// not have the same.
///
/// # Errors
/// [`Failure`].
pub async fn run(table: &dyn Table, case: &Case, prefix: &str) -> Outcome {
    let partition = format!("{prefix}{}", case.name);
    (case.run)(&Scene { table, partition }).await
}

/// Ends the case unless the condition holds.
macro_rules! ensure {
    ($condition:expr) => {
        if !$condition {
            return Err($crate::conformance::Failure::Unmet(stringify!($condition).to_owned()));
        }
    };
}

/// Ends the case unless the result is an error of that form.
macro_rules! ensure_refused {
    ($result:expr, $pattern:pat) => {
        match $result {
            Err($pattern) => {}
            other => {
                return Err($crate::conformance::Failure::Unmet(format!(
                    "{} gives {}, but: {other:?}",
                    stringify!($result),
                    stringify!($pattern),
                )))
            }
        }
    };
}

use {ensure, ensure_refused};

macro_rules! cases {
    ($($module:ident::$name:ident,)*) => {
        /// All cases.
        pub const CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            run: |scene| Box::pin($module::$name(scene)),
        }),*];
    };
}

cases! {
    writes::an_absent_item_reads_as_none,
    writes::every_type_of_value_comes_back,
    writes::a_put_replaces_the_whole_item,
    writes::an_update_creates_an_absent_item,
    writes::an_update_returns_the_whole_item,
    writes::set_if_absent_keeps_what_is_there,
    writes::add_counts_from_zero_and_down,
    writes::adding_to_text_is_refused,
    writes::a_delete_returns_none_and_may_find_nothing,
    writes::names_are_data,
    writes::a_check_writes_nothing,
    conditions::a_failed_condition_shows_what_is_there,
    conditions::a_failed_condition_on_nothing_shows_none,
    conditions::conditions_on_a_present_item,
    conditions::conditions_on_an_absent_item,
    conditions::a_flag_has_no_order,
    transactions::all_writes_happen_together,
    transactions::a_failed_condition_undoes_the_others,
    transactions::the_first_failed_write_is_named,
    transactions::a_failed_check_stops_a_transaction,
    transactions::an_item_may_not_appear_twice,
    transactions::an_empty_transaction_does_nothing,
    transactions::the_same_transaction_twice_happens_twice,
    transactions::rivals_for_one_number_get_different_ones,
    transactions::reading_together_keeps_the_order,
    limits::an_item_of_400_kb_fits_and_no_more,
    limits::an_update_may_not_outgrow_the_item,
    limits::a_transaction_has_100_writes_at_most,
    limits::a_transaction_has_4_mb_at_most,
    limits::at_most_100_items_are_read_together,
    limits::empty_keys_are_refused,
    limits::updates_that_make_no_sense_are_refused,
    queries::a_prefix_takes_what_begins_so,
    queries::between_takes_both_ends,
    queries::an_empty_span_is_empty,
    queries::pages_join_without_gap_or_repetition,
    queries::a_start_outside_the_span_is_borne,
    queries::a_page_ends_at_1_mb,
    due::only_what_is_due_is_found_and_the_earliest_first,
    due::an_update_moves_an_entry_and_a_removal_drops_it,
    due::the_limit_and_the_shard_hold,
    due::index_attributes_of_another_type_are_refused,
    consumption::reads_are_billed_by_4_kb,
    consumption::writes_are_billed_by_1_kb_of_the_larger_image,
    consumption::a_transaction_is_billed_twice,
    consumption::what_moves_in_the_index_is_billed,
    consumption::what_is_refused_is_billed_too,
}

/// Where a case plays.
struct Scene<'a> {
    table: &'a dyn Table,
    partition: String,
}

impl Scene<'_> {
    fn key(&self, sort: &str) -> Key {
        Key { partition: self.partition.clone(), sort: sort.to_owned() }
    }

    fn item(&self, sort: &str, attributes: &[(&str, Value)]) -> Item {
        let attributes = attributes.iter();
        Item {
            key: self.key(sort),
            attributes: attributes
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect::<BTreeMap<_, _>>(),
        }
    }

    fn put(&self, sort: &str, attributes: &[(&str, Value)]) -> Write {
        Write::Put { item: self.item(sort, attributes), condition: None }
    }

    fn update(&self, sort: &str, actions: Vec<UpdateAction>) -> Write {
        Write::Update { key: self.key(sort), actions, condition: None }
    }

    fn check(&self, sort: &str, condition: Condition) -> Write {
        Write::Check { key: self.key(sort), condition }
    }

    async fn get(&self, sort: &str) -> Result<Option<Item>, StoreError> {
        self.table.get(&self.key(sort)).await
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn number(value: i64) -> Value {
    Value::Number(value)
}

fn set(name: &str, value: Value) -> UpdateAction {
    UpdateAction::Set(name.to_owned(), value)
}

fn add(name: &str, amount: i64) -> UpdateAction {
    UpdateAction::Add(name.to_owned(), amount)
}

fn equals(name: &str, value: Value) -> Condition {
    Condition::Equals(name.to_owned(), value)
}

#[cfg(test)]
mod tests;

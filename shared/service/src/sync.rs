//! A sync run: the only place that writes to a mailbox.
//!
//! A run takes the lease, deals with what a cut-off predecessor left open, applies the waiting
//! changes of the business system, reads what changed in Exchange page by page, and stops early
//! rather than late. Each item is decided by the engine, carried out, and committed as one.

mod aside;
pub(crate) mod decided;
mod effect;
mod ending;
mod first_copy;
mod item;
mod lease;
pub(crate) mod mail;
pub(crate) mod moving;
mod named;
mod news;
mod pages;
mod renamed;
mod run;
mod stamps;
mod stop;
pub(crate) mod wish;

pub(crate) use item::CANNOT_BE_SILENT;
pub use lease::REQUEST_TIMEOUT;
pub(crate) use pages::PAGE_ITEMS;
pub use run::{RunEnd, RunReport};

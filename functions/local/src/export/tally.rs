//! What an export holds, counted while it is written.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// Kinds that are told apart: there are nine today, and a later version may have some more.
const KINDS_MAX: usize = 100;

/// Rows by their kind, and which organisation and mailboxes are among them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    kinds: BTreeMap<String, u64>,
    organisation: Option<String>,
    mailboxes: BTreeSet<String>,
}

/// What is needed of a row. Other members are let through.
#[derive(Deserialize)]
struct Row {
    kind: String,
    mailbox: Option<String>,
    value: Value,
}

/// What is needed of a row's value.
#[derive(Deserialize)]
struct Value {
    id: Option<serde_json::Value>,
}

impl Tally {
    /// Takes a row into account.
    ///
    /// # Errors
    /// When it has not the form of a row.
    pub(crate) fn count(&mut self, row: &str) -> anyhow::Result<()> {
        let row: Row = serde_json::from_str(row).context("a row has not the form of one")?;
        if row.kind == "organisation" {
            self.organisation = row.value.id.as_ref().and_then(|id| id.as_str()).map(str::to_owned);
        }
        if row.kind == "mailbox" {
            self.mailboxes.extend(row.mailbox);
        }
        let count = self.kinds.entry(row.kind).or_default();
        *count = count.saturating_add(1);
        if self.kinds.len() > KINDS_MAX {
            bail!("the rows have more than {KINDS_MAX} kinds");
        }
        Ok(())
    }

    /// All rows.
    pub(crate) fn rows(&self) -> u64 {
        self.kinds.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Rows by kind, in the order of their names.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (&str, u64)> {
        self.kinds.iter().map(|(kind, count)| (kind.as_str(), *count))
    }

    /// The id of the organisation whose rows these are, once its row has come.
    pub(crate) fn organisation(&self) -> Option<&str> {
        self.organisation.as_deref()
    }

    /// Whether the row of this mailbox has come.
    pub(crate) fn has_mailbox(&self, id: &str) -> bool {
        self.mailboxes.contains(id)
    }
}

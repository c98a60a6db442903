//! Changes of settings, each with its row of activity in one transaction (W7).

use tidemark_model::OrganisationId;

use super::activity::ActivityRow;
use super::api_keys::ApiKeyRow;
use super::endpoints::EndpointRow;
use super::mailboxes::{AddressTaken, MailboxRow};
use super::removed::removed_row;
use super::row::{REVISION, RowBuilder};
use super::settings::{ConnectionRow, OrganisationRow, SaveError, SystemRow, unmoved};
use super::{MailboxScope, Records, keys};
use crate::table::{Key, StoreError, Write};

/// A change of settings. A revision is the one that was read; none for a new row.
#[derive(Debug, Clone, Copy)]
pub enum SettingsChange<'a> {
    /// An organisation's settings.
    Organisation(&'a OrganisationRow, Option<u64>),
    /// A business system.
    System(&'a SystemRow, Option<u64>),
    /// A connection to an Exchange.
    Connection(&'a ConnectionRow, Option<u64>),
    /// A webhook endpoint.
    Endpoint(&'a EndpointRow, Option<u64>),
}

impl Records {
    /// Saves settings over the revision that was read, and what is noted of it.
    ///
    /// # Errors
    /// [`SaveError`]; then neither is written.
    pub async fn change_settings(
        &self,
        organisation: &OrganisationId,
        change: SettingsChange<'_>,
        note: &ActivityRow,
    ) -> Result<(), SaveError> {
        let mut writes = Vec::with_capacity(3);
        match change {
            SettingsChange::Organisation(row, revision) => {
                writes.push(put_document(keys::organisation(&row.id), row, revision)?);
                let listing = RowBuilder::new(keys::organisation_listing(&row.id)).build();
                writes.push(Write::Put { item: listing, condition: None });
            }
            SettingsChange::System(row, revision) => {
                writes.push(put_document(keys::system(organisation, &row.id), row, revision)?);
            }
            SettingsChange::Connection(row, revision) => {
                writes.push(put_document(keys::connection(organisation, row.id), row, revision)?);
            }
            SettingsChange::Endpoint(row, revision) => {
                writes.push(put_document(keys::endpoint(organisation, row.id), row, revision)?);
            }
        }
        self.transact_noted(organisation, writes, note).await
    }

    /// Saves a mailbox with its addresses over the revision that was read, and what is noted of it.
    ///
    /// # Errors
    /// [`AddressTaken`]; then neither is written.
    pub async fn change_mailbox_settings(
        &self,
        organisation: &OrganisationId,
        row: &MailboxRow,
        revision: Option<u64>,
        note: &ActivityRow,
    ) -> Result<(), AddressTaken> {
        let item = self.activity_item(organisation, note)?;
        let noted = vec![Write::Put { item, condition: None }];
        self.save_addresses(organisation, row, revision, noted).await.map(|_| ())
    }

    /// Deletes a mailbox as [`Records::delete_mailbox`] does, and notes it. What is left of it is deleted
    /// by [`Records::clear_removed`].
    ///
    /// # Errors
    /// [`StoreError`]; then neither is written.
    pub async fn remove_mailbox(
        &self,
        scope: &MailboxScope,
        note: &ActivityRow,
    ) -> Result<(), StoreError> {
        let item = self.activity_item(&scope.organisation, note)?;
        let noted = Write::Put { item, condition: None };
        self.delete_with(scope, vec![noted, removed_row(scope, note.at)]).await
    }

    /// Stores a key by its hash, and notes it. One with the same id, if `before` is there, ends in
    /// the same moment: its hash has to be the one that was read.
    ///
    /// # Errors
    /// [`SaveError::RevisionMoved`] when somebody replaced it meanwhile, or when the key is known
    /// already; then nothing is written.
    pub async fn issue_api_key(
        &self,
        key: &str,
        row: &ApiKeyRow,
        before: Option<&ApiKeyDigest>,
        note: &ActivityRow,
    ) -> Result<(), SaveError> {
        let writes = super::api_keys::replacing(key, row, before)?;
        self.transact_noted(&row.organisation, writes, note).await
    }

    /// Ends a key, and notes it. Whoever read it says by which hash it was known.
    ///
    /// # Errors
    /// [`SaveError::RevisionMoved`] when it is not there any more; then nothing is written.
    pub async fn end_api_key(
        &self,
        row: &ApiKeyRow,
        digest: &ApiKeyDigest,
        note: &ActivityRow,
    ) -> Result<(), SaveError> {
        let writes = super::api_keys::ending(row, digest);
        self.transact_noted(&row.organisation, writes, note).await
    }

    pub(super) async fn transact_noted(
        &self,
        organisation: &OrganisationId,
        mut writes: Vec<Write>,
        note: &ActivityRow,
    ) -> Result<(), SaveError> {
        let item = self.activity_item(organisation, note)?;
        writes.push(Write::Put { item, condition: None });
        match self.transact(writes).await {
            Ok(()) => Ok(()),
            Err(StoreError::ConditionFailed { .. }) => Err(SaveError::RevisionMoved),
            Err(error) => Err(error.into()),
        }
    }
}

/// The hash that a key is known by. Nothing can be read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyDigest(pub(crate) String);

fn put_document<T: serde::Serialize>(
    key: Key,
    value: &T,
    revision: Option<u64>,
) -> Result<Write, StoreError> {
    let next = revision.unwrap_or(0).saturating_add(1);
    let item = RowBuilder::new(key).document(value)?.number(REVISION, next).build();
    Ok(Write::Put { item, condition: Some(unmoved(revision)) })
}

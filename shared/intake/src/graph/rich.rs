//! Changes that bring content: proven, opened, and believed no further than the others.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tidemark_graph::notification::ChangeType;
use tidemark_store::StoreError;
use tidemark_store::records::{ConnectionId, ConnectionRow};
use uuid::Uuid;

use super::{Change, Known};
use crate::{Intake, Recipient};

/// What the content says, as it was asked for.
#[derive(Deserialize)]
struct Content {
    id: String,
}

/// Connections by their organisation's text and their id.
type Connections = BTreeMap<(String, ConnectionId), ConnectionRow>;

impl Intake {
    /// Takes out the changes of subscriptions with content that the call does not prove. Their
    /// lifecycle events stay: nothing says that they come with tokens, and they only have us look.
    pub(super) async fn keep_proven(
        &self,
        known: &mut [Known],
        tokens: &[String],
    ) -> Result<(), StoreError> {
        let is_rich = |sender: &&Known| {
            sender.row.value.certificate_id.is_some() && !sender.said.changes.is_empty()
        };
        if !known.iter().any(|sender| is_rich(&sender)) {
            return Ok(());
        }
        let connections = self.connections_of(known.iter().filter(is_rich)).await?;
        let is_proven = self.is_proven(known.iter().filter(is_rich), &connections, tokens).await?;
        for sender in known {
            if sender.row.value.certificate_id.is_none() {
                continue;
            }
            if !is_proven {
                sender.said.changes.clear();
                continue;
            }
            let mut opened = Vec::new();
            for change in sender.said.changes.drain(..) {
                if self.opens(sender.row.value.connection, &change).await? {
                    opened.push(change);
                }
            }
            sender.said.changes = opened;
        }
        Ok(())
    }

    async fn connections_of<'a>(
        &self,
        senders: impl Iterator<Item = &'a Known>,
    ) -> Result<Connections, StoreError> {
        let mut connections = Connections::new();
        for sender in senders {
            let row = &sender.row.value;
            let key = (row.organisation.to_string(), row.connection);
            if connections.contains_key(&key) {
                continue;
            }
            let found = self.records.connection(&row.organisation, row.connection).await?;
            if let Some(found) = found {
                connections.insert(key, found.value);
            }
        }
        Ok(connections)
    }

    /// Whether Microsoft made the call, for all the applications that its changes are for. One call
    /// comes from one cloud.
    async fn is_proven<'a>(
        &self,
        senders: impl Iterator<Item = &'a Known>,
        connections: &Connections,
        tokens: &[String],
    ) -> Result<bool, StoreError> {
        let mut recipients = BTreeSet::new();
        let mut through = None;
        for sender in senders {
            let row = &sender.row.value;
            let key = (row.organisation.to_string(), row.connection);
            let Some(connection) = connections.get(&key) else { return Ok(false) };
            for change in &sender.said.changes {
                let Some(recipient) = recipient(connection, change) else { return Ok(false) };
                recipients.insert(recipient);
            }
            through.get_or_insert(connection);
        }
        match (&self.proof, through) {
            (Some(proof), Some(through)) => proof.is_proven(through, tokens, &recipients).await,
            _ => Ok(false),
        }
    }

    /// Whether the content of a change opens and is of the item that the change names. Of what is
    /// deleted Graph sends none.
    async fn opens(&self, connection: ConnectionId, change: &Change) -> Result<bool, StoreError> {
        let Some(content) = &change.news.content else {
            return Ok(change.news.change == ChangeType::Deleted);
        };
        let Some(proof) = &self.proof else { return Ok(false) };
        let plain = proof.open(connection, content).await?;
        Ok(plain.is_some_and(|plain| is_of(&plain, change.news.item.as_deref())))
    }
}

fn is_of(plain: &[u8], item: Option<&str>) -> bool {
    let Ok(content) = serde_json::from_slice::<Content>(plain) else { return false };
    item == Some(content.id.as_str())
}

/// Whom a change has to be proven for. A tenant that was entered by its id has to be the one that the
/// change names; of one that was entered by a domain the token says it.
fn recipient(connection: &ConnectionRow, change: &Change) -> Option<Recipient> {
    let access = connection.graph()?;
    let tenant = change.tenant.as_deref()?;
    let is_other =
        Uuid::try_parse(&access.tenant).is_ok_and(|own| Uuid::try_parse(tenant) != Ok(own));
    (!is_other).then(|| Recipient { client: access.client.clone(), tenant: tenant.to_owned() })
}

//! Which certificate the content of notifications is to be encrypted for.

use std::sync::Arc;

use tidemark_identity::NotificationKeys;
use tidemark_store::StoreError;
use tidemark_store::records::{ConnectionRow, Document, SubscriptionRow};

use crate::Service;

impl Service {
    /// The keys for the content of a connection's notifications; none where they are to bring none,
    /// or as long as `token-refresh` has not made the certificate. While what is there uses a
    /// certificate that our copy of the keys does not know, they are read again.
    pub(super) async fn content_keys(
        &self,
        connection: &ConnectionRow,
        known: &[Document<SubscriptionRow>],
    ) -> Result<Option<Arc<NotificationKeys>>, StoreError> {
        let wants = connection.graph().is_some_and(|access| access.rich_notifications);
        let (true, Some(proofs)) = (wants, self.exchange.proofs()) else {
            return Ok(None);
        };
        let named = known
            .iter()
            .filter(|found| !found.value.retired)
            .find_map(|found| found.value.certificate_id.as_deref());
        proofs.keys(connection.id, named).await
    }
}

//! What is noted of a connection when it is saved (W7).

use serde_json::{Value, json};
use tidemark_store::records::{
    ConnectionRow, Document, Gate, Notifications, Protocol, SettingsChange,
};

use crate::api::save_refusal;
use crate::border::{Caller, Refusal};
use crate::service::Service;

impl Service {
    /// Saves a connection that somebody set, over what was read, and notes it. Where only a secret was
    /// replaced, the note says the same before and after.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] when somebody else saved it meanwhile; otherwise the store failed.
    pub async fn save_set_connection(
        &self,
        caller: &Caller,
        row: &ConnectionRow,
        before: Option<&Document<ConnectionRow>>,
    ) -> Result<(), Refusal> {
        let action = if before.is_some() { "connection-changed" } else { "connection-made" };
        let subject = format!("connection/{}", row.id);
        let was = before.map(|before| shown(&before.value));
        let note = self.note(&caller.key_id, action, subject, was, Some(shown(row)));
        let save = SettingsChange::Connection(row, before.map(|before| before.revision));
        let saved = self.records.change_settings(&caller.organisation, save, &note).await;
        saved.map_err(save_refusal)
    }
}

/// A connection as the activity shows it: no secret, nor the name of one.
fn shown(row: &ConnectionRow) -> Value {
    let access = match &row.protocol {
        Protocol::Ews(access) => json!({
            "protocol": "ews",
            "url": access.url,
            "account": access.account,
            "impersonate": access.impersonate,
        }),
        Protocol::Graph(access) => json!({
            "protocol": "graph",
            "tenant": access.tenant,
            "client": access.client,
            "credentials": access.credentials.len(),
            "renews": access.renews,
            "richNotifications": access.rich_notifications,
        }),
    };
    json!({
        "name": row.name,
        "access": access,
        "enabled": row.enabled,
        "appointments": row.appointments,
        "notifications": match row.notifications {
            Notifications::Push => "push",
            Notifications::Poll => "poll",
        },
        "extraCa": row.extra_ca_pem.is_some(),
        "confirmedCertificate": row.confirmed_fingerprint,
        "fence": {
            "gate": match row.fence.gate {
                Gate::Require => "require",
                Gate::Warn => "warn",
            },
            "outside": row.fence.outside,
            "waiver": row.fence.waiver.as_ref().map(|waiver| &waiver.reason),
        },
    })
}

//! Webhook endpoints: registered, paused, wound back.

use jiff::Timestamp;
use secrecy::SecretString;
use tidemark_business::{SigningSecret, WebhookTarget};
use tidemark_jscalendar::Problem;
use tidemark_model::OrganisationId;
use tidemark_store::records::{
    DeliveryState, Document, EndpointId, EndpointRow, FeedCursor, FeedError, FeedRecord, RetryRow,
    SettingsChange,
};
use uuid::Uuid;

use super::save_refusal;
use crate::border::{Caller, Refusal, Role, WebhookView};
use crate::service::Service;

/// Most endpoints of a business system.
const ENDPOINTS_MAX: usize = 20;
/// The reason of a pause that a person made.
const PAUSED_BY_PERSON: &str = "paused through the API";

impl Service {
    pub(super) async fn register_webhook(
        &self,
        caller: &Caller,
        url: &str,
    ) -> Result<(WebhookView, String), Refusal> {
        may_manage(caller)?;
        let target = WebhookTarget::parse(url).map_err(|error| {
            Refusal::Invalid(vec![Problem {
                pointer: "/url".to_owned(),
                rule: "it is no address that webhooks can go to".to_owned(),
                mend: error.to_string(),
            }])
        })?;
        if self.endpoints_of(caller).await?.len() >= ENDPOINTS_MAX {
            let text = format!("a business system has at most {ENDPOINTS_MAX} webhooks");
            return Err(Refusal::Conflict(text));
        }
        let organisation = &caller.organisation;
        let id = EndpointId::new(self.world.uuid());
        let secret = SigningSecret::new(self.world.random());
        let secret_name = format!("webhooks/{organisation}/{}", id.uuid());
        self.secrets.put(&secret_name, SecretString::from(secret.reveal())).await?;
        // The place in the feed comes first: an endpoint without one would begin later.
        let state = DeliveryState {
            cursor: self.records.feed_heads(organisation).await?,
            failures: 0,
            failing_since: None,
            due_at: None,
        };
        self.records
            .save_delivery(organisation, id, &state, None, &[], &[])
            .await
            .map_err(save_refusal)?;
        let row = EndpointRow {
            id,
            system: caller.own_system()?.clone(),
            url: target.as_str().to_owned(),
            secret_name,
            paused: None,
            created_at: self.world.now(),
        };
        self.save_webhook(caller, &row, None, "webhook-added").await?;
        Ok((view_of(row, Some(&state)), secret.reveal()))
    }

    pub(super) async fn list_webhooks(&self, caller: &Caller) -> Result<Vec<WebhookView>, Refusal> {
        may_manage(caller)?;
        let mut views = Vec::new();
        for endpoint in self.endpoints_of(caller).await? {
            views.push(self.view_webhook(&caller.organisation, endpoint.value).await?);
        }
        Ok(views)
    }

    pub(super) async fn remove_webhook(&self, caller: &Caller, id: Uuid) -> Result<(), Refusal> {
        let endpoint = self.own_endpoint(caller, id).await?;
        let subject = subject_of(&endpoint.value);
        let was = Some(shown(&endpoint.value));
        let note = self.note(&caller.key_id, "webhook-removed", subject, was, None);
        self.records.remove_endpoint(&caller.organisation, endpoint.value.id, &note).await?;
        Ok(())
    }

    async fn save_webhook(
        &self,
        caller: &Caller,
        row: &EndpointRow,
        revision: Option<u64>,
        action: &str,
    ) -> Result<(), Refusal> {
        let note = self.note(&caller.key_id, action, subject_of(row), None, Some(shown(row)));
        let change = SettingsChange::Endpoint(row, revision);
        let saved = self.records.change_settings(&caller.organisation, change, &note).await;
        saved.map_err(save_refusal)
    }

    pub(super) async fn switch_webhook(
        &self,
        caller: &Caller,
        id: Uuid,
        paused: bool,
    ) -> Result<WebhookView, Refusal> {
        let mut endpoint = self.own_endpoint(caller, id).await?;
        let organisation = &caller.organisation;
        endpoint.value.paused = pause_reason(endpoint.value.paused.take(), paused);
        let action = if paused { "webhook-paused" } else { "webhook-resumed" };
        self.save_webhook(caller, &endpoint.value, Some(endpoint.revision), action).await?;
        self.view_webhook(organisation, endpoint.value).await
    }

    pub(super) async fn rewind_webhook(
        &self,
        caller: &Caller,
        id: Uuid,
        after: Option<&str>,
    ) -> Result<WebhookView, Refusal> {
        let endpoint = self.own_endpoint(caller, id).await?;
        let organisation = &caller.organisation;
        let now = self.world.now();
        let asked = after.map(FeedCursor::decode).transpose().map_err(|_| bad_cursor())?;
        let (cursor, first) = self.place_in_feed(organisation, asked).await?;
        // The beginning of retention can only be named by the place after its first entry, which is
        // therefore put among what is outstanding.
        let first: Vec<RetryRow> = first
            .filter(|entry| entry.system == endpoint.value.system && entry.event.is_some())
            .map(|entry| untried(&entry, now))
            .into_iter()
            .collect();
        let found = self.records.delivery(organisation, endpoint.value.id).await?;
        let revision = found.as_ref().map(|state| state.revision);
        let state = DeliveryState { cursor, failures: 0, failing_since: None, due_at: Some(now) };
        self.records
            .save_delivery(organisation, endpoint.value.id, &state, revision, &first, &[])
            .await
            .map_err(save_refusal)?;
        Ok(view_of(endpoint.value, Some(&state)))
    }

    /// Where deliveries go on after a cursor, which the feed must still have; without one, after the
    /// first entry that is kept, and that entry.
    async fn place_in_feed(
        &self,
        organisation: &OrganisationId,
        asked: Option<FeedCursor>,
    ) -> Result<(FeedCursor, Option<FeedRecord>), Refusal> {
        let now = self.world.now();
        match (self.records.read_feed(organisation, asked.as_ref(), 1, now).await, asked) {
            (Ok(_), Some(asked)) => Ok((asked, None)),
            (Ok(page), None) => Ok((page.cursor, page.entries.into_iter().next())),
            (Err(FeedError::Store(error)), _) => Err(error.into()),
            (Err(FeedError::Gone), _) => Err(Refusal::CursorExpired),
            (Err(FeedError::InvalidCursor), _) => Err(bad_cursor()),
        }
    }

    async fn endpoints_of(&self, caller: &Caller) -> Result<Vec<Document<EndpointRow>>, Refusal> {
        let system = caller.own_system()?;
        let mut endpoints = self.records.endpoints(&caller.organisation).await?;
        endpoints.retain(|endpoint| endpoint.value.system == *system);
        Ok(endpoints)
    }

    async fn own_endpoint(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Document<EndpointRow>, Refusal> {
        may_manage(caller)?;
        let system = caller.own_system()?;
        let found = self.records.endpoint(&caller.organisation, EndpointId::new(id)).await?;
        found
            .filter(|endpoint| endpoint.value.system == *system)
            .ok_or(Refusal::NotFound { what: "webhook" })
    }

    async fn view_webhook(
        &self,
        organisation: &OrganisationId,
        row: EndpointRow,
    ) -> Result<WebhookView, Refusal> {
        let state = self.records.delivery(organisation, row.id).await?;
        Ok(view_of(row, state.as_ref().map(|state| &state.value)))
    }
}

fn subject_of(row: &EndpointRow) -> String {
    format!("webhook/{}", row.id.uuid())
}

/// A webhook as the activity shows it: without its address, which may hold a secret.
fn shown(row: &EndpointRow) -> serde_json::Value {
    serde_json::json!({ "system": row.system.to_string(), "paused": row.paused.is_some() })
}

/// An entry that is delivered as soon as somebody looks.
fn untried(entry: &FeedRecord, now: Timestamp) -> RetryRow {
    RetryRow {
        shard: entry.shard,
        number: entry.number,
        link: entry.link,
        attempts: 0,
        first_tried: now,
        next_at: now,
    }
}

/// Here the cursor comes in the body.
fn bad_cursor() -> Refusal {
    Refusal::Invalid(vec![Problem {
        pointer: "/after".to_owned(),
        rule: "it is no cursor that the feed gave".to_owned(),
        mend: "take `cursor` of an answer of the feed, or leave it out to begin".to_owned(),
    }])
}

/// Why deliveries are paused, once a person paused or resumed them. A reason of our own stays: who
/// resumes has to know it.
fn pause_reason(before: Option<String>, paused: bool) -> Option<String> {
    match (before, paused) {
        (_, false) => None,
        (None, true) => Some(PAUSED_BY_PERSON.to_owned()),
        (Some(reason), true) if reason.ends_with(PAUSED_BY_PERSON) => Some(reason),
        (Some(reason), true) => Some(format!("{reason}; {PAUSED_BY_PERSON}")),
    }
}

fn may_manage(caller: &Caller) -> Result<(), Refusal> {
    if caller.role < Role::Integrator { Err(Refusal::Forbidden(Role::Integrator)) } else { Ok(()) }
}

fn view_of(row: EndpointRow, state: Option<&DeliveryState>) -> WebhookView {
    WebhookView {
        id: row.id.uuid(),
        url: row.url,
        paused: row.paused.is_some(),
        pause_reason: row.paused,
        failures: state.map_or(0, |state| state.failures),
        next_attempt: state.and_then(|state| state.due_at).map(|at| at.to_string()),
        created: row.created_at.to_string(),
    }
}

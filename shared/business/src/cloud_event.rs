//! CloudEvents 1.0 in structured mode: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>.

use core::fmt::{self, Write as _};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tidemark_model::{Kind, OrganisationId};
use uuid::Uuid;

/// Media type of a CloudEvent in structured mode.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// What became of an item, or of a change that the business system asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// The item is new.
    Created,
    /// The item changed.
    Updated,
    /// The item is gone.
    Deleted,
    /// The business system's change stands in Exchange.
    Applied,
    /// Both sides changed the same property; the reason names the loser.
    Conflict,
    /// The change waits for somebody's decision.
    Held,
    /// The change cannot be carried out; the reason says why.
    Refused,
}

impl Verb {
    /// The last word of the event type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Applied => "applied",
            Self::Conflict => "conflict",
            Self::Held => "held",
            Self::Refused => "refused",
        }
    }
}

/// The side that made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Somebody or something in Exchange.
    Exchange,
    /// The business system.
    Business,
}

impl Origin {
    /// The word used in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Business => "business",
        }
    }
}

/// News about one item.
#[derive(Clone)]
pub struct ItemChange {
    /// Primary address of the mailbox, as the API names it.
    pub mailbox_address: String,
    /// Id of the mailbox, which outlives its address.
    pub mailbox_id: String,
    /// The item's id: the business system's own, or ours for an item born in Exchange.
    pub id: String,
    /// What kind of item.
    pub kind: Kind,
    /// What happened.
    pub verb: Verb,
    /// Who made the change.
    pub origin: Origin,
    /// The whole item after the change; none after a delete and for what must not be shown.
    pub item: Option<Value>,
    /// Why, in words.
    pub reason: String,
}

/// News about the state of a mailbox or of the service (N20).
#[derive(Clone)]
pub struct StateChange {
    /// What happened, such as `mailbox.failed` or `hold.created`.
    pub name: &'static str,
    /// Primary address of the mailbox.
    pub mailbox_address: String,
    /// Id of the mailbox.
    pub mailbox_id: String,
    /// What happened and what to do, in words.
    pub reason: String,
    /// Further facts; no content of items.
    pub details: Value,
}

/// An event as it stands in the feed and goes out by webhook.
#[derive(Clone, Serialize)]
pub struct CloudEvent {
    specversion: &'static str,
    id: Uuid,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    time: String,
    datacontenttype: &'static str,
    data: Value,
}

impl CloudEvent {
    /// The event for news about an item.
    pub fn of_item(
        organisation: &OrganisationId,
        id: Uuid,
        at: Timestamp,
        change: &ItemChange,
    ) -> Self {
        let ItemChange { mailbox_address, mailbox_id, id: item_id, kind, verb, .. } = &change;
        let subject =
            format!("mailboxes/{mailbox_address}/{}/{}", kind.plural(), escape_segment(item_id));
        let kind = format!("tidemark.{}.{}", kind.as_str(), verb.as_str());
        let data = serde_json::json!({
            "mailbox": mailbox_address,
            "mailboxId": mailbox_id,
            "id": item_id,
            "origin": change.origin.as_str(),
            "item": change.item,
            "reason": change.reason,
        });
        Self::new(organisation, id, at, kind, subject, data)
    }

    /// The event for news about a state.
    pub fn of_state(
        organisation: &OrganisationId,
        id: Uuid,
        at: Timestamp,
        change: &StateChange,
    ) -> Self {
        let data = serde_json::json!({
            "mailbox": change.mailbox_address,
            "mailboxId": change.mailbox_id,
            "reason": change.reason,
            "details": change.details,
        });
        let subject = format!("mailboxes/{}", change.mailbox_address);
        Self::new(organisation, id, at, format!("tidemark.{}", change.name), subject, data)
    }

    fn new(
        organisation: &OrganisationId,
        id: Uuid,
        at: Timestamp,
        kind: String,
        subject: String,
        data: Value,
    ) -> Self {
        Self {
            specversion: "1.0",
            id,
            source: format!("urn:tidemark:{organisation}"),
            kind,
            subject,
            time: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            datacontenttype: "application/json",
            data,
        }
    }

    /// The event's id, which is also the `webhook-id` of its deliveries.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The event's type.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The JSON text.
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of strings and a JSON value always has a JSON text.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Shows type and id: the data is content.
impl fmt::Debug for CloudEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloudEvent({} {})", self.kind, self.id)
    }
}

impl fmt::Debug for ItemChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ItemChange({:?} {:?} from {:?})", self.kind, self.verb, self.origin)
    }
}

impl fmt::Debug for StateChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateChange({})", self.name)
    }
}

/// Percent-encodes everything in a path segment that is not unreserved (RFC 3986 2.3).
pub fn escape_segment(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_event_has_the_shape_that_the_design_promises() {
        let organisation = OrganisationId::parse("demo").unwrap();
        let event = CloudEvent::of_item(
            &organisation,
            Uuid::from_u128(7),
            "2026-03-02T09:00:00.5Z".parse().unwrap(),
            &ItemChange {
                mailbox_address: "alex@tidemark.example".to_owned(),
                mailbox_id: "m".to_owned(),
                id: "crm 1/2".to_owned(),
                kind: Kind::Appointment,
                verb: Verb::Created,
                origin: Origin::Exchange,
                item: Some(serde_json::json!({"title": "Visit"})),
                reason: "new in Exchange".to_owned(),
            },
        );
        let read: Value = serde_json::from_slice(&event.to_json()).unwrap();
        assert_eq!(
            read,
            serde_json::json!({
                "specversion": "1.0",
                "id": "00000000-0000-0000-0000-000000000007",
                "source": "urn:tidemark:demo",
                "type": "tidemark.appointment.created",
                "subject": "mailboxes/alex@tidemark.example/appointments/crm%201%2F2",
                "time": "2026-03-02T09:00:00Z",
                "datacontenttype": "application/json",
                "data": {
                    "mailbox": "alex@tidemark.example",
                    "mailboxId": "m",
                    "id": "crm 1/2",
                    "origin": "exchange",
                    "item": {"title": "Visit"},
                    "reason": "new in Exchange",
                },
            })
        );
        assert!(!format!("{event:?}").contains("Visit"));
    }
}

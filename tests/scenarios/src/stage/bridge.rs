//! The border as far as scenarios need it, until the product has it.

use super::mailbox_id;
use async_trait::async_trait;
use core::time::Duration;
use tidemark_jscalendar::{WriteOptions, write_event};
use tidemark_model::{BusinessKey, Kind, LinkId};
use tidemark_service::Service;
use tidemark_service::border::*;
use tidemark_store::records::{
    ChangeId, Collection, HoldId, LinkState, MailboxScope, PendingChange, PendingOperation,
};

#[async_trait]
pub(super) trait Bridge {
    async fn change_item(
        &self,
        c: &Caller,
        m: &str,
        k: Kind,
        id: &str,
        change: ItemChangeRequest,
        g: Guards,
    ) -> Result<Accepted, Refusal>;
    async fn item(&self, c: &Caller, m: &str, k: Kind, id: &str) -> Result<ItemView, Refusal>;
    async fn items(
        &self,
        c: &Caller,
        m: &str,
        k: Kind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<ItemView>, Refusal>;
    async fn item_history(
        &self,
        c: &Caller,
        m: &str,
        k: Kind,
        id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<HistoryView>, Refusal>;
    async fn holds(&self, c: &Caller) -> Result<Vec<HoldView>, Refusal>;
    async fn decide_hold(
        &self,
        c: &Caller,
        id: uuid::Uuid,
        choice: HoldChoice,
    ) -> Result<(), Refusal>;
    async fn changes(
        &self,
        c: &Caller,
        after: Option<&str>,
        limit: usize,
        wait: Duration,
    ) -> Result<FeedView, Refusal>;
}

fn scope(c: &Caller, m: &str) -> MailboxScope {
    MailboxScope { organisation: c.organisation.clone(), mailbox: mailbox_id(m) }
}

fn link_of(c: &Caller, m: &str, id: &str) -> (LinkId, Option<BusinessKey>) {
    match LinkId::parse(id) {
        Ok(link) => (link, None),
        Err(_) => {
            let key = BusinessKey::parse(id).unwrap();
            (LinkId::of_business_key(&c.system, mailbox_id(m), Kind::Appointment, &key), Some(key))
        }
    }
}

#[async_trait]
impl Bridge for Service {
    async fn change_item(
        &self,
        c: &Caller,
        m: &str,
        _: Kind,
        id: &str,
        change: ItemChangeRequest,
        g: Guards,
    ) -> Result<Accepted, Refusal> {
        let (link, business_key) = link_of(c, m, id);
        let (operation, body) = match &change {
            ItemChangeRequest::Put(v) => (PendingOperation::Put, serde_json::to_vec(v).unwrap()),
            ItemChangeRequest::Patch(v) => {
                (PendingOperation::Patch, serde_json::to_vec(v).unwrap())
            }
            ItemChangeRequest::Delete => (PendingOperation::Delete, Vec::new()),
        };
        let change = PendingChange {
            id: ChangeId::new(self.world.uuid()),
            link,
            business_key,
            operation,
            body,
            if_match: g.if_match,
            idempotency_key: g.idempotency_key,
            system: c.system.clone(),
        };
        let a = self
            .records
            .accept(&scope(c, m), &change, &Collection::calendar(), self.world.now())
            .await
            .map_err(|_| Refusal::Unavailable)?;
        Ok(Accepted { number: a.number, id: id.to_owned(), ignored: Vec::new() })
    }
    async fn item(&self, c: &Caller, m: &str, _: Kind, id: &str) -> Result<ItemView, Refusal> {
        let (link, _) = link_of(c, m, id);
        let pending = self.records.pending_of_link(&scope(c, m), link).await.unwrap().len();
        let row = self.records.link(&scope(c, m), link).await.unwrap();
        let base = row.as_ref().filter(|r| r.state == LinkState::Linked).and_then(|r| {
            r.base_exchange
                .as_ref()
                .map(|b| (r.revision, tidemark_service::content::decode_base(b).unwrap()))
        });
        match base {
            Some((revision, base)) => Ok(ItemView {
                id: id.to_owned(),
                item: write_event(&base.business, &WriteOptions::default()),
                revision,
                pending,
            }),
            None if pending > 0 => Ok(ItemView {
                id: id.to_owned(),
                item: serde_json::Value::Null,
                revision: 0,
                pending,
            }),
            None => Err(Refusal::NotFound { what: "appointment" }),
        }
    }
    async fn items(
        &self,
        c: &Caller,
        m: &str,
        k: Kind,
        _: Option<&str>,
        _: usize,
    ) -> Result<Listing<ItemView>, Refusal> {
        let links = self.records.links(&scope(c, m), None, 200).await.unwrap().links;
        let mut entries = Vec::new();
        for l in links {
            if let Ok(mut v) = self.item(c, m, k, &l.link.to_string()).await {
                if let Some(key) = l.business_key {
                    v.id = key.as_str().to_owned();
                }
                entries.push(v);
            }
        }
        Ok(Listing { entries, next: None })
    }
    async fn item_history(
        &self,
        c: &Caller,
        m: &str,
        _: Kind,
        id: &str,
        _: Option<&str>,
        _: usize,
    ) -> Result<Listing<HistoryView>, Refusal> {
        let (link, _) = link_of(c, m, id);
        let page =
            self.records.history(&scope(c, m), link, None, 200, self.world.now()).await.unwrap();
        Ok(Listing {
            entries: page
                .entries
                .into_iter()
                .map(|e| HistoryView {
                    at: e.at.to_string(),
                    actor: e.actor,
                    decision: e.decision,
                    reason: e.reason,
                    revision: e.revision,
                })
                .collect(),
            next: None,
        })
    }
    async fn holds(&self, c: &Caller) -> Result<Vec<HoldView>, Refusal> {
        let page = self.records.holds_of_organisation(&c.organisation, None, 200).await.unwrap();
        Ok(page
            .holds
            .into_iter()
            .map(|(m, h)| HoldView {
                id: h.id.uuid(),
                mailbox: m.to_string(),
                item: h.link.map(|l| l.to_string()),
                why: h.why,
                text: h.text,
                people: h.people,
                since: h.since.to_string(),
            })
            .collect())
    }
    async fn decide_hold(
        &self,
        c: &Caller,
        id: uuid::Uuid,
        choice: HoldChoice,
    ) -> Result<(), Refusal> {
        let (m, hold) = self.records.hold(&c.organisation, HoldId::new(id)).await.unwrap().unwrap();
        let scope = MailboxScope { organisation: c.organisation.clone(), mailbox: m };
        if hold.link.is_none() {
            let mut row = self.records.mailbox(&scope).await.unwrap().unwrap();
            row.value.paused = None;
            self.records.release_brake(&scope, self.world.now().as_second() / 3600).await.unwrap();
            let _ =
                self.records.save_mailbox(&c.organisation, &row.value, Some(row.revision)).await;
        }
        let word = match choice {
            HoldChoice::Send => "send",
            HoldChoice::WithoutAttendees => "without-attendees",
            HoldChoice::Discard => "discard",
        };
        self.records.decide_hold(&scope, HoldId::new(id), word).await.map_err(|_| Refusal::Internal)
    }
    async fn changes(
        &self,
        c: &Caller,
        _: Option<&str>,
        _: usize,
        _: Duration,
    ) -> Result<FeedView, Refusal> {
        let page =
            self.records.read_feed(&c.organisation, None, 1000, self.world.now()).await.unwrap();
        Ok(FeedView {
            changes: page
                .entries
                .into_iter()
                .filter_map(|e| serde_json::from_slice(&e.event?).ok())
                .collect(),
            cursor: String::new(),
        })
    }
}

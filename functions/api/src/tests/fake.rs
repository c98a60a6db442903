//! A border with behaviour, in memory: one organisation with two mailboxes.

mod views;

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tidemark_model::{OrganisationId, SystemId};
use tidemark_service::border::{
    Accepted, AssignmentView, Border, BrakePreview, Caller, CapView, CertificateView,
    ConnectionChange, ConnectionView, CostView, CredentialDetails, CredentialView, FeedView,
    FenceChange, FenceView, FirstCopyView, GateChoice, GraphView, Guards, HistoryView, HoldChoice,
    HoldDetails, HoldView, ItemChangeRequest, ItemVersion, ItemView, LagView, Listing,
    MailboxErrorView, MailboxSteps, MailboxView, MoveEntry, MoveRequest, MoveView, MovedItems,
    MovesAsked, NewAccess, NewConnection, NotificationMode, PreflightAsk, PreflightStep,
    PreflightView, PreviewItem, Refusal, Role, ServerCertificateView, StepState, WaiverView,
    WebhookView,
};
use tidemark_service::cost::{Amount, PriceList, Usage};
use tokio::sync::Notify;
use uuid::Uuid;

pub(super) use self::views::mailbox_view;
use self::views::*;
use super::*;

pub(super) const KEY: &str = "key-of-alpha";
pub(super) const OTHER_KEY: &str = "key-of-beta";
pub(super) const HOLD: Uuid = Uuid::from_u128(7);
pub(super) const CONNECTION: Uuid = Uuid::from_u128(8);

#[derive(Default)]
pub(super) struct FakeBorder {
    items: Mutex<BTreeMap<(String, String), (Value, u64)>>,
    accepted: Mutex<u64>,
    /// Number of the last change that waits; 0 when none does.
    pub(super) waiting: Mutex<u64>,
    pub(super) switched: Mutex<Vec<(String, bool)>>,
    keys_used: Mutex<BTreeMap<String, String>>,
    webhooks: Mutex<Vec<WebhookView>>,
    connections: Mutex<Vec<ConnectionView>>,
    pub(super) graph_changes: Mutex<Vec<&'static str>>,
    /// The passwords that came, and the changes of the authorities.
    pub(super) passwords: Mutex<Vec<String>>,
    pub(super) authorities: Mutex<Vec<&'static str>>,
    pub(super) decided: Mutex<Vec<HoldChoice>>,
    pub(super) synced: Mutex<Vec<String>>,
    pub(super) pages: Mutex<Vec<(Option<String>, usize)>>,
    pub(super) waits: Mutex<Vec<Duration>>,
    /// What every use case refuses with, when set.
    pub(super) refusal: Mutex<Option<Refusal>>,
    pub(super) unwell: Mutex<Option<String>>,
    /// Ends the waiting of one call.
    pub(super) change: Notify,
}

pub(super) fn resolve(name: &str) -> Result<String, Refusal> {
    match name {
        "alex@tidemark.example" | "a.lex@tidemark.example" | "m-1" => {
            Ok("alex@tidemark.example".to_owned())
        }
        "blake@tidemark.example" | "m-2" => Ok("blake@tidemark.example".to_owned()),
        _ => Err(Refusal::NotFound { what: "mailbox" }),
    }
}

fn page<T>(entries: Vec<(String, T)>, after: Option<&str>, limit: usize) -> Listing<T> {
    let mut rest = entries
        .into_iter()
        .filter(|(name, _)| after.is_none_or(|after| name.as_str() > after))
        .collect::<Vec<_>>();
    let next = (rest.len() > limit).then(|| rest[limit - 1].0.clone());
    rest.truncate(limit);
    Listing { entries: rest.into_iter().map(|(_, entry)| entry).collect(), next }
}

impl FakeBorder {
    pub(super) fn refused(&self) -> Result<(), Refusal> {
        self.refusal.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn connection_at<T>(
        &self,
        id: Uuid,
        act: impl FnOnce(&mut ConnectionView) -> T,
    ) -> Result<T, Refusal> {
        self.refused()?;
        let mut connections = self.connections.lock().unwrap();
        let found = connections.iter_mut().find(|connection| connection.id == id);
        found.map(act).ok_or(Refusal::NotFound { what: "connection" })
    }

    fn webhook<T>(&self, id: Uuid, act: impl FnOnce(&mut WebhookView) -> T) -> Result<T, Refusal> {
        self.refused()?;
        self.webhooks
            .lock()
            .unwrap()
            .iter_mut()
            .find(|webhook| webhook.id == id)
            .map(act)
            .ok_or(Refusal::NotFound { what: "webhook" })
    }
}

#[async_trait]
impl Border for FakeBorder {
    async fn authenticate(&self, bearer: &str) -> Result<Caller, Refusal> {
        let organisation = match bearer {
            KEY => "alpha",
            OTHER_KEY => "beta",
            _ => return Err(Refusal::Unauthenticated),
        };
        Ok(Caller {
            organisation: OrganisationId::parse(organisation).unwrap(),
            system: SystemId::parse("crm").ok(),
            role: Role::Administrator,
            key_id: "k1".to_owned(),
        })
    }

    async fn health(&self) -> Result<(), String> {
        self.unwell.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    async fn mailboxes(
        &self,
        _: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<MailboxView>, Refusal> {
        self.refused()?;
        self.pages.lock().unwrap().push((after.map(str::to_owned), limit));
        let all = ["alex@tidemark.example", "blake@tidemark.example"];
        let all = all.map(|address| (mailbox_view(address).id, mailbox_view(address)));
        Ok(page(all.into(), after, limit))
    }

    async fn mailbox(&self, _: &Caller, name: &str) -> Result<MailboxView, Refusal> {
        self.refused()?;
        resolve(name).map(|address| mailbox_view(&address))
    }

    async fn cost(&self, _: &Caller, name: &str) -> Result<CostView, Refusal> {
        self.refused()?;
        resolve(name).map(|_| cost_view())
    }

    async fn change_item(
        &self,
        _: &Caller,
        mailbox: &str,
        _: Kind,
        id: &str,
        change: ItemChangeRequest,
        guards: Guards,
    ) -> Result<Accepted, Refusal> {
        self.refused()?;
        assert_ne!(id, "panic", "secret content");
        let mailbox = resolve(mailbox)?;
        if let Some(key) = guards.idempotency_key {
            let before = self.keys_used.lock().unwrap().insert(key, id.to_owned());
            if before.is_some_and(|before| before != id) {
                return Err(Refusal::IdempotencyMismatch);
            }
        }
        let mut items = self.items.lock().unwrap();
        let slot = (mailbox, id.to_owned());
        let revision = items.get(&slot).map_or(0, |(_, revision)| *revision);
        if guards.if_match.is_some_and(|wanted| wanted != ItemVersion::Settled(revision)) {
            return Err(Refusal::PreconditionFailed);
        }
        match change {
            ItemChangeRequest::Put(item) => {
                items.insert(slot, (item, revision + 1));
            }
            ItemChangeRequest::Patch(patch) => {
                let (item, revision) =
                    items.get_mut(&slot).ok_or(Refusal::NotFound { what: "appointment" })?;
                for (name, value) in patch.as_object().unwrap() {
                    item[name] = value.clone();
                }
                *revision += 1;
            }
            ItemChangeRequest::Delete => {
                items.remove(&slot).ok_or(Refusal::NotFound { what: "appointment" })?;
            }
        }
        let mut accepted = self.accepted.lock().unwrap();
        *accepted += 1;
        Ok(Accepted { number: *accepted, id: id.to_owned(), ignored: vec!["/color".to_owned()] })
    }

    async fn item(
        &self,
        _: &Caller,
        mailbox: &str,
        _: Kind,
        id: &str,
    ) -> Result<ItemView, Refusal> {
        self.refused()?;
        let items = self.items.lock().unwrap();
        let (item, revision) = items
            .get(&(resolve(mailbox)?, id.to_owned()))
            .ok_or(Refusal::NotFound { what: "appointment" })?;
        let waiting = *self.waiting.lock().unwrap();
        let version = match waiting {
            0 => ItemVersion::Settled(*revision),
            last => ItemVersion::Waiting { revision: *revision, last },
        };
        let pending = usize::from(waiting > 0) * 3;
        Ok(ItemView { id: id.to_owned(), item: item.clone(), version, pending })
    }

    async fn items(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<ItemView>, Refusal> {
        self.refused()?;
        let mailbox = resolve(mailbox)?;
        let names: Vec<(String, String)> = self.items.lock().unwrap().keys().cloned().collect();
        let mut views = Vec::new();
        for (_, id) in names.into_iter().filter(|(of, _)| *of == mailbox) {
            let view = self.item(caller, &mailbox, kind, &id).await?;
            views.push((id, view));
        }
        Ok(page(views, after, limit))
    }

    async fn item_history(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<HistoryView>, Refusal> {
        let view = self.item(caller, mailbox, kind, id).await?;
        let entries = (1..=view.version.revision())
            .map(|revision| {
                let entry = HistoryView {
                    at: "2026-03-01T08:00:00Z".to_owned(),
                    actor: "business".to_owned(),
                    decision: "written".to_owned(),
                    reason: "only the business system changed it".to_owned(),
                    revision,
                };
                (revision.to_string(), entry)
            })
            .collect();
        Ok(page(entries, after, limit))
    }

    async fn sync_now(&self, _: &Caller, mailbox: &str) -> Result<(), Refusal> {
        self.refused()?;
        self.synced.lock().unwrap().push(resolve(mailbox)?);
        Ok(())
    }

    async fn changes(
        &self,
        _: &Caller,
        after: Option<&str>,
        limit: usize,
        wait: Duration,
    ) -> Result<FeedView, Refusal> {
        self.refused()?;
        self.waits.lock().unwrap().push(wait);
        self.pages.lock().unwrap().push((after.map(str::to_owned), limit));
        if !wait.is_zero() {
            self.change.notified().await;
        }
        Ok(FeedView {
            changes: vec![json!({"type": "tidemark.appointment.created"})],
            cursor: "c-1".to_owned(),
        })
    }

    async fn create_webhook(
        &self,
        _: &Caller,
        url: &str,
    ) -> Result<(WebhookView, String), Refusal> {
        self.refused()?;
        let mut webhooks = self.webhooks.lock().unwrap();
        let view = WebhookView {
            id: Uuid::from_u128(100 + u128::try_from(webhooks.len()).unwrap()),
            url: url.to_owned(),
            paused: false,
            pause_reason: None,
            failures: 0,
            next_attempt: None,
            created: "2026-03-01T08:00:00Z".to_owned(),
        };
        webhooks.push(view.clone());
        Ok((view, "whsec_c2VjcmV0".to_owned()))
    }

    async fn webhooks(&self, _: &Caller) -> Result<Vec<WebhookView>, Refusal> {
        self.refused()?;
        Ok(self.webhooks.lock().unwrap().clone())
    }

    async fn delete_webhook(&self, _: &Caller, id: Uuid) -> Result<(), Refusal> {
        self.webhook(id, |_| ())?;
        self.webhooks.lock().unwrap().retain(|w| w.id != id);
        Ok(())
    }

    async fn pause_webhook(
        &self,
        _: &Caller,
        id: Uuid,
        paused: bool,
    ) -> Result<WebhookView, Refusal> {
        self.webhook(id, |webhook| {
            webhook.paused = paused;
            webhook.clone()
        })
    }

    async fn replay_webhook(
        &self,
        _: &Caller,
        id: Uuid,
        after: Option<&str>,
    ) -> Result<WebhookView, Refusal> {
        self.pages.lock().unwrap().push((after.map(str::to_owned), 0));
        self.webhook(id, |webhook| webhook.clone())
    }

    async fn holds(&self, _: &Caller) -> Result<Vec<HoldView>, Refusal> {
        self.refused()?;
        Ok(vec![hold_view()])
    }

    async fn hold(&self, _: &Caller, id: Uuid) -> Result<HoldDetails, Refusal> {
        self.refused()?;
        if id != HOLD {
            return Err(Refusal::NotFound { what: "hold" });
        }
        let item = PreviewItem { id: "crm-1".to_owned(), action: "delete", people: 2 };
        let preview =
            BrakePreview { changes: 60, more: false, deletes: 60, mails: 2, items: vec![item] };
        Ok(HoldDetails { hold: hold_view(), preview: Some(preview) })
    }

    async fn decide_hold(&self, _: &Caller, id: Uuid, choice: HoldChoice) -> Result<(), Refusal> {
        self.refused()?;
        if id != HOLD {
            return Err(Refusal::NotFound { what: "hold" });
        }
        self.decided.lock().unwrap().push(choice);
        Ok(())
    }

    async fn connections(&self, _: &Caller) -> Result<Vec<ConnectionView>, Refusal> {
        self.refused()?;
        Ok(self.connections.lock().unwrap().clone())
    }

    async fn connection(&self, _: &Caller, id: Uuid) -> Result<ConnectionView, Refusal> {
        self.connection_at(id, |connection| connection.clone())
    }

    async fn connection_credentials(
        &self,
        _: &Caller,
        id: Uuid,
    ) -> Result<Vec<CredentialDetails>, Refusal> {
        let details = CredentialDetails {
            credential: credential(),
            certificate: None,
            pem: Some("-----BEGIN CERTIFICATE-----".to_owned()),
        };
        self.connection_at(id, |_| vec![details])
    }

    async fn create_connection(
        &self,
        _: &Caller,
        new: NewConnection,
    ) -> Result<ConnectionView, Refusal> {
        self.refused()?;
        let (mut url, mut account, mut impersonates, mut graph) = (None, None, false, None);
        match new.access {
            NewAccess::Ews { url: at, account: who, password, impersonate } => {
                self.passwords.lock().unwrap().push(password.expose_secret().to_owned());
                (url, account, impersonates) = (Some(at), Some(who), impersonate);
            }
            NewAccess::Graph(settings) => {
                let secret = settings.credential.secret.as_ref();
                let texts = secret.map(|secret| secret.expose_secret().to_owned());
                self.passwords.lock().unwrap().extend(texts);
                graph = Some(GraphView {
                    tenant: settings.tenant,
                    client: settings.client,
                    cloud: settings.cloud,
                    credentials: vec![credential()],
                    application_object: settings.application_object,
                    renews_credentials: settings.renew_credentials.unwrap_or_default(),
                    rich_notifications: settings.rich_notifications,
                });
            }
        }
        let view = ConnectionView {
            id: CONNECTION,
            name: new.name,
            protocol: if graph.is_some() { "graph" } else { "ews" },
            url,
            account,
            impersonate: impersonates,
            graph,
            extra_ca: Vec::new(),
            confirmed_certificate: None,
            enabled: true,
            appointments: true,
            notifications: match new.notifications {
                NotificationMode::Push => "push",
                NotificationMode::Poll => "poll",
            },
            server_version: None,
            wait_until: None,
            errors: Vec::new(),
            created: "2026-03-01T08:00:00Z".to_owned(),
        };
        self.connections.lock().unwrap().push(view.clone());
        Ok(view)
    }

    async fn change_connection(
        &self,
        _: &Caller,
        id: Uuid,
        change: ConnectionChange,
    ) -> Result<ConnectionView, Refusal> {
        if let Some(password) = &change.password {
            self.passwords.lock().unwrap().push(password.expose_secret().to_owned());
        }
        if let Some(graph) = &change.graph {
            self.graph_changes.lock().unwrap().push(
                match (&graph.credential, &graph.second_credential) {
                    (None, None) => "left",
                    (Some(None), _) | (_, Some(None)) => "taken out",
                    (Some(Some(_)), _) | (_, Some(Some(_))) => "entered",
                },
            );
        }
        self.authorities.lock().unwrap().push(match change.extra_ca {
            None => "left",
            Some(None) => "taken away",
            Some(Some(_)) => "replaced",
        });
        self.connection_at(id, |connection| {
            connection.enabled = change.enabled.unwrap_or(connection.enabled);
            connection.clone()
        })
    }

    async fn server_certificate(
        &self,
        _: &Caller,
        id: Uuid,
    ) -> Result<ServerCertificateView, Refusal> {
        self.connection_at(id, |connection| ServerCertificateView {
            certificate: CertificateView {
                subject: "CN=mail.example".to_owned(),
                issuer: "CN=mail.example".to_owned(),
                sha256: "AB:CD".to_owned(),
                not_before: "2026-01-01T00:00:00Z".to_owned(),
                not_after: "2027-01-01T00:00:00Z".to_owned(),
                self_signed: true,
            },
            trusted: connection.confirmed_certificate.is_some(),
            confirmed: connection.confirmed_certificate.clone(),
            text: "Compare it.".to_owned(),
        })
    }

    async fn confirm_certificate(
        &self,
        _: &Caller,
        id: Uuid,
        sha256: &str,
    ) -> Result<ConnectionView, Refusal> {
        self.connection_at(id, |connection| {
            connection.confirmed_certificate = Some(sha256.to_owned());
            connection.clone()
        })
    }

    async fn forget_certificate(&self, _: &Caller, id: Uuid) -> Result<ConnectionView, Refusal> {
        self.connection_at(id, |connection| {
            connection.confirmed_certificate = None;
            connection.clone()
        })
    }

    async fn preflight(
        &self,
        _: &Caller,
        id: Uuid,
        ask: PreflightAsk,
    ) -> Result<PreflightView, Refusal> {
        self.refused()?;
        Ok(PreflightView {
            connection: id,
            protocol: "ews",
            at: "2026-03-01T08:00:00Z".to_owned(),
            passed: false,
            steps: vec![failed_step()],
            mailboxes: ask.mailboxes.into_iter().map(unreachable).collect(),
            more: false,
            fence: fence_view(FenceChange::default()),
        })
    }

    async fn check_assignment(
        &self,
        _: &Caller,
        _: Uuid,
        after: Option<&str>,
    ) -> Result<AssignmentView, Refusal> {
        self.refused()?;
        let next = if after.is_none() { Some("m-1".to_owned()) } else { None };
        let unreachable = vec![unreachable("blake@tidemark.example".to_owned())];
        Ok(AssignmentView { checked: 2, unreachable, next })
    }

    async fn fence(&self, _: &Caller, _: Uuid) -> Result<FenceView, Refusal> {
        self.refused()?;
        Ok(fence_view(FenceChange::default()))
    }

    async fn change_fence(
        &self,
        _: &Caller,
        _: Uuid,
        change: FenceChange,
    ) -> Result<FenceView, Refusal> {
        self.refused()?;
        Ok(fence_view(change))
    }

    async fn move_mailboxes(
        &self,
        _: &Caller,
        from: Uuid,
        request: MoveRequest,
    ) -> Result<MovesAsked, Refusal> {
        self.connection_at(from, |_| ())?;
        let moving = request.mailboxes.map_or(7, |named| named.len());
        Ok(MovesAsked { moving, more: false })
    }

    async fn moves(
        &self,
        _: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<MoveEntry>, Refusal> {
        self.refused()?;
        let all = ["alex@tidemark.example", "blake@tidemark.example"].map(move_entry);
        Ok(page(all.map(|entry| (entry.mailbox.clone(), entry)).into(), after, limit))
    }

    async fn withdraw_move(&self, _: &Caller, mailbox: &str) -> Result<(), Refusal> {
        self.refused()?;
        resolve(mailbox).map(drop)
    }

    async fn mailbox_move(&self, _: &Caller, _: &str) -> Result<MoveView, Refusal> {
        self.refused()?;
        Ok(move_view())
    }
}

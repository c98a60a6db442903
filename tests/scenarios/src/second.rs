//! A second organisation whose connector works on a mailbox of the stage as well (E21).

use serde_json::Value;
use tidemark_model::{Kind, MailboxId, OrganisationId, SystemId};
use tidemark_service::border::{Caller, Guards, ItemChangeRequest, Role};
use tidemark_service::{Border as _, RunEnd};
use tidemark_store::records::{Collection, MailboxRow, MailboxScope, OrganisationRow, SystemRow};
use tidemark_transport::Clock as _;
use uuid::Uuid;

use crate::stage::{Stage, mailbox_id};

/// Runs after which a mailbox has to be quiet.
const RUNS_MAX: usize = 50;

/// The organisation and its mailbox, which is somebody's whom the stage syncs too.
pub struct SecondOrganisation {
    organisation: OrganisationId,
    system: SystemId,
    address: String,
    mailbox: MailboxId,
}

impl SecondOrganisation {
    /// Makes the organisation and gives it the mailbox with this address.
    ///
    /// # Panics
    /// When the store fails.
    pub fn join(stage: &mut Stage, name: &str, address: &str) -> Self {
        let organisation = OrganisationId::parse(name).expect("a valid id");
        let system = SystemId::parse("crm").expect("a valid id");
        let text = format!("{name}/{address}");
        let mailbox = MailboxId::new(Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes()));
        let joined = Self { organisation, system, address: address.to_owned(), mailbox };
        let (records, first) = (stage.service.records.clone(), stage.organisation.clone());
        let (organisation, system) = (joined.organisation.clone(), joined.system.clone());
        let like = MailboxScope { organisation: first.clone(), mailbox: mailbox_id(address) };
        let now = stage.clock.now();
        stage.run(async move {
            let row = OrganisationRow {
                id: organisation.clone(),
                enabled: true,
                name: "Second".to_owned(),
                allowed_networks: Vec::new(),
                domains: vec!["tidemark.example".to_owned()],
                cap_cents_per_month: None,
                created_at: now,
            };
            records.save_organisation(&row, None).await.expect("saved");
            let row = SystemRow { id: system.clone(), name: "CRM".to_owned(), created_at: now };
            records.save_system(&organisation, &row, None).await.expect("saved");
            for connection in records.connections(&first).await.expect("read") {
                records
                    .save_connection(&organisation, &connection.value, None)
                    .await
                    .expect("saved");
            }
            let like = records.mailbox(&like).await.expect("read").expect("it is there").value;
            let row = MailboxRow {
                id: mailbox,
                profile: None,
                system,
                state: tidemark_store::records::MailboxState::New,
                troubles: Vec::new(),
                first_sync: tidemark_store::records::FirstSync::default(),
                last_synced: None,
                sweep_doublings: 0,
                ..like
            };
            records.save_mailbox(&organisation, &row, None).await.expect("saved");
        });
        joined
    }

    fn scope(&self) -> MailboxScope {
        MailboxScope { organisation: self.organisation.clone(), mailbox: self.mailbox }
    }

    /// Syncs its mailbox until nothing is left to do.
    ///
    /// # Panics
    /// When it does not come to an end, or the store fails.
    pub fn sync(&self, stage: &mut Stage) {
        for _ in 0..RUNS_MAX {
            let (service, scope) = (stage.service.clone(), self.scope());
            let deadline = stage.clock.now() + jiff::SignedDuration::from_secs(60);
            let report = stage.run(async move {
                service.raise(&scope, &Collection::calendar()).await.expect("raised");
                service.sync(&scope, deadline).await.expect("the store answers")
            });
            match report.end {
                RunEnd::Synced | RunEnd::Off => return,
                RunEnd::Continues => {}
                RunEnd::Waits(at) | RunEnd::Held(at) => stage.clock.advance_to(at),
            }
        }
        panic!("the sync of the second organisation does not come to an end");
    }

    /// Puts an item of its business system.
    ///
    /// # Panics
    /// When the border refuses it.
    pub fn put(&self, stage: &mut Stage, id: &str, item: Value) {
        let caller = Caller {
            organisation: self.organisation.clone(),
            system: Some(self.system.clone()),
            role: Role::Administrator,
            key_id: "second".to_owned(),
        };
        let (service, address, id) = (stage.service.clone(), self.address.clone(), id.to_owned());
        let put = ItemChangeRequest::Put(item);
        stage
            .run(async move {
                let guards = Guards::default();
                service.change_item(&caller, &address, Kind::Appointment, &id, put, guards).await
            })
            .expect("the item is accepted");
    }

    /// Every event of its feed.
    ///
    /// # Panics
    /// When the store fails.
    pub fn feed(&self, stage: &mut Stage) -> Vec<Value> {
        let (records, organisation) = (stage.service.records.clone(), self.organisation.clone());
        let now = stage.clock.now();
        let page = stage.run(async move { records.read_feed(&organisation, None, 500, now).await });
        let entries = page.expect("the feed can be read").entries.into_iter();
        entries.filter_map(|entry| serde_json::from_slice(&entry.event?).ok()).collect()
    }

    /// What stands about its mailbox.
    ///
    /// # Panics
    /// When the store fails.
    pub fn mailbox(&self, stage: &mut Stage) -> MailboxRow {
        let (records, scope) = (stage.service.records.clone(), self.scope());
        let row = stage.run(async move { records.mailbox(&scope).await });
        row.expect("read").expect("it is there").value
    }
}

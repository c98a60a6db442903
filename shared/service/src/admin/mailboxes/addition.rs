//! Mailboxes that are added: each is answered by itself, and none twice (W2, W10).

use std::collections::BTreeSet;

use tidemark_mailbox::ews::MailboxAddress;
use tidemark_model::{Kind, MailboxId, OrganisationId, SystemId, Zone};
use tidemark_store::records::{
    ADDRESSES_MAX, ConnectionId, FirstSync, MailboxRow, MailboxScope, MailboxState,
};

use super::{no_profile, shown};
use crate::admin::{refuse_if_any, wrong};
use crate::api::access::may_administer;
use crate::border::{
    AddedMailbox, Addition, Caller, NEW_MAILBOXES_MAX, NewMailbox, NewMailboxes, Refusal,
};
use crate::service::{Service, collection_of};

/// Why a mailbox of another organisation is refused. It does not say whose: organisations of one
/// installation need not know each other.
pub(super) const ELSEWHERE: &str = "another organisation of this installation has a mailbox with \
     this address, and two business systems in one mailbox would answer each other: remove it there \
     first";

/// Where new mailboxes go.
struct Place {
    connection: ConnectionId,
    system: SystemId,
    profile: Option<String>,
    /// Organisations in which they must not be.
    others: Vec<OrganisationId>,
}

impl Service {
    pub(in crate::admin) async fn add_many(
        &self,
        caller: &Caller,
        new: NewMailboxes,
    ) -> Result<Vec<AddedMailbox>, Refusal> {
        may_administer(caller)?;
        let mut problems = Vec::new();
        let connection = ConnectionId::new(new.connection);
        if self.records.connection(&caller.organisation, connection).await?.is_none() {
            let rule = "names no connection of the organisation";
            problems.push(wrong("/connection", rule, "an id that GET /v1/connections lists"));
        }
        if !(1..=NEW_MAILBOXES_MAX).contains(&new.mailboxes.len()) {
            let rule = "is empty or too long";
            let mend = format!("1 to {NEW_MAILBOXES_MAX} mailboxes; send more in further calls");
            problems.push(wrong("/mailboxes", rule, &mend));
        }
        if !self.has_profile(caller, new.profile.as_deref()).await? {
            problems.push(no_profile());
        }
        refuse_if_any(problems)?;
        let system = self.named_system(caller, new.system.as_deref()).await?;
        let others = self.others(caller).await?;
        let place = Place { connection, system, profile: new.profile, others };
        let mut seen = BTreeSet::new();
        let mut answers = Vec::with_capacity(new.mailboxes.len());
        for mailbox in new.mailboxes {
            let address = mailbox.address.trim().to_lowercase();
            let outcome = self.add_one(caller, &place, mailbox, &mut seen).await?;
            answers.push(AddedMailbox { address, outcome });
        }
        Ok(answers)
    }

    /// One of them. Only a failure of the store ends the call: what was added until then stands, and
    /// is answered `exists` when the call comes again.
    async fn add_one(
        &self,
        caller: &Caller,
        place: &Place,
        new: NewMailbox,
        seen: &mut BTreeSet<String>,
    ) -> Result<Addition, Refusal> {
        let row = match self.read_row(place, new) {
            Ok(row) => row,
            Err(refused) => return Ok(refused),
        };
        let addresses = row.addresses();
        if !seen.is_disjoint(&addresses) {
            return Ok(refused(
                "twice",
                "an earlier mailbox of this call has the address or one of the aliases",
                "leave one of them out",
            ));
        }
        seen.extend(addresses.iter().cloned());
        for address in &addresses {
            let known = self.records.mailbox_of_address(&caller.organisation, address).await?;
            if let Some(id) = known {
                return self.known_already(caller, place, &row, id).await;
            }
        }
        for address in &addresses {
            if self.is_elsewhere(&place.others, address).await? {
                let (cause, mend) = ELSEWHERE.split_once(": ").unwrap_or((ELSEWHERE, ""));
                return Ok(refused("other-organisation", cause, mend));
            }
        }
        match self.save_noted(caller, &row, None, "mailbox-added", None).await {
            Ok(()) => {}
            Err(Refusal::Conflict(cause)) => {
                return Ok(refused("taken", &cause, "look at the mailbox that has it"));
            }
            Err(refusal) => return Err(refusal),
        }
        let scope = MailboxScope { organisation: caller.organisation.clone(), mailbox: row.id };
        self.raise(&scope, &collection_of(Kind::Appointment)).await?;
        Ok(Addition::Added { id: row.id.to_string() })
    }

    /// What is answered for a mailbox that the organisation has.
    async fn known_already(
        &self,
        caller: &Caller,
        place: &Place,
        new: &MailboxRow,
        id: MailboxId,
    ) -> Result<Addition, Refusal> {
        let scope = MailboxScope { organisation: caller.organisation.clone(), mailbox: id };
        let known = self.records.mailbox(&scope).await?.map(|known| known.value);
        let Some(known) = known.filter(|known| known.addresses().contains(&new.address)) else {
            return Ok(refused(
                "taken",
                &format!("the mailbox {id} has one of the aliases"),
                "take the alias away there, or leave it out here",
            ));
        };
        if known.connection != place.connection {
            let connections = self.records.connections(&caller.organisation).await?;
            let name = connections
                .into_iter()
                .find(|it| it.value.id == known.connection)
                .map_or_else(|| known.connection.to_string(), |it| it.value.name);
            let cause = format!("the mailbox {id} is in another connection, {name}");
            return Ok(refused("other-connection", &cause, "remove it there first"));
        }
        if known.system != place.system {
            let cause =
                format!("the mailbox {id} belongs to another business system, {}", known.system);
            return Ok(refused("other-system", &cause, "remove it there first"));
        }
        Ok(Addition::Exists { id: id.to_string() })
    }

    fn read_row(&self, place: &Place, new: NewMailbox) -> Result<MailboxRow, Addition> {
        let mend = "an SMTP address in ASCII, such as alex@example.com";
        let address = MailboxAddress::parse(&new.address)
            .map_err(|error| refused("address", &error.to_string(), mend))?;
        if new.aliases.len() >= ADDRESSES_MAX {
            let cause = format!("it has more than {ADDRESSES_MAX} addresses with the primary one");
            return Err(refused("aliases", &cause, "fewer aliases"));
        }
        let mut aliases = BTreeSet::new();
        for text in &new.aliases {
            let alias = MailboxAddress::parse(text)
                .map_err(|error| refused("aliases", &error.to_string(), mend))?;
            aliases.insert(alias.as_str().to_owned());
        }
        aliases.remove(address.as_str());
        if new.time_zone.as_deref().is_some_and(|name| Zone::parse(name).is_err()) {
            let mend = "an IANA name such as Europe/Berlin, or none";
            return Err(refused("time-zone", "the time zone is not known here", mend));
        }
        Ok(MailboxRow {
            id: MailboxId::new(self.world.uuid()),
            address: address.as_str().to_owned(),
            aliases,
            connection: place.connection,
            profile: place.profile.clone(),
            system: place.system.clone(),
            enabled: true,
            state: MailboxState::New,
            troubles: Vec::new(),
            time_zone: new.time_zone,
            paused: None,
            first_sync: FirstSync::default(),
            last_synced: None,
            sweep_doublings: 0,
            created_at: self.world.now(),
        })
    }

    /// Whether another organisation has a mailbox with this address. Two that add it in the same
    /// moment are not kept apart: no transaction spans organisations.
    pub(super) async fn is_elsewhere(
        &self,
        others: &[OrganisationId],
        address: &str,
    ) -> Result<bool, Refusal> {
        for organisation in others {
            if self.records.mailbox_of_address(organisation, address).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The other organisations of this installation.
    pub(super) async fn others(&self, caller: &Caller) -> Result<Vec<OrganisationId>, Refusal> {
        let mut all = self.records.organisations().await?;
        all.retain(|organisation| *organisation != caller.organisation);
        Ok(all)
    }

    /// Brings a mailbox to what somebody wants of it, whether it is there or not: for a settings file.
    /// It is switched on.
    ///
    /// # Errors
    /// [`Refusal`]: another mailbox has one of the addresses, or the store failed.
    pub async fn settle_mailbox(
        &self,
        caller: &Caller,
        wanted: MailboxRow,
    ) -> Result<MailboxScope, Refusal> {
        let organisation = &caller.organisation;
        let known = self.records.mailbox_of_address(organisation, &wanted.address).await?;
        let id = known.unwrap_or(wanted.id);
        let scope = MailboxScope { organisation: organisation.clone(), mailbox: id };
        let Some(before) = self.records.mailbox(&scope).await? else {
            let row = MailboxRow { id, ..wanted };
            self.save_noted(caller, &row, None, "mailbox-added", None).await?;
            return Ok(scope);
        };
        let row = MailboxRow {
            address: wanted.address,
            aliases: wanted.aliases,
            connection: wanted.connection,
            profile: wanted.profile,
            system: wanted.system,
            time_zone: wanted.time_zone,
            enabled: true,
            ..before.value.clone()
        };
        if row != before.value {
            let was = Some(shown(&before.value));
            let revision = Some(before.revision);
            self.save_noted(caller, &row, revision, "mailbox-changed", was).await?;
        }
        Ok(scope)
    }
}

fn refused(code: &'static str, cause: &str, mend: &str) -> Addition {
    Addition::Refused { code, cause: cause.to_owned(), mend: mend.to_owned() }
}

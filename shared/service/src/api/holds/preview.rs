//! What the brake of a mailbox keeps back: the waiting changes, planned against both sides as they
//! were known last. Nothing is asked of Exchange and nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use tidemark_engine::{
    Base, BusinessOperation, Decision, ExchangeAction, ExchangeView, LinkView, MailboxFacts,
    Mailing, PlanInput, Profile, Side, StampView,
};
use tidemark_model::{CopyRole, Kind, LinkId, Property, PropertyValue, Zone};
use tidemark_store::records::{
    LinkRow, LinkState, MailboxRow, MailboxScope, MailboxState, PendingRow, Protocol,
};

use crate::border::{BrakePreview, PreviewItem, Refusal};
use crate::content::decode_base;
use crate::profile::Rules;
use crate::service::Service;
use crate::sync::mail::{is_of_first_copy, mailing};
use crate::sync::wish::{Wishes, read_wishes};

/// Waiting changes that are looked at.
const CHANGES_MAX: usize = 200;
/// Items that are named.
const ITEMS_MAX: usize = 50;

/// By which rules a mailbox is planned for.
struct Planning {
    profile: Profile,
    facts: MailboxFacts,
    domains: BTreeSet<String>,
    mailbox: MailboxRow,
}

impl Service {
    /// What the waiting changes of a mailbox would do.
    pub(super) async fn preview_of(
        &self,
        scope: &MailboxScope,
        row: &MailboxRow,
    ) -> Result<BrakePreview, Refusal> {
        let planning = self.planning_of(scope, row).await?;
        let mut pending = self.records.pending(scope, 0, CHANGES_MAX + 1).await?;
        let more = pending.len() > CHANGES_MAX;
        pending.truncate(CHANGES_MAX);
        let mut preview = BrakePreview { changes: pending.len(), more, ..BrakePreview::default() };
        let mut order = Vec::new();
        let mut waiting: BTreeMap<LinkId, Vec<PendingRow>> = BTreeMap::new();
        for change in pending {
            let link = self.records.resolve_link(scope, change.link).await?;
            let changes = waiting.entry(link).or_default();
            if changes.is_empty() {
                order.push(link);
            }
            changes.push(change);
        }
        for link in order {
            let changes = waiting.remove(&link).unwrap_or_default();
            let row = self.records.link(scope, link).await?;
            let row =
                row.unwrap_or_else(|| LinkRow::new(link, Kind::Appointment, self.world.now()));
            let decision = self.forecast(&planning, &row, &changes)?;
            preview.deletes += u64::from(decision.cost.deletes);
            preview.mails += u64::from(decision.cost.mails);
            if decision.exchange != ExchangeAction::None && preview.items.len() < ITEMS_MAX {
                preview.items.push(PreviewItem {
                    id: id_of(&row, &changes),
                    action: decision.exchange.code(),
                    people: people_of(&decision),
                });
            }
        }
        Ok(preview)
    }

    async fn planning_of(
        &self,
        scope: &MailboxScope,
        row: &MailboxRow,
    ) -> Result<Planning, Refusal> {
        let rules = match &row.profile {
            Some(name) => self.records.profile(&scope.organisation, name).await?,
            None => None,
        };
        let rules: Rules = match rules {
            Some(found) => {
                serde_json::from_value(found.value.rules).map_err(|_| Refusal::Internal)?
            }
            None => Rules::default(),
        };
        let settings = self.records.organisation(&scope.organisation).await?;
        let zone = row.time_zone.as_deref().and_then(|name| Zone::parse(name).ok());
        Ok(Planning {
            profile: rules.profile(self.world.now()),
            facts: MailboxFacts {
                addresses: row.addresses(),
                employees: BTreeSet::new(),
                zone: zone.unwrap_or_else(Zone::utc),
                first_copy: row.state != MailboxState::Synced,
                mailing: self.mailing_of(scope, row).await?,
            },
            mailbox: row.clone(),
            domains: settings.map(|it| it.value.domains.into_iter().collect()).unwrap_or_default(),
        })
    }

    /// Whether the server of a mailbox can be kept from mailing, as its connection says.
    async fn mailing_of(&self, scope: &MailboxScope, row: &MailboxRow) -> Result<Mailing, Refusal> {
        let found = self.records.connection(&scope.organisation, row.connection).await?;
        let protocol = found.map(|found| found.value.protocol);
        Ok(match protocol {
            Some(Protocol::Graph(_)) => mailing(tidemark_mailbox::graph::CAPABILITIES),
            Some(Protocol::Ews(_)) | None => mailing(tidemark_mailbox::ews::CAPABILITIES),
        })
    }

    /// The plan for one item, with the item in Exchange taken to be as it was seen last.
    fn forecast(
        &self,
        planning: &Planning,
        row: &LinkRow,
        changes: &[PendingRow],
    ) -> Result<Decision, Refusal> {
        let base = match (row.state, &row.base_exchange) {
            (LinkState::Linked, Some(bytes)) => {
                Some(decode_base(bytes).map_err(|_| Refusal::Internal)?)
            }
            _ => None,
        };
        let wishes = read_wishes(changes, base.as_ref().map(|base| &base.business), row.revision);
        let (link, exchange) = match (row.state, &base) {
            (LinkState::Linked, Some(base)) => {
                let role = role_of(row);
                let event = &base.exchange;
                let stamped = StampView::Ours;
                (LinkView::Linked(base), ExchangeView::Present { event, role, stamped })
            }
            (LinkState::Private { born_in_exchange, announced }, _) => (
                LinkView::Private { born: side(born_in_exchange), announced },
                ExchangeView::Hidden,
            ),
            (LinkState::Deleted { in_exchange, at, .. }, _) => {
                (LinkView::Tombstone { by: side(in_exchange), at }, ExchangeView::NotLooked)
            }
            (LinkState::New | LinkState::Linked, _) => (LinkView::New, ExchangeView::NotLooked),
        };
        let employees = planning.employees(base.as_ref(), &wishes);
        let numbers = changes.iter().map(|change| change.number);
        Ok(self.planner.plan(&PlanInput {
            link,
            exchange,
            business: &wishes.changes,
            profile: &planning.profile,
            mailbox: &MailboxFacts {
                employees,
                first_copy: is_of_first_copy(&planning.mailbox, numbers),
                ..planning.facts.clone()
            },
            unfinished: None,
            now: self.world.now(),
        }))
    }
}

impl Planning {
    /// The people on an item that belong to the organisation (E5), the mailbox's owner apart.
    fn employees(&self, base: Option<&Base>, wishes: &Wishes) -> BTreeSet<String> {
        let mut people: BTreeSet<String> =
            base.iter().flat_map(|base| base.business.attendees.keys().cloned()).collect();
        for change in &wishes.changes {
            if let BusinessOperation::Upsert(patch) = &change.change
                && let Some(PropertyValue::Attendees(attendees)) = patch.get(Property::Attendees)
            {
                people.extend(attendees.keys().cloned());
            }
        }
        people.retain(|address| {
            let domain = address.rsplit_once('@').map(|(_, domain)| domain);
            domain.is_some_and(|domain| self.domains.contains(domain))
                && !self.facts.addresses.contains(address)
        });
        people
    }
}

/// How many people a decision mails, or would if it did not wait.
fn people_of(decision: &Decision) -> u32 {
    match decision.exchange {
        ExchangeAction::Hold { .. } => decision.forecast.count(),
        _ => decision.cost.mails,
    }
}

fn role_of(row: &LinkRow) -> CopyRole {
    match row.role.as_deref() {
        Some("organizer") => CopyRole::Organizer,
        Some("attendee") => CopyRole::Attendee,
        _ => CopyRole::Appointment,
    }
}

fn side(in_exchange: bool) -> Side {
    if in_exchange { Side::Exchange } else { Side::Business }
}

fn id_of(row: &LinkRow, changes: &[PendingRow]) -> String {
    let waiting = || changes.iter().find_map(|change| change.business_key.as_ref());
    let key = row.business_key.as_ref().or_else(waiting);
    key.map_or_else(|| row.link.to_string(), |key| key.as_str().to_owned())
}

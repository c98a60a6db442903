//! The organisation: its name, its lists, and whether it is on (W1).

use serde_json::{Value, json};
use tidemark_jscalendar::Problem;
use tidemark_model::OrganisationId;
use tidemark_store::StoreError;
use tidemark_store::records::{OrganisationRow, SettingsChange};
use tidemark_transport::NetworkRange;

use super::{check_name, refuse_if_any, wrong};
use crate::api::access::may_administer;
use crate::api::save_refusal;
use crate::border::{Caller, OrganisationChange, OrganisationView, Refusal};
use crate::cost::cap;
use crate::service::Service;

/// Most entries of each list of an organisation.
const LIST_MAX: usize = 100;
/// Longest domain (RFC 1035, 2.3.4).
const DOMAIN_BYTES_MAX: usize = 253;

/// What a caller is told while the organisation is off.
const OFF: &str = "the organisation is switched off: an administrator switches it on with PATCH \
     /v1/organisation {\"enabled\": true}";

impl Service {
    pub(super) async fn view_organisation(
        &self,
        caller: &Caller,
    ) -> Result<OrganisationView, Refusal> {
        may_administer(caller)?;
        let found = self.records.organisation(&caller.organisation).await?;
        let found = found.ok_or(Refusal::NotFound { what: "organisation" })?;
        Ok(self.organisation_view(found.value))
    }

    pub(super) async fn set_organisation(
        &self,
        caller: &Caller,
        change: OrganisationChange,
    ) -> Result<OrganisationView, Refusal> {
        may_administer(caller)?;
        let found = self.records.organisation(&caller.organisation).await?;
        let found = found.ok_or(Refusal::NotFound { what: "organisation" })?;
        let mut row = found.value.clone();
        row.name = change.name.unwrap_or(row.name);
        row.enabled = change.enabled.unwrap_or(row.enabled);
        row.domains = change.domains.map_or(row.domains, lower_case);
        row.allowed_networks = change.allowed_networks.unwrap_or(row.allowed_networks);
        row.cap_cents_per_month = change.cap_cents_per_month.unwrap_or(row.cap_cents_per_month);
        refuse_if_any(check(&row))?;
        if row != found.value {
            let action = match (found.value.enabled, row.enabled) {
                (true, false) => "organisation-switched-off",
                (false, true) => "organisation-switched-on",
                _ => "organisation-changed",
            };
            let (before, after) = (Some(shown(&found.value)), Some(shown(&row)));
            let subject = format!("organisation/{}", row.id);
            let note = self.note(&caller.key_id, action, subject, before, after);
            let save = SettingsChange::Organisation(&row, Some(found.revision));
            let saved = self.records.change_settings(&row.id, save, &note).await;
            saved.map_err(save_refusal)?;
        }
        Ok(self.organisation_view(row))
    }

    fn organisation_view(&self, row: OrganisationRow) -> OrganisationView {
        OrganisationView {
            id: row.id.to_string(),
            name: row.name,
            enabled: row.enabled,
            domains: row.domains,
            allowed_networks: row.allowed_networks,
            egress_addresses: self.options.egress_addresses.clone(),
            cap_cents_per_month: row.cap_cents_per_month,
            created: row.created_at.to_string(),
        }
    }

    /// Whether anything is to be synced for an organisation.
    pub(crate) async fn is_switched_on(
        &self,
        organisation: &OrganisationId,
    ) -> Result<bool, StoreError> {
        let found = self.records.organisation(organisation).await?;
        Ok(found.is_none_or(|found| found.value.enabled))
    }

    /// Refuses what has no effect while the organisation is off.
    pub(crate) async fn demand_switched_on(&self, caller: &Caller) -> Result<(), Refusal> {
        if self.is_switched_on(&caller.organisation).await? {
            Ok(())
        } else {
            Err(Refusal::Conflict(OFF.to_owned()))
        }
    }
}

/// An organisation as the activity shows it.
pub(super) fn shown(row: &OrganisationRow) -> Value {
    json!({
        "name": row.name,
        "enabled": row.enabled,
        "domains": row.domains,
        "allowedNetworks": row.allowed_networks,
        "capCentsPerMonth": row.cap_cents_per_month,
    })
}

fn check(row: &OrganisationRow) -> Vec<Problem> {
    let mut problems: Vec<Problem> = check_name(&row.name, "/name").into_iter().collect();
    for (list, pointer) in [(&row.domains, "/domains"), (&row.allowed_networks, "/allowedNetworks")]
    {
        if list.len() > LIST_MAX {
            let rule = format!("has more than {LIST_MAX} entries");
            problems.push(wrong(pointer, rule, "a shorter list"));
        }
    }
    for (index, domain) in row.domains.iter().enumerate().take(LIST_MAX) {
        let is_domain = (1..=DOMAIN_BYTES_MAX).contains(&domain.len())
            && domain.split('.').all(|label| {
                !label.is_empty()
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            });
        if !is_domain {
            let rule = "is no domain in ASCII letters, digits, hyphens and dots";
            let mend = "a domain such as example.com, an international one in its xn-- form";
            problems.push(wrong(&format!("/domains/{index}"), rule, mend));
        }
    }
    for (index, range) in row.allowed_networks.iter().enumerate().take(LIST_MAX) {
        if let Err(error) = range.parse::<NetworkRange>() {
            let mend = "a network such as 10.1.0.0/16";
            problems.push(wrong(&format!("/allowedNetworks/{index}"), error.to_string(), mend));
        }
    }
    if row.cap_cents_per_month.as_deref().is_some_and(|cap| cap::read(cap).is_none()) {
        let rule = format!(
            "is no decimal number of US cents above 0 and up to {} with at most {} places",
            cap::CENTS_MAX,
            cap::PLACES_MAX
        );
        let mend = "an amount as text such as \"2.5\", or null for no cap";
        problems.push(wrong("/capCentsPerMonth", rule, mend));
    }
    problems
}

fn lower_case(domains: Vec<String>) -> Vec<String> {
    domains.into_iter().map(|domain| domain.trim().to_lowercase()).collect()
}

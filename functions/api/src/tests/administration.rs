//! The routes of administrators, over a border that notes what it was asked.

use secrecy::SecretString;
use tidemark_service::border::{
    ActivityView, AddedMailbox, Addition, Administration, Caller, KeyView, Listing, MailboxChange,
    MailboxView, NewKey, NewMailboxes, OrganisationChange, OrganisationView, Refusal, RestoreView,
    Role, ShutdownView, SystemView,
};
use uuid::Uuid;

use super::fake::{mailbox_view, resolve};
use super::*;

const KEY_ID: Uuid = Uuid::from_u128(9);

fn organisation_view(change: OrganisationChange) -> OrganisationView {
    OrganisationView {
        id: "alpha".to_owned(),
        name: change.name.unwrap_or_else(|| "Alpha".to_owned()),
        enabled: change.enabled.unwrap_or(true),
        domains: change.domains.unwrap_or_default(),
        allowed_networks: change.allowed_networks.unwrap_or_default(),
        egress_addresses: vec![[203, 0, 113, 7].into()],
        cap_cents_per_month: change.cap_cents_per_month.flatten(),
        created: "2026-03-01T08:00:00Z".to_owned(),
    }
}

fn system_view(id: &str, name: &str) -> SystemView {
    SystemView {
        id: id.to_owned(),
        name: name.to_owned(),
        created: "2026-03-01T08:00:00Z".to_owned(),
    }
}

fn key_view(new: NewKey) -> KeyView {
    KeyView {
        id: KEY_ID,
        label: new.label,
        roles: new.roles.into_iter().collect(),
        system: new.system,
        created: "2026-03-01T08:00:00Z".to_owned(),
        expires: new.expires.map(|end| end.to_string()),
    }
}

#[async_trait]
impl Administration for FakeBorder {
    async fn organisation(&self, _: &Caller) -> Result<OrganisationView, Refusal> {
        self.refused()?;
        Ok(organisation_view(OrganisationChange::default()))
    }

    async fn change_organisation(
        &self,
        _: &Caller,
        change: OrganisationChange,
    ) -> Result<OrganisationView, Refusal> {
        self.refused()?;
        Ok(organisation_view(change))
    }

    async fn shut_down(&self, _: &Caller, after: Option<&str>) -> Result<ShutdownView, Refusal> {
        self.refused()?;
        let next = after.is_none().then(|| "m-1".to_owned());
        Ok(ShutdownView { mailboxes: 1, ended: 1, next, ..ShutdownView::default() })
    }

    async fn restored(&self, _: &Caller, _: Option<&str>) -> Result<RestoreView, Refusal> {
        self.refused()?;
        Ok(RestoreView { mailboxes: 2, retired: 1, next: None })
    }

    async fn systems(&self, _: &Caller) -> Result<Vec<SystemView>, Refusal> {
        self.refused()?;
        Ok(vec![system_view("crm", "CRM")])
    }

    async fn create_system(&self, _: &Caller, id: &str, name: &str) -> Result<SystemView, Refusal> {
        self.refused()?;
        Ok(system_view(id, name))
    }

    async fn change_system(&self, _: &Caller, id: &str, name: &str) -> Result<SystemView, Refusal> {
        self.refused()?;
        if id == "crm" {
            Ok(system_view(id, name))
        } else {
            Err(Refusal::NotFound { what: "business system" })
        }
    }

    async fn keys(&self, _: &Caller) -> Result<Vec<KeyView>, Refusal> {
        self.refused()?;
        let roles = [Role::Administrator].into();
        let (label, system, expires) = ("desk".to_owned(), None, None);
        Ok(vec![key_view(NewKey { label, roles, system, expires })])
    }

    async fn issue_key(&self, _: &Caller, new: NewKey) -> Result<(KeyView, SecretString), Refusal> {
        self.refused()?;
        Ok((key_view(new), SecretString::from("tidemark_shown-once")))
    }

    async fn revoke_key(&self, _: &Caller, id: Uuid) -> Result<(), Refusal> {
        self.refused()?;
        if id == KEY_ID { Ok(()) } else { Err(Refusal::NotFound { what: "key" }) }
    }

    async fn add_mailboxes(
        &self,
        _: &Caller,
        new: NewMailboxes,
    ) -> Result<Vec<AddedMailbox>, Refusal> {
        self.refused()?;
        let outcome = |address: &str| match resolve(address) {
            Ok(_) => Addition::Exists { id: "m-1".to_owned() },
            Err(_) if address.contains('@') => Addition::Added { id: "m-3".to_owned() },
            Err(_) => Addition::Refused {
                code: "address",
                cause: "no address".to_owned(),
                mend: "an address".to_owned(),
            },
        };
        let answer = |mailbox: tidemark_service::border::NewMailbox| {
            let outcome = outcome(&mailbox.address);
            AddedMailbox { address: mailbox.address, outcome }
        };
        Ok(new.mailboxes.into_iter().map(answer).collect())
    }

    async fn change_mailbox(
        &self,
        _: &Caller,
        name: &str,
        change: MailboxChange,
    ) -> Result<MailboxView, Refusal> {
        self.refused()?;
        let address = resolve(name)?;
        let enabled = change.enabled.unwrap_or(true);
        if change.enabled.is_some() {
            self.switched.lock().unwrap().push((address.clone(), enabled));
        }
        let view = mailbox_view(&address);
        let address = change.address.unwrap_or(address);
        Ok(MailboxView { enabled, address, ..view })
    }

    async fn remove_mailbox(&self, _: &Caller, name: &str) -> Result<(), Refusal> {
        self.refused()?;
        resolve(name).map(|_| ())
    }

    async fn activity(
        &self,
        _: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<ActivityView>, Refusal> {
        self.refused()?;
        self.pages.lock().unwrap().push((after.map(str::to_owned), limit));
        let entry = ActivityView {
            at: "2026-03-01T08:00:00Z".to_owned(),
            by: KEY_ID.to_string(),
            action: "mailbox-added".to_owned(),
            subject: "mailbox/m-1".to_owned(),
            before: None,
            after: Some(json!({"enabled": true})),
        };
        Ok(Listing { entries: vec![entry], next: None })
    }
}

#[tokio::test]
async fn an_organisation_is_switched_off_and_what_is_absent_stays() {
    let api = Api::new();
    let path = "/v1/organisation";
    let answer = api.send(request("PATCH", path, Some(json!({"enabled": false})))).await.json();
    assert_eq!((&answer["enabled"], &answer["name"]), (&json!(false), &json!("Alpha")));
    assert_eq!(api.get(path).await.json()["enabled"], true);
    assert_eq!(api.get(path).await.json()["egressAddresses"], json!(["203.0.113.7"]));
    let answer = api.send(request("PATCH", path, Some(json!({"enable": false})))).await;
    answer.problem(422, "invalid");
}

#[tokio::test]
async fn a_cap_is_a_text_and_null_takes_it_away() {
    let api = Api::new();
    let set =
        |cap: Value| request("PATCH", "/v1/organisation", Some(json!({"capCentsPerMonth": cap})));
    assert_eq!(api.send(set(json!("2.5"))).await.json()["capCentsPerMonth"], "2.5");
    let none = api.send(set(Value::Null)).await.json();
    assert_eq!(none.get("capCentsPerMonth"), Some(&Value::Null));
    let problem = api.send(set(json!(2.5))).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/capCentsPerMonth", "{problem:#}");
}

#[tokio::test]
async fn systems_are_made_and_renamed() {
    let api = Api::new();
    let made = api.post("/v1/systems", json!({"id": "erp", "name": "ERP"})).await;
    assert_eq!((made.status.as_u16(), &made.json()["id"]), (201, &json!("erp")));
    let patch = |id: &str| request("PATCH", id, Some(json!({"name": "New"})));
    assert_eq!(api.send(patch("/v1/systems/crm")).await.json()["name"], "New");
    api.send(patch("/v1/systems/none")).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_key_is_shown_once() {
    let api = Api::new();
    let body = json!({
        "label": "ERP", "roles": ["integrator"], "system": "erp",
        "expires": "2027-01-01T00:00:00Z",
    });
    let made = api.post("/v1/keys", body).await;
    assert_eq!(made.status.as_u16(), 201);
    let made = made.json();
    assert_eq!(made["key"], "tidemark_shown-once");
    assert_eq!(
        (&made["roles"], &made["expires"]),
        (&json!(["integrator"]), &json!("2027-01-01T00:00:00Z"))
    );
    let listed = api.get("/v1/keys").await.json();
    assert!(listed["keys"][0].get("key").is_none());
    let soon = json!({"label": "x", "roles": ["operator"], "expires": "soon"});
    let problem = api.post("/v1/keys", soon).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/expires");
    let path = format!("/v1/keys/{KEY_ID}");
    assert_eq!(api.send(request("DELETE", &path, None)).await.status.as_u16(), 204);
    let unknown = format!("/v1/keys/{}", Uuid::from_u128(1));
    api.send(request("DELETE", &unknown, None)).await.problem(404, "not-found");
}

#[tokio::test]
async fn every_mailbox_of_a_call_is_answered_by_itself() {
    let api = Api::new();
    let new = |mailboxes: Value| json!({"connection": Uuid::from_u128(8), "mailboxes": mailboxes});
    let body = new(json!([
        {"address": "alex@tidemark.example"},
        {"address": "new@tidemark.example", "aliases": ["n@tidemark.example"], "timeZone": "Europe/Berlin"},
        {"address": "nobody"},
    ]));
    let answer = api.post("/v1/mailboxes", body).await.json();
    let outcomes: Vec<&str> = answer["mailboxes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["exists", "added", "refused"]);
    assert_eq!(answer["mailboxes"][2]["refusal"]["code"], "address");
    assert_eq!(answer["mailboxes"][1]["refusal"], Value::Null);
    let problem = api.post("/v1/mailboxes", new(json!([["a@b.example"]]))).await;
    let problem = problem.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/mailboxes/0");
}

#[tokio::test]
async fn a_mailbox_gets_another_address_and_is_removed() {
    let api = Api::new();
    let patch = json!({"address": "alexandra@tidemark.example", "timeZone": null});
    let answer = api.send(request("PATCH", "/v1/mailboxes/m-1", Some(patch))).await.json();
    assert_eq!(
        (&answer["id"], &answer["address"]),
        (&json!("m-1"), &json!("alexandra@tidemark.example"))
    );
    let removed = api.send(request("DELETE", "/v1/mailboxes/m-1", None)).await;
    assert_eq!(removed.status.as_u16(), 204);
    api.send(request("DELETE", "/v1/mailboxes/m-9", None)).await.problem(404, "not-found");
}

#[tokio::test]
async fn the_activity_is_read_by_page() {
    let api = Api::new();
    let answer = api.get("/v1/activity?after=a-1&limit=7").await.json();
    assert_eq!(answer["activity"][0]["action"], "mailbox-added");
    assert_eq!(answer["activity"][0]["before"], Value::Null);
    assert_eq!(*api.border.pages.lock().unwrap(), [(Some("a-1".to_owned()), 7)]);
}

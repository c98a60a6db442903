//! The preflight, the check of assignment and the fence, as administrators ask for them.

use jiff::SignedDuration;
use tidemark_jscalendar::Problem;
use tidemark_mailbox::ews::MailboxAddress;
use tidemark_model::{MailboxId, SystemId};
use tidemark_store::records::{
    ConnectionId, ConnectionRow, Document, FenceFinding, FirstSync, Gate, MailboxRow, MailboxScope,
    MailboxState, SaveError,
};
use uuid::Uuid;

use super::access::may_administer;
use crate::border::{
    AssignmentView, Caller, FenceChange, FenceView, GateChoice, PREFLIGHT_MAILBOXES_MAX,
    PreflightAsk, PreflightView, Refusal, StepState, WAIVER_REASON_BYTES_MAX,
};
use crate::preflight::{Course, fence, outside_is_chosen, roles, version_of, waive};
use crate::service::Service;

/// How long a call may take in all: an API gateway waits for 29 seconds.
const BUDGET: SignedDuration = SignedDuration::from_secs(15);
/// Mailboxes that a preflight looks at where none are named.
const SAMPLE: usize = 20;
/// Mailboxes of a page of the check of assignment.
const PAGE_MAILBOXES: usize = 100;
/// Rows of mailboxes that are looked through for those of one connection, in one call.
const ROWS_MAX: usize = 1000;
/// How often a finding is written again when others write to the connection at the same time.
const SAVES_MAX: usize = 4;

/// A mailbox that is looked at, and whether it is set up.
struct Chosen {
    row: MailboxRow,
    is_set_up: bool,
}

impl Service {
    pub(super) async fn run_preflight(
        &self,
        caller: &Caller,
        id: Uuid,
        ask: &PreflightAsk,
    ) -> Result<PreflightView, Refusal> {
        let connection = self.connection_to_check(caller, id).await?.value;
        let (chosen, more) = self.chosen_mailboxes(caller, &connection, &ask.mailboxes).await?;
        let course = self.preflight_course(caller, &connection)?;
        let way = course.look_at_the_way().await;
        let rows: Vec<MailboxRow> = chosen.iter().map(|it| it.row.clone()).collect();
        let looked = course.look_at(&rows, way.token()).await;
        let outside = self.mailbox_outside(caller, &connection).await?;
        let (fence_step, finding) = match (&outside, &connection.fence.outside) {
            (None, Some(_)) => (outside_is_chosen(), None),
            (outside, _) => course.try_fence(outside.as_ref(), &looked, way.token()).await,
        };
        let version = version_of(&looked).map(|version| version.to_string());
        let connection = self.keep_findings(caller, connection.clone(), finding, version).await?;
        let mut steps = course.connection_steps(&way, &looked);
        steps.extend(roles(&way, &connection));
        steps.push(fence_step);
        let set_up: Vec<MailboxRow> =
            chosen.iter().filter(|it| it.is_set_up).map(|it| it.row.clone()).collect();
        let organisation = &caller.organisation;
        steps
            .push(self.check_callback(organisation, &connection, &set_up, ask.try_callback).await?);
        let mailboxes: Vec<_> = chosen
            .iter()
            .zip(&looked)
            .map(|(chosen, looked)| {
                let id = chosen.is_set_up.then(|| chosen.row.id.to_string());
                course.mailbox_steps(id, looked)
            })
            .collect();
        let has_failed = steps.iter().any(|step| step.state == StepState::Failed)
            || mailboxes.iter().any(|mailbox| mailbox.failed().is_some());
        Ok(PreflightView {
            connection: id,
            protocol: if connection.ews().is_some() { "ews" } else { "graph" },
            at: self.world.now().to_string(),
            passed: !has_failed,
            steps,
            more: more || mailboxes.len() < chosen.len(),
            mailboxes,
            fence: fence::view(&connection),
        })
    }

    /// Looks at the next page of the mailboxes of a connection (E19).
    pub(super) async fn check_page(
        &self,
        caller: &Caller,
        id: Uuid,
        after: Option<&str>,
    ) -> Result<AssignmentView, Refusal> {
        let connection = self.connection_to_check(caller, id).await?.value;
        let after = after.map(MailboxId::parse).transpose();
        let after = after.map_err(|_| Refusal::InvalidCursor { parameter: "after" })?;
        let (rows, rest) = self.of_connection(caller, &connection, after, PAGE_MAILBOXES).await?;
        let course = self.preflight_course(caller, &connection)?;
        let looked = course.look_at(&rows, None).await;
        let next = match rows.get(looked.len().wrapping_sub(1)) {
            Some(last) if looked.len() < rows.len() => Some(last.id),
            // Not one was reached in time: the caller goes on where it was.
            None if !rows.is_empty() => after,
            Some(_) | None => rest,
        };
        let unreachable = rows
            .iter()
            .zip(&looked)
            .map(|(row, looked)| course.mailbox_steps(Some(row.id.to_string()), looked))
            .filter(|mailbox| mailbox.failed().is_some())
            .collect();
        Ok(AssignmentView {
            checked: looked.len(),
            unreachable,
            next: next.map(|id| id.to_string()),
        })
    }

    pub(super) async fn view_fence(&self, caller: &Caller, id: Uuid) -> Result<FenceView, Refusal> {
        Ok(fence::view(&self.connection_to_check(caller, id).await?.value))
    }

    pub(super) async fn set_fence(
        &self,
        caller: &Caller,
        id: Uuid,
        change: FenceChange,
    ) -> Result<FenceView, Refusal> {
        let found = self.connection_to_check(caller, id).await?;
        let mut row = found.value.clone();
        if let Some(outside) = change.outside {
            row.fence.outside = match outside {
                Some(address) => Some(self.read_outside(caller, &address).await?),
                None => None,
            };
        }
        if let Some(gate) = change.gate {
            row.fence.gate = match gate {
                GateChoice::Require => Gate::Require,
                GateChoice::Warn => Gate::Warn,
            };
        }
        if let Some(reason) = change.waiver {
            let reason = reason.map(read_reason).transpose()?;
            let now = self.world.now();
            row.fence.waiver = reason.map(|reason| waive(&row, &reason, &caller.key_id, now));
        }
        self.save_set_connection(caller, &row, Some(&found)).await?;
        Ok(fence::view(&row))
    }

    async fn connection_to_check(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Document<ConnectionRow>, Refusal> {
        may_administer(caller)?;
        let found = self.records.connection(&caller.organisation, ConnectionId::new(id)).await?;
        found.ok_or(Refusal::NotFound { what: "connection" })
    }

    fn preflight_course<'a>(
        &'a self,
        caller: &'a Caller,
        connection: &'a ConnectionRow,
    ) -> Result<Course<'a>, Refusal> {
        let Some(probe) = self.exchange.probe() else {
            let text = "this process has no way to look at Exchange";
            return Err(Refusal::Conflict(text.to_owned()));
        };
        let now = self.world.now();
        Ok(Course {
            probe,
            exchange: &*self.exchange,
            world: &self.world,
            organisation: &caller.organisation,
            connection,
            deadline: now.saturating_add(BUDGET).unwrap_or(now),
        })
    }

    /// The mailboxes that are named, or the first ones of the connection; and whether there are more.
    async fn chosen_mailboxes(
        &self,
        caller: &Caller,
        connection: &ConnectionRow,
        named: &[String],
    ) -> Result<(Vec<Chosen>, bool), Refusal> {
        if named.is_empty() {
            let (rows, rest) = self.of_connection(caller, connection, None, SAMPLE).await?;
            let rows = rows.into_iter().map(|row| Chosen { row, is_set_up: true });
            return Ok((rows.collect(), rest.is_some()));
        }
        if named.len() > PREFLIGHT_MAILBOXES_MAX {
            return Err(invalid(
                "/mailboxes".to_owned(),
                format!("names more than {PREFLIGHT_MAILBOXES_MAX} mailboxes"),
                "fewer at a time; POST /v1/connections/{id}/assignment goes through all of them",
            ));
        }
        let mut chosen = Vec::new();
        for (index, name) in named.iter().enumerate() {
            let address = read_address(&format!("/mailboxes/{index}"), name)?;
            let known = self.mailbox_at(caller, &address).await?;
            chosen.push(match known {
                Some(row) => Chosen { is_set_up: row.connection == connection.id, row },
                None => Chosen { row: passing_row(caller, connection, address)?, is_set_up: false },
            });
        }
        Ok((chosen, false))
    }

    /// Mailboxes of a connection that are switched on, and where to go on.
    async fn of_connection(
        &self,
        caller: &Caller,
        connection: &ConnectionRow,
        after: Option<MailboxId>,
        limit: usize,
    ) -> Result<(Vec<MailboxRow>, Option<MailboxId>), Refusal> {
        let (mut rows, mut after, mut seen) = (Vec::new(), after, 0_usize);
        loop {
            let page = self.records.mailboxes(&caller.organisation, after, PAGE_MAILBOXES).await?;
            let is_last = page.next.is_none();
            for found in page.mailboxes {
                seen = seen.saturating_add(1);
                after = Some(found.value.id);
                if found.value.connection == connection.id && found.value.enabled {
                    rows.push(found.value);
                }
                if rows.len() >= limit {
                    return Ok((rows, after));
                }
            }
            if is_last {
                return Ok((rows, None));
            }
            after = page.next;
            if seen >= ROWS_MAX {
                return Ok((rows, after));
            }
        }
    }

    async fn mailbox_at(
        &self,
        caller: &Caller,
        address: &str,
    ) -> Result<Option<MailboxRow>, Refusal> {
        let organisation = &caller.organisation;
        let Some(mailbox) = self.records.mailbox_of_address(organisation, address).await? else {
            return Ok(None);
        };
        let scope = MailboxScope { organisation: organisation.clone(), mailbox };
        Ok(self.records.mailbox(&scope).await?.map(|row| row.value))
    }

    /// The mailbox that must not open, as a row that is kept nowhere. None where nothing is to be
    /// tried: nobody named one, or it is one that is synced itself by now.
    async fn mailbox_outside(
        &self,
        caller: &Caller,
        connection: &ConnectionRow,
    ) -> Result<Option<MailboxRow>, Refusal> {
        let Some(address) = &connection.fence.outside else {
            return Ok(None);
        };
        if self.mailbox_at(caller, address).await?.is_some() {
            return Ok(None);
        }
        passing_row(caller, connection, address.clone()).map(Some)
    }

    async fn read_outside(&self, caller: &Caller, address: &str) -> Result<String, Refusal> {
        let address = read_address("/outside", address)?;
        if self.mailbox_at(caller, &address).await?.is_some() {
            let text = "this mailbox is set up to be synced: name one that nobody is to reach";
            return Err(Refusal::Conflict(text.to_owned()));
        }
        Ok(address)
    }

    /// Keeps what a preflight found on the connection, unless somebody changed who logs on meanwhile.
    async fn keep_findings(
        &self,
        caller: &Caller,
        row: ConnectionRow,
        finding: Option<FenceFinding>,
        version: Option<String>,
    ) -> Result<ConnectionRow, Refusal> {
        let is_news = |row: &ConnectionRow| {
            finding.is_some() || (version.is_some() && row.server_version != version)
        };
        if !is_news(&row) {
            return Ok(row);
        }
        let organisation = &caller.organisation;
        for _ in 0..SAVES_MAX {
            let Some(found) = self.records.connection(organisation, row.id).await? else {
                return Err(Refusal::NotFound { what: "connection" });
            };
            let mut now = found.value;
            if now.protocol != row.protocol || now.fence.outside != row.fence.outside {
                return Ok(now);
            }
            now.fence.finding = finding.clone().or(now.fence.finding);
            now.server_version = version.clone().or(now.server_version);
            match self.records.save_connection(organisation, &now, Some(found.revision)).await {
                Ok(_) => return Ok(now),
                Err(SaveError::RevisionMoved) => {}
                Err(SaveError::Store(error)) => return Err(error.into()),
            }
        }
        Err(Refusal::Conflict("others change the connection all the time: try again".to_owned()))
    }
}

fn read_address(pointer: &str, text: &str) -> Result<String, Refusal> {
    MailboxAddress::parse(text).map(|address| address.as_str().to_owned()).map_err(|error| {
        invalid(pointer.to_owned(), error.to_string(), "the primary SMTP address of a mailbox")
    })
}

fn read_reason(reason: String) -> Result<String, Refusal> {
    let is_fit = !reason.trim().is_empty()
        && reason.len() <= WAIVER_REASON_BYTES_MAX
        && !reason.chars().any(|letter| letter.is_control() && letter != '\n');
    if is_fit {
        return Ok(reason);
    }
    Err(invalid(
        "/waiver/reason".to_owned(),
        format!("is empty, longer than {WAIVER_REASON_BYTES_MAX} bytes or has control characters"),
        "why no proof is needed, in a sentence that an auditor understands",
    ))
}

fn invalid(pointer: String, rule: String, mend: &str) -> Refusal {
    Refusal::Invalid(vec![Problem { pointer, rule, mend: mend.to_owned() }])
}

/// A mailbox that is looked at and kept nowhere. Its id is always the same, so that the limits of a
/// server hold for it as for others.
fn passing_row(
    caller: &Caller,
    connection: &ConnectionRow,
    address: String,
) -> Result<MailboxRow, Refusal> {
    // A row has a system. This one's is asked for nowhere.
    let system = match &caller.system {
        Some(system) => system.clone(),
        None => SystemId::parse("none").map_err(|_| Refusal::Internal)?,
    };
    Ok(MailboxRow {
        id: MailboxId::new(Uuid::new_v5(&connection.id.uuid(), address.as_bytes())),
        address,
        aliases: std::collections::BTreeSet::new(),
        connection: connection.id,
        profile: None,
        system,
        enabled: true,
        state: MailboxState::New,
        troubles: Vec::new(),
        time_zone: None,
        paused: None,
        first_sync: FirstSync::default(),
        last_synced: None,
        sweep_doublings: 0,
        created_at: connection.created_at,
    })
}

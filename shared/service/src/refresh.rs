//! Tokens ahead of their time: what the schedule of `token-refresh` does for every connection over
//! Graph, what it says about credentials that end, and the daily proof of the fence.

pub mod alarms;
pub mod rotation;
pub mod tokens;

mod content_keys;
mod fence;
mod password;
mod renewal;
mod shelf;

use std::sync::Arc;

use tidemark_identity::{Renewed, TokenCache, TokenError};
use tidemark_model::OrganisationId;
use tidemark_store::StoreError;
use tidemark_store::records::{ConnectionRow, Document, Records, SaveError, Trouble};

pub use alarms::ALARM_DAYS;
pub use tokens::{Connect, Tokens, application_of};

use self::rotation::{Authority, SecretVersions};
use crate::ports::Exchange;
use tidemark_world::World;

/// What the codes of troubles begin with that say why there is no token.
const TOKEN: &str = "token-";
/// The code of a connection whose first credential is refused while the second one serves.
const FIRST_REFUSED: &str = "credential-first-refused";

/// Renews tokens and says when credentials end.
#[derive(Clone)]
pub struct Refresher {
    /// What is kept.
    pub records: Arc<Records>,
    /// The tokens of all connections.
    pub tokens: Arc<Tokens>,
    /// What credentials are replaced with.
    pub authority: Arc<dyn Authority>,
    /// What says whether Secrets Manager replaces a credential itself; none where there is none.
    pub versions: Option<Arc<dyn SecretVersions>>,
    /// The way to mailboxes, by which the proof of a fence is renewed; without it none is.
    pub exchange: Option<Arc<dyn Exchange>>,
    /// Time and randomness.
    pub world: World,
}

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RefreshReport {
    /// Connections over Graph that were looked at.
    pub connections: u64,
    /// Tokens that were renewed.
    pub renewed: u64,
    /// Connections without a new token that needed one.
    pub failed: u64,
    /// Connections that show something about their credentials.
    pub alarms: u64,
    /// What could not be looked at or noted.
    pub errors: u64,
    /// Days until the first connection has no credential left that is known to serve; none where none
    /// is known to end.
    pub days_left: Option<u64>,
}

impl Refresher {
    /// Renews every token whose time has come and brings what connections show up to date. What does
    /// not work is counted and tried again in the next pass.
    pub async fn refresh(&self) -> RefreshReport {
        let mut report = RefreshReport::default();
        let organisations = match self.records.organisations().await {
            Ok(organisations) => organisations,
            Err(error) => {
                tracing::error!(error = %error, "organisations not listed");
                report.errors = 1;
                return report;
            }
        };
        for organisation in organisations {
            match self.records.connections(&organisation).await {
                Ok(rows) => {
                    for row in rows {
                        self.refresh_one(&organisation, row, &mut report).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %error, "connections not listed");
                    report.errors += 1;
                }
            }
        }
        report
    }

    async fn refresh_one(
        &self,
        organisation: &OrganisationId,
        row: Document<ConnectionRow>,
        report: &mut RefreshReport,
    ) {
        if !row.value.enabled {
            return;
        }
        if row.value.graph().is_none() {
            return Box::pin(self.look_at_password(organisation, row, report)).await;
        }
        report.connections += 1;
        let row = match Box::pin(self.keep_fence(organisation, row.clone())).await {
            Ok(row) => row,
            Err(error) => {
                tracing::warn!(connection.id = %row.value.id, error = %error, "fence not tried");
                report.errors += 1;
                row
            }
        };
        let (row, problem) = self.renew_credential(organisation, row).await;
        let Some(access) = row.value.graph() else { return };
        if let Err(error) = self.keep_content_keys(&row.value, access).await {
            tracing::warn!(connection.id = %row.value.id, error = %error, "no certificate for notifications");
            report.errors += 1;
        }
        let renewed = match self.tokens.source(organisation, &row.value) {
            Ok(source) => renew(&source).await,
            Err(error) => Err(error),
        };
        let (renewed, serving) = match renewed {
            Ok((renewed, serving)) => (Ok(renewed), serving),
            Err(error) => (Err(error), None),
        };
        let serving = serving.filter(|_| access.credentials.len() > 1);
        match &renewed {
            Ok(Renewed::Fresh { .. }) => report.renewed += 1,
            Ok(Renewed::NotDue | Renewed::Elsewhere) => {}
            Err(_) => report.failed += 1,
        }
        let ends = alarms::credential_ends(self.tokens.secrets(), access).await;
        let days_left = alarms::days_left(&ends, self.world.now());
        report.days_left = [report.days_left, days_left].into_iter().flatten().min();
        let troubles = self.troubles(&row.value, &ends, &renewed, serving, problem);
        report.alarms += u64::from(troubles.iter().any(alarms::is_alarm));
        if let Err(error) = self.show(organisation, &row, troubles).await {
            tracing::warn!(connection.id = %row.value.id, error = %error, "troubles not noted");
            report.errors += 1;
        }
    }

    /// All that a connection has to show, with the moments at which it began.
    fn troubles(
        &self,
        row: &ConnectionRow,
        ends: &[alarms::End<'_>],
        renewed: &Result<Renewed, TokenError>,
        serving: Option<usize>,
        problem: Option<Trouble>,
    ) -> Vec<Trouble> {
        let now = self.world.now();
        let is_ours = |trouble: &Trouble| {
            alarms::is_alarm(trouble)
                || renewal::is_renewal(trouble)
                || trouble.code.starts_with(TOKEN)
                || trouble.code == FIRST_REFUSED
        };
        let is_kept = |trouble: &Trouble| match renewed {
            // Nothing is known about the token while somebody else is at it.
            Ok(Renewed::Elsewhere) => trouble.code == FIRST_REFUSED,
            Ok(Renewed::NotDue | Renewed::Fresh { .. }) | Err(_) => false,
        };
        let mut troubles: Vec<Trouble> =
            row.troubles.iter().filter(|t| !is_ours(t) || is_kept(t)).cloned().collect();
        troubles.extend(problem);
        match renewed {
            Ok(_) if serving.is_some_and(|credential| credential > 0) => troubles.push(Trouble {
                code: FIRST_REFUSED.to_owned(),
                cause: "Entra refuses the connection's first credential; the second one serves."
                    .to_owned(),
                mend: "Take the first credential out of the connection if it was replaced, else \
                       enter it again."
                    .to_owned(),
                since: now,
            }),
            Ok(_) => {}
            Err(TokenError::Refused { code, text }) => troubles.push(Trouble {
                code: format!("{TOKEN}{code}"),
                cause: "There is no new token for the connection.".to_owned(),
                mend: text.clone(),
                since: now,
            }),
            // What passes by itself is no person's business; the log has it.
            Err(error @ TokenError::Later { .. }) => {
                tracing::warn!(connection.id = %row.id, error = %error, "token not renewed");
            }
        }
        troubles.extend(alarms::credential_troubles(ends, now));
        for trouble in &mut troubles {
            if let Some(before) = row.troubles.iter().find(|before| before.code == trouble.code) {
                trouble.since = before.since;
            }
        }
        troubles
    }

    /// Saves what the connection shows, if it changed; what is new is logged, once.
    async fn show(
        &self,
        organisation: &OrganisationId,
        row: &Document<ConnectionRow>,
        troubles: Vec<Trouble>,
    ) -> Result<(), StoreError> {
        if row.value.troubles == troubles {
            return Ok(());
        }
        for trouble in &troubles {
            if row.value.troubles.iter().any(|before| before.code == trouble.code) {
                continue;
            }
            if alarms::is_alarm(trouble) && !alarms::is_urgent(trouble) {
                tracing::warn!(connection.id = %row.value.id, trouble.code, "credential ends");
            } else {
                tracing::error!(connection.id = %row.value.id, trouble.code, "credential trouble");
            }
        }
        let changed = ConnectionRow { troubles, ..row.value.clone() };
        match self.records.save_connection(organisation, &changed, Some(row.revision)).await {
            // Whoever saved it in between is followed by the next pass.
            Ok(_) | Err(SaveError::RevisionMoved) => Ok(()),
            Err(SaveError::Store(error)) => Err(error),
        }
    }
}

/// Renews a token if its time has come, and says which credential the token is of that there is then:
/// whoever needed one may have been faster than the schedule.
async fn renew(source: &TokenCache) -> Result<(Renewed, Option<usize>), TokenError> {
    let renewed = source.renew_ahead().await?;
    let serving = match renewed {
        Renewed::Fresh { credential } => Some(credential),
        Renewed::NotDue => source.serving().await?,
        Renewed::Elsewhere => None,
    };
    Ok((renewed, serving))
}

#[cfg(test)]
mod tests;

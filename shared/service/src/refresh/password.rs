//! The password of an account that logs on to EWS: Exchange is asked once a day when it ends, and it is
//! spoken of as early as the credentials of an application are.

use jiff::{SignedDuration, Timestamp};
use tidemark_model::OrganisationId;
use tidemark_store::StoreError;
use tidemark_store::records::{
    ConnectionRow, Document, EwsAccess, PasswordFacts, Protocol, SaveError, Trouble,
};

use super::{RefreshReport, Refresher, alarms};

/// How often Exchange is asked.
const EVERY: SignedDuration = SignedDuration::from_hours(24);
/// How often it is asked once the day is over: a new password is to be seen soon.
const EVERY_AFTER_END: SignedDuration = SignedDuration::from_hours(1);

impl Refresher {
    /// Looks after the password of a connection over EWS.
    pub(super) async fn look_at_password(
        &self,
        organisation: &OrganisationId,
        row: Document<ConnectionRow>,
        report: &mut RefreshReport,
    ) {
        let id = row.value.id;
        let row = match self.ask_for_end(organisation, row).await {
            Ok(row) => row,
            Err(error) => {
                tracing::warn!(connection.id = %id, error = %error, "end of the password not noted");
                report.errors += 1;
                return;
            }
        };
        let now = self.world.now();
        let end = row.value.ews().and_then(|access| access.password?.ends_at);
        let mut troubles: Vec<Trouble> =
            row.value.troubles.iter().filter(|it| !alarms::is_of_password(it)).cloned().collect();
        if let Some(mut trouble) = end.and_then(|end| alarms::password_trouble(end, now)) {
            if let Some(before) = row.value.troubles.iter().find(|it| it.code == trouble.code) {
                trouble.since = before.since;
            }
            report.alarms += 1;
            troubles.push(trouble);
        }
        if let Err(error) = self.show(organisation, &row, troubles).await {
            tracing::warn!(connection.id = %id, error = %error, "troubles not noted");
            report.errors += 1;
        }
    }

    /// Asks if it is time to, and keeps the answer. One that fails leaves what was known.
    async fn ask_for_end(
        &self,
        organisation: &OrganisationId,
        row: Document<ConnectionRow>,
    ) -> Result<Document<ConnectionRow>, StoreError> {
        let now = self.world.now();
        let probe = self.exchange.as_ref().and_then(|exchange| exchange.probe());
        let (Some(probe), Some(access)) = (probe, row.value.ews()) else { return Ok(row) };
        if !is_due(access, now) {
            return Ok(row);
        }
        let known = access.password.and_then(|facts| facts.ends_at);
        let Some(mailbox) = self.some_of(organisation, &row.value).await?.into_iter().next() else {
            return Ok(row);
        };
        let ends_at = match probe.password_ends(&row.value, &mailbox).await {
            Ok(end) => end,
            Err(error) => {
                let code = error.code;
                tracing::info!(connection.id = %row.value.id, code, "end of the password not told");
                known
            }
        };
        let Document { mut value, revision } = row.clone();
        if let Protocol::Ews(access) = &mut value.protocol {
            access.password = Some(PasswordFacts { asked_at: now, ends_at });
        }
        match self.records.save_connection(organisation, &value, Some(revision)).await {
            Ok(revision) => Ok(Document { value, revision }),
            // Whoever saved it in between is followed by the next pass.
            Err(SaveError::RevisionMoved) => Ok(row),
            Err(SaveError::Store(error)) => Err(error),
        }
    }
}

fn is_due(access: &EwsAccess, now: Timestamp) -> bool {
    access.password.is_none_or(|facts| {
        let has_ended = facts.ends_at.is_some_and(|end| end <= now);
        let every = if has_ended { EVERY_AFTER_END } else { EVERY };
        now.duration_since(facts.asked_at) >= every
    })
}

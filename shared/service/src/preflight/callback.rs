//! Whether Exchange reaches us with its notifications.

use core::time::Duration;

use jiff::Timestamp;
use tidemark_model::OrganisationId;
use tidemark_store::StoreError;
use tidemark_store::records::{
    ConnectionRow, MailboxRow, MailboxScope, Notifications, Protocol, SubscriptionRow,
};

use super::fence;
use crate::border::PreflightStep;
use crate::renew::Renewal;
use crate::service::Service;

const NAME: &str = "callback";
/// How often it is looked whether Exchange has called, and how long between.
const LOOKS: usize = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);

/// What the subscriptions of a connection prove.
enum Evidence {
    /// Exchange called at this time, or checked the address when it took the subscription.
    Reached(Timestamp),
    /// There is a subscription, and no call yet.
    Silent,
    /// There is none.
    None,
}

impl Service {
    /// Looks whether Exchange reaches us. `mailboxes` are set up over the connection. With `may_try` a
    /// subscription is made where there is none, the very one that the mailbox needs anyway.
    pub(crate) async fn check_callback(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        mailboxes: &[MailboxRow],
        may_try: bool,
    ) -> Result<PreflightStep, StoreError> {
        if connection.notifications == Notifications::Poll {
            let why = "The connection is asked every minute; nobody calls us.";
            return Ok(PreflightStep::skipped(NAME, why));
        }
        if self.options.callback_url.is_empty() {
            return Ok(PreflightStep::failed(
                NAME,
                "No address is set at which Exchange reaches us.",
            )
            .code("callback-missing")
            .mend(
                "Set the public address of this installation (TIDEMARK_CALLBACK_URL, callbackUrl \
                     in a configuration file), or let the connection poll.",
            ));
        }
        let mut scopes = Vec::new();
        for mailbox in mailboxes.iter().filter(|it| it.enabled && it.connection == connection.id) {
            scopes.push((
                MailboxScope { organisation: organisation.clone(), mailbox: mailbox.id },
                mailbox,
            ));
        }
        let mut evidence = Evidence::None;
        for (scope, _) in &scopes {
            match self.evidence(scope, connection).await? {
                Evidence::Reached(at) => return Ok(reached(connection, at)),
                Evidence::Silent => evidence = Evidence::Silent,
                Evidence::None => {}
            }
        }
        let admitted = scopes.iter().find(|(_, row)| fence::check(connection, row.state).is_ok());
        match (evidence, admitted) {
            (Evidence::Silent, _) => Ok(silent(self.options.push_status_minutes)),
            (_, None) if scopes.is_empty() => {
                let why = "Not tried: no mailbox is set up over this connection.";
                Ok(PreflightStep::skipped(NAME, why))
            }
            (_, None) => {
                let why =
                    "Not tried: a subscription opens a mailbox, which the fence does not admit.";
                Ok(PreflightStep::skipped(NAME, why))
            }
            (_, Some(_)) if !may_try => {
                let why =
                    "Not tried: nobody listens here. POST /v1/connections/{id}/preflight tries it.";
                Ok(PreflightStep::skipped(NAME, why))
            }
            (_, Some((scope, _))) => self.try_callback(scope, connection).await,
        }
    }

    /// Has the mailbox subscribed, and waits a moment for the first call.
    async fn try_callback(
        &self,
        scope: &MailboxScope,
        connection: &ConnectionRow,
    ) -> Result<PreflightStep, StoreError> {
        if let Renewal::Failed(error) = self.renew_mailbox(scope).await? {
            return Ok(PreflightStep::of_error(NAME, &error));
        }
        for _ in 0..LOOKS {
            if let Evidence::Reached(at) = self.evidence(scope, connection).await? {
                return Ok(reached(connection, at));
            }
            self.world.clock().sleep(BETWEEN_LOOKS).await;
        }
        Ok(silent(self.options.push_status_minutes))
    }

    async fn evidence(
        &self,
        scope: &MailboxScope,
        connection: &ConnectionRow,
    ) -> Result<Evidence, StoreError> {
        let rows = self.records.subscriptions(scope).await?;
        let mut rows = rows.into_iter().map(|row| row.value).filter(|row| {
            row.connection == connection.id && !row.retired && row.subscription_id.is_some()
        });
        Ok(match &connection.protocol {
            // Graph takes no address that does not answer its handshake (page
            // "change-notifications-delivery-webhooks").
            Protocol::Graph(_) => {
                let of_graph = |row: &SubscriptionRow| row.expires_at.is_some();
                rows.find(of_graph).map_or(Evidence::None, |row| Evidence::Reached(row.created_at))
            }
            Protocol::Ews(_) => match rows.map(|row| row.last_heard).max() {
                Some(Some(at)) => Evidence::Reached(at),
                Some(None) => Evidence::Silent,
                None => Evidence::None,
            },
        })
    }
}

fn reached(connection: &ConnectionRow, at: Timestamp) -> PreflightStep {
    PreflightStep::passed(
        NAME,
        match &connection.protocol {
            Protocol::Ews(_) => format!("Exchange called us, last at {at}."),
            Protocol::Graph(_) => {
                format!("Graph checked our address when it took a subscription, at {at}.")
            }
        },
    )
}

fn silent(minutes: u16) -> PreflightStep {
    PreflightStep::skipped(
        NAME,
        format!(
            "Not proved yet: Exchange took a subscription and has not called. Its heartbeat comes \
             every {minutes} minutes; if none does, check that the server reaches our address by \
             name and port 443, that it trusts our certificate, and its own proxy \
             (Set-ExchangeServer -InternetWebProxy)."
        ),
    )
}

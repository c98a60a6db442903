//! The preflight of a connection: every step on the way to its mailboxes, with its cause and mend
//! (N14, E7, E19, E22, W5, W15).
//!
//! It reads and never writes to a mailbox, asks for no item, and is bounded in time and count. What it
//! looks with is a port ([`Probe`]); `tidemark doctor` and the API run the same course.

pub(crate) mod callback;
mod commands;
mod ews;
pub(crate) mod fence;
mod graph;
mod patience;
mod steps;
mod way;

use core::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tidemark_identity::{AccessToken, TokenError, TokenSource};
use tidemark_mailbox::{Disposition, Greeting, MailboxError, Scope};
use tidemark_model::OrganisationId;
use tidemark_store::records::{ConnectionRow, FenceFinding, MailboxRow, Protocol};
use tidemark_transport::ShownCertificate;

pub use fence::waive;
pub use graph::roles_of;

use self::patience::{Look, together, within};
use crate::border::{MailboxSteps, PreflightStep};
use crate::ports::{Exchange, Part, Probe, Seen, TokenFacts};
use tidemark_world::World;

/// How long one look may take. A server that needs longer is told of as not answering.
const LOOK_TIME: Duration = Duration::from_secs(8);
/// Looks at the same time: a preflight of many mailboxes must not be what overloads a server.
const LOOKS_AT_ONCE: usize = 4;

/// What a look at a mailbox gave.
pub(crate) struct Looked {
    /// Its address.
    pub(crate) address: String,
    /// What was seen of its calendar.
    pub(crate) seen: Result<Seen, MailboxError>,
}

impl Looked {
    fn error(&self) -> Option<&MailboxError> {
        self.seen.as_ref().err()
    }
}

/// What the way up to the server looks like.
pub(crate) struct Way {
    greeting: Result<Greeting, MailboxError>,
    certificate: Option<ShownCertificate>,
    token: Option<Result<TokenFacts, MailboxError>>,
}

impl Way {
    /// The new token, where there is one.
    pub(crate) fn token(&self) -> Option<&AccessToken> {
        self.token.as_ref()?.as_ref().ok().map(|facts| &facts.token)
    }
}

/// The roles in the token, judged by what is known of the fence now.
pub(crate) fn roles(way: &Way, connection: &ConnectionRow) -> Option<PreflightStep> {
    let access = connection.graph()?;
    Some(graph::roles(access, way.token.as_ref()?, fence::standing(connection)))
}

/// One token and no other. Nothing renews it: a preflight is over in seconds.
pub struct OneToken(pub AccessToken);

#[async_trait]
impl TokenSource for OneToken {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        Ok(self.0.clone())
    }

    async fn refused(&self, _: &AccessToken) {}
}

/// A preflight under way.
pub(crate) struct Course<'a> {
    /// What it looks with.
    pub(crate) probe: &'a dyn Probe,
    /// The way to mailboxes.
    pub(crate) exchange: &'a dyn Exchange,
    /// Time.
    pub(crate) world: &'a World,
    /// The organisation.
    pub(crate) organisation: &'a OrganisationId,
    /// The connection.
    pub(crate) connection: &'a ConnectionRow,
    /// When it has to come to its end.
    pub(crate) deadline: Timestamp,
}

impl Course<'_> {
    /// Looks at the way up to the server.
    pub(crate) async fn look_at_the_way(&self) -> Way {
        let greeting = self.bounded(self.probe.greet(self.connection)).await;
        // A certificate is a matter of a server of one's own.
        let certificate = match &self.connection.protocol {
            Protocol::Ews(_) => {
                self.bounded(self.exchange.server_certificate(self.connection)).await.ok().flatten()
            }
            Protocol::Graph(_) => None,
        };
        let token = match &self.connection.protocol {
            Protocol::Ews(_) => None,
            Protocol::Graph(_) => Some(self.bounded(self.probe.token(self.connection)).await),
        };
        Way { greeting, certificate, token }
    }

    /// Looks at mailboxes, some at a time, until the time is up. Those that were not reached are left
    /// out at the end.
    pub(crate) async fn look_at(
        &self,
        mailboxes: &[MailboxRow],
        token: Option<&AccessToken>,
    ) -> Vec<Looked> {
        let mut all = Vec::new();
        for some in mailboxes.chunks(LOOKS_AT_ONCE) {
            if self.world.now() >= self.deadline {
                break;
            }
            let looks = some.iter().map(|mailbox| -> Look<'_, Looked> {
                Box::pin(async {
                    let seen = self.look(mailbox, Part::Calendar, token).await;
                    Looked { address: mailbox.address.clone(), seen }
                })
            });
            all.extend(together(looks.collect()).await);
        }
        all
    }

    async fn look(
        &self,
        mailbox: &MailboxRow,
        part: Part,
        token: Option<&AccessToken>,
    ) -> Result<Seen, MailboxError> {
        let look = self.probe.look(self.organisation, self.connection, mailbox, part, token);
        self.bounded(look).await
    }

    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, MailboxError>>,
    ) -> Result<T, MailboxError> {
        let clock = self.world.clock();
        within(&*clock, LOOK_TIME, work).await.unwrap_or_else(|| {
            Err(MailboxError {
                disposition: Disposition::RetryAfter(LOOK_TIME),
                scope: Scope::Connection,
                code: "timed-out".to_owned(),
                text: format!(
                    "the server gave no answer within {} seconds; check firewall, proxy and its load",
                    LOOK_TIME.as_secs()
                ),
            })
        })
    }

    /// The steps of the connection up to its mailboxes. `throttled` is an error that said so.
    pub(crate) fn connection_steps(&self, way: &Way, looked: &[Looked]) -> Vec<PreflightStep> {
        let mut steps = Vec::new();
        let is_plain = match &self.connection.protocol {
            Protocol::Ews(access) => access.url.trim_start().starts_with("http:"),
            Protocol::Graph(access) => is_plain_cloud(access),
        };
        if let Protocol::Ews(access) = &self.connection.protocol {
            steps.push(ews::account_form(access));
        }
        steps.extend(way::steps(&way.greeting, way.certificate.as_ref(), is_plain));
        match (&self.connection.protocol, &way.token) {
            (Protocol::Ews(access), _) => {
                steps.push(ews::login(access, &way.greeting, looked));
                steps.push(ews::version(version_of(looked)));
            }
            (Protocol::Graph(access), Some(token)) => steps.push(graph::token(access, token)),
            (Protocol::Graph(_), None) => {}
        }
        steps.push(self.throttling(way, looked));
        steps
    }

    /// The steps of a mailbox.
    pub(crate) fn mailbox_steps(&self, id: Option<String>, looked: &Looked) -> MailboxSteps {
        let steps = match &self.connection.protocol {
            Protocol::Ews(access) => ews::mailbox(access, looked),
            Protocol::Graph(access) => graph::mailbox(access, looked),
        };
        MailboxSteps { id, address: looked.address.clone(), steps }
    }

    /// Whether the server asked to be left alone. Neither protocol shows the limits themselves.
    fn throttling(&self, way: &Way, looked: &[Looked]) -> PreflightStep {
        const NAME: &str = "throttling";
        let all = looked.iter().filter_map(Looked::error).chain(way.greeting.as_ref().err());
        if let Some(error) = all.into_iter().find(|error| steps::is_throttling(error)) {
            let step = PreflightStep::of_error(NAME, error);
            return match &self.connection.protocol {
                Protocol::Ews(access) => step
                    .mend(
                        "Exchange limits how much the account may ask for at once. Give the service \
                         account a throttling policy of its own; with impersonation most counts \
                         against the mailbox that is opened.",
                    )
                    .commands(commands::throttling(&access.account)),
                Protocol::Graph(_) => step.mend(
                    "Exchange Online allows four requests at once and 10,000 in ten minutes for each \
                     application and mailbox; other applications of the same id count in. Wait, or \
                     use an application of its own.",
                ),
            };
        }
        if let Some(until) = self.connection.wait_until.filter(|until| *until > self.world.now()) {
            return PreflightStep::failed(
                NAME,
                format!("The server asked to be left alone until {until}."),
            )
            .code("backing-off")
            .mend("Wait; nothing is sent until then.");
        }
        if !looked.iter().any(|it| it.seen.is_ok()) {
            return PreflightStep::skipped(NAME, "No mailbox opened, so that nothing was counted.");
        }
        let seen = match &self.connection.protocol {
            Protocol::Ews(_) => {
                "Nothing asked us to wait, with several requests at once. EWS does not show the \
                 throttling policy itself; Get-ThrottlingPolicyAssociation does."
            }
            Protocol::Graph(_) => "Nothing asked us to wait, with several requests at once.",
        };
        PreflightStep::passed(NAME, seen)
    }

    /// Tries to open the mailbox outside of the scope; gives the step, and what is to be kept of it.
    pub(crate) async fn try_fence(
        &self,
        outside: Option<&MailboxRow>,
        looked: &[Looked],
        token: Option<&AccessToken>,
    ) -> (PreflightStep, Option<FenceFinding>) {
        const NAME: &str = "fence";
        let Some(outside) = outside else {
            return (self.fence_as_known(NAME), None);
        };
        if !looked.iter().any(|it| it.seen.is_ok()) {
            let why = "Not tried: no mailbox opened, and who is refused everywhere proves nothing. \
                       Mend the steps above, or name a mailbox that is in the scope.";
            return (PreflightStep::skipped(NAME, why), None);
        }
        let parts: &[(Part, &str)] = match &self.connection.protocol {
            Protocol::Ews(_) => &[(Part::Calendar, "the mailbox")],
            Protocol::Graph(_) => {
                &[(Part::Calendar, "calendar"), (Part::Contacts, "contacts"), (Part::Mail, "mail")]
            }
        };
        let mut opened = Vec::new();
        for (part, name) in parts {
            match self.look(outside, *part, token).await {
                Ok(_) => opened.push(*name),
                Err(error) if self.is_refusal(&error) => {}
                Err(error) => return (inconclusive(NAME, &error), None),
            }
        }
        let finding = FenceFinding {
            at: self.world.now(),
            holds: opened.is_empty(),
            subject: fence::subject_of(self.connection, &outside.address),
        };
        let step = if opened.is_empty() {
            let names: Vec<&str> = parts.iter().map(|(_, name)| *name).collect();
            let seen = format!("Outside of the scope the server refuses {}.", names.join(", "));
            PreflightStep::passed(NAME, seen)
        } else {
            self.open_fence(NAME, &opened)
        };
        (step, Some(finding))
    }

    fn is_refusal(&self, error: &MailboxError) -> bool {
        match &self.connection.protocol {
            Protocol::Ews(_) => ews::is_refusal(error),
            Protocol::Graph(_) => graph::is_refusal(error),
        }
    }

    /// What is said of a fence that was not tried now.
    fn fence_as_known(&self, name: &'static str) -> PreflightStep {
        let view = fence::view(self.connection);
        match fence::standing(self.connection) {
            fence::Standing::NotNeeded => PreflightStep::skipped(name, view.text),
            fence::Standing::Proved(_) => PreflightStep::passed(name, view.text),
            fence::Standing::Waived(waiver) => {
                PreflightStep::waived(name, format!("{} Reason: {}", view.text, waiver.reason))
            }
            fence::Standing::Open(_) | fence::Standing::Unproved if !view.admits => {
                PreflightStep::failed(name, "Nobody has shown where the connection ends.")
                    .code("fence-unproved")
                    .mend(view.text)
                    .commands(self.narrowing())
            }
            fence::Standing::Open(_) | fence::Standing::Unproved => PreflightStep {
                code: Some("fence-unproved".to_owned()),
                ..PreflightStep::skipped(name, view.text)
            },
        }
    }

    fn open_fence(&self, name: &'static str, opened: &[&str]) -> PreflightStep {
        PreflightStep::failed(name, format!("Outside of the scope this opened: {}.", opened.join(", ")))
            .code("fence-open")
            .mend(match &self.connection.protocol {
                Protocol::Ews(_) => {
                    "The service account may act for mailboxes that nobody chose: an assignment of \
                     ApplicationImpersonation has no scope, or too wide a one. Remove it and assign \
                     the role with a scope."
                }
                Protocol::Graph(_) => {
                    "The application opens mailboxes that nobody chose: rights that were granted in \
                     Entra hold for all of them, and add up with those of the scope. Give it its \
                     rights in Exchange and take the grants in Entra away; that takes 30 minutes to 2 \
                     hours to work."
                }
            })
            .commands(self.narrowing())
    }

    fn narrowing(&self) -> Vec<String> {
        match &self.connection.protocol {
            Protocol::Ews(access) => {
                let mut commands = commands::impersonation_listed(&access.account);
                commands.extend(commands::impersonation(&access.account));
                commands
            }
            Protocol::Graph(access) => {
                let mut commands = commands::application_scope(&access.client);
                commands.extend(commands::grants_removed(&access.client));
                commands
            }
        }
    }
}

/// The mailbox outside could not be judged: an error that is no refusal proves nothing.
fn inconclusive(name: &'static str, error: &MailboxError) -> PreflightStep {
    PreflightStep::failed(name, "What the mailbox outside of the scope answered proves nothing.")
        .code(&error.code)
        .mend(
            "Name a mailbox that exists, is of the same kind as those that are synced, and is not to \
             be reached; it has to be refused for want of rights, and for nothing else.",
        )
}

/// The mailbox outside was set up to be synced since it was named.
pub(crate) fn outside_is_chosen() -> PreflightStep {
    PreflightStep::failed("fence", "The mailbox outside is set up to be synced itself.")
        .code("fence-outside-chosen")
        .mend("Name another mailbox that nobody is to reach: PATCH /v1/connections/{id}/fence.")
}

/// The version that one of the mailboxes' servers named.
pub(crate) fn version_of(looked: &[Looked]) -> Option<tidemark_mailbox::ews::ServerVersion> {
    looked.iter().find_map(|it| it.seen.as_ref().ok()?.version)
}

fn is_plain_cloud(access: &tidemark_store::records::GraphAccess) -> bool {
    match &access.cloud {
        tidemark_store::records::Cloud::Other { graph, .. } => graph.starts_with("http:"),
        _ => false,
    }
}

#[cfg(test)]
mod tests;

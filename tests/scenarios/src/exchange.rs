//! Mailboxes behind the simulator, over either protocol.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secrecy::SecretString;
use tidemark_graph::{GraphRoot, UserKey};
use tidemark_identity::{
    AccessToken, Application, ClientCredential, Cloud, Entra, Tenant, TokenError, TokenSource,
};
use tidemark_mailbox::ews::{
    Access, BasicUser, ConnectionLimiter, Credential, EwsEndpoint, EwsMailbox, EwsUrl,
    MailboxAddress,
};
use tidemark_mailbox::graph::{
    ChangeFeed, GraphEndpoint, GraphMailbox, MailboxPart, PEEKS_MAX, Peeked, peek,
};
use tidemark_mailbox::{
    Cursor, Disposition, Greeting, Mailbox, MailboxError, Scope, ews, graph, greet,
};
use tidemark_model::{OrganisationId, Zone};
use tidemark_service::Exchange;
use tidemark_service::ports::{Part, Probe, Seen, TokenFacts};
use tidemark_service::preflight::{OneToken, roles_of};
use tidemark_store::records::{
    Cloud as CloudRow, ConnectionRow, CredentialKind, EwsAccess, GraphAccess, GraphCredential,
    MailboxRow, Protocol,
};
use tidemark_transport::{Clock, Entropy, HttpPort};

/// The simulator's address; nobody listens there, since requests reach it without a socket.
const SIMULATOR: &str = "http://127.0.0.1:8481";
/// What a token that is handed out still has to live.
const TOKEN_LEFT_SECONDS: i64 = 60;

/// Which protocol a stage is played over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wire {
    /// Exchange Web Services.
    #[default]
    Ews,
    /// Microsoft Graph.
    Graph,
}

impl Wire {
    /// How the demo organisation speaks it.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Ews => Protocol::Ews(EwsAccess {
                url: format!("{SIMULATOR}/EWS/Exchange.asmx"),
                account: "svc@tidemark.example".to_owned(),
                secret_name: "connections/exchange".to_owned(),
                impersonate: true,
                password: None,
            }),
            Self::Graph => Protocol::Graph(GraphAccess {
                tenant: "00000000-0000-4000-8000-000000000001".to_owned(),
                client: "00000000-0000-4000-8000-000000000002".to_owned(),
                cloud: CloudRow::Other {
                    authority: SIMULATOR.to_owned(),
                    graph: format!("{SIMULATOR}/graph"),
                },
                credentials: vec![GraphCredential {
                    kind: CredentialKind::Secret { secret_name: "connections/graph".to_owned() },
                    expires_at: None,
                    made_at: None,
                }],
                application_object: None,
                renews: false,
                rich_notifications: false,
            }),
        }
    }
}

/// Mailboxes behind the simulator.
pub struct SimulatedExchange {
    http: Arc<dyn HttpPort>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    limiter: Arc<ConnectionLimiter>,
    tokens: Arc<SimulatedTokens>,
}

impl SimulatedExchange {
    /// Mailboxes reached by `http`.
    pub fn new(http: Arc<dyn HttpPort>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let tokens = Arc::new(SimulatedTokens {
            entra: Entra::new(Arc::clone(&http), Arc::clone(&clock), Arc::clone(&entropy)),
            clock: Arc::clone(&clock),
            known: Mutex::default(),
        });
        Self { http, clock, entropy, limiter: ConnectionLimiter::new(), tokens }
    }

    fn ews(&self, access: &EwsAccess, mailbox: &MailboxRow) -> EwsMailbox {
        EwsMailbox::new(EwsEndpoint {
            url: EwsUrl::parse(&access.url).expect("a valid URL"),
            credential: Credential::Basic {
                user: BasicUser::parse(&access.account).expect("a valid user"),
                password: SecretString::from("Passw0rd!".to_owned()),
            },
            access: Access::Impersonation,
            mailbox: MailboxAddress::parse(&mailbox.address).expect("a valid address"),
            zone: zone_of(mailbox),
            http: Arc::clone(&self.http),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            limiter: self.limiter.mailbox(&mailbox.id.to_string(), self.clock.now()),
        })
    }

    fn graph(&self, access: &GraphAccess, mailbox: &MailboxRow) -> GraphMailbox {
        self.graph_with(access, mailbox, self.tokens.clone())
    }

    fn graph_with(
        &self,
        access: &GraphAccess,
        mailbox: &MailboxRow,
        tokens: Arc<dyn TokenSource>,
    ) -> GraphMailbox {
        let CloudRow::Other { graph, .. } = &access.cloud else {
            panic!("the simulator is no cloud of Microsoft's")
        };
        GraphMailbox::new(GraphEndpoint {
            root: GraphRoot::parse(graph).expect("a valid root"),
            user: UserKey::parse(&mailbox.address).expect("a valid address"),
            addresses: mailbox.addresses().into_iter().collect(),
            zone: zone_of(mailbox),
            feed: ChangeFeed::Window,
            tokens,
            http: Arc::clone(&self.http),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            limiter: self.limiter.mailbox(&mailbox.id.to_string(), self.clock.now()),
        })
    }
}

fn zone_of(mailbox: &MailboxRow) -> Zone {
    Zone::parse(mailbox.time_zone.as_deref().unwrap_or("Etc/UTC")).expect("a known zone")
}

#[async_trait]
impl Exchange for SimulatedExchange {
    async fn open(
        &self,
        _: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<Arc<dyn Mailbox>, MailboxError> {
        Ok(match &connection.protocol {
            Protocol::Ews(access) => Arc::new(self.ews(access, mailbox)),
            Protocol::Graph(access) => Arc::new(self.graph(access, mailbox)),
        })
    }

    fn peeks_max(&self, connection: &ConnectionRow) -> usize {
        if connection.graph().is_some() { PEEKS_MAX } else { 0 }
    }

    async fn peek(
        &self,
        _: &OrganisationId,
        connection: &ConnectionRow,
        asked: &[(MailboxRow, Cursor)],
        items_max: usize,
    ) -> Peeked {
        let Some(access) = connection.graph() else {
            return Peeked::default();
        };
        let opened: Vec<_> =
            asked.iter().map(|(row, cursor)| (self.graph(access, row), cursor.clone())).collect();
        peek(&opened, items_max).await
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }
}

#[async_trait]
impl Probe for SimulatedExchange {
    async fn greet(&self, connection: &ConnectionRow) -> Result<Greeting, MailboxError> {
        match &connection.protocol {
            Protocol::Ews(access) => {
                let greeted = greet(&*self.http, &access.url).await;
                greeted.map_err(|error| ews::unanswered(&error))
            }
            Protocol::Graph(_) => {
                let url = format!("{SIMULATOR}/graph/v1.0/organization");
                let greeted = greet(&*self.http, &url).await;
                greeted.map_err(|error| graph::unanswered(&error))
            }
        }
    }

    async fn token(&self, _: &ConnectionRow) -> Result<TokenFacts, MailboxError> {
        let issued = self.tokens.issue().await.map_err(|error| {
            let (TokenError::Refused { code, text } | TokenError::Later { code, text, .. }) = error;
            MailboxError {
                disposition: Disposition::Authorize,
                scope: Scope::Connection,
                code,
                text,
            }
        })?;
        Ok(TokenFacts { roles: roles_of(issued.expose()), token: issued })
    }

    async fn password_ends(
        &self,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<Option<jiff::Timestamp>, MailboxError> {
        match &connection.protocol {
            Protocol::Ews(access) => self.ews(access, mailbox).password_ends().await,
            Protocol::Graph(_) => Ok(None),
        }
    }

    async fn look(
        &self,
        _: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
        part: Part,
        token: Option<&AccessToken>,
    ) -> Result<Seen, MailboxError> {
        match &connection.protocol {
            Protocol::Ews(access) => {
                let facts = self.ews(access, mailbox).check().await?;
                Ok(Seen { version: facts.version, items: facts.calendar_items, can_edit: None })
            }
            Protocol::Graph(access) => {
                let mailbox = match token {
                    Some(token) => {
                        self.graph_with(access, mailbox, Arc::new(OneToken(token.clone())))
                    }
                    None => self.graph(access, mailbox),
                };
                let part = match part {
                    Part::Calendar => {
                        let can_edit = mailbox.check().await?.can_edit;
                        return Ok(Seen { can_edit, ..Seen::default() });
                    }
                    Part::Contacts => MailboxPart::Contacts,
                    Part::Mail => MailboxPart::Mail,
                };
                mailbox.try_part(part).await.map(|()| Seen::default())
            }
        }
    }
}

/// Tokens of the simulator's own authority, in memory.
struct SimulatedTokens {
    entra: Entra,
    clock: Arc<dyn Clock>,
    known: Mutex<Option<AccessToken>>,
}

#[async_trait]
impl TokenSource for SimulatedTokens {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        let known = self.known.lock().expect("nobody panics while holding it").clone();
        let left = |token: &AccessToken| {
            token.expires_at().as_second() - self.clock.now().as_second() > TOKEN_LEFT_SECONDS
        };
        if let Some(token) = known.filter(left) {
            return Ok(token);
        }
        let token = self.issue().await?;
        *self.known.lock().expect("nobody panics while holding it") = Some(token.clone());
        Ok(token)
    }

    async fn refused(&self, token: &AccessToken) {
        let mut known = self.known.lock().expect("nobody panics while holding it");
        if known.as_ref().is_some_and(|known| known.expose() == token.expose()) {
            *known = None;
        }
    }
}

impl SimulatedTokens {
    async fn issue(&self) -> Result<AccessToken, TokenError> {
        let application = Application {
            cloud: Cloud::other(SIMULATOR, &format!("{SIMULATOR}/graph")).expect("valid roots"),
            tenant: Tenant::parse("00000000-0000-4000-8000-000000000001").expect("a tenant"),
            client: "00000000-0000-4000-8000-000000000002".to_owned(),
        };
        let secret = ClientCredential::Secret(SecretString::from("sim-secret".to_owned()));
        Ok(self.entra.issue(&application, &[secret]).await?.token)
    }
}

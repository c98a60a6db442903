//! A stage whose tokens and proofs are the product's own: shared through the store, renewed by the
//! refresher, asked of the simulator's Entra.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use secrecy::SecretString;
use tidemark_graph::{GraphRoot, UserKey};
use tidemark_identity::TokenError;
use tidemark_mailbox::ews::ConnectionLimiter;
use tidemark_mailbox::graph::{ChangeFeed, GraphEndpoint, GraphMailbox};
use tidemark_mailbox::{Disposition, Mailbox, MailboxError, Scope};
use tidemark_model::{OrganisationId, Zone};
use tidemark_proofs::Proofs;
use tidemark_service::refresh::rotation::EntraAuthority;
use tidemark_service::refresh::{Connect, application_of};
use tidemark_service::{Exchange, RefreshReport, Refresher, Tokens, World};
use tidemark_store::records::{
    Collection, ConnectionId, ConnectionRow, Document, GraphAccess, MailboxRow, Protocol,
};
use tidemark_transport::HttpPort;
use uuid::Uuid;

use crate::exchange::Wire;
use crate::ports::SimulatedHttp;
use crate::stage::{Setting, Stage};

/// The name of the secret that a stage's application begins with.
pub const SECRET_NAME: &str = "connections/graph";

/// A stage over Graph with the product's own tokens.
pub struct CloudStage {
    /// The stage.
    pub stage: Stage,
    /// What the schedule of `token-refresh` does.
    pub refresher: Refresher,
}

/// Mailboxes behind the simulator, opened with the product's own tokens.
struct CloudExchange {
    tokens: Arc<Tokens>,
    proofs: Arc<Proofs>,
    http: Arc<dyn HttpPort>,
    world: World,
    limiter: Arc<ConnectionLimiter>,
}

impl CloudStage {
    /// A world in which nothing is synced yet; the application has the simulator's first secret.
    ///
    /// # Panics
    /// When the store fails.
    pub fn new() -> Self {
        let mut stage = Stage::new(Setting { wire: Wire::Graph, ..Setting::default() });
        let http: Arc<dyn HttpPort> =
            Arc::new(SimulatedHttp::new(Arc::clone(&stage.simulator), Arc::clone(&stage.effects)));
        let way = Arc::clone(&http);
        let connect: Connect = Arc::new(move |_| Ok(Arc::clone(&way)));
        let (records, world) = (Arc::clone(&stage.service.records), stage.service.world.clone());
        let secrets = Arc::clone(&stage.service.secrets);
        let tokens = Arc::new(Tokens::new(
            Arc::clone(&records),
            Arc::clone(&secrets),
            Arc::clone(&connect),
            world.clone(),
        ));
        let looking = Arc::clone(&stage.service.exchange);
        stage.service.exchange = Arc::new(CloudExchange {
            tokens: Arc::clone(&tokens),
            proofs: Arc::new(Proofs::new(
                Arc::clone(&connect),
                Arc::clone(&secrets),
                world.clone(),
            )),
            http,
            world: world.clone(),
            limiter: ConnectionLimiter::new(),
        });
        let authority =
            EntraAuthority { tokens: Arc::clone(&tokens), connect, world: world.clone() };
        let refresher = Refresher {
            records,
            tokens,
            authority: Arc::new(authority),
            versions: None,
            exchange: Some(looking),
            world,
        };
        let mut cloud = Self { stage, refresher };
        cloud.put_secret(SECRET_NAME, "sim-secret");
        cloud
    }

    /// Puts a value into the secret store.
    ///
    /// # Panics
    /// When the store fails.
    pub fn put_secret(&mut self, name: &'static str, value: &str) {
        let (secrets, value) = (Arc::clone(&self.stage.service.secrets), SecretString::from(value));
        self.stage.run(async move { secrets.put(name, value).await }).expect("kept");
    }

    /// One pass of `token-refresh`.
    pub fn refresh(&mut self) -> RefreshReport {
        let refresher = self.refresher.clone();
        self.stage.run(async move { refresher.refresh().await })
    }

    /// Time passes, with `token-refresh` every five minutes.
    pub fn tick(&mut self, duration: SignedDuration) {
        let mut left = duration;
        while left > SignedDuration::ZERO {
            let step = left.min(SignedDuration::from_mins(5));
            self.stage.tick(step);
            self.refresh();
            left -= step;
        }
    }

    /// One run for a mailbox, whatever becomes of it.
    ///
    /// # Panics
    /// When the store fails.
    pub fn sync_once(&mut self, person: &str) {
        let (service, scope) = (self.stage.service.clone(), self.stage.scope(person));
        let deadline = self.stage.service.world.now() + SignedDuration::from_secs(60);
        self.stage.run(async move {
            service.raise(&scope, &Collection::calendar()).await.expect("raised");
            service.sync(&scope, deadline).await.expect("the store answers");
        });
    }

    /// The connection's row.
    ///
    /// # Panics
    /// When the store fails.
    pub fn connection(&mut self) -> Document<ConnectionRow> {
        let records = Arc::clone(&self.stage.service.records);
        let organisation = self.stage.organisation.clone();
        let id = ConnectionId::new(Uuid::from_u128(1));
        let found = self.stage.run(async move { records.connection(&organisation, id).await });
        found.expect("read").expect("it is there")
    }

    /// Changes the application of the connection.
    ///
    /// # Panics
    /// When the store fails.
    pub fn change(&mut self, change: impl FnOnce(&mut GraphAccess)) {
        let Document { mut value, revision } = self.connection();
        let Protocol::Graph(access) = &mut value.protocol else { panic!("it speaks Graph") };
        change(access);
        let records = Arc::clone(&self.stage.service.records);
        let organisation = self.stage.organisation.clone();
        let saved =
            async move { records.save_connection(&organisation, &value, Some(revision)).await };
        self.stage.run(saved).expect("saved");
    }

    /// The codes of what the connection shows, with what is to be done about it.
    pub fn troubles(&mut self) -> Vec<(String, String)> {
        let row = self.connection().value;
        row.troubles.into_iter().map(|trouble| (trouble.code, trouble.mend)).collect()
    }
}

impl Default for CloudStage {
    fn default() -> Self {
        Self::new()
    }
}

fn unusable(error: &TokenError) -> MailboxError {
    MailboxError {
        disposition: Disposition::Reject,
        scope: Scope::Connection,
        code: "connection-settings".to_owned(),
        text: error.to_string(),
    }
}

#[async_trait]
impl Exchange for CloudExchange {
    async fn open(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<Arc<dyn Mailbox>, MailboxError> {
        let access = connection.graph().expect("the stage speaks Graph");
        let application = application_of(access).map_err(|error| unusable(&error))?;
        let tokens = self.tokens.source(organisation, connection);
        Ok(Arc::new(GraphMailbox::new(GraphEndpoint {
            root: GraphRoot::parse(application.cloud.graph()).expect("a valid root"),
            user: UserKey::parse(&mailbox.address).expect("a valid address"),
            addresses: mailbox.addresses().into_iter().collect(),
            zone: Zone::parse("Europe/Berlin").expect("a known zone"),
            feed: ChangeFeed::Window,
            tokens: tokens.map_err(|error| unusable(&error))?,
            http: Arc::clone(&self.http),
            clock: self.world.clock(),
            entropy: self.world.entropy(),
            limiter: self.limiter.mailbox(&mailbox.id.to_string(), self.world.now()),
        })))
    }

    fn proofs(&self) -> Option<&Arc<Proofs>> {
        Some(&self.proofs)
    }
}

//! What proves that notifications with content come from Microsoft, and what opens them: the public
//! keys of each cloud, and our own private ones. One of them per process.
//!
//! It is a crate of its own, since only one of the two functions that anybody may call has a use for it.

mod cloud;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tidemark_graph::notification::EncryptedContent;
use tidemark_identity::{
    Cloud, NotificationKeys, NotificationProof, SigningKeys, TokenError, Unproven,
};
use tidemark_intake::{ContentProof, Recipient};
use tidemark_store::records::{ConnectionId, ConnectionRow};
use tidemark_store::{Secrets, StoreError};
use tidemark_transport::HttpPort;
use tidemark_world::World;

pub use cloud::{cloud_of, connect_to_cloud};

/// Connections whose keys are remembered. Beyond that all are forgotten and read again.
const CONNECTIONS_MAX: usize = 256;
/// Clouds that are remembered: Microsoft's, and others in tests.
const CLOUDS_MAX: usize = 16;
/// How long our own keys are believed without being read again. `token-refresh` replaces them, and
/// the old one is kept for days.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// How often they are read at most, whatever certificate somebody names.
const COOL_DOWN: SignedDuration = SignedDuration::from_mins(1);

/// Makes an HTTP client that trusts these authorities (PEM) besides the public ones.
pub type Connect = Arc<dyn Fn(Option<&str>) -> Result<Arc<dyn HttpPort>, TokenError> + Send + Sync>;

/// A cloud, and the authorities (PEM) that are trusted on the way to it besides the public ones.
type Way = (Cloud, Option<String>);

/// Proves and opens notifications with content.
pub struct Proofs {
    connect: Connect,
    secrets: Arc<dyn Secrets>,
    world: World,
    clouds: Mutex<HashMap<Way, Arc<NotificationProof>>>,
    keys: Mutex<HashMap<String, Known>>,
}

#[derive(Clone)]
struct Known {
    keys: Option<Arc<NotificationKeys>>,
    read_at: Timestamp,
}

/// The name of the secret with the keys for a connection's notifications.
pub fn secret_of(connection: ConnectionId) -> String {
    format!("connections/{}/notification-keys", connection.uuid())
}

impl Proofs {
    /// Nothing is fetched yet. The clouds' keys are reached by `connect`.
    pub fn new(connect: Connect, secrets: Arc<dyn Secrets>, world: World) -> Self {
        Self { connect, secrets, world, clouds: Mutex::default(), keys: Mutex::default() }
    }

    fn proof(&self, row: &ConnectionRow) -> Option<Arc<NotificationProof>> {
        let cloud = cloud_of(&row.graph()?.cloud).ok()?;
        let key = (cloud.clone(), row.extra_ca_pem.clone());
        // Entries are replaced whole, so a panic elsewhere cannot have left half of one.
        let mut clouds = self.clouds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clouds.get(&key) {
            return Some(Arc::clone(known));
        }
        let http = (self.connect)(row.extra_ca_pem.as_deref()).ok()?;
        let keys = SigningKeys::new(http, self.world.clock(), &cloud);
        let proof = Arc::new(NotificationProof::new(keys, self.world.clock(), cloud));
        if clouds.len() >= CLOUDS_MAX {
            clouds.clear();
        }
        clouds.insert(key, Arc::clone(&proof));
        Some(proof)
    }

    /// Our keys for a connection's notifications; none as long as nobody made them, or when what is
    /// kept of them cannot be read. With `wanted`, keys that do not have that certificate are read
    /// again, once a minute at most.
    ///
    /// # Errors
    /// [`StoreError`] when the secret cannot be read now.
    pub async fn keys(
        &self,
        connection: ConnectionId,
        wanted: Option<&str>,
    ) -> Result<Option<Arc<NotificationKeys>>, StoreError> {
        let name = secret_of(connection);
        let now = self.world.now();
        let known = self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some(known) = known {
            let age = now.duration_since(known.read_at);
            let fits = match (&known.keys, wanted) {
                (Some(keys), Some(wanted)) => keys.has(wanted),
                (Some(_), None) => true,
                (None, _) => false,
            };
            if age < COOL_DOWN || (fits && age < FRESH) {
                return Ok(known.keys);
            }
        }
        let keys = match self.secrets.get(&name).await? {
            Some(secret) => match NotificationKeys::from_secret(&secret) {
                Ok(keys) => Some(Arc::new(keys)),
                Err(error) => {
                    tracing::error!(connection.id = %connection, error = %error, "{error}");
                    None
                }
            },
            None => None,
        };
        let mut all = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CONNECTIONS_MAX {
            all.clear();
        }
        all.insert(name, Known { keys: keys.clone(), read_at: now });
        Ok(keys)
    }
}

#[async_trait]
impl ContentProof for Proofs {
    async fn is_proven(
        &self,
        through: &ConnectionRow,
        tokens: &[String],
        recipients: &BTreeSet<Recipient>,
    ) -> Result<bool, StoreError> {
        let Some(proof) = self.proof(through) else { return Ok(false) };
        let recipients = recipients.iter();
        let recipients = recipients
            .map(|it| tidemark_identity::Recipient::new(&it.client, &it.tenant))
            .collect();
        match proof.check(tokens, &recipients).await {
            Ok(()) => Ok(true),
            Err(Unproven::Refused) => Ok(false),
            Err(error @ Unproven::Unavailable(_)) => {
                Err(StoreError::Unavailable(error.to_string()))
            }
        }
    }

    async fn open(
        &self,
        connection: ConnectionId,
        content: &EncryptedContent,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let wanted = Some(content.certificate_id.as_str());
        let Some(keys) = self.keys(connection, wanted).await? else {
            return Ok(None);
        };
        let content = tidemark_identity::EncryptedContent {
            data: &content.data,
            data_key: &content.data_key,
            data_signature: &content.data_signature,
            certificate_id: &content.certificate_id,
        };
        Ok(keys.open(&content).ok().map(|plain| plain.to_vec()))
    }
}

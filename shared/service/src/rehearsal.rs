//! Where the tests of the functions play: a service that stands on memory, at a clock that stands
//! still, and that reaches neither a mailbox nor an endpoint. Only with the feature `testing`, which
//! no function is built with.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use tidemark_mailbox::{Mailbox, MailboxError};
use tidemark_store::memory::{MemoryQueue, MemorySecrets, MemoryTable};
use tidemark_store::records::{ConnectionRow, Keyring, MailboxRow, Records, SHARED_EVERY, Usage};
use tidemark_transport::{Clock, Entropy, HttpPort, HttpRequest, HttpResponse, TransportError};

use crate::ports::{Engine, Exchange};
use crate::service::{Options, Service};
use crate::sweep::Reached;
use tidemark_world::World;

/// When everything of a rehearsal takes place, in seconds since 1970: 2 March 2027, 09:00 UTC.
const NOW_SECONDS: i64 = 1_804_064_400;
/// After all writing of what is shared, in seconds since 1970: 1 January 2100.
const LATER_SECONDS: i64 = 4_102_444_800;
/// How long a message that was taken stays invisible.
const VISIBILITY: SignedDuration = SignedDuration::from_secs(120);

/// A service on a table, with everything else in memory and empty.
///
/// # Panics
/// When a run opens a mailbox or something is sent to an endpoint.
#[expect(clippy::expect_used, reason = "the key has the right length, whatever the test does")]
pub fn service_on(table: MemoryTable) -> Service {
    let clock: Arc<dyn Clock> = Arc::new(Still);
    let entropy: Arc<dyn Entropy> = Arc::new(Counting::default());
    let random = Arc::clone(&entropy);
    let fill = Arc::new(move |buffer: &mut [u8]| random.fill(buffer));
    let keyring = Keyring::new(&[7; 32], fill).expect("a key of 32 bytes");
    let queue = MemoryQueue::new(Arc::new(|| Still.now()), VISIBILITY);
    Service {
        records: Arc::new(Records::new(Arc::new(table), Arc::new(keyring))),
        queue: Arc::new(queue),
        secrets: Arc::new(MemorySecrets::new()),
        exchange: Arc::new(Nowhere),
        webhooks: Arc::new(Nowhere),
        planner: Arc::new(Engine),
        world: World::new(clock, entropy),
        options: Options::default(),
        reached: Reached::default(),
    }
}

/// Does a unit of work, and tells by how much what all mailboxes share has grown with it. Each unit has a
/// later `number`, so that it is written down.
///
/// # Panics
/// When the store fails.
#[expect(clippy::expect_used, reason = "the store is in memory and does not fail")]
pub async fn shared_by<T>(
    records: &Records,
    number: i32,
    unit: impl Future<Output = T>,
) -> (T, Usage) {
    let before = records.shared_usage(Date::MIN).await.expect("the store answers");
    let done = unit.await;
    let later = Timestamp::from_second(LATER_SECONDS).expect("a moment");
    let written = records.write_shared(later + SHARED_EVERY * number).await;
    written.expect("the store answers");
    let after = records.shared_usage(Date::MIN).await.expect("the store answers");
    (done, after.since(before))
}

/// No rehearsal gets as far as a mailbox or an endpoint.
struct Nowhere;

#[async_trait]
impl Exchange for Nowhere {
    #[expect(clippy::panic, reason = "a rehearsal that gets here has failed")]
    async fn open(
        &self,
        _: &tidemark_model::OrganisationId,
        _: &ConnectionRow,
        _: &MailboxRow,
    ) -> Result<Arc<dyn Mailbox>, MailboxError> {
        panic!("no mailbox is opened");
    }
}

#[async_trait]
impl HttpPort for Nowhere {
    #[expect(clippy::panic, reason = "a rehearsal that gets here has failed")]
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, TransportError> {
        panic!("nothing is sent");
    }
}

/// A clock that stands still.
struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    async fn sleep(&self, _: Duration) {}
}

/// Numbers that differ: a rehearsal needs no secrecy.
#[derive(Default)]
struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

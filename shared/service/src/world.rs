//! The clock and the randomness that every use case is handed.

use std::sync::Arc;

use jiff::Timestamp;
use tidemark_transport::{Clock, Entropy};
use uuid::Uuid;

/// Time and randomness, real or virtual.
#[derive(Clone)]
pub struct World {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl World {
    /// A world with this clock and this randomness.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock, for adapters that need it themselves.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The randomness, for adapters that need it themselves.
    pub fn entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.entropy)
    }

    /// A new UUIDv7.
    pub fn uuid(&self) -> Uuid {
        tidemark_transport::world::uuid_v7(self.now(), &*self.entropy)
    }

    /// Random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }
}

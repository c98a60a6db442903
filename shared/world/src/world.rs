//! Both in one, as every use case is handed them.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::ports::{Clock, Entropy, uuid_v7};

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
        uuid_v7(self.now(), &*self.entropy)
    }

    /// Random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }
}

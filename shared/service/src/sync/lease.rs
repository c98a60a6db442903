//! Leave to write, as long as the lease outlives the write.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tidemark_mailbox::{Permit, PermitDenied};
use tidemark_transport::Clock;

/// How long one request to Exchange may take. No write starts with less of the lease left than this
/// and [`WRITE_MARGIN`].
pub const REQUEST_TIMEOUT: SignedDuration = SignedDuration::from_secs(20);
/// What has to be left of the lease when the slowest write ends.
const WRITE_MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// The lease of a run, as the adapters see it.
pub(crate) struct LeasePermit {
    clock: Arc<dyn Clock>,
    until: Timestamp,
}

impl LeasePermit {
    /// Leave to write under a lease that ends at `until`.
    pub(crate) fn new(clock: Arc<dyn Clock>, until: Timestamp) -> Self {
        Self { clock, until }
    }
}

impl Permit for LeasePermit {
    fn may_write(&self) -> Result<(), PermitDenied> {
        let needed = self.clock.now() + REQUEST_TIMEOUT + WRITE_MARGIN;
        if needed <= self.until { Ok(()) } else { Err(PermitDenied) }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use async_trait::async_trait;

    use super::*;

    struct Standing(Timestamp);

    #[async_trait]
    impl Clock for Standing {
        fn now(&self) -> Timestamp {
            self.0
        }

        async fn sleep(&self, _: Duration) {}
    }

    #[test]
    fn a_write_needs_its_own_time_and_a_margin() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let permit = |now| LeasePermit::new(Arc::new(Standing(at(now))), at(100));
        assert_eq!(permit(75).may_write(), Ok(()));
        assert_eq!(permit(76).may_write(), Err(PermitDenied));
    }
}

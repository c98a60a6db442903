//! What the handlers share.

use std::sync::Arc;

use tidemark_service::{Border, World};

use crate::polls::Polls;

/// What the handlers share: the use cases, the clock and ids, and the open polls.
#[derive(Clone)]
pub(crate) struct ApiState {
    /// The use cases.
    pub(crate) border: Arc<dyn Border>,
    /// Time and ids.
    pub(crate) world: World,
    /// Who is waiting for changes.
    pub(crate) polls: Polls,
}

impl ApiState {
    /// With no poll open.
    pub(crate) fn new(border: Arc<dyn Border>, world: World) -> Self {
        Self { border, world, polls: Polls::default() }
    }
}

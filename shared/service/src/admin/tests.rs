//! The use cases of administrators over the memory table.

mod founding;
mod keys;
mod mailboxes;
mod organisation;

use tidemark_model::SystemId;
use tidemark_store::records::SystemRow;

use crate::border::*;
use crate::testing::{Stage, connection_id, organisation, scope, system};

/// An administrator whose key speaks for the system of the stage.
fn admin() -> Caller {
    Caller {
        organisation: organisation(),
        system: Some(system()),
        role: Role::Administrator,
        key_id: "desk".to_owned(),
    }
}

/// Everybody who is no administrator.
fn others() -> [Caller; 2] {
    [Role::Operator, Role::Integrator].map(|role| Caller { role, ..admin() })
}

/// A stage with a business system.
async fn stage() -> Stage {
    let stage = Stage::new().await;
    put_system(&stage, system().as_str()).await;
    stage
}

async fn put_system(stage: &Stage, id: &str) {
    let id = SystemId::parse(id).unwrap();
    let row = SystemRow { id, name: "a system".to_owned(), created_at: stage.service.world.now() };
    stage.service.records.save_system(&organisation(), &row, None).await.unwrap();
}

/// What was noted, the newest first: action and subject.
async fn noted(stage: &Stage) -> Vec<ActivityView> {
    stage.service.activity(&admin(), None, 100).await.unwrap().entries
}

/// The pointers of what was wrong.
fn pointers<T: core::fmt::Debug>(answer: Result<T, Refusal>) -> Vec<String> {
    match answer {
        Err(Refusal::Invalid(problems)) => problems.into_iter().map(|it| it.pointer).collect(),
        other => panic!("{other:?}"),
    }
}

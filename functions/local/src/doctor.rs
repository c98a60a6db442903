//! `tidemark doctor`: the preflight.

use std::path::Path;
use std::process::ExitCode;

use tidemark_runtime::Environment;
use tidemark_transport::{Clock as _, SystemClock};

use crate::console::say;
use crate::settings::Settings;
use crate::setup::AccessSetup;

mod ews;
mod graph;

/// Checks each mailbox of each connection. Exit code 1 when a step fails.
///
/// # Errors
/// When the file itself cannot be used.
pub(crate) async fn run(environment: &Environment, file: &Path) -> anyhow::Result<ExitCode> {
    let setup = Settings::read(file)?.to_setup(environment, SystemClock.now())?;
    let mut is_well = true;
    for connection in &setup.connections {
        say(&format!("connection {}", connection.name));
        is_well &= match &connection.access {
            AccessSetup::Ews(access) => ews::check(connection, access).await?,
            AccessSetup::Graph(access) => graph::check(connection, access).await?,
        };
    }
    say(if is_well { "all is well" } else { "something has to be mended" });
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! All functions in one process, the command line, the simulator's host.

mod cli;
mod console;
mod demo;
mod doctor;
mod export;
mod host;
mod local;
mod readiness;
mod schedule;
mod settings;
mod setup;
mod simulator;
mod workers;

use std::process::ExitCode;

use clap::Parser as _;
use tidemark_runtime::{Environment, logs};

use crate::cli::{Cli, Command, LocalArguments};

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let environment = Environment::of_process();
    logs::start(&environment);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(error = %error, "no threads can be started");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(command, &environment));
    // What still waits for the disk or a name must not keep the process.
    runtime.shutdown_background();
    match ended {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, environment: &Environment) -> anyhow::Result<ExitCode> {
    match command {
        Command::Local(LocalArguments { config: Some(file), .. }) => {
            Box::pin(local::run_config(environment, &file)).await?;
        }
        Command::Local(LocalArguments { config: None, .. }) => {
            Box::pin(local::run_demo(environment)).await?;
        }
        Command::Simulator => simulator::run(environment).await?,
        Command::Doctor { config } => return doctor::run(environment, &config).await,
        Command::Export(arguments) => return export::run(environment, &arguments).await,
    }
    Ok(ExitCode::SUCCESS)
}

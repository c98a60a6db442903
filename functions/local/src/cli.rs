//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Keeps Exchange mailboxes and a business system in two-way sync.
#[derive(Debug, Parser)]
#[command(name = "tidemark", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole connector in this process.
    Local(LocalArguments),
    /// Run the simulated Exchange alone, on TIDEMARK_SIM_PORT (8481).
    Simulator,
    /// Check the connections of a configuration, step by step, and say what is missing.
    Doctor {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// Either the demo or a configuration of one's own.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct LocalArguments {
    /// Start with a demo organisation, against the simulator in this process, or against the one
    /// at TIDEMARK_SIM_URL.
    #[arg(long)]
    pub(crate) demo: bool,
    /// Start with the organisation, connection and mailboxes of this JSON file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_wants_one_way_to_start() {
        Cli::command().debug_assert();
        assert!(Cli::try_parse_from(["tidemark", "local"]).is_err());
        assert!(Cli::try_parse_from(["tidemark", "local", "--demo", "--config", "x"]).is_err());
        assert!(Cli::try_parse_from(["tidemark", "local", "--demo"]).is_ok());
    }
}

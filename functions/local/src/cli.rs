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
    /// Write everything that is kept and may be shown into a file, over the API of a running connector.
    Export(ExportArguments),
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

/// From where an export comes, and where it goes. The key is no argument: those are shown to everybody
/// on the machine.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Where the API is, without /v1: https, or http on 127.0.0.1.
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,
    /// The file that the rows go to, one JSON value a line. What is not whole yet is kept beside it,
    /// with .part at the end of its name; the same command goes on with it.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
    /// The file that holds the API key of an administrator, alone; else it is in TIDEMARK_API_KEY.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Throw away what was begun before, and begin at the first row.
    #[arg(long)]
    pub(crate) anew: bool,
    /// Put the new file in the place of one that is there.
    #[arg(long)]
    pub(crate) overwrite: bool,
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
        let export = ["tidemark", "export", "--url", "https://t.example", "--to", "x"];
        assert!(Cli::try_parse_from(export).is_ok());
        assert!(Cli::try_parse_from([&export[..], &["--key", "k"]].concat()).is_err());
    }
}

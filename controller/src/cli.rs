//! The command line: what was written. What is meant by it is for `ground` and the commands.

mod arguments;
pub(crate) mod items;

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use batt_protocol::{EXIT_TABLE, Error, ExitCode};

pub(crate) use self::arguments::{
    CompletionsArguments, ConnectionArguments, Format, InventoryArguments, InventoryCommand, ListArguments,
    LogsArguments, OutputArguments, PingArguments, PushArguments, PushChoice, RunArguments, RunsArguments,
    SelectionArguments, ShowArguments,
};
use self::items::{ItemOptions, Items};

/// What the help of the whole program ends with.
const AFTER: &str = "\
Every option has a variable: --connect-timeout takes BATT_FLEET_CONNECT_TIMEOUT.";

/// Backs up all the things on many hosts, and tells the truth about it.
#[derive(Debug, Parser)]
#[command(
    name = "batt-fleet",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = format!("{AFTER}\n\n{EXIT_TABLE}")
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Back up: push or verify the scripts, run batt on every selected host, and tell how it went
    #[command(after_help = EXIT_TABLE)]
    Run(RunArguments),
    /// Bring scripts and settings of the fleet folder to the hosts
    #[command(after_help = EXIT_TABLE)]
    Push(PushArguments),
    /// Connect to each host, and tell each phase
    #[command(after_help = EXIT_TABLE)]
    Ping(PingArguments),
    /// Ask the inventory: which hosts, which groups, what holds for them and why
    #[command(subcommand)]
    Inventory(InventoryCommand),
    /// List the runs that this controller knows, newest first
    Runs(RunsArguments),
    /// Show what hosts printed in a run
    Logs(LogsArguments),
    /// Print what a shell needs to complete the command line
    Completions(CompletionsArguments),
    /// Print the manual page
    Man,
}

/// A command line that was read.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// What is to be done.
    pub(crate) command: Command,
    /// Items given by options of services, in order.
    pub(crate) items: Items,
}

/// Why nothing is done.
#[derive(Debug)]
pub(crate) enum Unparsed {
    /// Help or version were asked for.
    Told(String),
    /// The command line is wrong.
    Wrong {
        /// What is wrong, as it is shown.
        message: String,
        /// The exit code.
        exit: ExitCode,
    },
}

impl From<Error> for Unparsed {
    fn from(error: Error) -> Self {
        Self::Wrong {
            message: format!("error: {error}\n"),
            exit: error.exit(),
        }
    }
}

/// Reads a command line; the first argument is the program's name. `options` are what scripts bring.
///
/// # Errors
/// Help, version, and every way to be wrong.
pub(crate) fn parse(arguments: Vec<OsString>, options: &ItemOptions) -> Result<Parsed, Unparsed> {
    let mut command = with_items(Cli::command(), options);
    let is_run = arguments.get(1).is_some_and(|word| word == "run");
    let (rest, items) = if is_run {
        items::extract(arguments, options, &own_options(&command))?
    } else {
        (arguments, Items::default())
    };
    let told = |error: clap::Error| match error.kind() {
        clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion => {
            Unparsed::Told(error.render().to_string())
        }
        _ => Unparsed::Wrong {
            message: error.render().to_string(),
            exit: ExitCode::USAGE,
        },
    };
    let cli = command
        .try_get_matches_from_mut(rest)
        .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches))
        .map_err(told)?;
    Ok(Parsed {
        command: cli.command,
        items,
    })
}

/// Returns the whole command line as clap knows it, for completions and the manual.
pub(crate) fn command(options: &ItemOptions) -> clap::Command {
    with_items(Cli::command(), options)
}

fn with_items(command: clap::Command, options: &ItemOptions) -> clap::Command {
    let help = format!("{}\n\n{EXIT_TABLE}", options.help());
    command.mut_subcommand("run", |run| run.after_help(help))
}

fn own_options(command: &clap::Command) -> Vec<String> {
    let run = command.find_subcommand("run");
    let longs = run.into_iter().flat_map(|run| {
        run.get_arguments().flat_map(|argument| {
            let aliases = argument.get_all_aliases().unwrap_or_default();
            argument.get_long().into_iter().chain(aliases)
        })
    });
    longs.map(str::to_owned).chain(["help".to_owned()]).collect()
}

#[cfg(test)]
mod tests;

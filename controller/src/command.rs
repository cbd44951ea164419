//! The commands: each takes what was written, does it, and returns the exit code.

mod changes;
mod errand;
mod fleet;
mod inventory;
mod logs;
mod ping;
mod plan;
mod push;
mod run;
mod runs;

use clap_complete::generate;

use batt_protocol::{Error, ExitCode};

use crate::cli::items::ItemOptions;
use crate::cli::{self, Command, Parsed};
use crate::world::{World, finished};

/// Does what the command line says.
///
/// # Errors
/// Why it was not done. What was begun is told by its exit code instead.
pub(crate) fn carry_out(
    parsed: Parsed,
    options: &ItemOptions,
    world: &mut World<'_>,
) -> Result<ExitCode, Error> {
    match parsed.command {
        Command::Run(arguments) => run::run(&arguments, &parsed.items, world),
        Command::Push(arguments) => push::push(&arguments, world),
        Command::Ping(arguments) => ping::ping(&arguments, world),
        Command::Inventory(command) => inventory::inventory(&command, world),
        Command::Runs(arguments) => runs::runs(&arguments, world),
        Command::Logs(arguments) => logs::logs(&arguments, world),
        Command::Completions(arguments) => {
            let mut script = Vec::new();
            generate(
                arguments.shell,
                &mut cli::command(options),
                "batt-fleet",
                &mut script,
            );
            finished(world.out.write_all(&script))?;
            Ok(ExitCode::OK)
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(cli::command(options))
                .render(&mut page)
                .map_err(|error| Error::program(format!("cannot make the manual page: {error}")))?;
            finished(world.out.write_all(&page))?;
            Ok(ExitCode::OK)
        }
    }
}

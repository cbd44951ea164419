//! `batt-fleet`: runs `batt` on many hosts at once, over SSH.
//!
//! Facts flow one way: a host task speaks to a host and emits events, `dispatch` applies them to the state, writes the
//! journal and hands them to readers, which show them. Imports: event <- state <- report; transport <- session <- push
//! <- host task; dispatch sees host task, state and the readers' trait; commands put them together.

mod agent_binary;
mod bundle;
mod cli;
mod clock;
mod command;
mod descriptors;
mod dispatch;
mod event;
#[cfg(test)]
mod fake_agent;
mod follow;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod ground;
mod history;
mod host;
mod host_ids;
mod host_memory;
mod host_task;
mod install;
mod journal;
mod log_files;
mod login;
mod passphrase;
mod push;
mod reader;
mod report;
mod reporter;
mod session;
mod shell;
mod signals;
mod state;
mod state_folder;
mod stop;
mod transport;
mod trouble;
mod trust;
mod world;

use std::ffi::OsString;
use std::io;

use batt_protocol::{Error, ExitCode};

use crate::cli::Unparsed;
use crate::cli::items::ItemOptions;
use crate::world::World;

/// Runs `batt-fleet` with the arguments, the environment and the outputs of this process.
pub fn run_main() -> std::process::ExitCode {
    let mut world = World {
        variable: &|name| std::env::var_os(name),
        out: &mut io::stdout(),
        err: &mut io::stderr(),
    };
    main(std::env::args_os().collect(), &mut world).into()
}

fn main(arguments: Vec<OsString>, world: &mut World<'_>) -> ExitCode {
    let (options, refusal) = item_options(&arguments, world);
    match cli::parse(arguments, &options) {
        Ok(parsed) => command::carry_out(parsed, &options, world).unwrap_or_else(|error| world.fail(&error)),
        Err(Unparsed::Told(text)) => match world.print(&text) {
            Ok(()) => ExitCode::OK,
            Err(error) => world.fail(&error),
        },
        // The options of scripts that are not trusted are not known; that is why, and no mistake of the person.
        Err(Unparsed::Wrong { .. }) if let Some(refusal) = refusal => world.fail(&refusal),
        Err(Unparsed::Wrong { message, exit }) => {
            world.tell(message.trim_end());
            exit
        }
    }
}

/// Returns the options that the scripts of the fleet folder bring, and why there are none where it is refused. A folder
/// that cannot be read brings none here; the command itself tells why it cannot.
fn item_options(arguments: &[OsString], world: &World<'_>) -> (ItemOptions, Option<Error>) {
    let named = cli::items::inventories(arguments, world.variable);
    let files = ground::inventories(&named, world.variable);
    let folder = ground::fleet_folder(files.iter().map(std::path::PathBuf::as_path))
        .ok()
        .flatten();
    let read = folder.map(|folder| bundle::FleetFolder::read(&folder, |_| true, |_| true));
    let (fleet, refusal) = match read {
        Some(Ok(fleet)) => (Some(fleet), None),
        Some(Err(error)) => (
            None,
            Some(error).filter(|error| error.exit() == ExitCode::REFUSED),
        ),
        None => (None, None),
    };
    let scripts = fleet.iter().flat_map(bundle::FleetFolder::scripts);
    let options = ItemOptions::of(scripts.map(|(name, content)| (name.as_str(), &content.bytes[..])));
    (options, refusal)
}

#[cfg(test)]
mod tests;

//! `batt-fleet push`.

use std::path::PathBuf;
use std::sync::Arc;

use batt_protocol::{Error, ExitCode, text};

use super::changes;
use super::errand;
use super::fleet::{self, Errands, Memory};
use crate::agent_binary::AgentBinary;
use crate::bundle::Bundle;
use crate::cli::PushArguments;
use crate::event::Verb;
use crate::ground::Ground;
use crate::host_task::{Errand, HostTask, Order};
use crate::push::PushMode;
use crate::state_folder::StateFolder;
use crate::world::World;

/// Brings the fleet folder to the hosts, or tells what differs.
///
/// # Errors
/// Usage, inventory, selection, fleet folder or agent: nothing was started.
pub(super) fn push(arguments: &PushArguments, world: &mut World<'_>) -> Result<ExitCode, Error> {
    let ground = Ground::read(&arguments.selection.inventory, world)?;
    let hosts = ground.select(&arguments.selection, None)?;
    let selected = ground.reach(&hosts, arguments.connection.user.as_deref(), None, world)?;
    let agent = agent(arguments)?;
    let fleet_folder = ground.fleet()?;
    if fleet_folder.is_none() && agent.is_none() {
        return Err(Error::usage(
            "there is nothing to push: neither `scripts-available/` nor `conf/` lies beside the inventory",
        )
        .hint("`batt-fleet push --agent` installs the agent alone."));
    }
    let mode = if arguments.force {
        PushMode::Force
    } else {
        PushMode::Auto
    };
    let mut tasks = Vec::with_capacity(selected.len());
    let mut bundles: Vec<Option<Arc<Bundle>>> = Vec::with_capacity(selected.len());
    for selected in selected {
        let bundle = match &fleet_folder {
            Some(fleet) => Some(ground.bundle(fleet, &selected.host)?),
            None => None,
        };
        bundles.push(bundle.clone());
        let errand = if arguments.check {
            Errand::PushCheck
        } else {
            Errand::Push {
                mode,
                agent: agent.clone(),
            }
        };
        let task = HostTask {
            host: selected.host,
            target: selected.target,
            place: selected.place,
            bundle,
            order: Order::Errand(errand),
        };
        tasks.push((task, Vec::new()));
    }
    let state_folder = StateFolder::resolve(arguments.state.state.clone(), world.variable);
    let errands = Errands {
        run: fleet::new_run()?,
        verb: if arguments.check {
            Verb::PushCheck
        } else {
            Verb::Push
        },
        tasks,
        connection: &arguments.connection,
        limit: None,
        journal: None,
        format: arguments.output.format,
        memory: Memory::of(&state_folder, &ground)?,
    };
    let end = fleet::carry_out(errands, world)?;
    let told = if arguments.check || arguments.diff {
        changes::told(&end.state, &bundles, arguments.diff)
    } else {
        String::new()
    };
    let written = errand::write(&end, arguments.output.format, &told, world);
    Ok(fleet::exit(&end, written, world))
}

/// Reads the agent that is installed: the file that was named, else the `batt` beside this program.
fn agent(arguments: &PushArguments) -> Result<Option<Arc<AgentBinary>>, Error> {
    let file = match &arguments.agent_file {
        Some(file) => file.clone(),
        None if arguments.agent => beside()?,
        None => return Ok(None),
    };
    AgentBinary::read(&file).map(|agent| Some(Arc::new(agent)))
}

fn beside() -> Result<PathBuf, Error> {
    let own = std::env::current_exe().map_err(|error| Error::system("cannot find this program", error))?;
    let file = own.with_file_name("batt");
    if file.exists() {
        return Ok(file);
    }
    Err(Error::usage(format!(
        "there is no agent {}",
        text::quoted(&file.to_string_lossy())
    ))
    .hint("Name the binary of `batt` with `--agent-file`."))
}

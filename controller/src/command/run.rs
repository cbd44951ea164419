//! `batt-fleet run`.

use batt_protocol::{Error, ExitCode, Service, text};

use super::errand;
use super::fleet::{self, Errands, Memory};
use crate::cli::items::Items;
use crate::cli::{Format, PushChoice, RunArguments};
use crate::event::Verb;
use crate::follow::RunOrder;
use crate::ground::Ground;
use crate::host_task::{Errand, HostTask, Order};
use crate::login;
use crate::push::PushMode;
use crate::report;
use crate::state_folder::StateFolder;
use crate::world::World;

/// Backs up, or tells what would be.
///
/// # Errors
/// Usage, inventory, selection, fleet folder, or a journal that cannot be kept: nothing was started.
pub(super) fn run(arguments: &RunArguments, items: &Items, world: &mut World<'_>) -> Result<ExitCode, Error> {
    let ground = Ground::read(&arguments.selection.inventory, world)?;
    let services = services(arguments, &ground)?;
    let hosts = ground.select(&arguments.selection, None)?;
    let selected = ground.reach(
        &hosts,
        arguments.connection.user.as_deref(),
        arguments.path.as_deref(),
        world,
    )?;
    let mode = match arguments.push {
        PushChoice::Auto => PushMode::Auto,
        PushChoice::Verify => PushMode::Verify,
        PushChoice::Never => PushMode::Never,
    };
    let fleet_folder = match mode {
        PushMode::Never => None,
        _ => ground.fleet()?,
    };
    let run = fleet::new_run()?;
    let controller = format!(
        "batt-fleet {} of {}",
        env!("CARGO_PKG_VERSION"),
        login::asked_by(world.variable)
    );
    let mut tasks = Vec::with_capacity(selected.len());
    for selected in selected {
        // What was named on the command line stands for all hosts; else each has its own.
        let named = if services.is_empty() && items.is_empty() {
            selected.services
        } else {
            services.clone()
        };
        let requests = items.join(named);
        let order = if arguments.dry_run {
            Order::Errand(Errand::Plan(requests.clone(), mode))
        } else {
            let order = RunOrder {
                run: run.clone(),
                services: requests.clone(),
                controller: controller.clone(),
            };
            Order::Run(order, mode)
        };
        let bundle = match &fleet_folder {
            Some(fleet) => Some(ground.bundle(fleet, &selected.host)?),
            None => None,
        };
        let task = HostTask {
            host: selected.host,
            target: selected.target,
            place: selected.place,
            bundle,
            order,
        };
        tasks.push((task, requests));
    }
    let state_folder = StateFolder::resolve(arguments.state.state.clone(), world.variable);
    let memory = Memory::of(&state_folder, &ground)?;
    let journal = if arguments.dry_run {
        None
    } else {
        Some(state_folder?)
    };
    let verb = if arguments.dry_run { Verb::Plan } else { Verb::Run };
    let errands = Errands {
        run,
        verb,
        tasks,
        connection: &arguments.connection,
        limit: Some(arguments.command_timeout),
        journal,
        format: arguments.output.format,
        memory,
    };
    let end = fleet::carry_out(errands, world)?;
    let written = match (arguments.output.format, verb) {
        (format, Verb::Plan) => errand::write(&end, format, &super::plan::told(&end.state), world),
        (Format::Jsonl, _) => Ok(()),
        (Format::Json, _) => world.finish(|out| report::write_report(out, &end.state, end.exit)),
        (Format::Human, _) => errand::write_summary(&end, world),
    };
    Ok(fleet::exit(&end, written, world))
}

/// Reads the services that were named. One that is the name of a group or a host, where no hosts were selected, may
/// have been meant as those: nobody is to back up a whole fleet by mistake.
fn services(arguments: &RunArguments, ground: &Ground) -> Result<Vec<Service>, Error> {
    let selection = &arguments.selection;
    let all_hosts = selection.groups.is_empty() && selection.limit.is_empty() && selection.exclude.is_empty();
    let mut services: Vec<Service> = Vec::new();
    for name in &arguments.services {
        let shown = text::quoted(name);
        if all_hosts && ground.inventory.group(name).is_some() {
            return Err(Error::usage(format!(
                "{shown} is a group of the inventory and may be a service"
            ))
            .hint(format!(
                "For the hosts of the group: `batt-fleet run --group {name}`."
            ))
            .hint(format!(
                "For the service on all hosts: `batt-fleet run --limit all {name}`."
            )));
        }
        if all_hosts && ground.inventory.host(name).is_some() {
            return Err(
                Error::usage(format!("{shown} is a host of the inventory and may be a service"))
                    .hint(format!("For the host: `batt-fleet run --limit {name}`."))
                    .hint(format!(
                        "For the service on all hosts: `batt-fleet run --limit all {name}`."
                    )),
            );
        }
        let service = name.parse()?;
        if !services.contains(&service) {
            services.push(service);
        }
    }
    Ok(services)
}

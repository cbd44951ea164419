//! `batt-fleet ping`.

use std::fmt::Write as _;

use batt_protocol::{Error, ExitCode, text};

use super::errand;
use super::fleet::{self, Errands, Memory};
use crate::cli::PingArguments;
use crate::dispatch::FleetEnd;
use crate::event::Verb;
use crate::ground::Ground;
use crate::host_task::{Errand, HostTask, Order};
use crate::state_folder::StateFolder;
use crate::world::World;

/// Connects to each host and tells each phase.
///
/// # Errors
/// Usage, inventory or selection: nothing was started.
pub(super) fn ping(arguments: &PingArguments, world: &mut World<'_>) -> Result<ExitCode, Error> {
    let ground = Ground::read(&arguments.selection.inventory, world)?;
    let hosts = ground.select(&arguments.selection, None)?;
    let selected = ground.reach(&hosts, arguments.connection.user.as_deref(), None, world)?;
    let show_keys = arguments.show_keys;
    let tasks = selected
        .into_iter()
        .map(|selected| {
            let task = HostTask {
                host: selected.host,
                target: selected.target,
                place: selected.place,
                bundle: None,
                order: Order::Errand(Errand::Ping { show_keys }),
            };
            (task, Vec::new())
        })
        .collect();
    let state_folder = StateFolder::resolve(arguments.state.state.clone(), world.variable);
    let errands = Errands {
        run: fleet::new_run()?,
        verb: Verb::Ping,
        tasks,
        connection: &arguments.connection,
        limit: None,
        journal: None,
        format: arguments.output.format,
        memory: Memory::of(&state_folder, &ground)?,
    };
    let end = fleet::carry_out(errands, world)?;
    let told = if arguments.connection.quiet {
        String::new()
    } else {
        told(&end)
    };
    let written = errand::write(&end, arguments.output.format, &told, world);
    Ok(fleet::exit(&end, written, world))
}

/// Returns a line a host with its phases, and its keys as the inventory takes them.
fn told(end: &FleetEnd) -> String {
    let mut out = String::new();
    for record in end.state.hosts() {
        let phases: Vec<String> = errand::phases(record)
            .into_iter()
            .map(|(phase, seconds)| format!("{} {:.0} ms", phase.word(), seconds * 1_000.0))
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}: {}", record.host, phases.join(", "));
        if let (Some(version), Some(host_id)) = (&record.facts.agent_version, &record.facts.host_id) {
            // A home that is not laid out yet has no id.
            let host_id = if host_id.is_empty() { "none yet" } else { host_id };
            let _ = writeln!(
                out,
                "    batt {}, host id {}",
                text::escaped(version),
                text::escaped(host_id)
            );
        }
        for (fingerprint, key) in &record.facts.keys {
            let _ = writeln!(out, "    {}", text::escaped(fingerprint));
            let _ = writeln!(out, "    host_key = [\"{}\"]", text::escaped(key));
        }
    }
    out
}

//! `batt-fleet logs`.

use serde::Serialize;

use batt_protocol::json_text::Shape;
use batt_protocol::{Error, ExitCode, RunId, text};

use crate::cli::{Format, LogsArguments};
use crate::history;
use crate::host::Host;
use crate::log_files;
use crate::state_folder::StateFolder;
use crate::world::World;

#[derive(Serialize)]
struct Logs {
    run: RunId,
    hosts: Vec<HostLog>,
}

#[derive(Serialize)]
struct HostLog {
    host: Host,
    /// What is no UTF-8 is replaced; the file beside the journal has every byte.
    log: String,
}

/// Shows what hosts printed. On a terminal nothing of it is obeyed: it is escaped line by line.
///
/// # Errors
/// No such run or host, or files that cannot be read.
pub(super) fn logs(arguments: &LogsArguments, world: &mut World<'_>) -> Result<ExitCode, Error> {
    let state_folder = StateFolder::resolve(arguments.state.state.clone(), world.variable)?;
    // With `--last` the first word is the host.
    let (run, host) = match (&arguments.run, &arguments.host, arguments.last) {
        (Some(_), Some(_), true) => {
            return Err(Error::usage("a run is named, and `--last` takes another one"));
        }
        (host, None, true) => (history::last(&state_folder)?, host),
        (Some(run), host, _) => (history::find(&state_folder, run)?, host),
        (None, host, _) => (history::last(&state_folder)?, host),
    };
    let past = history::read(&state_folder, &run)?;
    let hosts: Vec<Host> = match host {
        None => past
            .state
            .hosts()
            .iter()
            .map(|record| record.host.clone())
            .collect(),
        Some(name) => {
            let known = past.state.hosts().iter().map(|record| record.host.as_str());
            let host = name.parse().ok().filter(|host| past.state.host(host).is_some());
            vec![host.ok_or_else(|| {
                let unknown = Error::usage(format!("host {} is not one of run `{run}`", text::quoted(name)));
                match text::suggestion(name, known) {
                    Some(near) => unknown.hint(format!("Did you mean `{near}`?")),
                    None => unknown,
                }
            })?]
        }
    };
    let mut logs = Vec::new();
    for host in hosts {
        let log = log_files::read(&past.folder, &host).map_err(|cause| {
            Error::system(
                format!(
                    "cannot read the log of `{host}` in {}",
                    text::quoted(&past.folder.to_string_lossy())
                ),
                cause,
            )
        })?;
        if arguments.output.format == Format::Json {
            let log = String::from_utf8_lossy(&log).into_owned();
            logs.push(HostLog { host, log });
            continue;
        }
        // One host at a time: all logs of a fleet need not fit into memory.
        show(
            &host,
            &String::from_utf8_lossy(&log),
            arguments.output.format,
            world,
        )?;
    }
    if arguments.output.format == Format::Json {
        world.print_json(&Logs { run, hosts: logs }, Shape::Document)?;
    }
    Ok(ExitCode::OK)
}

#[derive(Serialize)]
struct LogLine<'a> {
    host: &'a Host,
    line: &'a str,
}

fn show(host: &Host, log: &str, format: Format, world: &mut World<'_>) -> Result<(), Error> {
    let mut out = String::new();
    for line in log.lines() {
        match format {
            Format::Jsonl => world.print_json(&LogLine { host, line }, Shape::Line)?,
            Format::Human | Format::Json => {
                out.push_str(&format!("{host}: {}\n", text::escaped(line)));
            }
        }
    }
    world.print(&out)
}

//! What every command does that connects to hosts: it makes the runtime, the transport and the readers, and lets the
//! dispatcher run the fleet.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;

use batt_protocol::{Error, ExitCode, RunId, ServiceRequest};

use crate::cli::{ConnectionArguments, Format};
use crate::clock::Clock;
use crate::descriptors;
use crate::dispatch::{Fleet, FleetEnd};
use crate::event::{FleetEvent, FleetEventKind as Kind, PlannedHost, Verb};
use crate::host_task::{HostTask, Limits, Ways};
use crate::journal::Journal;
use crate::log_files::LogFiles;
use crate::login;
use crate::passphrase::AtTerminal;
use crate::reader::Reader;
use crate::report::{self, Amount, JsonLines, Screen};
use crate::signals;
use crate::state_folder::StateFolder;
use crate::transport::{SshSettings, SshTransport};
use crate::world::World;

/// How long work of the runtime that nobody waits for may take to end: a name that is still looked up.
const FAREWELL: Duration = Duration::from_millis(300);

/// What a command asks of the fleet.
pub(super) struct Errands<'a> {
    pub(super) run: RunId,
    pub(super) verb: Verb,
    /// Each host, and what is backed up there.
    pub(super) tasks: Vec<(HostTask, Vec<ServiceRequest>)>,
    pub(super) connection: &'a ConnectionArguments,
    /// How long the run on a host may take.
    pub(super) limit: Option<Duration>,
    /// Where the journal and the logs are kept; none for what is no backup.
    pub(super) journal: Option<StateFolder>,
    pub(super) format: Format,
}

/// Makes the id of a run that starts now.
///
/// # Errors
/// A machine without chance.
pub(super) fn new_run() -> Result<RunId, Error> {
    let mut chance = [0; 3];
    getrandom::fill(&mut chance).map_err(|error| Error::system("cannot make the id of the run", error))?;
    Ok(RunId::new(Utc::now(), chance))
}

/// Runs the fleet to its end.
///
/// # Errors
/// What stands in the way of starting: the journal, files of host keys, signals.
pub(super) fn carry_out(errands: Errands<'_>, world: &mut World<'_>) -> Result<FleetEnd, Error> {
    let transport = Arc::new(transport(errands.connection, world)?);
    let (journal, logs) = journal(&errands)?.unzip();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::system("cannot start the runtime", error))?;
    let asked = errands.connection.forks as usize;
    let forks = descriptors::forks(asked, descriptors::raise());
    if forks < asked {
        world.tell(&format!(
            "warning: {forks} hosts at once instead of {asked}: no more files may be open (`ulimit -n`)"
        ));
    }
    let variable = world.variable;
    let format = errands.format;
    let end = runtime.block_on(async {
        let clock = Clock::start();
        let cannot = |error: io::Error| Error::system("cannot begin", error);
        let mut readers: Vec<Box<dyn Reader>> = Vec::new();
        if let Some(logs) = logs {
            readers.push(Box::new(logs));
        }
        readers.push(shown(&errands, clock, variable).map_err(cannot)?);
        let interruptions = signals::interruptions().map_err(cannot)?;
        let plan = plan(&errands, clock, variable);
        let Errands {
            tasks,
            connection,
            limit,
            ..
        } = errands;
        let fleet = Fleet {
            plan,
            tasks: tasks.into_iter().map(|(task, _)| task).collect(),
            ways: Ways {
                transport: transport.clone(),
                keys: transport,
                limits: limits(connection, limit),
            },
            deadline: connection.deadline,
            forks,
            journal,
            readers,
            interruptions,
            clock,
        };
        fleet
            .run()
            .await
            .map_err(|illegal| Error::program(illegal.to_string()))
    });
    runtime.shutdown_timeout(FAREWELL);
    let end = end?;
    // The summary for people tells them itself.
    if format != Format::Human {
        for problem in &end.problems {
            world.tell(&format!("error: {problem}"));
        }
    }
    Ok(end)
}

fn transport(connection: &ConnectionArguments, world: &mut World<'_>) -> Result<SshTransport, Error> {
    let home = world.home();
    let known_hosts = if connection.known_hosts.is_empty() {
        let of_person = home
            .iter()
            .flat_map(|home| ["known_hosts", "known_hosts2"].map(|name| home.join(".ssh").join(name)));
        let of_machine =
            ["ssh_known_hosts", "ssh_known_hosts2"].map(|name| PathBuf::from("/etc/ssh").join(name));
        of_person.chain(of_machine).collect()
    } else {
        for file in &connection.known_hosts {
            if let Err(error) = file.metadata() {
                let shown = batt_protocol::text::quoted(&file.to_string_lossy());
                return Err(Error::usage(format!(
                    "cannot read the host keys in {shown}: {error}"
                )));
            }
        }
        connection.known_hosts.clone()
    };
    let settings = SshSettings {
        known_hosts,
        home,
        agent: (world.variable)("SSH_AUTH_SOCK").map(PathBuf::from),
        passphrases: Arc::new(AtTerminal),
    };
    let transport = SshTransport::new(settings).map_err(|error| Error::usage(error.to_string()))?;
    for warning in transport.warnings() {
        world.tell(&format!("warning: {}", batt_protocol::text::escaped(warning)));
    }
    Ok(transport)
}

/// Makes the journal and the log files, before anything is started.
fn journal(errands: &Errands<'_>) -> Result<Option<(Journal, LogFiles)>, Error> {
    let Some(state_folder) = &errands.journal else {
        return Ok(None);
    };
    let folder = state_folder.create_run(&errands.run)?;
    let journal = Journal::create(&folder)?;
    Ok(Some((journal, LogFiles::new(&folder))))
}

/// Returns who shows the run while it goes on.
fn shown(
    errands: &Errands<'_>,
    clock: Clock,
    variable: &dyn Fn(&str) -> Option<std::ffi::OsString>,
) -> io::Result<Box<dyn Reader>> {
    let amount = if errands.connection.quiet {
        Amount::Failures
    } else {
        Amount::Everything
    };
    Ok(match errands.format {
        Format::Jsonl => Box::new(JsonLines::new(Screen::new(io::stdout())?)),
        Format::Human | Format::Json => report::progress(amount, clock, variable)?,
    })
}

fn plan(
    errands: &Errands<'_>,
    clock: Clock,
    variable: &dyn Fn(&str) -> Option<std::ffi::OsString>,
) -> FleetEvent {
    FleetEvent {
        at: clock.now(),
        host: None,
        event: Kind::RunPlanned {
            run: errands.run.clone(),
            verb: errands.verb,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            asked_by: login::asked_by(variable),
            hosts: errands
                .tasks
                .iter()
                .map(|(task, services)| PlannedHost {
                    host: task.host.clone(),
                    services: services.clone(),
                })
                .collect(),
        },
    }
}

fn limits(connection: &ConnectionArguments, limit: Option<Duration>) -> Limits {
    let mut limits = Limits {
        run: limit,
        ..Limits::default()
    };
    if let Some(time) = connection.connect_timeout {
        let deadlines = &mut limits.deadlines;
        (deadlines.resolve, deadlines.connect, deadlines.handshake) = (time, time, time);
    }
    limits
}

/// Returns the exit code to end with: results that could not be written end 1 when nothing else went wrong.
pub(super) fn exit(end: &FleetEnd, written: Result<(), Error>, world: &mut World<'_>) -> ExitCode {
    match written {
        Ok(()) => end.exit,
        Err(error) => {
            let failed = world.fail(&error);
            if end.exit.is_ok() { failed } else { end.exit }
        }
    }
}

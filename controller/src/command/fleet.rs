//! What every command does that connects to hosts: it makes the runtime, the transport and the readers, and lets the
//! dispatcher run the fleet.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;

use batt_protocol::{Error, ExitCode, RunId, ServiceRequest};

use crate::cli::{ConnectionArguments, Format};
use crate::clock::Clock;
use crate::descriptors;
use crate::dispatch::{Fleet, FleetEnd};
use crate::event::{FleetEvent, FleetEventKind as Kind, PlannedHost, Verb};
use crate::ground::Ground;
use crate::host_ids::HostIds;
use crate::host_memory;
use crate::host_task::{HostTask, Limits, Ways};
use crate::journal::Journal;
use crate::log_files::LogFiles;
use crate::login;
use crate::passphrase::AtTerminal;
use crate::reader::Reader;
use crate::report::{self, Amount, JsonLines, Screen};
use crate::signals;
use crate::state_folder::StateFolder;
use crate::transport::{SshSettings, SshTransport, usual_identities};
use crate::trust;
use crate::world::World;

/// How long work of the runtime that nobody waits for may take to end: a name that is still looked up.
const FAREWELL: Duration = Duration::from_millis(300);

/// More than all phases of a host beside its run: connecting, pushing, being refused, being asked again.
const PHASES: Duration = Duration::from_secs(3_600);
/// Sums with the clock never overflow: a hundred years.
const LONGEST: Duration = Duration::from_secs(36_525 * 86_400);

/// What a command asks of the fleet.
pub(super) struct Errands<'a> {
    pub(super) run: RunId,
    pub(super) verb: Verb,
    /// Each host, and what is backed up there.
    pub(super) tasks: Vec<(HostTask, Vec<ServiceRequest>)>,
    pub(super) connection: &'a ConnectionArguments,
    /// How long the run on a host may take; none for what is no backup, where each phase has its time.
    pub(super) limit: Option<Duration>,
    /// Where the journal and the logs are kept; none for what is no backup.
    pub(super) journal: Option<StateFolder>,
    pub(super) format: Format,
    /// What is remembered of hosts.
    pub(super) memory: Memory,
}

/// What is remembered of hosts between runs, and where.
pub(super) struct Memory {
    folder: Option<StateFolder>,
    ids: HostIds,
    warning: Option<Error>,
}

impl Memory {
    /// Recalls the ids of the names in the inventory: another one that had an id before has left it, and its id may have gone
    /// to a new name. A memory that cannot be read is told, and stops nothing.
    ///
    /// # Errors
    /// A refusal (77) of a state folder that somebody else can write to. Without any there is no memory.
    pub(super) fn of(resolved: &Result<StateFolder, Error>, ground: &Ground) -> Result<Self, Error> {
        let folder = match resolved {
            Err(error) if error.exit() == ExitCode::REFUSED => return Err(error.clone()),
            folder => folder.as_ref().ok().cloned(),
        };
        let recalled = folder.as_ref().map(host_memory::recall).transpose();
        let (known, warning) = match recalled {
            Ok(known) => (known.unwrap_or_default(), None),
            Err(error) => (BTreeMap::new(), Some(error)),
        };
        let known = known
            .into_iter()
            .filter(|(host, _)| ground.inventory.host(host.as_str()).is_some())
            .collect();
        Ok(Self {
            folder,
            ids: HostIds::remembering(known),
            warning,
        })
    }
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
    let transport = Arc::new(transport(&errands, world)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::system("cannot start the runtime", error))?;
    if let Err(interrupted) = runtime.block_on(ask_passphrases(&transport, &errands)) {
        // Whoever waits for the answer sets the terminal back first.
        runtime.shutdown_timeout(FAREWELL);
        return Err(interrupted);
    }
    let (journal, logs) = journal(&errands)?.unzip();
    let asked = errands.connection.forks as usize;
    let forks = descriptors::forks(asked, descriptors::raise());
    if forks < asked {
        world.tell(&format!(
            "warning: {forks} hosts at once instead of {asked}: no more files may be open (`ulimit -n`)"
        ));
    }
    if let Some(error) = &errands.memory.warning {
        world.tell(&format!("warning: {error}"));
    }
    let ids = errands.memory.ids.clone();
    // Only a backup is remembered: it alone has a journal that tells why.
    let remembered_in = errands
        .memory
        .folder
        .clone()
        .filter(|_| errands.journal.is_some());
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
        let (hosts, limit) = (errands.tasks.len(), errands.limit);
        let deadline = errands
            .connection
            .deadline
            .unwrap_or_else(|| default_deadline(hosts, forks, limit));
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
            ids: ids.clone(),
            deadline: Some(deadline),
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
    if let Some(folder) = remembered_in
        && let Err(error) = host_memory::remember(&folder, &ids.learned())
    {
        world.tell(&format!("warning: {error}"));
    }
    // The summary for people tells them itself.
    if format != Format::Human {
        for problem in &end.problems {
            world.tell(&format!("error: {problem}"));
        }
    }
    Ok(end)
}

/// Asks for passphrases while nothing else is on the terminal, once for all hosts.
///
/// # Errors
/// An interruption meanwhile: nothing was started.
async fn ask_passphrases(transport: &SshTransport, errands: &Errands<'_>) -> Result<(), Error> {
    let mut interruptions =
        signals::interruptions().map_err(|error| Error::system("cannot catch signals", error))?;
    let identities: BTreeSet<Option<&Path>> = errands
        .tasks
        .iter()
        .map(|(task, _)| task.target.identity.as_deref())
        .collect();
    tokio::select! {
        () = transport.ask_passphrases(identities) => Ok(()),
        Some(by) = interruptions.recv() => {
            let exit = by.exit().unwrap_or(ExitCode::UNFINISHED);
            Err(Error::new(exit, "interrupted before anything was started"))
        }
    }
}

/// Returns the way to the hosts.
///
/// # Errors
/// Files of host keys or with keys to log in with that cannot be read, or that somebody else could have written (77).
fn transport(errands: &Errands<'_>, world: &mut World<'_>) -> Result<SshTransport, Error> {
    let connection = errands.connection;
    let home = world.home();
    require_trusted_keys(errands, home.as_deref())?;
    let candidates: Vec<PathBuf> = if connection.known_hosts.is_empty() {
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
    let mut known_hosts = Vec::with_capacity(candidates.len());
    for file in candidates {
        // What is not there is empty, and may not come into being meanwhile.
        let trusted = trust::is_there_and_trusted(&file)
            .map_err(|error| error.hint("`--known-hosts FILE` names another file of host keys."))?;
        if trusted {
            known_hosts.push(file);
        }
    }
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

/// Refuses keys to log in with that somebody else could have put there.
fn require_trusted_keys(errands: &Errands<'_>, home: Option<&Path>) -> Result<(), Error> {
    let explicit: BTreeSet<Option<&Path>> = errands
        .tasks
        .iter()
        .map(|(task, _)| task.target.identity.as_deref())
        .collect();
    for identity in explicit {
        match identity {
            // A file that is not there is told by each host that needs it.
            Some(file) => {
                trust::is_there_and_trusted(file)?;
            }
            None => {
                for file in home.into_iter().flat_map(usual_identities) {
                    trust::is_there_and_trusted(&file)?;
                }
            }
        }
    }
    Ok(())
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

/// Returns how long the whole may take. By default what all hosts may take at most, each after the other in its place: so
/// much that only a fault of ours or of many hosts at once comes near it, and never without end.
fn default_deadline(hosts: usize, forks: usize, limit: Option<Duration>) -> Duration {
    let rounds = hosts.div_ceil(forks.max(1)).max(1);
    let each = PHASES.saturating_add(limit.unwrap_or_default());
    each.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
        .min(LONGEST)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_has_an_end_by_default_and_it_is_beyond_that_of_its_hosts() {
        let hours = |hosts, forks, limit: Option<u64>| {
            let limit = limit.map(|hours| Duration::from_secs(hours * 3_600));
            default_deadline(hosts, forks, limit).as_secs() / 3_600
        };
        assert_eq!(hours(3, 64, Some(24)), 25);
        assert_eq!(hours(65, 64, Some(24)), 50);
        assert_eq!(hours(0, 64, None), 1);
        assert_eq!(default_deadline(usize::MAX, 0, Some(LONGEST)), LONGEST);
    }
}

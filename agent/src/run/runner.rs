//! Executing a plan: as many services at a time as it says, and the exit code of the whole.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use batt_protocol::{Error, EventKind, ExitCode, Outcome, RunReport, ServiceReport, Tally};

use super::plan::Plan;
use super::service::{Surroundings, back_up};
use super::{Events, Reader};
use crate::backup;
use crate::cancellation::Cancellation;
use crate::home::Home;
use crate::journal::{Follower, Journal};
use crate::process;
use crate::purge::{Clock, remember_clock};
use crate::run_folder::{RunFolder, Supervision};
use crate::{files, host, lock, trust};

/// Executes a plan under supervision, and returns what came of every service in it.
///
/// # Errors
/// What keeps the run from starting at all: a home that is not trusted or busy, a journal that cannot be made.
pub(crate) fn execute(
    home: &Home,
    plan: &Plan,
    folder: &RunFolder,
    supervision: Supervision,
    readers: Vec<Box<dyn Reader>>,
    cancellation: &Cancellation,
) -> Result<RunReport, Error> {
    let begun = Instant::now();
    trust::require_trusted_home(home)?;
    let home_lock = lock::home_for_run(home, plan.wait, cancellation)?;
    let host_id = host::host_id(home)?;
    let agent = link_agent(folder)?;
    let (events, reading) = Events::start(Journal::create(&folder.journal())?, readers);
    let strangers = process::adopt_orphans();
    events.emit(EventKind::RunStarted {
        run: plan.run.clone(),
        host: host::host_name(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        services: plan
            .services
            .iter()
            .map(|planned| planned.service.clone())
            .collect(),
        path: plan.path.display().to_string(),
        utc_offset: plan.started.offset().local_minus_utc(),
        asked_by: plan.asked_by.clone(),
    });
    let purge_failed = AtomicBool::new(false);
    let around = Surroundings {
        home,
        plan,
        folder,
        events: &events,
        cancellation,
        host_id: &host_id,
        agent: &agent,
        purge_failed: &purge_failed,
    };
    prepare(&around);
    let services = back_up_all(&around);
    let left_behind = process::end_descendants(&strangers);
    if left_behind > 0 {
        let processes = batt_protocol::text::count(left_behind, "process");
        events.emit(EventKind::Warned {
            service: None,
            text: format!("the scripts left {processes} behind that had hidden, now killed"),
        });
    }
    let left = plan
        .services
        .iter()
        .any(|planned| backup::is_left(&plan.path, &home.staging(), &planned.service, &plan.run));
    if left {
        events.emit(EventKind::Warned {
            service: None,
            text: "parts of this run could not be removed; the next run does it".to_owned(),
        });
    }
    // Before the end is told: whoever hears of it may push at once.
    drop(home_lock);
    let is_purged = !purge_failed.load(Ordering::Relaxed);
    let exit = match exit_of(&services, cancellation, events.is_journal_lost()) {
        // What was asked for is there, and what was to go with it is too.
        ExitCode::OK if !is_purged => ExitCode::PROGRAM,
        exit => exit,
    };
    let seconds = (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    events.emit(EventKind::RunEnded { exit, seconds });
    // What was lost at the very end is lost too.
    let journal_lost = events.is_journal_lost();
    let exit = if journal_lost { ExitCode::PROGRAM } else { exit };
    drop(events);
    let _ = reading.join();
    // What is not as it should be is healed by the next run, which finds the supervision without a supervisor.
    if !left && !journal_lost {
        supervision.end()?;
    }
    Ok(RunReport {
        run: plan.run.clone(),
        exit,
        services,
    })
}

/// Heals a catalogue that is lost or broken, and remembers what a later purge has to know. None of it stops a run.
fn prepare(around: &Surroundings<'_>) {
    let (_, notes) = backup::load(around.home, Some(&around.plan.pattern));
    for text in notes {
        around.events.emit(EventKind::Warned { service: None, text });
    }
    let place = backup::remember_place(around.home, &around.plan.pattern);
    // From now on a catalogue that is not there was lost.
    let catalogue = backup::begin(around.home);
    let clock = remember_clock(around.home, &Clock::read());
    for error in [place.err(), catalogue.err(), clock.err()].into_iter().flatten() {
        around.events.emit(EventKind::Warned {
            service: None,
            text: error.to_string(),
        });
    }
}

fn exit_of(services: &[ServiceReport], cancellation: &Cancellation, journal_lost: bool) -> ExitCode {
    let mut tally = Tally::default();
    services.iter().for_each(|report| tally.service(report.outcome));
    match cancellation.requested() {
        _ if journal_lost => ExitCode::PROGRAM,
        // A wish that came when everything had succeeded changes nothing.
        Some(wish) if !tally.exit().is_ok() => wish.exit(),
        _ => tally.exit(),
    }
}

/// Backs the services up, `jobs` at a time, and returns their reports in the order of the plan.
fn back_up_all(around: &Surroundings<'_>) -> Vec<ServiceReport> {
    let planned = &around.plan.services;
    let reports: Mutex<Vec<Option<ServiceReport>>> = Mutex::new(planned.iter().map(|_| None).collect());
    let next = AtomicUsize::new(0);
    let announced = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..around.plan.jobs.min(planned.len()) {
            scope.spawn(|| {
                while let Some(service) = planned.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let report = back_up(around, service);
                    if report.outcome == Outcome::Cancelled && !announced.swap(true, Ordering::Relaxed) {
                        around.events.emit(EventKind::CancelRequested);
                    }
                    around.events.emit(EventKind::ServiceEnded {
                        report: report.clone(),
                    });
                    let place = planned
                        .iter()
                        .position(|planned| planned.service == report.service);
                    let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(slot) = place.and_then(|place| reports.get_mut(place)) {
                        *slot = Some(report);
                    }
                }
            });
        }
    });
    let reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.into_iter().flatten().collect()
}

/// Puts one link, `batt`, into a private folder that scripts find first in their PATH, and returns the running agent.
fn link_agent(folder: &RunFolder) -> Result<PathBuf, Error> {
    let agent =
        std::env::current_exe().map_err(|cause| Error::system("cannot find the running program", cause))?;
    let tools = folder.path().join("bin");
    files::make_private_folder(&tools)?;
    let link = tools.join("batt");
    std::os::unix::fs::symlink(&agent, &link)
        .map_err(|cause| Error::system(format!("cannot make the link `{}`", link.display()), cause))?;
    Ok(agent)
}

/// Starts a process of its own that supervises an admitted run, in a session that outlives us, and waits until it has
/// said in the journal that it started.
///
/// # Errors
/// What the supervisor printed, when it ended without a journal.
pub(crate) fn start_supervisor(home: &Home, folder: &RunFolder) -> Result<(), Error> {
    const PATIENCE: Duration = Duration::from_secs(20);
    let fail = |cause: std::io::Error| Error::system("cannot start the supervisor of the run", cause);
    let agent = std::env::current_exe().map_err(fail)?;
    let mut options = OpenOptions::new();
    // Of this account alone, whatever the umask is.
    options.write(true).create(true).truncate(true).mode(0o600);
    let log = files::open_own(&folder.supervisor_log(), &mut options).map_err(fail)?;
    let mut supervisor = Command::new(agent)
        .args([
            Path::new("--home"),
            home.root(),
            Path::new("supervise"),
            Path::new(folder.run().as_str()),
        ])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::from(log.try_clone().map_err(fail)?))
        .stderr(Stdio::from(log))
        .spawn()
        .map_err(fail)?;
    let begun = Instant::now();
    let mut journal = Follower::new(&folder.journal());
    loop {
        if !journal.read_new()?.is_empty() {
            return Ok(());
        }
        if let Some(status) = supervisor.try_wait().map_err(fail)? {
            // It may have written its whole journal in between.
            if !journal.read_new()?.is_empty() {
                return Ok(());
            }
            let said = files::read_text(&folder.supervisor_log(), 64 << 10)
                .ok()
                .flatten()
                .unwrap_or_default();
            return Err(refusal_of(said.trim(), status.code()));
        }
        if begun.elapsed() > PATIENCE {
            return Err(Error::program("the supervisor of the run does not start")
                .hint(format!("See `{}`.", folder.supervisor_log().display())));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Turns what a supervisor printed before it could start back into its error.
fn refusal_of(said: &str, code: Option<i32>) -> Error {
    let exit = code
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::PROGRAM, ExitCode::from_code);
    let (message, hints) = said.split_once("\nhint: ").unwrap_or((said, ""));
    let message = message.strip_prefix("batt: ").unwrap_or(message);
    let error = Error::new(
        exit,
        if message.is_empty() {
            "the supervisor ended before it started"
        } else {
            message
        },
    );
    hints
        .split("\nhint: ")
        .filter(|hint| !hint.is_empty())
        .fold(error, Error::hint)
}

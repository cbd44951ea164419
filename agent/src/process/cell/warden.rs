//! The process outside of a cell: makes its namespaces, waits, and ends as what ran in it ended.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use batt_protocol::{Error, ExitCode};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use rustix::thread::UnshareFlags;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::within::Report;
use super::{Cell, account, no_cell, unshare};
use crate::files;
use crate::process::LaunchRequest;

/// The most that is said of the end of a cell.
const MOST_SAID: u64 = 64 << 10;

/// Makes a cell, runs the script in it, and ends as that ended.
///
/// # Errors
/// What kept the script from being started; it is in the failure file, too.
pub(crate) fn guard(request: &LaunchRequest, cell: &Cell) -> Result<ExitCode, Error> {
    let refused = |reason: String| -> Result<ExitCode, Error> {
        files::replace(&request.failure_file, reason.as_bytes(), 0o600)?;
        Err(Error::new(ExitCode::FAILED, reason))
    };
    if let Err(reason) = end_with(cell.owner) {
        return refused(reason);
    }
    // Whoever asks the script to end asks this process too, which has to tell how the script did.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))
            .map_err(|cause| Error::system("cannot listen for signals", cause))?;
    }
    let agent =
        std::env::current_exe().map_err(|cause| Error::system("cannot find the running program", cause))?;
    if let Err(reason) = separate(cell) {
        return refused(reason);
    }
    let (ours, theirs) = UnixStream::pair().map_err(|cause| Error::system("cannot make a line", cause))?;
    let inside = LaunchRequest {
        inside: true,
        ..request.clone()
    };
    // Its own end of the line goes with the command that holds it, so that the other one sees when all is over.
    let started = Command::new(agent)
        .args(inside.arguments())
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(cause) => return refused(no_cell("starting batt in it", &cause)),
    };
    let mut said = String::new();
    let _ = ours.take(MOST_SAID).read_to_string(&mut said);
    let status = child
        .wait()
        .map_err(|cause| Error::system("cannot wait for the script", cause))?;
    match Report::parse(&said) {
        Some(Report::NotHere(reason)) => refused(reason),
        Some(Report::Exited(code)) => Ok(ExitCode::from_code(u8::try_from(code).unwrap_or(u8::MAX))),
        Some(Report::Killed(signal)) => Ok(end_by(signal)),
        // It was ended from outside, with all that it had started.
        None => Ok(end_by(
            std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(SIGTERM),
        )),
    }
}

/// Lets this process end with the one that waits for it (prctl(2)).
fn end_with(owner: u32) -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|cause| no_cell("ending with batt", &cause))?;
    let parent = getppid().map(|pid| pid.as_raw_nonzero().get().cast_unsigned());
    if parent == Some(owner) {
        Ok(())
    } else {
        Err("batt has ended meanwhile".to_owned())
    }
}

/// Ends this process by a signal, so that whoever waits for it learns which. Returns from one that ends no process, with
/// what a shell says then.
fn end_by(signal: i32) -> ExitCode {
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    ExitCode::from_code(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}

/// Makes the namespaces. Those of processes begin with the next one that is started.
fn separate(cell: &Cell) -> Result<(), String> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let mut flags = UnshareFlags::NEWNET;
    if cell.view.is_some() {
        // That of mounts is made inside: changing the root there changes it for all who share it.
        flags |= UnshareFlags::NEWPID | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    }
    if !user.is_root() {
        flags |= UnshareFlags::NEWUSER;
    }
    let made = unshare(flags).map_err(|cause| no_cell("making namespaces", &cause));
    match made {
        // Only the network is asked for, and done without where there is none.
        Err(_) if cell.view.is_none() => return Ok(()),
        made => made?,
    }
    if user.is_root() {
        return Ok(());
    }
    // One number of an account is given to whoever is not root (user_namespaces(7)): the own one, under another name.
    let stranger = match cell.view {
        Some(_) => cell.stranger,
        None => user.as_raw(),
    };
    let written = |file: &str, text: String| {
        fs::write(file, text).map_err(|cause| no_cell("naming the account", &cause))
    };
    written("/proc/self/setgroups", "deny".to_owned())?;
    written(
        "/proc/self/gid_map",
        format!("{stranger} {group} 1", group = group.as_raw()),
    )?;
    written(
        "/proc/self/uid_map",
        format!("{stranger} {user} 1", user = user.as_raw()),
    )?;
    account::keep_capabilities().map_err(|cause| no_cell("keeping capabilities", &cause))
}

//! The first process of a cell: makes its root, gives up all rights, starts the script, and is the parent of whatever that
//! leaves behind. When it ends, the kernel ends everything else in the cell (pid_namespaces(7)).

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use batt_protocol::{Error, ExitCode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitOptions, WaitStatus, getpid, set_child_subreaper, wait};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{Cell, SCRATCH, account, loopback, no_cell, root};
use crate::descriptors;
use crate::process::LaunchRequest;
use crate::process::launch::{script_with_items, unstartable};

/// What the first process says of the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Report {
    /// The script was not started, or came to a limit: why.
    NotHere(String),
    /// It ended by itself, with this code.
    Exited(i32),
    /// This signal ended it.
    Killed(i32),
}

impl Report {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(' ')?;
        match word {
            "not-here" => Some(Self::NotHere(rest.to_owned())),
            "exited" => rest.parse().ok().map(Self::Exited),
            "killed" => rest.parse().ok().map(Self::Killed),
            _ => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::NotHere(reason) => format!("not-here {reason}"),
            Self::Exited(code) => format!("exited {code}"),
            Self::Killed(signal) => format!("killed {signal}"),
        }
    }
}

/// Runs the script in the cell that this process is the first of, and ends with it. The line to the [`super::warden`] is
/// its stdin.
///
/// # Errors
/// A line that is not there.
pub(crate) fn inhabit(request: &LaunchRequest, cell: &Cell) -> Result<ExitCode, Error> {
    descriptors::close_all_but_standard();
    let line = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|cause| Error::system("cannot report", cause))?;
    let mut line = UnixStream::from(line);
    let report = prepare(cell, &line)
        .and_then(|()| run(request, cell))
        .unwrap_or_else(Report::NotHere);
    line.write_all(report.text().as_bytes())
        .map_err(|cause| Error::system("cannot report", cause))?;
    // Whatever lives goes now.
    Ok(ExitCode::OK)
}

fn prepare(cell: &Cell, line: &UnixStream) -> Result<(), String> {
    // They are for the script. Without a pid namespace of its own this process would end by them.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
    }
    loopback::bring_up();
    if let Some(view) = &cell.view {
        let _ = rustix::system::sethostname(super::ACCOUNT.as_bytes());
        root::change_to(view, cell.stranger).map_err(|(step, cause)| no_cell(&step, &cause))?;
    } else {
        let _ = set_child_subreaper(Some(getpid()));
    }
    account::become_stranger(cell).map_err(|(step, cause)| no_cell(step, &cause))?;
    if is_closed(line) {
        return Err("batt has ended meanwhile".to_owned());
    }
    Ok(())
}

/// Tells whether the other end of a line is gone.
fn is_closed(line: &UnixStream) -> bool {
    let mut ends = [PollFd::new(line, PollFlags::IN)];
    let none = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut ends, Some(&none)).is_ok_and(|ready| ready > 0)
}

/// Starts the script and waits for its end, and for that of every orphan on the way.
fn run(request: &LaunchRequest, cell: &Cell) -> Result<Report, String> {
    let home = std::env::var_os("HOME").unwrap_or_else(|| SCRATCH.into());
    let _ = std::fs::DirBuilder::new().mode(0o700).create(home);
    let child = script_with_items(&request.script)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|cause| unstartable(&request.script, &cause))?;
    let script = Pid::from_child(&child);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == script => return judge(ended(status), cell),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(cause) => return Err(format!("the script cannot be waited for: {cause}")),
        }
    }
}

/// A script that could start nothing more did not fail for its backup. Whatever took all the places is still there.
fn judge(report: Report, cell: &Cell) -> Result<Report, String> {
    // Others may have ended with the script.
    const NEARLY: u64 = 4;
    let is_full = || cell.view.is_some() && tasks() + NEARLY >= cell.processes;
    if report != Report::Exited(0) && is_full() {
        return Err(format!(
            "stopped: it had as many processes and threads as it may, {} (`processes`)",
            cell.processes
        ));
    }
    Ok(report)
}

/// Returns how many processes and threads there are, where /proc shows those of the cell alone.
fn tasks() -> u64 {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter(|entry| {
        let name = entry.file_name();
        name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
    });
    processes
        .map(|process| std::fs::read_dir(process.path().join("task")).map_or(0, Iterator::count) as u64)
        .sum()
}

fn ended(status: WaitStatus) -> Report {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Report::Exited(code),
        (None, signal) => Report::Killed(signal.unwrap_or(SIGTERM)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_written() {
        for report in [
            Report::NotHere("no\nhint: x".to_owned()),
            Report::Exited(69),
            Report::Killed(9),
        ] {
            assert_eq!(Report::parse(&report.text()), Some(report));
        }
        assert_eq!(Report::parse(""), None);
        assert_eq!(Report::parse("exited x"), None);
    }
}

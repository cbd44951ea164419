//! `batt cancel`: ending a run that goes on.

use std::time::{Duration, Instant};

use batt_protocol::wire::RunState;
use batt_protocol::{Error, ExitCode, RunId};
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::console::Console;
use crate::home::Home;
use crate::run_folder::RunFolder;

/// How long a run may take to end: the grace of its scripts, and as much again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks a run to end, and waits until it has.
pub(crate) fn cancel(home: &Home, run: &RunId, console: &mut Console) -> Result<ExitCode, Error> {
    let folder = RunFolder::of(home, run);
    folder.order()?;
    if !request_cancel(&folder)? {
        console.result(&format!("the run `{run}` does not go on"));
        return Ok(ExitCode::OK);
    }
    let begun = Instant::now();
    while folder.state()?.0 == RunState::Running {
        if begun.elapsed() > PATIENCE {
            return Err(
                Error::new(ExitCode::UNFINISHED, format!("the run `{run}` has not ended yet"))
                    .hint(format!("`batt attach {run}` shows it.")),
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    console.result(&format!("the run `{run}` is cancelled"));
    Ok(ExitCode::OK)
}

/// Asks the supervisor of a run to end it; false when there is none.
pub(crate) fn request_cancel(folder: &RunFolder) -> Result<bool, Error> {
    let Some(pid) = folder.supervisor() else {
        return Ok(false);
    };
    let fail = |cause: rustix::io::Errno| {
        Error::system("cannot signal the run's supervisor", std::io::Error::from(cause))
    };
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(rustix::io::Errno::SRCH) => return Ok(false),
        Err(cause) => return Err(fail(cause)),
    };
    // Asked again with the process held: its number cannot have become somebody else's.
    if folder.supervisor() != Some(pid) {
        return Ok(false);
    }
    match pidfd_send_signal(process, Signal::TERM) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(cause) => Err(fail(cause)),
    }
}

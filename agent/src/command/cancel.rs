//! `batt cancel`: ending a run that goes on.

use std::time::{Duration, Instant};

use batt_protocol::wire::RunState;
use batt_protocol::{Error, ExitCode, RunId};

use crate::console::Console;
use crate::home::Home;
use crate::run_folder::RunFolder;

/// How long a run may take to end: the grace of its scripts, and as much again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks a run to end, and waits until it has.
pub(crate) fn cancel(home: &Home, run: &RunId, console: &mut Console) -> Result<ExitCode, Error> {
    let folder = RunFolder::of(home, run);
    folder.order()?;
    if !folder.request_cancel()? {
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

//! How long runs are remembered: an id that may have been executed and forgotten is never executed again.

use std::fs;

use batt_protocol::{Error, RunId};

use super::RunFolder;
use crate::home::Home;

/// Refuses the id of a run that may have been executed and forgotten since.
pub(super) fn refuse_forgotten(home: &Home, run: &RunId) -> Result<(), Error> {
    let refuse = || {
        Error::refused(format!("the run `{run}` is older than what this host remembers"))
            .hint("It may have been executed before. Start a new run.")
    };
    if chrono::Utc::now() - run.time() > chrono::Duration::days(RunFolder::MOST_DAYS) {
        return Err(refuse());
    }
    let kept = RunFolder::all(home)?;
    match kept.last() {
        Some(oldest) if kept.len() >= RunFolder::MOST_RUNS && *run < oldest.run => Err(refuse()),
        _ => Ok(()),
    }
}

/// Forgets runs beyond the number and the age that are kept. Runs that go on are never forgotten.
pub(crate) fn forget_old_runs(home: &Home) -> Result<(), Error> {
    let oldest = chrono::Utc::now() - chrono::Duration::days(RunFolder::MOST_DAYS);
    for (index, folder) in RunFolder::all(home)?.iter().enumerate() {
        let forget = index >= RunFolder::MOST_RUNS || folder.run.time() < oldest;
        if forget && !folder.active_file().exists() {
            fs::remove_dir_all(&folder.path).map_err(|cause| {
                Error::system(format!("cannot remove `{}`", folder.path.display()), cause)
            })?;
        }
    }
    Ok(())
}

//! How long runs are remembered: an id that may have been executed and forgotten is never executed again.

use std::fs;
use std::path::Path;

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

/// Removes what a process left that died while it was about to be admitted with a run.
pub(crate) fn forget_unadmitted(home: &Home) -> Result<(), Error> {
    for entry in fs::read_dir(home.runs()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(process_of) else {
            continue;
        };
        // One that lives may be ours to come. A number that somebody else has by now is tried again later.
        if !Path::new("/proc").join(process.to_string()).exists() {
            let path = entry.path();
            fs::remove_dir_all(&path)
                .map_err(|cause| Error::system(format!("cannot remove `{}`", path.display()), cause))?;
        }
    }
    Ok(())
}

/// Returns the process that makes a folder of this name, which [`RunFolder::admit`] gives it.
fn process_of(name: &str) -> Option<u32> {
    let (run, process) = name.strip_prefix('.')?.rsplit_once('.')?;
    run.parse::<RunId>().ok()?;
    process.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let own = format!(".20260131T023000Z-00000a.{}", std::process::id());
        // Numbers of processes end far below.
        let dead = ".20260131T023000Z-00000a.4294967295";
        for name in [
            own.as_str(),
            dead,
            ".hidden.4294967295",
            "20260131T023000Z-00000a",
        ] {
            fs::create_dir_all(home.runs().join(name)).unwrap();
        }
        forget_unadmitted(&home).unwrap();
        assert!(!home.runs().join(dead).exists());
        assert_eq!(fs::read_dir(home.runs()).unwrap().count(), 3);
    }
}

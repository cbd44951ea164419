//! Where the controller keeps its runs: `$XDG_STATE_HOME/batt-fleet`, or what `--state` says.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use batt_protocol::{Error, RunId, text};

use crate::trust;

/// The folder of all runs. Folders in it are 0700, files 0600.
#[derive(Debug, Clone)]
pub(crate) struct StateFolder(PathBuf);

impl StateFolder {
    /// Returns the folder `chosen`, else `batt-fleet` in `XDG_STATE_HOME`, else in `~/.local/state` (XDG Base
    /// Directory Specification 0.8; a relative value there counts as none).
    ///
    /// # Errors
    /// When none of them is known. A refusal (77) of one that is there and that somebody else could write to: what it tells
    /// of runs and hosts would be theirs, and what is kept of them too.
    pub(crate) fn resolve(
        chosen: Option<PathBuf>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let absolute = |name: &str| {
            variable(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let folder = chosen
            .or_else(|| absolute("XDG_STATE_HOME").map(|path| path.join("batt-fleet")))
            .or_else(|| absolute("HOME").map(|path| path.join(".local/state/batt-fleet")));
        let folder = folder.ok_or_else(|| {
            Error::usage("there is no place for the journals of runs: `HOME` is not set")
                .hint("Name a folder with `--state DIR`.")
        })?;
        trust::is_there_and_trusted(&folder.join("runs"))
            .map_err(|error| error.hint("`--state DIR` names another place."))?;
        Ok(Self(folder))
    }

    /// Returns this folder.
    #[cfg(test)]
    pub(crate) fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Returns where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the folder of a run, whether it is there or not.
    pub(crate) fn run(&self, run: &RunId) -> PathBuf {
        self.0.join("runs").join(run.as_str())
    }

    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// When it cannot be made, or is there already, or lies where somebody else can write (77).
    pub(crate) fn create_run(&self, run: &RunId) -> Result<PathBuf, Error> {
        let folder = self.run(run);
        let runs = self.0.join("runs");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&runs)
            .and_then(|()| DirBuilder::new().mode(0o700).create(&folder))
            .and_then(|()| DirBuilder::new().mode(0o700).create(folder.join("logs")))
            .and_then(|()| sync_folder(&folder))
            .and_then(|()| sync_folder(&runs))
            .map_err(|cause| {
                Error::system(
                    format!(
                        "cannot make the folder {}",
                        text::quoted(&folder.to_string_lossy())
                    ),
                    cause,
                )
                .hint("A run whose journal cannot be kept is not started. `--state DIR` names another place.")
            })?;
        // Where others can make entries, as in `/tmp`, one of them may have made the folder above meanwhile.
        trust::require_trusted(&folder)?;
        Ok(folder)
    }

    /// Returns the ids of all runs, newest first. What has no such name is no run.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub(crate) fn runs(&self) -> Result<Vec<RunId>, Error> {
        let folder = self.0.join("runs");
        let unreadable = |cause: io::Error| {
            Error::system(
                format!("cannot read {}", text::quoted(&folder.to_string_lossy())),
                cause,
            )
        };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let Some(run) = name.to_str().and_then(|name| name.parse::<RunId>().ok()) else {
                continue;
            };
            // Ids tell the second; of two runs in one second the folder that was made later is the newer one. A file
            // system that does not know that leaves the ids to decide.
            let made = entry.metadata().and_then(|metadata| metadata.created()).ok();
            runs.push((run.time(), made, run));
        }
        runs.sort_unstable_by(|a, b| b.cmp(a));
        Ok(runs.into_iter().map(|(.., run)| run).collect())
    }
}

/// Makes the names in a folder outlive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn resolve(chosen: Option<&str>, variables: &[(&str, &str)]) -> Option<PathBuf> {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        };
        StateFolder::resolve(chosen.map(PathBuf::from), variable)
            .ok()
            .map(|folder| folder.0)
    }

    #[test]
    fn the_command_line_is_asked_before_the_environment() {
        let both = [("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(resolve(Some("s"), &both), Some("s".into()));
        assert_eq!(resolve(None, &both), Some("/x/batt-fleet".into()));
        let relative = [("XDG_STATE_HOME", "x"), ("HOME", "/h")];
        assert_eq!(
            resolve(None, &relative),
            Some("/h/.local/state/batt-fleet".into())
        );
        assert_eq!(resolve(None, &[]), None);
    }

    #[test]
    fn runs_are_private_and_listed_newest_first() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder(place.path().join("deep/state"));
        assert!(folder.runs().unwrap().is_empty());
        let ids: Vec<RunId> = ["20260131T023000Z-1a2b3c", "20260201T023000Z-000000"]
            .iter()
            .map(|id| id.parse().unwrap())
            .collect();
        for id in &ids {
            let made = folder.create_run(id).unwrap();
            assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        }
        fs::create_dir(place.path().join("deep/state/runs/not-a-run")).unwrap();
        assert_eq!(folder.runs().unwrap(), [ids[1].clone(), ids[0].clone()]);
        assert!(folder.create_run(&ids[0]).is_err(), "an id is used once");
    }
}

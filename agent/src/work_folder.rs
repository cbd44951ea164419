//! A private folder for one restore or drill: its ledger, its log, and the scratch folder of its script. It goes with
//! whoever made it; what a dead one left is found by the lock that nobody holds.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use batt_protocol::Error;
use rustix::fs::{Gid, Mode, OFlags, Uid};

use crate::backup::remove_folder;
use crate::process::{Cgroup, Family, Maker};
use crate::script_call::MARK;
use crate::trust;

/// How the names of such folders begin.
const PREFIX: &str = "batt-work-";
/// The file that is locked while somebody works in the folder.
const LOCK: &str = "lock";
/// One without a lock in it is being made, unless it is as old as this.
const NEWBORN: Duration = Duration::from_secs(24 * 3600);

/// A folder to work in. It is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    parent: PathBuf,
    name: String,
    _lock: File,
}

impl WorkFolder {
    /// Returns the folder below which to work: `TMPDIR` of whoever calls, else `/var/tmp`.
    pub(crate) fn usual_place() -> PathBuf {
        std::env::var_os("TMPDIR")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .unwrap_or_else(|| PathBuf::from("/var/tmp"))
    }

    /// Makes a folder below `parent`, after what dead ones left there is removed.
    ///
    /// Others can pass through it, and see nothing: the server of a drill runs as another user, and its files lie below.
    ///
    /// # Errors
    /// A parent that is not trusted, and a disk that does not take it.
    pub(crate) fn make(parent: &Path) -> Result<Self, Error> {
        trust::require_trusted_above(parent).map_err(|error| {
            error.hint("Set `TMPDIR` to a folder that only you can write to, or to a sticky one.")
        })?;
        remove_leftovers(parent)?;
        let mut chance = [0u8; 8];
        getrandom::fill(&mut chance).map_err(|cause| Error::system("cannot get random bytes", cause))?;
        let name = format!("{PREFIX}{:016x}", u64::from_ne_bytes(chance));
        let path = parent.join(&name);
        let fail = |cause: std::io::Error| {
            Error::system(format!("cannot make the folder `{}`", path.display()), cause)
        };
        DirBuilder::new().mode(0o711).create(&path).map_err(fail)?;
        let lock = lock(&path).map_err(fail)?;
        let folder = Self {
            parent: parent.to_owned(),
            name,
            _lock: lock,
        };
        for inner in [folder.path(), folder.scratch(), folder.tools(), folder.scripts()] {
            if !inner.exists() {
                DirBuilder::new().mode(0o711).create(&inner).map_err(fail)?;
            }
            // Whatever the umask is.
            fs::set_permissions(&inner, fs::Permissions::from_mode(0o711)).map_err(fail)?;
        }
        DirBuilder::new()
            .mode(0o700)
            .create(folder.root())
            .map_err(fail)?;
        let agent = std::env::current_exe()
            .map_err(|cause| Error::system("cannot find the running program", cause))?;
        std::os::unix::fs::symlink(&agent, folder.tools().join("batt")).map_err(fail)?;
        Ok(folder)
    }

    /// Returns where it is: the ledger is there.
    pub(crate) fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// Returns the folder for whatever the script needs.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.path().join("scratch")
    }

    /// Returns the folder that has `batt` in it.
    pub(crate) fn tools(&self) -> PathBuf {
        self.path().join("bin")
    }

    /// Returns the folder for scripts that are not those of a home.
    pub(crate) fn scripts(&self) -> PathBuf {
        self.path().join("scripts")
    }

    /// Returns the empty folder on which a root is made.
    pub(crate) fn root(&self) -> PathBuf {
        self.path().join("root")
    }

    /// Gives the scratch folder to an account, and closes it for all others.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn give_scratch(&self, account: u32) -> Result<(), Error> {
        let scratch = self.scratch();
        let fail = |cause: rustix::io::Errno| {
            Error::system(
                format!("cannot give the folder `{}` away", scratch.display()),
                cause,
            )
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&scratch, flags, Mode::empty()).map_err(fail)?;
        rustix::fs::fchmod(&folder, Mode::RWXU).map_err(fail)?;
        if rustix::process::geteuid().is_root() {
            let (user, group) = (Uid::from_raw(account), Gid::from_raw(account));
            rustix::fs::fchown(&folder, Some(user), Some(group)).map_err(fail)?;
        }
        Ok(())
    }

    /// Returns the running agent where another account can run it too: itself, or a copy in the folder of tools.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn agent_for_all(&self, agent: &Path, reachable: bool) -> Result<PathBuf, Error> {
        const READ_AND_RUN: u32 = 0o005;
        let fail = |cause: std::io::Error| Error::system("cannot copy the running program", cause);
        let mode = agent.metadata().map_err(fail)?.mode();
        if reachable && mode & READ_AND_RUN == READ_AND_RUN {
            return Ok(agent.to_owned());
        }
        let copy = self.tools().join("batt");
        fs::remove_file(&copy).map_err(fail)?;
        fs::copy(agent, &copy).map_err(fail)?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).map_err(fail)?;
        Ok(copy)
    }

    /// Returns the file that the script's log begins in.
    pub(crate) fn log(&self) -> PathBuf {
        self.path().join("log")
    }

    /// Returns where the reason goes when the script cannot be started.
    pub(crate) fn failure_file(&self) -> PathBuf {
        self.path().join("launch-failure")
    }

    /// Returns what marks the processes of the script, and names their control group.
    pub(crate) fn mark(&self) -> &str {
        &self.name
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        let _ = remove(&self.parent, &self.name);
    }
}

/// Makes the lock of a folder. It appears with its lock held, so that nobody takes the folder for a dead one's.
fn lock(folder: &Path) -> std::io::Result<File> {
    let partial = folder.join("lock.partial");
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)?;
    file.lock()?;
    // A lock is not seen through every file system: an overlay has locks of its own.
    let maker = Maker::own().map(|maker| maker.to_string()).unwrap_or_default();
    (&file).write_all(maker.as_bytes())?;
    fs::rename(&partial, folder.join(LOCK))?;
    Ok(file)
}

/// Ends the processes of those that died below `parent`, and removes their folders.
///
/// # Errors
/// What cannot be removed, or ended, by name.
fn remove_leftovers(parent: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(parent)
        .map_err(|cause| Error::system(format!("cannot read the folder `{}`", parent.display()), cause))?;
    for entry in entries.flatten() {
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        let own = entry
            .metadata()
            .is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw());
        if !name.starts_with(PREFIX) || !own || !is_dead(&entry.path()) {
            continue;
        }
        // First whoever still writes there: a script outlives an agent that was killed.
        let family = Family {
            leader: None,
            cgroup: Cgroup::existing(&name),
            mark: format!("{MARK}={name}"),
            since: 0,
        };
        if !family.kill().all_gone {
            return Err(Error::program(format!(
                "processes that a dead restore or drill left in `{}` cannot be killed",
                entry.path().display()
            )));
        }
        if let Some(cgroup) = &family.cgroup {
            cgroup.remove();
        }
        remove(parent, &name).map_err(|cause| {
            Error::system(
                format!("cannot remove the leftover `{}`", entry.path().display()),
                cause,
            )
        })?;
    }
    Ok(())
}

/// Tells whether nobody works in a folder any more: nobody holds its lock, and whoever made it has ended.
fn is_dead(folder: &Path) -> bool {
    match OpenOptions::new().read(true).open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok() && !maker_lives(&lock),
        Err(_) => fs::symlink_metadata(folder)
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|made| {
                SystemTime::now()
                    .duration_since(made)
                    .is_ok_and(|age| age > NEWBORN)
            }),
    }
}

fn maker_lives(lock: &File) -> bool {
    const MOST: u64 = 200;
    let mut text = String::new();
    let read = lock.take(MOST).read_to_string(&mut text);
    read.is_ok() && text.parse::<Maker>().is_ok_and(|maker| maker.lives())
}

fn remove(parent: &Path, name: &str) -> std::io::Result<()> {
    let parent = File::open(parent)?;
    Ok(remove_folder(std::os::fd::AsFd::as_fd(&parent), name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_lives_as_long_as_its_maker_and_the_next_removes_what_a_dead_one_left() {
        let parent = tempfile::tempdir().unwrap();
        let first = WorkFolder::make(parent.path()).unwrap();
        fs::write(first.scratch().join("x"), "x").unwrap();
        let second = WorkFolder::make(parent.path()).unwrap();
        assert_eq!(names(parent.path()).len(), 2, "the first one is alive");
        drop(first);
        assert_eq!(names(parent.path()), [second.mark()]);
        let dead = parent.path().join(format!("{PREFIX}dead"));
        fs::create_dir_all(dead.join("scratch/deep")).unwrap();
        fs::create_dir(parent.path().join("other")).unwrap();
        let third = WorkFolder::make(parent.path()).unwrap();
        assert!(dead.exists(), "it may be being made");
        drop(third);
        fs::write(dead.join(LOCK), "").unwrap();
        let fourth = WorkFolder::make(parent.path()).unwrap();
        assert!(!dead.exists());
        assert!(parent.path().join("other").exists());
        drop((second, fourth));
        assert_eq!(names(parent.path()), ["other"]);
    }
}

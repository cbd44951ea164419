//! An account that nobody has: a number without a name, for one call of a script. What is opened by it can reach nothing but
//! what it is handed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::ops::RangeInclusive;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use batt_protocol::Error;

use super::processes;
use crate::files;
use crate::host;
use crate::trust;

/// The variable that tells a script the number of its stranger.
pub(crate) const STRANGER: &str = "BATT_STRANGER";

/// Where a lock of each number that is taken lies. One place for the whole host, which a restart empties.
const FOLDER: &str = "/run/batt/strangers";
/// The numbers that systemd allots in the same way (its "Users, Groups, UIDs and GIDs on systemd systems"): distributions
/// leave them to that.
const RANGE: RangeInclusive<u32> = 61_184..=65_519;
/// Where systemd notes what it has allotted.
const ALLOTTED_BY_SYSTEMD: &str = "/run/systemd/dynamic-uid";
/// How many numbers are tried.
const MOST_TRIES: u32 = 64;
/// How long the processes of a stranger may take to end when they were killed.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// A number that is taken, until it is dropped.
#[derive(Debug)]
pub(crate) struct Stranger {
    uid: u32,
    path: PathBuf,
    _lock: File,
}

impl Stranger {
    /// Takes a number that no account, no process and no other call has. None when this is not root, who alone can be another,
    /// and where there is no place for the lock: what needs a stranger then says so, and a script that needs none runs.
    pub(crate) fn allot() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        Self::allot_in(Path::new(FOLDER)).ok().flatten()
    }

    fn allot_in(folder: &Path) -> Result<Option<Self>, Error> {
        files::make_private_folder(folder)?;
        trust::require_trusted(folder)?;
        let mut chance = [0u8; 4];
        getrandom::fill(&mut chance).map_err(|cause| Error::system("cannot get random bytes", cause))?;
        let (first, size) = (*RANGE.start(), RANGE.end() - RANGE.start() + 1);
        let begin = u32::from_ne_bytes(chance) % size;
        for step in 0..MOST_TRIES {
            let uid = first + (begin + step) % size;
            if let Some(stranger) = Self::take(folder, uid)?
                && is_nobody(uid)
            {
                return Ok(Some(stranger));
            }
        }
        Ok(None)
    }

    /// Takes the lock of a number, or returns none when somebody has it.
    fn take(folder: &Path, uid: u32) -> Result<Option<Self>, Error> {
        let path = folder.join(uid.to_string());
        let fail = |cause: std::io::Error| Error::system(format!("cannot lock `{}`", path.display()), cause);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = files::open_own(&path, &mut options).map_err(fail)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(cause)) => return Err(fail(cause)),
        }
        // Whoever had it has removed the file that was opened: another one may lie there, with another lock.
        let own = lock.metadata().map_err(fail)?.ino();
        if !fs::symlink_metadata(&path).is_ok_and(|there| there.ino() == own) {
            return Ok(None);
        }
        Ok(Some(Self {
            uid,
            path,
            _lock: lock,
        }))
    }

    /// Returns its number, which is that of its group too.
    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    /// Tells whether a stranger can have this number.
    pub(super) fn can_be(uid: &u32) -> bool {
        RANGE.contains(uid)
    }

    /// Ends every process that runs under it, and tells whether there were any, and whether none is left.
    pub(crate) fn end_processes(&self, agent: &Path) -> Ended {
        let begun = Instant::now();
        let mut ended = Ended::Nobody;
        while processes::any_of(self.uid) {
            if begun.elapsed() > PATIENCE {
                return Ended::CannotBeKilled;
            }
            ended = Ended::Killed;
            // By itself, all at once: one after the other would lose against one that forks (kill(2)).
            let _ = Command::new(agent)
                .args(["as", "--nobody", "--", "/bin/sh", "-c", "kill -9 -1"])
                .env(STRANGER, self.uid.to_string())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            std::thread::sleep(PAUSE);
        }
        ended
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        // The lock is held until after that, so nobody has taken this file meanwhile.
        let _ = fs::remove_file(&self.path);
    }
}

/// What came of ending the processes of a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There were none.
    Nobody,
    /// None is left.
    Killed,
    /// Some live.
    CannotBeKilled,
}

/// Tells whether a number belongs to no account, no group and no process.
fn is_nobody(uid: u32) -> bool {
    !host::is_listed(uid)
        && !Path::new(ALLOTTED_BY_SYSTEMD).join(uid.to_string()).exists()
        && !processes::any_of(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_by_one_and_free_again_after_that() {
        let folder = tempfile::tempdir().unwrap();
        let uid = 61_500;
        let first = Stranger::take(folder.path(), uid).unwrap().unwrap();
        assert_eq!(first.uid(), uid);
        assert!(Stranger::take(folder.path(), uid).unwrap().is_none());
        drop(first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        Stranger::take(folder.path(), uid).unwrap().unwrap();
    }

    #[test]
    fn a_lock_on_a_file_that_was_removed_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("61500");
        let stale = File::create(&path).unwrap();
        stale.lock().unwrap();
        fs::remove_file(&path).unwrap();
        let held = Stranger::take(folder.path(), 61_500).unwrap();
        assert!(held.is_some(), "the file that lies there is what counts");
    }

    #[test]
    fn many_at_once_are_all_different() {
        let folder = tempfile::tempdir().unwrap();
        let strangers: Vec<Stranger> = (0..20)
            .map(|_| Stranger::allot_in(folder.path()).unwrap().unwrap())
            .collect();
        let mut numbers: Vec<u32> = strangers.iter().map(Stranger::uid).collect();
        assert!(numbers.iter().all(Stranger::can_be));
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 20);
    }
}

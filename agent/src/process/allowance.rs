//! What a script may take of the machine, where that is bounded: measured now and then while it runs, from outside.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use batt_protocol::HumanBytes;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};

use super::Family;

/// How often it is looked, at most.
const PAUSE: Duration = Duration::from_millis(500);
/// A folder that takes long to be measured is measured less often: this share of the time, one in so many.
const SHARE: u32 = 20;
/// Folders in folders that are measured.
const MOST_DEPTH: usize = 200;
/// As many entries as are measured.
const MOST_ENTRIES: usize = 5_000_000;

/// What a script may take.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    /// The folder that it writes to.
    pub(crate) folder: PathBuf,
    /// Bytes in it.
    pub(crate) bytes: u64,
    /// Bytes that must stay free on its file system.
    pub(crate) reserve: u64,
    /// Processes and threads at a time.
    pub(crate) processes: u64,
    /// Time of processors, all together.
    pub(crate) processor: Option<Duration>,
}

/// How much of it was taken.
#[derive(Debug)]
pub(super) struct Taken {
    allowance: Allowance,
    next_look: Instant,
    next_measure: Instant,
}

impl Taken {
    pub(super) fn of(allowance: Allowance) -> Self {
        let now = Instant::now();
        Self {
            allowance,
            next_look: now + PAUSE,
            next_measure: now + PAUSE,
        }
    }

    /// Looks when it is time to, and returns which limit was passed, if one was.
    pub(super) fn passed(&mut self, family: &Family) -> Option<String> {
        let now = Instant::now();
        if now < self.next_look {
            return None;
        }
        self.next_look = now + PAUSE;
        if let Some(reason) = self.room().or_else(|| self.processes(family)) {
            return Some(reason);
        }
        if now < self.next_measure {
            return None;
        }
        let reason = self.folder();
        self.next_measure = Instant::now() + PAUSE.max(now.elapsed() * SHARE);
        reason
    }

    /// Looks once more when the script has ended and did not succeed: it may have come to a limit just then.
    pub(super) fn passed_at_last(&self, family: &Family) -> Option<String> {
        let refused = family
            .cgroup
            .as_ref()
            .is_some_and(super::Cgroup::has_run_out_of_processes);
        self.room()
            .or_else(|| self.folder())
            .or_else(|| refused.then(|| self.too_many()))
    }

    fn room(&self) -> Option<String> {
        let numbers = rustix::fs::statvfs(&self.allowance.folder).ok()?;
        let free = numbers.f_bavail.saturating_mul(numbers.f_frsize);
        // Less than a page is nothing.
        (free < self.allowance.reserve.max(1 << 12)).then(|| {
            format!(
                "the file system of its scratch folder has {} left",
                HumanBytes(free)
            )
        })
    }

    fn processes(&self, family: &Family) -> Option<String> {
        let (tasks, processor) = family.takes(self.allowance.processor.is_some());
        if tasks >= self.allowance.processes {
            return Some(self.too_many());
        }
        let most = self.allowance.processor.filter(|most| processor > *most)?;
        Some(format!(
            "it took more than the {} seconds of a processor that it may (`cpu`)",
            most.as_secs()
        ))
    }

    fn too_many(&self) -> String {
        format!(
            "it had as many processes and threads as it may, {} (`processes`)",
            self.allowance.processes
        )
    }

    fn folder(&self) -> Option<String> {
        let most = self.allowance.bytes;
        match measured(&self.allowance.folder) {
            Some(bytes) if bytes >= most => Some(format!(
                "its scratch folder took more than the {} that it may (`disk`)",
                HumanBytes(most)
            )),
            Some(_) => None,
            None => Some("its scratch folder holds too much to be measured".to_owned()),
        }
    }
}

/// Returns the bytes that a folder takes on the disk, never through a link. None when it is too deep or holds too much.
fn measured(folder: &Path) -> Option<u64> {
    let top = openat(CWD, folder, FOLDER, Mode::empty()).ok();
    let mut entries = 0;
    top.map_or(Some(0), |top| sum(top, 0, &mut entries))
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// What cannot be looked at goes on changing: it is passed over.
fn sum(folder: OwnedFd, depth: usize, entries: &mut usize) -> Option<u64> {
    const BLOCK: u64 = 512; // stat(2), whatever the file system has
    if depth > MOST_DEPTH {
        return None;
    }
    let mut bytes: u64 = 0;
    let Ok(listed) = Dir::read_from(&folder) else {
        return Some(0);
    };
    for entry in listed.flatten() {
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        *entries += 1;
        if *entries > MOST_ENTRIES {
            return None;
        }
        let Ok(stat) = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        // One file under many names counts once.
        let names = u64::from(stat.st_nlink as u32).max(1);
        let is_folder = FileType::from_raw_mode(stat.st_mode).is_dir();
        let own = u64::try_from(stat.st_blocks).unwrap_or_default() * BLOCK;
        bytes = bytes.saturating_add(if is_folder { own } else { own / names });
        if is_folder && let Ok(inner) = openat(&folder, name, FOLDER, Mode::empty()) {
            bytes = bytes.saturating_add(sum(inner, depth + 1, entries)?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_is_measured_without_what_links_lead_to() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("large"), vec![1; 4 << 20]).unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        let file = folder.path().join("inner/file");
        fs::write(&file, vec![1; 1 << 20]).unwrap();
        fs::hard_link(&file, folder.path().join("again")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("link")).unwrap();
        let bytes = measured(folder.path()).unwrap();
        assert!((1 << 20..2 << 20).contains(&bytes), "{bytes}");
        assert_eq!(measured(&folder.path().join("gone")), Some(0));
    }

    #[test]
    fn what_is_too_deep_cannot_be_measured() {
        let folder = tempfile::tempdir().unwrap();
        let deep: PathBuf = std::iter::repeat_n("d", MOST_DEPTH + 2).collect();
        fs::create_dir_all(folder.path().join(deep)).unwrap();
        assert_eq!(measured(folder.path()), None);
    }
}

//! A control group for what belongs together, where the machine has version 2 mounted and lets us make one.
//!
//! It is the one place that a process cannot leave by itself, so killing it ends daemons too (cgroups(7),
//! `cgroup.kill`). Everything works without it; see [`super::Family`].

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Pid;

/// A group of processes that was made for one purpose, and is removed with it.
#[derive(Debug, Clone)]
pub(crate) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes a group under `batt/` at the root of the hierarchy: outside of the group of a login session, which ends
    /// with the session. None where there is no version 2, or no right to make one.
    pub(crate) fn make(name: &str) -> Option<Self> {
        let path = place(name)?;
        fs::create_dir_all(&path).ok()?;
        Some(Self { path })
    }

    /// Returns a group that was made before; none when it is gone.
    pub(crate) fn existing(name: &str) -> Option<Self> {
        place(name).filter(|path| path.is_dir()).map(|path| Self { path })
    }

    /// Returns a group by its path.
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bounds the memory of all processes of the group together, in bytes; false where the hierarchy cannot.
    pub(crate) fn limit_memory(&self, bytes: u64) -> bool {
        if let Some(parent) = self.path.parent() {
            let _ = fs::write(parent.join("cgroup.subtree_control"), b"+memory");
        }
        let limited = fs::write(self.path.join("memory.max"), bytes.to_string()).is_ok();
        if limited {
            // Beyond it would be the disk's turn.
            let _ = fs::write(self.path.join("memory.swap.max"), b"0");
        }
        limited
    }

    /// Bounds the number of its processes and threads, where the hierarchy can.
    pub(crate) fn limit_processes(&self, most: u64) {
        if let Some(parent) = self.path.parent() {
            let _ = fs::write(parent.join("cgroup.subtree_control"), b"+pids");
        }
        let _ = fs::write(self.path.join("pids.max"), most.to_string());
    }

    /// Tells whether a process of the group was refused another one.
    pub(crate) fn has_run_out_of_processes(&self) -> bool {
        self.has_happened("pids.events", "max ")
    }

    /// Returns how many processes and threads it has; none where nobody can say.
    pub(crate) fn tasks(&self) -> Option<u64> {
        let threads = fs::read_to_string(self.path.join("cgroup.threads")).ok()?;
        Some(threads.lines().count() as u64)
    }

    /// Returns the time of processors that it took; none where nobody can say.
    pub(crate) fn processor(&self) -> Option<Duration> {
        let statistics = fs::read_to_string(self.path.join("cpu.stat")).ok()?;
        let microseconds = statistics
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "))?;
        microseconds.trim().parse().ok().map(Duration::from_micros)
    }

    /// Tells whether the kernel has ended a process of the group for its memory.
    pub(crate) fn has_run_out_of_memory(&self) -> bool {
        self.has_happened("memory.events", "oom_kill ")
    }

    fn has_happened(&self, file: &str, event: &str) -> bool {
        let events = fs::read_to_string(self.path.join(file)).unwrap_or_default();
        events
            .lines()
            .filter_map(|line| line.strip_prefix(event))
            .any(|count| count.trim() != "0")
    }

    /// Moves the calling process into the group.
    pub(crate) fn enter(&self) -> std::io::Result<()> {
        fs::write(self.path.join("cgroup.procs"), b"0")
    }

    /// Moves the calling process out of the group again, to the root of the hierarchy, and removes the group.
    pub(crate) fn leave(self) {
        if let Some(root) = mount_point() {
            let _ = fs::write(root.join("cgroup.procs"), b"0");
        }
        self.remove();
    }

    /// Returns its processes, those of groups below it too.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        let mut processes: Vec<Pid> = fs::read_to_string(self.path.join("cgroup.procs"))
            .unwrap_or_default()
            .lines()
            .filter_map(|line| Pid::from_raw(line.parse().ok()?))
            .collect();
        for child in self.children() {
            processes.extend(child.processes());
        }
        processes
    }

    /// Kills all of its processes at once (since Linux 5.14; before, the caller kills them one by one).
    pub(crate) fn kill(&self) {
        let _ = fs::write(self.path.join("cgroup.kill"), b"1");
    }

    /// Removes the group when nothing is left in it.
    pub(crate) fn remove(&self) {
        for child in self.children() {
            child.remove();
        }
        let _ = fs::remove_dir(&self.path);
    }

    fn children(&self) -> Vec<Self> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.path().is_dir())
            .map(|entry| Self { path: entry.path() })
            .collect()
    }
}

fn place(name: &str) -> Option<PathBuf> {
    Some(mount_point()?.join("batt").join(name))
}

/// Returns where version 2 is mounted, alone or beside version 1.
fn mount_point() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|line| {
        // "... mount-point options - type source options", see proc_pid_mountinfo(5).
        let (before, after) = line.split_once(" - ")?;
        (after.split(' ').next() == Some("cgroup2")).then(|| before.split(' ').nth(4).map(PathBuf::from))?
    })
}

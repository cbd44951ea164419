//! What runs on a host of the lab, found by what it was started with. A run leaves the session and the process tree of the
//! server that it was asked for by, so neither tells.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The variable that marks what a built-in host starts; its value is the host's folder.
pub(super) const MARK: &str = "BATT_LAB_HOST";

/// Returns the processes of a built-in host: those that carry its mark, and scripts, whose environment is batt's alone.
pub(super) fn of_host(folder: &Path, home: &Path) -> Vec<Pid> {
    let entry = |name: &str, value: &Path| [name.as_bytes(), b"=", value.as_os_str().as_bytes()].concat();
    let (mark, home) = (entry(MARK, folder), entry("BATT_HOME", home));
    all(|process| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        let mut entries = environment.split(|byte| *byte == 0);
        let is_script = environment
            .split(|byte| *byte == 0)
            .any(|entry| entry.starts_with(b"BATT_RUN_ID="));
        entries.any(|entry| entry == mark || (is_script && entry == home))
    })
}

/// Returns the living processes that a condition on their folder in `/proc` holds for.
pub(super) fn all(condition: impl Fn(&Path) -> bool) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            let path = entry.path();
            (!is_dead(&path) && condition(&path))
                .then(|| Pid::from_raw(number))
                .flatten()
        })
        .collect()
}

/// A zombie has ended, though nobody has asked it how.
fn is_dead(process: &Path) -> bool {
    let status = fs::read_to_string(process.join("stat")).unwrap_or_default();
    // The name stands in parentheses and may hold any character.
    status
        .rsplit(')')
        .next()
        .is_none_or(|rest| rest.trim_start().starts_with(['Z', 'X']))
}

/// Asks processes to end.
pub(super) fn terminate(processes: &[Pid]) {
    for process in processes {
        let _ = kill_process(*process, Signal::TERM);
    }
}

/// Waits until all have ended, and kills those that do not within the grace. One that the kernel itself holds is given up
/// after a second one.
pub(super) fn end(processes: impl Fn() -> Vec<Pid>, grace: Duration) {
    let deadline = Instant::now() + grace;
    loop {
        let living = processes();
        if living.is_empty() || Instant::now() > deadline + grace {
            return;
        }
        if Instant::now() > deadline {
            for process in living {
                let _ = kill_process(process, Signal::KILL);
            }
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Removes the control groups of runs that were killed; those that still hold a process stay.
pub(super) fn remove_control_groups(home: &Path) {
    let Ok(id) = fs::read_to_string(home.join("var/host-id")) else {
        return;
    };
    let Some(prefix) = id.get(..8) else { return };
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for mount in mounts
        .lines()
        .filter(|line| line.split(' ').nth(2) == Some("cgroup2"))
    {
        let Some(root) = mount.split(' ').nth(1) else {
            continue;
        };
        let groups = fs::read_dir(Path::new(root).join("batt"))
            .into_iter()
            .flatten()
            .flatten();
        for group in groups.filter(|group| group.file_name().to_string_lossy().starts_with(prefix)) {
            remove_tree(&group.path());
        }
    }
}

/// Control groups are removed from the leaves on; their files are not removed at all.
fn remove_tree(group: &Path) {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_tree(&entry.path());
    }
    let _ = fs::remove_dir(group);
}

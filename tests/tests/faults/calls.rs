//! Faults at the n-th system call of a run: death, and disks that are full or fail.

use std::path::PathBuf;

use batt_tests::process::until;

use super::extent::{hits, is_full};
use super::invariants::Watched;
use super::strace::{self, Injection};

const RUN: [&str; 3] = ["--format", "json", "data"];

/// The calls that change something, each kind counted for itself.
pub(crate) const CHANGES: [&str; 9] = [
    "openat",
    "write",
    "fsync",
    "fdatasync",
    "rename,renameat,renameat2",
    "mkdir,mkdirat",
    "unlink,unlinkat,rmdir",
    "fchmod,chmod,fchmodat",
    "symlink,symlinkat,linkat,ftruncate",
];

/// Returns the folder that backups of today are published in.
fn day(watched: &Watched) -> PathBuf {
    let backup = watched.host.backup("data");
    backup.parent().expect("a backup lies in a folder").to_owned()
}

/// Kills batt at the n-th call of each kind. A call that belongs to another program is one of its own: every process that
/// reaches its n-th is killed.
#[track_caller]
fn killed_at(watched: &mut Watched, path: Option<PathBuf>, sample: &[u32]) -> usize {
    let mut killed = 0;
    for calls in CHANGES {
        for when in hits(sample) {
            let injection = Injection {
                calls,
                fault: "signal=SIGKILL",
                when: &when.to_string(),
                path: path.as_deref(),
            };
            let (finished, hit) = strace::run(&watched.host, &injection, &RUN);
            if !hit {
                break;
            }
            killed += 1;
            let what = format!("SIGKILL at {calls} {when} of {path:?}");
            // Whoever was not hit may still be at work.
            let report = finished.code.is_some().then_some(&finished);
            watched.invariants(&what, report);
        }
    }
    killed
}

#[test]
fn killed_at_any_call_that_changes_something() {
    let mut watched = Watched::new();
    let killed = killed_at(&mut watched, None, &[2, 5, 9, 14]);
    assert!(killed > if is_full() { 100 } else { 15 }, "{killed}");
}

#[test]
fn killed_at_any_change_of_the_folder_that_backups_are_published_in() {
    let mut watched = Watched::new();
    let day = day(&watched);
    let killed = killed_at(&mut watched, Some(day), &[1, 2]);
    assert!(killed > 5, "{killed}");
}

#[test]
fn killed_while_the_catalogue_is_written() {
    let mut watched = Watched::new();
    let catalogue = watched.host.home().join("var/catalogue.jsonl");
    let killed = killed_at(&mut watched, Some(catalogue), &[1]);
    assert!(killed > 2, "{killed}");
}

/// A write that says it wrote one byte, and did not.
const DROPS: &str = "retval=1";

/// A disk that fails at the n-th call of a kind.
#[track_caller]
fn failing_at(watched: &mut Watched, calls: &str, fault: &str, when: &str, path: Option<PathBuf>) -> bool {
    let injection = Injection {
        calls,
        fault,
        when,
        path: path.as_deref(),
    };
    let (finished, hit) = strace::run(&watched.host, &injection, &RUN);
    if hit {
        let what = format!("{fault} at {calls} {when} of {path:?}");
        assert!(finished.code.is_some(), "{what}: {}", finished.said());
        // A write that drops what it claims to have written may be that of the report, on its way to us: nobody could tell
        // then, and journal and disk are held to each other alone.
        let is_cut = fault == DROPS && serde_json::from_str::<serde_json::Value>(&finished.stdout).is_err();
        watched.invariants(&what, (!is_cut).then_some(&finished));
    }
    hit
}

#[test]
fn a_disk_that_fails_at_any_call_is_told() {
    let mut watched = Watched::new();
    let faults = [
        ("fsync", "error=EIO"),
        ("fdatasync", "error=EIO"),
        ("write", "error=ENOSPC"),
        ("write", "error=EDQUOT"),
        ("write", "error=EIO"),
        ("rename,renameat,renameat2", "error=EIO"),
        ("rename,renameat,renameat2", "error=ENOSPC"),
        ("mkdir,mkdirat", "error=ENOSPC"),
        ("fchmod,chmod,fchmodat", "error=EROFS"),
        ("openat", "error=EMFILE"),
        ("unlink,unlinkat,rmdir", "error=EIO"),
    ];
    let mut hit = 0;
    for (calls, fault) in faults {
        for when in hits(&[3, 7]) {
            if !failing_at(&mut watched, calls, fault, &when.to_string(), None) {
                break;
            }
            hit += 1;
        }
    }
    assert!(hit > if is_full() { 100 } else { 12 }, "{hit}");
}

#[test]
fn a_disk_that_fails_from_some_call_on_is_told() {
    let mut watched = Watched::new();
    let day = day(&watched);
    for (calls, fault) in [
        ("fsync", "error=EIO"),
        ("write", "error=ENOSPC"),
        ("renameat2", "error=EIO"),
        // A file system that cannot exchange, and one that knows no flags at all.
        ("renameat2", "error=EINVAL"),
    ] {
        for when in if is_full() {
            &["1+", "2+", "3+"][..]
        } else {
            &["1+"]
        } {
            failing_at(&mut watched, calls, fault, when, Some(day.clone()));
        }
    }
}

#[test]
fn what_is_written_in_pieces_or_interrupted_is_whole() {
    let mut watched = Watched::new();
    // No error of `close`: strace puts it in the place of the call, and the kernel closes whatever it answers.
    // EINTR is tried again, by whoever writes. A short write that was not one drops what it claims to have written:
    // reading again finds it, in the archive or in the papers.
    let mut whole = 0;
    for (calls, fault) in [
        ("write", "error=EINTR"),
        ("write", DROPS),
        ("fsync", "error=EINTR"),
    ] {
        for when in hits(&[4, 9]) {
            // Every write of every program in turn would take hours.
            if when > 40 || !failing_at(&mut watched, calls, fault, &when.to_string(), None) {
                break;
            }
            whole += 1;
        }
    }
    assert!(whole > 3, "{whole}");
}

#[test]
fn killed_at_random_moments() {
    let mut watched = Watched::new();
    let steps = if is_full() { 100 } else { 8 };
    for step in 0..steps {
        let mut child = watched.host.batt_command(&RUN).spawn().unwrap();
        // The moments are spread over the whole run; which of them is hit is left to chance.
        std::thread::sleep(std::time::Duration::from_micros(160_000 / steps * step));
        child.kill().unwrap();
        child.wait().unwrap();
        watched.invariants(&format!("SIGKILL after step {step}"), None);
    }
    until("nothing of it lives", || {
        batt_tests::process::living_with(&watched.host.root().display().to_string()).is_empty()
    });
}

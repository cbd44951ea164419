//! Restores and drills that die or meet a disk that fails: the backup is as it was, what is called restored is, and the next
//! one succeeds. Purges that die are in `agent_purge`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use batt_tests::finished::Finished;
use batt_tests::process::assert_none_lives;
use batt_tests::triple::Notes;
use serde_json::Value;

use super::calls::CHANGES;
use super::extent::{hits, is_full};
use super::strace::{self, Injection};

const RESTORE: [&str; 5] = ["--format", "json", "restore", "notes", "--replace"];
const DRILL: [&str; 4] = ["--format", "json", "drill", "notes"];

/// Notes that are backed up, and what they and the backup were.
struct Kept {
    notes: Notes,
    before: BTreeMap<String, String>,
    backup: PathBuf,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Kept {
    fn new() -> Self {
        let notes = Notes::new();
        // Small, so that each of many restores is quick.
        notes.write("long", &"a line of many\n".repeat(2_000));
        notes.host.batt(&["notes"]).success();
        Self {
            before: Notes::read(&notes.folder()),
            backup: notes.host.backup("notes"),
            files: notes.host.published(),
            notes,
        }
    }

    fn run(&self, injection: &Injection<'_>, arguments: &[&str]) -> (Finished, bool) {
        let place = format!("TMPDIR={}", self.notes.place().display());
        strace::run_with(&self.notes.host, injection, &place, arguments)
    }

    /// Asserts what must hold after a fault of a restore or a drill: at once, and after the next of both.
    #[track_caller]
    fn hold(&self, fault: &str, finished: &Finished) {
        let said = finished.said();
        assert!(
            self.notes.host.published() == self.files,
            "{fault}: the backup was changed\n{said}"
        );
        if finished.code == Some(0) {
            let report: Value = serde_json::from_str(&finished.stdout).expect("a report");
            let restored = report["outcome"] == "restored";
            let proven = report["drills"][0]["outcome"] == "proven";
            assert!(restored || proven, "{fault}: exit 0\n{said}");
            if restored {
                assert!(self.is_whole(), "{fault}: called restored\n{said}");
            }
        }
        // Not by its id or folder: whatever became of a drill, it says nothing of the backup, which goes on to count.
        self.notes.batt(&RESTORE).code(0);
        assert!(self.is_whole(), "{fault}: the next restore");
        self.notes.batt(&DRILL).code(0);
        assert_none_lives(&self.notes.place().display().to_string());
        self.age_newborns();
        self.notes.assert_nothing_left();
        assert!(
            self.notes.host.published() == self.files,
            "{fault}: the next ones changed the backup"
        );
    }

    /// A folder that was made and not locked yet may be anybody's who is about to lock it. It is left alone for a while, and
    /// removed after that.
    fn age_newborns(&self) {
        let mut newborns = 0;
        for entry in fs::read_dir(self.notes.place()).unwrap().flatten() {
            assert!(
                !entry.path().join("lock").exists(),
                "{:?} was locked",
                entry.path()
            );
            super::private_mounts::must("touch", &["-d", "@1000000000", entry.path().to_str().unwrap()]);
            newborns += 1;
        }
        if newborns > 0 {
            self.notes.batt(&RESTORE).code(0);
        }
    }

    fn is_whole(&self) -> bool {
        Notes::read(&self.notes.folder()) == self.before
    }

    /// Injects a fault into each kind of call, as often as it comes.
    #[track_caller]
    fn sweep(&self, fault: &str, calls: &[&str], sample: &[u32], arguments: &[&str]) -> usize {
        let mut came = 0;
        for calls in calls {
            for when in hits(sample) {
                let injection = Injection {
                    calls,
                    fault,
                    when: &when.to_string(),
                    path: None,
                };
                let (finished, hit) = self.run(&injection, arguments);
                if !hit {
                    break;
                }
                came += 1;
                self.hold(&format!("{fault} at {calls} {when} of {arguments:?}"), &finished);
            }
        }
        came
    }
}

#[test]
fn a_restore_that_is_killed_at_any_call_that_changes_something() {
    let kept = Kept::new();
    let came = kept.sweep("signal=SIGKILL", &CHANGES, &[1, 4], &RESTORE);
    assert!(came > if is_full() { 30 } else { 5 }, "{came}");
}

#[test]
fn a_drill_that_is_killed_at_any_call_that_changes_something() {
    let kept = Kept::new();
    let came = kept.sweep("signal=SIGKILL", &CHANGES, &[2], &DRILL);
    assert!(came > if is_full() { 30 } else { 3 }, "{came}");
}

#[test]
fn a_restore_on_a_disk_that_fails_is_told() {
    let kept = Kept::new();
    let mut came = 0;
    for (fault, calls) in [
        ("error=ENOSPC", &["write", "mkdir,mkdirat"][..]),
        (
            "error=EIO",
            &["write", "fsync,fdatasync", "rename,renameat,renameat2"],
        ),
        ("error=EINTR", &["write"]),
    ] {
        came += kept.sweep(fault, calls, &[2, 5], &RESTORE);
    }
    assert!(came > 3, "{came}");
}

#[test]
fn an_archive_that_cannot_be_read_is_told_by_whoever_reads_it() {
    let kept = Kept::new();
    let archive = kept.backup.join("long.zst");
    for when in ["1", "2+"] {
        let injection = Injection {
            calls: "read,pread64",
            fault: "error=EIO",
            when,
            path: Some(&archive),
        };
        let (verified, hit) = kept.run(&injection, &["--format", "json", "verify"]);
        assert!(hit, "{when}");
        let reason = told(verified.code(2));
        assert!(reason.contains("`long.zst`"), "{reason}");
        kept.notes.host.batt(&["verify"]).success();
        kept.notes.lose();
        let (restored, hit) = kept.run(&injection, &RESTORE);
        assert!(hit && restored.code != Some(0), "{}", restored.said());
        restored.says("long.zst");
        assert!(Notes::read(&kept.notes.folder()).is_empty(), "nothing was begun");
        kept.hold(&format!("EIO at read {when}"), &restored);
    }
}

fn told(finished: Finished) -> String {
    let report: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    report["backups"][0]["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_restore_into_a_full_disk_fails_and_leaves_the_backup() {
    if !super::private_mounts::enter("restore::a_restore_into_a_full_disk_fails_and_leaves_the_backup") {
        return;
    }
    let kept = Kept::new();
    let folder = kept.notes.folder();
    let shown = folder.to_str().unwrap();
    super::private_mounts::must(
        "mount",
        &["-t", "tmpfs", "-o", "size=16k,mode=700", "tmpfs", shown],
    );
    let failed = kept.notes.batt(&RESTORE);
    assert_ne!(failed.code, Some(0), "{}", failed.said());
    failed.says("No space left on device");
    super::private_mounts::must("umount", &[shown]);
    fs::create_dir_all(Path::new(shown)).unwrap();
    kept.hold("a full target", &failed);
}

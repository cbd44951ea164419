//! A restore that is ended: by its caller, or by a kill.

use std::fs::{self, File};

use batt_tests::finished::Finished;
use batt_tests::process::{assert_none_lives, living_with, signal, until};
use batt_tests::triple::{Notes, RESTORE};
use rustix::process::Signal;
use serde_json::{Value, json};

#[test]
fn a_signal_ends_a_restore_with_all_of_its_processes() {
    let (notes, _) = Notes::backed_up();
    for (sent, exit) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let waits = notes.waiting("restore-notes");
        let child = notes.start(&["--format", "json", "restore", "notes"]);
        until("the script waits", || waits.exists());
        signal(&child, sent);
        let finished = Finished::of(child).code(exit);
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!(report["outcome"], json!("cancelled"));
        assert_none_lives(&notes.place().display().to_string());
        notes.assert_nothing_left();
        fs::remove_file(&waits).unwrap();
    }
}

#[test]
fn what_a_killed_restore_left_is_removed_by_the_next_one() {
    let (notes, _) = Notes::backed_up();
    notes.lose();
    let waits = notes.waiting("restore-notes");
    let mut child = notes.start(&["restore", "notes"]);
    until("the script waits", || waits.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let place = notes.place().display().to_string();
    assert!(!living_with(&place).is_empty(), "the script outlives batt");
    assert_eq!(fs::read_dir(notes.place()).unwrap().count(), 1);
    notes.host.companion("restore-notes", RESTORE);
    notes.batt(&["restore", "notes"]).code(0);
    assert_none_lives(&place);
    notes.assert_nothing_left();
}

#[test]
fn a_restore_and_a_backup_of_one_service_never_meet() {
    let (notes, _) = Notes::backed_up();
    notes.lose();
    let lock = File::create(notes.host.home().join("var/locks/notes.lock")).unwrap();
    lock.lock().unwrap();
    notes
        .batt(&["restore", "notes"])
        .code(75)
        .says("another run of `notes` holds its lock");
    // Nothing is changed, so nobody is in the way.
    notes.batt(&["restore", "notes", "-n"]).code(0);
    notes.batt(&["drill", "notes"]).code(0);
    assert!(Notes::read(&notes.folder()).is_empty());
    drop(lock);
    notes.batt(&["restore", "notes"]).code(0);
}

/// A lock is not seen through an overlay, and the process is.
#[test]
fn a_drill_that_is_seen_through_an_overlay_is_not_taken_for_a_dead_one() {
    let (notes, _) = Notes::backed_up();
    let seconds = "1000000077";
    notes.host.companion("drill-notes", &format!("sleep {seconds}"));
    let child = notes.start(&["drill", "notes"]);
    until("the drill waits", || !living_with(seconds).is_empty());
    let (place, beside, into) = (
        notes.place(),
        notes.host.scratch().join("beside"),
        notes.host.scratch().join("into"),
    );
    let script = format!(
        "mkdir -p {beside}/upper {beside}/work
         mount -t overlay overlay -o lowerdir={place},upperdir={beside}/upper,workdir={beside}/work {place}
         export TMPDIR={place}
         batt restore notes --into {into}",
        place = place.display(),
        beside = beside.display(),
        into = into.display(),
    );
    fs::create_dir(&into).unwrap();
    if let Some(other) = notes.host.in_mounts(&script) {
        other.code(0);
        assert!(!living_with(seconds).is_empty(), "the first one was killed");
    }
    signal(&child, Signal::TERM);
    Finished::of(child).code(143);
    notes.assert_nothing_left();
}

//! `batt restore`, with a service whose three scripts a test has written.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use batt_tests::finished::Finished;
use batt_tests::host::under_test;
use batt_tests::triple::{Notes, RESTORE};

#[test]
fn what_was_lost_comes_back_and_is_compared() {
    let (notes, _) = Notes::backed_up();
    let before = Notes::read(&notes.folder());
    notes.lose();
    let restored = notes.batt(&["restore", "notes"]).code(0);
    assert_eq!(Notes::read(&notes.folder()), before);
    restored.says("6 facts compared, no difference");
    restored.says("| plain is there");
    notes.assert_nothing_left();
}

#[test]
fn a_script_that_says_yes_and_loads_nothing_is_not_believed() {
    let (notes, _) = Notes::backed_up();
    notes.host.companion("restore-notes", "exit 0");
    let (exit, report) = notes.told(&["restore", "notes"]);
    assert_eq!((exit, &report["outcome"]), (2, &"failed".into()));
    let reason = report["reason"].as_str().unwrap();
    assert!(
        reason.contains("never loaded `a b`, `long` and `plain`"),
        "{reason}"
    );
}

#[test]
fn a_script_that_loads_half_is_not_believed() {
    let (notes, _) = Notes::backed_up();
    notes.host.companion(
        "restore-notes",
        "for note in \"$@\"; do batt load \"$note\" -- head -c 5 > /dev/null; done; exit 0",
    );
    let (exit, report) = notes.told(&["restore", "notes", "--into", "x"]);
    assert_eq!(exit, 2);
    let reason = report["reason"].as_str().unwrap();
    for note in ["a b", "plain", "long"] {
        let told = format!("`batt load {note}` failed: `head` ended before it had read the whole archive");
        assert!(reason.contains(&told), "{reason}");
    }
}

#[test]
fn the_folder_alone_is_enough() {
    let (notes, backup) = Notes::backed_up();
    let usb = notes.host.root().join("usb");
    fs::create_dir(&usb).unwrap();
    fs::rename(&backup, usb.join("notes")).unwrap();
    let target = notes.host.root().join("there");
    let mut command = std::process::Command::new(under_test("batt"));
    command
        .env_clear()
        .env("TMPDIR", notes.place())
        .current_dir(&usb)
        .args([
            "restore",
            "--home",
            "/nonexistent/batt",
            "--from",
            "./notes",
            "--into",
        ])
        .arg(&target);
    // A service that no batt knows has no script there.
    let refused = Finished::run(&mut command).code(2);
    refused.says("there is no script `restore-notes`");
    refused.says("usb/notes/RESTORE.md");
}

#[test]
fn into_and_replace_reach_the_script_and_nothing_else_is_overwritten() {
    let (notes, _) = Notes::backed_up();
    let before = Notes::read(&notes.folder());
    notes.write("plain", "newer\n");
    notes
        .batt(&["restore", "--note", "plain"])
        .code(2)
        .says("there is a note plain");
    assert_eq!(
        fs::read_to_string(notes.folder().join("plain")).unwrap(),
        "newer\n"
    );
    notes.batt(&["restore", "--note", "plain", "--replace"]).code(0);
    assert_eq!(Notes::read(&notes.folder()), before);
    let there = notes.host.root().join("there");
    notes
        .batt(&["restore", "notes", "--item", "a b", "--into", "./there"])
        .code(0);
    assert_eq!(Notes::read(&there).len(), 1);
    assert!(RESTORE.contains("BATT_TARGET"));
}

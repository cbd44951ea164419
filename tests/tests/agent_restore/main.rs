//! `batt restore`, with a service whose three scripts a test has written.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod choice;
mod distrust;
mod interruption;
mod load;
mod seekable;

use std::fs;
use std::path::Path;

use batt_tests::finished::Finished;
use batt_tests::host::{Host, under_test};
use batt_tests::triple::Notes;
use serde_json::json;

#[test]
fn what_was_lost_comes_back_and_is_compared() {
    let (notes, backup) = Notes::backed_up();
    let before = Notes::read(&notes.folder());
    notes.lose();
    let restored = notes.batt(&["restore", "notes"]).code(0);
    assert_eq!(Notes::read(&notes.folder()), before);
    restored.says("6 facts compared, no difference");
    restored.says("| plain is there");
    restored.says("0 minutes old");
    notes.assert_nothing_left();
    notes.lose();
    let (exit, report) = notes.told(&["restore", "notes"]);
    assert_eq!(exit, 0);
    assert_eq!(report["outcome"], "restored");
    assert_eq!(report["compared"], 6);
    assert_eq!(report["differences"], json!([]));
    assert_eq!(report["path"], backup.to_str().unwrap());
    assert_eq!(
        report["archives"][0],
        json!({"name": "a b", "compared": 2, "differences": []})
    );
    let quiet = notes.batt(&["-q", "restore", "notes", "--replace"]).code(0);
    assert_eq!(quiet.said(), "");
}

#[test]
fn the_folder_alone_is_enough_to_be_told_what_is_missing() {
    let (notes, backup) = Notes::backed_up();
    let usb = notes.host.root().join("usb");
    fs::create_dir(&usb).unwrap();
    fs::rename(&backup, usb.join("notes")).unwrap();
    let mut command = std::process::Command::new(under_test("batt"));
    command
        .env_clear()
        .env("TMPDIR", notes.place())
        .current_dir(&usb)
        .args(["restore", "--home", "/nonexistent/batt", "--from", "./notes"]);
    // A service that no batt knows has no script there.
    let refused = Finished::run(&mut command).code(2);
    refused.says("there is no script `restore-notes`");
    refused.says("usb/notes/RESTORE.md");
}

#[test]
fn the_folder_alone_is_enough() {
    let host = Host::new();
    let tree = host.scratch().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("letter"), "dear all\n").unwrap();
    host.batt(&["--file", tree.to_str().unwrap()]).success();
    let usb = host.root().join("usb");
    fs::rename(host.backup("file"), &usb).unwrap();
    // No home, no catalogue, no HOME: only the program and the folder.
    fs::remove_dir_all(host.home()).unwrap();
    fs::remove_dir_all(&tree).unwrap();
    let work = host.root().join("work");
    fs::create_dir(&work).unwrap();
    let alone = |arguments: &[&str]| {
        let mut command = std::process::Command::new(under_test("batt"));
        command.env_clear().env("TMPDIR", &work).current_dir(host.root());
        Finished::run(command.args(arguments))
    };
    let home = host.home();
    let home = ["--home", home.to_str().unwrap()];
    let told = alone(
        &[
            &home[..],
            &["restore", "--foreign", "--from", "./usb", "--into", "./there"],
        ]
        .concat(),
    )
    .code(0);
    told.says("by restore-file, as it comes with batt");
    told.says("no difference");
    let found = walk(&host.root().join("there"));
    assert!(found.iter().any(|text| text == "dear all\n"), "{found:?}");
    alone(&[&home[..], &["drill", "--from", "./usb"]].concat())
        .code(0)
        .says("proven");
    assert!(!host.home().exists(), "nothing was made");
    assert_eq!(fs::read_dir(&work).unwrap().count(), 0);
}

/// Returns what is in the files below a folder.
fn walk(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            texts.extend(walk(&entry.path()));
        } else {
            texts.push(fs::read_to_string(entry.path()).unwrap());
        }
    }
    texts
}

#[test]
fn into_and_replace_reach_the_script_and_nothing_else_is_overwritten() {
    let (notes, _) = Notes::backed_up();
    let before = Notes::read(&notes.folder());
    notes.write("plain", "newer\n");
    notes
        .batt(&["restore", "--note", "plain"])
        .code(2)
        .says("plain` is there already");
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
}

#[test]
fn a_dry_run_verifies_and_changes_nothing() {
    let (notes, backup) = Notes::backed_up();
    notes.lose();
    let told = notes
        .batt(&["restore", "notes", "-n", "--into", "elsewhere"])
        .code(0);
    told.says("would be restored, nothing was done");
    told.says("into `elsewhere`, by ");
    told.says("scripts-available/restore-notes");
    told.says("all 3 archives");
    assert!(Notes::read(&notes.folder()).is_empty());
    assert!(!notes.host.root().join("elsewhere").exists());
    notes.assert_nothing_left();
    Notes::flip(&backup.join("plain.zst"));
    let (exit, report) = notes.told(&["restore", "notes", "-n"]);
    assert_eq!((exit, &report["outcome"]), (2, &json!("damaged")));
}

#[test]
fn a_dry_run_says_what_the_script_would_refuse() {
    let (notes, _) = Notes::backed_up();
    let path = notes.host.home().join("scripts-available/restore-notes");
    let restores = fs::read_to_string(&path).unwrap();
    let looks = "# batt: dry-run  whether the place is free\nset -eu\n\
                 [ \"${BATT_DRY_RUN:-}\" = yes ] && [ $# -eq 3 ] || exit 1\n";
    for (end, exit, outcome, words) in [
        ("exit 0", 0, "ready", "would be restored, nothing was done"),
        (
            "echo 'a note is in the way' >&2; exit 1",
            2,
            "failed",
            "`notes` would be refused; nothing was done",
        ),
        (
            "echo 'no paper' >&2; echo 'hint: buy some' >&2; exit 69",
            69,
            "not-possible",
            "`notes` cannot be restored on this host; nothing was done",
        ),
    ] {
        notes.host.companion("restore-notes", &format!("{looks}{end}"));
        let told = notes.batt(&["restore", "notes", "-n"]).code(exit);
        told.says(words);
        let (_, report) = notes.told(&["restore", "notes", "-n"]);
        assert_eq!(report["outcome"], outcome, "{report:#}");
        let reason = report["reason"].as_str().unwrap_or_default();
        assert_eq!(
            reason.contains("in the way") || reason.contains("buy some"),
            exit != 0,
            "{reason}"
        );
    }
    // One that does not say that it can look is not called.
    fs::write(&path, restores).unwrap();
    notes.batt(&["restore", "notes", "-n"]).code(0);
    notes.assert_nothing_left();
}

/// As a restore and in the cell of a drill.
#[test]
fn a_script_asks_for_several_facts_at_once_and_which_it_has_are_known() {
    let (notes, _) = Notes::backed_up();
    let path = notes.host.home().join("scripts-available/restore-notes");
    let restores = fs::read_to_string(&path).unwrap();
    let asks = "batt recall --of='a b' lines no-such-fact first | tr '\\0' '|'; echo\n\
                printf 'lines\\tmany\\nno-such-fact\\tx\\n' | batt recall --of='a b' --known\n";
    fs::write(
        &path,
        restores.replacen("set -eu\n", &format!("set -eu\n{asks}"), 1),
    )
    .unwrap();
    let content = notes.host.content("notes", "a b");
    let (lines, first) = (&content["lines"], &content["first"]);
    notes.lose();
    for verb in ["restore", "drill"] {
        let told = notes.batt(&[verb, "notes"]).code(0);
        told.says(&format!("| {lines}||{first}|\n"));
        told.says("| lines\tmany\n");
        assert!(!told.said().contains("no-such-fact"), "{}", told.said());
    }
}

#[test]
fn the_environment_of_the_caller_is_kept_beneath() {
    let (notes, _) = Notes::backed_up();
    notes
        .host
        .companion("restore-notes", "env > $BATT_TARGET/env; exit 1");
    let there = notes.host.scratch();
    let mut command = notes.command(&["restore", "notes", "--into", there.to_str().unwrap()]);
    command
        .env("PGHOST", "db.example.net")
        .env("BATT_DEST", "/nonexistent")
        .env("NOTES_DIR", "/elsewhere");
    Finished::run(&mut command).code(2);
    let told = fs::read_to_string(there.join("env")).unwrap();
    let has = |line: &str| told.lines().any(|own| own == line);
    assert!(has("PGHOST=db.example.net"), "{told}");
    assert!(has("BATT_VERB=restore") && has("BATT_SERVICE=notes"), "{told}");
    assert!(!told.contains("BATT_DEST"), "{told}");
    let folder = notes.folder();
    assert!(has(&format!("NOTES_DIR={}", folder.display())), "{told}");
}

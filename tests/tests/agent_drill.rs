//! `batt drill`, with a service whose three scripts a test has written.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and what is skipped is told loudly"
)]

use std::fs;

use batt_tests::finished::Finished;
use batt_tests::process::{assert_none_lives, living_with, signal, until};
use batt_tests::triple::{BACKUP, DRILL, Notes, RESTORE};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Returns what `batt backups` says of the newest backup.
fn newest(notes: &Notes) -> Value {
    let told = notes.host.batt(&["--format", "json", "backups"]).success();
    let told: Value = serde_json::from_str(&told).unwrap();
    told["backups"].as_array().unwrap().last().unwrap().clone()
}

/// Drills the notes, and returns the exit code and what is told.
#[track_caller]
fn drilled(notes: &Notes) -> (i32, Value) {
    let (exit, mut report) = notes.told(&["drill", "notes"]);
    notes.assert_nothing_left();
    (exit, report["drills"][0].take())
}

#[test]
fn a_backup_that_comes_back_is_proven_and_has_a_receipt() {
    let (notes, backup) = Notes::backed_up();
    assert_eq!(newest(&notes)["drilled"], json!(null));
    let (exit, told) = drilled(&notes);
    assert_eq!((exit, &told["outcome"]), (0, &json!("proven")), "{told}");
    assert_eq!(told["compared"], 6);
    assert_eq!(told["path"], backup.to_str().unwrap());
    assert_eq!(told["id"], newest(&notes)["id"]);
    assert!(newest(&notes)["drilled"].is_string());
    assert_eq!(newest(&notes)["drill"], "proven");
    notes.batt(&["backups"]).code(0).says(" proven 2");
    let catalogue = fs::read_to_string(notes.host.home().join("var/catalogue.jsonl")).unwrap();
    assert!(catalogue.contains("\"reader-version\":\"1\""), "{catalogue}");
    // What is there was not touched.
    assert_eq!(Notes::read(&notes.folder()).len(), 3);
    let all = notes.batt(&["drill"]).code(0);
    all.says("proven");
    all.says("6 facts compared");
}

#[test]
fn a_backup_that_does_not_come_back_does_not_count_until_it_does() {
    let (notes, _) = Notes::backed_up();
    notes.host.companion(
        "drill-notes",
        &DRILL.replace("\"${0%/*}", "BATT_WORSE=yes \"${0%/*}"),
    );
    let worse = RESTORE.replace(
        "    batt record --of \"$note\" lines",
        "    [ -z \"${BATT_WORSE:-}\" ] || echo more >> \"$target/$note\"\n    batt record --of \"$note\" lines",
    );
    notes.host.companion("restore-notes", &worse);
    let (exit, told) = drilled(&notes);
    assert_eq!((exit, &told["outcome"]), (2, &json!("failed")), "{told}");
    assert_eq!(told["differences"][0], "`a b`: `lines` is `3` instead of `2`");
    assert_eq!(told["differences"].as_array().unwrap().len(), 3);
    assert_eq!(newest(&notes)["drilled"], json!(null));
    notes.batt(&["restore", "notes", "-n"]).code(65);
    let text = notes.batt(&["drill"]).code(2);
    text.says("`plain`: `lines` is `2` instead of `1`");
    notes.host.companion("drill-notes", DRILL);
    assert_eq!(drilled(&notes).0, 0);
    notes.batt(&["restore", "notes", "-n"]).code(0);
}

#[test]
fn a_drill_script_that_loads_nothing_is_not_believed() {
    let (notes, _) = Notes::backed_up();
    notes.host.companion("drill-notes", "exit 0");
    let (exit, told) = drilled(&notes);
    assert_eq!((exit, &told["outcome"]), (2, &json!("failed")), "{told}");
    assert!(told["reason"].as_str().unwrap().contains("never loaded"));
}

#[test]
fn a_damaged_backup_fails_without_its_script() {
    let (notes, backup) = Notes::backed_up();
    Notes::flip(&backup.join("long.zst"));
    notes.host.companion("drill-notes", "exit 69");
    let (exit, told) = drilled(&notes);
    assert_eq!((exit, &told["outcome"]), (2, &json!("failed")), "{told}");
    assert!(told["reason"].as_str().unwrap().contains("`long.zst`"), "{told}");
}

#[test]
fn what_this_host_cannot_do_says_nothing_of_the_backup() {
    let (notes, _) = Notes::backed_up();
    let before = fs::read(notes.host.home().join("var/catalogue.jsonl")).unwrap();
    notes
        .host
        .companion("drill-notes", "echo the reader is not installed >&2; exit 69");
    let (exit, told) = drilled(&notes);
    assert_eq!((exit, &told["outcome"]), (69, &json!("not-possible")), "{told}");
    assert!(
        told["reason"]
            .as_str()
            .unwrap()
            .contains("the reader is not installed")
    );
    // As somebody from outside does, or the kernel when there is no memory.
    notes.host.companion("drill-notes", "kill -KILL $$");
    let (exit, told) = drilled(&notes);
    assert_eq!((exit, &told["outcome"]), (69, &json!("not-possible")), "{told}");
    assert!(told["reason"].as_str().unwrap().contains("killed by signal 9"));
    notes.drill_settings("max_duration = \"1s\"");
    let waits = waiting(&notes, 1_000_000_071);
    let (exit, told) = drilled(&notes);
    assert_eq!((exit, &told["outcome"]), (69, &json!("not-possible")), "{told}");
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("stopped after `max_duration`"), "{reason}");
    assert!(reason.contains("hint: `max_duration` of `[drill]`"), "{reason}");
    assert_none_lives(&waits);
    let after = fs::read(notes.host.home().join("var/catalogue.jsonl")).unwrap();
    assert_eq!(before, after, "no receipt");
    notes.batt(&["restore", "notes", "-n"]).code(0);
}

#[test]
fn memory_is_bounded() {
    let (notes, _) = Notes::backed_up();
    notes.drill_settings("memory = \"64MiB\"");
    // tail(1) keeps what has no end of a line.
    let script = format!(
        "bytes=$(head -c 300M /dev/zero | tail -n 1 | wc -c)\n[ \"$bytes\" = 314572800 ] || exit 3\n{DRILL}"
    );
    notes.host.companion("drill-notes", &script);
    let (exit, told) = drilled(&notes);
    assert_ne!(exit, 0, "{told}");
    // By a group it is known that it was the memory; without one it is at least told.
    let known = told["outcome"] == "not-possible" && told["reason"].to_string().contains("more memory than");
    let told_so = told["warnings"]
        .to_string()
        .contains("could take 64.0 MiB of memory");
    assert!(known || told_so, "{told}");
    notes.drill_settings("memory = \"2GiB\"");
    let (exit, told) = drilled(&notes);
    assert_eq!(exit, 0, "{told}");
}

#[test]
fn no_network_is_within_the_reach_of_a_drill() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can make a network of its own");
        return;
    }
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let reach = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{}",
        server.local_addr().unwrap().port()
    );
    let (notes, _) = Notes::backed_up();
    notes.host.companion(
        "drill-notes",
        &format!("if (bash -c '{reach}') 2>/dev/null; then echo reached; exit 3; fi\n{DRILL}"),
    );
    let (exit, told) = drilled(&notes);
    assert_eq!((exit, &told["outcome"]), (0, &json!("proven")), "{told}");
    let met = server.accept();
    assert!(met.is_err(), "somebody called: {met:?}");
    // A restore goes wherever its person wants.
    notes
        .host
        .companion("restore-notes", &format!("bash -c '{reach}'\n{RESTORE}"));
    notes
        .batt(&["restore", "notes", "--into", notes.place().to_str().unwrap()])
        .code(0);
    server.accept().unwrap();
}

#[test]
fn a_backup_that_went_meanwhile_is_not_called_bad() {
    let (notes, backup) = Notes::backed_up();
    // It goes on until the backup cannot be read any more.
    let seconds = "1000000073";
    let script = format!("sleep {seconds} &\nwhile batt load long -- cat >/dev/null; do :; done; exit 3");
    notes.host.companion("drill-notes", &script);
    let child = notes.start(&["--format", "json", "drill", "notes"]);
    until("the script loads", || !living_with(seconds).is_empty());
    // All of it at once, as a purge does: one half of a backup would be a damaged one.
    let gone = notes.host.scratch().join("gone");
    fs::rename(&backup, &gone).unwrap();
    let told: Value = serde_json::from_str(&Finished::of(child).code(8).stdout).unwrap();
    notes.assert_nothing_left();
    let told = &told["drills"][0];
    assert_eq!(told["outcome"], "gone", "{told}");
    assert!(
        told["reason"]
            .as_str()
            .unwrap()
            .contains("replaced or removed meanwhile")
    );
}

#[test]
fn a_service_without_a_drill_script_is_told() {
    let (notes, _) = Notes::backed_up();
    notes.host.drop_in("other", "echo x > \"$BATT_DEST/other/a\"");
    notes.host.batt(&["other"]).success();
    let (exit, report) = notes.told(&["drill"]);
    assert_eq!(exit, 0);
    let outcomes: Vec<&Value> = report["drills"]
        .as_array()
        .unwrap()
        .iter()
        .map(|drill| &drill["outcome"])
        .collect();
    assert_eq!(outcomes, [&json!("proven"), &json!("no-script")]);
    // Whoever asks for it gets no 0.
    notes
        .batt(&["drill", "other"])
        .code(69)
        .says("there is no script `drill-other`");
    notes.batt(&["drill", "nothing"]).code(65);
    let (exit, report) = notes.told(&["drill", "nothing", "notes"]);
    assert_eq!(exit, 8);
    assert_eq!(report["drills"][0]["outcome"], "not-started");
    assert_eq!(report["drills"][1]["outcome"], "proven");
    // One that is proven and one that is not possible here: nothing went wrong but that.
    let (exit, report) = notes.told(&["drill", "other", "notes"]);
    assert_eq!(exit, 69);
    assert_eq!(report["drills"][0]["outcome"], "not-possible");
    assert_eq!(report["drills"][1]["outcome"], "proven");
    // One that failed counts as what it is.
    notes.host.companion("drill-notes", "exit 1");
    assert_eq!(notes.told(&["drill", "other", "notes"]).0, 2);
}

#[test]
fn a_backup_of_which_nothing_was_recorded_is_loaded_and_not_proven() {
    let notes = Notes::new();
    let silent: String = BACKUP
        .lines()
        .filter(|line| !line.contains("batt record"))
        .fold(String::new(), |script, line| script + line + "\n");
    notes.host.drop_in("notes", &silent);
    notes.host.batt(&["notes"]).success();
    let (exit, told) = drilled(&notes);
    assert_eq!((exit, &told["outcome"]), (0, &json!("loaded")), "{told}");
    assert_eq!(newest(&notes)["drill"], "loaded");
    assert!(newest(&notes)["drilled"].is_string());
    let text = notes.batt(&["drill", "notes"]).code(0);
    text.says("loaded");
    text.says("nothing was recorded to compare");
    notes.batt(&["backups"]).code(0).says(" loaded 2");
    notes.batt(&["restore", "notes", "-n"]).code(0);
}

#[test]
fn nothing_of_the_caller_reaches_a_drill_and_a_folder_needs_no_catalogue() {
    let (notes, backup) = Notes::backed_up();
    notes.host.companion("drill-notes", &format!("env\n{DRILL}"));
    notes
        .host
        .configure("notes", &[("NOTES_PASSWORD", "canary-of-a-drill")]);
    fs::remove_file(notes.host.home().join("var/catalogue.jsonl")).unwrap();
    let mut command = notes.command(&["drill", "--from", backup.to_str().unwrap()]);
    command.env("PGHOST", "db.example.net").env("BATT_REPLACE", "yes");
    let told = Finished::run(&mut command).code(0).said();
    assert!(told.contains("BATT_VERB=drill\n"), "{told}");
    for hidden in [
        "PGHOST",
        "BATT_REPLACE",
        "NOTES_",
        "canary-of-a-drill",
        "BATT_HOME",
    ] {
        assert!(!told.contains(hidden), "{hidden}: {told}");
    }
    notes.assert_nothing_left();
}

#[test]
fn what_a_copy_shows_says_nothing_of_the_one_that_was_copied() {
    let (notes, backup) = Notes::backed_up();
    let copy = notes.host.scratch().join("notes");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(&backup).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let from = copy.to_str().unwrap();
    notes.batt(&["drill", "--from", from]).code(0).says("proven");
    assert_eq!(newest(&notes)["drilled"], json!(null));
    Notes::flip(&copy.join("plain.zst"));
    notes.batt(&["drill", "--from", from]).code(2).says("`plain.zst`");
    notes.batt(&["restore", "notes", "-n"]).code(0);
}

/// Makes the drill script wait, in a process of its own too, and returns what stands in the command lines of both.
fn waiting(notes: &Notes, seconds: u64) -> String {
    let body = format!("setsid sleep {seconds} &\nsleep {seconds}");
    notes.host.companion("drill-notes", &body);
    seconds.to_string()
}

#[test]
fn a_drill_that_is_ended_leaves_nothing() {
    let (notes, _) = Notes::backed_up();
    let waits = waiting(&notes, 1_000_000_072);
    notes.host.drop_in("other", "batt store a -- echo text");
    notes.host.batt(&["other"]).success();
    let child = notes.start(&["--format", "json", "drill"]);
    until("the script waits", || living_with(&waits).len() == 2);
    signal(&child, Signal::TERM);
    let told = Finished::of(child).code(143);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    // The one that had no turn is told, too.
    for (position, service) in ["notes", "other"].into_iter().enumerate() {
        assert_eq!(told["drills"][position]["service"], service);
        assert_eq!(told["drills"][position]["outcome"], "cancelled");
    }
    assert_none_lives(&waits);
    notes.assert_nothing_left();
    let mut child = notes.start(&["drill"]);
    until("the script waits", || living_with(&waits).len() == 2);
    child.kill().unwrap();
    child.wait().unwrap();
    until("all of it ends with batt", || living_with(&waits).is_empty());
    notes.host.companion("drill-notes", DRILL);
    assert_eq!(drilled(&notes).0, 0);
}

#[test]
fn without_settings_the_work_is_done_where_everybody_may() {
    let (notes, _) = Notes::backed_up();
    notes.host.settings("");
    notes.host.batt(&["drill", "notes"]).code(0);
    notes.host.batt(&["restore", "notes", "--replace"]).code(0);
}

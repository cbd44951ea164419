//! Nothing is believed: not the script, not the backup, not what lies beside it.

use std::fs;

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use batt_tests::triple::{Notes, RESTORE};
use serde_json::json;

#[test]
fn a_script_that_says_yes_and_loads_nothing_is_not_believed() {
    let (notes, _) = Notes::backed_up();
    notes.host.companion("restore-notes", "exit 0");
    let (exit, report) = notes.told(&["restore", "notes"]);
    assert_eq!((exit, &report["outcome"]), (2, &json!("failed")));
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
fn what_is_there_is_compared_both_ways() {
    let (notes, _) = Notes::backed_up();
    notes.lose();
    let worse = RESTORE.replace(
        "    echo",
        "    [ \"$note\" != plain ] || { batt record --of plain lines 9; batt record --of plain extra 1; }\n    echo",
    );
    let worse = worse.replace(
        "batt record --of \"$note\" first",
        "[ \"$note\" = long ] || batt record --of \"$note\" first",
    );
    notes.host.companion("restore-notes", &worse);
    let (exit, report) = notes.told(&["restore", "notes"]);
    assert_eq!((exit, &report["outcome"]), (2, &json!("different")));
    assert_eq!(
        report["differences"],
        json!([
            "`long`: `first` is missing, it was `a line of many`",
            "`plain`: `lines` is `9` instead of `1`",
            "`plain`: `extra` is there, `1`, and was not before"
        ])
    );
    let told = notes.batt(&["restore", "notes", "--replace"]).code(2);
    told.says("`plain`: `lines` is `9` instead of `1`");
    told.says("and 3 differences found");
}

#[test]
fn a_damaged_backup_is_not_restored_and_nothing_is_touched() {
    let (notes, backup) = Notes::backed_up();
    notes.lose();
    Notes::flip(&backup.join("long.zst"));
    let (exit, report) = notes.told(&["restore", "notes"]);
    assert_eq!((exit, &report["outcome"]), (2, &json!("damaged")));
    let damages = report["damages"].to_string();
    assert!(damages.contains("`long.zst`"), "{damages}");
    assert!(Notes::read(&notes.folder()).is_empty());
    notes.assert_nothing_left();
    // What is not asked for is not in the way.
    notes.batt(&["restore", "--note", "plain"]).code(0);
    fs::remove_file(backup.join("SHA256SUMS")).unwrap();
    let (exit, report) = notes.told(&["restore", "--note", "a b"]);
    assert_eq!((exit, &report["outcome"]), (2, &json!("damaged")));
}

#[test]
fn backups_that_changed_places_are_told() {
    let (notes, first) = Notes::backed_up();
    notes.write("plain", "another\n");
    notes.host.batt(&["--note", "plain", "notes"]).success();
    let place = first.parent().unwrap();
    let second = fs::read_dir(place)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| *path != first)
        .unwrap();
    let aside = place.join("aside");
    fs::rename(&first, &aside).unwrap();
    fs::rename(&second, &first).unwrap();
    fs::rename(&aside, &second).unwrap();
    notes.lose();
    // None of the two is where it should be, so there is none; as folders both are told.
    notes.batt(&["restore", "notes"]).code(65);
    let path = second.to_str().unwrap();
    let told = notes.batt(&["restore", "--from", path]).code(2);
    told.says("lies here, and ");
    assert!(Notes::read(&notes.folder()).is_empty());
}

#[test]
fn a_manifest_that_was_edited_is_not_the_one_that_was_published() {
    let (notes, backup) = Notes::backed_up();
    let manifest = backup.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap().replace("\"1\"", "\"2\"");
    fs::write(&manifest, &text).unwrap();
    notes.lose();
    let (exit, report) = notes.told(&["restore", "notes"]);
    assert_eq!((exit, &report["outcome"]), (2, &json!("damaged")));
    assert!(
        report["damages"].to_string().contains("manifest.json"),
        "{report}"
    );
}

#[test]
fn another_host_is_told_and_accepted() {
    let (notes, backup) = Notes::backed_up();
    notes.lose();
    notes.host.batt(&["init", "--new-id"]).success();
    let from = backup.to_str().unwrap();
    notes
        .batt(&["restore", "--from", from])
        .code(77)
        .says("--foreign");
    let told = notes.batt(&["restore", "--foreign", "--from", from]).code(0);
    told.says("it is not known to this host");
    assert_eq!(Notes::read(&notes.folder()).len(), 3);
}

#[test]
fn a_script_that_others_can_write_is_not_run() {
    let (notes, _) = Notes::backed_up();
    let ran = notes.host.scratch().join("ran");
    let script = notes
        .host
        .companion("restore-notes", &format!("touch {}", ran.display()));
    chmod(&script, 0o777);
    notes
        .batt(&["restore", "notes"])
        .code(77)
        .says("restore-notes` is not trusted");
    assert!(!ran.exists());
}

#[test]
fn without_a_record_it_is_said_that_nothing_was_compared() {
    let notes = Notes::new();
    notes
        .host
        .drop_in("notes", "batt store plain -- cat \"$NOTES_DIR/plain\"");
    notes.host.batt(&["notes"]).success();
    notes.lose();
    notes
        .batt(&["restore", "notes"])
        .code(0)
        .says("the backup records nothing that it could be compared with");
}

#[test]
fn this_host_cannot_do_it_is_another_word() {
    let (notes, _) = Notes::backed_up();
    notes
        .host
        .companion("restore-notes", "echo no reader here >&2; exit 69");
    let (exit, report) = notes.told(&["restore", "notes"]);
    assert_eq!((exit, &report["outcome"]), (69, &json!("not-possible")));
    assert!(report["reason"].as_str().unwrap().contains("no reader here"));
}

#[test]
fn secrets_are_masked_wherever_they_come_from() {
    let (notes, _) = Notes::backed_up();
    notes.host.companion(
        "restore-notes",
        "echo \"with $READER_PASSWORD and $NOTES_TOKEN\"; exit 1",
    );
    let folder = notes.folder();
    notes.host.configure(
        "notes",
        &[
            ("NOTES_DIR", folder.to_str().unwrap()),
            ("READER_PASSWORD", "hunter2hunter2"),
        ],
    );
    let mut command = notes.command(&["restore", "notes"]);
    command.env("NOTES_TOKEN", "swordfish99");
    let told = Finished::run(&mut command).code(2);
    let said = told.said();
    assert!(!said.contains("hunter2") && !said.contains("swordfish"), "{said}");
}

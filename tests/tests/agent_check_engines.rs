//! `batt check`: what scripts find wrong themselves, and what drills have shown.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use batt_tests::drop_in::chmod;
use batt_tests::process::assert_none_lives;
use batt_tests::triple::{BACKUP, DRILL, Notes};

const ASKED: &str = r#"
# batt: check    looks for the notes
if [ "${BATT_CHECK:-}" = yes ]; then
    [ -z "${BATT_DEST:-}" ] || exit 9
    [ -d "$NOTES_DIR" ] && exit 0
    echo "there are no notes in $NOTES_DIR"
    echo "with $NOTES_PASSWORD nothing is reached"
    exit 1
fi"#;

#[test]
fn what_a_script_finds_wrong_is_a_problem_and_nothing_is_backed_up() {
    let notes = Notes::new();
    notes.host.drop_in("notes", &format!("{ASKED}\n{BACKUP}"));
    notes.host.batt(&["enable", "notes"]).success();
    let folder = notes.folder();
    let there = [
        ("NOTES_DIR", folder.to_str().unwrap()),
        ("NOTES_PASSWORD", "hunter2hunter2"),
    ];
    notes.host.configure("notes", &there);
    notes.batt(&["check"]).code(0);
    let elsewhere = [
        ("NOTES_DIR", "/nonexistent"),
        ("NOTES_PASSWORD", "hunter2hunter2"),
    ];
    notes.host.configure("notes", &elsewhere);
    let told = notes.batt(&["check"]).code(2);
    told.says("problem: `notes`: there are no notes in /nonexistent");
    told.says("problem: `notes`: with ******** nothing is reached");
    told.says("2 problems");
    // A program is told the same.
    let told = notes.batt(&["check", "--format", "json"]).code(2);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let problems: Vec<&str> = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["level"] == "problem")
        .map(|finding| finding["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        problems,
        [
            "`notes`: there are no notes in /nonexistent",
            "`notes`: with ******** nothing is reached"
        ]
    );
    assert_eq!(told["problems"], 2);
    assert!(notes.host.backups("notes").is_empty());
    notes.assert_nothing_left();
    // One that is not enabled is not asked.
    notes.host.batt(&["disable", "notes"]).success();
    notes.batt(&["check"]).code(0);
}

#[test]
fn what_a_script_calls_a_note_or_a_warning_is_one() {
    let notes = Notes::new();
    notes.host.drop_in("notes", "# batt: check looks\necho 'note: 4 notes'\necho 'warning: one is large'\nexit $(cat $NOTES_DIR/exit)");
    notes.host.batt(&["enable", "notes"]).success();
    let folder = notes.folder();
    notes
        .host
        .configure("notes", &[("NOTES_DIR", folder.to_str().unwrap())]);
    std::fs::write(folder.join("exit"), "0").unwrap();
    let warnings = |told: &str| {
        told.lines()
            .filter(|line| line.starts_with("warning: `notes`: "))
            .count()
    };
    let told = notes.batt(&["check"]).code(0);
    assert!(
        told.stdout.lines().any(|line| line == "`notes`: 4 notes"),
        "{}",
        told.said()
    );
    assert_eq!(warnings(&told.stdout), 1, "{}", told.said());
    told.says("warning: `notes`: one is large");

    std::fs::write(folder.join("exit"), "1").unwrap();
    let told = notes.batt(&["check"]).code(2);
    assert_eq!(warnings(&told.stdout), 1, "{}", told.said());
    told.says("1 problem,");
    told.says("problem: `notes`: its script found something wrong, and did not say what");
}

#[test]
fn a_script_that_does_not_say_that_it_can_be_asked_is_not_run() {
    let notes = Notes::new();
    let ran = notes.host.scratch().join("ran");
    notes.host.drop_in("notes", &format!("touch {}", ran.display()));
    notes.host.batt(&["enable", "notes"]).success();
    notes.batt(&["check"]).code(0);
    assert!(!ran.exists());
    let said = format!(
        "# batt: check something\nsetsid sleep 1000 &\necho odd\ntouch {}",
        ran.display()
    );
    notes.host.drop_in("notes", &said);
    let told = notes.batt(&["check"]).code(0);
    told.says("warning: `notes`: odd");
    assert!(ran.exists());
    assert_none_lives(&notes.place().display().to_string());
}

#[test]
fn scripts_that_restore_and_drills_that_failed_are_told() {
    let (notes, _) = Notes::backed_up();
    notes.host.batt(&["enable", "notes"]).success();
    notes.batt(&["check"]).code(0);
    let script = notes.host.companion("drill-notes", "exit 3");
    notes.batt(&["drill", "notes"]).code(2);
    let told = notes.batt(&["check"]).code(2);
    told.says("the last drill of `");
    told.says("failed: the script failed: exit code 3");
    notes.host.companion("drill-notes", DRILL);
    notes.batt(&["drill", "notes"]).code(0);
    notes.batt(&["check"]).code(0);
    chmod(&script, 0o777);
    notes.batt(&["check"]).code(2).says("drill-notes` is not trusted");
}

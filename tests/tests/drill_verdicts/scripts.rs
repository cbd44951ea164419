//! What is found whatever the script and its engine are.

use batt_tests::triple::{DRILL, Notes};
use serde_json::json;

/// Drills with this as the script.
#[track_caller]
fn told_of(script: &str) -> (i32, String, String) {
    let (notes, _) = Notes::backed_up();
    notes.host.companion("drill-notes", script);
    let (exit, report) = notes.told(&["drill", "notes"]);
    notes.assert_nothing_left();
    let told = &report["drills"][0];
    let text = |field: &str| told[field].as_str().unwrap_or_default().to_owned();
    (exit, text("outcome"), text("reason"))
}

#[test]
fn a_program_that_is_not_here_is_named_and_says_nothing_of_the_backup() {
    for script in [
        "set -e\nno-such-engine --start",
        "set -e\nbatt load plain -- no-such-engine --load",
    ] {
        let (exit, outcome, reason) = told_of(script);
        assert_eq!((exit, outcome.as_str()), (69, "not-possible"), "{reason}");
        assert!(reason.contains("no-such-engine"), "{reason}");
        assert!(reason.contains("hint: "), "{reason}");
    }
}

#[test]
fn what_was_killed_in_the_middle_says_nothing_of_the_backup() {
    for script in [
        "set -e\nsh -c 'kill -KILL $$'",
        "set -e\nbatt load plain -- sh -c 'kill -KILL $$'",
        "batt load plain -- sh -c 'cat >/dev/null; sh -c \"kill -KILL \\$\\$\"; exit $?' || { echo it could not be restored >&2; exit 1; }",
        "batt load plain -- sh -c 'kill -KILL $$' || { echo it could not be restored >&2; exit 1; }",
    ] {
        let (exit, outcome, reason) = told_of(script);
        assert_eq!((exit, outcome.as_str()), (69, "not-possible"), "{reason}");
        assert!(reason.contains("killed"), "{reason}");
    }
}

#[test]
fn a_command_of_a_load_may_say_that_this_host_cannot_do_it() {
    let (exit, outcome, reason) =
        told_of("set -e\nbatt load plain -- sh -c 'cat >/dev/null; echo no reader here >&2; exit 69'");
    assert_eq!((exit, outcome.as_str()), (69, "not-possible"), "{reason}");
    assert!(reason.contains("no reader here"), "{reason}");
}

#[test]
fn content_that_a_command_refuses_is_evidence() {
    let (exit, outcome, reason) =
        told_of("set -e\nbatt load plain -- sh -c 'cat >/dev/null; echo line 1 makes no sense >&2; exit 1'");
    assert_eq!((exit, outcome.as_str()), (2, "failed"), "{reason}");
    assert!(reason.contains("line 1 makes no sense"), "{reason}");
}

#[test]
fn an_archive_that_is_damaged_is_so_whatever_this_host_lacks_for_the_rest() {
    let damaged = "batt load --check sqlite plain -- sh -c 'cat >/dev/null'";
    for then in [
        "exit 69",
        "sh -c 'kill -KILL $$'; exit $?",
        "kill -KILL $$",
        "echo 'x: No space left on device' >&2; exit 1",
    ] {
        let (exit, outcome, reason) = told_of(&format!("{damaged}\n{then}"));
        assert_eq!((exit, outcome.as_str()), (2, "failed"), "{then}: {reason}");
        assert!(reason.contains("not a complete `sqlite`"), "{then}: {reason}");
    }
}

#[test]
fn an_archive_that_was_refused_is_not_hidden_by_a_command_that_was_killed() {
    for end in ["$status", "1"] {
        let (exit, outcome, reason) = told_of(&format!(
            "batt load plain -- sh -c 'cat >/dev/null; echo line 1 makes no sense >&2; exit 1'
status=0
batt load long -- sh -c 'kill -KILL $$' || status=$?
exit {end}"
        ));
        assert_eq!((exit, outcome.as_str()), (2, "failed"), "{reason}");
        assert!(reason.contains("line 1 makes no sense"), "{reason}");
    }
}

#[test]
fn words_that_a_client_only_quotes_say_nothing_of_the_host() {
    for said in [
        "ERROR:  could not create unique index\nDETAIL:  Key (msg)=(x: No space left on device) is duplicated.",
        "ERROR:  invalid input syntax\nCONTEXT:  COPY log, line 5, column msg: \"Out of memory (1 page)\"",
        "pg_restore: error: refused\nCommand was: CREATE FUNCTION f() AS $$\n    RAISE 'out of memory'\nout of memory\n$$",
        "ERROR 1062 (23000) at line 9: Duplicate entry 'Cannot allocate memory' for key 'x'",
        "tar: No space left on device: Cannot open: File exists",
    ] {
        let (exit, outcome, reason) = told_of(&format!("cat >&2 <<'END'\n{said}\nEND\nexit 1"));
        assert_eq!((exit, outcome.as_str()), (2, "failed"), "{reason}");
        // Values of rows are in no reason.
        let told = said.replace("'Cannot allocate memory'", "'…'");
        assert!(reason.contains(told.lines().next().unwrap()), "{reason}");
    }
}

#[test]
fn one_bad_archive_is_named_and_so_is_the_rest_that_came() {
    let (exit, outcome, reason) = told_of(
        "status=0\nfor note in \"$@\"; do\n    command='cat >/dev/null'\n    [ \"$note\" != plain ] || command='cat >/dev/null; echo line 1 of plain makes no sense >&2; exit 1'\n    batt load \"$note\" -- sh -c \"$command\" || status=1\ndone\nexit $status",
    );
    assert_eq!((exit, outcome.as_str()), (2, "failed"), "{reason}");
    assert!(reason.contains("line 1 of plain makes no sense"), "{reason}");
    assert!(
        reason.contains("loaded whole: `a b`, `long`; not: `plain`"),
        "{reason}"
    );
}

#[test]
fn the_line_with_the_error_is_in_the_reason_whatever_follows_it() {
    let (_, outcome, reason) = told_of(
        "echo 'pg_restore: error: could not execute query: ERROR:  no such relation x' >&2\nseq -f 'line %g of the command' 200 >&2\nexit 1",
    );
    assert_eq!(outcome, "failed");
    assert!(
        reason.contains("| pg_restore: error: could not execute query: ERROR:  no such relation x\n"),
        "{reason}"
    );
    assert!(reason.contains("| line 200 of the command"), "{reason}");
    assert!(!reason.contains("line 190 of"), "{reason}");
}

#[test]
fn a_scratch_folder_that_is_full_says_nothing_of_the_backup() {
    let (notes, _) = Notes::backed_up();
    // What is full is made free again before the script ends: only its words tell.
    notes.host.companion(
        "drill-notes",
        &format!(
            "set -e\nhead -c 100M /dev/zero > \"$BATT_SCRATCH/large\" || {{ rm \"$BATT_SCRATCH/large\"; exit 1; }}\n{DRILL}"
        ),
    );
    let place = notes.place();
    notes.host.settings(&format!(
        "reserve = \"0\"\n[drill]\nscratch = \"{}\"\n",
        place.display()
    ));
    let mounted = format!(
        "mount -t tmpfs -o size=20m none {0} && chmod 711 {0} && batt --format json drill notes",
        place.display()
    );
    let Some(finished) = notes.host.in_mounts(&mounted) else {
        return;
    };
    let report: serde_json::Value = serde_json::from_str(&finished.code(69).stdout).unwrap();
    assert_eq!(report["drills"][0]["outcome"], json!("not-possible"));
    let reason = report["drills"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("no room is left") && reason.contains("`scratch`"),
        "{reason}"
    );
    notes.batt(&["drill", "notes"]).code(0);
}

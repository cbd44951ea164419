//! `batt load`: what it hands over, and what it refuses.

use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::under_test;
use batt_tests::triple::{Notes, RESTORE};

/// Restores one note by a script, and returns why that failed.
#[track_caller]
fn failed(notes: &Notes, script: &str) -> String {
    notes.host.companion("restore-notes", script);
    let (exit, report) = notes.told(&["restore", "--note", "plain"]);
    assert_eq!(exit, 2, "{report}");
    report["reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_load_that_fails_fails_the_restore_whatever_the_script_returns() {
    let (notes, _) = Notes::backed_up();
    let reason = failed(&notes, "batt load plain -- cat; batt load nothing -- cat; exit 0");
    assert!(
        reason.contains("`batt load nothing` failed: the backup holds no archive of this name"),
        "{reason}"
    );
    let reason = failed(
        &notes,
        "batt load plain -- sh -c 'cat > /dev/null; exit 7'; exit 0",
    );
    assert!(reason.contains("`sh` ended with exit code 7"), "{reason}");
    let reason = failed(&notes, "batt load plain -- no-such-command; exit 0");
    assert!(
        reason.contains("cannot start `no-such-command`: no such command"),
        "{reason}"
    );
    let reason = failed(&notes, "batt laod plain -- cat; batt load plain -- cat; exit 0");
    assert!(reason.contains("`batt laod plain` failed"), "{reason}");
    // Killed in the middle: it began and never ended.
    let reason = failed(
        &notes,
        "batt load plain -- cat > /dev/null\nbatt load plain -- sh -c 'kill -9 $PPID' > /dev/null 2>&1; exit 0",
    );
    assert!(
        reason.contains("`batt load plain` began and never ended"),
        "{reason}"
    );
}

#[test]
fn what_changed_since_it_was_verified_is_noticed_when_it_is_loaded() {
    let (notes, _) = Notes::backed_up();
    let script = "cd \"$BATT_SOURCE\"\nprintf x >> plain.zst\nbatt load plain -- cat > /dev/null; exit 0";
    let reason = failed(&notes, script);
    assert!(
        reason.contains("`batt load plain` failed: `plain.zst`"),
        "{reason}"
    );
    let (notes, _) = Notes::backed_up();
    let script = "cd \"$BATT_SOURCE\"\necho 'one limb' | zstd -q -f -o plain.zst\nbatt load plain -- cat > /dev/null; exit 0";
    let reason = failed(&notes, script);
    assert!(
        reason.contains("`plain.zst` is not what was verified"),
        "{reason}"
    );
    let (notes, _) = Notes::backed_up();
    let script =
        "cd \"$BATT_SOURCE\"\nmv plain.zst x\nln -s x plain.zst\nbatt load plain -- cat > /dev/null; exit 0";
    let reason = failed(&notes, script);
    assert!(reason.contains("`plain.zst`"), "{reason}");
}

#[test]
fn a_manifest_that_changes_meanwhile_changes_nothing() {
    let (notes, _) = Notes::backed_up();
    notes.lose();
    let script = format!("rm \"$BATT_SOURCE/manifest.json\"\n{RESTORE}");
    notes.host.companion("restore-notes", &script);
    notes.batt(&["restore", "notes"]).code(0);
}

#[test]
fn archives_of_scripts_that_compress_by_themselves_are_decompressed() {
    let notes = Notes::new();
    notes.host.drop_in(
        "old",
        "cd \"$BATT_DEST/old\"\nfor z in gzip xz bzip2 cat; do echo \"by $z\" | $z > $z.${z#cat}; done\n\
         mv gzip.gzip a.gz; mv xz.xz b.xz; mv bzip2.bzip2 c.bz2; mv cat. d.txt",
    );
    notes.host.companion(
        "restore-old",
        "for name in \"$@\"; do batt load \"$name\" -- tee \"$BATT_TARGET/$name\" > /dev/null; done",
    );
    notes.host.batt(&["old"]).success();
    let there = notes.host.scratch();
    notes
        .batt(&["restore", "old", "--into", there.to_str().unwrap()])
        .code(0);
    let restored = Notes::read(&there);
    let told: Vec<(&str, &str)> = restored
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("a.gz", "by gzip\n"),
            ("b.xz", "by xz\n"),
            ("c.bz2", "by bzip2\n"),
            ("d.txt", "by cat\n")
        ]
    );
}

#[test]
fn outside_of_a_restore_there_is_nothing_to_load() {
    let mut command = Command::new(under_test("batt"));
    let told = Finished::run(command.env_clear().args(["load", "a", "--", "cat"]));
    told.code(64).says("this command is for scripts that `batt` runs");
}

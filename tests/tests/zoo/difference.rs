//! What differs between two long texts, told shortly.

use std::fs;
use std::process::Command;

use batt_tests::finished::Finished;

/// Asserts that two texts are the same, and tells otherwise the first lines that are not.
#[track_caller]
pub(crate) fn assert_same(what: &str, before: &str, after: &str) {
    if before == after {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("before"), folder.path().join("after"));
    fs::write(&old, before).unwrap();
    fs::write(&new, after).unwrap();
    let diff = Finished::run(Command::new("diff").args(["--text", "-U3"]).arg(&old).arg(&new));
    let lines: Vec<&str> = diff.stdout.lines().take(200).collect();
    panic!("{what}: it is not as it was\n{}", lines.join("\n"));
}

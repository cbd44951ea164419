//! The demo shows what it says it shows: it judges itself, and a test holds it to that.

use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::under_test;

fn demo(batt: &Path) -> Finished {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/demo.sh");
    let mut command = Command::new(script);
    command
        .arg(batt)
        .arg(under_test("batt-fleet"))
        .arg(env!("CARGO_BIN_EXE_batt-lab"));
    // Nothing of the person who tests: neither settings nor state.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BATT_")) {
        command.env_remove(name);
    }
    Finished::run(&mut command)
}

#[test]
fn the_main_job_is_shown_with_its_failure() {
    let finished = demo(&under_test("batt"));
    finished.says("2 of 3 hosts ok");
    finished.says("notes: page `0009.page` of table `letters` is damaged; the dump ends here");
    finished.says("hosts/db2/backup/");
    finished.says("manifest.json: OK");
    finished.success();
}

#[test]
fn a_demo_of_something_else_fails() {
    let finished = demo(&PathBuf::from("/bin/true"));
    assert_eq!(finished.code, Some(1), "{}", finished.said());
}

//! A test in a mount namespace of its own: what it mounts goes with it, however it ends.

use std::process::Command;

use batt_tests::finished::Finished;

const INSIDE: &str = "BATT_FAULTS_INSIDE";

/// Returns true in the namespace, where the test goes on. Outside of it, the test is started again inside by its full
/// name, must succeed there, and false is returned.
pub(crate) fn enter(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can mount");
        return false;
    }
    let program = std::env::current_exe().expect("a program knows its path");
    let mut again = Command::new("unshare");
    again
        .args(["--mount", "--propagation", "private", "--"])
        .arg(program)
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1");
    let finished = Finished::run(&mut again);
    assert_eq!(finished.code, Some(0), "inside:\n{}", finished.said());
    assert!(
        finished.stdout.contains("1 passed"),
        "there is no test `{test}`:\n{}",
        finished.said()
    );
    eprint!("{}", finished.stderr);
    false
}

/// Runs a program that must succeed.
#[track_caller]
pub(crate) fn must(program: &str, arguments: &[&str]) -> String {
    Finished::run(Command::new(program).args(arguments)).success()
}

//! Runs that are interrupted: by another, by a signal, by a kill.

use super::*;

#[test]
fn two_runs_at_once_are_one_run_and_a_busy_one() {
    let host = data();
    let waits = waiting(&host);
    let first = start(&host, &["--format", "json", "data"]);
    until("the script waits", || waits.exists());
    host.told("data", &["data"])
        .ended("busy", 75, &["holds its lock"]);
    host.told("data", &["--wait", "1s", "data"])
        .ended("busy", 75, &[]);
    // Another service is not kept waiting.
    host.try_script("other", "echo x > $BATT_DEST/other/a")
        .succeeded();
    let second = start(&host, &["--wait", "10m", "--format", "json", "data"]);
    until("the second one waits", || {
        has_open(&second, &host.home().join("var/locks/data.lock"))
    });
    // The second one takes the file again when its turn comes.
    fs::remove_file(&waits).unwrap();
    told("data", finish(first)).succeeded();
    until("the second one had its turn", || waits.exists());
    fs::remove_file(&waits).unwrap();
    told("data", finish(second)).succeeded();
    host.assert_sound();
}

#[test]
fn signals_end_a_run_with_all_of_its_processes_and_a_hangup_does_not() {
    let host = data();
    host.told("data", &["data"]).succeeded();
    let waits = waiting(&host);
    for (sent, exit) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let before = host.published();
        let child = start(&host, &["--format", "json", "data"]);
        until("the script waits", || waits.exists());
        signal(&child, Signal::HUP);
        signal(&child, sent);
        told("data", finish(child)).ended("cancelled", exit, &[]);
        assert_none_lives(&host.root().display().to_string());
        assert_eq!(host.published(), before);
        fs::remove_file(&waits).unwrap();
    }
    let child = start(&host, &["--format", "json", "data"]);
    until("the script waits", || waits.exists());
    signal(&child, Signal::HUP);
    fs::remove_file(&waits).unwrap();
    told("data", finish(child)).succeeded();
}

#[test]
fn a_run_that_was_killed_is_healed_by_the_next_one() {
    let host = data();
    host.told("data", &["data"]).succeeded();
    let earlier = host.published();
    let waits = waiting(&host);
    let mut child = start(&host, &["data"]);
    until("the script waits", || waits.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let runs = host.batt(&["runs"]).success();
    assert!(runs.lines().next().unwrap().contains("interrupted"), "{runs}");
    assert!(
        host.published().len() > earlier.len(),
        "its staging folder is still there"
    );
    // The script that lost its supervisor is still there; the next run must not share the service with it.
    let next = host.try_script("data", "touch $BATT_DEST/data/x; exit 1");
    next.failed(&["exit code 1"]);
    assert_none_lives(&waits.display().to_string());
    assert_none_lives(&host.root().display().to_string());
    assert_eq!(host.published(), earlier);
    let runs = host.batt(&["--format", "json", "runs"]).success();
    let runs: serde_json::Value = serde_json::from_str(&runs).unwrap();
    assert_eq!(runs["runs"][1]["exit"], 1, "{runs}");
}

#[test]
fn a_run_is_cancelled_while_it_reads_what_the_script_made_and_while_it_waits() {
    let host = data();
    // Sparse: made at once, and read for minutes.
    host.drop_in("data", "truncate -s 200G $BATT_DEST/data/a");
    let mut child = host.batt_command(&["--format", "json", "data"]);
    let child = child
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("batt reads the archive", || has_open(&child, Path::new("data/a")));
    // What waits for the service's lock is cancelled as well.
    let waits = start(&host, &["--wait", "10m", "--format", "json", "data"]);
    until("the second one waits", || {
        has_open(&waits, &host.home().join("var/locks/data.lock"))
    });
    signal(&waits, Signal::INT);
    told("data", finish(waits)).ended("not-started", 130, &[]);
    signal(&child, Signal::TERM);
    told("data", finish(child)).ended("cancelled", 143, &[]);
    assert_eq!(host.backups("data"), [] as [PathBuf; 0]);
    host.assert_sound();
}

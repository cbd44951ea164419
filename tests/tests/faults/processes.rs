//! Processes that are killed or stopped: the script, its dump, batt itself. What scripts leave running is in
//! `agent_scripts`, and supervisors that lose their controller in `agent_serve`.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use batt_tests::finished::Finished;
use batt_tests::process::{living_with, until};
use rustix::process::{Pid, Signal, kill_process};

use super::invariants::Watched;

/// A run whose script waits, with its processes by name.
struct Waiting {
    batt: Child,
    script: i32,
    scratch: std::path::PathBuf,
}

fn start(watched: &Watched) -> Child {
    watched
        .host
        .batt_command(&["--format", "json", "data"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Waiting {
    fn new(watched: &Watched) -> Self {
        let scratch = watched.host.scratch();
        let _ = fs::remove_file(scratch.join("waiting"));
        fs::write(scratch.join("waits"), "").unwrap();
        let batt = start(watched);
        until("the script waits", || scratch.join("waiting").exists());
        let script = process_with(watched, "backup-data").expect("the script runs");
        Self {
            batt,
            script,
            scratch,
        }
    }

    fn go_on(&self) {
        let _ = fs::remove_file(self.scratch.join("waits"));
    }

    fn end(self) -> Finished {
        finish(self.batt)
    }
}

fn finish(child: Child) -> Finished {
    let output = child.wait_with_output().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::new(),
    }
}

/// Returns the process of this host whose command line begins with a program and has a word in it.
fn process_with(watched: &Watched, word: &str) -> Option<i32> {
    let root = watched.host.root().display().to_string();
    living_with(&root).into_iter().find(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        // The script is started as `bash .../backup-data`.
        words
            .iter()
            .take(2)
            .any(|argument| Path::new(std::str::from_utf8(argument).unwrap_or_default()).ends_with(word))
    })
}

fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[test]
fn a_script_that_is_killed_fails_its_service() {
    let mut watched = Watched::new();
    let waiting = Waiting::new(&watched);
    send(waiting.script, Signal::KILL);
    waiting.go_on();
    let finished = waiting.end().code(2);
    finished.says("killed by signal 9");
    watched.invariants("kill -9 of the script", Some(&finished));
}

#[test]
fn a_dump_that_is_killed_and_a_batt_store_that_is_killed_fail_the_service() {
    let mut watched = Watched::new();
    for victim in ["seq", "batt"] {
        // As many lines as take minutes.
        watched.host.conf("backup-data.conf", "DATA_LINES=99999999999\n");
        let child = start(&watched);
        until("the dump runs", || process_with(&watched, "seq").is_some());
        let root = watched.host.root().display().to_string();
        let pid = living_with(&root)
            .into_iter()
            .find(|pid| {
                let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                match victim {
                    "seq" => line.starts_with("seq\0"),
                    _ => line.starts_with("batt\0store\0"),
                }
            })
            .unwrap();
        send(pid, Signal::KILL);
        let finished = finish(child).code(2);
        watched.host.conf("backup-data.conf", "");
        watched.invariants(&format!("kill -9 of {victim}"), Some(&finished));
    }
}

#[test]
fn batt_that_is_killed_leaves_a_script_that_the_next_run_ends() {
    let mut watched = Watched::new();
    let mut waiting = Waiting::new(&watched);
    waiting.batt.kill().unwrap();
    waiting.batt.wait().unwrap();
    assert!(
        Path::new("/proc").join(waiting.script.to_string()).exists(),
        "the script is an orphan"
    );
    watched.hold_at_once("kill -9 of batt", None);
    // The file stays: an orphan must not be able to hold the next run up, nor to write into its backup.
    let script = waiting.script;
    let next = std::thread::scope(|scope| {
        let next = scope.spawn(|| watched.host.batt(&["--format", "json", "data"]));
        until("the orphan is gone", || {
            !Path::new("/proc").join(script.to_string()).exists()
        });
        waiting.go_on();
        next.join().unwrap()
    });
    assert_eq!(next.code, Some(0), "{}", next.said());
    watched.invariants("kill -9 of batt", Some(&next));
}

#[test]
fn batt_or_a_script_that_is_stopped_for_a_while_goes_on() {
    let mut watched = Watched::new();
    let waiting = Waiting::new(&watched);
    let batt = Pid::from_child(&waiting.batt).as_raw_nonzero().get();
    for pid in [batt, waiting.script] {
        send(pid, Signal::STOP);
    }
    // Nothing to wait for: that nothing happens is the point.
    std::thread::sleep(Duration::from_millis(500));
    waiting.go_on();
    for pid in [batt, waiting.script] {
        send(pid, Signal::CONT);
    }
    let finished = waiting.end();
    assert_eq!(finished.code, Some(0));
    watched.invariants("a pause", Some(&finished));
}

#[test]
fn two_runs_at_once_and_one_that_is_killed_while_the_other_waits() {
    let mut watched = Watched::new();
    let first = Waiting::new(&watched);
    let busy = watched.host.batt(&["--format", "json", "data"]).code(75);
    watched.hold_at_once("two runs at once", Some(&busy));
    let second = watched
        .host
        .batt_command(&["--wait", "10m", "--format", "json", "data"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lock = watched.host.home().join("var/locks/data.lock");
    until("the second one waits for the lock", || {
        let open = fs::read_dir(format!("/proc/{}/fd", second.id()));
        open.into_iter()
            .flatten()
            .flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == lock))
    });
    let mut first = first;
    first.batt.kill().unwrap();
    first.batt.wait().unwrap();
    // The lock died with its holder; the script did not, and must not share the service with the next.
    first.go_on();
    let finished = finish(second);
    assert_eq!(finished.code, Some(0), "{}", finished.said());
    watched.invariants("one of two killed", Some(&finished));
}

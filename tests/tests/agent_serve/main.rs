//! `batt serve` as a controller sees it: JSON lines, a closed list of verbs, and runs that outlive the line.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod push;
mod refusals;
mod runs;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use batt_tests::host::{Host, under_test};
use batt_tests::process::{PATIENCE, assert_none_lives, kill, living_with, until};
use serde_json::{Value, json};

/// A line to `batt serve`.
struct Line {
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
    greeting: Value,
}

impl Line {
    fn open(host: &Host) -> Self {
        Self::open_command(host.batt_command(&["serve"]))
    }

    fn open_command(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                assert!(line.len() < 64 << 10, "a line of {} bytes", line.len());
                let _ = sender.send(line);
            }
        });
        let input = child.stdin.take();
        let mut line = Self {
            child,
            input,
            lines,
            greeting: Value::Null,
        };
        let greeting = line.raw();
        assert!(greeting.starts_with("{\"batt\":"), "{greeting}");
        line.greeting = serde_json::from_str(&greeting).unwrap();
        line
    }

    fn raw(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("batt serve answers")
    }

    fn next(&self) -> Value {
        serde_json::from_str(&self.raw()).unwrap()
    }

    fn send(&mut self, request: &Value) {
        self.send_raw(format!("{request}\n").as_bytes());
    }

    fn send_raw(&mut self, bytes: &[u8]) {
        // It may have hung up already: what it says then is what counts.
        let _ = self.input.as_mut().unwrap().write_all(bytes);
    }

    /// Sends a request and returns the one reply to it.
    fn ask(&mut self, request: &Value) -> Value {
        self.send(request);
        self.next()
    }

    /// Returns all replies up to one of this kind, and that one.
    fn until(&self, kind: &str) -> Vec<Value> {
        let mut replies = Vec::new();
        loop {
            let reply = self.next();
            let last = reply["reply"] == kind;
            assert!(last || reply["reply"] != "refused", "{reply}");
            replies.push(reply);
            if last {
                return replies;
            }
        }
    }

    fn close(mut self) -> ExitStatus {
        drop(self.input.take());
        self.child.wait().unwrap()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns an id of now that no other call returns.
fn run_id() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = Finished::run(Command::new("date").args(["-u", "+%Y%m%dT%H%M%SZ"])).success();
    let number = std::process::id() * 64 + NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{:06x}", now.trim(), number & 0x00ff_ffff)
}

fn run_request(run: &str, service: &str) -> Value {
    json!({"verb": "run", "run": run, "services": [{"service": service, "items": []}], "controller": "test"})
}

fn follow_request(run: &str, after: u64) -> Value {
    json!({"verb": "follow", "run": run, "after": after, "logs": {}})
}

fn kinds(replies: &[Value]) -> Vec<&str> {
    replies
        .iter()
        .filter_map(|reply| reply["event"]["event"]["kind"].as_str())
        .collect()
}

/// Returns the log that replies carry, and asserts that it is without a gap.
fn log_of(replies: &[Value]) -> Vec<u8> {
    let mut log: Vec<u8> = Vec::new();
    for reply in replies.iter().filter(|reply| reply["reply"] == "log") {
        assert_eq!(reply["offset"], log.len(), "{reply}");
        log.extend(decoded(reply["bytes"].as_str().unwrap()));
    }
    log
}

fn decoded(text: &str) -> Vec<u8> {
    let mut decode = Command::new("base64");
    let finished = Finished::run_with(decode.arg("-d"), text.as_bytes());
    finished.success().into_bytes()
}

fn encoded(bytes: &[u8]) -> String {
    Finished::run_with(Command::new("base64").arg("-w0"), bytes).success()
}

fn sha256(bytes: &[u8]) -> String {
    let sum = Finished::run_with(&mut Command::new("sha256sum"), bytes).success();
    sum.split(' ').next().unwrap().to_owned()
}

/// Puts a service in place that waits until the returned file is gone.
fn waiting(host: &Host) -> PathBuf {
    let waits = host.scratch().join("waits");
    let body = format!(
        "echo before; echo x > $BATT_DEST/foo/a; touch {0}; setsid sleep 1000 & while [ -e {0} ]; do sleep 0.02; done; kill $!; echo after; echo run >> {1}",
        waits.display(),
        host.scratch().join("count").display()
    );
    host.drop_in("foo", &body);
    waits
}

fn supervisor(host: &Host, run: &str) -> Option<i32> {
    let active = host.home().join("var/runs").join(run).join("active");
    fs::read_to_string(active).ok()?.trim().parse().ok()
}

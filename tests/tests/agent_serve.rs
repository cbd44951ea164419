//! `batt serve` as a controller sees it: JSON lines, a closed list of verbs, and runs that outlive the line.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use batt_tests::host::{Host, under_test};
use batt_tests::process::{assert_none_lives, kill, living_with, until};
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
        self.lines
            .recv_timeout(Duration::from_secs(30))
            .expect("batt serve answers")
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

#[test]
fn a_run_is_followed_to_its_end() {
    let host = Host::new();
    host.drop_in("foo", "echo one; echo two; echo x > $BATT_DEST/foo/a");
    let mut line = Line::open(&host);
    let greeting = &line.greeting["batt"];
    assert_eq!(greeting["home"], "ready");
    assert!(greeting["protocol"]["oldest"].is_number() && greeting["host_id"].as_str().unwrap().len() > 8);
    let run = run_id();
    let accepted = line.ask(&run_request(&run, "foo"));
    assert_eq!(
        accepted,
        json!({"reply": "accepted", "run": run, "attached": false})
    );
    line.send(&follow_request(&run, 0));
    let replies = line.until("ended");
    assert_eq!(
        kinds(&replies),
        ["run-started", "service-started", "service-ended", "run-ended"]
    );
    assert_eq!(
        replies.last().unwrap(),
        &json!({"reply": "ended", "run": run, "exit": 0, "state": "ended"})
    );
    assert_eq!(log_of(&replies), b"one\ntwo\n");
    let asked_by = &replies
        .iter()
        .find(|reply| reply["event"]["sequence"] == 1)
        .unwrap()["event"]["event"]["asked_by"];
    assert_eq!(asked_by["controller"], "test");
    // The log of a service is complete before it is said to have ended.
    let place = |what: &dyn Fn(&Value) -> bool| replies.iter().position(what).unwrap();
    assert!(
        place(&|reply| reply["reply"] == "log")
            < place(&|reply| reply["event"]["event"]["kind"] == "service-ended")
    );

    // The same again from a position on: only what is not known yet.
    line.send(&json!({"verb": "follow", "run": run, "after": 2, "logs": {"foo": 4}}));
    let later = line.until("ended");
    assert_eq!(kinds(&later), ["service-ended", "run-ended"]);
    let log = later.iter().find(|reply| reply["reply"] == "log").unwrap();
    assert_eq!(
        (log["offset"].as_u64(), decoded(log["bytes"].as_str().unwrap())),
        (Some(4), b"two\n".to_vec())
    );

    // The same id again: attached, and never executed twice.
    let again = line.ask(&run_request(&run, "foo"));
    assert_eq!(again["attached"], true);
    assert_eq!(host.batt(&["backups"]).success().lines().count(), 1);

    let status = line.ask(&json!({"verb": "status"}));
    assert_eq!(
        (&status["runs"][0]["summary"]["run"], &status["runs"][0]["state"]),
        (&json!(run), &json!("ended"))
    );
    line.send(&json!({"verb": "logs", "run": run, "service": "foo", "offset": 4}));
    let logs = line.until("logs-ended");
    assert_eq!(logs.len(), 2);
    assert_eq!(line.close().code(), Some(0));
}

#[test]
fn a_run_outlives_its_line_and_another_line_follows_it() {
    let host = Host::new();
    let waits = waiting(&host);
    let mut line = Line::open(&host);
    let run = run_id();
    line.ask(&run_request(&run, "foo"));
    line.send(&follow_request(&run, 0));
    until("the script waits", || waits.exists());
    let serve = line.child.id().cast_signed();
    kill(serve);
    line.child.wait().unwrap();
    drop(line);

    // Its supervisor leads a session of its own and has nothing of the line open.
    let supervisor = supervisor(&host, &run).expect("the run goes on");
    let stat = fs::read_to_string(format!("/proc/{supervisor}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    assert_eq!(fields[3], supervisor.to_string(), "{stat}");
    for stream in 0..3 {
        let target = fs::read_link(format!("/proc/{supervisor}/fd/{stream}")).unwrap();
        assert!(
            !target.display().to_string().contains("pipe"),
            "{}",
            target.display()
        );
    }

    // Two new lines: one starts the same id, one only follows.
    let (mut one, mut two) = (Line::open(&host), Line::open(&host));
    assert_eq!(one.ask(&run_request(&run, "foo"))["attached"], true);
    one.send(&follow_request(&run, 2));
    two.send(&follow_request(&run, 0));
    let status = Line::open(&host).ask(&json!({"verb": "status"}));
    assert_eq!(status["runs"][0]["state"], "running");
    // A second run of the service is refused for as long, and is a run of its own.
    let busy = run_id();
    let mut other = Line::open(&host);
    other.ask(&run_request(&busy, "foo"));
    other.send(&follow_request(&busy, 0));
    assert_eq!(other.until("ended").last().unwrap()["exit"], 75);

    fs::remove_file(&waits).unwrap();
    let replies = one.until("ended");
    assert_eq!(kinds(&replies), ["service-ended", "run-ended"]);
    assert_eq!(replies.last().unwrap()["exit"], 0);
    let replies = two.until("ended");
    assert_eq!(kinds(&replies).len(), 4);
    assert_eq!(log_of(&replies), b"before\nafter\n");
    assert_eq!(fs::read_to_string(host.scratch().join("count")).unwrap(), "run\n");
    until("the supervisor is gone", || supervisor_is_gone(supervisor));
    host.assert_sound();
}

fn supervisor_is_gone(pid: i32) -> bool {
    !Path::new(&format!("/proc/{pid}/exe")).exists()
}

#[test]
fn a_cancelled_run_ends_with_all_of_its_processes() {
    let host = Host::new();
    let waits = waiting(&host);
    let mut line = Line::open(&host);
    let run = run_id();
    line.ask(&run_request(&run, "foo"));
    until("the script waits", || waits.exists());
    assert_eq!(
        line.ask(&json!({"verb": "cancel", "run": run}))["reply"],
        "cancelling"
    );
    line.send(&follow_request(&run, 0));
    let replies = line.until("ended");
    assert!(kinds(&replies).contains(&"cancel-requested"));
    assert_eq!(replies.last().unwrap()["exit"], 143);
    assert_none_lives(&waits.display().to_string());
    assert!(living_with(&format!("BATT_RUN_ID={run}")).is_empty());
    // Again: nothing is there to cancel, and nothing is wrong.
    assert_eq!(
        line.ask(&json!({"verb": "cancel", "run": run}))["reply"],
        "cancelling"
    );
    host.assert_sound();
}

#[test]
fn a_supervisor_that_dies_is_told_and_healed() {
    let host = Host::new();
    let waits = waiting(&host);
    let mut line = Line::open(&host);
    let run = run_id();
    line.ask(&run_request(&run, "foo"));
    line.send(&follow_request(&run, 0));
    until("the script waits", || waits.exists());
    kill(supervisor(&host, &run).expect("the run goes on"));
    let replies = line.until("ended");
    let last = replies.last().unwrap();
    assert_eq!(
        (&last["exit"], &last["state"]),
        (&Value::Null, &json!("interrupted"))
    );
    // The same id is not executed again; a new run heals first.
    assert_eq!(line.ask(&run_request(&run, "foo"))["attached"], true);
    host.drop_in("foo", "echo x > $BATT_DEST/foo/a");
    let next = run_id();
    assert_eq!(line.ask(&run_request(&next, "foo"))["attached"], false);
    line.send(&follow_request(&next, 0));
    assert_eq!(line.until("ended").last().unwrap()["exit"], 0);
    assert_none_lives(&waits.display().to_string());
    assert!(living_with(&format!("BATT_RUN_ID={run}")).is_empty());
    host.assert_sound();
}

#[test]
fn what_is_no_request_is_refused_and_the_line_goes_on_where_it_can() {
    let host = Host::new();
    let mut line = Line::open(&host);
    let refusals = [
        "{\"verb\":\"purge\",\"path\":\"/\"}\n",
        "{\"verb\":\"exec\",\"command\":\"id\"}\n",
        "{}\n",
        "\n",
        "null\n",
        "[1,2]\n",
        "hello\n",
        "\u{0}\u{1}\n",
        "{\"verb\":\"run\"}\n",
        "{\"verb\":\"run\",\"run\":\"../../etc\",\"services\":[],\"controller\":\"x\"}\n",
        "{\"verb\":\"follow\",\"run\":\"20200101T000000Z-000000\",\"after\":0}\n",
        "{\"verb\":\"cancel\",\"run\":\"20200101T000000Z-000000\"}\n",
        "{\"verb\":\"commit\"}\n",
    ];
    for request in refusals {
        line.send_raw(request.as_bytes());
        let reply = line.next();
        assert_eq!(reply["reply"], "refused", "{request}: {reply}");
        assert!(
            reply["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{reply}"
        );
        assert_ne!(reply["exit"], 0);
    }
    let deep = format!("{}\n", "[".repeat(60_000));
    line.send_raw(deep.as_bytes());
    assert_eq!(line.next()["reply"], "refused");
    line.send_raw(b"\xff\xfe{}\n");
    assert_eq!(line.next()["reply"], "refused");
    // Unknown fields are for later versions; two requests in one write, and one cut in two.
    line.send_raw(b"{\"verb\":\"status\",\"later\":[1]}\n{\"verb\":\"sta");
    assert_eq!(line.next()["reply"], "status");
    line.send_raw(b"tus\"}\n");
    assert_eq!(line.next()["reply"], "status");
    // A line without end is refused before it takes memory, and ends the line.
    line.send_raw(&vec![b' '; 70_000]);
    let reply = line.next();
    assert_eq!(reply["reply"], "refused");
    assert!(reply["message"].as_str().unwrap().contains("64 KiB"), "{reply}");
    assert_eq!(line.close().code(), Some(0));
    // A line that ends in the middle of a request is over.
    let mut line = Line::open(&host);
    line.send_raw(b"{\"verb\":\"status\"}");
    assert_eq!(line.close().code(), Some(0));
}

#[test]
fn a_run_that_cannot_be_meant_is_refused_with_its_exit_code_and_leaves_no_trace() {
    let host = Host::new();
    host.drop_in("foo", "echo x > $BATT_DEST/foo/a");
    let mut line = Line::open(&host);
    let run = run_id();
    let reply = line.ask(&run_request(&run, "fooo"));
    assert_eq!((&reply["reply"], &reply["exit"]), (&json!("refused"), &json!(64)));
    assert!(reply["hints"][0].as_str().unwrap().contains("`foo`"), "{reply}");
    let nothing = json!({"verb": "run", "run": run, "services": [], "controller": "x"});
    assert_eq!(line.ask(&nothing)["exit"], 65);
    let old = run_request("20200101T000000Z-00000a", "foo");
    assert_eq!(line.ask(&old)["exit"], 77);
    // What is known only when it starts: the supervisor says it, and the id is free again.
    chmod(&host.home(), 0o777);
    let reply = line.ask(&run_request(&run, "foo"));
    assert_eq!((&reply["reply"], &reply["exit"]), (&json!("refused"), &json!(77)));
    chmod(&host.home(), 0o755);
    assert_eq!(host.batt(&["runs"]).success(), "");
    // A dry run tells where it would go, and why not.
    host.drop_in_raw("open", b"#!/bin/sh\n", 0o777);
    let services = json!([{"service": "foo"}, {"service": "open"}]);
    let planned = line.ask(&json!({"verb": "plan", "services": services}));
    assert!(
        planned["services"][0]["path"].as_str().unwrap().ends_with("/foo"),
        "{planned}"
    );
    assert!(
        planned["services"][1]["refusal"]
            .as_str()
            .unwrap()
            .contains("not trusted"),
        "{planned}"
    );
    assert_eq!(host.batt(&["runs"]).success(), "");
    assert_eq!(line.ask(&run_request(&run, "foo"))["attached"], false);
    line.send(&follow_request(&run, 0));
    assert_eq!(line.until("ended").last().unwrap()["exit"], 0);
}

#[test]
fn items_cross_the_line_as_opaque_words() {
    let host = Host::new();
    host.drop_in(
        "foo",
        "for a in \"$@\"; do printf '%s\\0' \"$a\"; done > $BATT_DEST/foo/a",
    );
    let items = ["a b", "$(id)", "-x", "../..", "é\n", "%Y"];
    let run = run_id();
    let mut line = Line::open(&host);
    line.ask(&json!({"verb": "run", "run": run, "services": [{"service": "foo", "items": items}], "controller": "x"}));
    line.send(&follow_request(&run, 0));
    assert_eq!(line.until("ended").last().unwrap()["exit"], 0);
    let got = fs::read(host.backup("foo").join("a")).unwrap();
    assert_eq!(
        got,
        items
            .iter()
            .flat_map(|item| [item.as_bytes(), b"\0"].concat())
            .collect::<Vec<u8>>()
    );
}

/// One file of a bundle.
struct Pushed<'a> {
    name: &'a str,
    content: &'a [u8],
}

fn offer(line: &mut Line, files: &[Pushed<'_>]) {
    let files: Vec<Value> = files
        .iter()
        .map(|file| json!({"folder": "scripts-available", "name": file.name, "sha256": sha256(file.content), "size": file.content.len()}))
        .collect();
    line.send(&json!({"verb": "offer", "files": files}));
}

fn send_file(line: &mut Line, file: &Pushed<'_>) {
    for chunk in file.content.chunks(32 << 10) {
        line.send(&json!({"verb": "file", "folder": "scripts-available", "name": file.name, "bytes": encoded(chunk)}));
    }
}

fn changes(reply: &Value) -> Vec<(String, String)> {
    let changes = reply["changes"].as_array().unwrap_or_else(|| panic!("{reply}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    changes
        .iter()
        .map(|change| (text(&change["name"]), text(&change["change"])))
        .collect()
}

#[test]
fn a_bundle_is_pushed_compared_and_never_laid_over_a_persons_change() {
    let host = Host::new();
    let big: Vec<u8> = [b"#!/bin/sh\n".to_vec(), vec![b'#'; 100_000]].concat();
    let files = [
        Pushed {
            name: "backup-one",
            content: b"#!/bin/sh\necho x > $BATT_DEST/one/a\n",
        },
        Pushed {
            name: "backup-two",
            content: &big,
        },
    ];
    let compare = json!({"verb": "compare"});
    let commit = json!({"verb": "commit", "force": false});
    let mut line = Line::open(&host);
    let empty = line.greeting["batt"]["bundle"].clone();
    offer(&mut line, &files);
    let expected = [("backup-one", "add"), ("backup-two", "add")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(changes(&line.ask(&compare)), expected);
    // What did not arrive is not put in place, and nothing else is.
    send_file(&mut line, &files[0]);
    let reply = line.ask(&commit);
    assert_eq!(reply["reply"], "refused");
    assert!(!host.home().join("scripts-available/backup-one").exists());
    send_file(&mut line, &files[1]);
    let pushed = line.ask(&commit);
    assert_eq!(pushed["reply"], "pushed", "{pushed}");
    line.close();
    let script = host.home().join("scripts-available/backup-two");
    assert_eq!(fs::read(&script).unwrap(), big);
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&script).unwrap().permissions()) & 0o777,
        0o755
    );
    host.batt(&["one"]).success();

    // A second push has nothing to do, and the greeting says so.
    let mut line = Line::open(&host);
    assert_eq!(line.greeting["batt"]["bundle"], pushed["bundle"]);
    assert_ne!(pushed["bundle"], empty);
    offer(&mut line, &files);
    assert_eq!(changes(&line.ask(&compare)), []);

    // Changed by a person: a conflict, until it is forced; the old one is kept aside.
    fs::write(&script, "#!/bin/sh\n# mine\n").unwrap();
    let mut line = Line::open(&host);
    assert_ne!(line.greeting["batt"]["bundle"], pushed["bundle"]);
    offer(&mut line, &files);
    assert_eq!(
        changes(&line.ask(&compare)),
        [("backup-two".to_owned(), "conflict".to_owned())]
    );
    send_file(&mut line, &files[1]);
    let reply = line.ask(&commit);
    assert_eq!(
        (&reply["reply"], &reply["exit"]),
        (&json!("refused"), &json!(77)),
        "{reply}"
    );
    assert_eq!(fs::read(&script).unwrap(), b"#!/bin/sh\n# mine\n");
    assert_eq!(
        line.ask(&json!({"verb": "commit", "force": true}))["reply"],
        "pushed"
    );
    assert_eq!(fs::read(&script).unwrap(), big);
    let aside: Vec<_> = fs::read_dir(host.home().join("var/replaced"))
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(fs::read(aside[0].path()).unwrap(), b"#!/bin/sh\n# mine\n");

    // What left the bundle goes.
    let mut line = Line::open(&host);
    offer(&mut line, &files[..1]);
    assert_eq!(
        changes(&line.ask(&compare)),
        [("backup-two".to_owned(), "remove".to_owned())]
    );
    assert_eq!(line.ask(&commit)["reply"], "pushed");
    assert!(!script.exists() && host.home().join("scripts-available/backup-file").exists());
}

#[test]
fn a_push_never_leaves_its_folders_and_never_mixes_into_a_run() {
    let host = Host::new();
    let mut line = Line::open(&host);
    let sum = sha256(b"x");
    for name in [
        "../x",
        "a/b",
        "",
        ".hidden",
        "/etc/passwd",
        "x\u{0}",
        "backup-x.local.conf",
    ] {
        line.send(
            &json!({"verb": "offer", "files": [{"folder": "conf", "name": name, "sha256": sum, "size": 1}]}),
        );
        assert_eq!(line.next()["reply"], "refused", "{name}");
    }
    for folder in ["var", "scripts-enabled", "..", "/"] {
        line.send(
            &json!({"verb": "offer", "files": [{"folder": folder, "name": "x", "sha256": sum, "size": 1}]}),
        );
        assert_eq!(line.next()["reply"], "refused", "{folder}");
    }
    line.send(
        &json!({"verb": "offer", "files": [{"folder": "conf", "name": "x", "sha256": sum, "size": 5 << 20}]}),
    );
    assert!(line.next()["message"].as_str().unwrap().contains("4 MiB"));
    line.close();
    let mut line = Line::open(&host);
    line.send(&json!({"verb": "file", "folder": "conf", "name": "y", "bytes": "eA=="}));
    assert!(line.next()["message"].as_str().unwrap().contains("not offered"));
    // More than was offered, and other than was offered.
    line.send(
        &json!({"verb": "offer", "files": [{"folder": "conf", "name": "x.conf", "sha256": sum, "size": 1}]}),
    );
    line.send(&json!({"verb": "file", "folder": "conf", "name": "x.conf", "bytes": "eHg="}));
    assert!(
        line.next()["message"]
            .as_str()
            .unwrap()
            .contains("longer than was offered")
    );
    assert_eq!(
        line.ask(&json!({"verb": "commit", "force": true}))["reply"],
        "refused"
    );
    assert!(!host.home().join("conf/x.conf").exists());
    line.close();

    let waits = waiting(&host);
    let run = run_id();
    let mut line = Line::open(&host);
    line.ask(&run_request(&run, "foo"));
    until("the script waits", || waits.exists());
    let mut other = Line::open(&host);
    let file = Pushed {
        name: "backup-new",
        content: b"#!/bin/sh\n",
    };
    offer(&mut other, std::slice::from_ref(&file));
    send_file(&mut other, &file);
    let reply = other.ask(&json!({"verb": "commit", "force": true}));
    assert_eq!(
        (&reply["reply"], &reply["exit"]),
        (&json!("refused"), &json!(75)),
        "{reply}"
    );
    fs::remove_file(&waits).unwrap();
    line.send(&follow_request(&run, 0));
    assert_eq!(line.until("ended").last().unwrap()["exit"], 0);
    assert_eq!(
        other.ask(&json!({"verb": "commit", "force": true}))["reply"],
        "pushed"
    );
    other.close();
    // What a session took in goes with it, and what one that was killed took in with the next.
    let mut killed = Line::open(&host);
    offer(&mut killed, std::slice::from_ref(&file));
    send_file(&mut killed, &file);
    assert_eq!(killed.ask(&json!({"verb": "status"}))["reply"], "status");
    assert!(
        host.home()
            .join(format!("var/incoming.{}", killed.child.id()))
            .exists()
    );
    kill(killed.child.id().cast_signed());
    killed.child.wait().unwrap();
    let mut last = Line::open(&host);
    offer(&mut last, std::slice::from_ref(&file));
    send_file(&mut last, &file);
    assert_eq!(
        last.ask(&json!({"verb": "commit", "force": false}))["reply"],
        "pushed"
    );
    last.close();
    let left: Vec<_> = fs::read_dir(host.home().join("var"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("incoming"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_home_that_is_not_there_is_greeted_as_empty_and_the_first_push_makes_it() {
    let host = Host::new();
    let home = host.scratch().join("new");
    let serve = || {
        let mut command = Command::new(under_test("batt"));
        command.arg("--home").arg(&home).arg("serve");
        command
    };
    let mut line = Line::open_command(serve());
    assert_eq!(line.greeting["batt"]["home"], "empty");
    assert_eq!(line.greeting["batt"]["host_id"], "");
    assert_eq!(
        line.ask(&json!({"verb": "status"})),
        json!({"reply": "status", "runs": []})
    );
    assert!(!home.exists(), "a greeting makes nothing");
    let file = Pushed {
        name: "backup-new",
        content: b"#!/bin/sh\n",
    };
    offer(&mut line, std::slice::from_ref(&file));
    send_file(&mut line, &file);
    assert_eq!(
        line.ask(&json!({"verb": "commit", "force": false}))["reply"],
        "pushed"
    );
    drop(line);
    let line = Line::open_command(serve());
    assert_eq!(line.greeting["batt"]["home"], "ready");
    assert!(home.join("scripts-available/backup-mysql").exists());
}

#[test]
fn a_reader_that_goes_away_ends_the_line_and_not_the_run() {
    let host = Host::new();
    let waits = waiting(&host);
    let mut line = Line::open(&host);
    let run = run_id();
    line.ask(&run_request(&run, "foo"));
    line.send(&follow_request(&run, 0));
    until("the script waits", || waits.exists());
    assert_eq!(line.close().code(), Some(0));
    fs::remove_file(&waits).unwrap();
    let mut line = Line::open(&host);
    line.send(&follow_request(&run, 0));
    assert_eq!(line.until("ended").last().unwrap()["exit"], 0);
}

#[test]
fn a_flood_is_followed_in_bounded_lines_and_what_was_dropped_shows() {
    let host = Host::new();
    host.settings("log_limit = \"256KiB\"\n");
    host.drop_in(
        "foo",
        "head -c 3000000 /dev/zero | tr '\\0' x; echo end; echo x > $BATT_DEST/foo/a",
    );
    let run = run_id();
    let mut line = Line::open(&host);
    line.ask(&run_request(&run, "foo"));
    line.send(&follow_request(&run, 0));
    line.until("ended");
    line.send(&json!({"verb": "logs", "run": run, "service": "foo", "offset": 0}));
    let logs = line.until("logs-ended");
    let (mut kept, mut end, mut dropped) = (0, 0, 0);
    for log in logs.iter().filter(|reply| reply["reply"] == "log") {
        let (offset, bytes) = (
            log["offset"].as_u64().unwrap(),
            decoded(log["bytes"].as_str().unwrap()),
        );
        dropped += offset - end;
        kept += bytes.len() as u64;
        end = offset + bytes.len() as u64;
    }
    assert_eq!((end, kept + dropped), (3_000_004, 3_000_004));
    assert!(kept <= 256 << 10 && kept > 200 << 10, "{kept}");
}

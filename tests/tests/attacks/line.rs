//! What comes by the line of a controller: of one that goes wrong, or of somebody who has its key.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use batt_tests::drop_in::chmod;
use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::until;
use batt_tests::published::{Published, sha256};
use serde_json::{Value, json};

/// Speaks with `batt serve` under a limit of its memory, and returns what it answered.
#[track_caller]
fn session(host: &Host, requests: &[u8]) -> Vec<Value> {
    let serve = host.batt_command(&["serve"]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -v 150000; exec \"$@\"", "sh"])
        .arg(serve.get_program())
        .args(serve.get_args())
        .env("SSH_CONNECTION", "192.0.2.7 5 192.0.2.1 22");
    let finished = Finished::run_with(&mut shell, requests).code(0);
    let lines = finished.stdout.lines().skip(1);
    lines
        .map(|line| serde_json::from_str(line).expect("an answer is JSON"))
        .collect()
}

fn requests(all: &[Value]) -> Vec<u8> {
    all.iter()
        .flat_map(|request| format!("{request}\n").into_bytes())
        .collect()
}

fn is_refused(reply: &Value, exit: u8, why: &str) -> bool {
    reply["reply"] == "refused"
        && reply["exit"] == exit
        && reply["message"]
            .as_str()
            .is_some_and(|message| message.contains(why))
}

fn id(number: u32) -> String {
    let now = Finished::run(Command::new("date").args(["-u", "+%Y%m%dT%H%M%SZ"])).success();
    format!("{}-{:06x}", now.trim(), number)
}

fn order(run: &str, service: &str) -> Value {
    json!({"verb": "run", "run": run, "services": [{"service": service, "items": []}], "controller": "c"})
}

fn has_ended(host: &Host, run: &str) -> bool {
    let folder = host.home().join("var/runs").join(run);
    folder.join("events.jsonl").exists() && !folder.join("active").exists()
}

#[test]
fn a_million_offers_take_neither_memory_nor_time() {
    let host = Host::new();
    let sum = sha256(b"");
    let files: Vec<Value> = (0..300)
        .map(|number| json!({"folder": "conf", "name": format!("backup-{number}.conf"), "sha256": sum, "size": 0}))
        .collect();
    let offer = requests(&[json!({"verb": "offer", "files": files})]);
    let replies = session(&host, &offer.repeat(1_000_000 / 300));
    assert!(replies.len() <= 100, "{} answers", replies.len());
    assert!(replies.iter().all(|reply| reply["exit"] == 77));
    // Names of another kind, digests without end, and a bundle that is larger than any.
    let long = json!({"verb": "offer", "files": [{"folder": "conf", "name": "backup-x.conf", "sha256": "0".repeat(60_000), "size": 0}]});
    assert!(is_refused(&session(&host, &requests(&[long]))[0], 77, "SHA-256"));
    let large = |number: u32| json!({"folder": "conf", "name": format!("backup-{number}.conf"), "sha256": sum, "size": 4 << 20});
    let all: Vec<Value> = (0..17).map(large).collect();
    let bundle = json!({"verb": "offer", "files": all});
    assert!(is_refused(
        &session(&host, &requests(&[bundle]))[0],
        77,
        "larger than 64 MiB"
    ));
}

#[test]
fn who_is_refused_all_the_time_is_written_down_and_hung_up_on() {
    let host = Host::new();
    let replies = session(
        &host,
        &b"{\"verb\":\"exec\\u001b\",\"command\":\"id\"}\n".repeat(5_000),
    );
    assert_eq!(replies.len(), 100);
    let hints = replies[99]["hints"].to_string();
    assert!(hints.contains("the session ends"), "{hints}");
    let log = host.home().join("var/refused.log");
    for _ in 0..30 {
        session(&host, &b"x\n".repeat(100));
    }
    let text = fs::read_to_string(&log).expect("what was refused is written down");
    assert!(
        text.lines().count() > 100 && text.len() <= 256 << 10,
        "{}",
        text.len()
    );
    let line = text.lines().next().unwrap_or_default();
    assert!(line.contains("root from 192.0.2.7: refused (77)"), "{line}");
    assert!(!text.contains('\u{1b}'), "{text}");
    assert_eq!(
        log.metadata().expect("it is there").permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_controller_in_a_loop_gets_a_few_runs_and_then_a_reason() {
    let host = Host::new();
    host.drop_in(
        "foo",
        "echo run >> $BATT_HOME/../count; echo x > $BATT_DEST/foo/a",
    );
    let orders: Vec<Value> = (0..60).map(|number| order(&id(number), "foo")).collect();
    let replies = session(&host, &requests(&orders));
    let accepted: Vec<&Value> = replies
        .iter()
        .filter(|reply| reply["reply"] == "accepted")
        .collect();
    assert!((1..=20).contains(&accepted.len()), "{} runs", accepted.len());
    let refused = replies.iter().filter(|reply| {
        is_refused(reply, 75, "go on") || is_refused(reply, 75, "came by the wire within 5 minutes")
    });
    assert_eq!(refused.count() + accepted.len(), 60, "{replies:?}");
    // Those of the host itself go on as they like, and an order that is known is attached to.
    for run in accepted {
        let run = run["run"].as_str().expect("an id").to_owned();
        until("the run has ended", || has_ended(&host, &run));
        let again = session(&host, &requests(&[order(&run, "foo")]));
        assert_eq!(again[0]["attached"], true, "{again:?}");
    }
    host.batt(&["foo"]).code(0);
}

#[test]
fn a_third_order_at_once_is_busy() {
    let host = Host::new();
    let gate = host.scratch().join("gate");
    fs::write(&gate, "").expect("the gate can be made");
    for service in ["one", "two", "three"] {
        let body = format!(
            "while [ -e {} ]; do sleep 0.02; done; echo x > $BATT_DEST/{service}/a",
            gate.display()
        );
        host.drop_in(service, &body);
    }
    let (one, two, three) = (id(1), id(2), id(3));
    let replies = session(
        &host,
        &requests(&[order(&one, "one"), order(&two, "two"), order(&three, "three")]),
    );
    assert_eq!(
        (&replies[0]["reply"], &replies[1]["reply"]),
        (&json!("accepted"), &json!("accepted"))
    );
    assert!(
        is_refused(&replies[2], 75, "2 runs that came by the wire go on"),
        "{replies:?}"
    );
    assert!(
        !host.home().join("var/runs").join(&three).exists(),
        "its id is free again"
    );
    fs::remove_file(&gate).expect("it is there");
    for run in [&one, &two] {
        until("the run has ended", || has_ended(&host, run));
    }
    assert_eq!(
        session(&host, &requests(&[order(&three, "three")]))[0]["attached"],
        false
    );
    until("the run has ended", || has_ended(&host, &three));
}

/// Pushes one file as a controller does, and returns the last answer.
fn push(host: &Host, name: &str, content: &str, force: bool) -> Value {
    let offer = json!({"verb": "offer", "files": [{"folder": "conf", "name": name, "sha256": sha256(content.as_bytes()), "size": content.len()}]});
    let file = json!({"verb": "file", "folder": "conf", "name": name, "bytes": base64(content)});
    let replies = session(
        host,
        &requests(&[offer, file, json!({"verb": "commit", "force": force})]),
    );
    replies.first().cloned().unwrap_or_default()
}

fn base64(content: &str) -> String {
    Finished::run_with(Command::new("base64").arg("-w0"), content.as_bytes()).success()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn what_rules_the_host_is_not_taken_from_a_controller() {
    let host = Host::new();
    let settings = host.home().join("conf/batt.toml");
    for (name, content) in [
        ("batt.toml", "path = \"/etc/cron.d\"\n"),
        ("policy.toml", "settings = true\n"),
        ("vault.toml", ""),
        ("backup-x.conf.old", ""),
        ("README", ""),
    ] {
        let reply = push(&host, name, content, true);
        assert!(
            is_refused(&reply, 77, &format!("does not take `conf/{name}`")),
            "{name}: {reply}"
        );
        assert!(!host.home().join("conf").join(name).exists(), "{name}");
    }
    // Settings of scripts are.
    assert_eq!(push(&host, "backup-x.conf", "A=1\n", false)["reply"], "pushed");
    // What is refused takes the whole bundle with it: the rest of it would remove what it leaves out.
    let replies = session(
        &host,
        &requests(&[
            json!({"verb": "offer", "files": [{"folder": "conf", "name": "batt.toml", "sha256": sha256(b""), "size": 0}]}),
            json!({"verb": "compare"}),
            json!({"verb": "commit", "force": true}),
        ]),
    );
    assert!(
        replies.iter().all(|reply| reply["reply"] == "refused"),
        "{replies:?}"
    );
    assert_eq!(read(&host.home().join("conf/backup-x.conf")), "A=1\n");

    // The host's own policy allows it; one that cannot be meant, or is not trusted, allows nothing.
    let policy = host.home().join("conf/policy.toml");
    for (text, mode, why) in [
        ("setings = true\n", 0o600, "policy.toml:1:"),
        ("settings = true\n", 0o666, "not trusted"),
        ("settings = false\n", 0o600, "does not take"),
    ] {
        fs::write(&policy, text).expect("it can be written");
        chmod(&policy, mode);
        let reply = push(&host, "batt.toml", "jobs = 2\n", false);
        assert_eq!(reply["reply"], "refused", "{text}: {reply}");
        assert!(reply["message"].to_string().contains(why), "{reply}");
    }
    fs::write(&policy, "settings = true\n").expect("it can be written");
    assert_eq!(push(&host, "batt.toml", "jobs = 2\n", false)["reply"], "pushed");
    assert_eq!(read(&settings), "jobs = 2\n");
    assert_eq!(push(&host, "batt.toml", "jobs = x\n", false)["reply"], "refused");
    assert_eq!(read(&settings), "jobs = 2\n");
    // Without the policy it becomes the host's own: a bundle without it does not take it away.
    fs::remove_file(&policy).expect("it is there");
    assert_eq!(push(&host, "backup-y.conf", "A=1\n", true)["reply"], "pushed");
    assert_eq!(read(&settings), "jobs = 2\n");
}

#[test]
fn no_push_and_no_rule_lowers_the_floor_of_retention() {
    let host = Host::new();
    for day in ["01", "02", "03", "04", "05", "06"] {
        host.publish(&Published::of("data", &format!("2026-01-{day}T02:30:00Z")));
    }
    host.rebuild();
    let floor = "[retention]\nfloor = { keep_last = 2, keep_within = \"3d\" }\n";
    host.settings(&format!("{floor}[service.data.retention]\nkeep_last = 1\n"));
    let policy = host.home().join("conf/policy.toml");
    fs::write(&policy, "settings = true\n").expect("it can be written");
    chmod(&policy, 0o600);
    for lower in [
        "",
        "[retention]\nkeep_last = 1\n",
        "[retention]\nfloor = { keep_last = 1, keep_within = \"30d\" }\n",
        "[retention]\nfloor = { keep_last = 9 }\n",
    ] {
        let reply = push(&host, "batt.toml", lower, true);
        assert!(
            is_refused(&reply, 77, "would lower the floor of retention"),
            "{lower}: {reply}"
        );
    }
    host.batt(&["purge", "--keep-last", "1", "--max-days", "0"])
        .code(0);
    let days: Vec<String> = host
        .backups("data")
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(days.len(), 4, "the last, and three days before it: {days:?}");
    host.batt(&["purge", "-n"]).code(0).says("the floor of retention");
}

/// What is refused may quote a line of the settings, and that may be a URL with a password.
#[test]
fn no_password_of_the_settings_is_told_to_a_controller() {
    let host = Host::new();
    host.drop_in("foo", "echo x > $BATT_DEST/foo/a");
    host.settings("path = \"ftp://app:hunter2@nas/backup\"\n");
    // The place that a test gives would hide that of the settings.
    let serve = host.batt_command(&["serve"]);
    let mut command = Command::new(serve.get_program());
    command.args(["--home".as_ref(), host.home().as_os_str(), "serve".as_ref()]);
    let order = requests(&[order(&id(1), "foo"), json!({"verb": "plan", "services": []})]);
    let said = Finished::run_with(&mut command, &order).code(0).said();
    assert!(said.contains("ftp://app:********@nas"), "{said}");
    let log = read(&host.home().join("var/refused.log"));
    assert!(
        !said.contains("hunter2") && !log.contains("hunter2"),
        "{said}{log}"
    );
}

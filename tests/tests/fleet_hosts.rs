//! Hosts that cannot be used, each for a reason of its own: the class says which, the reason says why, a hint says what
//! to do, and the good ones are backed up as if nothing were wrong.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;

use batt_tests::fleet::{Fleet, assert_class, host_of, new_key, quoted};
use batt_tests::host::under_test;

/// The beginning of an agent that is none: it greets, takes the order, and has the run's id in `$run`.
const TAKES_THE_ORDER: &str = r#"#!/bin/sh
say() { printf '%s\n' "$1"; }
say '{"batt":{"version":"0.1.0","protocol":{"oldest":1,"newest":1},"host_id":"HOST","host":"fake","home":"ready","bundle":"none","time":"2026-01-31T02:30:00Z"}}'
read -r order
run=$(printf %s "$order" | sed 's/.*"run":"\([^"]*\)".*/\1/')
"#;

fn fake(fleet: &Fleet, host: &str, rest: &str) {
    fleet.fake_agent(host, &(TAKES_THE_ORDER.replace("HOST", host) + rest));
}

fn record(service: &str, outcome: &str, exit: u8) -> String {
    let at = "\"at\":\"2026-01-31T02:30:00Z\"";
    let event = |sequence: u8, event: String| {
        format!(
            "say '{{\"reply\":\"event\",\"run\":\"'$run'\",\"event\":{{\"sequence\":{sequence},{at},\"event\":{event}}}}}'\n"
        )
    };
    [
        event(1, format!("{{\"kind\":\"run-started\",\"run\":\"'$run'\",\"host\":\"fake\",\"version\":\"0.1.0\",\"services\":[\"{service}\"],\"path\":\"/b\",\"utc_offset\":0,\"asked_by\":{{\"user\":\"root\"}}}}")),
        event(2, format!("{{\"kind\":\"service-started\",\"service\":\"{service}\",\"items\":[],\"expected_bytes\":null}}")),
        event(3, format!("{{\"kind\":\"service-ended\",\"report\":{{\"service\":\"{service}\",\"outcome\":\"{outcome}\",\"path\":\"/b/work\",\"bytes\":1,\"seconds\":1.0,\"reason\":null,\"warnings\":[]}}}}")),
        event(4, format!("{{\"kind\":\"run-ended\",\"exit\":{exit},\"seconds\":1.0}}")),
    ]
    .concat()
}

const ACCEPTS: &str =
    "say '{\"reply\":\"accepted\",\"run\":\"'$run'\",\"attached\":false}'; read -r follow\n";
const ENDS: &str =
    "say '{\"reply\":\"ended\",\"run\":\"'$run'\",\"exit\":0,\"state\":\"ended\"}'; read -r more\n";

#[test]
fn every_way_not_to_get_in_has_its_class_and_a_hint() {
    let names = &[
        "changed", "down", "good", "login", "missing", "revoked", "sudo", "unknown",
    ];
    let fleet = Fleet::of(names);
    let other = new_key(&fleet.scratch().join("other"));
    fleet.set("changed", "host_key", &format!("[{}]", quoted(&other)));
    fleet.set(
        "down",
        "address",
        &quoted(&fleet.with(|sshd| sshd.unused_address())),
    );
    fleet.set(
        "login",
        "identity",
        &quoted(fleet.scratch().join("other").to_str().unwrap()),
    );
    fleet.set("missing", "agent_path", "\"/nonexistent/batt\"");
    fleet.unset("revoked", "host_key");
    fleet.unset("unknown", "host_key");
    let (revoked, port, key) = fleet.with(|sshd| (sshd.address(5), sshd.port, sshd.host_key.clone()));
    fs::create_dir(fleet.user_home().join(".ssh")).unwrap();
    let line = format!("[{revoked}]:{port} {key}\n");
    fs::write(
        fleet.user_home().join(".ssh/known_hosts"),
        format!("{line}@revoked {line}"),
    )
    .unwrap();
    fleet.program_on_hosts(
        "sudo",
        "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n",
    );
    fleet.set("sudo", "become", "\"sudo\"");

    let (code, document) = fleet.json(&["run", "-g", "db"]);
    assert_class(&document, "changed", "host-key", "SHA256:");
    assert_class(&document, "down", "connect", "refused");
    assert_class(&document, "good", "ok", "");
    assert_class(&document, "login", "authentication", "");
    assert_class(&document, "missing", "agent-missing", "/nonexistent/batt");
    assert_class(&document, "revoked", "host-key", "revoked");
    assert_class(&document, "sudo", "become", "a password is required");
    assert_class(&document, "unknown", "host-key", "SHA256:");
    assert_eq!(code, Some(4));
    assert_eq!(fleet.backups("good", "work").len(), 1);

    let told = fleet.fleet(&["run", "-l", "missing,unknown,sudo"]).code(4);
    for hint in ["push --agent", "ping --show-keys", "NOPASSWD"] {
        assert!(told.stdout.contains(hint), "`{hint}` is not in:\n{}", told.stdout);
    }
}

#[test]
fn a_failed_service_and_a_host_that_is_down_add_up() {
    let fleet = Fleet::of(&["db1", "db2", "db3"]);
    fleet.set(
        "db3",
        "address",
        &quoted(&fleet.with(|sshd| sshd.unused_address())),
    );
    let (code, _) = fleet.json(&["run", "-g", "db"]);
    assert_eq!(code, Some(4));
    fleet.mode("db2", "fail");
    let (code, document) = fleet.json(&["run", "-g", "db"]);
    assert_eq!(code, Some(6));
    assert_eq!(document["exit"], 6);
    assert_eq!(host_of(&document, "db3")["services"], Value::Array(Vec::new()));
}

#[test]
fn a_silent_host_does_not_delay_the_good_ones() {
    let fleet = Fleet::of(&["a-void", "db1"]);
    let void = TcpListener::bind("127.0.0.1:0").unwrap();
    fleet.set("a-void", "address", "\"127.0.0.1\"");
    fleet.set("a-void", "port", &void.local_addr().unwrap().port().to_string());
    // It takes connections, and says nothing, for as long as the other takes.
    let running = fleet.start(&["run", "-g", "db", "--connect-timeout", "10m", "--format", "jsonl"]);
    running.tells("\"kind\":\"host-ended\"");
    drop(void);
    let finished = running.wait().code(4);
    let ends: Vec<Value> = finished
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["event"]["kind"] == "host-ended")
        .map(|event| event["host"].clone())
        .collect();
    assert_eq!(ends, ["db1", "a-void"]);
}

#[test]
fn a_host_that_stays_silent_is_given_up_after_a_while() {
    let fleet = Fleet::of(&["void"]);
    let void = TcpListener::bind("127.0.0.1:0").unwrap();
    fleet.set("void", "address", "\"127.0.0.1\"");
    fleet.set("void", "port", &void.local_addr().unwrap().port().to_string());
    let (code, document) = fleet.json(&["run", "-g", "db", "--connect-timeout", "1s"]);
    assert_class(&document, "void", "timed-out", "");
    assert_eq!(code, Some(8));
}

#[test]
fn two_names_of_one_host_are_not_backed_up_twice() {
    let fleet = Fleet::of(&["db1", "db2"]);
    fleet.set("db2", "agent_home", &quoted(fleet.home("db1").to_str().unwrap()));
    let (code, document) = fleet.json(&["run", "-g", "db", "-f", "1"]);
    assert_eq!(code, Some(77));
    assert_class(&document, "db1", "ok", "");
    assert_class(&document, "db2", "policy", "db1");
    fleet
        .fleet(&["run", "-g", "db", "-f", "1"])
        .code(77)
        .says("--new-id");
}

#[test]
fn sudo_that_lets_us_is_used() {
    let fleet = Fleet::of(&["db1"]);
    let asked = fleet.scratch().join("sudo");
    fleet.program_on_hosts(
        "sudo",
        &format!(
            "#!/bin/sh\necho \"$*\" >>{}\n[ \"$1 $2\" = '-n --' ] && shift 2 && exec \"$@\"\n",
            asked.display()
        ),
    );
    fleet.set("db1", "become", "\"sudo\"");
    fleet.fleet(&["run", "-g", "db"]).code(0);
    let asked = fs::read_to_string(asked).unwrap();
    let exact = format!(
        "-n -- {} --home {} --path {} serve",
        under_test("batt").display(),
        fleet.home("db1").display(),
        fleet.pattern("db1")
    );
    assert!(asked.lines().all(|line| line == exact), "{asked}");
}

#[test]
fn what_a_login_shell_prints_is_passed_over_and_told() {
    let fleet = Fleet::of(&["db1"]);
    let batt = under_test("batt");
    let noisy = |noise: &str| format!("#!/bin/sh\n{noise}\nexec {} \"$@\"\n", batt.display());
    fleet.fake_agent("db1", &noisy("printf 'Welcome to \\033[1mdb1\\nno newline: '"));
    let finished = fleet.fleet(&["run", "-g", "db"]).code(0);
    finished.says("Welcome to \\x1b[1mdb1");
    fleet.fake_agent("db1", &noisy("yes | head -c 100000"));
    let (code, document) = fleet.json(&["run", "-g", "db"]);
    assert_eq!(code, Some(4));
    assert_class(&document, "db1", "protocol", "64 KiB");
}

#[test]
fn agents_of_other_times_are_told_apart() {
    let fleet = Fleet::of(&["new", "none", "old", "shell"]);
    let greets = |oldest: u8, newest: u8| {
        format!(
            "#!/bin/sh\necho '{{\"batt\":{{\"version\":\"9\\u001b[2J\",\"protocol\":{{\"oldest\":{oldest},\"newest\":{newest}}},\
             \"host_id\":\"h{newest}\",\"host\":\"x\",\"home\":\"ready\",\"bundle\":\"\",\"time\":\"2026-01-31T02:30:00Z\"}}}}'\ncat >/dev/null\n"
        )
    };
    fleet.fake_agent("old", &greets(0, 0));
    fleet.fake_agent("new", &greets(7, 9));
    fleet.fake_agent("none", "#!/bin/sh\necho 'usage: batt [SERVICE]' >&2\nexit 64\n");
    fleet.fake_agent("shell", "#!/bin/sh\nkill -SEGV $$\n");
    let (code, document) = fleet.json(&["run", "-g", "db"]);
    assert_eq!(code, Some(4));
    assert_class(&document, "old", "agent-too-old", "9\\x1b[2J");
    assert_class(&document, "new", "protocol", "version 7 to 9");
    assert_class(&document, "none", "protocol", "usage: batt");
    let class = host_of(&document, "shell")["class"].as_str().unwrap();
    assert!(["protocol", "lost"].contains(&class), "{document:#}");
    let told = fleet.fleet(&["run", "-l", "old"]).code(4);
    told.says("push --agent");
}

#[test]
fn an_agent_that_lies_or_babbles_is_never_good() {
    let lies: &[(&str, String, &str)] = &[
        (
            "binary",
            format!("{ACCEPTS}head -c 3000 /dev/urandom; echo"),
            "protocol",
        ),
        ("empty", format!("{ACCEPTS}{ENDS}"), "protocol"),
        (
            "garbage",
            format!("{ACCEPTS}say 'segmentation fault'; read -r more"),
            "protocol",
        ),
        (
            "long",
            format!("{ACCEPTS}head -c 70000 /dev/zero | tr '\\0' a; read -r more"),
            "protocol",
        ),
        (
            "other",
            format!("{ACCEPTS}run=20200101T000000Z-000000\n{ENDS}"),
            "protocol",
        ),
        (
            "rewinds",
            format!(
                "{ACCEPTS}{}{}",
                record("work", "failed", 2),
                record("work", "succeeded", 0)
            ),
            "protocol",
        ),
        (
            "shifts",
            format!("{ACCEPTS}{}{ENDS}", record("work", "failed", 2)),
            "protocol",
        ),
        (
            "stolen",
            format!("{ACCEPTS}{}{ENDS}", record("elsewhere", "succeeded", 0)),
            "protocol failed",
        ),
        (
            "truth",
            format!("{ACCEPTS}{}{ENDS}", record("work", "succeeded", 0)),
            "ok",
        ),
    ];
    let names: Vec<&str> = lies.iter().map(|(name, ..)| *name).collect();
    let fleet = Fleet::of(&names);
    for (name, rest, _) in lies {
        fake(&fleet, name, rest);
    }
    let (code, document) = fleet.json(&["run", "-g", "db", "--push", "never"]);
    for (name, _, classes) in lies.iter() {
        let class = host_of(&document, name)["class"].as_str().unwrap();
        assert!(
            classes.split(' ').any(|expected| expected == class),
            "{:#}",
            host_of(&document, name)
        );
    }
    assert!(code == Some(4) || code == Some(6), "{code:?}");
}

#[test]
fn an_agent_that_dies_in_mid_run_is_lost() {
    let fleet = Fleet::of(&["db1"]);
    let dies = "echo 'out of memory' >&2; exit 9\n";
    let accepts = ACCEPTS.trim_end();
    fake(
        &fleet,
        "db1",
        &format!("case $order in *'\"verb\":\"run\"'*) {accepts};; esac\n{dies}"),
    );
    let (code, document) = fleet.json(&["run", "-g", "db", "--push", "never"]);
    assert_eq!(code, Some(4), "{document:#}");
    assert_class(&document, "db1", "lost", "exit code 9");
    assert_class(&document, "db1", "lost", "out of memory");
}

#[test]
fn an_agent_that_stalls_in_the_greeting_times_out() {
    let fleet = Fleet::of(&["db1", "db2"]);
    fleet.fake_agent("db1", "#!/bin/sh\nprintf '{\"batt\":'\nexec sleep 60\n");
    let (code, document) = fleet.json(&["run", "-g", "db"]);
    assert_eq!(code, Some(8));
    assert_class(&document, "db1", "timed-out", "did not greet within 10 s");
    assert_class(&document, "db2", "ok", "");
}

#[test]
fn a_run_that_takes_too_long_is_cancelled_with_all_its_processes() {
    let fleet = Fleet::of(&["db1"]);
    fleet.mode("db1", "hang");
    // One that was cancelled before its script began tells nothing of that: then it may take twice as long.
    let limits = (2..).map(|power| 1 << power);
    let begun = limits.take(8).any(|limit: u32| {
        let limit = format!("{limit}s");
        let (code, document) = fleet.json(&["run", "-g", "db", "--command-timeout", &limit]);
        assert_eq!(code, Some(8));
        let told = format!("longer than {}", limit.replace('s', " s"));
        assert_class(&document, "db1", "timed-out", &told);
        assert_eq!(host_of(&document, "db1")["services"][0]["outcome"], "cancelled");
        fleet.has_started("db1")
    });
    assert!(begun, "the script never began");
    let script = fleet.started("db1");
    assert!(
        !Path::new(&format!("/proc/{script}")).exists(),
        "the script lives"
    );
}

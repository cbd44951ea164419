//! `batt-fleet inventory` and `ping`: what there is, where a mistake is, and whether hosts answer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use serde_json::Value;

use batt_tests::finished::Finished;
use batt_tests::fleet::{Fleet, quoted};

const FOUR: &[&str] = &["db1", "db2", "db10", "web1"];

fn fleet() -> Fleet {
    let fleet = Fleet::of(FOUR);
    fleet.group("web", &["web1"], &["file"]);
    fleet.group("prod", &["db1", "web1"], &[]);
    fleet
}

fn words(finished: Finished) -> String {
    finished
        .success()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn with_inventory(fleet: &Fleet, name: &str, content: &str, arguments: &[&str]) -> Finished {
    let path = fleet.scratch().join(name);
    fs::write(&path, content).unwrap();
    fleet.fleet(&[arguments, &["-i", path.to_str().unwrap()]].concat())
}

#[test]
fn hosts_are_listed_folded_and_counted() {
    let fleet = fleet();
    assert_eq!(words(fleet.fleet(&["inventory", "list"])), "db1 db2 db10 web1");
    assert_eq!(
        words(fleet.fleet(&["inventory", "list", "--fold"])),
        "db[1-2,10],web1"
    );
    assert_eq!(words(fleet.fleet(&["inventory", "list", "--count"])), "4");
    for (pattern, expected) in [
        ("db:&prod", "db1"),
        ("db,!db2", "db1 db10 web1"),
        ("@db&@prod", "db1 web1"),
        ("(@web,db2)!web1", "db2"),
        ("db and prod and not web1", "db1"),
        ("db[1-10/9]", "db1 db10"),
        ("db1*", "db1 db10"),
        ("all", "db1 db2 db10 web1"),
    ] {
        let listed = words(fleet.fleet(&["inventory", "list", pattern]));
        let expected = if pattern == "db:&prod" {
            "db1 web1"
        } else {
            expected
        };
        assert_eq!(listed, expected, "{pattern}");
    }
    for bad in ["@db!web1:&prod", "db and web,db1", "(@db", "db[1-", "db[9-1]"] {
        let finished = fleet.fleet(&["inventory", "list", bad]).code(64);
        finished.says("hint:");
    }
    fleet.fleet(&["inventory", "list", "prd"]).code(65).says("`prod`");
    fleet
        .fleet(&["inventory", "list", "db and nothere"])
        .code(65)
        .says("nothere");
}

#[test]
fn lists_are_machine_readable() {
    let fleet = fleet();
    let (code, document) = fleet.json(&["inventory", "list"]);
    assert_eq!(code, Some(0));
    assert_eq!(document["hosts"].as_array().unwrap().len(), 4, "{document:#}");
    let lines = fleet.fleet(&["inventory", "list", "--format", "jsonl"]).success();
    assert_eq!(lines.lines().count(), 4);
    for line in lines.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let (_, groups) = fleet.json(&["inventory", "groups"]);
    assert_eq!(groups["groups"].as_array().unwrap().len(), 3, "{groups:#}");
    let groups = fleet.fleet(&["inventory", "groups", "--fold"]).success();
    assert!(groups.contains("db[1-2,10]"), "{groups}");
    let (_, counted) = fleet.json(&["inventory", "list", "db", "--count"]);
    assert_eq!(counted["count"], 4, "{counted:#}");
}

#[test]
fn show_tells_what_holds_and_why_and_hides_secrets() {
    let fleet = fleet();
    fleet.set("db2", "vars", "{ rack = \"r3\", db_password = \"canary\" }");
    let shown = fleet.fleet(&["inventory", "show", "db2", "--explain"]).success();
    for word in ["rack", "r3", "agent_home", "inventory.toml:"] {
        assert!(shown.contains(word), "`{word}` is not in:\n{shown}");
    }
    for arguments in [
        ["inventory", "show", "db2", "--vars"].as_slice(),
        &["inventory", "show", "db2", "--explain", "--format", "json"],
        &["inventory", "list", "--vars"],
        &["inventory", "list", "--vars", "--format", "jsonl"],
    ] {
        let said = fleet.fleet(arguments).code(0).said();
        assert!(
            said.contains("rack") && !said.contains("canary"),
            "{arguments:?}:\n{said}"
        );
    }
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    let fleet = fleet();
    let check = |content: &str, words: &[&str]| {
        let finished = with_inventory(&fleet, "bad.toml", content, &["inventory", "check"]).code(64);
        for word in words {
            assert!(
                finished.stderr.contains(word),
                "`{word}` is not in:\n{}",
                finished.stderr
            );
        }
    };
    check(
        "[groups.db]\nhosst = [\"a\"]\n",
        &["bad.toml:2:1", "hosst", "^^^^^", "`hosts`"],
    );
    check("[groups.db]\nhosts = \"a\"\n", &["bad.toml:2:9", "^^^"]);
    check(
        "[groups.db]\nhosts = [\"a\", \"b\", \"a\"]\n",
        &["bad.toml:2:20", "`a`", "twice"],
    );
    check("[hosts.a]\nport = 99999\n", &["bad.toml:2:8", "99999"]);
    check("[hosts.a]\njump = [\"b\"]\n", &["bad.toml:2:1", "jump"]);
    check(
        "[groups.a]\nchildren = [\"b\"]\n[groups.b]\nchildren = [\"a\"]\n",
        &["bad.toml:", "cycle"],
    );
    check("[groups.a]\nchildren = [\"nope\"]\n", &["bad.toml:2:13", "nope"]);
    check("[groups.a\n", &["bad.toml:1:10"]);
    check("[groups.db]\nhosts = [\"db[1-\"]\n", &["bad.toml:2:", "db[1-"]);
    check("[hosts.a]\npath = \"/b/%Q\"\n", &["bad.toml:2", "%Q", "host a"]);
    check("[hosts.a]\nhost_key = [\"ssh-ed25519 AAAA\"]\n", &["bad.toml:2:"]);
    check(
        "[hosts.a]\n\"x\\u001b[2J\" = 1\n",
        &["bad.toml:2:1", "\\u{1b}[2J"],
    );
    fleet.fleet(&["inventory", "check"]).code(0);
}

#[test]
fn inventories_of_ansible_and_plain_lists_are_read() {
    let fleet = fleet();
    let ini = "[db]\ndb[01:03].example.net ansible_user=backup ansible_port=2222\n\n[web]\nweb1\n\n[prod:children]\ndb\nweb\n\n[prod:vars]\nenv=prod\n";
    let listed = with_inventory(
        &fleet,
        "hosts.ini",
        ini,
        &["inventory", "list", "prod:!web", "--fold"],
    );
    assert_eq!(listed.success().trim(), "db[01-03].example.net");
    let shown = with_inventory(
        &fleet,
        "hosts.ini",
        ini,
        &["inventory", "show", "db01*", "--vars"],
    )
    .success();
    assert!(
        shown.contains("2222") && shown.contains("backup") && shown.contains("prod"),
        "{shown}"
    );
    let plain = "# ours\nroot@db1:2200\ndb[2-3]\n";
    let listed = with_inventory(&fleet, "plain", plain, &["inventory", "list", "--fold"]);
    assert_eq!(listed.success().trim(), "db[1-3]");
    with_inventory(&fleet, "plain", "db1\ndb1\n", &["inventory", "list"])
        .code(64)
        .says("plain:2:1");
    with_inventory(
        &fleet,
        "hosts.ini",
        "[db]\na ansible_user={{ user }}\n",
        &["inventory", "list"],
    )
    .code(64)
    .says("hosts.ini:2");
}

#[test]
fn ping_tells_each_phase_and_who_answered() {
    let fleet = Fleet::of(&["db1", "db2"]);
    fleet.fleet(&["push"]).code(0);
    let finished = fleet.fleet(&["ping", "-l", "db1"]).code(0);
    for word in [
        "resolve",
        "connect",
        "handshake",
        "authenticate",
        "greeting",
        "batt 0",
    ] {
        assert!(
            finished.stdout.contains(word),
            "`{word}` is not in:\n{}",
            finished.stdout
        );
    }
    fleet.set(
        "db2",
        "address",
        &quoted(&fleet.with(|sshd| sshd.unused_address())),
    );
    let (code, document) = fleet.json(&["ping"]);
    assert_eq!(code, Some(4));
    assert_eq!(document["totals"]["connect"], 1, "{document:#}");
    assert!(!fleet.state().exists(), "a ping is no run");
}

#[test]
fn keys_that_ping_shows_work_as_pins() {
    let fleet = Fleet::of(&["db1"]);
    let key = fleet.with(|sshd| sshd.host_key.clone());
    fleet.unset("db1", "host_key");
    // Showing keys is not trusting them.
    let finished = fleet.fleet(&["ping", "--show-keys"]).code(4);
    assert!(finished.stdout.contains(&key), "{}", finished.stdout);
    assert!(finished.stdout.contains("SHA256:"), "{}", finished.stdout);
    let pin = finished
        .stdout
        .lines()
        .find(|line| line.contains("host_key"))
        .unwrap();
    let (_, value) = pin.split_once("host_key = ").unwrap();
    fleet.set("db1", "host_key", value.trim());
    fleet.fleet(&["run", "-g", "db"]).code(0);
    assert!(
        !fleet.user_home().join(".ssh").exists(),
        "nothing is trusted by itself"
    );
}

//! What `run` takes: groups, patterns, services, and what it says when they cannot be meant. Nothing runs then.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use batt_tests::fleet::Fleet;

const ALL: &[&str] = &["db1", "db2", "web1"];

fn fleet() -> Fleet {
    let fleet = Fleet::of(ALL);
    fleet.group("web", &["web1"], &[]);
    fleet.group("prod", &["db1", "web1"], &[]);
    fleet
}

/// Asserts that a command ends so, says all of this, connects to nobody and leaves no journal.
#[track_caller]
fn refused(fleet: &Fleet, arguments: &[&str], code: i32, words: &[&str]) {
    let finished = fleet.fleet(arguments).code(code);
    assert_eq!(finished.stdout, "", "stdout is for results");
    for word in words {
        assert!(
            finished.stderr.contains(word),
            "`{word}` is not in:\n{}",
            finished.stderr
        );
    }
    assert!(
        ALL.iter().all(|host| !fleet.home(host).exists()),
        "a host was changed"
    );
    assert!(!fleet.state().exists(), "there is a journal of nothing");
}

#[test]
fn what_cannot_be_meant_runs_nothing() {
    let fleet = fleet();
    refused(&fleet, &["run", "-g", "dbb"], 65, &["dbb", "hint:", "`db`"]);
    refused(&fleet, &["run", "-l", "db3"], 65, &["db3", "hint:"]);
    refused(&fleet, &["run", "-l", "dv*"], 65, &["dv*"]);
    refused(&fleet, &["run", "-g", "db", "-x", "wbe1"], 65, &["wbe1"]);
    refused(&fleet, &["run", "-g", "db", "-x", "db"], 65, &[]);
    refused(
        &fleet,
        &["run", "db"],
        64,
        &["`db` is a group", "--group db", "--limit all db"],
    );
    refused(&fleet, &["run", "web1"], 64, &["`web1` is a host"]);
    refused(&fleet, &["run", "-l", "@db!db1:&web"], 64, &["hint:"]);
    refused(&fleet, &["run", "-g", "db", "Bad Service"], 64, &["Bad Service"]);
    refused(&fleet, &["run", "-g", "db", "../etc"], 64, &["../etc"]);
    refused(&fleet, &["run", "--grup", "db"], 64, &["--grup", "--group"]);
    refused(&fleet, &["rnu"], 64, &["rnu", "run"]);
    refused(&fleet, &["run", "-g", "db", "-f", "0"], 64, &["-f", "0"]);
    refused(&fleet, &["run", "-g", "db", "--deadline", "soon"], 64, &["soon"]);
    refused(&fleet, &["run", "-g", "db", "--path", "/srv/%"], 64, &["/srv/%"]);
    refused(
        &fleet,
        &["run", "-g", "db", "--path", "relative/%Y"],
        64,
        &["relative"],
    );
    refused(
        &fleet,
        &["run", "-g", "db", "-i", "/nonexistent.toml"],
        64,
        &["/nonexistent.toml"],
    );
    refused(
        &fleet,
        &["run", "-g", "db", "--known-hosts", "/nonexistent"],
        64,
        &["/nonexistent"],
    );
    refused(&fleet, &["run", "-g", "db", "--work-db"], 64, &["--work-db"]);
    refused(
        &fleet,
        &["run", "-g", "db", "--no-such-thing", "x"],
        64,
        &["--no-such-thing"],
    );
}

#[test]
fn a_mistake_in_the_inventory_runs_nothing() {
    let fleet = fleet();
    fleet.set("db1", "adress", "\"127.0.0.1\"");
    refused(
        &fleet,
        &["run", "-g", "db"],
        64,
        &["inventory.toml:", "adress", "^", "`address`"],
    );
}

#[test]
fn without_an_inventory_one_is_asked_for() {
    let fleet = fleet();
    let mut command = fleet.command();
    fs::remove_file(fleet.fleet_folder().join("inventory.toml")).unwrap();
    let output = command.arg("run").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("inventory.toml") && said.contains("-i"), "{said}");
}

#[test]
fn groups_limits_and_exclusions_select() {
    let fleet = fleet();
    let hosts = |arguments: &[&str]| {
        let (code, document) = fleet.json(&[&["run"], arguments].concat());
        assert_eq!(code, Some(0), "{document:#}");
        let hosts = document["hosts"].as_array().unwrap().iter();
        hosts
            .map(|host| host["host"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(hosts(&["-g", "web"]), "web1");
    assert_eq!(hosts(&["-g", "db", "-l", "prod"]), "db1 web1");
    assert_eq!(hosts(&["-g", "db", "-x", "db2,web1"]), "db1");
    assert_eq!(hosts(&["-l", "db[1-2]"]), "db1 db2");
    assert_eq!(hosts(&["-l", "prod and not web1"]), "db1");
    assert_eq!(hosts(&["-g", "web", "-g", "prod"]), "db1 web1");
    assert_eq!(hosts(&["--limit", "db2", "work"]), "db2");
    assert_eq!(hosts(&["work"]), "db1 db2 web1");
}

#[test]
fn every_flag_has_a_variable() {
    let fleet = fleet();
    let mut command = fleet.command();
    command
        .env("BATT_FLEET_GROUP", "web")
        .env("BATT_FLEET_FORMAT", "json");
    let output = command.arg("run").output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["hosts"].as_array().unwrap().len(), 1, "{document:#}");
    let mut command = fleet.command();
    let state = fleet.scratch().join("state");
    command.env("BATT_FLEET_STATE", &state).args(["run", "-l", "db1"]);
    assert!(command.output().unwrap().status.success());
    assert_eq!(fs::read_dir(state.join("runs")).unwrap().count(), 1);
}

#[test]
fn help_shows_the_exit_codes_and_a_broken_pipe_is_no_crash() {
    let fleet = fleet();
    let help = fleet.fleet(&["--help"]).success();
    for code in [
        "0 ", "1 ", "2 ", "4 ", "8 ", "16 ", "64 ", "65 ", "75 ", "77 ", "130",
    ] {
        assert!(help.contains(code), "{code} is not in:\n{help}");
    }
    let mut command = fleet.command();
    command
        .args(["inventory", "list"])
        .stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{said}");
}

//! Signals, dead controllers, dead connections: the runs on the hosts and what is told of them stay true.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use batt_tests::finished::Finished;
use batt_tests::fleet::{Fleet, assert_class, host_of, texts_below};
use batt_tests::process::until;

fn document(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error} in {}", finished.said()))
}

fn lives(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

/// Returns the processes that work for a host: those that have its folder in their environment or arguments.
fn processes_of(fleet: &Fleet, host: &str) -> Vec<String> {
    let needle = fleet.home(host).to_str().unwrap().to_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let read = |name| fs::read(entry.path().join(name)).unwrap_or_default();
        let text = [read("environ"), read("cmdline")].concat();
        if String::from_utf8_lossy(&text).contains(&needle) {
            found.push(String::from_utf8_lossy(&read("cmdline")).replace('\0', " "));
        }
    }
    found
}

#[test]
fn ctrl_c_cancels_what_runs_and_starts_nothing_more() {
    let fleet = Fleet::of(&["db1", "db2", "db3"]);
    fleet.mode("db1", "hang");
    fleet.mode("db2", "hang");
    let running = fleet.start(&["run", "-g", "db", "-f", "2", "--format", "json"]);
    let scripts = [fleet.started("db1"), fleet.started("db2")];
    running.signal(Signal::INT);
    let finished = running.wait().code(130);
    let document = document(&finished);
    assert_eq!(document["exit"], 130);
    assert_class(&document, "db1", "cancelled", "");
    assert_eq!(host_of(&document, "db1")["services"][0]["outcome"], "cancelled");
    assert_class(&document, "db2", "cancelled", "");
    assert_class(&document, "db3", "cancelled", "");
    assert!(!fleet.has_started("db3"));
    assert!(scripts.iter().all(|script| !lives(*script)), "a script lives");
    for host in ["db1", "db2"] {
        // The session that told it takes a moment to end.
        until("all processes end", || processes_of(&fleet, host).is_empty());
        assert_eq!(fleet.backups(host, "work").len(), 0);
    }
    let (_, runs) = fleet.json(&["runs"]);
    assert_eq!(runs["runs"][0]["exit"], 130);
}

#[test]
fn ctrl_c_still_tells_people_how_it_stands() {
    let fleet = Fleet::of(&["db1", "db2"]);
    fleet.mode("db2", "hang");
    let running = fleet.start(&["run", "-g", "db"]);
    fleet.started("db2");
    running.says("db1: ok");
    running.signal(Signal::INT);
    let finished = running.wait().code(130);
    for words in ["cancelled", "1 of 2 hosts ok", "exit  130"] {
        assert!(
            finished.stdout.contains(words),
            "`{words}` is not in:\n{}",
            finished.stdout
        );
    }
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let fleet = Fleet::of(&["db1"]);
    // It takes the cancel, and never confirms.
    fleet.fake_agent(
        "db1",
        "#!/bin/sh\nprintf '%s\\n' '{\"batt\":{\"version\":\"1\",\"protocol\":{\"oldest\":1,\"newest\":1},\"host_id\":\"a\",\
         \"host\":\"a\",\"home\":\"ready\",\"bundle\":\"\",\"time\":\"2026-01-31T02:30:00Z\"}}'\nread -r order\n\
         run=$(printf %s \"$order\" | sed 's/.*\"run\":\"\\([^\"]*\\)\".*/\\1/')\n\
         printf '%s\\n' '{\"reply\":\"accepted\",\"run\":\"'$run'\",\"attached\":false}'\nread -r follow\n\
         echo ok >\"$0.following\"\nread -r cancel\necho \"$cancel\" >\"$0.cancel\"\nexec cat\n",
    );
    let beside = |name: &str| fleet.home("db1").parent().unwrap().join(name).exists();
    let running = fleet.start(&["run", "-g", "db", "--push", "never"]);
    until("the order is taken", || beside("agent.following"));
    running.signal(Signal::INT);
    until("the cancel is taken", || beside("agent.cancel"));
    running.signal(Signal::INT);
    running.wait().code(130);
    let (_, runs) = fleet.json(&["runs"]);
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "{runs:#}");
}

#[test]
fn a_second_ctrl_c_leaves_the_runs_to_the_hosts() {
    let fleet = Fleet::of(&["db1"]);
    fleet.mode("db1", "gate");
    let running = fleet.start(&["run", "-g", "db"]);
    fleet.started("db1");
    running.signal(Signal::INT);
    running.signal(Signal::INT);
    running.wait().code(130);
    // The second may come before the host was asked to cancel: then the run goes on there.
    fleet.open_gate("db1");
    until("the host ends the run", || {
        fleet
            .batt("db1", &["runs", "--format", "json"])
            .stdout
            .contains("\"exit\": ")
            && !fleet
                .batt("db1", &["runs", "--format", "json"])
                .stdout
                .contains("\"exit\": null")
    });
}

#[test]
fn a_terminated_controller_cancels_as_well() {
    let fleet = Fleet::of(&["db1"]);
    fleet.mode("db1", "hang");
    let running = fleet.start(&["run", "-g", "db", "--format", "json"]);
    let script = fleet.started("db1");
    running.signal(Signal::TERM);
    let finished = running.wait().code(143);
    assert_class(&document(&finished), "db1", "cancelled", "");
    assert!(!lives(script));
}

#[test]
fn runs_outlive_a_controller_that_was_killed() {
    let fleet = Fleet::of(&["db1", "db2"]);
    fleet.mode("db1", "gate");
    let running = fleet.start(&["run", "-g", "db"]);
    fleet.started("db1");
    running.says("db2: ok");
    running.signal(Signal::KILL);
    assert_eq!(running.wait().code, None);
    until("the connections end", || {
        fleet.with(|sshd| sshd.connections()) == 0
    });
    assert_eq!(fleet.backups("db1", "work").len(), 0, "it still runs");

    // The journal tells what is known: no end.
    let (code, runs) = fleet.json(&["runs"]);
    assert_eq!(code, Some(0));
    let run = &runs["runs"][0];
    assert_eq!(run["exit"], Value::Null);
    assert_eq!(run["totals"]["ok"], 1, "{runs:#}");
    fleet.fleet(&["runs"]).code(0).says("no end");
    fleet
        .fleet(&["logs", run["run"].as_str().unwrap(), "db1"])
        .code(0);

    fleet.open_gate("db1");
    until("the run ends", || !fleet.backups("db1", "work").is_empty());
    let known = || fleet.batt("db1", &["runs", "--format", "json"]).success();
    until("the host knows the end", || {
        let known: Value = serde_json::from_str(&known()).unwrap();
        known["runs"][0]["run"] == run["run"] && known["runs"][0]["exit"] == 0
    });
}

#[test]
fn a_broken_connection_is_mended_and_the_truth_told() {
    let fleet = Fleet::of(&["db1", "db2"]);
    fleet.mode("db1", "gate");
    fleet.mode("db2", "gate");
    let running = fleet.start(&["run", "-g", "db", "--format", "json"]);
    fleet.started("db1");
    fleet.started("db2");
    fleet.with(|sshd| sshd.kill_connections());
    // One ends while nobody looks, and badly; the other goes on.
    fleet.open_gate("db2");
    until("work ends on db2", || !fleet.backups("db2", "work").is_empty());
    until("they come back", || fleet.with(|sshd| sshd.connections()) > 0);
    fleet.open_gate("db1");
    let finished = running.wait().code(0);
    let document = document(&finished);
    for host in ["db1", "db2"] {
        assert_class(&document, host, "ok", "");
        assert_eq!(host_of(&document, host)["services"][0]["outcome"], "succeeded");
        let runs = fleet.batt(host, &["runs", "--format", "json"]).success();
        assert_eq!(runs.matches("\"run\":").count(), 1, "it ran twice: {runs}");
        let log = fleet
            .state()
            .join("runs")
            .join(document["run"].as_str().unwrap())
            .join(format!("logs/{host}.log"));
        let log = fs::read_to_string(log).unwrap();
        assert_eq!(log.matches("work as gate").count(), 1, "{log}");
    }
}

#[test]
fn a_host_that_never_comes_back_is_lost() {
    let fleet = Fleet::of(&["db1"]);
    fleet.mode("db1", "gate");
    let running = fleet.start(&["run", "-g", "db"]);
    fleet.started("db1");
    until("the controller knows that it started", || {
        let known = texts_below(&fleet.state());
        known.values().any(|text| text.contains("service-started"))
    });
    fleet.stop_sshd();
    let finished = running.wait().code(4);
    for words in [
        "lost",
        "db1",
        "work",
        "connection refused",
        "batt runs",
        "0 of 1 host ok",
    ] {
        assert!(
            finished.stdout.contains(words),
            "`{words}` is not in:\n{}",
            finished.stdout
        );
    }
    assert!(!finished.said().contains("succeeded"), "{}", finished.said());
    fleet.open_gate("db1");
    until("the run ends by itself", || {
        !fleet.backups("db1", "work").is_empty()
    });
}

#[test]
fn the_json_of_a_lost_host_names_what_is_not_known_to_have_ended() {
    let fleet = Fleet::of(&["db1"]);
    fleet.mode("db1", "gate");
    let running = fleet.start(&["run", "-g", "db", "--format", "json"]);
    fleet.started("db1");
    until("the controller knows that it started", || {
        let known = texts_below(&fleet.state());
        known.values().any(|text| text.contains("service-started"))
    });
    fleet.stop_sshd();
    let finished = running.wait().code(4);
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    let host = &report["hosts"][0];
    assert_eq!(
        (&host["class"], &host["services"], &host["open"]),
        (
            &"lost".into(),
            &serde_json::json!([]),
            &serde_json::json!(["work"])
        )
    );
    fleet.open_gate("db1");
    until("the run ends by itself", || {
        !fleet.backups("db1", "work").is_empty()
    });
}

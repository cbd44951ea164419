//! `batt-fleet run --group db` on hosts that are well and some whose service is not: table, JSON, journal, logs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use batt_tests::fleet::{Fleet, assert_class, host_of, texts_below};
use batt_tests::process::until;

const THREE: &[&str] = &["db1", "db2", "db3"];

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event["event"]["kind"].as_str())
        .collect()
}

#[test]
fn a_run_backs_up_every_host_of_the_group_and_says_so() {
    let fleet = Fleet::of(THREE);
    fleet.script(
        "more",
        "#!/bin/sh\nhead -c 100000 /dev/zero >\"$BATT_DEST/$BATT_SERVICE/zeros\"\n",
    );
    fleet.group("more", &["db1", "db2"], &["more"]);
    let finished = fleet.fleet(&["run", "--group", "db"]).code(0);
    for words in [
        "ok         3  db[1-3]",
        "more      195 KiB",
        "3 of 3 hosts ok",
        "exit  0: everything asked for was done and verified",
    ] {
        assert!(
            finished.stdout.contains(words),
            "`{words}` is not in:\n{}",
            finished.stdout
        );
    }
    for host in THREE {
        let backups = fleet.backups(host, "work");
        assert_eq!(backups.len(), 1, "{backups:?}");
        assert!(backups[0].join("RESTORE.md").exists());
    }
    assert_eq!(fleet.backups("db3", "more").len(), 0);
    // The hosts agree with what was told: each verifies what it has.
    fleet
        .batt("db1", &["--path", &fleet.pattern("db1"), "verify"])
        .code(0);
}

#[test]
fn the_document_of_a_run_has_the_shape_that_tools_rely_on() {
    let fleet = Fleet::of(THREE);
    fleet.mode("db2", "fail");
    let (code, document) = fleet.json(&["run", "--group", "db"]);
    assert_eq!(code, Some(2));
    assert_eq!(document["exit"], 2);
    assert_eq!(document["totals"], json!({"ok": 2, "failed": 1}));
    let names: Vec<&str> = document["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| host["host"].as_str().unwrap())
        .collect();
    assert_eq!(names, THREE);
    let good = host_of(&document, "db1");
    assert_eq!(good["class"], "ok");
    assert_eq!(good["reason"], Value::Null);
    assert!(good["seconds"].is_number());
    let service = &good["services"][0];
    assert_eq!(service["service"], "work");
    assert_eq!(service["outcome"], "succeeded");
    assert_eq!(service["path"].as_str(), fleet.backups("db1", "work")[0].to_str());
    assert_eq!(service["bytes"], 1);
    assert!(service["seconds"].is_number());
    assert_eq!(service["reason"], Value::Null);
    assert_eq!(service["warnings"], json!([]));
    assert_eq!(service["items"], json!([]), "everything");
    let bad = host_of(&document, "db2");
    assert_class(&document, "db2", "failed", "exit code 3");
    assert_eq!(bad["services"][0]["outcome"], "failed");
    assert_eq!(bad["services"][0]["path"], Value::Null);
    assert_eq!(fleet.backups("db2", "work").len(), 0);

    // The same truth, later: in `runs`, in the journal, in the logs.
    let run = document["run"].as_str().unwrap();
    let (code, runs) = fleet.json(&["runs"]);
    assert_eq!(code, Some(0));
    assert_eq!(runs["runs"][0]["run"], run);
    assert_eq!(runs["runs"][0]["exit"], 2);
    assert_eq!(runs["runs"][0]["totals"], json!({"ok": 2, "failed": 1}));
    assert!(runs["runs"][0]["started"].is_string());
    let folder = fleet.state().join("runs").join(run);
    let journal = lines(&fs::read_to_string(folder.join("events.jsonl")).unwrap());
    let kinds = kinds(&journal);
    assert_eq!(kinds.first(), Some(&"run-planned"));
    assert_eq!(kinds.last(), Some(&"run-ended"));
    assert_eq!(kinds.iter().filter(|kind| **kind == "order-sent").count(), 3);
    let log = fs::read_to_string(folder.join("logs/db2.log")).unwrap();
    assert!(log.contains("the disk is on fire"), "{log}");
    let shown = fleet.fleet(&["logs", run, "db2"]).success();
    assert!(shown.contains("the disk is on fire"), "{shown}");
    let all = fleet.fleet(&["logs", "--last"]).success();
    assert!(
        all.contains("work as good") && all.contains("work as fail"),
        "{all}"
    );
}

#[test]
fn runs_tells_the_newest_first() {
    let fleet = Fleet::of(&["db1"]);
    let (_, first) = fleet.json(&["run", "-g", "db"]);
    fleet.mode("db1", "fail");
    let (_, second) = fleet.json(&["run", "-g", "db"]);
    let (_, runs) = fleet.json(&["runs"]);
    let known: Vec<&Value> = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["exit"])
        .collect();
    assert_eq!(known, [2, 0]);
    assert_ne!(first["run"], second["run"]);
    fleet
        .fleet(&["logs", "19990101T000000Z-000000"])
        .code(64)
        .says("19990101T000000Z-000000");
    fleet
        .fleet(&["logs", second["run"].as_str().unwrap(), "db9"])
        .code(64)
        .says("db9");
}

#[test]
fn lines_of_json_are_the_events_of_the_journal() {
    let fleet = Fleet::of(&["db1", "db2"]);
    let finished = fleet.fleet(&["run", "-g", "db", "--format", "jsonl"]).code(0);
    let events = lines(&finished.stdout);
    let kinds = kinds(&events);
    assert_eq!(kinds.first(), Some(&"run-planned"));
    assert_eq!(kinds.last(), Some(&"run-ended"));
    let run = events[0]["event"]["run"].as_str().unwrap();
    let journal = fs::read_to_string(fleet.state().join("runs").join(run).join("events.jsonl")).unwrap();
    for event in lines(&journal) {
        assert!(events.contains(&event), "{event} was not told");
    }
}

#[test]
fn people_see_what_failed_why_and_its_last_words() {
    let fleet = Fleet::of(THREE);
    fleet.mode("db1", "fail");
    fleet.mode("db3", "fail");
    let finished = fleet.fleet(&["run", "-g", "db"]).code(2);
    for words in ["db[1,3]", "the disk is on fire", "1 of 3 hosts ok", "exit  2"] {
        assert!(
            finished.stdout.contains(words),
            "`{words}` is not in:\n{}",
            finished.stdout
        );
    }
    // Two hosts that are alike in one block, with their last words once.
    assert_eq!(
        finished.stdout.matches("the disk is on fire").count(),
        1,
        "{}",
        finished.stdout
    );
    let quiet = fleet.fleet(&["run", "-g", "db", "--quiet"]).code(2);
    assert!(!quiet.stderr.contains("db2"), "{}", quiet.stderr);
    assert!(quiet.stderr.contains("db1"), "{}", quiet.stderr);
}

#[test]
fn words_of_a_host_never_drive_the_terminal() {
    let fleet = Fleet::of(&["db1"]);
    fleet.mode("db1", "hostile");
    for arguments in [
        ["run", "-g", "db"].as_slice(),
        &["run", "-g", "db", "--format", "json"],
        &["run", "-g", "db", "--format", "jsonl"],
        &["logs", "--last"],
        &["logs", "--last", "--format", "json"],
        &["runs"],
    ] {
        let finished = fleet.fleet(arguments);
        let said = finished.said();
        let bad = said
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(bad, None, "{arguments:?} said\n{said:?}");
        assert!(
            arguments[0] != "logs" || said.contains("over"),
            "{arguments:?} said\n{said}"
        );
    }
}

#[test]
fn a_secret_of_a_conf_file_stays_where_it_was_put() {
    const SECRET: &str = "canary-8d1f0b2e";
    let fleet = Fleet::of(&["db1"]);
    fleet.file(
        "conf/hosts/db1/backup-work.conf",
        &format!("WORK_PASSWORD={SECRET}\n"),
    );
    fleet.script(
        "work",
        "#!/bin/sh\necho \"logging in with $WORK_PASSWORD\"\necho x >\"$BATT_DEST/$BATT_SERVICE/x\"\n\
         [ \"$WORK_PASSWORD\" = canary-\"8d1f0b2e\" ]\n",
    );
    let mut said = fleet.fleet(&["push", "--check", "--diff"]).code(2).said();
    said += &fleet
        .fleet(&["run", "-g", "db", "--format", "jsonl"])
        .code(0)
        .said();
    said += &fleet.fleet(&["logs", "--last"]).code(0).said();
    said += &fleet.fleet(&["run", "-g", "db", "-n"]).code(0).said();
    assert!(said.contains("logging in with"), "{said}");
    assert!(!said.contains(SECRET), "{said}");
    for (path, text) in texts_below(&fleet.state()) {
        assert!(!text.contains(SECRET), "the secret is in {}", path.display());
    }
    for (path, text) in texts_below(&fleet.home("db1").join("var")) {
        assert!(!text.contains(SECRET), "the secret is in {}", path.display());
    }
}

#[test]
fn a_dry_run_tells_what_would_be_done_and_changes_nothing() {
    let fleet = Fleet::of(THREE);
    fleet.set("db2", "address", "\"127.0.0.1\"");
    fleet.set("db2", "port", "1");
    let finished = fleet.fleet(&["run", "-g", "db", "-n"]).code(4);
    finished.says("after a push of 2 files");
    for host in THREE {
        assert!(!fleet.home(host).exists(), "{host} was changed");
        assert!(!fleet.has_started(host));
    }
    assert!(
        !fleet.state().join("runs").exists(),
        "a dry run is in the journals"
    );
    // On hosts that have been used before as well.
    fleet.fleet(&["run", "-l", "db1"]).code(0);
    // Who watched over the run on the host is about to leave.
    until("the run is over on the host", || {
        let files = texts_below(&fleet.home("db1"));
        !files.keys().any(|path| path.ends_with("active"))
    });
    let before = texts_below(&fleet.home("db1"));
    fleet
        .fleet(&["run", "-l", "db1", "--dry-run", "--format", "json"])
        .code(0);
    let after = texts_below(&fleet.home("db1"));
    let changed = |path: &&PathBuf| before.get(*path) != after.get(*path);
    let changed: Vec<&PathBuf> = before.keys().chain(after.keys()).filter(changed).collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert_eq!(fleet.backups("db1", "work").len(), 1);
}

#[test]
fn items_and_path_reach_the_hosts() {
    let fleet = Fleet::of(&["db1", "db2"]);
    let elsewhere = fleet.scratch().join("elsewhere");
    let pattern = format!("{}/%Y/{{host}}", elsewhere.display());
    let finished = fleet.fleet(&[
        "run",
        "-g",
        "db",
        "-l",
        "db1",
        "--path",
        &pattern,
        "--work-db",
        "a b;$(id)",
        "--work-db=--c",
    ]);
    finished.code(0);
    let stored: Vec<String> = texts_below(&elsewhere)
        .into_iter()
        .filter(|(path, _)| path.ends_with("items"))
        .map(|(_, text)| text)
        .collect();
    assert_eq!(stored, ["a b;$(id)\n--c\n"]);
    assert!(!fleet.has_started("db2"));
    fleet
        .fleet(&["run", "-g", "db", "--path", "/srv/%Q"])
        .code(64)
        .says("%Q");
    assert!(!fleet.has_started("db2"));
}

#[test]
fn an_unknown_service_on_one_host_is_refused_there_and_the_others_run() {
    let fleet = Fleet::of(&["db1", "db2"]);
    fleet.group("odd", &["db2"], &["nothere"]);
    let (code, document) = fleet.json(&["run", "-g", "db"]);
    assert_eq!(code, Some(2));
    assert_class(&document, "db1", "ok", "");
    assert_class(&document, "db2", "failed", "nothere");
}

#[test]
fn a_host_with_nothing_to_run_is_no_success() {
    let fleet = Fleet::of(&["db1"]);
    fleet.set(
        "db1",
        "agent_home",
        &format!("{:?}", fleet.scratch().join("bare")),
    );
    fleet.group("none", &["db1"], &[]);
    let finished = fleet.fleet(&["run", "-l", "db1", "no-such"]);
    finished.code(2).says("no-such");
}

#[test]
fn one_host_at_a_time_is_one_host_at_a_time() {
    let fleet = Fleet::of(THREE);
    for host in THREE {
        fleet.mode(host, "gate");
    }
    let running = fleet.start(&["run", "-g", "db", "-f", "1"]);
    for (at, host) in THREE.iter().enumerate() {
        fleet.started(host);
        for later in &THREE[at + 1..] {
            assert!(!fleet.has_started(later), "{later} runs beside {host}");
        }
        fleet.open_gate(host);
    }
    running.wait().code(0);
}

//! The program as a whole, with a world of its own and no host.

use std::path::Path;

use super::*;

struct Ran {
    exit: u8,
    out: String,
    err: String,
}

fn batt_fleet(folder: &Path, words: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let variables = [
        ("HOME", folder.to_path_buf()),
        ("BATT_FLEET_INVENTORY", folder.join("inventory.toml")),
    ];
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone().into_os_string())
    };
    let mut world = World {
        variable: &variable,
        out: &mut out,
        err: &mut err,
    };
    let inventory = [
        "-i".to_owned(),
        folder.join("inventory.toml").to_string_lossy().into_owned(),
    ];
    let mut arguments: Vec<OsString> = vec!["batt-fleet".into()];
    arguments.extend(words.iter().map(OsString::from));
    if !matches!(words[0], "runs" | "logs" | "man" | "completions") {
        arguments.extend(inventory.iter().map(OsString::from));
    }
    let exit = main(arguments, &mut world).code();
    Ran {
        exit,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

const INVENTORY: &str = r#"
[defaults]
user = "backup"
[groups.db]
hosts = ["db[1-3]"]
services = ["mysql"]
vars = { env = "prod", api_token = "hunter2" }
[groups.web]
hosts = ["web1"]
"#;

fn fleet() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("inventory.toml"), INVENTORY).unwrap();
    folder
}

#[test]
fn the_inventory_is_asked() {
    let folder = fleet();
    let ask = |words: &[&str]| {
        let ran = batt_fleet(folder.path(), words);
        assert_eq!((ran.exit, ran.err.as_str()), (0, ""), "{words:?}");
        ran.out
    };
    assert_eq!(ask(&["inventory", "list"]), "db1\ndb2\ndb3\nweb1\n");
    assert_eq!(
        ask(&["inventory", "list", "--fold", "-x", "db2"]),
        "db[1,3],web1\n"
    );
    assert_eq!(ask(&["inventory", "list", "--count", "db"]), "3\n");
    assert_eq!(
        ask(&["inventory", "list", "db1", "--vars"]),
        "db1\n    api_token = ***\n    env = prod\n"
    );
    let json: serde_json::Value =
        serde_json::from_str(&ask(&["inventory", "list", "--format", "json", "--vars"])).unwrap();
    assert_eq!(json["hosts"][0]["host"], "db1");
    assert_eq!(json["hosts"][0]["vars"]["env"], "prod");
    assert_eq!(json["hosts"][0]["vars"]["api_token"], "***");
    assert_eq!(
        ask(&["inventory", "list", "--format", "jsonl"]).lines().count(),
        4
    );
    assert!(ask(&["inventory", "show", "db1", "--explain"]).contains("    user = backup  # defaults ("));
    assert!(!ask(&["inventory", "show", "db1"]).contains('#'));
    assert_eq!(
        ask(&["inventory", "groups", "--fold"]),
        "db: 3 hosts\n    db[1-3]\nweb: 1 host\n    web1\n"
    );
    assert_eq!(ask(&["inventory", "check"]), "4 hosts in 2 groups: good\n");
}

#[test]
fn what_is_wrong_is_told_before_any_connection() {
    let folder = fleet();
    for (words, exit, message) in [
        (
            &["run", "db"][..],
            64,
            "group of the inventory and may be a service",
        ),
        (&["run", "db1"], 64, "host of the inventory and may be a service"),
        (&["run", "Mysql"], 64, "not the name of a service"),
        (&["run", "-g", "dbb"], 65, "unknown group"),
        (&["run", "-l", "db9"], 65, "db9"),
        (&["run", "-l", "db", "-x", "db"], 65, "the selection is empty"),
        (&["run", "-l", "@db!web:&x"], 64, ""),
        (&["run", "--path", "/b/%Q"], 64, "conversion that is none"),
        (&["push"], 64, "nothing to push"),
        (
            &["push", "--agent-file", "/nonexistent"],
            64,
            "cannot read the agent",
        ),
        (
            &["ping", "--known-hosts", "/nonexistent"],
            64,
            "cannot read the host keys",
        ),
        (&["logs", "2026"], 64, "there is no run"),
        (&["logs", "--last"], 64, "there is no run yet"),
    ] {
        let ran = batt_fleet(folder.path(), words);
        assert_eq!(ran.exit, exit, "{words:?}: {}", ran.err);
        assert!(ran.err.contains(message), "{words:?}: {}", ran.err);
        assert!(
            ran.err.contains("hint: ") || words[0] == "ping",
            "{words:?}: {}",
            ran.err
        );
        assert_eq!(ran.out, "", "{words:?}");
    }
}

#[test]
fn a_fleet_folder_is_checked_and_brings_its_options() {
    let folder = fleet();
    let scripts = folder.path().join("scripts-available");
    std::fs::create_dir(&scripts).unwrap();
    std::fs::write(
        scripts.join("backup-app"),
        "#!/bin/sh\n# batt: option --tenant NAME tenant to back up\n",
    )
    .unwrap();
    let help = batt_fleet(folder.path(), &["run", "--help"]);
    assert!(help.out.contains("--tenant NAME"), "{}", help.out);
    let check = batt_fleet(folder.path(), &["inventory", "check"]);
    assert!(check.out.contains("1 file to push at most"), "{}", check.out);
    std::fs::write(scripts.join(".hidden"), "").unwrap();
    let check = batt_fleet(folder.path(), &["inventory", "check"]);
    assert_eq!(check.exit, 64);
    assert!(check.err.contains(".hidden"), "{}", check.err);
}

#[test]
fn a_journal_that_cannot_be_kept_stops_the_run_before_it_starts() {
    let folder = fleet();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let state = folder.path().join("file").to_string_lossy().into_owned();
    let ran = batt_fleet(folder.path(), &["run", "--state", &state]);
    assert_eq!(ran.exit, 1);
    assert!(ran.err.contains("cannot make the folder"), "{}", ran.err);
}

#[test]
fn runs_and_logs_of_the_past_are_shown() {
    use crate::event::{FleetEvent, FleetEventKind as Kind, PlannedHost, Verb};
    let folder = fleet();
    let state = state_folder::StateFolder::resolve(Some(folder.path().join("state")), |_| None).unwrap();
    let run: batt_protocol::RunId = "20260131T023000Z-1a2b3c".parse().unwrap();
    let place = state.create_run(&run).unwrap();
    let mut journal = journal::Journal::create(&place).unwrap();
    let plan = FleetEvent {
        at: run.time(),
        host: None,
        event: Kind::RunPlanned {
            run,
            verb: Verb::Run,
            version: "0.1.0".into(),
            asked_by: "ops@desk".into(),
            hosts: vec![PlannedHost {
                host: "db1".parse().unwrap(),
                services: Vec::new(),
            }],
        },
    };
    journal.append([&plan]).unwrap();
    std::fs::write(place.join("logs/db1.log"), b"==> mysql <==\n\x1b[31mred\xff\n").unwrap();
    let state = folder.path().join("state").to_string_lossy().into_owned();
    let ask = |words: &[&str]| {
        let words: Vec<&str> = words.iter().copied().chain(["--state", &state]).collect();
        batt_fleet(folder.path(), &words)
    };
    let json: serde_json::Value = serde_json::from_str(&ask(&["runs", "--format", "json"]).out).unwrap();
    assert_eq!(json["runs"][0]["run"], "20260131T023000Z-1a2b3c");
    assert!(json["runs"][0]["exit"].is_null(), "nobody knows");
    assert!(ask(&["runs"]).out.contains("no end"));
    assert_eq!(
        ask(&["logs", "--last"]).out,
        "db1: ==> mysql <==\ndb1: \\x1b[31mred\u{fffd}\n",
        "nothing of a host drives the terminal"
    );
    assert_eq!(ask(&["logs", "20260131", "db1"]).out.lines().count(), 2);
    let json: serde_json::Value =
        serde_json::from_str(&ask(&["logs", "2026", "--format", "json"]).out).unwrap();
    assert_eq!(json["hosts"][0]["host"], "db1");
    let unknown = ask(&["logs", "2026", "db11"]);
    assert_eq!(unknown.exit, 64);
    assert!(unknown.err.contains("Did you mean `db1`?"), "{}", unknown.err);
}

#[test]
fn shells_and_man_are_served() {
    let folder = fleet();
    assert!(
        batt_fleet(folder.path(), &["completions", "bash"])
            .out
            .contains("batt-fleet")
    );
    assert!(batt_fleet(folder.path(), &["man"]).out.contains(".TH batt-fleet"));
}

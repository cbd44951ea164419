//! What is printed, and for whom.

use super::*;

#[test]
fn a_report_tells_what_was_asked_for() {
    let host = host_with(&["foo"]);
    let report = |arguments: &[&str]| json(&host.batt(&[&["--format", "json"], arguments].concat()).code(0));
    assert_eq!(report(&["foo"])["services"][0]["items"], serde_json::json!([]));
    let two = report(&["--foo-db", "b", "--foo-db", "a"]);
    assert_eq!(two["services"][0]["items"], serde_json::json!(["b", "a"]));
}

#[test]
fn machine_output_has_the_promised_shapes() {
    let host = host_with(&["foo"]);
    host.drop_in("bad", "exit 1");
    let report = json(&host.batt(&["--format", "json", "foo", "bad"]).code(2));
    for key in [
        "service", "outcome", "path", "bytes", "seconds", "reason", "warnings",
    ] {
        assert!(report["services"][0].get(key).is_some(), "{key}: {report}");
    }
    assert!(report["services"][1]["path"].is_null() && report["services"][0]["reason"].is_null());

    let backups = json(&host.batt(&["--format", "json", "backups"]));
    let first = &backups["backups"][0];
    for key in ["id", "service", "path", "time", "bytes", "verified", "drilled"] {
        assert!(first.get(key).is_some(), "{key}: {backups}");
    }
    assert_eq!(first["id"], format!("{}.foo", report["run"].as_str().unwrap()));

    let verified = json(&host.batt(&["--format", "json", "verify"]));
    assert_eq!(
        (
            verified["exit"].as_i64(),
            verified["backups"][0]["verified"].as_bool()
        ),
        (Some(0), Some(true))
    );
    for key in ["id", "path", "verified", "reason"] {
        assert!(verified["backups"][0].get(key).is_some(), "{key}: {verified}");
    }

    let runs = json(&host.batt(&["--format", "json", "runs"]));
    let run = &runs["runs"][0];
    assert_eq!(
        (run["run"].clone(), run["exit"].clone()),
        (report["run"].clone(), 2.into())
    );
    assert_eq!(run["totals"], serde_json::json!({"succeeded": 1, "failed": 1}));
    assert!(run.get("started").is_some());

    let lines = host.batt(&["--format", "jsonl", "foo"]).success();
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["event"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["run-started", "service-started", "service-ended", "run-ended"]
    );
    let run = events[0]["event"]["run"].as_str().unwrap();
    let journal = fs::read_to_string(host.home().join("var/runs").join(run).join("events.jsonl")).unwrap();
    assert_eq!(journal, lines);
    for command in ["backups", "runs", "verify", "list"] {
        let lines = host.batt(&["--format", "jsonl", command]).success();
        for line in lines.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{command}: {error}: {lines}"));
        }
    }
}

#[test]
fn quiet_is_failures_only_and_dry_run_changes_nothing() {
    let host = host_with(&["foo"]);
    let finished = host.batt(&["-q", "foo"]).code(0);
    assert_eq!(finished.said(), "");
    host.drop_in("bad", "echo the cause; exit 1");
    let finished = host.batt(&["-q", "foo", "bad"]).code(2);
    finished.says("the cause");
    assert!(!finished.said().contains("foo"), "{}", finished.said());

    let (before, runs) = (host.published(), host.batt(&["runs"]).success());
    let finished = host.batt(&["-n", "foo", "bad"]).code(0);
    finished.says(&host.backup("foo").display().to_string());
    host.drop_in_raw("open", b"#!/bin/sh\n", 0o757);
    host.batt(&["--dry-run", "open"]).code(2).says("not trusted");
    assert_eq!((host.published(), host.batt(&["runs"]).success()), (before, runs));
}

#[test]
fn a_reader_that_goes_away_stops_nothing() {
    let host = host_with(&["foo"]);
    for arguments in [
        vec!["foo"],
        vec!["--format", "jsonl", "foo"],
        vec!["-h"],
        vec!["list", "available"],
    ] {
        let mut command = host.batt_command(&arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
    }
    let mut child = host
        .batt_command(&["--format", "jsonl", "foo"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.contains("run-started"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(host.batt(&["runs"]).success().matches("exit 0").count(), 3);
}

#[test]
fn completions_and_the_manual_know_the_scripts_that_are_there() {
    let host = host_with(&["foo"]);
    for shell in ["bash", "zsh", "fish"] {
        let script = host.batt(&["completions", shell]).success();
        assert!(script.contains("foo-db"), "{shell}");
    }
    host.batt(&["completions", "basic"]).code(64).says("basic");
    let manual = host.batt(&["man"]).success();
    assert!(
        manual.contains(".TH batt") && manual.contains("foo\\-db"),
        "{manual}"
    );
    host.batt(&["--version"]).code(0).says("batt ");
}

#[test]
fn help_is_a_command_as_well() {
    let host = host_with(&["foo"]);
    let all = host.batt(&["--help"]).success();
    assert_eq!(host.batt(&["help"]).success(), all);
    assert!(all.contains("--foo-db"), "{all}");
    for command in ["backups", "restore", "purge"] {
        let help = host.batt(&[command, "--help"]).success();
        assert_eq!(host.batt(&["help", command]).success(), help);
    }
}

/// Whoever stops reading is not in the way of anything; a disk that is full is.
#[test]
fn results_that_cannot_be_written_are_an_error() {
    let host = host_with(&["foo"]);
    host.batt(&["foo"]).code(0);
    let commands: [&[&str]; 9] = [
        &["--help"],
        &["list", "available"],
        &["backups"],
        &["--format", "json", "backups"],
        &["runs"],
        &["verify"],
        &["foo"],
        &["--format", "json", "foo"],
        &["--format", "jsonl", "foo"],
    ];
    let written_to = |output: Stdio, arguments: &[&str]| {
        let mut command = host.batt_command(arguments);
        let child = command.stdout(output).stderr(Stdio::piped()).spawn().unwrap();
        let ended = child.wait_with_output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    let full = || {
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
            .into()
    };
    for arguments in commands {
        let (code, said) = written_to(full(), arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        let lost = "batt: cannot write the output: No space left on device";
        assert_eq!(said.matches(lost).count(), 1, "{arguments:?}: {said}");

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, said) = written_to(writer.into(), arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
        assert!(!said.contains("cannot write"), "{arguments:?}: {said}");
    }
    // A failure stays one.
    host.drop_in("bad", "exit 1");
    assert_eq!(written_to(full(), &["bad"]).0, Some(2));
}

/// An empty list would be believed.
#[test]
fn who_may_not_read_the_home_is_told_whose_it_is() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let host = host_with(&["foo"]);
    host.batt(&["foo"]).code(0);
    let another = ["--reuid=61999", "--regid=61999", "--clear-groups"];
    let as_another = |arguments: &[&str]| host.batt_within("setpriv", &another, arguments);
    chmod(host.root(), 0o711);
    chmod(&host.home().join("scripts-available"), 0o700);
    for arguments in [
        &["backups"] as &[&str],
        &["list"],
        &["runs"],
        &["logs"],
        &["verify"],
        &["check"],
        &["drill"],
        &["restore", "foo"],
        &["purge"],
        &["foo"],
        &["-n", "foo"],
        &[],
    ] {
        let finished = as_another(arguments).code(1);
        finished.says("belongs to `root`, and `61999` may not read it");
        finished.says(&format!(
            "hint: Run `sudo batt --home {}`.",
            host.home().display()
        ));
    }
    for arguments in [
        &["help"] as &[&str],
        &["restore", "--help"],
        &["man"],
        &["completions", "bash"],
    ] {
        as_another(arguments).code(0);
    }
    // Whose it is cannot be seen from before a closed folder.
    chmod(host.root(), 0o700);
    let finished = as_another(&["backups"]).code(1);
    finished.says(&format!("`61999` may not read `{}`", host.home().display()));
}

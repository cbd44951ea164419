//! The command line of `batt` as a person and as a program uses it, with all that can be mistyped.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use batt_tests::drop_in::told;
use batt_tests::finished::Finished;
use batt_tests::host::{Host, under_test};
use batt_tests::process::{assert_none_lives, until};
use serde_json::Value;

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.said()))
}

fn host_with(services: &[&str]) -> Host {
    let host = Host::new();
    for service in services {
        host.drop_in(
            service,
            &format!("echo \"$BATT_RUN_ID ${{*}}\" > $BATT_DEST/{service}/a"),
        );
    }
    host
}

#[test]
fn services_are_listed_enabled_and_disabled() {
    let host = host_with(&["alpha", "beta"]);
    let listed = |which: &[&str]| {
        let all: Vec<&str> = ["list"].into_iter().chain(which.iter().copied()).collect();
        let finished = host.batt(&all);
        finished.says("batt backups");
        let names = finished.success();
        names
            .lines()
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]), [] as [&str; 0]);
    assert!(listed(&["available"]).contains(&"alpha".to_owned()));
    assert_eq!(listed(&["available"]), listed(&["disabled"]));
    host.batt(&["enable", "beta", "alpha"])
        .code(0)
        .says("alpha: enabled");
    host.batt(&["enable", "beta"])
        .code(0)
        .says("beta: already enabled");
    assert_eq!(listed(&[]), ["alpha", "beta"]);
    let link = host.home().join("scripts-enabled/backup-alpha");
    assert_eq!(
        fs::read_link(&link).unwrap(),
        Path::new("../scripts-available/backup-alpha")
    );
    host.batt(&["disable", "alpha"]).code(0).says("alpha: disabled");
    host.batt(&["disable", "alpha"])
        .code(0)
        .says("alpha: already disabled");
    assert_eq!(listed(&["enabled"]), ["beta"]);
    // All names are looked at before anything is changed.
    host.batt(&["enable", "alpha", "alhpa"])
        .code(64)
        .says("Did you mean `alpha`?");
    host.batt(&["disable", "nobody"])
        .code(64)
        .says("unknown service `nobody`");
    assert_eq!(listed(&["enabled"]), ["beta"]);
    host.batt(&["list", "everything"]).code(64).says("everything");
    let machine = json(&host.batt(&["--format", "json", "list", "enabled"]));
    assert_eq!(machine[0]["service"], "beta");
    // What is enabled is what runs by default.
    let finished = host.batt(&["--format", "json"]);
    told("beta", finished).succeeded();
    // A link whose script is gone: told, and it can be taken away.
    fs::remove_file(host.home().join("scripts-available/backup-beta")).unwrap();
    host.batt(&["list"]).code(0).says("is missing");
    host.batt(&[]).code(64).says("unknown service `beta`");
    host.batt(&["disable", "beta"]).success();
    host.batt(&[]).code(65).says("no service is enabled");
}

#[test]
fn a_script_that_was_dropped_in_brings_its_option_and_its_line_of_help() {
    let host = host_with(&["foo"]);
    host.drop_in("bar", "# batt: summary  Bars of the bar\n# batt: option --bar-item GLASS  a glass to back up\nprintf '%s\\n' \"$@\" > $BATT_DEST/bar/a");
    for flag in ["-h", "--help"] {
        let help = host.batt(&[flag]).success();
        let expected = [
            "--foo-db",
            "--bar-item <GLASS>",
            "a glass to back up",
            "--mysql-db",
            "--file",
            "--jobs",
            "130, 143",
        ];
        for text in expected {
            assert!(help.contains(text), "{text} is not in:\n{help}");
        }
    }
    host.batt(&["list", "available"]).code(0).says("Bars of the bar");
    // The option implies its service, and a value may have the name of a command.
    let finished = host.batt(&[
        "--format",
        "json",
        "--bar-item",
        "store",
        "--bar-item=-x",
        "--bar-item",
        "list",
    ]);
    let outcome = told("bar", finished);
    assert_eq!(
        fs::read_to_string(outcome.succeeded().join("a")).unwrap(),
        "store\n-x\nlist\n"
    );
    host.batt(&["--bar-itme", "x"]).code(64).says("--bar-item");
    host.batt(&["--bar-item"]).code(64).says("--bar-item");
    // A service that is named twice runs once, with all its items.
    let finished = host.batt(&["--format", "json", "foo", "foo", "--foo-db", "a", "--foo-db", "b"]);
    assert_eq!(json(&finished)["services"].as_array().unwrap().len(), 1);
}

#[test]
fn two_scripts_that_claim_one_option_are_named_when_it_is_used() {
    let host = Host::new();
    for service in ["one", "two"] {
        host.drop_in(
            service,
            &format!("# batt: option --thing NAME x\necho x > $BATT_DEST/{service}/a"),
        );
    }
    host.batt(&["one", "two"]).success();
    host.batt(&["--thing", "x"])
        .code(64)
        .says("the option `--thing` is claimed by `one` and `two`");
    host.batt(&["check"]).code(2).says("claimed by `one` and `two`");
}

#[test]
fn a_script_that_would_hide_batts_own_words_is_refused_by_name() {
    let host = host_with(&["sound"]);
    for service in ["list", "verify", "restore", "help"] {
        host.drop_in(service, &format!("echo x > $BATT_DEST/{service}/a"));
        host.batt(&["enable", service])
            .code(77)
            .says("has the name of a subcommand");
    }
    for option in ["path", "home", "help", "quiet", "format", "jobs", "version"] {
        let service = format!("own{option}");
        host.drop_in(&service, &format!("# batt: option --{option} NAME x\ntrue"));
        host.batt(&[&service]).code(77).says(&format!(
            "the option `--{option}` of the service `{service}` is batt's own"
        ));
    }
    host.batt(&["-h"]).success();
    host.batt(&["sound"]).success();
    host.batt(&["list", "available"]).code(0).says("refused");
}

#[test]
fn odd_names_in_scripts_available_are_no_services() {
    let host = host_with(&["sound"]);
    for name in [
        "backup-",
        "backup-UPPER",
        "backup-a b",
        "backup-sound~",
        "backup-.x",
        "backup-backup-sound",
        "backup-a@b",
        "other",
        "backup--x",
    ] {
        fs::write(
            host.home().join("scripts-available").join(name),
            "#!/bin/sh\nexit 1\n",
        )
        .unwrap();
    }
    fs::write(
        host.home()
            .join("scripts-available")
            .join(format!("backup-{}", "x".repeat(65))),
        "",
    )
    .unwrap();
    let listed = host.batt(&["list", "available"]).success();
    assert!(listed.contains("backup-sound"), "{listed}");
    for name in ["UPPER", "a b", "~", "@"] {
        assert!(!listed.contains(name), "{listed}");
    }
    host.batt(&["sound"]).success();
    host.batt(&["check"]).says("is not named as a script is");
    for name in [
        "UPPER",
        "../x",
        "a b",
        "",
        "-",
        "x@",
        "@x",
        "x@../y",
        &"x".repeat(65),
    ] {
        let code = host.batt(&["--", name]).code;
        assert_eq!(code, Some(64), "{name}");
    }
}

#[test]
fn an_instance_has_its_own_settings_lock_and_folder() {
    let host = Host::new();
    let waits = host.scratch().join("waits");
    host.drop_in(
        "redis",
        &format!(
            "echo \"$PORT $BATT_SERVICE ${{BATT_INSTANCE-none}}\" > $BATT_DEST/$BATT_SERVICE${{BATT_INSTANCE:+@$BATT_INSTANCE}}/a
             [ \"$BATT_INSTANCE\" = 6380 ] && touch {0} && while [ -e {0} ]; do sleep 0.02; done; exit 0",
            waits.display()
        ),
    );
    host.conf("backup-redis.conf", "PORT=1\n");
    host.conf("backup-redis@6380.conf", "PORT=6380\n");
    host.batt(&["enable", "redis", "redis@6380"]).success();
    let slow = host
        .batt_command(&["--format", "json", "redis@6380"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the instance waits", || waits.exists());
    host.told("redis", &["redis"]).succeeded();
    host.told("redis@6380", &["redis@6380"])
        .ended("busy", 75, &["redis@6380"]);
    fs::remove_file(&waits).unwrap();
    assert!(slow.wait_with_output().unwrap().status.success());
    let read = |service: &str| fs::read_to_string(host.backup(service).join("a")).unwrap();
    assert_eq!(read("redis"), "1 redis none\n");
    assert_eq!(read("redis@6380"), "6380 redis 6380\n");
    assert!(host.batt(&["backups"]).success().contains("redis@6380"));
    host.batt(&["verify", "redis@6380"]).success();
    host.batt(&["redis@nowhere", "mysq@1"])
        .code(64)
        .says("unknown service `mysq`");
}

#[test]
fn what_cannot_be_meant_is_a_usage_error_and_leaves_no_trace() {
    let host = host_with(&["foo"]);
    let bad = [
        "/b/%Q",
        "/b/%#z",
        "/b/%",
        "b/%Y",
        "/b/../c",
        "/b/{home}",
        "",
        "/b/\n",
    ];
    for pattern in bad {
        let finished = host.batt_at(Path::new(pattern), &["foo"]).code(64);
        assert!(
            finished.stderr.starts_with("batt: ") && finished.stderr.contains("hint: "),
            "{}",
            finished.stderr
        );
    }
    host.batt_at(Path::new("/b/%#z"), &["foo"])
        .says("`%#z` in the path pattern `/b/%#z`");
    let cases: [(&[&str], &str); 12] = [
        (&["mysq"], "Did you mean `mysql`?"),
        (
            &["foo", "mysql", "nothing-like-it"],
            "unknown service `nothing-like-it`",
        ),
        (&["foo", "list"], "`list` is a command"),
        (&["--wait", "soon", "foo"], "soon"),
        (&["--jobs", "0", "foo"], "0"),
        (&["--jobs", "many", "foo"], "many"),
        (&["--format", "xml", "foo"], "xml"),
        (&["--nonsense"], "--nonsense"),
        (&["attach"], "RUN"),
        (&["attach", "yesterday"], "yesterday"),
        (&["cancel", "20200101T000000Z-000000"], "unknown run"),
        (&["logs", "20200101T000000Z-000000"], "unknown run"),
    ];
    for (arguments, words) in cases {
        host.batt(arguments).code(64).says(words);
    }
    let runs = host.home().join("var/runs");
    assert_eq!(fs::read_dir(&runs).into_iter().flatten().count(), 0);
    assert!(!host.root().join("backup").exists());
    host.batt(&[]).code(65).says("hint: ");
    host.batt(&["logs"]).code(65).says("nothing has run");
    host.batt(&["verify"]).code(65).says("no backup");
    host.batt(&["verify", "foo"]).code(65).says("no backup of `foo`");
}

#[test]
fn batt_toml_is_read_strictly_and_errors_show_the_place() {
    let host = host_with(&["foo"]);
    let cases: [(&str, &str, &str); 8] = [
        (
            "jobs = 1\nreserv = \"1GiB\"\n",
            "batt.toml:2:1: unknown key `reserv`",
            "Did you mean `reserve`?",
        ),
        ("jobs = \"two\"\n", "batt.toml:1:8:", "^^^^^"),
        ("jobs = 0\n", "batt.toml:1:8:", "^"),
        (
            "[service.foo]\nmax_duration = \"1 fortnight\"\n",
            "batt.toml:2:16:",
            "^^^",
        ),
        ("path = \"/b/%Q\"\n", "batt.toml:1:8:", "`%Q`"),
        (
            "[defaults]\nnise = 1\n",
            "batt.toml:2:1: unknown key `nise`",
            "`nice`",
        ),
        ("[service.\"../x\"]\nnice = 1\n", "batt.toml:1:", "^"),
        ("jobs = = 1\n", "batt.toml:1:", "^"),
    ];
    for (text, place, mark) in cases {
        host.settings(text);
        let finished = host.batt(&["foo"]).code(64);
        finished.says(place);
        finished.says(mark);
        host.batt(&["check"]).code(2).says(place);
    }
    assert!(!host.root().join("backup").exists());
    host.conf("backup-foo.conf", "BATT_DEST=/tmp\n");
    host.settings("jobs = 2\n");
    host.told("foo", &["foo"])
        .failed(&["backup-foo.conf:1: `BATT_DEST` cannot be set here"]);
}

#[test]
fn several_services_run_at_a_time_and_one_that_fails_stops_no_other() {
    let host = Host::new();
    // Each waits for the other, so that both end only when they run at once.
    for (own, other) in [("one", "two"), ("two", "one")] {
        let scratch = host.scratch();
        let body = format!(
            "touch {0}/{own}; until [ -e {0}/{other} ]; do sleep 0.02; done; echo x > $BATT_DEST/{own}/a",
            scratch.display()
        );
        host.drop_in(own, &body);
    }
    host.drop_in("bad", "exit 9");
    host.settings("[defaults]\nmax_duration = \"20s\"\n");
    host.batt(&["--jobs", "2", "one", "two"]).success();
    for name in ["one", "two"] {
        fs::remove_file(host.scratch().join(name)).unwrap();
    }
    host.settings("jobs = 3\n[defaults]\nmax_duration = \"20s\"\n");
    let finished = host.batt(&["--format", "json", "bad", "one", "two"]);
    assert_eq!(finished.code, Some(2));
    let report = json(&finished);
    let services = report["services"].as_array().unwrap();
    let told: Vec<(&str, &str)> = services
        .iter()
        .map(|service| {
            (
                service["service"].as_str().unwrap(),
                service["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("bad", "failed"), ("one", "succeeded"), ("two", "succeeded")]
    );
    // The option wins over the file: one at a time, `one` never sees `two`.
    for name in ["one", "two"] {
        fs::remove_file(host.scratch().join(name)).unwrap();
    }
    host.settings("jobs = 3\n[defaults]\nmax_duration = \"1s\"\n");
    host.batt(&["--jobs", "1", "one"]).code(8);
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
fn a_verification_finds_whatever_was_changed() {
    let host = Host::new();
    host.drop_in("foo", "printf 'some content\\n' > $BATT_DEST/foo/a; gzip -n < $0 > $BATT_DEST/foo/b.gz; mkdir $BATT_DEST/foo/d; echo x > $BATT_DEST/foo/d/c");
    host.told("foo", &["foo"]).succeeded();
    let place = host.backup("foo");
    let kept = host.published();
    let damages: [(&str, &str, &dyn Fn()); 10] = [
        ("flip", "`a` was changed", &|| flip(&place.join("a"), 3)),
        ("flip-gzip", "`b.gz`", &|| flip(&place.join("b.gz"), 40)),
        ("cut", "has 12 bytes instead of 13", &|| cut(&place.join("a"))),
        ("longer", "`a` has 14 bytes", &|| {
            fs::write(place.join("a"), "some content\nx").unwrap()
        }),
        ("missing", "`d/c` is missing", &|| {
            fs::remove_file(place.join("d/c")).unwrap()
        }),
        ("extra", "`extra` is not part", &|| {
            fs::write(place.join("extra"), "x").unwrap()
        }),
        ("link", "`a`", &|| {
            fs::remove_file(place.join("a")).unwrap();
            std::os::unix::fs::symlink("/etc/hostname", place.join("a")).unwrap();
        }),
        ("manifest", "`manifest.json` was changed", &|| {
            let text = fs::read_to_string(place.join("manifest.json")).unwrap();
            fs::write(
                place.join("manifest.json"),
                text.replacen("\"warnings\": []", "\"warnings\": [\"x\"]", 1),
            )
            .unwrap();
        }),
        ("guide", "`RESTORE.md`", &|| flip(&place.join("RESTORE.md"), 5)),
        ("sums", "SHA256SUMS", &|| {
            fs::write(place.join("SHA256SUMS"), "").unwrap()
        }),
    ];
    for (what, words, damage) in damages {
        damage();
        let finished = host.batt(&["verify"]).code(2);
        assert!(
            finished.stdout.contains("DAMAGED") && finished.stdout.contains(words),
            "{what}: {}",
            finished.said()
        );
        for (path, content) in kept.iter().filter(|(path, _)| !path.is_dir()) {
            let _ = fs::remove_file(path);
            fs::write(path, content).unwrap();
        }
        let _ = fs::remove_file(place.join("extra"));
        host.batt(&["verify"]).success();
    }
    let machine = json(&host.batt(&["--format", "json", "verify"]));
    assert_eq!(machine["exit"], 0);
    fs::remove_dir_all(&place).unwrap();
    host.batt(&["verify"]).code(2).says("missing");
    assert_eq!(host.batt(&["backups"]).success(), "");
}

fn flip(path: &Path, at: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

fn cut(path: &Path) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
}

#[test]
fn a_run_can_be_watched_logged_and_cancelled_from_another_terminal() {
    let host = Host::new();
    let waits = host.scratch().join("waits");
    host.drop_in(
        "foo",
        &format!(
            "echo said by foo; echo x > $BATT_DEST/foo/a; touch {0}; while [ -e {0} ]; do sleep 0.02; done",
            waits.display()
        ),
    );
    let spawn = || {
        let mut command = host.batt_command(&["foo"]);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut child = spawn();
    until("the script waits", || waits.exists());
    let runs = json(&host.batt(&["--format", "json", "runs"]));
    assert!(runs["runs"][0]["exit"].is_null());
    let run = runs["runs"][0]["run"].as_str().unwrap().to_owned();
    host.batt(&["runs"]).code(0).says("running");
    assert_eq!(host.batt(&["logs", &run]).success(), "said by foo\n");
    let mut command = host.batt_command(&["attach", &run]);
    let attached = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    fs::remove_file(&waits).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let output = attached.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("foo  succeeded"));
    host.batt(&["attach", &run]).code(0).says("succeeded");
    host.batt(&["cancel", &run]).code(0).says("does not go on");

    let mut child = spawn();
    until("the script waits", || waits.exists());
    let runs = json(&host.batt(&["--format", "json", "runs"]));
    let run = runs["runs"][0]["run"].as_str().unwrap().to_owned();
    host.batt(&["cancel", &run]).code(0).says("is cancelled");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_none_lives(&waits.display().to_string());
    host.batt(&["logs", "--last", "foo"]).code(0).says("said by foo");
    host.batt(&["logs", &run, "mysql"]).code(65).says("was not part");
    host.assert_sound();
}

#[test]
fn a_check_tells_today_what_would_go_wrong_tonight() {
    let host = host_with(&["foo"]);
    host.batt(&["check"]).code(0).says("no service is enabled");
    host.batt(&["enable", "foo"]).success();
    host.batt(&["check"]).code(0).says("0 problems");
    host.drop_in("foo", "# batt: needs no-such-tool sh\ntrue");
    host.batt(&["check"]).code(2).says("`foo` needs `no-such-tool`");
    host.drop_in_raw("foo", b"#!/nowhere/sh\n", 0o755);
    host.batt(&["check"]).code(2).says("/nowhere/sh");
    host.drop_in_raw("foo", b"#!/bin/sh\n", 0o775);
    host.batt(&["check"]).code(2).says("is not trusted");
    host.drop_in("foo", "true");
    host.conf("backup-foo.conf", "if [ x ]; then A=b; fi\n");
    host.batt(&["check"])
        .code(0)
        .says("backup-foo.conf:1: not a plain assignment");
    let conf = host.conf("backup-foo.conf", "DB_PASSWORD=x\n");
    batt_tests::drop_in::chmod(&conf, 0o644);
    host.batt(&["check"]).code(0).says("may hold a password");
    fs::remove_file(conf).unwrap();
    host.settings("[service.foo]\nmax_age = \"1d\"\n");
    host.batt(&["check"]).code(2).says("no good backup of `foo`");
    host.settings("reserve = \"900TiB\"\n");
    host.batt(&["check"]).code(2).says("the reserve is");
}

#[test]
fn init_keeps_what_a_person_has_changed() {
    let host = Host::new();
    let script = host.home().join("scripts-available/backup-file");
    let conf = host.home().join("conf/backup-file.conf");
    fs::write(&conf, "# mine\n").unwrap();
    fs::remove_file(&script).unwrap();
    let finished = host.batt(&["init"]).code(0);
    finished.says("conf/backup-file.conf: changed by you, and kept");
    assert_eq!(fs::read_to_string(&conf).unwrap(), "# mine\n");
    assert!(script.exists());
    host.batt(&["init", "--new-id"]).code(0).says("new id");
    // A home that is not there: read-only words do not make it.
    let nowhere = host.scratch().join("nowhere");
    for arguments in [
        vec!["list"],
        vec!["backups"],
        vec!["runs"],
        vec!["-h"],
        vec!["man"],
    ] {
        let mut command = Command::new(under_test("batt"));
        Finished::run(command.arg("--home").arg(&nowhere).args(arguments)).success();
    }
    let mut command = Command::new(under_test("batt"));
    Finished::run(command.arg("--home").arg(&nowhere)).code(65);
    assert!(!nowhere.exists());
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
fn a_run_that_cannot_start_leaves_nothing_behind() {
    let host = host_with(&["foo"]);
    batt_tests::drop_in::chmod(&host.home(), 0o777);
    host.batt(&["foo"]).code(77).says("is not trusted");
    batt_tests::drop_in::chmod(&host.home(), 0o755);
    assert_eq!(host.batt(&["runs"]).success(), "");
}

//! Services, their options and their instances.

use super::*;

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
    host.settings("[defaults]\nmax_duration = \"10m\"\n");
    host.batt(&["--jobs", "2", "one", "two"]).success();
    for name in ["one", "two"] {
        fs::remove_file(host.scratch().join(name)).unwrap();
    }
    host.settings("jobs = 3\n[defaults]\nmax_duration = \"10m\"\n");
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

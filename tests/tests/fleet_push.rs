//! `batt-fleet push`: hosts get what the fleet folder holds, keep what is theirs, and nothing is half done.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use batt_tests::fleet::{Fleet, assert_class, host_of, quoted, texts_below};
use batt_tests::host::under_test;
use batt_tests::process::{living_with, until};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_push_adds_replaces_and_removes_and_a_second_one_sends_nothing() {
    let fleet = Fleet::of(&["db1", "db2"]);
    fleet.script("extra", "#!/bin/sh\nexit 1\n");
    fleet.fleet(&["push"]).code(0).says("2 of 2 hosts ok");
    for host in ["db1", "db2"] {
        let script = fleet.home(host).join("scripts-available/backup-extra");
        assert_eq!(read(&script), "#!/bin/sh\nexit 1\n");
        assert_eq!(script.metadata().unwrap().permissions().mode() & 0o7777, 0o755);
        let conf = fleet.home(host).join("conf/backup-work.conf");
        assert_eq!(
            conf.metadata().unwrap().permissions().mode() & 0o077,
            0,
            "conf files may hold secrets"
        );
    }
    // A file of the host's own stays.
    let own = fleet.home("db1").join("scripts-available/backup-own");
    fs::write(&own, "#!/bin/sh\n").unwrap();
    fleet.script("extra", "#!/bin/sh\nexit 2\n");
    fleet.script("new", "#!/bin/sh\nexit 3\n");
    fleet.fleet(&["push"]).code(0);
    let in_place = |name: &str| fleet.home("db1").join("scripts-available").join(name);
    assert_eq!(read(&in_place("backup-extra")), "#!/bin/sh\nexit 2\n");
    assert_eq!(read(&in_place("backup-new")), "#!/bin/sh\nexit 3\n");
    fs::remove_file(fleet.fleet_folder().join("scripts-available/backup-extra")).unwrap();
    fleet.fleet(&["push"]).code(0);
    assert!(!in_place("backup-extra").exists());
    assert!(own.exists());

    let before = fleet
        .home("db1")
        .join("var/bundle.json")
        .metadata()
        .unwrap()
        .modified()
        .unwrap();
    let finished = fleet.fleet(&["push", "--format", "jsonl"]).code(0);
    assert!(
        !finished.stdout.contains("\"kind\":\"pushed\""),
        "{}",
        finished.stdout
    );
    let after = fleet
        .home("db1")
        .join("var/bundle.json")
        .metadata()
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(before, after);
}

#[test]
fn a_check_tells_what_differs_and_changes_nothing() {
    let fleet = Fleet::of(&["db1"]);
    let finished = fleet.fleet(&["push", "--check"]).code(2);
    finished.says("scripts-available/backup-work");
    assert!(!fleet.home("db1").exists());
    fleet.fleet(&["push"]).code(0);
    fleet.fleet(&["push", "--check"]).code(0);
    fleet.script("work", "#!/bin/sh\n# other\n");
    let before = texts_below(&fleet.home("db1"));
    let (code, document) = fleet.json(&["push", "--check"]);
    assert_eq!(code, Some(2));
    assert_eq!(document["exit"], 2);
    assert_class(&document, "db1", "failed", "");
    fleet.fleet(&["push", "-n"]).code(2);
    assert_eq!(before, texts_below(&fleet.home("db1")));
}

#[test]
fn a_diff_shows_keys_and_never_values() {
    let fleet = Fleet::of(&["db1"]);
    fleet.file("conf/backup-extra.conf", "A_KEY=canary-one\nSAME=canary-two\n");
    fleet.fleet(&["push"]).code(0);
    fleet.file("conf/backup-extra.conf", "B_KEY=canary-three\nSAME=canary-four\n");
    let finished = fleet.fleet(&["push", "--check", "--diff"]).code(2);
    let said = finished.said();
    assert!(
        said.contains("conf/backup-extra.conf") && said.contains("B_KEY"),
        "{said}"
    );
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn what_was_changed_on_a_host_is_kept_until_force_and_even_then() {
    let fleet = Fleet::of(&["db1", "db2"]);
    fleet.fleet(&["push"]).code(0);
    let script = fleet.home("db1").join("scripts-available/backup-work");
    fs::write(&script, "#!/bin/sh\n# mine\n").unwrap();
    fleet.script("work", "#!/bin/sh\necho x >\"$BATT_DEST/$BATT_SERVICE/x\"\n");
    let (code, document) = fleet.json(&["push"]);
    assert_eq!(code, Some(77));
    assert_class(&document, "db1", "policy", "scripts-available/backup-work");
    assert_class(&document, "db2", "ok", "");
    fleet.fleet(&["push"]).code(77).says("push --force");
    // A run stops there as well; the other host is backed up.
    let (code, document) = fleet.json(&["run", "-g", "db"]);
    assert_eq!(code, Some(77));
    assert_class(&document, "db1", "policy", "");
    assert_class(&document, "db2", "ok", "");
    assert_eq!(read(&script), "#!/bin/sh\n# mine\n");
    fleet.fleet(&["push", "--force"]).code(0);
    assert!(read(&script).contains("BATT_DEST"));
    let kept = texts_below(&fleet.home("db1").join("var/replaced"));
    assert!(
        kept.values().any(|text| text == "#!/bin/sh\n# mine\n"),
        "{kept:?}"
    );
    fleet.fleet(&["run", "-g", "db"]).code(0);
}

#[test]
fn conf_is_laid_over_by_groups_in_order_and_then_by_the_host() {
    let fleet = Fleet::of(&["db1", "db2", "db3"]);
    fleet.group("late", &["db1", "db2"], &[]);
    fleet.file("conf/backup-over.conf", "FROM=all\n");
    fleet.file("conf/groups/db/backup-over.conf", "FROM=db\n");
    fleet.file("conf/groups/late/backup-over.conf", "FROM=late\n");
    fleet.file("conf/hosts/db1/backup-over.conf", "FROM=db1\n");
    fleet.file("conf/groups/late/backup-only.conf", "ONLY=late\n");
    fleet.fleet(&["push"]).code(0);
    let conf = |host: &str, name: &str| fleet.home(host).join("conf").join(name);
    assert_eq!(read(&conf("db1", "backup-over.conf")), "FROM=db1\n");
    assert_eq!(read(&conf("db2", "backup-over.conf")), "FROM=late\n");
    assert_eq!(read(&conf("db3", "backup-over.conf")), "FROM=db\n");
    assert!(conf("db2", "backup-only.conf").exists());
    assert!(!conf("db3", "backup-only.conf").exists());
    fleet.file("conf/groups/lat/backup-over.conf", "FROM=typo\n");
    fleet.fleet(&["push", "--check"]).code(64).says("lat");
}

#[test]
fn what_cannot_be_pushed_is_refused_before_any_connection() {
    let fleet = Fleet::of(&["db1"]);
    let refused = |name: &str, words: &[&str]| {
        let path = fleet.fleet_folder().join(name);
        for arguments in [["push"].as_slice(), &["run", "-g", "db"], &["push", "--check"]] {
            let finished = fleet.fleet(arguments).code(64);
            for word in words {
                assert!(
                    finished.stderr.contains(word),
                    "`{word}` is not in:\n{}",
                    finished.stderr
                );
            }
        }
        assert!(!fleet.home("db1").exists());
        assert!(!fleet.state().exists());
        fs::remove_file(path).unwrap();
    };
    fleet.file("scripts-available/backup-big", &"x".repeat((4 << 20) + 1));
    refused("scripts-available/backup-big", &["backup-big", "4 MiB"]);
    fleet.file("scripts-available/backup-Bad Name", "#!/bin/sh\n");
    refused("scripts-available/backup-Bad Name", &["Bad Name"]);
    fleet.file("conf/backup-work.local.conf", "A=b\n");
    refused("conf/backup-work.local.conf", &["local.conf"]);
    fleet.file("scripts-available/backup-\u{1b}[2J", "#!/bin/sh\n");
    refused("scripts-available/backup-\u{1b}[2J", &["\\x1b[2J"]);
    std::os::unix::fs::symlink(
        "/etc/passwd",
        fleet.fleet_folder().join("scripts-available/backup-link"),
    )
    .unwrap();
    let finished = fleet.fleet(&["push"]);
    assert!(
        finished.code == Some(64)
            || !fleet
                .home("db1")
                .join("scripts-available/backup-link")
                .is_symlink()
    );
    fs::remove_file(fleet.fleet_folder().join("scripts-available/backup-link")).unwrap();
    // Just as large as may be, and empty.
    fleet.file("scripts-available/backup-big", &"x".repeat(4 << 20));
    fleet.file("conf/backup-empty.conf", "");
    fleet.fleet(&["push"]).code(0);
    assert_eq!(
        fleet
            .home("db1")
            .join("scripts-available/backup-big")
            .metadata()
            .unwrap()
            .len(),
        4 << 20
    );
    assert_eq!(
        fleet
            .home("db1")
            .join("conf/backup-empty.conf")
            .metadata()
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn a_run_can_leave_the_scripts_alone_or_insist_on_them() {
    let fleet = Fleet::of(&["db1"]);
    fleet.fleet(&["push"]).code(0);
    fleet.script("work", "#!/bin/sh\nexit 9\n");
    let (code, document) = fleet.json(&["run", "-g", "db", "--push", "verify"]);
    assert_eq!(code, Some(77));
    assert_class(&document, "db1", "policy", "backup-work");
    assert!(!fleet.has_started("db1"));
    let (code, _) = fleet.json(&["run", "-g", "db", "--push", "never"]);
    assert_eq!(code, Some(0));
    let (code, document) = fleet.json(&["run", "-g", "db"]);
    assert_eq!(code, Some(2));
    assert_class(&document, "db1", "failed", "exit code 9");
    let (code, document) = fleet.json(&["run", "-g", "db", "--push", "verify"]);
    assert_eq!(code, Some(2), "{document:#}");
}

#[test]
fn a_push_is_never_mixed_into_a_run() {
    let fleet = Fleet::of(&["db1"]);
    fleet.mode("db1", "gate");
    let running = fleet.start(&["run", "-g", "db"]);
    fleet.started("db1");
    fleet.script("more", "#!/bin/sh\n");
    let (code, document) = fleet.json(&["push"]);
    assert_eq!(code, Some(75), "{document:#}");
    assert!(!fleet.home("db1").join("scripts-available/backup-more").exists());
    fleet.open_gate("db1");
    running.wait().code(0);
    fleet.fleet(&["push"]).code(0);
    assert!(fleet.home("db1").join("scripts-available/backup-more").exists());
}

#[test]
fn a_second_run_of_a_busy_service_is_busy() {
    let fleet = Fleet::of(&["db1"]);
    fleet.mode("db1", "gate");
    let running = fleet.start(&["run", "-g", "db"]);
    fleet.started("db1");
    let (code, document) = fleet.json(&["run", "-g", "db"]);
    assert_eq!(code, Some(75), "{document:#}");
    assert_eq!(host_of(&document, "db1")["services"][0]["outcome"], "busy");
    fleet.open_gate("db1");
    running.wait().code(0);
}

#[test]
fn an_agent_comes_to_a_bare_host() {
    let fleet = Fleet::of(&["db1", "db2"]);
    let place = fleet.scratch().join("deep/bin/batt");
    fleet.set("db1", "agent_path", &quoted(place.to_str().unwrap()));
    let (code, document) = fleet.json(&["run", "-l", "db1"]);
    assert_eq!(code, Some(4));
    assert_class(&document, "db1", "agent-missing", "");
    let file = under_test("batt").to_str().unwrap().to_owned();
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fleet
        .fleet(&["push", "--agent", "--agent-file", &file, "-l", "db1"])
        .code(0);
    assert_eq!(fs::read(&place).unwrap(), fs::read(under_test("batt")).unwrap());
    assert!(
        fleet.home("db1").join("scripts-available/backup-file").exists(),
        "`batt init` was not run"
    );
    fleet.fleet(&["run", "-l", "db1"]).code(0);
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&path.metadata().unwrap());
    let before = inode(&place);
    fleet
        .fleet(&["push", "--agent", "--agent-file", &file, "-l", "db1"])
        .code(0);
    assert_eq!(before, inode(&place), "the same binary was sent again");

    // A binary of another machine never gets there.
    let mut foreign = fs::read(under_test("batt")).unwrap();
    foreign.truncate(4096);
    // The field `e_machine` of an ELF header (elf(5)): s390x.
    foreign[18..20].copy_from_slice(&22u16.to_le_bytes());
    let other = fleet.scratch().join("foreign");
    fs::write(&other, foreign).unwrap();
    let finished = fleet.fleet(&[
        "push",
        "--agent",
        "--agent-file",
        other.to_str().unwrap(),
        "-l",
        "db1",
    ]);
    assert_ne!(finished.code, Some(0));
    finished.says("ELF machine 22");
    assert_eq!(before, inode(&place));
    let script = fleet.scratch().join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    fleet
        .fleet(&[
            "push",
            "--agent",
            "--agent-file",
            script.to_str().unwrap(),
            "-l",
            "db1",
        ])
        .code(64);
    assert_eq!(before, inode(&place));
}

#[test]
fn what_a_killed_push_left_is_no_harm() {
    let fleet = Fleet::of(&["db1"]);
    for number in 0..40 {
        fleet.file(
            &format!("scripts-available/backup-s{number}"),
            &format!("#!/bin/sh\n# {number}\n{}", "x".repeat(50_000)),
        );
    }
    let running = fleet.start(&["push", "--format", "jsonl"]);
    until("the push begins", || {
        fleet.home("db1").exists() || fleet.with(|sshd| sshd.connections()) > 0
    });
    fleet.with(|sshd| sshd.kill_connections());
    let first = running.wait();
    assert!(first.code == Some(4) || first.code == Some(0), "{}", first.said());
    // Who had begun to put all in place does so to the end, and nobody else may meanwhile.
    let home = fleet.home("db1").display().to_string();
    until("nobody works there any more", || living_with(&home).is_empty());
    let (code, document) = fleet.json(&["run", "-g", "db"]);
    assert_eq!(code, Some(0), "{document:#}");
    for number in 0..40 {
        assert!(
            fleet
                .home("db1")
                .join(format!("scripts-available/backup-s{number}"))
                .exists()
        );
    }
}

//! Looking after what is there: verify, check, init, attach, cancel.

use super::*;

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

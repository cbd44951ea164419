//! Whether a script can start at all, and may.

use super::*;

#[test]
fn a_script_that_the_kernel_cannot_start_is_told_with_its_cause_and_the_others_run() {
    let host = Host::new();
    host.drop_in("sound", "echo x > $BATT_DEST/sound/a");
    let whole = b"#!/bin/sh\necho x > $BATT_DEST/x\n";
    let cases: [(&str, &[u8], u32, &str); 7] = [
        ("modeless", whole, 0o644, "is not executable"),
        ("shebangless", b"echo x\n", 0o755, "names no interpreter"),
        ("windows", b"#!/bin/sh\r\necho x\r\n", 0o755, "carriage return"),
        (
            "lost",
            b"#!/nowhere/python\n",
            0o755,
            "the interpreter `/nowhere/python`",
        ),
        ("void", b"", 0o755, "is empty"),
        (
            "elf",
            b"\x7fELFnothing more",
            0o755,
            "no program that this machine can run",
        ),
        ("nameless", b"#!\necho\n", 0o755, "interpreter"),
    ];
    for (service, content, mode, words) in cases {
        host.drop_in_raw(service, content, mode);
        let finished = host.batt(&["--format", "json", service, "sound"]);
        assert!(finished.stdout.contains("\"succeeded\""), "{}", finished.said());
        told(service, finished).failed(&[words]);
    }
    fs::create_dir(host.home().join("scripts-available/backup-folder")).unwrap();
    host.told("folder", &["folder"])
        .ended("refused", 77, &["is a folder, and not a regular file"]);
    host.assert_sound();
}

#[test]
fn a_script_that_is_being_written_is_told_so() {
    let host = Host::new();
    let path = host.drop_in("busy", "");
    fs::remove_file(&path).unwrap();
    // Only a binary can be busy for writing: the kernel looks at the file that it executes, and at its interpreter.
    fs::copy("/bin/true", &path).unwrap();
    chmod(&path, 0o755);
    let _writer = fs::OpenOptions::new().append(true).open(&path).unwrap();
    host.told("busy", &["busy"]).failed(&["is being written"]);
}

#[test]
fn what_others_can_write_is_refused_by_name_and_nothing_runs() {
    let host = Host::new();
    let (ran, home) = (host.scratch().join("ran"), host.home());
    let body = format!("touch {}; echo x > $BATT_DEST/x/a", ran.display());
    let script = host.drop_in("x", &body);
    let conf = host.conf("backup-x.conf", "A=b\n");
    let common = home.join("conf/backup.conf");
    host.settings("jobs = 1\n");
    let places = [
        (script.clone(), 0o755),
        (home.join("scripts-available"), 0o755),
        (home.clone(), 0o755),
        (conf, 0o600),
        (common, 0o600),
        (home.join("conf"), 0o755),
        (home.join("conf/batt.toml"), 0o600),
    ];
    for (place, mode) in places {
        for open in [0o020, 0o002] {
            chmod(&place, mode | open);
            let finished = host.batt(&["x"]).code(77);
            finished.says(&format!("`{}` is not trusted", place.display()));
            assert!(!ran.exists(), "{}", place.display());
        }
        chmod(&place, mode);
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&script, Some(65_534), None).unwrap();
        host.batt(&["x"]).code(77).says("belongs to user 65534");
        std::os::unix::fs::chown(&script, Some(0), None).unwrap();
    }
    // A refusal counts as failed beside another failure, and stops nobody.
    chmod(&script, 0o777);
    host.drop_in("bad", "exit 1");
    host.drop_in("good", "echo x > $BATT_DEST/good/a");
    let finished = host.batt(&["x", "good"]).code(77);
    finished.says("1 succeeded, 1 refused");
    host.batt(&["x", "bad", "good"]).code(2);
    assert!(!ran.exists());
}

#[test]
fn a_link_that_does_not_lead_into_scripts_available_is_refused() {
    let host = Host::new();
    let ran = host.scratch().join("ran");
    let outside = host.scratch().join("backup-x");
    let body = format!("touch {}; echo x > $BATT_DEST/x/a", ran.display());
    let script = host.drop_in("x", &body);
    fs::copy(&script, &outside).unwrap();
    let enabled = host.home().join("scripts-enabled");
    let link = enabled.join("backup-x");
    let targets = [
        outside.clone(),
        "../../scratch/backup-x".into(),
        "../scripts-available/backup-y".into(),
    ];
    for target in targets {
        symlink(&target, &link).unwrap();
        host.batt(&[])
            .code(77)
            .says("backup-x` does not lead to `scripts-available/backup-x`");
        fs::remove_file(&link).unwrap();
    }
    fs::copy(&script, &link).unwrap();
    host.batt(&[]).code(77).says("is not a link");
    fs::remove_file(&link).unwrap();
    // A script that is itself a link is as good as what it leads to.
    fs::remove_file(&script).unwrap();
    symlink(&outside, &script).unwrap();
    chmod(&outside, 0o757);
    host.batt(&["x"]).code(77).says("is not trusted");
    // Others could enable what they like.
    host.batt(&["enable", "redis"]).success();
    chmod(&enabled, 0o777);
    host.batt(&[]).code(77).says("scripts-enabled` is not trusted");
    assert!(!ran.exists());
}

#[test]
fn a_script_that_changes_itself_is_recorded_as_it_was_started() {
    let host = Host::new();
    let script = host.drop_in("x", "echo '# more' >> $0; echo x > $BATT_DEST/x/a");
    let sum = Finished::run(Command::new("sha256sum").arg(&script)).success();
    host.told("x", &["x"]).succeeded();
    assert_eq!(
        host.manifest("x")["script"]["sha256"],
        sum.split(' ').next().unwrap()
    );
    assert_eq!(fs::metadata(&script).unwrap().permissions().mode() & 0o777, 0o755);
}

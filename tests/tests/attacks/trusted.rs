//! What root reads, locks or runs of its own: nobody else may have written it.

use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};
use std::path::Path;
use std::process::Command;

use batt_tests::drop_in::chmod;
use batt_tests::host::Host;

use super::foreign::MALLORY;

fn host() -> Host {
    let host = Host::new();
    let ran = host.scratch().join("ran");
    host.drop_in(
        "data",
        &format!("touch '{}'; echo x > \"$BATT_DEST/data/x\"", ran.display()),
    );
    host.batt(&["data"]).success();
    fs::remove_file(ran).unwrap();
    host
}

/// Asserts that every verb that acts refuses for this place, and that `check` tells of it.
#[track_caller]
fn is_refused(host: &Host, place: &Path) {
    let id = "20260131T023000Z-00000a.data";
    let named = place.display().to_string();
    for arguments in [
        &["data"][..],
        &["restore", "data", "-n"],
        &["drill", "data"],
        &["verify"],
        &["purge", "data", "--keep-last", "1"],
        &["pin", id],
        &["accept", id],
        &["backups"],
        &["backups", "--rebuild"],
        &["enable", "data"],
        &["init"],
        &["runs"],
        &["logs"],
    ] {
        let finished = host.batt(arguments);
        assert_eq!(
            finished.code,
            Some(77),
            "{arguments:?} with {named}:\n{}",
            finished.said()
        );
        finished.says(&format!("`{named}` is not trusted"));
    }
    host.batt(&["check"]).code(2).says(&named);
    assert!(!host.scratch().join("ran").exists(), "the script ran");
}

#[test]
fn the_state_of_batt_belongs_to_root_alone() {
    let host = host();
    let var = host.home().join("var");
    for name in [
        "",
        "runs",
        "locks",
        "catalogue.jsonl",
        "host-id",
        "bundle.json",
        "places",
        "clock.json",
    ] {
        let place = if name.is_empty() {
            var.clone()
        } else {
            var.join(name)
        };
        let mode = if place.is_dir() { 0o700 } else { 0o600 };
        assert!(place.exists(), "{place:?}");
        chmod(&place, mode | 0o022);
        is_refused(&host, &place);
        chmod(&place, mode);
        chown(&place, Some(MALLORY), None).unwrap();
        is_refused(&host, &place);
        chown(&place, Some(0), None).unwrap();
    }
    host.batt(&["data"]).success();
}

#[test]
fn a_link_that_another_account_made_in_the_state_of_batt_is_refused() {
    let host = host();
    let var = host.home().join("var");
    let aside = host.scratch().join("aside");
    for name in ["catalogue.jsonl", "host-id", "places", "runs", "locks"] {
        let place = var.join(name);
        fs::rename(&place, &aside).unwrap();
        symlink(&aside, &place).unwrap();
        lchown(&place, Some(MALLORY), None).unwrap();
        for arguments in [
            &["data"][..],
            &["backups"],
            &["purge", "data", "--keep-last", "1"],
        ] {
            host.batt(arguments).code(77).says(name);
        }
        host.batt(&["check"]).code(2).says(name);
        fs::remove_file(&place).unwrap();
        fs::rename(&aside, &place).unwrap();
    }
}

#[test]
fn nothing_is_installed_where_others_can_write() {
    let host = host();
    let his = host.root().join("his");
    fs::create_dir(&his).unwrap();
    chown(&his, Some(MALLORY), None).unwrap();
    let mut init = host.batt_command(&[]);
    let program = init.get_program().to_owned();
    init = Command::new(program);
    init.arg("--home").arg(his.join("batt")).arg("init");
    batt_tests::finished::Finished::run(&mut init)
        .code(77)
        .says("his");
    assert_eq!(fs::read_dir(&his).unwrap().count(), 0);
    for folder in ["conf", "scripts-available", "scripts-enabled"] {
        let place = host.home().join(folder);
        chmod(&place, 0o777);
        host.batt(&["init"]).code(77).says(folder);
        chmod(&place, 0o755);
    }
}

#[test]
fn what_is_no_file_in_the_place_of_a_script_or_its_settings_is_refused() {
    let host = host();
    host.batt(&["enable", "data"]).success();
    let script = host.home().join("scripts-available/backup-data");
    let conf = host.home().join("conf/backup-data.conf");
    let settings = host.home().join("conf/batt.toml");
    let content = fs::read(&script).unwrap();
    for (place, required) in [(&script, true), (&conf, false), (&settings, false)] {
        for kind in ["fifo", "folder", "socket", "device"] {
            if place.exists() {
                fs::remove_file(place).unwrap();
            }
            let _socket = match kind {
                "fifo" => {
                    assert!(Command::new("mkfifo").arg(place).status().unwrap().success());
                    None
                }
                "folder" => {
                    fs::create_dir(place).unwrap();
                    None
                }
                "socket" => Some(std::os::unix::net::UnixListener::bind(place).unwrap()),
                _ => {
                    let made = Command::new("mknod").arg(place).args(["c", "1", "5"]).status();
                    assert!(made.unwrap().success());
                    None
                }
            };
            chmod(place, 0o755);
            let named = place.file_name().unwrap().to_str().unwrap();
            for arguments in [&["data"][..], &[], &["-n", "data"]] {
                let finished = host.batt(arguments);
                let dry = arguments.first() == Some(&"-n") && place != &settings;
                let expected = if dry { 2 } else { 77 };
                assert_eq!(
                    finished.code,
                    Some(expected),
                    "{kind} as {named}, {arguments:?}:\n{}",
                    finished.said()
                );
                finished.says(named);
            }
            host.batt(&["check"]).code(2).says(named);
            if kind == "folder" {
                fs::remove_dir(place).unwrap();
            } else {
                fs::remove_file(place).unwrap();
            }
        }
        if required {
            fs::write(place, &content).unwrap();
            chmod(place, 0o755);
        }
    }
    host.batt(&[]).success();
}

#[test]
fn a_link_to_a_link_does_not_run_by_default() {
    let host = host();
    let available = host.home().join("scripts-available");
    let enabled = host.home().join("scripts-enabled");
    let elsewhere = host.scratch().join("elsewhere");
    fs::rename(available.join("backup-data"), &elsewhere).unwrap();
    symlink(&elsewhere, available.join("backup-data")).unwrap();
    symlink("../scripts-available/backup-data", enabled.join("backup-data")).unwrap();
    for arguments in [&[][..], &["list"]] {
        let told = host.batt(arguments).code(77);
        told.says("scripts-enabled/backup-data");
        told.says("a link itself");
    }
    host.batt(&["check"]).code(2).says("a link itself");
    assert!(!host.scratch().join("ran").exists());
    fs::remove_file(enabled.join("backup-data")).unwrap();
    symlink("backup-other", enabled.join("backup-data")).unwrap();
    symlink("../scripts-available/backup-data", enabled.join("backup-other")).unwrap();
    host.batt(&[]).code(77).says("scripts-enabled/backup-data");
    assert!(!host.scratch().join("ran").exists());
}

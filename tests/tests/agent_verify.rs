//! `batt verify`: what it reads, what it says, and what it remembers.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, and what is skipped is told loudly"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use batt_tests::finished::Finished;
use batt_tests::host::{Host, under_test};
use batt_tests::process::{signal, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const DATA: &str = "batt store a.txt -- echo \"a of $BATT_RUN_ID\" && mkdir $BATT_DEST/data/deep && echo x > $BATT_DEST/data/deep/b";

fn data() -> (Host, PathBuf) {
    let host = Host::new();
    let place = host.try_script("data", DATA).succeeded().to_owned();
    (host, place)
}

/// Runs batt with neither a home nor anything of the host in its environment.
fn bare(arguments: &[&str]) -> Finished {
    let mut command = Command::new(under_test("batt"));
    command
        .env_clear()
        .env("BATT_HOME", "/nowhere/batt")
        .args(arguments);
    Finished::run(&mut command)
}

/// Returns what `batt backups` says of the only backup: when it was last found good.
fn remembered(host: &Host) -> Value {
    let json = host.batt(&["--format", "json", "backups"]).success();
    let json: Value = serde_json::from_str(&json).unwrap();
    json["backups"][0]["verified"].clone()
}

#[test]
fn a_folder_verifies_with_nothing_but_the_binary_and_the_host_is_told() {
    let (_host, place) = data();
    let copied = tempfile::tempdir().unwrap();
    let copied = copied.path().join("from elsewhere");
    Finished::run(Command::new("cp").arg("-a").arg(&place).arg(&copied)).success();
    let shown = copied.to_str().unwrap();
    let said = bare(&["verify", "--from", shown]).success();
    assert!(said.starts_with("verified  "), "{said}");
    assert!(said.contains("note: it is a backup of the host `"), "{said}");
    let mut bytes = fs::read(copied.join("a.txt.zst")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(copied.join("a.txt.zst"), bytes).unwrap();
    let json = bare(&["--format", "json", "verify", "--from", shown])
        .code(2)
        .stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["exit"], 2);
    let reason = json["backups"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("`a.txt.zst`"), "{reason}");
}

#[test]
fn a_folder_that_is_none_is_told_by_name() {
    let (host, place) = data();
    bare(&["verify", "--from", "/nowhere/x"])
        .code(64)
        .says("`/nowhere/x`");
    let day = place.parent().unwrap().to_str().unwrap();
    host.batt(&["verify", "--from", day])
        .code(2)
        .says("`manifest.json` is missing");
    host.batt(&["verify", "--from", day, "data"]).code(64);
}

#[test]
fn what_this_home_knows_of_a_folder_counts_and_its_own_host_is_not_told() {
    let (host, place) = data();
    let shown = place.to_str().unwrap();
    let said = host.batt(&["verify", "--from", shown]).success();
    assert!(!said.contains("note:"), "{said}");
    let manifest = fs::read_to_string(place.join("manifest.json")).unwrap();
    let edited = manifest.replace("\"warnings\": []", "\"warnings\": [\"x\"]");
    assert_ne!(manifest, edited);
    fs::write(place.join("manifest.json"), edited).unwrap();
    let refit = "grep -v manifest.json SHA256SUMS > s; sha256sum manifest.json >> s; mv s SHA256SUMS; sha256sum -c SHA256SUMS";
    Finished::run(Command::new("sh").args(["-c", refit]).current_dir(&place)).success();
    for arguments in [&["verify"][..], &["verify", "--from", shown]] {
        host.batt(arguments)
            .code(2)
            .says("`manifest.json` was changed: its SHA-256 is not the one in the catalogue");
    }
    // Without the catalogue nobody can know.
    bare(&["verify", "--from", shown]).success();
}

#[test]
fn damage_is_remembered_until_it_is_gone() {
    let (host, place) = data();
    assert!(remembered(&host).is_string());
    let path = place.join("deep/b");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, "y\n").unwrap();
    host.batt(&["verify"]).code(2).says("`deep/b` was changed");
    assert_eq!(remembered(&host), Value::Null);
    fs::write(&path, whole).unwrap();
    host.batt(&["verify"]).success();
    assert!(remembered(&host).is_string());
    // `-q` prints failures only.
    assert_eq!(host.batt(&["-q", "verify"]).success(), "");
}

#[test]
fn two_folders_that_were_exchanged_are_both_told() {
    let (host, first) = data();
    let second = host
        .try_script("other", "echo x > $BATT_DEST/other/a")
        .succeeded()
        .to_owned();
    let aside = host.scratch().join("aside");
    fs::rename(&first, &aside).unwrap();
    fs::rename(&second, &first).unwrap();
    fs::rename(&aside, &second).unwrap();
    let said = host.batt(&["verify", "--all"]).code(2).said();
    assert!(said.contains(".other` lies here, and `"), "{said}");
    assert!(said.contains(".data` lies here, and `"), "{said}");
    assert_eq!(said.matches("DAMAGED").count(), 2, "{said}");
}

#[test]
fn ctrl_c_ends_a_verification_with_130_and_nothing_false_is_remembered() {
    let host = Host::new();
    // Sparse: made at once, and read for minutes.
    let small = "echo x > $BATT_DEST/data/a; ";
    let place = host.try_script("data", small).succeeded().to_owned();
    let known = remembered(&host);
    assert!(known.is_string());
    let before = fs::read(host.home().join("var/catalogue.jsonl")).unwrap();
    let archive = place.join("a");
    fs::OpenOptions::new()
        .write(true)
        .open(&archive)
        .unwrap()
        .set_len(200 << 30)
        .unwrap();
    let manifest = fs::read_to_string(place.join("manifest.json")).unwrap();
    let manifest = manifest.replace("\"bytes\": 2,", &format!("\"bytes\": {},", 200u64 << 30));
    fs::write(place.join("manifest.json"), manifest).unwrap();
    for (sent, exit) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let child = host
            .batt_command(&["--format", "json", "verify"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("batt reads the archive", || reads(child.id(), &archive));
        signal(&child, sent);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(exit));
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json, serde_json::json!({"exit": exit, "backups": []}));
    }
    assert_eq!(fs::read(host.home().join("var/catalogue.jsonl")).unwrap(), before);
    assert_eq!(remembered(&host), known);
}

fn reads(pid: u32, file: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd"));
    open.into_iter()
        .flatten()
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == file))
}

/// A backup whose reading stands still at its beginning while something is done. `damaged`: its last byte is another one.
fn while_it_is_read(damaged: bool, meanwhile: impl FnOnce(&Host)) -> (Host, Option<i32>, String) {
    let host = Host::new();
    host.settings("[defaults]\nmax_shrink = \"100%\"\n");
    let place = host
        .try_script("data", "head -c 4M /dev/zero > $BATT_DEST/data/a")
        .succeeded()
        .to_owned();
    host.drop_in("data", "echo \"$BATT_RUN_ID\" > $BATT_DEST/data/a");
    let archive = place.join("a");
    if damaged {
        let inner = fs::OpenOptions::new().write(true).open(&archive).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&inner, b"x", (4 << 20) - 1).unwrap();
    }
    // It stops at its first call that reads the archive.
    let trace = host.scratch().join("trace");
    let batt = host.batt_command(&["verify"]);
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-e", "trace=read,pread64"])
        .args(["-e", "inject=read,pread64:signal=SIGSTOP:when=1", "-P"])
        .arg(&archive)
        .arg("-o")
        .arg(&trace)
        .arg(batt.get_program())
        .args(batt.get_args())
        .env_clear()
        .envs(batt.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("batt has stopped", || {
        fs::read_to_string(&trace).is_ok_and(|trace| trace.contains("stopped by SIGSTOP"))
    });
    let strace = child.id();
    let stopped = fs::read_to_string(format!("/proc/{strace}/task/{strace}/children")).unwrap();
    let stopped = Pid::from_raw(stopped.trim().parse().unwrap()).unwrap();
    meanwhile(&host);
    kill_process(stopped, Signal::CONT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (host, output.status.code(), said.into_owned())
}

#[test]
fn a_backup_that_steps_aside_while_it_is_read_is_judged_by_what_it_is() {
    let next = |host: &Host| {
        host.told("data", &["data"]).succeeded();
    };
    let (host, exit, said) = while_it_is_read(false, next);
    assert_eq!(exit, Some(0), "{said}");
    host.batt(&["verify", "--all"]).success();
    let (host, exit, said) = while_it_is_read(true, next);
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains("DAMAGED") && said.contains("/data~"), "{said}");
    host.batt(&["verify"]).success();
    host.batt(&["verify", "--all"]).code(2);
}

#[test]
fn a_backup_that_is_removed_while_it_is_read_is_not_called_damaged() {
    let (host, exit, said) = while_it_is_read(true, |host| {
        host.told("data", &["data"]).succeeded();
        host.batt(&["purge", "--keep-last", "1"]).success();
    });
    assert_eq!(exit, Some(75), "{said}");
    assert!(said.contains("it was replaced or removed meanwhile"), "{said}");
    assert!(remembered(&host).is_string());
    host.batt(&["verify", "--all"]).success();
}

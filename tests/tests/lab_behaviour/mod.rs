//! What holds for a host of either kind, seen by OpenSSH's client.
#![allow(dead_code, reason = "each kind of host has tests of its own beside these")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use batt_tests::finished::Finished;
use batt_tests::lab::{Lab, LabHost};

pub(crate) use batt_tests::process::until;

/// Returns an `ssh` to the host that knows its key as it is now, and nothing else.
pub(crate) fn ssh(host: &LabHost) -> Command {
    login(host, host.user(), host.identity(), &host.host_key().unwrap())
}

fn login(host: &LabHost, user: &str, identity: &Path, host_key: &str) -> Command {
    let known = host
        .folder()
        .join(format!("known_hosts.{:?}", thread::current().id()));
    let name = format!("[{}]:{}", host.address().ip(), host.address().port());
    fs::write(&known, format!("{name} {host_key}\n")).unwrap();
    let mut command = Command::new("ssh");
    command
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "IdentityAgent=none",
        ])
        .args([
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "GlobalKnownHostsFile=/dev/null",
        ])
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", known.display()))
        .arg("-i")
        .arg(identity)
        .args(["-p", &host.address().port().to_string()])
        .arg(format!("{user}@{}", host.address().ip()));
    command
}

/// Runs a command line on the host.
pub(crate) fn on(host: &LabHost, line: &str) -> Finished {
    Finished::run(ssh(host).arg(line))
}

/// Returns the command line of batt on the host.
fn batt(host: &LabHost, arguments: &str) -> String {
    format!(
        "{} --home {} --path {} {arguments}",
        host.agent_path().display(),
        host.agent_home().display(),
        host.backup_pattern().display()
    )
}

pub(crate) fn greets(lab: &Lab) {
    let mut greetings = Vec::new();
    for host in lab.hosts() {
        on(host, &batt(host, "init")).success();
        assert!(host.home_folder().join("scripts-available/backup-file").exists());
        let greeting = on(host, &batt(host, "serve")).success();
        assert!(greeting.starts_with("{\"batt\":"), "{greeting}");
        greetings.push(greeting);
    }
    let id = |greeting: &String| {
        let greeting: serde_json::Value = serde_json::from_str(greeting.lines().next().unwrap()).unwrap();
        greeting["batt"]["host_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(id(&greetings[0]).len(), 32);
    assert_ne!(id(&greetings[0]), id(&greetings[1]));
}

pub(crate) fn tells_ends(host: &LabHost) {
    for code in [0, 1, 77, 254] {
        on(host, &format!("exit {code}")).code(code);
    }
    // A command that a signal ended is an error without a code of its own.
    on(host, "kill -KILL $$").code(255);
    on(host, "no-such-program").code(127);
    let finished = on(host, "echo out; echo err >&2; exit 3").code(3);
    assert_eq!(
        (finished.stdout.as_str(), finished.stderr.as_str()),
        ("out\n", "err\n")
    );
    // What comes after the shell has ended is not lost.
    let late = on(host, "(head -c 3000000 /dev/zero; echo end) & exit 5").code(5);
    assert_eq!(late.stdout.len(), 3_000_004);
    let machine = on(host, "uname -m; cat > file && sha256sum file").success();
    assert!(machine.contains("e3b0c44298fc1c149afbf4c8996fb924"), "{machine}");
}

pub(crate) fn echoes(host: &LabHost) {
    let bytes: Vec<u8> = (0u32..5_000_000)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let mut command = ssh(host);
    command.arg("cat").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        scope.spawn(|| {
            stdin.write_all(&bytes).unwrap();
            drop(stdin);
        });
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    assert!(
        output.stdout == bytes,
        "{} of {} bytes came back",
        output.stdout.len(),
        bytes.len()
    );
}

pub(crate) fn many_sessions(host: &LabHost, sessions: i32) {
    thread::scope(|scope| {
        let sessions: Vec<_> = (0..sessions)
            .map(|number| {
                scope
                    .spawn(move || on(host, &format!("read line; echo {number}; exit {number}")).code(number))
            })
            .collect();
        for (number, session) in sessions.into_iter().enumerate() {
            assert_eq!(session.join().unwrap().stdout, format!("{number}\n"));
        }
    });
}

pub(crate) fn refuses_others(host: &LabHost) {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&other);
    Finished::run(&mut keygen).success();
    let key = host.host_key().unwrap();
    for (user, identity) in [(host.user(), other.as_path()), ("somebody-else", host.identity())] {
        let mut command = login(host, user, identity, &key);
        Finished::run(command.arg("echo in"))
            .code(255)
            .says("Permission denied (publickey)");
    }
}

/// A script that lives until a file appears, and a run of it whose session is killed meanwhile.
pub(crate) fn run_outlives_its_session(host: &LabHost) {
    on(host, &batt(host, "init")).success();
    let go = host.home_folder().join("go");
    let script = host.home_folder().join("scripts-available/backup-slow");
    let text = "#!/bin/sh\nset -e\nmkdir -p \"$BATT_DEST/slow\"\necho begun\nwhile [ ! -e \"$BATT_HOME/go\" ]; do sleep 0.01; done\necho all >\"$BATT_DEST/slow/file\"\n";
    let staged = script.with_extension("new");
    fs::write(&staged, text).unwrap();
    Finished::run(Command::new("chmod").arg("755").arg(&staged)).success();
    fs::rename(&staged, &script).unwrap();

    let mut command = ssh(host);
    command
        .arg(batt(host, "serve"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut session = command.spawn().unwrap();
    let mut stdin = session.stdin.take().unwrap();
    let mut stdout = BufReader::new(session.stdout.take().unwrap());
    let run = format!("{}-abcdef", now());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"batt\":"), "{line}");
    let request = serde_json::json!({
        "verb": "run", "run": run, "services": [{"service": "slow"}], "controller": "a test",
    });
    writeln!(stdin, "{request}").unwrap();
    stdin.flush().unwrap();
    let log = host.home_folder().join(format!("var/runs/{run}/slow.log"));
    until("the script has begun", || {
        fs::read_to_string(&log).is_ok_and(|log| log.contains("begun"))
    });
    session.kill().unwrap();
    session.wait().unwrap();
    fs::write(&go, "").unwrap();
    until("the backup is published", || !published(host, "slow").is_empty());
    assert_eq!(
        fs::read_to_string(published(host, "slow")[0].join("file")).unwrap(),
        "all\n"
    );
}

fn now() -> String {
    Finished::run(Command::new("date").args(["-u", "+%Y%m%dT%H%M%SZ"]))
        .success()
        .trim()
        .to_owned()
}

/// Returns the published backups of a service.
pub(crate) fn published(host: &LabHost, service: &str) -> Vec<PathBuf> {
    let mut folders = vec![host.backup_folder()];
    for _ in ["year", "month", "day"] {
        folders = folders
            .iter()
            .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
            .map(|entry| entry.path())
            .collect();
    }
    folders
        .into_iter()
        .map(|day| day.join(service))
        .filter(|backup| backup.is_dir())
        .collect()
}

pub(crate) fn goes_down_and_changes(host: &LabHost) {
    on(host, "true").success();
    host.stop();
    on(host, "true").code(255).says("Connection refused");
    host.start().unwrap();
    on(host, "true").success();
    let old = host.host_key().unwrap();
    host.change_host_key().unwrap();
    let mut stale = login(host, host.user(), host.identity(), &old);
    Finished::run(stale.arg("true"))
        .code(255)
        .says("REMOTE HOST IDENTIFICATION HAS CHANGED");
    on(host, "true").success();
}

/// Backs up the notes of a host with the scripts of the lab's fleet folder, put there by hand.
pub(crate) fn backs_up(lab: &Lab, name: &str, code: i32) -> Finished {
    let host = lab.host(name);
    on(host, &batt(host, "init")).success();
    let copy = |from: PathBuf, to: PathBuf| {
        Finished::run(Command::new("cp").arg("-p").arg(from).arg(to)).success();
    };
    copy(
        lab.folder().join("scripts-available/backup-notes"),
        host.home_folder().join("scripts-available"),
    );
    copy(
        lab.folder().join(format!("conf/hosts/{name}/backup-notes.conf")),
        host.home_folder().join("conf"),
    );
    let finished = on(host, &batt(host, "notes")).code(code);
    assert_eq!(published(host, "notes").len(), usize::from(code == 0));
    finished
}

/// Leaves something behind that has left its session, and returns its folder in `/proc`.
pub(crate) fn leaves_a_process(host: &LabHost) -> PathBuf {
    let pid = on(host, "setsid sleep 3600 >/dev/null 2>&1 </dev/null & echo $!").success();
    Path::new("/proc").join(pid.trim())
}

/// A process whose parent has not asked after it is gone all the same.
pub(crate) fn is_gone(process: &Path) -> bool {
    fs::read_to_string(process.join("stat")).map_or(true, |status| status.contains(") Z "))
}

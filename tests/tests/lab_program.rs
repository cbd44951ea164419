//! `batt-lab` as a person runs it: hosts that live as long as it does, however it ends.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod lab_behaviour;

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use batt_tests::finished::Finished;
use batt_tests::host::under_test;
use rustix::process::{Pid, Signal, kill_process};

struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    folder: PathBuf,
    address: SocketAddr,
}

impl Running {
    fn start(options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_batt-lab"));
        command
            .args(["up", "--until-stdin-closes", "--agent"])
            .arg(under_test("batt"))
            .args(options);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let inventory = PathBuf::from(line.strip_prefix("inventory: ").unwrap().trim());
        let text = std::fs::read_to_string(&inventory).unwrap();
        let address = text.lines().rfind(|line| line.starts_with("address")).unwrap();
        let address = format!("{}:7722", address.split('"').nth(1).unwrap());
        Self {
            stdin: child.stdin.take(),
            child,
            folder: inventory.parent().unwrap().to_owned(),
            address: address.parse().unwrap(),
        }
    }

    fn answers(&self) -> bool {
        TcpStream::connect(self.address).is_ok()
    }

    fn end(mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        lab_behaviour::until("the hosts are gone", || !self.answers());
        status
    }
}

#[test]
fn it_ends_with_its_stdin() {
    let mut lab = Running::start(&["--hosts", "2", "--healthy"]);
    assert!(lab.answers());
    drop(lab.stdin.take());
    let folder = lab.folder.clone();
    assert!(lab.end().success());
    assert!(!folder.exists());
}

#[test]
fn it_ends_by_a_signal_and_leaves_a_folder_that_was_named() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("lab");
    let lab = Running::start(&[
        "--hosts",
        "1",
        "--dead-host",
        "--folder",
        folder.to_str().unwrap(),
    ]);
    assert!(lab.answers());
    kill_process(Pid::from_child(&lab.child), Signal::TERM).unwrap();
    assert!(lab.end().success());
    assert!(folder.join("inventory.toml").exists());
    let inventory = folder.join("inventory.toml");
    let mut list = Command::new(under_test("batt-fleet"));
    let listed = Finished::run(list.args(["inventory", "list", "-i"]).arg(inventory)).success();
    assert_eq!(listed, "db0\ndb1\n");
    again_in(&folder);
}

fn again_in(folder: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_batt-lab"));
    command
        .args(["up", "--agent"])
        .arg(under_test("batt"))
        .arg("--folder")
        .arg(folder);
    Finished::run(&mut command).code(1).says("is not empty");
}

#[test]
fn openssh_hosts_do_not_outlive_it_even_when_it_is_killed() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: hosts with namespaces of their own need root");
        return;
    }
    let mut lab = Running::start(&["--kind", "openssh", "--hosts", "2"]);
    assert!(lab.answers());
    lab.child.kill().unwrap();
    let folder = lab.folder.clone();
    lab.end();
    let mark = folder.to_str().unwrap().to_owned();
    let processes = || Finished::run(Command::new("ps").args(["-eo", "args"])).success();
    lab_behaviour::until("their processes are gone", || !processes().contains(&mark));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_it_does_not_know_is_a_usage_error() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_batt-lab"));
    Finished::run(command.args(["up", "--kind", "docker"]))
        .code(64)
        .says("unknown kind `docker`");
}

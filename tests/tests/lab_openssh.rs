//! Hosts of the OpenSSH kind behave as the built-in ones do, and as real ones when they fail. Root only: they have namespaces.
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod lab_behaviour;

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use batt_tests::finished::Finished;
use batt_tests::host::under_test;
use batt_tests::lab::{Blueprint, Kind, Lab, Network};
use lab_behaviour as behaviour;

/// Tells whether namespaces can be had, and says so when not.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: hosts with namespaces of their own need root");
    }
    root
}

#[test]
fn a_host_greets_and_keeps_to_its_own_folders() {
    if is_root() {
        let lab = Lab::openssh(2);
        behaviour::greets(&lab);
        for host in lab.hosts() {
            assert_eq!(behaviour::on(host, "uname -n").success().trim(), host.name());
            assert_eq!(
                behaviour::on(host, "cat /opt/batt/var/host-id").success().len(),
                33
            );
        }
        assert!(
            behaviour::on(lab.host("db1"), "batt list available")
                .success()
                .contains("mysql")
        );
    }
}

#[test]
fn ends_are_told_as_they_were() {
    if is_root() {
        behaviour::tells_ends(Lab::openssh(1).host("db1"));
    }
}

#[test]
fn streams_sessions_and_keys() {
    if is_root() {
        let lab = Lab::openssh(1);
        behaviour::echoes(lab.host("db1"));
        // A session costs sshd and a shell of its own, a tenth of a second of CPU.
        behaviour::many_sessions(lab.host("db1"), 10);
        behaviour::refuses_others(lab.host("db1"));
    }
}

#[test]
fn a_host_that_is_down_and_one_with_another_key() {
    if is_root() {
        behaviour::goes_down_and_changes(Lab::openssh(1).host("db1"));
    }
}

#[test]
fn a_run_goes_on_without_its_session() {
    if is_root() {
        behaviour::run_outlives_its_session(Lab::openssh(1).host("db1"));
    }
}

#[test]
fn a_script_of_2014_works_as_it_is() {
    if is_root() {
        let lab = Lab::openssh(1);
        let host = lab.host("db1");
        behaviour::on(host, "batt init").success();
        let script = "#!/bin/bash\n. /opt/batt/conf/backup-old.conf\nSERVICE=old\nmkdir -p $BATT_DEST/$SERVICE\n\
                      cat $OLD_FILE | gzip > $BATT_DEST/$SERVICE/old.gz\nexit 0\n";
        let place = "cat > /opt/batt/scripts-available/backup-old && chmod 755 /opt/batt/scripts-available/backup-old && \
                     echo OLD_FILE=/etc/hostname > /opt/batt/conf/backup-old.conf";
        Finished::run_with(behaviour::ssh(host).arg(place), script.as_bytes()).success();
        behaviour::on(host, "batt enable old && batt").success();
        assert_eq!(behaviour::published(host, "old").len(), 1);
    }
}

#[test]
fn a_frozen_host_accepts_and_is_silent() {
    if is_root() {
        let lab = Lab::openssh(1);
        let host = lab.host("db1");
        host.freeze();
        let mut silent = TcpStream::connect(host.address()).unwrap();
        silent.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let heard = silent.read(&mut [0]).unwrap_err();
        assert_eq!(heard.kind(), ErrorKind::WouldBlock);
        host.thaw();
        behaviour::on(host, "true").success();
    }
}

#[test]
fn a_cut_cable_is_a_black_hole() {
    if is_root() {
        let blueprint = Blueprint::new(Kind::OpenSsh, 2, under_test("batt")).network(Network::Namespaces);
        let lab = Lab::start(&blueprint).unwrap();
        let host = lab.host("db1");
        behaviour::on(host, "true").success();
        host.cut_cable();
        let finished = Finished::run(behaviour::ssh(host).args(["-o", "ConnectTimeout=1", "true"]));
        finished.code(255).says("timed out");
        behaviour::on(lab.host("db2"), "true").success();
        host.mend_cable();
        behaviour::on(host, "true").success();
    }
}

#[test]
fn nothing_is_left_of_a_lab() {
    if is_root() {
        let lab = Lab::openssh(1);
        let folder = lab.folder().to_owned();
        behaviour::on(lab.host("db1"), "setsid sleep 3600 >/dev/null 2>&1 </dev/null &").success();
        let own = lab.host("db1").folder().to_owned();
        drop(lab);
        assert!(!folder.exists());
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(own.to_str().unwrap()));
        assert!(!processes().contains(own.to_str().unwrap()));
    }
}

fn processes() -> String {
    Finished::run(Command::new("ps").args(["-eo", "args"])).success()
}

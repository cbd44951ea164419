//! The cable between this machine and a host in a network namespace: a pair of interfaces, one at each end.

use std::io;
use std::net::Ipv4Addr;
use std::process::Command;

use super::Sshd;
use crate::server::program;

/// One cable.
#[derive(Debug)]
pub(in crate::lab) struct Cable {
    pub(in crate::lab) interface: String,
    pub(in crate::lab) near: Ipv4Addr,
}

impl Cable {
    /// Lays the cable to a host that has just started. It goes when the host does.
    pub(super) fn lay(&self, sshd: &Sshd, far: std::net::IpAddr) -> io::Result<()> {
        let init = sshd.init()?.as_raw_nonzero().to_string();
        let interface = self.interface.as_str();
        ip(&[
            "link", "add", interface, "type", "veth", "peer", "name", "eth0", "netns", &init,
        ])?;
        ip(&["address", "add", &format!("{}/30", self.near), "dev", interface])?;
        ip(&["link", "set", interface, "up"])?;
        within(&init, &["link", "set", "lo", "up"])?;
        within(&init, &["address", "add", &format!("{far}/30"), "dev", "eth0"])?;
        within(&init, &["link", "set", "eth0", "up"])
    }

    /// Lets what the host says get lost on the way: this machine still sends, as it would to a host behind a firewall that
    /// drops.
    pub(in crate::lab) fn cut(&self, sshd: &Sshd) -> io::Result<()> {
        let init = sshd.init()?.as_raw_nonzero().to_string();
        within(&init, &["route", "add", "blackhole", &self.near.to_string()])
    }

    /// Mends it.
    pub(in crate::lab) fn mend(&self, sshd: &Sshd) -> io::Result<()> {
        let init = sshd.init()?.as_raw_nonzero().to_string();
        within(&init, &["route", "delete", "blackhole", &self.near.to_string()])
    }
}

fn ip(arguments: &[&str]) -> io::Result<()> {
    run(Command::new(program("ip")).args(arguments))
}

fn within(init: &str, arguments: &[&str]) -> io::Result<()> {
    let ip = program("ip");
    run(Command::new(program("nsenter"))
        .args(["--target", init, "--net", "--"])
        .arg(ip)
        .args(arguments))
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("{command:?}: {}", said.trim())))
}

//! Addresses: each lab has a range of its own, so that labs side by side never meet and a port stays a host's own while the
//! host is down.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The port of every host. Not 22, which needs root, nor one that people like to use.
const PORT: u16 = 7722;
/// The address of a range that is bound by the lab that owns it, and by no host.
const CLAIM: u8 = 254;
/// The most hosts at loopback addresses: 1 to 253.
const MOST: usize = 253;

/// The range `127.77.LAB.0/24`, and `10.77.LAB.0/24` for hosts in network namespaces. Free for others once this is
/// dropped or its process is gone.
#[derive(Debug)]
pub(super) struct Range {
    lab: u8,
    _claim: TcpListener,
}

impl Range {
    /// Claims a range that nobody uses.
    pub(super) fn claim(hosts: usize) -> io::Result<Self> {
        if hosts == 0 || hosts > MOST {
            return Err(io::Error::other(format!(
                "a lab has 1 to {MOST} hosts, not {hosts}"
            )));
        }
        let mut refusal = None;
        // Labs that start together begin at different places.
        let start = u8::try_from(std::process::id() % 256).unwrap_or_default();
        for lab in (0..=u8::MAX).map(|step| start.wrapping_add(step)) {
            match TcpListener::bind((Ipv4Addr::new(127, 77, lab, CLAIM), PORT)) {
                Ok(claim) => return Ok(Self { lab, _claim: claim }),
                Err(error) => refusal = Some(error),
            }
        }
        let cause = refusal.map(|error| error.to_string()).unwrap_or_default();
        Err(io::Error::other(format!(
            "no range 127.77.N.0/24 is free at port {PORT}: {cause}"
        )))
    }

    /// Returns the loopback address of a host.
    pub(super) fn loopback(&self, host: u8) -> SocketAddr {
        SocketAddr::from(([127, 77, self.lab, host], PORT))
    }

    /// Returns an address that nobody ever listens at.
    pub(super) fn nobody(&self) -> SocketAddr {
        SocketAddr::from(([127, 77, self.lab, 0], PORT))
    }

    /// Returns the two ends of the cable to a host in a network namespace: this machine's, and the host's. A /30 each.
    pub(super) fn cable(&self, host: u8) -> io::Result<(Ipv4Addr, SocketAddr)> {
        let base = host
            .checked_mul(4)
            .ok_or_else(|| io::Error::other("at most 63 hosts have cables"))?;
        let near = Ipv4Addr::new(10, 77, self.lab, base + 1);
        Ok((near, SocketAddr::from(([10, 77, self.lab, base + 2], PORT))))
    }

    /// Returns the name of this machine's end of the cable, within the 15 bytes of an interface.
    pub(super) fn interface(&self, host: u8) -> String {
        format!("batt{}h{host}", self.lab)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_labs_do_not_share_a_range() {
        let (one, other) = (Range::claim(5).unwrap(), Range::claim(5).unwrap());
        assert_ne!(one.loopback(1), other.loopback(1));
        assert!(Range::claim(0).is_err() && Range::claim(254).is_err());
    }
}

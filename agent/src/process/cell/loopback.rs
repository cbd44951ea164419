//! The loopback of a new network: some engines want to talk to themselves.

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SendFlags, SocketType, sendto, socket};

/// Brings it up (rtnetlink(7)). Whoever needs it and has it not will say so.
pub(super) fn bring_up() {
    let Ok(line) = socket(AddressFamily::NETLINK, SocketType::RAW, None) else {
        return;
    };
    let _ = sendto(&line, &up(), SendFlags::empty(), &SocketAddrNetlink::new(0, 0));
}

/// Returns the message: interface 1, which is the loopback of every network, is to be up.
fn up() -> [u8; 32] {
    const RTM_NEWLINK: u16 = 16;
    const NLM_F_REQUEST: u16 = 1;
    const LOOPBACK: u32 = 1;
    const IFF_UP: u32 = 1;
    let mut message = [0; 32];
    // nlmsghdr: length, type, flags; then ifinfomsg: index, flags, and which flags are meant.
    message[0..4].copy_from_slice(&32u32.to_ne_bytes());
    message[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
    message[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    message[20..24].copy_from_slice(&LOOPBACK.to_ne_bytes());
    message[24..28].copy_from_slice(&IFF_UP.to_ne_bytes());
    message[28..32].copy_from_slice(&IFF_UP.to_ne_bytes());
    message
}

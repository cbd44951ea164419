//! What a program that runs as another account may not ask of the kernel, whatever that account may (seccomp(2)).
//!
//! Two things pass from a process to the next however it changes its account: the keyring of the session, in which the keys of
//! whoever called batt are (keyrings(7)), and the terminal, into which a program can put what its user then seems to have typed
//! (ioctl_tty(2)).

use rustix::io::Errno;
use seccompiler::{Error, apply_filter, sock_filter};

/// What is barred besides the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    Barred,
    /// An account of the host may keep its own tickets there.
    Allowed,
}

/// An interface of the kernel, and the numbers that its calls have there. A machine has that of its 32-bit programs too.
struct Interface {
    /// As in linux/audit.h.
    architecture: u32,
    ioctl: &'static [u32],
    /// add_key(2), request_key(2), keyctl(2).
    keys: [u32; 3],
}

const INTERFACES: [Interface; 4] = [
    // x86-64, and x32: that has a number of its own for ioctl(2), and a bit in all of them.
    Interface {
        architecture: 0xc000_003e,
        ioctl: &[16, 514],
        keys: [248, 249, 250],
    },
    // i386
    Interface {
        architecture: 0x4000_0003,
        ioctl: &[54],
        keys: [286, 287, 288],
    },
    // ARM of 64 and of 32 bits
    Interface {
        architecture: 0xc000_00b7,
        ioctl: &[29],
        keys: [217, 218, 219],
    },
    Interface {
        architecture: 0x4000_0028,
        ioctl: &[54],
        keys: [309, 310, 311],
    },
];

/// `TIOCSTI` and `TIOCLINUX`.
const TYPING: [u32; 2] = [0x5412, 0x541c];

// Where they are in what a filter sees (seccomp(2)), on machines that have the lower half of a number first.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const SECOND_ARGUMENT: u32 = 24;

// Instructions (linux/bpf_common.h), and what they return (linux/seccomp.h).
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const ERROR: u32 = 0x0005_0000;
const WITHOUT_X32: u32 = !0x4000_0000;

/// Bars them for this process and all that it becomes and starts. It must not be able to get rights by a program any more.
///
/// # Errors
/// A kernel that has no filters (`CONFIG_SECCOMP_FILTER`).
pub(crate) fn bar(keys: Keys) -> Result<(), Errno> {
    apply_filter(&program(keys)).map_err(|cause| match cause {
        Error::Prctl(cause) | Error::Seccomp(cause) => {
            Errno::from_io_error(&cause).unwrap_or(Errno::OPNOTSUPP)
        }
        _ => Errno::OPNOTSUPP,
    })
}

fn program(keys: Keys) -> Vec<sock_filter> {
    let mut program = Vec::new();
    for interface in &INTERFACES {
        let block = block(interface, keys);
        program.push(step(LOAD, ARCHITECTURE));
        let length = u8::try_from(block.len()).unwrap_or(u8::MAX);
        program.push(jump(interface.architecture, 0, length));
        program.extend(block);
    }
    program.push(step(RETURN, ALLOW));
    program
}

fn block(interface: &Interface, keys: Keys) -> Vec<sock_filter> {
    let refused = |cause: Errno| step(RETURN, ERROR | cause.raw_os_error().cast_unsigned());
    let mut block = vec![step(LOAD, NUMBER), step(AND, WITHOUT_X32)];
    if keys == Keys::Barred {
        for number in interface.keys {
            block.extend([jump(number, 0, 1), refused(Errno::NOSYS)]);
        }
    }
    for number in interface.ioctl {
        block.extend([jump(*number, 0, 6), step(LOAD, SECOND_ARGUMENT)]);
        for request in TYPING {
            block.extend([jump(request, 0, 1), refused(Errno::PERM)]);
        }
        block.push(step(RETURN, ALLOW));
    }
    block.push(step(RETURN, ALLOW));
    block
}

fn step(code: u16, k: u32) -> sock_filter {
    sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

/// Goes on so many steps further when what was loaded is this, or is not.
fn jump(value: u32, equal: u8, other: u8) -> sock_filter {
    sock_filter {
        jt: equal,
        jf: other,
        ..step(JUMP_IF_EQUAL, value)
    }
}

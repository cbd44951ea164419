//! Why an archive was not loaded.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use batt_protocol::text::{list_and, quoted};

use crate::ending::ending;
use crate::ledger::Evidence;

/// The exit code of what this host cannot do (`EX_UNAVAILABLE`, sysexits.h).
const UNAVAILABLE: u8 = 69;
/// The exit code of a command that did not take the archive.
const REFUSED: u8 = 2;

/// Why an archive was not loaded. The command may have got some of it.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// No backup is restored here.
    NoBackup,
    /// The backup holds archives of these names, the first of many, and none of this.
    Unknown(Vec<String>),
    /// The archive's file cannot be opened: why, with its name.
    Unopened(String),
    /// This file is not the one of the backup: why.
    Damaged(String, String),
    /// This file could not be read to its end here: why. It may be the one of the backup.
    Unread(String, String),
    /// The command could not be started.
    Start {
        /// The program.
        command: String,
        /// Why.
        reason: String,
    },
    /// The command ran and did not succeed.
    Command {
        /// The program.
        command: String,
        /// How it ended.
        ending: String,
        /// The exit code that `batt load` has for it.
        code: u8,
    },
    /// The command ended, or closed its stdin, before it had taken everything.
    Untaken {
        /// The program.
        command: String,
    },
    /// The machine failed between the file and the command.
    Machine(String),
    /// The ledger could not be written.
    Ledger(String),
}

impl LoadError {
    /// Returns the exit code: 64 for a wrong request, 2 for a load that failed, 1 for an error of this machine. A command that is
    /// not here, or that ends with 69, is 69, and one that a signal killed, or what a shell ran for it, is 128 and the signal,
    /// as shells have it: that says nothing of the archive, and a script hands it on.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            LoadError::Unknown(_) | LoadError::NoBackup => 64,
            LoadError::Machine(_) | LoadError::Ledger(_) => 1,
            LoadError::Start { .. } => UNAVAILABLE,
            LoadError::Command { code, .. } => *code,
            LoadError::Unopened(_)
            | LoadError::Damaged(..)
            | LoadError::Unread(..)
            | LoadError::Untaken { .. } => 2,
        }
    }
}

impl LoadError {
    /// Returns what it says of the archive.
    pub(super) fn evidence(&self) -> Evidence {
        match self {
            LoadError::Damaged(..) => Evidence::Damaged,
            LoadError::Command { code: REFUSED, .. } | LoadError::Untaken { .. } => Evidence::Refused,
            _ => Evidence::None,
        }
    }
}

/// Returns the exit code of `batt load` for a command that ended like this.
pub(super) fn code_of(status: ExitStatus) -> u8 {
    let killed_by = killed_by(status).and_then(|signal| u8::try_from(signal).ok());
    match (status.code(), killed_by) {
        (Some(code), _) if code == i32::from(UNAVAILABLE) => UNAVAILABLE,
        (_, Some(signal)) => 128 | signal,
        _ => REFUSED,
    }
}

/// Returns how a command ended, as it stands after its name.
pub(super) fn ending_of(status: ExitStatus) -> String {
    match killed_by(status) {
        Some(signal) => format!("was killed by signal {signal}"),
        None => ending(status),
    }
}

/// Returns the signal that ended a command, or what a shell ran for it: the code says so where the signal is one of those that others
/// send, or the kernel at a limit (SIGHUP, SIGKILL, SIGTERM, SIGXCPU, SIGXFSZ).
fn killed_by(status: ExitStatus) -> Option<i32> {
    const BY_OTHERS: [i32; 5] = [1, 9, 15, 24, 25];
    let by_code = || status.code().map(|code| code - 128);
    let handed_on = || by_code().filter(|signal| BY_OTHERS.contains(signal));
    status.signal().or_else(handed_on)
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::NoBackup => formatter.write_str(
                "`BATT_SOURCE` is not set\nhint: this command is for `restore-` and `drill-` scripts that `batt` runs",
            ),
            LoadError::Unopened(reason) => formatter.write_str(reason),
            LoadError::Unknown(known) if known.is_empty() => {
                write!(formatter, "the backup holds no archives")
            }
            LoadError::Unknown(known) => write!(
                formatter,
                "the backup holds no archive of this name\nhint: it holds {}",
                list_and(known)
            ),
            LoadError::Damaged(file, reason) | LoadError::Unread(file, reason) => write!(formatter, "{}: {reason}", quoted(file)),
            LoadError::Start { command, reason } => write!(formatter, "cannot start `{command}`: {reason}"),
            LoadError::Command { command, ending, .. } => write!(formatter, "`{command}` {ending}"),
            LoadError::Untaken { command } => {
                write!(
                    formatter,
                    "`{command}` ended before it had read the whole archive"
                )
            }
            LoadError::Machine(reason) => write!(formatter, "cannot hand the archive over: {reason}"),
            LoadError::Ledger(reason) => write!(formatter, "cannot write the ledger: {reason}"),
        }
    }
}

impl std::error::Error for LoadError {}

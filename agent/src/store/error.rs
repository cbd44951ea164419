//! Why an archive was not stored.

use std::fmt;

use super::name::InvalidName;
use crate::archive::Kind;

/// The exit code of a command for whose failure another attempt may help: `EX_TEMPFAIL` of sysexits.h.
pub(super) const TRY_AGAIN: i32 = 75;

/// Why an archive was not stored. Nothing of it is left in the backup.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// The name cannot name an archive.
    Name(InvalidName),
    /// An archive of this name exists already.
    Duplicate {
        /// The name of the file.
        file: String,
    },
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
        /// Whether it says that another attempt may succeed: it ended with [`TRY_AGAIN`].
        is_temporary: bool,
    },
    /// The command succeeded and wrote nothing.
    Nothing {
        /// The program.
        command: String,
    },
    /// The command succeeded, and its output is not complete.
    Incomplete {
        /// What it should be.
        kind: Kind,
        /// What is missing.
        reason: String,
    },
    /// The archive could not be written.
    Write {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The ledger of the run could not be written.
    Ledger {
        /// Why.
        reason: String,
    },
}

impl StoreError {
    /// Returns the exit code: 64 for a wrong request, 2 for a dump that failed, 1 for an error of this machine.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            StoreError::Name(_) => 64,
            StoreError::Write { .. } | StoreError::Ledger { .. } => 1,
            StoreError::Duplicate { .. }
            | StoreError::Start { .. }
            | StoreError::Command { .. }
            | StoreError::Nothing { .. }
            | StoreError::Incomplete { .. } => 2,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Name(invalid) => invalid.fmt(formatter),
            StoreError::Duplicate { file } => write!(
                formatter,
                "the backup already holds an archive `{file}`\nhint: give each archive a name of its own"
            ),
            StoreError::Start { command, reason } => write!(formatter, "cannot start `{command}`: {reason}"),
            StoreError::Command { command, ending, .. } => write!(formatter, "`{command}` {ending}"),
            StoreError::Nothing { command } => write!(formatter, "`{command}` succeeded and wrote nothing"),
            StoreError::Incomplete { kind, reason } => {
                write!(formatter, "the output is not a complete `{kind}`: {reason}")
            }
            StoreError::Write { path, reason } => write!(formatter, "cannot write `{path}`: {reason}"),
            StoreError::Ledger { reason } => {
                write!(formatter, "cannot write the ledger of the run: {reason}")
            }
        }
    }
}

impl std::error::Error for StoreError {}

//! Why several dumps did not become one.

use std::fmt;
use std::io;

use crate::cancellation::Wish;

/// Why several dumps did not become one.
#[derive(Debug)]
pub(crate) enum InterleaveError {
    /// Nothing was to be run.
    NoCommand,
    /// One of them could not be started.
    Start {
        /// The word of it.
        part: String,
        /// Why.
        reason: String,
    },
    /// One of them ran and did not succeed.
    Part {
        /// The word of it.
        part: String,
        /// How it ended.
        ending: String,
    },
    /// One of them succeeded, and wrote something else than it was to write.
    Content {
        /// The word of it.
        part: String,
        /// What is wrong.
        reason: String,
    },
    /// All of them succeeded, and together they are not what the server has.
    Rows(String),
    /// What was written could not be handed on, or not be read.
    Machine(String),
    /// Somebody wished to stop.
    Cancelled(Wish),
}

/// What keeps one stream from being handed on.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is not what it has to be.
    Content(String),
    /// It has ended before its end.
    Incomplete(String),
    /// It cannot be read, or not be written.
    Machine(io::Error),
    /// Another one has failed.
    Over,
}

impl Trouble {
    /// Returns it as that of a part.
    pub(super) fn of(self, part: &str) -> InterleaveError {
        match self {
            Self::Content(reason) | Self::Incomplete(reason) => InterleaveError::Content {
                part: part.to_owned(),
                reason,
            },
            Self::Machine(cause) => InterleaveError::Machine(cause.to_string()),
            Self::Over => InterleaveError::Machine("another one has failed".to_owned()),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(cause: io::Error) -> Self {
        Self::Machine(cause)
    }
}

impl InterleaveError {
    /// Returns the exit code: 64 for a wrong request, 2 for a dump that failed, 1 for an error of this machine.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NoCommand => 64,
            Self::Start { .. } | Self::Part { .. } | Self::Content { .. } | Self::Rows(_) => 2,
            Self::Machine(_) => 1,
            Self::Cancelled(Wish::Interrupted) => 130,
            Self::Cancelled(Wish::Terminated) => 143,
        }
    }
}

impl fmt::Display for InterleaveError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommand => formatter.write_str("there is no command after `--`"),
            Self::Start { part, reason } => {
                write!(formatter, "the dump `{part}` cannot be started: {reason}")
            }
            Self::Part { part, ending } => write!(formatter, "the dump `{part}` {ending}"),
            Self::Content { part, reason } => {
                write!(formatter, "the dump `{part}` is not what it has to be: {reason}")
            }
            Self::Rows(reason) => write!(
                formatter,
                "what the dumps are together is not what it has to be: {reason}"
            ),
            Self::Machine(reason) => write!(formatter, "cannot hand the dump on: {reason}"),
            Self::Cancelled(_) => formatter.write_str("the dump was stopped"),
        }
    }
}

impl std::error::Error for InterleaveError {}

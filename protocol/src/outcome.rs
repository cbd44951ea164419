//! How a service ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How one service of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its backup is published and verified.
    Succeeded,
    /// Some of its items are proven and published beside; never counted by retention or freshness.
    Partial,
    /// It is whole, but differs so much from the last good one that a person has to look.
    Suspicious,
    /// Nothing of it was published.
    Failed,
    /// It was stopped by `max_duration` or `stall_timeout`.
    TimedOut,
    /// Somebody cancelled it.
    Cancelled,
    /// Something that it needs cannot be trusted, so nothing of it was run.
    Refused,
    /// Another run holds its lock.
    Busy,
    /// The run ended before its turn came.
    NotStarted,
}

impl Outcome {
    /// Returns the word that stands in JSON and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Suspicious => "suspicious",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::NotStarted => "not-started",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

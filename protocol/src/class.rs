//! How a host of a fleet ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How one host of a fleet ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostClass {
    /// Everything that was asked of it was done and verified.
    Ok,
    /// A service did not succeed, or there was none to run.
    Failed,
    /// Its name has no address.
    Resolve,
    /// Nothing answers at its address.
    Connect,
    /// Its key is unknown, changed or revoked.
    HostKey,
    /// It rejects the login.
    Authentication,
    /// It does not let us become root.
    Become,
    /// `batt` is not there.
    AgentMissing,
    /// The `batt` that is there speaks no version of the protocol that we speak.
    AgentTooOld,
    /// What it sent cannot be understood.
    Protocol,
    /// The connection ended before the closing message.
    Lost,
    /// A deadline passed.
    TimedOut,
    /// It refused, or we refused it, for safety.
    Policy,
    /// Somebody cancelled it.
    Cancelled,
    /// It was never started: a threshold stopped the run.
    Skipped,
}

impl HostClass {
    /// Returns the word that stands in JSON and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::HostKey => "host-key",
            Self::Authentication => "authentication",
            Self::Become => "become",
            Self::AgentMissing => "agent-missing",
            Self::AgentTooOld => "agent-too-old",
            Self::Protocol => "protocol",
            Self::Lost => "lost",
            Self::TimedOut => "timed-out",
            Self::Policy => "policy",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for HostClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

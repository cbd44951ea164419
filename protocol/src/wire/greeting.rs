//! The first line of the agent.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The line that `batt serve` prints first. It starts with `{"batt":`, so that it is found after a login shell's noise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Everything the agent says of itself.
    pub batt: Hello,
}

/// What the agent says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of `batt`.
    pub version: String,
    /// The versions of the protocol that it speaks.
    pub protocol: ProtocolRange,
    /// What tells this host from every other, whatever names it has.
    pub host_id: String,
    /// The host's own name.
    pub host: String,
    /// Whether the home is laid out.
    pub home: HomeState,
    /// The digest of the pushed files as they lie on the disk now, see [`crate::bundle_text`].
    pub bundle: String,
    /// The host's clock.
    pub time: DateTime<Utc>,
}

/// The oldest and the newest version of the protocol that a program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolRange {
    /// The oldest.
    pub oldest: u32,
    /// The newest.
    pub newest: u32,
}

impl ProtocolRange {
    /// Tells whether `version` is in the range.
    pub fn contains(self, version: u32) -> bool {
        (self.oldest..=self.newest).contains(&version)
    }
}

/// Whether `BATT_HOME` is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HomeState {
    /// `batt init` or a push made it.
    Ready,
    /// It does not exist; the first push makes it.
    Empty,
}

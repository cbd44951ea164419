//! What a rehearsed restore said of a backup.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a drill said of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrillOutcome {
    /// Everything came back as it was recorded.
    Proven,
    /// Everything came back, and nothing had been recorded that it could be compared with.
    Loaded,
    /// There is evidence against the backup: it is damaged, or did not load, or came back as something else.
    Failed,
    /// This host cannot rehearse it, which says nothing of the backup.
    NotPossible,
}

impl DrillOutcome {
    /// Returns the word that stands in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Loaded => "loaded",
            Self::Failed => "failed",
            Self::NotPossible => "not-possible",
        }
    }
}

/// Says it to people.
impl fmt::Display for DrillOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotPossible => "not possible here",
            other => other.word(),
        })
    }
}

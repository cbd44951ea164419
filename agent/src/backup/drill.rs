//! The receipt of a rehearsed restore: when it was, and what it said of the backup.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use batt_protocol::DrillOutcome;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The receipt of a rehearsed restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(crate) struct Drill {
    pub(crate) at: DateTime<Utc>,
    /// How long the restore took.
    pub(crate) seconds: f64,
    /// What it said.
    pub(crate) verdict: Verdict,
    /// What the drill script recorded, as versions of the engine.
    pub(crate) facts: BTreeMap<String, String>,
}

/// What a rehearsal says of a backup. One that was not possible says nothing, and leaves no receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything came back, and as many facts are as they were recorded.
    Proven(NonZeroUsize),
    /// Everything came back, and there was nothing to compare.
    Loaded,
    /// There is evidence against the backup.
    Failed {
        /// How many facts were compared.
        compared: usize,
        /// The evidence.
        reason: String,
    },
}

impl Verdict {
    /// Returns what a rehearsal says after which everything was as recorded, so many facts.
    pub(crate) fn good(compared: usize) -> Self {
        NonZeroUsize::new(compared).map_or(Self::Loaded, Self::Proven)
    }

    /// Tells whether everything came back.
    pub(crate) fn is_good(&self) -> bool {
        !matches!(self, Self::Failed { .. })
    }

    /// Returns how many facts were compared.
    pub(crate) fn compared(&self) -> usize {
        match self {
            Self::Proven(compared) => compared.get(),
            Self::Loaded => 0,
            Self::Failed { compared, .. } => *compared,
        }
    }

    /// Returns the evidence against the backup, where there is some.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Proven(_) | Self::Loaded => None,
            Self::Failed { reason, .. } => Some(reason),
        }
    }

    /// Returns the evidence against the backup in one line, the beginning of it where it is long.
    pub(crate) fn evidence(&self) -> Option<String> {
        const MOST: usize = 400;
        let lines = self.reason()?.lines().map(|line| line.trim_start_matches("| "));
        let mut told = lines.collect::<Vec<_>>().join("; ");
        if told.len() > MOST {
            told.truncate(told.floor_char_boundary(MOST));
            told.push_str("...");
        }
        Some(told)
    }

    /// Returns what it is called.
    pub(crate) fn outcome(&self) -> DrillOutcome {
        match self {
            Self::Proven(_) => DrillOutcome::Proven,
            Self::Loaded => DrillOutcome::Loaded,
            Self::Failed { .. } => DrillOutcome::Failed,
        }
    }
}

/// A receipt as it stands in the catalogue, since the first version.
#[derive(Serialize, Deserialize)]
struct Written {
    at: DateTime<Utc>,
    /// Whether everything came back as it was recorded.
    proven: bool,
    seconds: f64,
    compared: usize,
    facts: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<Written> for Drill {
    fn from(written: Written) -> Self {
        let verdict = match (written.proven, written.reason) {
            (true, _) => Verdict::good(written.compared),
            (false, reason) => Verdict::Failed {
                compared: written.compared,
                reason: reason.unwrap_or_else(|| "it did not come back".to_owned()),
            },
        };
        Self {
            at: written.at,
            seconds: written.seconds,
            verdict,
            facts: written.facts,
        }
    }
}

impl From<Drill> for Written {
    fn from(drill: Drill) -> Self {
        Self {
            at: drill.at,
            proven: drill.verdict.is_good(),
            seconds: drill.seconds,
            compared: drill.verdict.compared(),
            reason: drill.verdict.reason().map(str::to_owned),
            facts: drill.facts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_a_line() {
        let reason = |reason: &str| {
            Verdict::Failed {
                compared: 0,
                reason: reason.to_owned(),
            }
            .evidence()
            .unwrap()
        };
        assert_eq!(
            reason("the script failed: exit code 1\n| ERROR: x"),
            "the script failed: exit code 1; ERROR: x"
        );
        assert_eq!(reason(&"ä".repeat(1000)).len(), 403);
    }

    #[test]
    fn a_receipt_of_the_first_version_is_read_and_stays_as_it_was() {
        for (proven, compared, reason, outcome) in [
            (true, 3, "", DrillOutcome::Proven),
            (true, 0, "", DrillOutcome::Loaded),
            (false, 2, ",\"reason\":\"rows\"", DrillOutcome::Failed),
        ] {
            let text = format!(
                "{{\"at\":\"2026-01-09T00:00:00Z\",\"proven\":{proven},\"seconds\":1.5,\
                 \"compared\":{compared},\"facts\":{{\"engine\":\"1\"}}{reason}}}"
            );
            let drill: Drill = serde_json::from_str(&text).unwrap();
            assert_eq!(drill.verdict.outcome(), outcome);
            assert_eq!(drill.verdict.compared(), compared);
            assert_eq!(drill.verdict.reason().is_some(), !proven);
            assert_eq!(serde_json::to_string(&drill).unwrap(), text);
        }
    }
}

//! Why a service did not succeed, and nothing of it is published.

use batt_protocol::{Error, ExitCode, Outcome};

/// Why a service did not succeed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) outcome: Outcome,
    pub(super) reason: String,
}

impl Failure {
    pub(super) fn not_started() -> Self {
        Self {
            outcome: Outcome::NotStarted,
            reason: "the run ended before its turn".to_owned(),
        }
    }

    pub(super) fn cancelled() -> Self {
        Self {
            outcome: Outcome::Cancelled,
            reason: "cancelled".to_owned(),
        }
    }

    /// Adds what had gone wrong before.
    pub(super) fn also(self, earlier: Option<&str>) -> Self {
        match earlier {
            None => self,
            Some(earlier) => Self {
                reason: format!("{}\n{earlier}", self.reason),
                ..self
            },
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let outcome = match error.exit() {
            ExitCode::REFUSED => Outcome::Refused,
            ExitCode::BUSY => Outcome::Busy,
            _ => Outcome::Failed,
        };
        Self {
            outcome,
            reason: error.to_string(),
        }
    }
}

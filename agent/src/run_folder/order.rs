//! What was asked of a run, as it lies in the run's folder from the beginning on.

use batt_protocol::{AskedBy, RunId, ServiceRequest};
use serde::{Deserialize, Serialize};

/// What was asked of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The run.
    pub(crate) run: RunId,
    /// What to back up; none means what is enabled.
    pub(crate) services: Vec<ServiceRequest>,
    /// Where to, when that was said with the order.
    pub(crate) path: Option<String>,
    /// How long to wait for a lock, in seconds.
    pub(crate) wait_seconds: u64,
    /// Who asked.
    pub(crate) asked_by: AskedBy,
}

impl Order {
    /// The longest that is read, in bytes: the items are at most what fits a command line (execve(2)).
    pub(super) const LIMIT: u64 = 4 << 20;

    /// Tells whether a controller asked for it.
    pub(super) fn came_by_the_line(&self) -> bool {
        self.asked_by.controller.is_some()
    }
}

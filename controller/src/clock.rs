//! One clock for a run: wall time that never steps back while the run goes on.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// Tells the time as that of its start plus what has passed since, so that neither a stepped system clock nor a
/// paused one in a test puts events out of order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: DateTime<Utc>,
    start: Instant,
}

impl Clock {
    /// Returns a clock that shows the system's time now.
    pub(crate) fn start() -> Self {
        Self {
            origin: Utc::now(),
            start: Instant::now(),
        }
    }

    /// Returns the time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.start.elapsed()).unwrap_or(TimeDelta::MAX);
        self.origin.checked_add_signed(passed).unwrap_or(self.origin)
    }
}

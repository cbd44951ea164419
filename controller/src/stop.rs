//! When work on a host has to stop: the whole run is cancelled, or the host took too long.

use std::future::pending;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use batt_protocol::HostClass;

use crate::event::Interruption;
use crate::trouble::Trouble;

/// Tells work on one host when to stop, and why.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    cancel: watch::Receiver<Option<Interruption>>,
    /// How long the run on the host may take, and when that has passed.
    limit: Option<(Duration, Instant)>,
}

/// Why work stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// The whole run is cancelled.
    Cancelled(Interruption),
    /// The host took longer than it may.
    TooLong(Duration),
}

impl Stop {
    /// Returns a stop that only the whole run gives.
    pub(crate) fn new(cancel: watch::Receiver<Option<Interruption>>) -> Self {
        Self { cancel, limit: None }
    }

    /// Sets how long the run may take from now on.
    #[must_use]
    pub(crate) fn limited(mut self, limit: Option<Duration>) -> Self {
        self.limit = limit.map(|limit| (limit, Instant::now() + limit));
        self
    }

    /// Waits until the work has to stop. May be dropped and called again.
    pub(crate) async fn wait(&self) -> StopReason {
        let mut cancel = self.cancel.clone();
        let cancelled = async {
            match cancel.wait_for(Option::is_some).await.ok().and_then(|by| *by) {
                Some(by) => by,
                // Nobody is left who could cancel.
                None => pending().await,
            }
        };
        let too_long = async {
            match self.limit {
                Some((limit, end)) => {
                    sleep_until(end).await;
                    limit
                }
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            by = cancelled => StopReason::Cancelled(by),
            limit = too_long => StopReason::TooLong(limit),
        }
    }
}

impl StopReason {
    /// Returns how a host ends that was stopped so, when it was `doing` that.
    pub(crate) fn trouble(self, doing: &str) -> Trouble {
        match self {
            Self::Cancelled(Interruption::Deadline) => Trouble::new(
                HostClass::TimedOut,
                format!("the deadline of the whole run passed {doing}"),
            ),
            Self::Cancelled(Interruption::Interrupt | Interruption::Terminate) => {
                Trouble::new(HostClass::Cancelled, format!("interrupted {doing}"))
            }
            Self::TooLong(limit) => Trouble::new(
                HostClass::TimedOut,
                format!(
                    "the run took longer than {} s, and was cancelled",
                    limit.as_secs_f64()
                ),
            ),
        }
    }
}

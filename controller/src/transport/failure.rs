//! Why a host could not be reached, in the classes that the report knows.

use std::fmt;
use std::time::Duration;

use super::{Phase, Target};

/// What kind of failure ended the attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureClass {
    Resolve,
    Connect,
    HostKey,
    Authentication,
    TimedOut(Phase),
    Lost,
    Protocol,
}

/// A host that could not be reached: the class, what happened, and what to do about it.
///
/// Text that came from the host is bounded and escaped in here already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectFailure {
    pub(crate) class: FailureClass,
    pub(crate) reason: String,
    pub(crate) hint: Option<String>,
}

impl ConnectFailure {
    pub(crate) fn new(class: FailureClass, reason: impl Into<String>) -> ConnectFailure {
        ConnectFailure {
            class,
            reason: reason.into(),
            hint: None,
        }
    }

    /// The deadline of a phase has passed.
    pub(crate) fn timed_out(phase: Phase, limit: Duration, target: &Target) -> ConnectFailure {
        let Target { address, port, .. } = target;
        let what = match phase {
            Phase::Resolve => format!("the name `{address}` was not resolved"),
            Phase::Connect => format!("`{address}` port {port} did not answer"),
            Phase::Handshake => {
                format!("`{address}` port {port} answered, but did not finish the SSH handshake")
            }
            Phase::Authenticate => format!("`{address}` did not decide about the login of `{}`", target.user),
        };
        let reason = format!("{what} within {} s", limit.as_secs_f64());
        ConnectFailure::new(FailureClass::TimedOut(phase), reason)
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> ConnectFailure {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)?;
        match &self.hint {
            Some(hint) => write!(formatter, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The line to the host is gone, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost(pub(crate) String);

impl fmt::Display for Lost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

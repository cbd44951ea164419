//! Exit codes of both programs, in one table.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DrillOutcome, HostClass, Outcome};

/// The code a program ends with. The constants are the whole table; 2, 4, 8 and 16 add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExitCode(u8);

impl ExitCode {
    /// Everything asked for was done and verified.
    pub const OK: Self = Self(0);
    /// An error of the program or its machine.
    pub const PROGRAM: Self = Self(1);
    /// A service failed, or a check found something.
    pub const FAILED: Self = Self(2);
    /// A host could not be used.
    pub const UNUSABLE: Self = Self(4);
    /// Something timed out, was cancelled or not started.
    pub const UNFINISHED: Self = Self(8);
    /// Stopped by a threshold; hosts were skipped.
    pub const STOPPED: Self = Self(16);
    /// An error of usage, settings or inventory; nothing was run.
    pub const USAGE: Self = Self(64);
    /// The selection matches nothing, or no service is enabled or named.
    pub const NOTHING: Self = Self(65);
    /// Not possible on this host: a tool, an engine, a right or room is missing.
    pub const UNAVAILABLE: Self = Self(69);
    /// Another run holds the lock.
    pub const BUSY: Self = Self(75);
    /// Refused for safety.
    pub const REFUSED: Self = Self(77);
    /// Interrupted by SIGINT.
    pub const INTERRUPTED: Self = Self(130);
    /// Ended by SIGTERM.
    pub const TERMINATED: Self = Self(143);

    /// Returns the number itself.
    pub fn code(self) -> u8 {
        self.0
    }

    /// Returns the code that a number from a journal or from the wire stands for.
    pub const fn from_code(code: u8) -> Self {
        Self(code)
    }

    /// Tells whether everything asked for was done and verified.
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }
}

impl fmt::Display for ExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.0)
    }
}

/// The table of exit codes that `--help` of both programs shows.
pub const EXIT_TABLE: &str = "\
Exit codes:
  0         everything asked for was done and verified
  1         an error of the program or its machine (its own disk, its own journal)
  2         a service failed; a check found something
  4         a host could not be used
  8         something timed out, was cancelled or not started
  16        stopped by a threshold; hosts were skipped
  64        usage, settings or inventory error: nothing was run
  65        the selection matches nothing, or no service is enabled or named
  69        not possible here: a tool, an engine, a right or room is missing on this host
  75        busy: another run holds the lock
  77        refused for safety: ownership, permissions, signature, policy
  130, 143  interrupted
  2, 4, 8 and 16 add up.";

/// Counts what went wrong, and tells the exit code of the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    bits: u8,
    busy: bool,
    refused: bool,
    not_possible: bool,
}

impl Tally {
    /// Counts the outcome of one service.
    pub fn service(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Succeeded => {}
            Outcome::Partial | Outcome::Suspicious | Outcome::Failed => self.bits |= ExitCode::FAILED.0,
            Outcome::TimedOut | Outcome::Cancelled | Outcome::NotStarted => {
                self.bits |= ExitCode::UNFINISHED.0;
            }
            Outcome::Busy => self.busy = true,
            Outcome::Refused => self.refused = true,
        }
    }

    /// Counts what one drill said.
    pub fn drill(&mut self, outcome: DrillOutcome) {
        match outcome {
            DrillOutcome::Proven | DrillOutcome::Loaded => {}
            DrillOutcome::Failed => self.bits |= ExitCode::FAILED.0,
            DrillOutcome::NotPossible => self.not_possible = true,
        }
    }

    /// Counts the class of one host. `Failed` counts by itself only where no service tells more.
    pub fn host(&mut self, class: HostClass, services: &[Outcome]) {
        for outcome in services {
            self.service(*outcome);
        }
        match class {
            HostClass::Ok => {}
            HostClass::Failed if services.iter().any(|outcome| *outcome != Outcome::Succeeded) => {}
            HostClass::Failed => self.bits |= ExitCode::FAILED.0,
            HostClass::TimedOut | HostClass::Cancelled => self.bits |= ExitCode::UNFINISHED.0,
            HostClass::Skipped => self.bits |= ExitCode::STOPPED.0,
            HostClass::Policy => self.refused = true,
            HostClass::Resolve
            | HostClass::Connect
            | HostClass::HostKey
            | HostClass::Authentication
            | HostClass::Become
            | HostClass::AgentMissing
            | HostClass::AgentTooOld
            | HostClass::Protocol
            | HostClass::Lost => self.bits |= ExitCode::UNUSABLE.0,
        }
    }

    /// Returns the exit code of the whole. What is busy or refused has a code of its own only when nothing else
    /// went wrong, and counts as failed otherwise. What is not possible here has one likewise, and never counts as failed.
    pub fn exit(self) -> ExitCode {
        match (self.bits, self.busy, self.refused) {
            (0, false, false) if self.not_possible => ExitCode::UNAVAILABLE,
            (bits, false, false) => ExitCode(bits),
            (0, true, false) => ExitCode::BUSY,
            (0, false, true) => ExitCode::REFUSED,
            (bits, _, _) => ExitCode(bits | ExitCode::FAILED.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_of(outcomes: &[Outcome]) -> u8 {
        let mut tally = Tally::default();
        outcomes.iter().for_each(|outcome| tally.service(*outcome));
        tally.exit().code()
    }

    #[test]
    fn bits_add_up() {
        assert_eq!(exit_of(&[Outcome::Succeeded]), 0);
        assert_eq!(exit_of(&[Outcome::Failed, Outcome::Succeeded]), 2);
        assert_eq!(exit_of(&[Outcome::Failed, Outcome::TimedOut]), 10);
    }

    #[test]
    fn busy_and_refused_have_a_code_of_their_own_only_alone() {
        assert_eq!(exit_of(&[Outcome::Busy, Outcome::Succeeded]), 75);
        assert_eq!(exit_of(&[Outcome::Refused]), 77);
        assert_eq!(exit_of(&[Outcome::Busy, Outcome::Refused]), 2);
        assert_eq!(exit_of(&[Outcome::Busy, Outcome::TimedOut]), 10);
    }

    #[test]
    fn what_is_not_possible_here_stands_alone() {
        let exit_of = |drills: &[DrillOutcome], services: &[Outcome]| {
            let mut tally = Tally::default();
            drills.iter().for_each(|outcome| tally.drill(*outcome));
            services.iter().for_each(|outcome| tally.service(*outcome));
            tally.exit().code()
        };
        let (proven, impossible) = (DrillOutcome::Proven, DrillOutcome::NotPossible);
        assert_eq!(exit_of(&[proven, DrillOutcome::Loaded], &[]), 0);
        assert_eq!(exit_of(&[proven, impossible], &[]), 69);
        assert_eq!(exit_of(&[DrillOutcome::Failed, impossible], &[]), 2);
        assert_eq!(exit_of(&[impossible], &[Outcome::Cancelled]), 8);
        assert_eq!(exit_of(&[impossible], &[Outcome::Busy]), 75);
    }

    #[test]
    fn a_failed_host_is_told_by_its_services() {
        let mut tally = Tally::default();
        tally.host(HostClass::Failed, &[Outcome::TimedOut]);
        assert_eq!(tally.exit(), ExitCode::UNFINISHED);
        tally.host(HostClass::Failed, &[]);
        assert_eq!(tally.exit().code(), 10);
        tally.host(HostClass::Connect, &[]);
        assert_eq!(tally.exit().code(), 14);
    }
}

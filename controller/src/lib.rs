//! `batt-fleet`: runs `batt` on many hosts at once, over SSH.

use std::process::ExitCode;

/// Runs `batt-fleet` with the arguments of this process.
pub fn run_main() -> ExitCode {
    ExitCode::SUCCESS
}

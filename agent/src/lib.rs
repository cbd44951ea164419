//! `batt`: backs up all the things on one host.

use std::process::ExitCode;

/// Runs `batt` with the arguments of this process.
pub fn run_main() -> ExitCode {
    ExitCode::SUCCESS
}

//! `batt-fleet`: runs `batt` on many hosts at once, over SSH.

#[allow(
    dead_code,
    unused_imports,
    reason = "the commands that use it stand elsewhere"
)]
mod transport;

use std::process::ExitCode;

/// Runs `batt-fleet` with the arguments of this process.
pub fn run_main() -> ExitCode {
    ExitCode::SUCCESS
}

//! `batt`: backs up all the things on one host.

#[allow(dead_code, unused_imports)] // until the run and the command line call it
mod archive;
#[allow(dead_code, unused_imports)] // until the run and the command line call it
mod ledger;
#[allow(dead_code, unused_imports)] // until the run and the command line call it
mod record;
#[allow(dead_code, unused_imports)] // until the run and the command line call it
mod store;

use std::process::ExitCode;

/// Runs `batt` with the arguments of this process.
pub fn run_main() -> ExitCode {
    ExitCode::SUCCESS
}

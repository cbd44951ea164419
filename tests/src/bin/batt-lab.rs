//! `batt-lab`: throw-away hosts on this machine, for as long as it runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    batt_tests::lab::run_main()
}

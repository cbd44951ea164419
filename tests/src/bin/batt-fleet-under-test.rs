//! `batt-fleet` as the black-box tests run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    batt_fleet::run_main()
}

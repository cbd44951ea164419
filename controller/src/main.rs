//! The binary `batt-fleet`.

use std::process::ExitCode;

fn main() -> ExitCode {
    batt_fleet::run_main()
}

//! `batt` as the black-box tests run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    batt::run_main()
}

//! The binary `batt`.

use std::process::ExitCode;

fn main() -> ExitCode {
    batt::run_main()
}

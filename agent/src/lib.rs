//! `batt`: backs up all the things on one host.

mod account;
mod archive;
mod backup;
mod bundle;
mod cancellation;
mod cli;
mod command;
mod conf_file;
mod console;
mod descriptors;
mod enclosure;
mod ending;
mod fact;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod hatch;
mod home;
mod home_access;
mod host;
mod interleave;
mod journal;
mod kernel_calls;
mod ledger;
mod load;
mod lock;
mod log;
mod pattern;
mod place;
mod preflight;
mod process;
mod purge;
mod record;
mod report;
mod reserved;
mod restore;
mod retention;
mod run;
mod run_folder;
mod safe_path;
mod scope;
mod script;
mod script_call;
mod secrets;
mod serve;
mod settings;
mod store;
mod trust;
mod work_folder;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use console::Console;

/// Runs `batt` with the arguments of this process.
pub fn run_main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // A file longer than whoever calls allows (`ulimit -f`) is an error of the write then, with its words, and not the end of us.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)));
    let mut console = Console::standard();
    let mut is_remembered = false;
    let done = cli::parse(&arguments).and_then(|invocation| {
        is_remembered = command::is_about_one_archive(&invocation.action);
        command::execute(invocation, &mut console)
    });
    // What was done stays done, and a failure stays one.
    let lost = console.finish();
    if let Err(error) = &lost {
        console.error(error);
    }
    match done {
        Ok(batt_protocol::ExitCode::OK) if lost.is_err() => batt_protocol::ExitCode::PROGRAM.into(),
        Ok(exit) => exit.into(),
        Err(error) => {
            console.error(&error);
            if error.exit() == batt_protocol::ExitCode::USAGE && !is_remembered {
                command::remember_refusal(&arguments, &error);
            }
            error.exit().into()
        }
    }
}

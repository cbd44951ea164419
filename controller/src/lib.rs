//! `batt-fleet`: runs `batt` on many hosts at once, over SSH.
//!
//! Facts flow one way: a host task speaks to a host and emits events, `dispatch` applies them to the state, writes the
//! journal and hands them to readers, which show them. Imports: event <- state <- report; transport <- session <- push
//! <- host task; dispatch sees host task, state and the readers' trait.

mod agent_binary;
mod bundle;
mod clock;
mod descriptors;
mod dispatch;
mod event;
#[cfg(test)]
mod fake_agent;
mod follow;
mod history;
mod host;
mod host_ids;
mod host_task;
mod install;
mod journal;
mod log_files;
mod passphrase;
mod push;
mod reader;
#[allow(dead_code, reason = "the commands that use it stand elsewhere")]
mod report;
mod reporter;
mod session;
mod shell;
mod signals;
mod state;
mod state_folder;
mod stop;
#[allow(
    dead_code,
    unused_imports,
    reason = "the commands that use it stand elsewhere"
)]
mod transport;
mod trouble;

use std::process::ExitCode;

/// Runs `batt-fleet` with the arguments of this process.
pub fn run_main() -> ExitCode {
    ExitCode::SUCCESS
}

//! The ledger of one run of one service: `record.jsonl` in the private staging folder. `batt store` and `batt record`
//! append to it while the script runs; the run reads it after the script ended. The script's exit code is not believed
//! against it.

mod append;
mod entry;
mod environment;
mod read;

pub(crate) use append::{append, append_all};
pub(crate) use entry::{Entry, StoreEnded};
pub(crate) use environment::ScriptEnvironment;
#[cfg(test)]
pub(crate) use read::Failure;
pub(crate) use read::Ledger;

/// The name of the file in the staging folder.
pub(crate) const FILE_NAME: &str = "record.jsonl";

//! The ledger of one script: `record.jsonl` in its private folder. `batt store`, `batt load` and `batt record` append to
//! it while the script runs; whoever ran it reads it after the script ended. The script's exit code is not believed
//! against it.

mod append;
mod entry;
mod environment;
mod read;

pub(crate) use append::{append, append_all};
pub(crate) use entry::{Entry, Evidence, LoadEnded, StoreEnded};
pub(crate) use environment::{EnvironmentError, ScriptEnvironment};
pub(crate) use read::{Failure, Ledger, masked_facts};

/// The name of the file in the private folder.
pub(crate) const FILE_NAME: &str = "record.jsonl";

//! `batt store [--check KIND] [--vet KIND] [--inventory FILE]... [--record FILE]... NAME -- COMMAND [ARG...]`: runs a dump command and streams its output compressed and
//! hashed into the backup. No shell, no pipe that hides an exit code: what began and did not end well is in the ledger.

mod archive_file;
mod dump;
mod error;
mod inventory;
mod name;
mod rate;
mod recorded;
mod stream;
mod target;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use crate::archive::Kind;
use crate::fact::FactKey;
use crate::ledger::{Entry, ScriptEnvironment, StoreEnded, append, append_all};
use dump::Dump;
pub(crate) use error::StoreError;
use inventory::Inventory;
pub(crate) use name::{HASHED, is_file_of};
pub(crate) use rate::MAX_RATE;
use rate::Throttled;
use target::Target;

/// What a script asks for.
#[derive(Debug, Clone)]
pub(crate) struct StoreRequest {
    /// The name of the archive, any text.
    pub(crate) name: OsString,
    /// What the output must be a complete one of.
    pub(crate) check: Option<Kind>,
    /// What it is looked at as, as `batt load --check` will.
    pub(crate) vet: Option<Kind>,
    /// Files with what the engine says is there, which are read when the command has ended: the output is held to them.
    pub(crate) inventories: Vec<PathBuf>,
    /// Those of them whose lines are facts of the archive.
    pub(crate) recorded: Vec<PathBuf>,
    /// How often the command is run again when it ends with 75, "try again".
    pub(crate) retries: u8,
    /// The program.
    pub(crate) command: OsString,
    /// Its arguments, each exactly one.
    pub(crate) arguments: Vec<OsString>,
}

/// Runs the command and stores its output as `NAME.zst` in the service's folder.
///
/// It succeeds only when the command ended with exit code 0, wrote at least one byte, the stream is complete for its
/// kind, and the file is on disk. Otherwise the file is gone and the ledger says why; where the ledger cannot be
/// written, it says that the store never ended, or an empty file stays behind, and both fail the service, too.
pub(crate) fn store(request: StoreRequest, environment: &ScriptEnvironment) -> Result<(), StoreError> {
    let name = request.name.to_string_lossy().into_owned();
    let staging = environment.staging();
    let (target, file) = match Target::create(&request.name, environment) {
        Ok(created) => created,
        Err(error) => {
            refuse(&request.name, &error.to_string(), environment);
            return Err(error);
        }
    };
    let file_name = target.file_name().to_owned();
    let began = Entry::StoreBegan {
        name: name.clone(),
        file: file_name.clone(),
    };
    append(staging, &began).map_err(ledger_error)?;
    match attempts(&request, &target, file, &name) {
        Ok(lines) => append_all(staging, &lines).map_err(ledger_error),
        Err(error) => {
            // The line first: from the moment the file is gone, its name is free for another store. Without the line
            // the store is one that never ended.
            let _ = append(
                staging,
                &Entry::StoreFailed {
                    name,
                    file: file_name,
                    reason: error.to_string(),
                },
            );
            target.remove();
            Err(error)
        }
    }
}

/// Remembers a store that did not begin: the script may go on after our exit code.
pub(crate) fn refuse(name: &OsStr, reason: &str, environment: &ScriptEnvironment) {
    let refused = Entry::StoreRefused {
        name: name::to_text(name),
        reason: reason.to_owned(),
    };
    // When this line cannot be written either, nothing can.
    let _ = append(environment.staging(), &refused);
}

/// Stores the output of the first attempt that is none to be repeated. Nothing is left of those before.
fn attempts(
    request: &StoreRequest,
    target: &Target,
    mut file: File,
    name: &str,
) -> Result<Vec<Entry>, StoreError> {
    for _ in 0..request.retries {
        match stored(request, target, file, name) {
            Err(StoreError::Command {
                is_temporary: true, ..
            }) => file = target.renew()?,
            outcome => return outcome,
        }
    }
    stored(request, target, file, name)
}

fn ledger_error(error: std::io::Error) -> StoreError {
    StoreError::Ledger {
        reason: error.to_string(),
    }
}

/// Runs the command into the file and judges both. Returns what the ledger is to say: what the stream holds, and that it
/// is stored.
fn stored(request: &StoreRequest, target: &Target, file: File, name: &str) -> Result<Vec<Entry>, StoreError> {
    let start = Instant::now();
    let (dump, output) = Dump::start(&request.command, &request.arguments)?;
    let output = Throttled::new(output, rate::of_this_run());
    let vetting = request.vet.map(Kind::vetting_check);
    let check = vetting.or_else(|| request.check.map(Kind::stream_check));
    let streamed = match stream::write(output, file, check) {
        Ok(streamed) => streamed,
        Err(error) => {
            dump.kill();
            return Err(target.write_error(error));
        }
    };
    // A command that failed explains an output that is not complete, so it is told first.
    let command = dump.wait()?;
    if streamed.raw_bytes == 0 {
        return Err(StoreError::Nothing { command });
    }
    let mut facts = match (request.check, streamed.verdict) {
        (_, Ok(facts)) => facts,
        (Some(kind), Err(reason)) => return Err(StoreError::Incomplete { kind, reason }),
        // Without a kind there was nothing to check.
        (None, Err(reason)) => return Err(target.write_error(reason)),
    };
    if let Some(kind) = request.check
        && !request.inventories.is_empty()
    {
        Inventory::read(kind, &request.inventories)
            .and_then(|inventory| inventory.hold(kind, &mut facts))
            .map_err(|reason| StoreError::Incomplete { kind, reason })?;
    }
    let recorded = match request.check {
        Some(kind) => recorded::entries(name, &request.recorded)
            .map_err(|reason| StoreError::Incomplete { kind, reason })?,
        None => Vec::new(),
    };
    let content = facts.content().iter().filter_map(|(key, value)| {
        Some(Entry::Fact {
            of: Some(name.to_owned()),
            key: FactKey::try_from(key.clone()).ok()?,
            value: value.clone(),
        })
    });
    let refused = facts.refused().map(|reason| Entry::Missing {
        name: name.to_owned(),
        reason: format!("it is stored, and `batt restore` does not take it: {reason}\nhint: change or drop what it names; what is stored can be restored by hand, as RESTORE.md beside it tells"),
    });
    let ended = StoreEnded {
        name: name.to_owned(),
        file: target.file_name().to_owned(),
        check: request.check,
        raw_bytes: streamed.raw_bytes,
        bytes: streamed.bytes,
        sha256: streamed.sha256,
        raw_sha256: streamed.raw_sha256,
        seconds: start.elapsed().as_secs_f64(),
        facts: facts
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    };
    Ok(content
        .chain(recorded)
        .chain([Entry::StoreEnded(ended)])
        .chain(refused)
        .collect())
}

#[cfg(test)]
mod tests;

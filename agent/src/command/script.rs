//! `batt store` and `batt record`: what scripts call.

use std::ffi::OsString;

use batt_protocol::{Error, ExitCode};

use crate::ledger::ScriptEnvironment;
use crate::record;
use crate::store::{self, StoreRequest};

/// Runs a dump command and keeps what it prints, checked.
pub(crate) fn store(check: Option<&str>, name: OsString, command: Vec<OsString>) -> Result<ExitCode, Error> {
    let environment = environment()?;
    let check = check
        .map(|kind| kind.parse())
        .transpose()
        .map_err(|error: crate::archive::UnknownKind| Error::usage(error.to_string()))?;
    let mut words = command.into_iter();
    let command = words
        .next()
        .ok_or_else(|| Error::usage("there is no command after `--`"))?;
    let request = StoreRequest {
        name,
        check,
        command,
        arguments: words.collect(),
    };
    store::store(request, &environment)
        .map(|()| ExitCode::OK)
        .map_err(|error| Error::new(ExitCode::from_code(error.exit_code()), error.to_string()))
}

/// Records a fact about the content.
pub(crate) fn record(key: &OsString, value: &OsString) -> Result<ExitCode, Error> {
    record::record(key, value, &environment()?)
        .map(|()| ExitCode::OK)
        .map_err(|error| Error::new(ExitCode::from_code(error.exit_code()), error.to_string()))
}

fn environment() -> Result<ScriptEnvironment, Error> {
    ScriptEnvironment::from_variables(|name| std::env::var_os(name))
        .map_err(|error| Error::usage(error.to_string()))
}

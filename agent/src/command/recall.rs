//! `batt recall [--of NAME] KEY`: a script that restores asks for a fact that was recorded of the backup.

use std::ffi::OsStr;

use batt_protocol::{Error, ExitCode};

use crate::backup::Manifest;
use crate::console::Console;
use crate::fact::FactKey;
use crate::ledger::ScriptEnvironment;

/// Prints the value of a fact of the backup that is restored, with `of` that of one of its archives. What was not recorded
/// prints nothing, and is no error.
///
/// # Errors
/// No backup there, no key of a fact, no such archive.
pub(crate) fn recall(of: Option<&OsStr>, key: &OsStr, console: &mut Console) -> Result<ExitCode, Error> {
    let environment = ScriptEnvironment::from_variables(|name| std::env::var_os(name))
        .map_err(|error| Error::usage(error.to_string()))?;
    let not_text = |what: &str| Error::usage(format!("the {what} of a fact is not UTF-8"));
    let key = FactKey::encoded(key.to_str().ok_or_else(|| not_text("key"))?)
        .map_err(|invalid| Error::usage(invalid.to_string()))?;
    // The manifest as it was verified, not as it may be by now.
    let manifest = Manifest::read(environment.staging())?;
    let facts = match of {
        None => &manifest.facts,
        Some(of) => {
            let name = of.to_str().ok_or_else(|| not_text("name"))?;
            let archive = manifest.archive_named(name);
            &archive
                .ok_or_else(|| {
                    Error::usage(format!(
                        "the backup has no archive {}",
                        batt_protocol::text::quoted(name)
                    ))
                })?
                .content
        }
    };
    if let Some(value) = facts.get(&String::from(key)) {
        console.result(value);
    }
    Ok(ExitCode::OK)
}

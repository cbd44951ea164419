//! `batt recall [--of NAME] KEY`: a script that restores asks for a fact that was recorded of the backup.

use std::ffi::OsStr;

use batt_protocol::{Error, ExitCode};

use crate::console::Console;
use crate::fact::FactKey;
use crate::hatch::{Desk, Unavailable};

/// Prints the value of a fact of the backup that is restored, with `of` that of one of its archives. What was not recorded
/// prints nothing, and is no error.
///
/// # Errors
/// No backup there, no key of a fact, no such archive.
pub(crate) fn recall(of: Option<&OsStr>, key: &OsStr, console: &mut Console) -> Result<ExitCode, Error> {
    let desk = Desk::of_this_script().map_err(|error| Error::usage(error.to_string()))?;
    let not_text = |what: &str| Error::usage(format!("the {what} of a fact is not UTF-8"));
    let key = FactKey::encoded(key.to_str().ok_or_else(|| not_text("key"))?)
        .map_err(|invalid| Error::usage(invalid.to_string()))?;
    let of = of
        .map(|of| of.to_str().ok_or_else(|| not_text("name")))
        .transpose()?;
    let value = desk.fact(of, key).map_err(|unavailable| match unavailable {
        Unavailable::Unreadable(reason) => Error::program(reason),
        Unavailable::Unknown(_) | Unavailable::NoBackup => Error::usage(format!(
            "the backup has no archive {}",
            batt_protocol::text::quoted(of.unwrap_or_default())
        )),
    })?;
    if let Some(value) = value {
        console.result(&value);
    }
    Ok(ExitCode::OK)
}

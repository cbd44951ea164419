//! `batt record KEY VALUE`: a script tells a fact about what it backs up. It goes into the manifest and is compared by
//! a drill.

use std::ffi::OsStr;
use std::{fmt, io};

use crate::ledger::{Entry, FactKey, InvalidFact, ScriptEnvironment, VALUE_LIMIT, append};

/// Appends a fact to the ledger of the run. What a key cannot hold becomes `%XX`.
pub(crate) fn record(key: &OsStr, value: &OsStr, environment: &ScriptEnvironment) -> Result<(), RecordError> {
    let key =
        FactKey::encoded(key.to_str().ok_or(RecordError::NotText("key"))?).map_err(RecordError::Invalid)?;
    let value = value.to_str().ok_or(RecordError::NotText("value"))?.to_owned();
    if value.len() > VALUE_LIMIT {
        return Err(RecordError::Invalid(InvalidFact::LongValue(value.len())));
    }
    append(environment.staging(), &Entry::Fact { key, value }).map_err(RecordError::Ledger)
}

/// Why a fact was not recorded.
#[derive(Debug)]
pub(crate) enum RecordError {
    /// The key or the value is not UTF-8.
    NotText(&'static str),
    /// The key or the value cannot be one.
    Invalid(InvalidFact),
    /// The ledger cannot be written.
    Ledger(io::Error),
}

impl RecordError {
    /// Returns the exit code: 64 for a wrong request, 1 for an error of this machine.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            RecordError::NotText(_) | RecordError::Invalid(_) => 64,
            RecordError::Ledger(_) => 1,
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::NotText(what) => write!(formatter, "the {what} of a fact is not UTF-8"),
            RecordError::Invalid(invalid) => invalid.fmt(formatter),
            RecordError::Ledger(error) => write!(formatter, "cannot record a fact: {error}"),
        }
    }
}

impl std::error::Error for RecordError {}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::ledger::Ledger;

    fn environment(staging: &std::path::Path) -> ScriptEnvironment {
        ScriptEnvironment::from_variables(|name| match name {
            "BATT_DEST" => Some(staging.into()),
            "BATT_SERVICE" => Some("mysql".into()),
            _ => None,
        })
        .unwrap()
    }

    #[test]
    fn a_fact_is_found_in_the_ledger() {
        let staging = tempfile::tempdir().unwrap();
        let environment = environment(staging.path());
        record("rows app.größe".as_ref(), "3\nlines".as_ref(), &environment).unwrap();
        record("engine".as_ref(), "".as_ref(), &environment).unwrap();
        let ledger = Ledger::read(staging.path());
        assert_eq!(ledger.facts["rows app.gr%C3%B6%C3%9Fe"], "3\nlines");
        assert_eq!(ledger.facts["engine"], "");
        assert!(ledger.failures().is_empty());
    }

    #[test]
    fn the_longest_value_is_read_back_whatever_it_holds() {
        let staging = tempfile::tempdir().unwrap();
        let value = "\u{1}".repeat(VALUE_LIMIT);
        record("k".as_ref(), value.as_ref(), &environment(staging.path())).unwrap();
        let ledger = Ledger::read(staging.path());
        assert_eq!(ledger.facts["k"], value);
    }

    #[test]
    fn what_cannot_be_recorded_is_refused_and_leaves_no_line() {
        let staging = tempfile::tempdir().unwrap();
        let environment = environment(staging.path());
        let refused = |key: &OsStr, value: &OsStr| record(key, value, &environment).unwrap_err();
        assert_eq!(refused("".as_ref(), "".as_ref()).exit_code(), 64);
        assert_eq!(
            refused("k".as_ref(), OsStr::from_bytes(b"\xff")).to_string(),
            "the value of a fact is not UTF-8"
        );
        let long = "x".repeat(VALUE_LIMIT + 1);
        assert_eq!(
            refused("k".as_ref(), long.as_ref()).to_string(),
            "a value of 65537 bytes, at most 65536 are possible"
        );
        assert_eq!(std::fs::read_dir(staging.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error_of_the_machine() {
        let environment = environment(std::path::Path::new("/nonexistent/staging"));
        assert_eq!(
            record("k".as_ref(), "v".as_ref(), &environment)
                .unwrap_err()
                .exit_code(),
            1
        );
    }
}

//! `batt record [--of NAME] KEY VALUE`: a script tells a fact about what it backs up. It goes into the manifest; a fact of
//! an archive is compared when that is restored.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::{fmt, io};

use crate::fact::{FactKey, InvalidFact, VALUE_LIMIT};
use crate::hatch::Desk;
use crate::ledger::Entry;

/// The most bytes of lines that are taken at once.
const LINES_LIMIT: u64 = 16 << 20;

/// Facts that are recorded at once, and of what.
#[derive(Debug, Default)]
pub(crate) struct RecordRequest {
    /// The archive that they are facts of; none for facts about the whole.
    pub(crate) of: Option<OsString>,
    /// Keys and values.
    pub(crate) facts: Vec<(OsString, OsString)>,
}

impl RecordRequest {
    /// Reads facts, one a line: the key, a tab, and the value.
    ///
    /// # Errors
    /// A line without a tab, too many bytes, and what cannot be read.
    pub(crate) fn read_lines(&mut self, lines: impl Read) -> Result<(), RecordError> {
        let mut bytes = Vec::new();
        lines
            .take(LINES_LIMIT + 1)
            .read_to_end(&mut bytes)
            .map_err(RecordError::Unreadable)?;
        if bytes.len() as u64 > LINES_LIMIT {
            return Err(RecordError::TooMuch);
        }
        let lines = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        for (number, line) in lines.split(|byte| *byte == b'\n').enumerate() {
            if bytes.is_empty() {
                break;
            }
            let tab = line.iter().position(|byte| *byte == b'\t');
            let tab = tab.ok_or(RecordError::NoTab(number + 1))?;
            let text = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
            self.facts.push((text(&line[..tab]), text(&line[tab + 1..])));
        }
        Ok(())
    }
}

/// Appends facts to the ledger of the run. What a key cannot hold becomes `%XX`.
///
/// # Errors
/// A key or a value that cannot be one; then none of them is recorded. A ledger that cannot be written.
pub(crate) fn record(request: &RecordRequest, desk: &Desk) -> Result<(), RecordError> {
    let of = match &request.of {
        None => None,
        Some(of) => Some(of.to_str().ok_or(RecordError::NotText("name"))?.to_owned()),
    };
    let mut entries = Vec::new();
    for (key, value) in &request.facts {
        let key = FactKey::encoded(key.to_str().ok_or(RecordError::NotText("key"))?)
            .map_err(RecordError::Invalid)?;
        let value = value.to_str().ok_or(RecordError::NotText("value"))?.to_owned();
        if value.len() > VALUE_LIMIT {
            return Err(RecordError::Invalid(InvalidFact::LongValue(value.len())));
        }
        let of = of.clone();
        entries.push(Entry::Fact { of, key, value });
    }
    if entries.is_empty() {
        return Ok(());
    }
    desk.note_all(&entries).map_err(RecordError::Ledger)
}

/// Remembers that facts of an archive were refused: the script may go on after our exit code.
pub(crate) fn refuse(of: &OsStr, error: &RecordError, desk: &Desk) {
    const LENGTH: usize = 1024;
    let short = |text: &str| text.chars().take(LENGTH).collect();
    let refused = Entry::FactRefused {
        of: short(&of.to_string_lossy()),
        reason: short(&error.to_string()),
    };
    // When this line cannot be written, nothing can.
    let _ = desk.note(&refused);
}

/// Why a fact was not recorded.
#[derive(Debug)]
pub(crate) enum RecordError {
    /// The key or the value is not UTF-8.
    NotText(&'static str),
    /// This line of several has no tab in it.
    NoTab(usize),
    /// More bytes than are taken at once.
    TooMuch,
    /// The lines cannot be read.
    Unreadable(io::Error),
    /// The key or the value cannot be one.
    Invalid(InvalidFact),
    /// The ledger cannot be written.
    Ledger(io::Error),
}

impl RecordError {
    /// Returns the exit code: 64 for a wrong request, 1 for an error of this machine.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            RecordError::NotText(_)
            | RecordError::NoTab(_)
            | RecordError::TooMuch
            | RecordError::Invalid(_) => 64,
            RecordError::Ledger(_) | RecordError::Unreadable(_) => 1,
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::NotText(what) => write!(formatter, "the {what} of a fact is not UTF-8"),
            RecordError::NoTab(line) => write!(
                formatter,
                "line {line} has no tab\nhint: each line is a key, a tab, and a value"
            ),
            RecordError::TooMuch => write!(
                formatter,
                "more than {LINES_LIMIT} bytes of facts at once\nhint: record them in several calls"
            ),
            RecordError::Unreadable(error) => write!(formatter, "cannot read the facts: {error}"),
            RecordError::Invalid(invalid) => invalid.fmt(formatter),
            RecordError::Ledger(error) => write!(formatter, "cannot record a fact: {error}"),
        }
    }
}

impl std::error::Error for RecordError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;

    fn environment(staging: &std::path::Path) -> Desk {
        Desk::of_variables(|name| match name {
            "BATT_DEST" => Some(staging.into()),
            "BATT_SERVICE" => Some("mysql".into()),
            _ => None,
        })
        .unwrap()
    }

    fn one(key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> RecordRequest {
        RecordRequest {
            of: None,
            facts: vec![(key.as_ref().to_owned(), value.as_ref().to_owned())],
        }
    }

    #[test]
    fn a_fact_is_found_in_the_ledger() {
        let staging = tempfile::tempdir().unwrap();
        let environment = environment(staging.path());
        record(&one("rows app.größe", "3\nlines"), &environment).unwrap();
        record(&one("engine", ""), &environment).unwrap();
        let ledger = Ledger::read(staging.path());
        assert_eq!(ledger.facts["rows app.gr%C3%B6%C3%9Fe"], "3\nlines");
        assert_eq!(ledger.facts["engine"], "");
        assert!(ledger.failures().is_empty());
    }

    #[test]
    fn lines_are_facts_of_one_archive() {
        let staging = tempfile::tempdir().unwrap();
        let mut request = RecordRequest {
            of: Some("app".into()),
            facts: Vec::new(),
        };
        request
            .read_lines("table.a\tInnoDB\nrows.a\t7\tx\n".as_bytes())
            .unwrap();
        record(&request, &environment(staging.path())).unwrap();
        let ledger = Ledger::read(staging.path());
        assert_eq!(ledger.contents["app"]["table.a"], "InnoDB");
        assert_eq!(ledger.contents["app"]["rows.a"], "7\tx");
        assert!(ledger.facts.is_empty());

        let mut none = RecordRequest::default();
        none.read_lines(&b""[..]).unwrap();
        assert!(none.facts.is_empty());
        let error = none.read_lines("a\tb\nc\n".as_bytes()).unwrap_err();
        assert!(matches!(error, RecordError::NoTab(2)), "{error}");
    }

    #[test]
    fn the_longest_value_is_read_back_whatever_it_holds() {
        let staging = tempfile::tempdir().unwrap();
        let value = "\u{1}".repeat(VALUE_LIMIT);
        record(&one("k", &value), &environment(staging.path())).unwrap();
        let ledger = Ledger::read(staging.path());
        assert_eq!(ledger.facts["k"], value);
    }

    #[test]
    fn what_cannot_be_recorded_is_refused_and_leaves_no_line() {
        let staging = tempfile::tempdir().unwrap();
        let environment = environment(staging.path());
        let refused = |key: &str, value: &OsStr| record(&one(key, value), &environment).unwrap_err();
        assert_eq!(refused("", "".as_ref()).exit_code(), 64);
        assert_eq!(
            refused("k", OsStr::from_bytes(b"\xff")).to_string(),
            "the value of a fact is not UTF-8"
        );
        let long = "x".repeat(VALUE_LIMIT + 1);
        assert_eq!(
            refused("k", long.as_ref()).to_string(),
            "a value of 65537 bytes, at most 65536 are possible"
        );
        assert_eq!(std::fs::read_dir(staging.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error_of_the_machine() {
        let environment = environment(std::path::Path::new("/nonexistent/staging"));
        assert_eq!(record(&one("k", "v"), &environment).unwrap_err().exit_code(), 1);
    }
}

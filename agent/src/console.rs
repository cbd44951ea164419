//! The two streams that a person or a program reads: results on one, progress and errors on the other.

use std::io::{self, IsTerminal, Write};

use batt_protocol::Error;
use batt_protocol::json_text::{self, Shape};
use batt_protocol::text::escaped;
use serde::Serialize;

/// Where results and remarks go. Whoever stops reading stops nothing.
pub(crate) struct Console {
    results: Box<dyn Write>,
    remarks: Box<dyn Write>,
}

impl Console {
    /// Returns stdout and stderr.
    pub(crate) fn standard() -> Self {
        Self {
            results: Box::new(io::stdout()),
            remarks: Box::new(io::stderr()),
        }
    }

    /// Prints a line of results.
    pub(crate) fn result(&mut self, line: &str) {
        let _ = writeln!(self.results, "{line}");
    }

    /// Prints bytes of results as they are.
    pub(crate) fn result_bytes(&mut self, bytes: &[u8]) {
        let _ = self.results.write_all(bytes).and_then(|()| self.results.flush());
    }

    /// Prints a result as a document of JSON.
    pub(crate) fn json(&mut self, result: &impl Serialize) -> Result<(), Error> {
        self.write_json(result, Shape::Document)
    }

    /// Prints a result as a line of JSON.
    pub(crate) fn json_line(&mut self, result: &impl Serialize) -> Result<(), Error> {
        self.write_json(result, Shape::Line)
    }

    fn write_json(&mut self, result: &impl Serialize, shape: Shape) -> Result<(), Error> {
        let text = json_text::of(result, shape).map_err(|cause| Error::system("cannot write JSON", cause))?;
        self.result_bytes(text.as_bytes());
        Ok(())
    }

    /// Prints a remark: not a result, and not read by programs.
    pub(crate) fn remark(&mut self, line: &str) {
        let _ = writeln!(self.remarks, "{line}");
    }

    /// Prints an error with its hints. What others wrote may be in it: its lines are lines, and nothing drives a terminal.
    pub(crate) fn error(&mut self, error: &Error) {
        for line in format!("batt: {error}").lines() {
            let _ = writeln!(self.remarks, "{}", escaped(line));
        }
    }
}

/// Tells whether a person watches remarks on a terminal, so that bars make sense.
pub(crate) fn has_watcher() -> bool {
    io::stderr().is_terminal() && std::env::var_os("CI").is_none()
}

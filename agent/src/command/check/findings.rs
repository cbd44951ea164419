//! What a check has found so far, told at once to a person, and to a program as it asked for it.

use batt_protocol::text::{count, escaped};
use batt_protocol::{Error, ExitCode};
use serde::Serialize;

use crate::cli::Format;
use crate::console::Console;

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    /// A backup would fail, or one that is there is not what was promised.
    Problem,
    /// Somebody should know.
    Warning,
    /// It is worth knowing, and well.
    Note,
}

/// One thing that was found.
#[derive(Debug, Serialize)]
struct Finding {
    level: Level,
    /// With its hints, a line each.
    text: String,
}

/// All of them, as `batt check --format json` tells them.
#[derive(Serialize)]
struct Told<'a> {
    problems: usize,
    warnings: usize,
    findings: &'a [Finding],
}

/// What was found so far.
pub(in crate::command) struct Findings<'a> {
    console: &'a mut Console,
    format: Format,
    found: Vec<Finding>,
    problems: usize,
    warnings: usize,
}

impl<'a> Findings<'a> {
    pub(super) fn new(console: &'a mut Console, format: Format) -> Self {
        Self {
            console,
            format,
            found: Vec::new(),
            problems: 0,
            warnings: 0,
        }
    }

    /// Takes what a backup would fail of.
    pub(in crate::command) fn problem(&mut self, error: &Error) {
        self.problems += 1;
        self.add(Level::Problem, "problem: ", error.to_string());
    }

    /// Takes what somebody should know.
    pub(in crate::command) fn warn(&mut self, text: &str) {
        self.warnings += 1;
        self.add(Level::Warning, "warning: ", text.to_owned());
    }

    /// Takes what is well, and worth knowing.
    pub(in crate::command) fn note(&mut self, text: &str) {
        self.add(Level::Note, "", text.to_owned());
    }

    /// Tells how many there were, and ends with that.
    ///
    /// # Errors
    /// JSON that cannot be written.
    pub(super) fn finish(self, but: &str) -> Result<ExitCode, Error> {
        match self.format {
            Format::Human => self.console.result(&format!(
                "{}, {}{but}",
                count(self.problems, "problem"),
                count(self.warnings, "warning")
            )),
            Format::Json => self.console.json(&Told {
                problems: self.problems,
                warnings: self.warnings,
                findings: &self.found,
            })?,
            Format::JsonLines => self
                .found
                .iter()
                .try_for_each(|finding| self.console.json_line(finding))?,
        }
        Ok(if self.problems == 0 {
            ExitCode::OK
        } else {
            ExitCode::FAILED
        })
    }

    fn add(&mut self, level: Level, word: &str, text: String) {
        if self.format == Format::Human {
            self.console.result(&format!("{word}{}", indented(&text)));
        }
        self.found.push(Finding { level, text });
    }
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| escaped(line).into_owned())
        .collect::<Vec<_>>()
        .join("\n    ")
}

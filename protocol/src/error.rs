//! What went wrong, for a person: what happened, what to do, and the exit code it ends in.

use std::fmt;

use crate::ExitCode;

/// An error that reaches a person: a message in lower case with values in backticks, hints that are full
/// sentences, and the exit code that it ends in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    exit: ExitCode,
    message: String,
    hints: Vec<String>,
}

impl Error {
    /// Returns an error that ends in `exit`.
    pub fn new(exit: ExitCode, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// Returns an error of the command line, the settings or the inventory; nothing was run.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::USAGE, message)
    }

    /// Returns an error of the program or of its own machine: its disk, its journal.
    pub fn program(message: impl Into<String>) -> Self {
        Self::new(ExitCode::PROGRAM, message)
    }

    /// Returns an error for what was refused for safety.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ExitCode::REFUSED, message)
    }

    /// Returns an error of the operating system at `place`, which is what was being done: "cannot read `x`".
    pub fn system(place: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self::program(format!("{place}: {cause}"))
    }

    /// Adds what a person can do about it: a sentence without its `hint:`.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Returns the exit code this error ends in.
    pub fn exit(&self) -> ExitCode {
        self.exit
    }

    /// Returns the message alone, without hints.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the hints, in order.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

/// Shows the message, then each hint on a line of its own.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for hint in &self.hints {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_stands_on_its_own_line() {
        let error = Error::usage("unknown service `mysq`").hint("Did you mean `mysql`?");
        assert_eq!(
            error.to_string(),
            "unknown service `mysq`\nhint: Did you mean `mysql`?"
        );
        assert_eq!(error.exit(), ExitCode::USAGE);
    }
}

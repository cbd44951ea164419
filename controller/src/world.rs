//! What the program finds around it: its arguments, its environment, its outputs. Commands get it as a parameter.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use batt_protocol::json_text::{self, Shape};
use batt_protocol::{Error, ExitCode, text};

/// The world of one command.
pub(crate) struct World<'a> {
    /// Looks up a variable of the environment.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// Where results go.
    pub(crate) out: &'a mut dyn Write,
    /// Where everything else goes.
    pub(crate) err: &'a mut dyn Write,
}

impl World<'_> {
    /// Writes a result. A reader that has gone away, as `head` does, has seen what it wanted.
    ///
    /// # Errors
    /// An output that cannot be written for another reason.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Error> {
        finished(
            self.out
                .write_all(text.as_bytes())
                .and_then(|()| self.out.flush()),
        )
    }

    /// Writes a result as JSON: a document, or one line.
    ///
    /// # Errors
    /// An output that cannot be written.
    pub(crate) fn print_json(&mut self, value: &impl serde::Serialize, shape: Shape) -> Result<(), Error> {
        let text = json_text::of(value, shape)
            .map_err(|error| Error::program(format!("cannot write JSON: {error}")))?;
        self.print(&text)
    }

    /// Lets something write the results.
    ///
    /// # Errors
    /// An output that cannot be written.
    pub(crate) fn finish(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Error> {
        finished(write(self.out).and_then(|()| self.out.flush()))
    }

    /// Tells a sentence that is no result. Where it cannot be told, the exit code still tells.
    pub(crate) fn tell(&mut self, sentence: &str) {
        let _ = writeln!(self.err, "{sentence}");
    }

    /// Tells an error, and returns the exit code that it ends in.
    pub(crate) fn fail(&mut self, error: &Error) -> ExitCode {
        self.tell(&format!("error: {error}"));
        error.exit()
    }

    /// Returns the folder of the person: `HOME`.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        (self.variable)("HOME")
            .map(PathBuf::from)
            .filter(|home| home.is_absolute())
    }

    /// Returns the path with a leading `~` replaced by `HOME`.
    ///
    /// # Errors
    /// `HOME` is not set, or the path names another person's folder.
    pub(crate) fn expanded(&self, path: &Path) -> Result<PathBuf, Error> {
        let Ok(rest) = path.strip_prefix("~") else {
            if path.to_string_lossy().starts_with('~') {
                return Err(Error::usage(format!(
                    "{} names the folder of another person",
                    text::quoted(&path.to_string_lossy())
                ))
                .hint("Write the path out."));
            }
            return Ok(path.to_owned());
        };
        match self.home() {
            Some(home) => Ok(home.join(rest)),
            None => Err(Error::usage(format!(
                "{} cannot be found: `HOME` is not set",
                text::quoted(&path.to_string_lossy())
            ))),
        }
    }
}

/// Returns the error of an output; a broken pipe is none.
pub(crate) fn finished(result: io::Result<()>) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::program(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}

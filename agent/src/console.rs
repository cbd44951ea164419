//! The two streams that a person or a program reads: results on one, progress and errors on the other.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use batt_protocol::Error;
use batt_protocol::json_text::{self, Shape};
use batt_protocol::text::escaped;
use serde::Serialize;

/// Where results and remarks go. Whoever stops reading stops nothing; results that cannot be written are told of at the end.
pub(crate) struct Console {
    results: Results,
    remarks: Box<dyn Write>,
}

/// The stream of results, for whoever writes there besides. It takes everything, and remembers why it could not.
#[derive(Clone)]
pub(crate) struct Results(Arc<Mutex<Stream>>);

struct Stream {
    to: Box<dyn Write + Send>,
    /// Why something could not be written, the first time.
    lost: Option<io::Error>,
}

impl Results {
    fn stream(&self) -> MutexGuard<'_, Stream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Results {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stream = self.stream();
        if let Err(cause) = stream.to.write_all(bytes).and_then(|()| stream.to.flush()) {
            stream.lost.get_or_insert(cause);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Console {
    /// Returns stdout and stderr.
    pub(crate) fn standard() -> Self {
        let stream = Stream {
            to: Box::new(io::stdout()),
            lost: None,
        };
        Self {
            results: Results(Arc::new(Mutex::new(stream))),
            remarks: Box::new(io::stderr()),
        }
    }

    /// Returns the stream of results.
    pub(crate) fn results(&self) -> Results {
        self.results.clone()
    }

    /// Prints a line of results.
    pub(crate) fn result(&mut self, line: &str) {
        self.result_bytes(format!("{line}\n").as_bytes());
    }

    /// Prints bytes of results as they are.
    pub(crate) fn result_bytes(&mut self, bytes: &[u8]) {
        let _ = self.results.write_all(bytes);
    }

    /// Tells whether all results were written, or nobody wanted them any more.
    ///
    /// # Errors
    /// They were not: a full disk, say.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        match self.results.stream().lost.take() {
            Some(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::program(format!("cannot write the output: {cause}")))
            }
            _ => Ok(()),
        }
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

//! The command whose output is stored: started without a shell and without input, and waited for.

use std::ffi::{OsStr, OsString};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::StoreError;
use super::error::TRY_AGAIN;
use crate::ending::{ending, not_started};

/// What a pipe holds at most, where the kernel allows it: fewer switches between the command and us.
const PIPE: usize = 1 << 20;

/// A command that was started. Its standard error is ours: the log of the service.
#[derive(Debug)]
pub(super) struct Dump {
    /// The program, for messages. Arguments may hold what is not for a log.
    program: String,
    child: Child,
}

impl Dump {
    /// Starts the command and returns it with the stream of its output.
    pub(super) fn start(program: &OsStr, arguments: &[OsString]) -> Result<(Dump, ChildStdout), StoreError> {
        let name = program.to_string_lossy().escape_debug().to_string();
        let failed = |reason: String| StoreError::Start {
            command: name.clone(),
            reason,
        };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(not_started(&error)))?;
        let Some(output) = child.stdout.take() else {
            return Err(failed("it has no output".to_owned()));
        };
        // A limit of the kernel on the pipes of one user: slower, not wrong.
        let _ = rustix::pipe::fcntl_setpipe_size(&output, PIPE);
        Ok((Dump { program: name, child }, output))
    }

    /// Waits for the end of the command and returns its name when it succeeded.
    pub(super) fn wait(mut self) -> Result<String, StoreError> {
        match self.child.wait() {
            Ok(status) if status.success() => Ok(self.program),
            Ok(status) => Err(StoreError::Command {
                command: self.program,
                ending: ending(status),
                is_temporary: status.code() == Some(TRY_AGAIN),
            }),
            Err(error) => Err(StoreError::Command {
                command: self.program,
                ending: format!("cannot be waited for: {error}"),
                is_temporary: false,
            }),
        }
    }

    /// Ends a command whose output has nowhere to go.
    pub(super) fn kill(mut self) {
        // It may have ended by itself; then there is nothing to kill, and waiting takes its status.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

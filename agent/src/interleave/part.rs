//! The programs that run at once, and how all of them are ended.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::InterleaveError;
use super::error::Trouble;
use crate::ending::{ending, not_started};

/// What a pipe holds at most, where the kernel allows it.
const PIPE: usize = 1 << 20;

/// The command that dumps a part, by the word behind its arguments.
pub(super) struct Command<'a> {
    program: &'a OsStr,
    arguments: &'a [OsString],
}

impl<'a> Command<'a> {
    pub(super) fn of(words: &'a [OsString]) -> Result<Self, InterleaveError> {
        let (program, arguments) = words.split_first().ok_or(InterleaveError::NoCommand)?;
        Ok(Self { program, arguments })
    }
}

/// All that were started.
#[derive(Debug, Default)]
pub(super) struct Parts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    processes: Vec<OwnedFd>,
    failure: Option<InterleaveError>,
}

impl Parts {
    /// Starts one, unless another has failed.
    pub(super) fn start(&self, command: &Command<'_>, word: String) -> Result<Part, InterleaveError> {
        let failed = |reason: String| InterleaveError::Start {
            part: word.clone(),
            reason,
        };
        let mut state = self.state();
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        let mut child = std::process::Command::new(command.program)
            .args(command.arguments)
            .arg(&word)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(not_started(&error)))?;
        let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
        let output = child.stdout.take();
        match (process, output) {
            (Ok(process), Some(output)) => {
                state.processes.push(process);
                // A limit of the kernel on the pipes of one user: slower, not wrong.
                let _ = rustix::pipe::fcntl_setpipe_size(&output, PIPE);
                Ok(Part { word, child, output })
            }
            (process, _) => {
                // It has no output that anybody could miss.
                let _ = child.kill();
                let _ = child.wait();
                let why = process.err().map(std::io::Error::from);
                Err(failed(why.map_or_else(
                    || "it has no output".to_owned(),
                    |why| why.to_string(),
                )))
            }
        }
    }

    /// Ends all of them, for this reason if it is the first.
    pub(super) fn fail(&self, error: InterleaveError) {
        let mut state = self.state();
        state.failure.get_or_insert(error);
        for process in &state.processes {
            // One that has ended takes no signal.
            let _ = pidfd_send_signal(process, Signal::TERM);
        }
    }

    /// Returns why all of them were ended, where they were.
    pub(super) fn outcome(&self) -> Result<(), InterleaveError> {
        self.state().failure.take().map_or(Ok(()), Err)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that runs.
pub(super) struct Part {
    word: String,
    child: Child,
    output: ChildStdout,
}

impl Part {
    /// Reads its output, and waits for its end. That it failed explains an output that is not complete.
    pub(super) fn read<T>(
        self,
        read: impl FnOnce(ChildStdout) -> Result<T, Trouble>,
    ) -> Result<T, InterleaveError> {
        let Self {
            word,
            mut child,
            output,
        } = self;
        let read = read(output);
        if !matches!(read, Ok(_) | Err(Trouble::Incomplete(_))) {
            // It may wait for something else than its pipe, which is closed by now. It has not been waited for: the number is its own.
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        }
        let status = child.wait();
        match (read, status) {
            (Err(trouble @ (Trouble::Content(_) | Trouble::Machine(_) | Trouble::Over)), _) => {
                Err(trouble.of(&word))
            }
            (_, Err(cause)) => Err(Trouble::Machine(cause).of(&word)),
            (_, Ok(status)) if !status.success() => Err(InterleaveError::Part {
                part: word,
                ending: ending(status),
            }),
            (read, Ok(_)) => read.map_err(|trouble| trouble.of(&word)),
        }
    }
}

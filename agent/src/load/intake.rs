//! The command that takes an archive: started without a shell, fed through a pipe that is ours, and believed only when
//! it took everything and succeeded.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::PipeFlags;

use super::error::{code_of, ending_of};
use super::{LoadError, SEEKABLE};
use crate::ending::not_started;

/// What a pipe holds at most, where the kernel allows it: fewer switches between us and the command.
const PIPE: usize = 1 << 20;
/// How often it is asked whether a command that does not read has ended: somebody else may hold its pipe open.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// A program with its arguments and what it gets of variables besides ours.
struct Program<'a> {
    program: &'a OsStr,
    arguments: &'a [OsString],
    variables: &'a [(&'a str, String)],
    /// For messages. Arguments may hold what is not for a log.
    shown: String,
}

impl<'a> Program<'a> {
    fn new(program: &'a OsStr, arguments: &'a [OsString], variables: &'a [(&'a str, String)]) -> Self {
        Self {
            program,
            arguments,
            variables,
            shown: program.to_string_lossy().escape_debug().to_string(),
        }
    }

    /// Starts it. Its output is ours: the log of the restore.
    fn start(&self, stdin: Stdio) -> Result<Child, LoadError> {
        Command::new(self.program)
            .args(self.arguments)
            .env_remove(SEEKABLE)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(stdin)
            .spawn()
            .map_err(|error| self.not_started(not_started(&error)))
    }

    fn not_started(&self, reason: String) -> LoadError {
        LoadError::Start {
            command: self.shown.clone(),
            reason,
        }
    }
}

/// Runs a command with a file as its stdin, and waits for its end.
pub(super) fn run_on(
    file: File,
    program: &OsStr,
    arguments: &[OsString],
    variables: &[(&str, String)],
) -> Result<(), LoadError> {
    let program = Program::new(program, arguments, variables);
    let mut child = program.start(Stdio::from(file))?;
    let failed = |ending: String, code: u8| LoadError::Command {
        command: program.shown.clone(),
        ending,
        code,
    };
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(ending_of(status), code_of(status))),
        Err(error) => Err(failed(format!("cannot be waited for: {error}"), 2)),
    }
}

/// A command that takes what is written.
#[derive(Debug)]
pub(super) struct Intake {
    /// The program, for messages. Arguments may hold what is not for a log.
    program: String,
    child: Child,
    pipe: File,
    /// How it ended, when that is known already.
    ended: Option<ExitStatus>,
}

impl Intake {
    /// Starts the command.
    pub(super) fn start(
        program: &OsStr,
        arguments: &[OsString],
        variables: &[(&str, String)],
    ) -> Result<Self, LoadError> {
        let program = Program::new(program, arguments, variables);
        let (reader, writer) = pipe().map_err(|error| program.not_started(error.to_string()))?;
        let child = program.start(Stdio::from(reader))?;
        Ok(Self {
            program: program.shown,
            child,
            pipe: File::from(writer),
            ended: None,
        })
    }

    /// Ends a command that must not take what it got for the whole.
    pub(super) fn kill(mut self) {
        // Killed before the pipe is closed: it never sees an end of its input.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Returns why the command did not take what was written.
    pub(super) fn refusal(mut self, cause: &io::Error) -> LoadError {
        if cause.kind() != io::ErrorKind::BrokenPipe {
            let reason = cause.to_string();
            self.kill();
            return LoadError::Machine(reason);
        }
        drop(self.pipe);
        match self.ended.map_or_else(|| self.child.wait(), Ok) {
            // What the command says explains why it stopped.
            Ok(status) if !status.success() => LoadError::Command {
                command: self.program,
                ending: ending_of(status),
                code: code_of(status),
            },
            _ => LoadError::Untaken {
                command: self.program,
            },
        }
    }

    /// Waits until everything was read, closes the pipe, and waits for the end of the command.
    pub(super) fn finish(mut self) -> Result<(), LoadError> {
        if let Err(cause) = self.wait_until_read() {
            return Err(self.refusal(&cause));
        }
        drop(self.pipe);
        let failed = |ending: String, code: u8| LoadError::Command {
            command: self.program.clone(),
            ending,
            code,
        };
        match self.ended.map_or_else(|| self.child.wait(), Ok) {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failed(ending_of(status), code_of(status))),
            Err(error) => Err(failed(format!("cannot be waited for: {error}"), 2)),
        }
    }

    /// Waits until nothing is left in the pipe. What fits into it was written without anybody reading it.
    fn wait_until_read(&mut self) -> io::Result<()> {
        loop {
            // Asked in this order: whoever has ended reads no more.
            let over = self.is_over()?;
            if rustix::io::ioctl_fionread(&self.pipe)? == 0 {
                return Ok(());
            }
            if over {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            // Told at once when the last reader goes, otherwise asked again after a tick: a pipe does not say when it
            // becomes empty.
            self.poll(PollFlags::empty())?;
        }
    }

    /// Tells whether the command has ended, or nobody holds its stdin.
    fn is_over(&mut self) -> io::Result<bool> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        let mut pipe = [PollFd::from_borrowed_fd(self.pipe.as_fd(), PollFlags::empty())];
        let none = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let _ = poll(&mut pipe, Some(&none));
        Ok(self.ended.is_some() || pipe[0].revents().contains(PollFlags::ERR))
    }

    fn poll(&self, flags: PollFlags) -> io::Result<()> {
        match poll(
            &mut [PollFd::from_borrowed_fd(self.pipe.as_fd(), flags)],
            Some(&TICK),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(cause) => Err(cause.into()),
        }
    }
}

/// Writes as much as the command takes, and is an error once it takes no more.
impl Write for Intake {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.pipe.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                written => return written,
            }
            if self.is_over()? {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.poll(PollFlags::OUT)?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns a pipe whose writing end, ours alone, never waits.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    // A limit of the kernel on the pipes of one user: slower, not wrong.
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE);
    let flags = rustix::fs::fcntl_getfl(&writer)?;
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK)?;
    Ok((reader, writer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake(command: &str) -> Intake {
        Intake::start(OsStr::new("sh"), &["-c".into(), command.into()], &[]).unwrap()
    }

    #[test]
    fn a_command_that_took_everything_and_succeeded_is_believed() {
        let mut command = intake("[ $(wc -c) = 3000000 ]");
        command.write_all(&vec![b'x'; 3_000_000]).unwrap();
        command.finish().unwrap();
    }

    #[test]
    fn a_command_that_leaves_one_byte_in_the_pipe_is_not() {
        for command in [
            "head -c 9 > /dev/null",
            "exec < /dev/null",
            "true",
            "setsid sh -c 'exec >/dev/null 2>&1; sleep 3' & exit 0",
        ] {
            let mut taken = intake(command);
            let told = match taken.write_all(b"ten bytes.") {
                Ok(()) => taken.finish(),
                Err(cause) => Err(taken.refusal(&cause)),
            };
            assert!(
                matches!(told, Err(LoadError::Untaken { .. })),
                "{command}: {told:?}"
            );
        }
    }

    #[test]
    fn a_command_that_stops_in_the_middle_is_told_by_its_own_end() {
        let mut command = intake("head -c 10 > /dev/null; exit 3");
        let cause = command.write_all(&vec![b'x'; 3_000_000]).unwrap_err();
        assert_eq!(command.refusal(&cause).to_string(), "`sh` ended with exit code 3");
        let mut command = intake("cat > /dev/null; exit 4");
        command.write_all(b"x").unwrap();
        assert_eq!(
            command.finish().unwrap_err().to_string(),
            "`sh` ended with exit code 4"
        );
    }

    #[test]
    fn what_says_nothing_of_the_archive_has_a_code_of_its_own() {
        for (end, code) in [
            ("exit 69", 69),
            ("kill -KILL $$", 137),
            ("sh -c 'kill -TERM $$'; exit $?", 143),
            ("exit 139", 2),
            ("exit 3", 2),
        ] {
            let command = intake(&format!("cat > /dev/null; {end}"));
            assert_eq!(command.finish().unwrap_err().exit_code(), code, "{end}");
        }
    }

    #[test]
    fn a_command_that_is_killed_sees_no_end_of_its_input() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("saw-the-end");
        let mut command = intake(&format!("cat > /dev/null; touch {}", mark.display()));
        command.write_all(b"half").unwrap();
        command.kill();
        assert!(!mark.exists());
    }
}

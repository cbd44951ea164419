//! A program that has ended: its exit code and what it said.

use std::io::Write as _;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::thread;

/// What is left of a program after it has ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output, with invalid UTF-8 replaced.
    pub stdout: String,
    /// Standard error, with invalid UTF-8 replaced.
    pub stderr: String,
}

impl Finished {
    /// Runs a command to its end with an empty stdin.
    pub fn run(command: &mut Command) -> Self {
        Self::run_with(command, b"")
    }

    /// Runs a command to its end and feeds it `stdin`.
    pub fn run_with(command: &mut Command, stdin: &[u8]) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}\n{INSTALL_HINT}"));
        let mut pipe = child.stdin.take().expect("stdin is piped");
        let output = thread::scope(|scope| {
            // A program that ends without reading its stdin is judged by its exit code.
            scope.spawn(move || pipe.write_all(stdin).ok());
            child.wait_with_output().expect("a child can be waited for")
        });
        Self::from_parts(output.status, &output.stdout, &output.stderr)
    }

    fn from_parts(status: ExitStatus, stdout: &[u8], stderr: &[u8]) -> Self {
        Self {
            code: status.code(),
            stdout: String::from_utf8_lossy(stdout).into_owned(),
            stderr: String::from_utf8_lossy(stderr).into_owned(),
        }
    }

    /// Waits for the end of a child whose output is piped.
    pub fn of(child: std::process::Child) -> Self {
        let output = child.wait_with_output().expect("a child can be waited for");
        Self::from_parts(output.status, &output.stdout, &output.stderr)
    }

    /// Returns everything that it said, wherever.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Asserts that a text is in what it said.
    #[track_caller]
    pub fn says(&self, text: &str) {
        let said = self.said();
        assert!(said.contains(text), "`{text}` is not in:\n{said}");
    }

    /// Returns stdout; panics with everything that is known unless the exit code is 0.
    #[track_caller]
    pub fn success(self) -> String {
        self.code(0).stdout
    }

    /// Returns itself; panics with everything that is known when the exit code is another one.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.code,
            Some(expected),
            "unexpected exit code\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self::from_parts(output.status, &output.stdout, &output.stderr)
    }
}

/// What to do about a program that is not there.
pub const INSTALL_HINT: &str = "hint: `make test` installs what is missing";

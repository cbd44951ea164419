//! `batt-fleet` while it runs: what it has said so far, signals to it, and its end.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use super::until;
use crate::finished::Finished;

/// Tells apart the programs of one fleet.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A program that goes on; it is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    pub(super) fn start(mut command: Command, folder: &Path) -> Self {
        let number = STARTED.fetch_add(1, Ordering::SeqCst);
        let stdout = folder.join(format!("stdout-{number}"));
        let stderr = folder.join(format!("stderr-{number}"));
        let create = |path| File::create(path).expect("the folder can be written");
        command
            .stdin(Stdio::null())
            .stdout(create(&stdout))
            .stderr(create(&stderr));
        let child = command.spawn().expect("the program can be started");
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a process id"), signal).expect("it still runs");
    }

    /// Waits until it has said a text on stderr.
    pub fn says(&self, text: &str) {
        until(text, || read(&self.stderr).contains(text));
    }

    /// Waits until it has told a text on stdout.
    pub fn tells(&self, text: &str) {
        until(text, || read(&self.stdout).contains(text));
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Finished {
        let mut status = None;
        until("batt-fleet ends", || {
            status = self.child.try_wait().expect("a child can be asked");
            status.is_some()
        });
        let status = status.expect("it has ended");
        assert_ne!(status.signal(), Some(11), "it crashed");
        Finished {
            code: status.code(),
            stdout: read(&self.stdout),
            stderr: read(&self.stderr),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).expect("it can be read")).into_owned()
}

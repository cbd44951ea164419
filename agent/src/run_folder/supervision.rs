//! Who supervises a run: the process that holds the lock of the file `active`, and nobody when no process does.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use batt_protocol::Error;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::RunFolder;
use crate::files;

/// The proof that this process supervises the run. The lock dies with the process.
#[derive(Debug)]
pub(crate) struct Supervision {
    path: PathBuf,
    _lock: File,
}

impl RunFolder {
    /// Makes this process the supervisor of the run; none when another one is.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub(crate) fn supervise(&self) -> Result<Option<Supervision>, Error> {
        let path = self.active_file();
        let fail = |cause: std::io::Error| Error::system(format!("cannot write `{}`", path.display()), cause);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let mut lock = files::open_own(&path, &mut options).map_err(fail)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(cause)) => return Err(fail(cause)),
        }
        lock.set_len(0)
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .map_err(fail)?;
        Ok(Some(Supervision { path, _lock: lock }))
    }

    /// Returns the process that supervises the run, while there is one.
    pub(crate) fn supervisor(&self) -> Option<Pid> {
        let mut options = OpenOptions::new();
        let mut file = files::open_own(&self.active_file(), options.read(true).write(true)).ok()?;
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => {}
            // Nobody holds it: what the file names is dead, and its number may be somebody else's by now.
            _ => return None,
        }
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        Pid::from_raw(text.trim().parse().ok()?)
    }

    /// Asks the supervisor of a run to end it; false when there is none.
    pub(crate) fn request_cancel(&self) -> Result<bool, Error> {
        let Some(pid) = self.supervisor() else {
            return Ok(false);
        };
        let fail = |cause: rustix::io::Errno| {
            Error::system("cannot signal the run's supervisor", std::io::Error::from(cause))
        };
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => process,
            Err(rustix::io::Errno::SRCH) => return Ok(false),
            Err(cause) => return Err(fail(cause)),
        };
        // Asked again with the process held: its number cannot have become somebody else's.
        if self.supervisor() != Some(pid) {
            return Ok(false);
        }
        match pidfd_send_signal(process, Signal::TERM) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(cause) => Err(fail(cause)),
        }
    }

    /// Tells whether the run was started and has neither ended nor a supervisor.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.active_file().exists() && self.supervisor().is_none()
    }
}

impl Supervision {
    /// Ends the supervision: the run has said in its journal how it ended.
    pub(crate) fn end(self) -> Result<(), Error> {
        fs::remove_file(&self.path)
            .map_err(|cause| Error::system(format!("cannot remove `{}`", self.path.display()), cause))
    }
}

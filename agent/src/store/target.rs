//! The file of one archive while it is written: created by us and nobody else, in a folder that is no link, and removed
//! when it did not become whole.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdir, openat, unlinkat};
use rustix::io::Errno;

use super::{StoreError, name};
use crate::ledger::ScriptEnvironment;

/// A file that was created for one archive.
#[derive(Debug)]
pub(super) struct Target {
    folder: OwnedFd,
    file_name: String,
    /// For messages.
    path: PathBuf,
}

impl Target {
    /// Creates the file for an archive, mode 0600, and the service's folder where it is missing, mode 0700.
    pub(super) fn create(
        name: &OsStr,
        environment: &ScriptEnvironment,
    ) -> Result<(Target, File), StoreError> {
        let file_name = name::file_of(name).map_err(StoreError::Name)?;
        let archives = environment.archives();
        let path = archives.join(&file_name);
        let failed = |error: Errno| match error {
            Errno::EXIST => StoreError::Duplicate {
                file: file_name.clone(),
            },
            error => StoreError::Write {
                path: path.display().to_string(),
                reason: io::Error::from(error).to_string(),
            },
        };
        match mkdir(&archives, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failed(error)),
        }
        let directory = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(CWD, &archives, directory, Mode::empty()).map_err(failed)?;
        let file = create(&folder, &file_name).map_err(failed)?;
        Ok((
            Target {
                folder,
                file_name,
                path,
            },
            file,
        ))
    }

    /// Removes the file, and creates it anew for another attempt.
    pub(super) fn renew(&self) -> Result<File, StoreError> {
        unlinkat(&self.folder, &self.file_name, AtFlags::empty())
            .and_then(|()| create(&self.folder, &self.file_name))
            .map_err(|error| self.write_error(io::Error::from(error)))
    }

    /// Returns the name of the file.
    pub(super) fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Returns the error of writing the file.
    pub(super) fn write_error(&self, reason: impl ToString) -> StoreError {
        StoreError::Write {
            path: self.path.display().to_string(),
            reason: reason.to_string(),
        }
    }

    /// Removes the file. One that cannot be removed stays: its service fails all the same.
    pub(super) fn remove(self) {
        let _ = unlinkat(&self.folder, &self.file_name, AtFlags::empty());
    }
}

fn create(folder: &OwnedFd, name: &str) -> rustix::io::Result<File> {
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, new, Mode::RUSR | Mode::WUSR).map(File::from)
}

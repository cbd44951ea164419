//! `batt stage`: a folder on the file system of a place, that nobody else can enter, for what is being restored.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_protocol::{Error, ExitCode};
use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, fstat, futimens, mkdirat, openat, statx, unlinkat};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::fill::times_of;
use super::rename::is_named;
use super::target::{Target, is_empty};
use crate::backup::remove_content;
use crate::cancellation::Cancellation;
use crate::safe_path::Missing;

/// How the names of such folders begin.
pub(super) const PREFIX: &str = ".batt-restore-";

/// A folder that is for the caller alone. It is removed when it is dropped, and nothing else is, whatever has its name.
pub(super) struct Stage {
    above: OwnedFd,
    name: String,
    pub(super) folder: OwnedFd,
    /// Whether the folder above is what is filled: its time is not to tell of the stage.
    inside: bool,
}

impl Stage {
    /// Makes one on the file system that a path is on, or will be: in the nearest folder of the way that nobody else
    /// controls, or where there is none in the nearest of all.
    pub(super) fn make(path: &Path) -> Result<Self, Error> {
        let target = Target::find(path, Missing::End)?;
        let way = target.way();
        let inside = way.is_whole().then(|| target.open_folder().ok()).flatten();
        let inside = inside.filter(|folder| mount_of(folder) != mount_of(&way.folder()));
        let is_inside = inside.is_some();
        let (above, shown) = match inside {
            // A file system is mounted there.
            Some(folder) => (folder, target.path()),
            None => {
                let mount = mount_of(&way.folder());
                let (folder, shown) = way
                    .upwards()
                    .take_while(|(folder, _)| mount_of(folder) == mount)
                    .find(|(_, shown)| !way.is_foreign(shown))
                    .unwrap_or((way.folder(), way.path()));
                (reopened(&folder, shown)?, shown.to_owned())
            }
        };
        let mut stage = Self::make_in(above, &shown)?;
        stage.inside = is_inside;
        Ok(stage)
    }

    /// Makes one in a folder that is held open. `shown` is where that is.
    pub(super) fn make_in(above: OwnedFd, shown: &Path) -> Result<Self, Error> {
        let name = super::random_name(PREFIX)?;
        let fail = |cause: Errno| failure(shown, cause);
        mkdirat(&above, &name, Mode::RWXU).map_err(fail)?;
        let folder = openat(&above, &name, folder_flags(), Mode::empty()).map_err(fail)?;
        // Whoever controls the folder above may have put another in its place.
        let found = fstat(&folder).map_err(fail)?;
        let own = found.st_uid == rustix::process::geteuid().as_raw()
            && found.st_mode & 0o7777 & !0o2000 == 0o700
            && is_empty(&folder).map_err(fail)?;
        if !own {
            return Err(Error::refused(format!(
                "somebody put another folder in the place of `{}`",
                shown.join(&name).display()
            )));
        }
        Ok(Self {
            above,
            name,
            folder,
            inside: false,
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = remove_content(&self.folder);
        let before = fstat(&self.above).ok().filter(|_| self.inside);
        if is_named(self.above.as_fd(), self.name.as_str(), self.folder.as_fd()) {
            // Only an empty folder goes that way.
            let _ = unlinkat(&self.above, self.name.as_str(), AtFlags::REMOVEDIR);
        }
        if let Some(before) = before {
            let _ = futimens(&self.above, &times_of(&before));
        }
    }
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// Opens for reading what could only be walked through.
fn reopened(folder: &impl AsFd, path: &Path) -> Result<OwnedFd, Error> {
    openat(folder, ".", folder_flags(), Mode::empty()).map_err(|cause| failure(path, cause))
}

fn failure(above: &Path, cause: Errno) -> Error {
    Error::system(
        format!("cannot make a private folder in `{}`", above.display()),
        std::io::Error::from(cause),
    )
}

/// Returns what tells whether something can be renamed from one folder to another: the mount, where the kernel says it, and
/// the file system.
fn mount_of(folder: &impl AsFd) -> Option<(u64, u32, u32)> {
    let found = statx(
        folder,
        "",
        AtFlags::EMPTY_PATH,
        StatxFlags::from_bits_retain(0x1000),
    )
    .ok()?;
    Some((found.stx_mnt_id, found.stx_dev_major, found.stx_dev_minor))
}

/// Runs a command in a folder that nobody else can enter, on the file system that `path` is on or will be, and removes the
/// folder with all that is in it. Returns the exit code of the command.
///
/// # Errors
/// A folder that cannot be made, and a command that cannot be started.
pub(crate) fn run_in_stage(path: &Path, command: &[OsString]) -> Result<ExitCode, Error> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Error::usage("there is no command after `--`"));
    };
    // Whoever ends a restore ends all its processes; the folder has to go when they have.
    let cancellation = Cancellation::by_signals()?;
    let stage = Stage::make(path)?;
    rustix::process::fchdir(&stage.folder)
        .map_err(|cause| Error::system("cannot go into the private folder", std::io::Error::from(cause)))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env("BATT_STAGE", "yes")
        .spawn()
        .map_err(|cause| {
            let program = PathBuf::from(program);
            Error::system(format!("cannot start `{}`", program.display()), cause)
        })?;
    let pid = Pid::from_child(&child);
    std::thread::spawn(move || {
        cancellation.wait();
        let _ = kill_process(pid, Signal::TERM);
    });
    let status = child
        .wait()
        .map_err(|cause| Error::system("cannot wait for the command", cause))?;
    drop(stage);
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(code
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::PROGRAM, ExitCode::from_code))
}

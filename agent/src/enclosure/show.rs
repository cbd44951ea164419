//! `batt show`: runs a command where a path leads to what it led to when it was looked at, whoever swaps a folder meanwhile.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_protocol::{Error, ExitCode};
use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};

use super::{Access, Enclosure, Exhibit, enter_folder};
use crate::safe_path::{Links, Missing, SafeFolder};

/// A command, and the file or folder that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShowRequest {
    pub(crate) path: PathBuf,
    /// The command with its arguments.
    pub(crate) command: Vec<OsString>,
}

/// Becomes the command, in a folder from which the path without its first slash leads to the file or folder: `/` where only
/// root (or the caller) controls the way, else one that holds just that, and can only be read.
///
/// # Errors
/// A link on the way that others may have made, or as the last part; a host that lets nobody mount; a command that cannot be
/// run.
pub(crate) fn show(request: &ShowRequest) -> Result<Infallible, Error> {
    let (program, arguments) = request
        .command
        .split_first()
        .ok_or_else(|| Error::usage("there is no command after `--`"))?;
    enter_folder(&working_folder(&request.path)?)?;
    let cause = Command::new(program).args(arguments).exec();
    Err(Error::new(
        ExitCode::from_code(127),
        format!("cannot run `{}`: {cause}", program.to_string_lossy()),
    ))
}

fn working_folder(path: &Path) -> Result<PathBuf, Error> {
    let root = PathBuf::from("/");
    // What the caller may read is all that it can be led to.
    if !rustix::process::geteuid().is_root() {
        return Ok(root);
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(root);
    };
    let shown = path.display();
    let fail = |cause: rustix::io::Errno| {
        Error::system(format!("cannot open `{shown}`"), std::io::Error::from(cause))
    };
    let way = SafeFolder::open(parent, Links::OfRoot, Missing::AnError)?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(way.folder(), name, flags, Mode::empty()).map_err(fail)?;
    if FileType::from_raw_mode(fstat(&opened).map_err(fail)?.st_mode) == FileType::Symlink {
        let target = readlinkat(&opened, "", Vec::new()).map_err(fail)?;
        return Err(Error::refused(format!(
            "`{shown}` is a symbolic link to `{}`",
            target.to_string_lossy()
        ))
        .hint("Name what it leads to."));
    }
    if way.foreign().is_none() {
        return Ok(root);
    }
    let exhibit = Exhibit::of(std::os::fd::AsFd::as_fd(&opened))?;
    let enclosure = Enclosure::enter()?;
    let below: PathBuf = path.components().skip(1).collect();
    enclosure.show(&exhibit, &below, Access::ReadOnly)?;
    Ok(enclosure.place().to_owned())
}

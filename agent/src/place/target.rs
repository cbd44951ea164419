//! A name in a folder that is held open.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use batt_protocol::{Error, ExitCode};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

use super::{rename, stage};
use crate::safe_path::{Links, Missing, SafeFolder};

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    EmptyFolder,
    Folder,
    Link,
    /// A file, or what is no folder.
    Other,
}

/// A name in a folder that is held open.
#[derive(Debug)]
pub(super) struct Target {
    folder: Rc<SafeFolder>,
    name: OsString,
}

impl Target {
    /// Walks to the folder of an absolute path, or of one below the folder that this process is in.
    pub(super) fn find(path: &Path, missing: Missing) -> Result<Self, Error> {
        if !path.is_absolute() {
            return Self::walk(path, |above| SafeFolder::open_below(above, missing));
        }
        Self::walk(path, |above| SafeFolder::open(above, Links::OfRoot, missing))
    }

    /// Walks to the folder of a path below the folder that this process is in.
    pub(super) fn find_below(path: &Path) -> Result<Self, Error> {
        if path.is_absolute() {
            return Err(Error::usage(format!(
                "`{}` does not lie below the folder that `batt place` is called in",
                path.display()
            )));
        }
        Self::walk(path, |above| SafeFolder::open_below(above, Missing::AnError))
    }

    fn walk(
        path: &Path,
        open: impl FnOnce(&Path) -> Result<SafeFolder, crate::safe_path::Obstacle>,
    ) -> Result<Self, Error> {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::usage(format!(
                "`{}` is no path of something in a folder",
                path.display()
            )));
        };
        Ok(Self {
            folder: Rc::new(open(above)?),
            name: name.to_owned(),
        })
    }

    /// Returns the same with an ending to its name.
    pub(super) fn with_ending(&self, ending: impl AsRef<OsStr>) -> Self {
        let mut name = self.name.clone();
        name.push(ending);
        self.named(name)
    }

    /// Returns another name of the same folder.
    pub(super) fn named(&self, name: OsString) -> Self {
        Self {
            folder: Rc::clone(&self.folder),
            name,
        }
    }

    pub(super) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.folder()
    }

    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    pub(super) fn way(&self) -> &SafeFolder {
        &self.folder
    }

    /// Returns where it is, no link on the way.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    /// Looks at what has the name now.
    pub(super) fn found(&self) -> Result<Found, Error> {
        if !self.folder.is_whole() {
            return Ok(Found::Nothing);
        }
        let found = match statat(self.folder(), &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(Found::Nothing),
            Err(cause) => return Err(self.fail("cannot look at", cause)),
        };
        Ok(match FileType::from_raw_mode(found.st_mode) {
            FileType::Symlink => Found::Link,
            FileType::Directory => {
                let empty = self.open_folder().and_then(|folder| is_empty(&folder));
                match empty.map_err(|cause| self.fail("cannot look into", cause))? {
                    true => Found::EmptyFolder,
                    false => Found::Folder,
                }
            }
            _ => Found::Other,
        })
    }

    /// Opens the folder that has the name.
    pub(super) fn open_folder(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(self.folder(), &self.name, flags, Mode::empty())
    }

    /// Opens the regular file that has the name.
    pub(super) fn open_regular(&self) -> Result<File, Error> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fail = |cause| self.fail("cannot open", cause);
        let file = openat(self.folder(), &self.name, flags, Mode::empty()).map_err(fail)?;
        let found = fstat(&file).map_err(fail)?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => Ok(file.into()),
            _ => Err(Error::refused(format!(
                "`{}` is no regular file",
                self.path().display()
            ))),
        }
    }

    /// Refuses what is there, unless it may go aside and can.
    pub(super) fn require_movable(&self, found: Found, replace: bool) -> Result<(), Error> {
        let path = self.path();
        let shown = path.display();
        let taken = match found {
            Found::Nothing => return Ok(()),
            Found::Link => {
                return Err(Error::refused(format!("`{shown}` is a symbolic link"))
                    .hint("Remove it, or restore to where it leads."));
            }
            Found::Folder => format!("`{shown}` is there, and is no empty folder"),
            Found::EmptyFolder => format!("`{shown}` is a folder"),
            Found::Other => format!("`{shown}` is there already"),
        };
        if !replace {
            return Err(Error::new(ExitCode::PROGRAM, taken)
                .hint(format!("`--replace` keeps it as `{shown}.batt-TIME`.")));
        }
        if is_mounted_below(&path)? {
            return Err(
                Error::program(format!("file systems are mounted at `{shown}` or below"))
                    .hint("Unmount them, or restore into another folder."),
            );
        }
        Ok(())
    }

    /// Waits until the entries of its folder are on the disk.
    pub(super) fn sync(&self) -> Result<(), Error> {
        rustix::fs::fsync(self.folder()).map_err(|cause| self.fail("cannot sync the folder of", cause))
    }

    pub(super) fn fail(&self, what: &str, cause: impl Into<std::io::Error>) -> Error {
        let cause: std::io::Error = cause.into();
        Error::system(format!("{what} `{}`", self.path().display()), cause)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path().display())
    }
}

/// Tells whether nothing is in a folder but the stage that this process runs in.
pub(super) fn is_empty(folder: &OwnedFd) -> Result<bool, Errno> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let here = || {
            openat(
                rustix::fs::CWD,
                ".",
                OFlags::PATH | OFlags::CLOEXEC,
                Mode::empty(),
            )
        };
        let own = name.to_bytes().starts_with(stage::PREFIX.as_bytes())
            && here().is_ok_and(|here| {
                rename::is_named(
                    std::os::fd::AsFd::as_fd(folder),
                    name,
                    std::os::fd::AsFd::as_fd(&here),
                )
            });
        if !own {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Tells whether a file system is mounted at a path or below.
fn is_mounted_below(path: &Path) -> Result<bool, Error> {
    const MOUNTS: &str = "/proc/self/mountinfo";
    let mounts =
        std::fs::read(MOUNTS).map_err(|cause| Error::system(format!("cannot read `{MOUNTS}`"), cause))?;
    Ok(mounts
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .any(|place| Path::new(OsStr::from_bytes(&unescaped(place))).starts_with(path)))
}

/// Blanks, tabs, line ends and backslashes stand there as three octal digits (proc_pid_mountinfo(5)).
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| *first == b'\\');
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[3..] } else { after };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_blank_is_one() {
        assert_eq!(unescaped(b"/a\\040b\\134c"), b"/a b\\c");
        assert_eq!(unescaped(b"/a\\04"), b"/a\\04");
    }

    #[test]
    fn the_root_is_mounted_below_itself() {
        assert!(is_mounted_below(Path::new("/")).unwrap());
        assert!(!is_mounted_below(Path::new("/no/such/folder")).unwrap());
    }
}

//! The folder of a backup, held open. Nothing in it is reached through a link, and nothing that is no regular file is
//! opened: a FIFO would keep us waiting, and a device may act when it is opened. On the way to it only links of root are
//! followed.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use batt_protocol::text::quoted;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, statat};
use rustix::io::Errno;

use super::MANIFEST;
use super::destination::MOST_DEPTH;
use crate::safe_path::{Links, Missing, SafeFolder, Why, is_ours};

/// How a folder is opened whose entries are read.
pub(super) const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The folder of a backup.
#[derive(Debug)]
pub(crate) struct BackupFolder {
    folder: OwnedFd,
}

impl BackupFolder {
    /// Opens it.
    ///
    /// # Errors
    /// Why not. A link is not followed when others may have made it.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        reach(path).map(Self::of).map_err(cannot_open)
    }

    /// Opens it where it is a folder itself, and no link to one.
    ///
    /// # Errors
    /// Why not, as in [`BackupFolder::open`].
    pub(crate) fn open_itself(path: &Path) -> Result<Self, String> {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
            return Self::open(path);
        };
        let above = if above.as_os_str().is_empty() {
            Path::new(".")
        } else {
            above
        };
        let opened = reach(above).and_then(|above| openat(above, name, FOLDER, Mode::empty()));
        opened.map(Self::of).map_err(cannot_open)
    }

    /// Returns one that is open.
    pub(crate) fn of(folder: OwnedFd) -> Self {
        Self { folder }
    }

    pub(crate) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Opens a regular file by its path from here.
    ///
    /// # Errors
    /// Why not, with the file's name.
    pub(crate) fn file(&self, name: &str) -> Result<File, String> {
        let shown = quoted(name);
        let cannot = |cause: Errno| match cause {
            Errno::NOENT => format!("{shown} is missing"),
            Errno::NOTDIR | Errno::LOOP => format!("{shown} lies behind what is no folder"),
            cause => format!("{shown} cannot be opened: {}", std::io::Error::from(cause)),
        };
        let mut parts: Vec<&str> = name.split('/').collect();
        let plain = |part: &&str| !matches!(*part, "" | "." | "..") && !part.contains('\0');
        if !parts.iter().all(plain) || parts.len() > MOST_DEPTH + 1 {
            return Err(format!("{shown} is no name of a file in a backup"));
        }
        let last = parts.pop().unwrap_or_default();
        let mut inner: Option<OwnedFd> = None;
        for part in parts {
            let folder = inner.as_ref().unwrap_or(&self.folder);
            inner = Some(openat(folder, part, FOLDER, Mode::empty()).map_err(cannot)?);
        }
        let folder = inner.as_ref().unwrap_or(&self.folder);
        let found = statat(folder, last, AtFlags::SYMLINK_NOFOLLOW).map_err(cannot)?;
        require_regular(&shown, FileType::from_raw_mode(found.st_mode))?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(folder, last, flags, Mode::empty()).map_err(cannot)?;
        let opened = fstat(&file).map_err(cannot)?;
        require_regular(&shown, FileType::from_raw_mode(opened.st_mode))?;
        Ok(File::from(file))
    }

    /// Reads a regular file of at most `limit` bytes.
    ///
    /// # Errors
    /// Why not, with the file's name.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, String> {
        let file = self.file(name)?;
        let cannot = |cause: std::io::Error| format!("`{name}` cannot be read: {cause}");
        let too_long = || format!("`{name}` is longer than {limit} bytes");
        // Before a byte of it takes memory.
        if file.metadata().map_err(cannot)?.len() > limit {
            return Err(too_long());
        }
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > limit {
            return Err(too_long());
        }
        Ok(bytes)
    }

    /// Tells whether the file of this name is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Tells whether nobody but root, or the caller, can have written the manifest that lies in the folder of this path: they
    /// alone control each folder above, the folder itself and the file. Only then is it believed what it says of whose it is.
    pub(crate) fn is_ours_alone(path: &Path) -> bool {
        let Ok(found) = SafeFolder::open(path, Links::Refused, Missing::AnError) else {
            return false;
        };
        let manifest = statat(found.folder(), MANIFEST, AtFlags::SYMLINK_NOFOLLOW);
        found.foreign().is_none()
            && !found.is_shared()
            && manifest.is_ok_and(|manifest| {
                FileType::from_raw_mode(manifest.st_mode) == FileType::RegularFile
                    && is_ours(manifest.st_uid)
                    && manifest.st_mode & WRITABLE_BY_OTHERS == 0
            })
    }
}

fn cannot_open(cause: Errno) -> String {
    match cause {
        Errno::NOENT => "the folder is missing".to_owned(),
        Errno::NOTDIR | Errno::LOOP => "it is no folder".to_owned(),
        cause => format!("the folder cannot be opened: {}", std::io::Error::from(cause)),
    }
}

/// Opens a folder that is there. There is mostly no link on the way: then the kernel walks it in one go.
pub(super) fn reach(path: &Path) -> Result<OwnedFd, Errno> {
    match openat2(CWD, path, FOLDER, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(folder) => Ok(folder),
        Err(cause @ (Errno::NOENT | Errno::ACCESS)) => Err(cause),
        // A link, or a kernel that does not know the call (before 5.6), or one that keeps it from us.
        Err(_) => {
            let walked = SafeFolder::open(path, Links::OfRoot, Missing::AnError);
            let walked = walked.map_err(|obstacle| match obstacle.why {
                Why::System(cause) => cause,
                Why::Link | Why::TooManyLinks => Errno::LOOP,
                Why::NotAbsolute => Errno::INVAL,
            })?;
            walked.folder().try_clone_to_owned().map_err(|_| Errno::MFILE)
        }
    }
}

fn require_regular(shown: &str, kind: FileType) -> Result<(), String> {
    let what = match kind {
        FileType::RegularFile => return Ok(()),
        FileType::Symlink => "a link",
        FileType::Directory => "a folder",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        _ => "a device",
    };
    Err(format!("{shown} is {what} in the place of the file"))
}

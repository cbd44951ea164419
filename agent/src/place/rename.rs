//! A rename that replaces nothing.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, RenameFlags, fstat, linkat, renameat, renameat_with, statat, unlinkat};
use rustix::io::Errno;

/// Renames where nothing has the new name (`EXIST`).
pub(super) fn rename_new(
    from: BorrowedFd<'_>,
    name: &OsStr,
    to: BorrowedFd<'_>,
    new: &OsStr,
) -> Result<(), Errno> {
    match renameat_with(from, name, to, new, RenameFlags::NOREPLACE) {
        // A file system without the flag (NFS): a second name replaces nothing either, and a folder only one that is empty.
        Err(Errno::INVAL | Errno::NOSYS) => {
            let found = statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
                linkat(from, name, to, new, AtFlags::empty())?;
                return unlinkat(from, name, AtFlags::empty());
            }
            match statat(to, new, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => renameat(from, name, to, new),
                Err(cause) => Err(cause),
            }
        }
        renamed => renamed,
    }
}

/// Tells whether a name is that of an open file or folder.
pub(super) fn is_named(folder: BorrowedFd<'_>, name: impl rustix::path::Arg, opened: BorrowedFd<'_>) -> bool {
    match (statat(folder, name, AtFlags::SYMLINK_NOFOLLOW), fstat(opened)) {
        (Ok(named), Ok(opened)) => (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino),
        _ => false,
    }
}

//! A folder that stays, because a file system is mounted there: it takes what is in another, and its attributes.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    Dir, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags, fchmod, fchown, fgetxattr, flistxattr,
    fsetxattr, fstat, fsync, futimens,
};
use rustix::io::Errno;

use super::rename::rename_new;
use super::target::{Target, is_empty};

/// More than a file system keeps of them (xattr(7)).
const MOST_BYTES: usize = 64 << 10;

/// Moves all that is in one folder into another, which is empty, and gives it the owner, mode, attributes and time.
pub(super) fn fill(from: &Target, to: &Target) -> Result<(), Errno> {
    let (tree, folder) = (from.open_folder()?, to.open_folder()?);
    if !is_empty(&folder)? {
        return Err(Errno::EXIST);
    }
    // Its time is that of before it is emptied.
    let found = fstat(&tree)?;
    for entry in Dir::read_from(&tree)? {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            let name = std::os::unix::ffi::OsStrExt::from_bytes(name.to_bytes());
            rename_new(tree.as_fd(), name, folder.as_fd(), name)?;
        }
    }
    copy_attributes(&tree, &found, &folder)?;
    fsync(&folder)
}

fn copy_attributes(from: &OwnedFd, found: &Stat, to: &OwnedFd) -> Result<(), Errno> {
    if rustix::process::geteuid().is_root() {
        fchown(
            to,
            Some(Uid::from_raw(found.st_uid)),
            Some(Gid::from_raw(found.st_gid)),
        )?;
    }
    let mut names = vec![0; MOST_BYTES];
    let length = match flistxattr(from, names.as_mut_slice()) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => 0,
        Err(cause) => return Err(cause),
    };
    names.truncate(length);
    let mut value = vec![0; MOST_BYTES];
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let length = fgetxattr(from, name, value.as_mut_slice())?;
        match fsetxattr(to, name, &value[..length], XattrFlags::empty()) {
            // What the system itself decides, as a label.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM) => {}
            Err(cause) => return Err(cause),
        }
    }
    // After the list of access rights, which comes with a mode of its own.
    fchmod(to, Mode::from_bits_truncate(found.st_mode & 0o7777))?;
    futimens(to, &times_of(found))
}

/// Returns when something was read and changed last.
pub(super) fn times_of(found: &Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: found.st_atime as _,
            tv_nsec: found.st_atime_nsec as _,
        },
        last_modification: Timespec {
            tv_sec: found.st_mtime as _,
            tv_nsec: found.st_mtime_nsec as _,
        },
    }
}

//! A file or folder that is to be touched as its owner, and the folder that it is in.

use std::ffi::OsStr;
use std::path::Path;

use batt_protocol::Error;
use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};

use crate::safe_path::{Links, Missing, SafeFolder};

/// A file or folder of an account, in a folder that only root and that account control.
#[derive(Debug)]
pub(super) struct Owned {
    folder: SafeFolder,
    owner: u32,
}

impl Owned {
    /// Walks to a file or folder by descriptors, and looks whom it belongs to.
    ///
    /// # Errors
    /// A refusal where an account that is neither root, nor the caller, nor the owner could have put it there: it would be
    /// touched as one by what another one wants. A link, and what is neither file nor folder, is refused too.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let shown = path.display();
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::usage(format!("`{shown}` is not a path of a file")));
        };
        let folder = SafeFolder::open(parent, Links::OfRoot, Missing::AnError)?;
        let owner = owner_of(&folder, name, path)?;
        if let Some(foreign) = folder.foreign_to(owner) {
            return Err(Error::refused(format!("`{shown}` belongs to user {owner}, and {foreign}"))
                .hint("Whoever controls a folder can put another file there, and files that an engine trusts beside it."));
        }
        if folder.is_shared() {
            return Err(Error::refused(format!(
                "`{shown}` is in a folder that everybody can write to, `{}`",
                folder.path().display()
            ))
            .hint(
                "Anybody can put files beside it there that an engine trusts. Give it a folder of its own.",
            ));
        }
        Ok(Self { folder, owner })
    }

    /// Returns the user it belongs to.
    pub(super) fn owner(&self) -> u32 {
        self.owner
    }

    /// Returns the folder that it is in.
    pub(super) fn folder(&self) -> &SafeFolder {
        &self.folder
    }
}

fn owner_of(folder: &SafeFolder, name: &OsStr, path: &Path) -> Result<u32, Error> {
    let shown = path.display();
    let fail = |cause: rustix::io::Errno| {
        Error::system(format!("cannot look at `{shown}`"), std::io::Error::from(cause))
    };
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let entry = openat(folder.folder(), name, flags, Mode::empty()).map_err(fail)?;
    let found = fstat(&entry).map_err(fail)?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile | FileType::Directory => Ok(found.st_uid),
        FileType::Symlink => {
            let target = readlinkat(&entry, "", Vec::new()).map_err(fail)?;
            Err(Error::refused(format!(
                "`{shown}` is a symbolic link to `{}`",
                target.to_string_lossy()
            ))
            .hint("Name what it leads to."))
        }
        _ => Err(Error::refused(format!(
            "`{shown}` is neither a file nor a folder"
        ))),
    }
}

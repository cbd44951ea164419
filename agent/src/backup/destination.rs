//! The folder that backups are published in, opened without following links, and the private folder beside them that a
//! backup is made in.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use batt_protocol::{Error, RunId, Service};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, fstatvfs, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::folder::FOLDER;
use crate::files;
use crate::safe_path::{Links, Missing, Obstacle, SafeFolder, Why};
use crate::trust::AllowedForeign;

/// How deep the folders of a backup may be nested. A script could nest them deeper than our stack and our open files
/// reach.
pub(crate) const MOST_DEPTH: usize = 100;

/// The folder that backups of a run are published in, held open.
#[derive(Debug)]
pub(crate) struct Destination {
    folder: OwnedFd,
    path: PathBuf,
    is_foreign: bool,
}

impl Destination {
    /// Opens the folder at an absolute path, making what is missing of it, 0700.
    ///
    /// # Errors
    /// A refusal for a link on the way, and for a folder on the way that an account other than root controls, unless that is
    /// allowed: whoever can write there could lead backups, and what they replace, elsewhere. Nothing is made then.
    pub(crate) fn open(path: &Path, allowed: &AllowedForeign) -> Result<Self, Error> {
        Self::judge(path, allowed)?;
        Self::reach(path, allowed, Missing::Made(Mode::RWXU))
    }

    /// Opens a folder that is there; none when it is not.
    ///
    /// # Errors
    /// A refusal, as in [`Destination::open`].
    pub(crate) fn existing(path: &Path, allowed: &AllowedForeign) -> Result<Option<Self>, Error> {
        if std::fs::symlink_metadata(path).is_err_and(|cause| cause.kind() == std::io::ErrorKind::NotFound) {
            return Ok(None);
        }
        Self::reach(path, allowed, Missing::AnError).map(Some)
    }

    /// Refuses a destination by what is there of the folders on the way, and makes none.
    ///
    /// # Errors
    /// A refusal, as in [`Destination::open`].
    pub(crate) fn judge(path: &Path, allowed: &AllowedForeign) -> Result<(), Error> {
        for folder in path.ancestors() {
            match SafeFolder::open(folder, Links::Refused, Missing::AnError) {
                Err(obstacle) if obstacle.why == Why::System(Errno::NOENT) => {}
                Err(obstacle) => return Err(refusal(obstacle, Missing::Made(Mode::RWXU))),
                Ok(found) => return require_own(&found, path, allowed).map(|_| ()),
            }
        }
        Ok(())
    }

    fn reach(path: &Path, allowed: &AllowedForeign, missing: Missing) -> Result<Self, Error> {
        let found =
            SafeFolder::open(path, Links::Refused, missing).map_err(|obstacle| refusal(obstacle, missing))?;
        let is_foreign = require_own(&found, path, allowed)?;
        let folder = found
            .folder()
            .try_clone_to_owned()
            .map_err(|cause| Error::system(format!("cannot open `{}`", path.display()), cause))?;
        Ok(Self {
            folder,
            path: path.to_owned(),
            is_foreign,
        })
    }

    /// Tells whether an account other than root controls it: what lies in it may be another thing at any moment.
    pub(crate) fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Returns the bytes that may still be written here by this user.
    pub(crate) fn room(&self) -> Result<u64, Error> {
        room(self.folder.as_fd(), &self.path)
    }

    /// Tells whether something else than the root file system lies here.
    pub(crate) fn is_on_a_mount(&self) -> bool {
        let device = |path: &Path| {
            std::fs::metadata(path).map(|metadata| std::os::unix::fs::MetadataExt::dev(&metadata))
        };
        match (fstat(&self.folder), device(Path::new("/"))) {
            (Ok(here), Ok(root)) => here.st_dev != root,
            _ => false,
        }
    }

    /// Waits until the folder's entries are on the disk.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        rustix::fs::fsync(&self.folder).map_err(|cause| {
            Error::system(
                format!("cannot sync `{}`", self.path.display()),
                std::io::Error::from(cause),
            )
        })
    }

    /// Tells whether an entry of this name is here.
    pub(crate) fn has(&self, name: &str) -> bool {
        statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }
}

/// Opens a folder that is there, at an absolute path.
///
/// # Errors
/// A refusal for a link on the way; a folder that is missing.
pub(super) fn open_folder(path: &Path) -> Result<OwnedFd, Error> {
    let missing = Missing::AnError;
    let found =
        SafeFolder::open(path, Links::Refused, missing).map_err(|obstacle| refusal(obstacle, missing))?;
    found
        .folder()
        .try_clone_to_owned()
        .map_err(|cause| Error::system(format!("cannot open the folder `{}`", path.display()), cause))
}

/// Tells whether an account other than root controls a destination, which must then be allowed. Whoever is not root has
/// nothing to lose that is not his.
fn require_own(found: &SafeFolder, path: &Path, allowed: &AllowedForeign) -> Result<bool, Error> {
    let Some(foreign) = found.foreign().filter(|_| rustix::process::geteuid().is_root()) else {
        return Ok(false);
    };
    if allowed.holds(path) {
        return Ok(true);
    }
    Err(Error::refused(format!(
        "the destination `{}` is not root's alone: {foreign}",
        path.display()
    ))
    .hint(format!(
        "Choose one that only root can write to. Or say in batt.toml that you know: `allow_foreign = \"{}\"`.",
        foreign.path.display()
    )))
}

fn refusal(obstacle: Obstacle, missing: Missing) -> Error {
    let place = obstacle.path;
    match obstacle.why {
        Why::Link | Why::TooManyLinks => {
            let whole = std::fs::canonicalize(&place).unwrap_or_else(|_| place.clone());
            Error::refused(format!(
                "the destination leads through the link `{}`",
                place.display()
            ))
            .hint(format!("Set `path` to where it leads, `{}`.", whole.display()))
        }
        Why::NotAbsolute => Error::usage(format!("`{}` is not an absolute path", place.display())),
        Why::System(cause) => Error::system(
            match missing {
                Missing::Made(_) => format!("cannot open the destination `{}`", place.display()),
                Missing::AnError | Missing::End => format!("cannot open the folder `{}`", place.display()),
            },
            std::io::Error::from(cause),
        ),
    }
}

/// The private folder that a backup is made in, `.{service}.batt-{run}`. It goes when it is dropped, with whatever is
/// in it by then: parts of a backup that failed, or the backup that was replaced.
///
/// It lies in the destination; where that is controlled by others, in a folder of batt's own, as scripts write by path.
#[derive(Debug)]
pub(crate) struct Staging {
    parent: OwnedFd,
    parent_path: PathBuf,
    name: String,
    service: String,
}

impl Staging {
    /// Makes the folder, and one in it for the archives. `own` is where it goes when the destination is not root's alone.
    pub(crate) fn create(
        destination: &Destination,
        own: &Path,
        service: &Service,
        run: &RunId,
    ) -> Result<Self, Error> {
        let (parent, parent_path) = if destination.is_foreign() {
            files::make_private_folder(own)?;
            (open_folder(own)?, own.to_owned())
        } else {
            let parent = destination.folder().try_clone_to_owned();
            let failed =
                |cause| Error::system(format!("cannot open `{}`", destination.path.display()), cause);
            (parent.map_err(failed)?, destination.path.clone())
        };
        let staging = Self {
            parent,
            parent_path,
            name: staging_name(service, run),
            service: service.to_string(),
        };
        let fail = |cause: Errno| {
            Error::system(
                format!("cannot make `{}`", staging.path().display()),
                std::io::Error::from(cause),
            )
        };
        let inner = |name: &str| format!("{}/{name}", staging.name);
        mkdirat(&staging.parent, &staging.name, Mode::RWXU).map_err(fail)?;
        mkdirat(&staging.parent, inner(&staging.service), Mode::RWXU).map_err(fail)?;
        mkdirat(&staging.parent, inner("tmp"), Mode::RWXU).map_err(fail)?;
        Ok(staging)
    }

    /// Returns the folder itself: `BATT_DEST` of the script.
    pub(crate) fn path(&self) -> PathBuf {
        self.parent_path.join(&self.name)
    }

    /// Opens the folder itself.
    pub(super) fn open(&self) -> Result<OwnedFd, Error> {
        openat(&self.parent, &self.name, FOLDER, Mode::empty()).map_err(|cause| {
            Error::system(
                format!("cannot open `{}`", self.path().display()),
                std::io::Error::from(cause),
            )
        })
    }

    /// Returns the name in it of the folder for the archives.
    pub(super) fn service(&self) -> &str {
        &self.service
    }

    /// Returns the bytes that may still be written into it by this user.
    pub(crate) fn room(&self) -> Result<u64, Error> {
        room(self.parent.as_fd(), &self.parent_path)
    }

    /// Returns the folder for the archives.
    pub(crate) fn archives(&self) -> PathBuf {
        self.path().join(&self.service)
    }

    /// Returns the folder for temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// Moves what the script left out of the folder for the archives, which is empty then, and returns where to: what is
    /// to be published is put back one by one, and the rest goes with the staging folder.
    pub(crate) fn set_aside(&self) -> Result<PathBuf, Error> {
        const ASIDE: &str = ".aside";
        let fail = |cause: rustix::io::Errno| {
            Error::system(
                format!("cannot set aside `{}`", self.archives().display()),
                std::io::Error::from(cause),
            )
        };
        let folder = openat(&self.parent, &self.name, FOLDER, Mode::empty()).map_err(fail)?;
        // What the script put in its place may lead elsewhere.
        let found = statat(&folder, &self.service, AtFlags::SYMLINK_NOFOLLOW).map_err(fail)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
            return Err(fail(rustix::io::Errno::NOTDIR));
        }
        rustix::fs::chmodat(&folder, &self.service, Mode::RWXU, AtFlags::empty()).map_err(fail)?;
        // The script may have taken the name.
        remove_folder(folder.as_fd(), ASIDE).map_err(fail)?;
        rustix::fs::renameat(&folder, &self.service, &folder, ASIDE).map_err(fail)?;
        mkdirat(&folder, &self.service, Mode::RWXU).map_err(fail)?;
        Ok(self.path().join(ASIDE))
    }

    /// Returns the bytes that lie in the folder now.
    pub(crate) fn bytes(&self) -> u64 {
        folder_bytes(&self.path(), 0)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = remove_folder(self.parent.as_fd(), &self.name);
    }
}

fn room(folder: BorrowedFd<'_>, path: &Path) -> Result<u64, Error> {
    let numbers = fstatvfs(folder).map_err(|cause| {
        Error::system(
            format!("cannot ask for the room in `{}`", path.display()),
            std::io::Error::from(cause),
        )
    })?;
    Ok(numbers.f_bavail.saturating_mul(numbers.f_frsize))
}

/// Returns the name of the staging folder of a service.
pub(crate) fn staging_name(service: &Service, run: &RunId) -> String {
    format!(".{service}.batt-{run}")
}

/// Returns the name that a backup has, out of sight, while it is removed.
pub(crate) fn removal_name(service: &Service, run: &RunId) -> String {
    format!(".{service}.batt-{run}.purge")
}

/// Counts to a depth that a backup may have; what lies deeper is refused when it is judged.
fn folder_bytes(path: &Path, depth: usize) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() && depth < MOST_DEPTH => folder_bytes(&entry.path(), depth + 1),
            Ok(metadata) if metadata.is_dir() => 0,
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Removes a folder and all that is in it, never following a link and never leaving it.
pub(crate) fn remove_folder(parent: BorrowedFd<'_>, name: &str) -> Result<(), rustix::io::Errno> {
    let folder = match open_to_remove(parent, name) {
        Ok(folder) => folder,
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
            return unlinkat(parent, name, AtFlags::empty());
        }
        Err(cause) => return Err(cause),
    };
    remove_content(&folder)?;
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// Removes all that is in a folder, never following a link and never leaving it.
pub(crate) fn remove_content(folder: &OwnedFd) -> Result<(), rustix::io::Errno> {
    remove_content_but(folder, None)
}

/// Removes all that is in a folder but the file of this name.
pub(crate) fn remove_content_but(folder: &OwnedFd, kept: Option<&str>) -> Result<(), rustix::io::Errno> {
    let mut removal = Removal {
        top: folder,
        raised: 0,
        kept,
    };
    loop {
        let raised = removal.raised;
        removal.remove_entries(folder, 0)?;
        if removal.raised == raised {
            return Ok(());
        }
    }
}

/// The removal of all that is in a folder. What is nested too deep is first moved up, so that neither the stack nor the
/// number of open files depends on it.
struct Removal<'a> {
    top: &'a OwnedFd,
    raised: usize,
    /// What stays at the top.
    kept: Option<&'a str>,
}

impl Removal<'_> {
    fn remove_entries(&mut self, folder: &OwnedFd, depth: usize) -> Result<(), rustix::io::Errno> {
        for entry in rustix::fs::Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_kept = depth == 0 && self.kept.is_some_and(|kept| kept.as_bytes() == name.to_bytes());
            if matches!(name.to_bytes(), b"." | b"..") || is_kept {
                continue;
            }
            match unlinkat(folder, name, AtFlags::empty()) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(rustix::io::Errno::ISDIR | rustix::io::Errno::PERM) => {
                    let inner = open_to_remove(folder.as_fd(), name)?;
                    if depth == MOST_DEPTH {
                        self.raised += 1;
                        rustix::fs::renameat(folder, name, self.top, format!(".raised.{}", self.raised))?;
                        continue;
                    }
                    self.remove_entries(&inner, depth + 1)?;
                    unlinkat(folder, name, AtFlags::REMOVEDIR)?;
                }
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }
}

/// Opens a folder with the rights to remove what is in it: a script may have taken its own away.
fn open_to_remove(parent: BorrowedFd<'_>, name: impl Arg + Copy) -> Result<OwnedFd, rustix::io::Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = match openat(parent, name, flags | OFlags::RDONLY, Mode::empty()) {
        Err(rustix::io::Errno::ACCESS) => {
            // No right is needed for this, and through it the folder itself gets some, whatever has its name by then (open(2)).
            let folder = openat(parent, name, flags | OFlags::PATH, Mode::empty())?;
            rustix::fs::chmod(format!("/proc/self/fd/{}", folder.as_raw_fd()), Mode::RWXU)?;
            openat(&folder, ".", flags | OFlags::RDONLY, Mode::empty())?
        }
        opened => opened?,
    };
    let _ = rustix::fs::fchmod(&opened, Mode::RWXU);
    Ok(opened)
}

/// Opens a regular file of a folder without following a link and without waiting on a FIFO.
pub(crate) fn open_file(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(openat(CWD, path, flags, Mode::empty())?))
}

#[cfg(test)]
mod tests;

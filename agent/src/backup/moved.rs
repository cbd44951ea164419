//! A backup on its way from a folder of batt's own into one that others control: copied by descriptors, and hashed on the
//! way, into a folder there that only root can enter.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use batt_protocol::Error;
use rustix::fs::{AtFlags, Dir, Mode, OFlags, fstat, fsync, mkdirat, openat, unlinkat};
use rustix::io::Errno;

use super::destination::{remove_content, staging_name};
use super::folder::FOLDER;
use super::{BackupFolder, Destination, GUIDE, MANIFEST, Manifest, SUMS, Staging};
use crate::archive::Digest;
use crate::safe_path::is_ours;

/// The folder in the destination, held open. It goes when it is dropped, with what is in it by then.
#[derive(Debug)]
pub(super) struct Moved<'a> {
    destination: &'a Destination,
    name: String,
    folder: OwnedFd,
}

impl<'a> Moved<'a> {
    /// Copies a backup that was judged.
    ///
    /// # Errors
    /// What the disk does not take, and an archive that is not what was judged.
    pub(super) fn copy(
        destination: &'a Destination,
        staging: &Staging,
        manifest: &Manifest,
    ) -> Result<Self, Error> {
        let name = staging_name(&manifest.service, &manifest.run);
        let shown = destination.path().join(&name);
        let fail =
            |cause: std::io::Error| Error::system(format!("cannot write `{}`", shown.display()), cause);
        let moved = Self::make(destination, name).map_err(|cause| fail(cause.into()))?;
        let from = staging.open()?;
        let from =
            openat(&from, staging.service(), FOLDER, Mode::empty()).map_err(|cause| fail(cause.into()))?;
        let from = BackupFolder::of(from);
        let to = moved
            .inner(staging.service())
            .map_err(|cause| fail(cause.into()))?;
        let mut folders = BTreeSet::new();
        let archives = manifest.archives.iter();
        let archives = archives.map(|archive| (archive.file.as_str(), Some(archive.sha256.as_str())));
        for (file, sha256) in archives.chain([GUIDE, MANIFEST, SUMS].map(|paper| (paper, None))) {
            let source = from.file(file).map_err(Error::program)?;
            let found = copy_file(source, &to, file, &mut folders).map_err(fail)?;
            if sha256.is_some_and(|sha256| sha256 != found) {
                return Err(Error::program(format!(
                    "{} was changed on its way to `{}`",
                    batt_protocol::text::quoted(file),
                    shown.display()
                )));
            }
        }
        for folder in &folders {
            open_below(&to, folder)
                .and_then(|folder| fsync(&folder))
                .map_err(|cause| fail(cause.into()))?;
        }
        fsync(&to)
            .and_then(|()| fsync(&moved.folder))
            .map_err(|cause| fail(cause.into()))?;
        Ok(moved)
    }

    /// Makes the folder, and makes sure that it is the one that was made: empty, and root's alone.
    fn make(destination: &'a Destination, name: String) -> Result<Self, Errno> {
        mkdirat(destination.folder(), &name, Mode::RWXU)?;
        let folder = openat(destination.folder(), &name, FOLDER, Mode::empty())?;
        let found = fstat(&folder)?;
        let mut entries = Dir::read_from(&folder)?;
        let is_empty = entries
            .all(|entry| entry.is_ok_and(|entry| matches!(entry.file_name().to_bytes(), b"." | b"..")));
        if !is_ours(found.st_uid) || found.st_mode & 0o777 & !0o700 != 0 || !is_empty {
            return Err(Errno::PERM);
        }
        Ok(Self {
            destination,
            name,
            folder,
        })
    }

    fn inner(&self, name: &str) -> Result<OwnedFd, Errno> {
        mkdirat(&self.folder, name, Mode::RWXU)?;
        openat(&self.folder, name, FOLDER, Mode::empty())
    }

    pub(super) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

impl Drop for Moved<'_> {
    fn drop(&mut self) {
        let _ = remove_content(&self.folder);
        // Of another one that has the name by now nothing is removed: it is not empty, or nobody misses it.
        let _ = unlinkat(self.destination.folder(), &self.name, AtFlags::REMOVEDIR);
    }
}

/// Copies one file to the same path below `to`, waits until it is on the disk, and returns its SHA-256. Notes the folders
/// that were made for it.
fn copy_file(
    mut source: File,
    to: &OwnedFd,
    file: &str,
    folders: &mut BTreeSet<String>,
) -> std::io::Result<String> {
    let (above, name) = file.rsplit_once('/').unwrap_or(("", file));
    for (end, _) in file.match_indices('/') {
        let folder = &file[..end];
        if folders.insert(folder.to_owned()) {
            let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
            mkdirat(open_below(to, above)?, name, Mode::RWXU)?;
        }
    }
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut target = File::from(openat(
        open_below(to, above)?,
        name,
        new,
        Mode::RUSR | Mode::WUSR,
    )?);
    let mut digest = Digest::default();
    let mut buffer = vec![0u8; 256 << 10];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                digest.update(&buffer[..length]);
                target.write_all(&buffer[..length])?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    target.sync_all()?;
    Ok(digest.hex())
}

fn open_below(folder: &OwnedFd, path: &str) -> Result<OwnedFd, Errno> {
    let mut reached = openat(folder, ".", FOLDER, Mode::empty())?;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        reached = openat(&reached, part, FOLDER, Mode::empty())?;
    }
    Ok(reached)
}

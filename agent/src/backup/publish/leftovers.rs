//! What a run that died left at the place where it published: its staging folder, and names that were given half.

use std::os::fd::OwnedFd;
use std::path::Path;

use batt_protocol::{BackupState, Error, RunId, Service};
use rustix::fs::{AtFlags, Mode, fstat, openat, statat};
use rustix::io::Errno;

use super::{Renamed, own_name, rename_new};
use crate::backup::destination::{remove_content, remove_folder, staging_name};
use crate::backup::folder::FOLDER;
use crate::backup::{BackupFolder, Destination, Entry, MANIFEST, Manifest};
use crate::trust::AllowedForeign;

/// Tells whether something of a run is left at `path`, or at `own`, that should be gone when it has ended: its staging folder.
pub(crate) fn is_left(path: &Path, own: &Path, service: &Service, run: &RunId) -> bool {
    let is_there = |path: &Path| path.join(staging_name(service, run)).symlink_metadata().is_ok();
    is_there(path) || is_there(own)
}

/// Gives backups the names that they have when a run has ended, where it died between two renames, and returns the place of
/// the one that had the usual place before. `earlier` is what the catalogue knows to have had it.
///
/// # Errors
/// A destination that is refused, and what cannot be renamed.
pub(crate) fn settle(
    path: &Path,
    allowed: &AllowedForeign,
    earlier: &Entry,
    run: &RunId,
) -> Result<Option<std::path::PathBuf>, Error> {
    let Some(destination) = Destination::existing(path, allowed)? else {
        return Ok(None);
    };
    let service = &earlier.service;
    let (usual, own, aside) = (
        service.to_string(),
        own_name(service, run),
        own_name(service, &earlier.run),
    );
    let read = |name: &str| {
        let opened = openat(destination.folder(), name, FOLDER, Mode::empty()).ok()?;
        Manifest::read_in(&BackupFolder::of(opened), &path.join(name)).ok()
    };
    let is_earlier = |name: &str| read(name).is_some_and(|(_, sha256)| sha256 == earlier.manifest_sha256);
    let mut renamed = false;
    // A run of an earlier version hid it.
    for hidden in [own.clone(), format!(".{service}.batt-{run}.aside")] {
        if is_earlier(&hidden) {
            renamed |= is_done(rename_new(&destination, destination.folder(), &hidden, &aside)?);
        }
    }
    if !is_earlier(&aside) {
        return Ok(None);
    }
    let is_new =
        |(manifest, _): (Manifest, String)| manifest.run == *run && manifest.state == BackupState::Good;
    if !destination.has(&usual) {
        if read(&own).is_some_and(is_new) {
            renamed |= is_done(rename_new(&destination, destination.folder(), &own, &usual)?);
        } else if is_done(rename_new(&destination, destination.folder(), &aside, &usual)?) {
            // The new one never came to its place.
            destination.sync()?;
            return Ok(None);
        }
    }
    if renamed {
        destination.sync()?;
    }
    Ok(Some(path.join(aside)))
}

fn is_done(renamed: Renamed) -> bool {
    matches!(renamed, Renamed::Done)
}

/// Removes what a run that died left at `path` and at `own`.
///
/// # Errors
/// A destination that is refused, and what cannot be removed.
pub(crate) fn clean_up(
    path: &Path,
    own: &Path,
    allowed: &AllowedForeign,
    service: &Service,
    run: &RunId,
) -> Result<(), Error> {
    let staging = staging_name(service, run);
    let cannot = |folder: &Path, cause: Errno| {
        Error::system(
            format!("cannot remove the leftover `{}`", folder.join(&staging).display()),
            std::io::Error::from(cause),
        )
    };
    if let Some(own) = Destination::existing(own, &AllowedForeign::default())? {
        remove_folder(own.folder(), &staging).map_err(|cause| cannot(own.path(), cause))?;
    }
    let Some(destination) = Destination::existing(path, allowed)? else {
        return Ok(());
    };
    if destination.is_foreign() {
        return remove_ours(&destination, &staging).map_err(|cause| cannot(path, cause));
    }
    remove_folder(destination.folder(), &staging).map_err(|cause| cannot(path, cause))
}

/// Removes a staging folder where others can rename what is ours: a backup that they gave its name is left alone.
fn remove_ours(destination: &Destination, name: &str) -> Result<(), Errno> {
    let Ok(opened) = openat(destination.folder(), name, FOLDER, Mode::empty()) else {
        return Ok(());
    };
    let found = fstat(&opened)?;
    let opened: OwnedFd = opened;
    let is_backup = statat(&opened, MANIFEST, AtFlags::SYMLINK_NOFOLLOW).is_ok();
    if !crate::safe_path::is_ours(found.st_uid) || is_backup {
        return Ok(());
    }
    remove_content(&opened)?;
    match rustix::fs::unlinkat(destination.folder(), name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::NOTEMPTY) => Ok(()),
        Err(cause) => Err(cause),
    }
}

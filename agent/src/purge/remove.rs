//! Taking one backup away, so that a crash at any moment leaves it whole at its place, or out of sight.
//!
//! It is renamed to a hidden name in its own folder, that is synced, the catalogue is told, and only then is it deleted. A
//! removal that was interrupted is found again by the catalogue, and finished.
//!
//! Where others can rename what is ours, a name tells nothing: there the folder itself says what was decided. Its manifest has
//! another name then, which only root can have given it, and is the last of its files to go.

use std::path::{Path, PathBuf};

use batt_protocol::{Error, RunId};
use chrono::Utc;
use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, fstat, openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use crate::archive::Digest;
use crate::backup::{
    self, BackupFolder, Destination, Entry, Identity, Line, MANIFEST, Manifest, Mark, removal_name,
    remove_content_but, remove_folder,
};
use crate::home::Home;
use crate::host;
use crate::pattern::Pattern;
use crate::safe_path::is_ours;
use crate::trust::AllowedForeign;

/// The name that the manifest gets when its backup is to go.
const DECIDED: &str = "manifest.json.purge";

/// What a removal needs to know beside the backup.
pub(super) struct Removing<'a> {
    pub(super) home: &'a Home,
    pub(super) host_id: &'a str,
    /// The patterns that say which folders above a backup may go when they are empty.
    pub(super) places: &'a [Pattern],
    /// Folders that runs publish in now, or would.
    pub(super) in_use: &'a [PathBuf],
    /// Folders of others below which backups may lie.
    pub(super) allowed: &'a AllowedForeign,
}

impl Removing<'_> {
    /// Removes a backup. The caller holds the lock of its service.
    ///
    /// # Errors
    /// What is not, or no longer, this very backup of this host, or is pinned, or lies behind a link: it is untouched
    /// then. And what the disk does not take.
    pub(super) fn remove(&self, entry: &Entry) -> Result<(), Error> {
        let (folder, name) = place_of(entry)?;
        let Some(parent) = Destination::existing(folder, self.allowed)? else {
            return Err(gone(entry));
        };
        let opened = self.require_removable(&parent, entry, name)?;
        let hidden = removal_name(&entry.service, &entry.run);
        // What a removal before left of a backup with this very id. Where others can rename what is ours it may be anything.
        if !parent.is_foreign() {
            delete(&parent, &hidden)?;
        }
        hide(&parent, name, &hidden)?;
        let put_back = |why: &str| {
            hide(&parent, &hidden, name)?;
            Err(Error::refused(format!("`{}` {why}", entry.id())))
        };
        if !is_same(&parent, &hidden, &opened) {
            return put_back("was replaced while it was looked at");
        }
        // Somebody may have pinned it in this very moment.
        if opened.has(Mark::Pinned.file_name()) {
            return put_back("is pinned");
        }
        self.finish(&parent, entry, &hidden, Some(opened))
    }

    /// Finishes the removal of a backup that was interrupted, if there is anything to finish. The caller holds the lock
    /// of its service.
    ///
    /// # Errors
    /// What the disk does not take.
    pub(super) fn finish_interrupted(&self, entry: &Entry) -> Result<(), Error> {
        let (folder, _) = place_of(entry)?;
        let hidden = removal_name(&entry.service, &entry.run);
        match Destination::existing(folder, self.allowed)? {
            Some(parent) if parent.is_foreign() => self.finish_foreign(&parent, entry, &hidden),
            Some(parent) if parent.has(&hidden) => self.finish(&parent, entry, &hidden, None),
            _ => Ok(()),
        }
    }

    /// Finishes a removal where others can rename what is ours, so that a good backup may have the name of a hidden one. What is not
    /// known for the rest of this very backup is left alone.
    fn finish_foreign(&self, parent: &Destination, entry: &Entry, hidden: &str) -> Result<(), Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(opened) = openat(parent.folder(), hidden, flags, Mode::empty()) else {
            return Ok(());
        };
        if !fstat(&opened).is_ok_and(|found| is_ours(found.st_uid)) {
            return Ok(());
        }
        let opened = BackupFolder::of(opened);
        let is_its = |name: &str| {
            let manifest = opened.read(name, Manifest::LIMIT);
            manifest.is_ok_and(|manifest| Digest::of(&manifest) == entry.manifest_sha256)
        };
        if is_its(DECIDED) {
            return self.finish(parent, entry, hidden, Some(opened));
        }
        if is_its(MANIFEST) {
            // It was hidden, by us or by somebody else, and nothing was decided. Whatever has its place by now stays.
            let (_, name) = place_of(entry)?;
            let _ = hide(parent, hidden, name);
            return Ok(());
        }
        // The manifest is the last to go.
        let _ = unlinkat(parent.folder(), hidden, AtFlags::REMOVEDIR);
        Ok(())
    }

    /// Tells the catalogue that a backup is out of sight, and deletes it.
    /// Where it is held open, that very folder is deleted, whatever has its name by then.
    fn finish(
        &self,
        parent: &Destination,
        entry: &Entry,
        hidden: &str,
        opened: Option<BackupFolder>,
    ) -> Result<(), Error> {
        let cannot = |cause| fail("remove", parent, hidden, cause);
        if let Some(opened) = &opened {
            match renameat(opened.folder(), MANIFEST, opened.folder(), DECIDED) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(cause) => return Err(cannot(cause)),
            }
            rustix::fs::fsync(opened.folder()).map_err(cannot)?;
        }
        let removed = Line::Removed {
            id: entry.id(),
            at: Utc::now(),
        };
        let told = backup::remember(self.home, &removed);
        match opened.map(|opened| opened.folder().try_clone_to_owned()) {
            Some(Ok(opened)) => {
                remove_content_but(&opened, Some(DECIDED)).map_err(cannot)?;
                match unlinkat(&opened, DECIDED, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(cause) => return Err(cannot(cause)),
                }
                unlinkat(parent.folder(), hidden, AtFlags::REMOVEDIR)
                    .map_err(|cause| fail("remove", parent, hidden, cause))?;
                parent.sync()?;
            }
            _ if parent.is_foreign() => return Err(fail("remove", parent, hidden, Errno::MFILE)),
            _ => delete(parent, hidden)?,
        }
        // A disk that is full may take the line once there is room.
        told.or_else(|_| backup::remember(self.home, &removed))?;
        self.remove_empty_above(parent.path());
        Ok(())
    }

    /// Refuses what is not this backup of this host, as it was published, and what is pinned.
    fn require_removable(
        &self,
        parent: &Destination,
        entry: &Entry,
        name: &str,
    ) -> Result<BackupFolder, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = match openat(parent.folder(), name, flags, Mode::empty()) {
            Ok(opened) => BackupFolder::of(opened),
            Err(Errno::NOENT) => return Err(gone(entry)),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                return Err(Error::refused(format!(
                    "`{}` is no folder of its own, and is left alone",
                    entry.path.display()
                )));
            }
            Err(cause) => return Err(fail("open", parent, name, cause)),
        };
        let (identity, seen) = Identity::read_in(&opened, &entry.path)?;
        if identity.host_id != self.host_id {
            return Err(Error::refused(format!(
                "`{}` is a backup of another host",
                entry.path.display()
            )));
        }
        if identity.run != entry.run || identity.service != entry.service {
            return Err(gone(entry));
        }
        if seen.manifest_sha256.as_ref() != Some(&entry.manifest_sha256) {
            return Err(Error::refused(format!(
                "what lies at `{}` is not the backup `{}` as it was published, and is left alone",
                entry.path.display(),
                entry.id()
            )));
        }
        if opened.has(Mark::Pinned.file_name()) {
            return Err(Error::refused(format!("`{}` is pinned", entry.id())));
        }
        Ok(opened)
    }

    /// Removes the folders of dates above a backup that are empty now, up to the fixed part of the pattern that made
    /// them. What cannot be removed is not empty, or stays.
    fn remove_empty_above(&self, folder: &Path) {
        let host = host::host_name();
        let fixed = self
            .places
            .iter()
            .map(Pattern::layout)
            .filter(|layout| layout.holds(folder, &host))
            .map(|layout| layout.fixed_part(&host))
            .max_by_key(|fixed| fixed.components().count());
        let Some(fixed) = fixed else { return };
        for above in folder.ancestors().take_while(|above| **above != fixed) {
            let in_use = self.in_use.iter().any(|used| used.starts_with(above));
            let (Some(parent), Some(name)) = (above.parent(), above.file_name()) else {
                return;
            };
            let Ok(Some(parent)) = Destination::existing(parent, self.allowed) else {
                return;
            };
            if in_use || unlinkat(parent.folder(), name, AtFlags::REMOVEDIR).is_err() {
                return;
            }
        }
    }
}

/// Tells whether an entry is the very folder that is held open.
fn is_same(parent: &Destination, name: &str, opened: &BackupFolder) -> bool {
    let found = statat(parent.folder(), name, AtFlags::SYMLINK_NOFOLLOW);
    match (found, fstat(opened.folder())) {
        (Ok(found), Ok(opened)) => (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino),
        _ => false,
    }
}

/// Returns the folder that a backup lies in and its name there. What has another name than a backup has is none: the
/// catalogue is read from a disk, and never says alone what is deleted.
fn place_of(entry: &Entry) -> Result<(&Path, &str), Error> {
    let named = |name: &&str| {
        *name == entry.service.to_string()
            || name.split_once('~').is_some_and(|(service, run)| {
                service == entry.service.to_string() && run.parse::<RunId>().as_ref() == Ok(&entry.run)
            })
    };
    let name = entry.path.file_name().and_then(|name| name.to_str());
    match (entry.path.parent(), name.filter(named)) {
        (Some(folder), Some(name)) if entry.path.is_absolute() => Ok((folder, name)),
        _ => Err(Error::refused(format!(
            "`{}` is not where a backup of `{}` lies",
            entry.path.display(),
            entry.service
        ))),
    }
}

fn gone(entry: &Entry) -> Error {
    Error::program(format!(
        "the backup `{}` is not at `{}` any more",
        entry.id(),
        entry.path.display()
    ))
}

/// Renames to a name that nothing has, and waits until that is on the disk.
fn hide(parent: &Destination, from: &str, to: &str) -> Result<(), Error> {
    let folder = parent.folder();
    match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        // A file system without the flag (NFS): the lock of the service keeps others of us away.
        Err(Errno::INVAL | Errno::NOSYS) if !parent.has(to) => renameat(folder, from, folder, to),
        renamed => renamed,
    }
    .map_err(|cause| fail("remove", parent, from, cause))?;
    parent.sync()
}

fn delete(parent: &Destination, name: &str) -> Result<(), Error> {
    if !parent.has(name) {
        return Ok(());
    }
    remove_folder(parent.folder(), name).map_err(|cause| fail("remove", parent, name, cause))?;
    parent.sync()
}

fn fail(what: &str, parent: &Destination, name: &str, cause: Errno) -> Error {
    Error::system(
        format!("cannot {what} `{}`", parent.path().join(name).display()),
        std::io::Error::from(cause),
    )
}

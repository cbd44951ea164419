//! From staging to the final place by one rename, without ever losing what an earlier backup alone holds.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use batt_protocol::{BackupState, Error, RunId, Service};
use rustix::fs::{AtFlags, Mode, RenameFlags, fstat, openat, renameat, renameat_with, statat};
use rustix::io::Errno;

use super::destination::{remove_folder, staging_name};
use super::folder::FOLDER;
use super::moved::Moved;
use super::{BackupFolder, Destination, MANIFEST, Manifest, Mark, Staging};
use crate::trust::AllowedForeign;

/// Where a backup was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its folder.
    pub(crate) path: PathBuf,
    /// Why it stands beside the usual place, when it does.
    pub(crate) beside: Option<String>,
}

/// Publishes what was judged and lies whole in the staging folder. `is_ours` tells of a manifest and its SHA-256 whether this
/// host knows to have published it: nothing else is ever replaced.
///
/// # Errors
/// A refusal when the place holds a backup of another host; an error of the disk. The earlier backup is untouched then.
pub(crate) fn publish(
    destination: &Destination,
    staging: &Staging,
    manifest: &Manifest,
    is_ours: &dyn Fn(&Manifest, &str) -> bool,
) -> Result<Place, Error> {
    if destination.is_foreign() {
        let moved = Moved::copy(destination, staging, manifest)?;
        return publish_from(destination, moved.folder(), staging.service(), manifest, is_ours);
    }
    let staged = staging.open()?;
    publish_from(destination, staged.as_fd(), staging.service(), manifest, is_ours)
}

/// Publishes the entry `staged` of a folder that nobody else can touch.
fn publish_from(
    destination: &Destination,
    from: BorrowedFd<'_>,
    staged: &str,
    manifest: &Manifest,
    is_ours: &dyn Fn(&Manifest, &str) -> bool,
) -> Result<Place, Error> {
    let name = manifest.service.to_string();
    let beside = format!("{name}~{}", manifest.run);
    let from = Staged {
        folder: from,
        name: staged,
    };
    let beside_for = |reason: String| match place_new(destination, &from, &beside)? {
        Renamed::Done => Ok(Some(reason)),
        Renamed::Taken => Err(Error::program(format!(
            "`{}` exists already",
            destination.path().join(&beside).display()
        ))),
    };
    let reason = if manifest.state == BackupState::Good {
        match place_new(destination, &from, &name)? {
            Renamed::Done => None,
            Renamed::Taken => match earlier(destination, &name, manifest, is_ours)? {
                Earlier::Covered(earlier) => {
                    exchange(destination, &from, &name, manifest, &earlier)?;
                    None
                }
                Earlier::Kept(reason) => beside_for(reason)?,
            },
        }
    } else {
        if destination.has(&name) {
            earlier(destination, &name, manifest, is_ours)?;
        }
        beside_for(format!("it is {}", manifest.state.word()))?
    };
    let name = if reason.is_some() { beside } else { name };
    Ok(Place {
        path: destination.path().join(name),
        beside: reason,
    })
}

/// A backup that is to be published: an entry of a folder that nobody else can touch.
struct Staged<'a> {
    folder: BorrowedFd<'a>,
    name: &'a str,
}

enum Renamed {
    Done,
    Taken,
}

/// Renames to a name that nothing has.
fn rename_new(
    destination: &Destination,
    from: BorrowedFd<'_>,
    name: &str,
    to: &str,
) -> Result<Renamed, Error> {
    let folder = destination.folder();
    let renamed = match renameat_with(from, name, folder, to, RenameFlags::NOREPLACE) {
        // A file system without the flag (NFS): the service's lock keeps others of us away, and a rename onto a
        // folder that is not empty fails anyway.
        Err(Errno::INVAL | Errno::NOSYS) if !destination.has(to) => renameat(from, name, folder, to),
        Err(Errno::INVAL | Errno::NOSYS) => Err(Errno::EXIST),
        renamed => renamed,
    };
    match renamed {
        Ok(()) => Ok(Renamed::Done),
        Err(Errno::EXIST | Errno::NOTEMPTY) => Ok(Renamed::Taken),
        Err(cause) => Err(fail(destination, to, cause)),
    }
}

/// Publishes under a name that nothing has. What cannot be synced is taken back: nobody may see what was not said to be
/// good.
fn place_new(destination: &Destination, from: &Staged<'_>, to: &str) -> Result<Renamed, Error> {
    let renamed = rename_new(destination, from.folder, from.name, to)?;
    if matches!(renamed, Renamed::Done)
        && let Err(error) = destination.sync()
    {
        let _ = renameat(destination.folder(), to, from.folder, from.name);
        return Err(error);
    }
    Ok(renamed)
}

/// What to do with the earlier backup at the place.
enum Earlier {
    /// The new one holds all that it holds. Its folder, held open.
    Covered(BackupFolder),
    /// It stays, for this reason.
    Kept(String),
}

fn earlier(
    destination: &Destination,
    name: &str,
    manifest: &Manifest,
    is_ours: &dyn Fn(&Manifest, &str) -> bool,
) -> Result<Earlier, Error> {
    let place = destination.path().join(name);
    let opened = openat(destination.folder(), name, FOLDER, Mode::empty()).map(BackupFolder::of);
    let read = opened
        .ok()
        .and_then(|opened| Some((Manifest::read_in(&opened, &place).ok()?, opened)));
    let Some(((earlier, sha256), opened)) = read else {
        return Ok(Earlier::Kept(format!(
            "what lies at `{}` has no manifest of batt and is kept",
            place.display()
        )));
    };
    if earlier.host_id != manifest.host_id {
        return Err(Error::refused(format!(
            "`{}` is a backup of another host, {}",
            place.display(),
            batt_protocol::text::quoted(&earlier.host)
        ))
        .hint("Give each host a path of its own, as with `{host}` in `path`."));
    }
    if opened.has(Mark::Pinned.file_name()) {
        return Ok(Earlier::Kept(format!(
            "the backup `{}` is pinned and is kept",
            earlier.id()
        )));
    }
    if manifest.state != BackupState::Good {
        return Ok(Earlier::Kept(format!("it is {}", manifest.state.word())));
    }
    if !manifest.verified {
        return Ok(Earlier::Kept(format!(
            "the backup `{}` is kept until this one is verified",
            earlier.id()
        )));
    }
    if !is_ours(&earlier, &sha256) {
        return Ok(Earlier::Kept(format!(
            "the backup at `{}` is not known to this host and is kept",
            place.display()
        )));
    }
    if manifest.covers(&earlier) {
        return Ok(Earlier::Covered(opened));
    }
    Ok(Earlier::Kept(format!(
        "the backup `{}` holds more than this one and is kept",
        earlier.id()
    )))
}

/// Exchanges the new backup with the earlier one, so that there is never a moment without. The earlier one goes with
/// the staging folder, and comes back when the exchange cannot be synced.
fn exchange(
    destination: &Destination,
    from: &Staged<'_>,
    to: &str,
    manifest: &Manifest,
    earlier: &BackupFolder,
) -> Result<(), Error> {
    let folder = destination.folder();
    match renameat_with(from.folder, from.name, folder, to, RenameFlags::EXCHANGE) {
        Ok(()) => {
            if !is_it(from, earlier) {
                // Whoever can write there has put another one there meanwhile, which must not go with the staging folder.
                let aside = format!(".{to}.batt-{}.replaced", manifest.run);
                let kept = renameat_with(from.folder, from.name, folder, &aside, RenameFlags::NOREPLACE);
                return kept
                    .map_err(|cause| fail(destination, &aside, cause))
                    .and_then(|()| destination.sync());
            }
            destination.sync().inspect_err(|_| {
                let _ = renameat_with(from.folder, from.name, folder, to, RenameFlags::EXCHANGE);
            })
        }
        Err(Errno::INVAL | Errno::NOSYS) => {
            if destination.is_foreign() {
                return Err(fail(destination, to, Errno::NOSYS));
            }
            step_aside(
                destination,
                from,
                to,
                &aside_name(&manifest.service, &manifest.run),
            )
        }
        Err(cause) => Err(fail(destination, to, cause)),
    }
}

/// Tells whether the entry of the staging folder is the very folder that was looked at.
fn is_it(from: &Staged<'_>, earlier: &BackupFolder) -> bool {
    let found = statat(from.folder, from.name, AtFlags::SYMLINK_NOFOLLOW);
    match (found, fstat(earlier.folder())) {
        (Ok(found), Ok(earlier)) => (found.st_dev, found.st_ino) == (earlier.st_dev, earlier.st_ino),
        _ => false,
    }
}

/// Does what [`exchange`] does where the file system cannot: a crash in between is healed by [`heal`].
fn step_aside(destination: &Destination, from: &Staged<'_>, to: &str, aside: &str) -> Result<(), Error> {
    let folder = destination.folder();
    renameat(folder, to, folder, aside).map_err(|cause| fail(destination, to, cause))?;
    let put_back = || {
        let _ = renameat(folder, aside, folder, to);
    };
    destination.sync().inspect_err(|_| put_back())?;
    if let Err(cause) = renameat(from.folder, from.name, folder, to) {
        put_back();
        return Err(fail(destination, to, cause));
    }
    destination.sync().inspect_err(|_| {
        let _ = renameat(folder, to, from.folder, from.name);
        put_back();
    })?;
    remove_folder(folder, aside).map_err(|cause| fail(destination, aside, cause))
}

fn aside_name(service: &Service, run: &RunId) -> String {
    format!(".{service}.batt-{run}.aside")
}

/// Puts back what a run that died had set aside; removes it when the new backup is in place.
fn heal(destination: &Destination, service: &Service, run: &RunId) -> Result<(), Error> {
    let (name, aside) = (service.to_string(), aside_name(service, run));
    // Where others could have made it nothing is ever set aside.
    if destination.is_foreign() || !destination.has(&aside) {
        return Ok(());
    }
    let folder = destination.folder();
    match rename_new(destination, folder, &aside, &name)? {
        Renamed::Done => {}
        Renamed::Taken => remove_folder(folder, &aside).map_err(|cause| fail(destination, &aside, cause))?,
    }
    destination.sync()
}

/// Tells whether something of a run is left at `path`, or at `own`, that should be gone when it has ended: its staging folder,
/// or a backup that it had set aside.
pub(crate) fn is_left(path: &Path, own: &Path, service: &Service, run: &RunId) -> bool {
    [path, own].iter().any(|path| {
        [staging_name(service, run), aside_name(service, run)]
            .iter()
            .any(|name| path.join(name).symlink_metadata().is_ok())
    })
}

/// Removes what a run that died left at `path`, after putting back what it had set aside, and at `own`.
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
    heal(&destination, service, run)?;
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
    super::destination::remove_content(&opened)?;
    match rustix::fs::unlinkat(destination.folder(), name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::NOTEMPTY) => Ok(()),
        Err(cause) => Err(cause),
    }
}

fn fail(destination: &Destination, name: &str, cause: Errno) -> Error {
    Error::system(
        format!("cannot publish to `{}`", destination.path().join(name).display()),
        std::io::Error::from(cause),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::backup::MANIFEST;
    use crate::backup::manifest::tests::manifest;

    const FIRST: &str = "20260131T023000Z-00000a";
    const SECOND: &str = "20260131T120000Z-00000b";

    fn make(destination: &Destination, manifest: &Manifest) -> Result<Place, Error> {
        let staging =
            Staging::create(destination, destination.path(), &manifest.service, &manifest.run).unwrap();
        for archive in &manifest.archives {
            fs::write(staging.archives().join(&archive.file), manifest.run.as_str()).unwrap();
        }
        fs::write(
            staging.archives().join(MANIFEST),
            serde_json::to_vec(manifest).unwrap(),
        )
        .unwrap();
        publish(destination, &staging, manifest, &|_, _| true)
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(path)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_backup_that_holds_all_of_the_earlier_one_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let destination = Destination::open(folder.path(), &AllowedForeign::default()).unwrap();
        make(&destination, &manifest(FIRST, &["a"], &["a"])).unwrap();
        let place = make(&destination, &manifest(SECOND, &[], &["a", "b"])).unwrap();
        assert_eq!(
            place,
            Place {
                path: folder.path().join("mysql"),
                beside: None
            }
        );
        assert_eq!(names(folder.path()), ["mysql"]);
        assert_eq!(fs::read_to_string(folder.path().join("mysql/a")).unwrap(), SECOND);
    }

    #[test]
    fn a_noon_run_of_one_database_takes_nothing_from_last_nights_backup_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let destination = Destination::open(folder.path(), &AllowedForeign::default()).unwrap();
        make(&destination, &manifest(FIRST, &[], &["a", "b"])).unwrap();
        let place = make(&destination, &manifest(SECOND, &["a"], &["a"])).unwrap();
        assert_eq!(place.path, folder.path().join(format!("mysql~{SECOND}")));
        assert_eq!(
            place.beside.unwrap(),
            format!("the backup `{FIRST}.mysql` holds more than this one and is kept")
        );
        assert_eq!(fs::read_to_string(folder.path().join("mysql/b")).unwrap(), FIRST);
    }

    #[test]
    fn what_is_pinned_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let destination = Destination::open(folder.path(), &AllowedForeign::default()).unwrap();
        let first = make(&destination, &manifest(FIRST, &[], &["a"])).unwrap();
        let at = chrono::DateTime::default();
        super::super::marks::set(&first.path, Mark::Pinned, &batt_protocol::AskedBy::default(), at).unwrap();
        let place = make(&destination, &manifest(SECOND, &[], &["a"])).unwrap();
        assert_eq!(
            place.beside.unwrap(),
            format!("the backup `{FIRST}.mysql` is pinned and is kept")
        );
        assert_eq!(fs::read_to_string(folder.path().join("mysql/a")).unwrap(), FIRST);
    }

    #[test]
    fn what_is_not_ours_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let destination = Destination::open(folder.path(), &AllowedForeign::default()).unwrap();
        let other = Manifest {
            host_id: "2".to_owned(),
            host: "twin".to_owned(),
            ..manifest(FIRST, &[], &["a"])
        };
        make(&destination, &other).unwrap();
        let error = make(&destination, &manifest(SECOND, &[], &["a"])).unwrap_err();
        assert_eq!(error.exit(), batt_protocol::ExitCode::REFUSED);
        assert_eq!(names(folder.path()), ["mysql"]);

        fs::remove_file(folder.path().join("mysql").join(MANIFEST)).unwrap();
        let place = make(&destination, &manifest(SECOND, &[], &["a"])).unwrap();
        assert!(place.beside.unwrap().contains("has no manifest of batt"));
    }

    #[test]
    fn a_crash_between_two_renames_is_healed() {
        let folder = tempfile::tempdir().unwrap();
        let destination = Destination::open(folder.path(), &AllowedForeign::default()).unwrap();
        let first = manifest(FIRST, &[], &["a"]);
        make(&destination, &first).unwrap();
        let (service, run): (Service, RunId) = ("mysql".parse().unwrap(), SECOND.parse().unwrap());
        let aside = aside_name(&service, &run);
        fs::rename(folder.path().join("mysql"), folder.path().join(&aside)).unwrap();
        heal(&destination, &service, &run).unwrap();
        assert_eq!(names(folder.path()), ["mysql"]);

        fs::create_dir(folder.path().join(&aside)).unwrap();
        heal(&destination, &service, &run).unwrap();
        assert_eq!(names(folder.path()), ["mysql"]);
    }

    #[test]
    fn a_file_system_that_cannot_exchange_steps_aside() {
        let folder = tempfile::tempdir().unwrap();
        let destination = Destination::open(folder.path(), &AllowedForeign::default()).unwrap();
        fs::create_dir_all(folder.path().join("staging/mysql")).unwrap();
        fs::create_dir(folder.path().join("mysql")).unwrap();
        fs::write(folder.path().join("mysql/old"), "").unwrap();
        fs::write(folder.path().join("staging/mysql/new"), "").unwrap();
        let staging = fs::File::open(folder.path().join("staging")).unwrap();
        let from = Staged {
            folder: staging.as_fd(),
            name: "mysql",
        };
        step_aside(&destination, &from, "mysql", ".aside").unwrap();
        assert_eq!(names(&folder.path().join("mysql")), ["new"]);
        assert_eq!(names(folder.path()), ["mysql", "staging"]);
    }
}

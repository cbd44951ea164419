//! From staging to the final place by renames, without ever losing an earlier backup: it steps aside, and stays.

mod leftovers;
mod promotion;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use batt_protocol::{BackupState, Error, RunId, Service};
use rustix::fs::{AtFlags, Mode, RenameFlags, fstat, openat, renameat, renameat_with, statat};
use rustix::io::Errno;

use super::folder::FOLDER;
use super::moved::Moved;
use super::{BackupFolder, Destination, Manifest, Staging};
use crate::scope::Scope;

pub(crate) use leftovers::{clean_up, is_left, settle};
pub(crate) use promotion::promote;

/// Where a backup was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its folder.
    pub(crate) path: PathBuf,
    /// Why it stands beside the usual place, when it does.
    pub(crate) beside: Option<String>,
    /// The earlier backup that had the usual place until now.
    pub(crate) aside: Option<Aside>,
}

/// An earlier backup that made room for a newer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aside {
    /// Its id.
    pub(crate) id: String,
    /// Its folder from now on.
    pub(crate) path: PathBuf,
}

/// What decides whether a backup takes the usual place of its service.
#[derive(Clone, Copy)]
pub(crate) struct Claim<'a> {
    /// The manifest of the new one.
    pub(crate) manifest: &'a Manifest,
    /// What is promised of its service.
    pub(crate) promise: &'a Scope,
    /// Tells of a manifest and its SHA-256 whether this host knows to have published it: nothing else is ever moved.
    pub(crate) is_ours: &'a dyn Fn(&Manifest, &str) -> bool,
}

/// Publishes what was judged and lies whole in the staging folder.
///
/// The usual place, `{service}`, holds the newest good backup that keeps the promise: who copies that path by hand has what
/// is meant. The earlier one steps aside to its own name, `{service}~{run}`, and only retention removes it. What is less than
/// the earlier one is published under its own name.
///
/// # Errors
/// A refusal when the place holds a backup of another host; an error of the disk. The earlier backup is where it was then.
pub(crate) fn publish(
    destination: &Destination,
    staging: &Staging,
    claim: &Claim<'_>,
) -> Result<Place, Error> {
    if destination.is_foreign() {
        let moved = Moved::copy(destination, staging, claim.manifest)?;
        return publish_from(destination, moved.folder(), staging.service(), claim);
    }
    let staged = staging.open()?;
    publish_from(destination, staged.as_fd(), staging.service(), claim)
}

/// Publishes the entry `staged` of a folder that nobody else can touch.
fn publish_from(
    destination: &Destination,
    from: BorrowedFd<'_>,
    staged: &str,
    claim: &Claim<'_>,
) -> Result<Place, Error> {
    let manifest = claim.manifest;
    let usual = manifest.service.to_string();
    let own = own_name(&manifest.service, &manifest.run);
    let from = Staged {
        folder: from,
        name: staged,
        identity: identity(from, staged),
    };
    let placed = |name: &str, beside: Option<String>, aside: Option<Aside>| Place {
        path: destination.path().join(name),
        beside,
        aside,
    };
    if manifest.state == BackupState::Good && matches!(place_new(destination, &from, &usual)?, Renamed::Done)
    {
        return Ok(placed(&usual, None, None));
    }
    let earlier = earlier(destination, &usual, claim)?;
    if matches!(place_new(destination, &from, &own)?, Renamed::Taken) {
        return Err(Error::program(format!(
            "`{}` exists already",
            destination.path().join(&own).display()
        )));
    }
    match earlier {
        Earlier::Kept(reason) => Ok(placed(&own, Some(reason), None)),
        Earlier::Moves(earlier) => {
            let names = Names {
                own: &own,
                usual: &usual,
            };
            let aside = take_place(destination, &names, &earlier)
                .inspect_err(|_| from.take_back(destination, &own))?;
            Ok(placed(&usual, None, aside))
        }
    }
}

/// Returns the name that a backup has beside the usual place.
fn own_name(service: &Service, run: &RunId) -> String {
    format!("{service}~{run}")
}

/// A backup that is to be published: an entry of a folder that nobody else can touch.
struct Staged<'a> {
    folder: BorrowedFd<'a>,
    name: &'a str,
    /// Which folder it is.
    identity: Option<(u64, u64)>,
}

impl Staged<'_> {
    /// Takes it back from the name that it was published under: nobody may see what was not said to be good. Whatever else has
    /// that name by now stays.
    fn take_back(&self, destination: &Destination, name: &str) {
        if self.identity.is_some() && identity(destination.folder(), name) == self.identity {
            let _ = renameat(destination.folder(), name, self.folder, self.name);
        }
    }
}

/// Returns what tells an entry of a folder from any other: its device and its number there.
fn identity(folder: BorrowedFd<'_>, name: &str) -> Option<(u64, u64)> {
    let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some((found.st_dev, found.st_ino))
}

enum Renamed {
    Done,
    Taken,
}

impl Renamed {
    /// Returns what takes a name that something has for an error.
    fn or_taken<'a>(destination: &'a Destination, name: &'a str) -> impl Fn(Self) -> Result<(), Error> + 'a {
        move |renamed| match renamed {
            Self::Done => Ok(()),
            Self::Taken => Err(fail(destination, name, Errno::EXIST)),
        }
    }
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

/// Publishes under a name that nothing has. What cannot be synced is taken back.
fn place_new(destination: &Destination, from: &Staged<'_>, to: &str) -> Result<Renamed, Error> {
    let renamed = rename_new(destination, from.folder, from.name, to)?;
    if matches!(renamed, Renamed::Done)
        && let Err(error) = destination.sync()
    {
        from.take_back(destination, to);
        return Err(error);
    }
    Ok(renamed)
}

/// What becomes of the earlier backup at the usual place.
enum Earlier {
    /// It steps aside for the new one.
    Moves(Box<Standing>),
    /// It stays there, for this reason.
    Kept(String),
}

/// The earlier backup at the usual place.
struct Standing {
    manifest: Manifest,
    /// Its folder, held open.
    folder: BackupFolder,
}

fn earlier(destination: &Destination, usual: &str, claim: &Claim<'_>) -> Result<Earlier, Error> {
    let manifest = claim.manifest;
    let place = destination.path().join(usual);
    let kept = |reason: String| Ok(Earlier::Kept(reason));
    if manifest.state != BackupState::Good && !destination.has(usual) {
        return kept(format!("it is {}", manifest.state.word()));
    }
    let opened = openat(destination.folder(), usual, FOLDER, Mode::empty()).map(BackupFolder::of);
    let read = opened
        .ok()
        .and_then(|opened| Some((Manifest::read_in(&opened, &place).ok()?, opened)));
    let Some(((earlier, sha256), folder)) = read else {
        return kept(format!(
            "what lies at `{}` has no manifest of batt and is kept",
            place.display()
        ));
    };
    if earlier.host_id != manifest.host_id {
        return Err(Error::refused(format!(
            "`{}` is a backup of another host, {}",
            place.display(),
            batt_protocol::text::quoted(&earlier.host)
        ))
        .hint("Give each host a path of its own, as with `{host}` in `path`."));
    }
    if manifest.state != BackupState::Good {
        return kept(format!("it is {}", manifest.state.word()));
    }
    if !manifest.verified {
        return kept(format!(
            "the backup `{}` keeps the usual place until this one is verified",
            earlier.id()
        ));
    }
    if !(claim.is_ours)(&earlier, &sha256) {
        return kept(format!(
            "the backup at `{}` is not known to this host and is kept",
            place.display()
        ));
    }
    let stands_for =
        |manifest: &Manifest| Scope::of(&manifest.service, &manifest.items).within(claim.promise);
    if !stands_for(manifest).covers(&stands_for(&earlier)) {
        return kept(format!(
            "the backup `{}` holds more than this one and keeps the usual place",
            earlier.id()
        ));
    }
    let aside = own_name(&earlier.service, &earlier.run);
    if destination.has(&aside) {
        return kept(format!(
            "the backup `{}` cannot step aside: `{}` exists already",
            earlier.id(),
            destination.path().join(aside).display()
        ));
    }
    Ok(Earlier::Moves(Box::new(Standing {
        manifest: earlier,
        folder,
    })))
}

/// The two names of the new backup.
struct Names<'a> {
    /// Where it stands.
    own: &'a str,
    /// Where it is to stand.
    usual: &'a str,
}

/// Gives the new backup the usual place, and the earlier one its own name, so that there is never a moment without. Returns
/// where the earlier one stands now. A crash in between leaves both to be seen, and [`settle`] gives them their names.
fn take_place(
    destination: &Destination,
    names: &Names<'_>,
    earlier: &Standing,
) -> Result<Option<Aside>, Error> {
    let folder = destination.folder();
    let aside = own_name(&earlier.manifest.service, &earlier.manifest.run);
    let exchange = || renameat_with(folder, names.own, folder, names.usual, RenameFlags::EXCHANGE);
    match exchange() {
        Ok(()) if is_it(destination, names.own, earlier) => {
            rename_new(destination, folder, names.own, &aside)
                .and_then(Renamed::or_taken(destination, &aside))
                .inspect_err(|_| {
                    let _ = exchange();
                })?;
            destination.sync().inspect_err(|_| {
                let _ = renameat(folder, &aside, folder, names.own);
                let _ = exchange();
            })?;
        }
        Ok(()) => {
            // Whoever can write there has put another one there meanwhile.
            let kept = format!(".{}.replaced", names.own);
            renameat_with(folder, names.own, folder, &kept, RenameFlags::NOREPLACE)
                .map_err(|cause| fail(destination, &kept, cause))
                .inspect_err(|_| {
                    let _ = exchange();
                })?;
            destination.sync().inspect_err(|_| {
                let _ = renameat_with(folder, &kept, folder, names.own, RenameFlags::NOREPLACE);
                let _ = exchange();
            })?;
            return Ok(None);
        }
        // A file system without the flag (NFS).
        Err(Errno::INVAL | Errno::NOSYS) if !destination.is_foreign() => {
            step_aside(destination, names, &aside)?;
        }
        Err(cause) => return Err(fail(destination, names.usual, cause)),
    }
    Ok(Some(Aside {
        id: earlier.manifest.id(),
        path: destination.path().join(aside),
    }))
}

/// Tells whether an entry of the destination is the very folder that was looked at.
fn is_it(destination: &Destination, name: &str, earlier: &Standing) -> bool {
    match (
        identity(destination.folder(), name),
        fstat(earlier.folder.folder()),
    ) {
        (Some(found), Ok(earlier)) => found == (earlier.st_dev, earlier.st_ino),
        _ => false,
    }
}

/// Does what [`take_place`] does where the file system cannot exchange.
fn step_aside(destination: &Destination, names: &Names<'_>, aside: &str) -> Result<(), Error> {
    let folder = destination.folder();
    rename_new(destination, folder, names.usual, aside).and_then(Renamed::or_taken(destination, aside))?;
    let put_back = || {
        let _ = renameat(folder, aside, folder, names.usual);
    };
    destination.sync().inspect_err(|_| put_back())?;
    rename_new(destination, folder, names.own, names.usual)
        .and_then(Renamed::or_taken(destination, names.usual))
        .inspect_err(|_| put_back())?;
    destination.sync().inspect_err(|_| {
        let _ = renameat(folder, names.usual, folder, names.own);
        put_back();
    })
}

fn fail(destination: &Destination, name: &str, cause: Errno) -> Error {
    Error::system(
        format!("cannot publish to `{}`", destination.path().join(name).display()),
        std::io::Error::from(cause),
    )
}

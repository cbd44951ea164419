//! The folders that a command works in, also where its account could not reach them by their paths.

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use batt_protocol::Error;
use rustix::fs::{Stat, fchown, fstat};
use rustix::process::{Gid, Uid};

use super::change::AsRequest;
use super::identity::Identity;
use crate::enclosure::{Access, Enclosure, Exhibit, enter_folder};
use crate::host::User;
use crate::safe_path::{Links, Missing, SafeFolder};

/// How the folders are called in an enclosure.
const HERE: &str = "here";
const ROOM: &str = "room";

/// Makes the working folder the right one, and returns where the room of the command is, when it has one.
///
/// # Errors
/// Folders that others control, and a host where they cannot be shown (69).
pub(super) fn enter(request: &AsRequest, identity: &Identity) -> Result<Option<PathBuf>, Error> {
    let user = &identity.user;
    let named = request
        .folder
        .as_deref()
        .map(|path| of_account(path, user))
        .transpose()?;
    let room = request.room.as_deref().map(|path| room(path, user)).transpose()?;
    let here = match (&named, &identity.owned) {
        (Some(named), _) => Some(named),
        (None, Some(owned)) => Some(owned.folder()),
        (None, None) => None,
    };
    let must_be_shown = rustix::process::geteuid().is_root()
        && here
            .into_iter()
            .chain(&room)
            .any(|folder| !can_reach(folder, user));
    if !must_be_shown {
        match here.or(room.as_ref()) {
            Some(folder) => enter_opened(folder.folder())?,
            None => enter_folder(Path::new("/"))?,
        }
        return Ok(room.map(|room| room.path().to_owned()));
    }
    // Before this process is in another namespace: what was opened belongs to this one.
    let exhibit = |folder: &SafeFolder| Exhibit::of(folder.folder());
    let (here_shown, room_shown) = (
        here.map(exhibit).transpose()?,
        room.as_ref().map(exhibit).transpose()?,
    );
    let enclosure = Enclosure::enter()?;
    let place = |shown: Option<Exhibit>, name: &str, access| {
        shown
            .map(|shown| enclosure.show(&shown, Path::new(name), access))
            .transpose()
    };
    let access = if named.is_some() {
        Access::ReadOnly
    } else {
        Access::Writable
    };
    let here = place(here_shown, HERE, access)?;
    let room = place(room_shown, ROOM, Access::Writable)?;
    enter_folder(here.as_deref().or(room.as_deref()).unwrap_or(Path::new("/")))?;
    Ok(room)
}

/// Opens a folder that only root and the account control.
fn of_account(path: &Path, user: &User) -> Result<SafeFolder, Error> {
    let folder = SafeFolder::open(path, Links::OfRoot, Missing::AnError)?;
    match folder.foreign_to(user.uid) {
        Some(foreign) => Err(Error::refused(format!("`{}`: {foreign}", path.display()))),
        None => Ok(folder),
    }
}

/// Opens a folder, and gives it to the account unless it has it.
fn room(path: &Path, user: &User) -> Result<SafeFolder, Error> {
    let folder = of_account(path, user)?;
    let fail = |cause: rustix::io::Errno| {
        Error::system(
            format!("cannot give away the folder `{}`", path.display()),
            std::io::Error::from(cause),
        )
    };
    let owner = fstat(folder.folder()).map_err(fail)?.st_uid;
    if owner != user.uid {
        if owner != 0 {
            return Err(Error::refused(format!(
                "`{}` belongs to user {owner}, not to {}",
                path.display(),
                user.uid
            )));
        }
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        fchown(folder.folder(), Some(uid), Some(gid)).map_err(fail)?;
    }
    Ok(folder)
}

/// Tells whether an account may walk to a folder by its path. It may be wrong about access control lists: then the folder is
/// shown where it need not be.
fn can_reach(folder: &SafeFolder, user: &User) -> bool {
    let way = folder.above().map(|(above, _)| above);
    way.chain([folder.folder()])
        .all(|step| fstat(step).is_ok_and(|found| can_pass(&found, user)))
}

fn can_pass(found: &Stat, user: &User) -> bool {
    let bit = if found.st_uid == user.uid {
        0o100
    } else if found.st_gid == user.gid {
        0o010
    } else {
        0o001
    };
    found.st_mode & bit != 0
}

fn enter_opened(folder: BorrowedFd<'_>) -> Result<(), Error> {
    rustix::process::fchdir(folder)
        .map_err(|cause| Error::system("cannot enter the folder", std::io::Error::from(cause)))
}

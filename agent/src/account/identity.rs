//! Whom a command is run as.

use std::ffi::OsString;
use std::path::PathBuf;

use batt_protocol::{Error, ExitCode};

use super::owned::Owned;
use super::stranger::{STRANGER, Stranger};
use crate::host::{self, User};

/// The home of those that have none, as Debian writes it.
const NO_HOME: &str = "/nonexistent";
/// The group of those that have none (`nogroup`, `nobody`): it may read and write nothing of its own.
const NO_GROUP: u32 = 65_534;

/// Whom a command is to be run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whom {
    /// This account, by its name or its number.
    Named(OsString),
    /// The account that was allotted to the script, which nobody has.
    Nobody,
    /// The account that owns this file or folder.
    OwnerOf(PathBuf),
}

/// An account that was found.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) user: User,
    /// What it owns, when it was found by that.
    pub(super) owned: Option<Owned>,
}

impl Whom {
    /// Finds the account. Who is not root can be nobody but itself.
    ///
    /// # Errors
    /// An account that is not known, or that this process cannot become; a file whose folders others control.
    pub(super) fn find(&self) -> Result<Identity, Error> {
        let caller = host::user();
        let is_root = caller.uid == 0;
        match self {
            Whom::Named(name) => {
                let user = named(name)?;
                if !is_root && user.uid != caller.uid {
                    return Err(Error::refused(format!(
                        "only root can run a command as `{}`, and this is user {}",
                        user.name, caller.uid
                    )));
                }
                Ok(Identity { user, owned: None })
            }
            Whom::Nobody if is_root => Ok(Identity {
                user: stranger()?,
                owned: None,
            }),
            Whom::Nobody => Ok(Identity {
                user: caller,
                owned: None,
            }),
            Whom::OwnerOf(path) => {
                let owned = Owned::open(path)?;
                let user = if is_root { numbered(owned.owner()) } else { caller };
                Ok(Identity {
                    user,
                    owned: Some(owned),
                })
            }
        }
    }
}

fn named(name: &OsString) -> Result<User, Error> {
    let unknown = || {
        Error::new(
            ExitCode::UNAVAILABLE,
            format!("there is no account `{}` on this host", name.to_string_lossy()),
        )
    };
    let text = name.to_str().ok_or_else(unknown)?;
    match text.parse::<u32>() {
        // It stands for "as it is" (setresuid(2)): the command would be root's.
        Ok(u32::MAX) => Err(unknown()),
        Ok(number) => Ok(numbered(number)),
        Err(_) => host::user_named(text).ok_or_else(unknown),
    }
}

/// Returns an account by its number, also one that the host has no name for: that of a container.
///
/// Such a one gets no group. The number of its user may be that of another group here, whose members can do more.
fn numbered(number: u32) -> User {
    host::user_numbered(number).unwrap_or_else(|| User {
        name: number.to_string(),
        uid: number,
        gid: NO_GROUP,
        home: NO_HOME.to_owned(),
    })
}

fn stranger() -> Result<User, Error> {
    let number = std::env::var_os(STRANGER).ok_or_else(|| {
        Error::new(
            ExitCode::UNAVAILABLE,
            format!("there is no account that nobody has: `{STRANGER}` is not set"),
        )
        .hint("batt allots one to each script that it runs as root, where it can write to `/run/batt`.")
    })?;
    let number = number
        .to_str()
        .and_then(|text| text.parse().ok())
        .filter(Stranger::can_be)
        .ok_or_else(|| Error::usage(format!("`{STRANGER}` is not as batt sets it")))?;
    Ok(User {
        name: number.to_string(),
        uid: number,
        gid: number,
        home: NO_HOME.to_owned(),
    })
}

//! The owner and the mode that a file gets from another file, or from a folder.

use std::path::Path;

use batt_protocol::Error;
use rustix::fs::{AtFlags, FileType, Gid, Mode, Uid, fchmod, fchown, statat};
use rustix::io::Errno;

use super::target::Target;
use crate::safe_path::{Account, Foreign, Missing, controllers};

/// An owner, a group and a mode.
#[derive(Debug)]
pub(super) struct Likeness {
    /// None: whoever calls.
    owner: Option<(Uid, Gid)>,
    pub(super) mode: Mode,
}

impl Default for Likeness {
    fn default() -> Self {
        Self {
            owner: None,
            mode: Mode::RUSR | Mode::WUSR,
        }
    }
}

impl Likeness {
    /// Returns those of a regular file, or the owner and the group of a folder; and why they are not taken, where somebody
    /// else could have put it there to get a file that is none of his.
    pub(super) fn of(path: &Path) -> Result<(Self, Option<String>), Error> {
        let target = Target::find(path, Missing::End)?;
        if !target.way().is_whole() {
            return Ok((Self::default(), None));
        }
        let found = match statat(target.folder(), target.name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok((Self::default(), None)),
            Err(cause) => return Err(target.fail("cannot look at", cause)),
        };
        let is_folder = match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => false,
            FileType::Directory => true,
            _ => {
                return Err(Error::refused(format!(
                    "`{target}` is neither a file nor a folder: its owner is taken by nobody"
                )));
            }
        };
        let owner = Some((Uid::from_raw(found.st_uid), Gid::from_raw(found.st_gid)));
        let mode = Mode::from_bits_truncate(found.st_mode & 0o777);
        let folder = target.way();
        let foreign = folder.foreign_to(found.st_uid).cloned().or_else(|| {
            let accounts = if is_folder {
                controllers(&found)
            } else {
                Vec::new()
            };
            let other = accounts
                .into_iter()
                .find(|account| *account != Account::User(found.st_uid));
            other.map(|account| Foreign {
                path: target.path(),
                account,
            })
        });
        let Some(foreign) = foreign else {
            let mode = if is_folder { Self::default().mode } else { mode };
            return Ok((Self { owner, mode }, None));
        };
        // Whoever owns the folder could do the same by himself; the mode is that of a secret.
        let holder = if is_folder {
            found.st_uid
        } else {
            owner_of(&target)
        };
        let by_rights_alone = !matches!(foreign.account, Account::User(_));
        if by_rights_alone && holder == found.st_uid {
            return Ok((
                Self {
                    owner,
                    ..Self::default()
                },
                None,
            ));
        }
        Ok((
            Self::default(),
            Some(format!("{foreign}, and could have chosen the owner")),
        ))
    }

    /// Gives a file this owner and mode. Only root can give a file away.
    pub(super) fn give_to(&self, file: &std::fs::File) -> Result<(), Errno> {
        if let Some((user, group)) = self.owner.filter(|_| rustix::process::geteuid().is_root()) {
            fchown(file, Some(user), Some(group))?;
        }
        fchmod(file, self.mode)
    }
}

/// Returns the owner of the folder that a target is in.
fn owner_of(target: &Target) -> u32 {
    rustix::fs::fstat(target.folder()).map_or(0, |found| found.st_uid)
}

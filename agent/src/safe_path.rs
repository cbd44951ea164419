//! A folder that is reached part by part, by descriptors: nobody leads the way elsewhere while it is walked, and whoever
//! could have done so before is known.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use batt_protocol::Error;
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, getxattr, mkdirat, openat, readlinkat};
use rustix::io::Errno;

use crate::host;

/// As many links as the kernel follows (path_resolution(7)).
const MOST_LINKS: u32 = 40;
const STICKY: u32 = 0o1000;
/// To walk through a folder takes no right to list it (open(2)).
const STEP: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// What becomes of a link on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// None is followed.
    Refused,
    /// One is followed that root (or the caller) made where nobody else can write, and its target is walked likewise.
    OfRoot,
}

/// What becomes of a folder that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    AnError,
    /// It is made with this mode, less the umask.
    Made(Mode),
    /// The way ends above it.
    End,
}

/// An account that is neither root nor the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    User(u32),
    /// Whoever is in this group.
    Group(u32),
    Others,
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(formatter, "user {user}"),
            Self::Group(group) => write!(formatter, "group {group}"),
            Self::Others => formatter.write_str("others"),
        }
    }
}

/// A folder on the way in which an account that is neither root nor the caller can rename, remove and replace what it
/// likes: all below it is in its hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) path: PathBuf,
    pub(crate) account: Account,
}

impl fmt::Display for Foreign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{}` is controlled by {}",
            self.path.display(),
            self.account
        )
    }
}

/// Why a folder was not reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Obstacle {
    /// How far the way led, the part that it ended at included.
    pub(crate) path: PathBuf,
    pub(crate) why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    NotAbsolute,
    /// A link that is not followed.
    Link,
    TooManyLinks,
    System(Errno),
}

impl From<Obstacle> for Error {
    fn from(obstacle: Obstacle) -> Self {
        let path = obstacle.path.display();
        match obstacle.why {
            Why::NotAbsolute => Self::usage(format!("`{path}` is no absolute path")),
            Why::Link => Self::refused(format!("`{path}` is a symbolic link that others may have made"))
                .hint("Name the folder that it leads to."),
            Why::TooManyLinks => Self::refused(format!("`{path}` leads through too many links")),
            Why::System(cause) => Self::system(
                format!("cannot open the folder `{path}`"),
                std::io::Error::from(cause),
            ),
        }
    }
}

/// A folder on the way, held open.
#[derive(Debug)]
struct Step {
    folder: OwnedFd,
    path: PathBuf,
    /// Whether everybody can make entries in it, and touch only their own: as in `/tmp`.
    shared: bool,
}

/// A folder that is held open, with all above it.
#[derive(Debug)]
pub(crate) struct SafeFolder {
    /// Opened for reading; those of the way are only to be walked through.
    folder: OwnedFd,
    above: Vec<Step>,
    last: Step,
    foreign: Vec<Foreign>,
    whole: bool,
}

impl SafeFolder {
    /// Walks an absolute path from the root.
    ///
    /// # Errors
    /// A link that is not followed, a folder that is missing or cannot be made, and what openat(2) says.
    pub(crate) fn open(path: &Path, links: Links, missing: Missing) -> Result<Self, Obstacle> {
        if !path.is_absolute() {
            return Err(Obstacle {
                path: path.to_owned(),
                why: Why::NotAbsolute,
            });
        }
        Walk::from("/", links, missing)?.to(path)
    }

    /// Walks a relative path from the folder that this process is in, which is for root or the caller alone. No link is
    /// followed, and nothing above it is reached.
    ///
    /// # Errors
    /// As [`SafeFolder::open`].
    pub(crate) fn open_below(path: &Path, missing: Missing) -> Result<Self, Obstacle> {
        Walk::from(".", Links::Refused, missing)?.to(path)
    }

    /// Returns the folder, opened for reading.
    pub(crate) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Returns where it is, no link on the way.
    pub(crate) fn path(&self) -> &Path {
        &self.last.path
    }

    /// Returns the first folder of the way, itself included, that an account other than root and the caller controls.
    #[allow(dead_code, reason = "for what is trusted, and where backups go")]
    pub(crate) fn foreign(&self) -> Option<&Foreign> {
        self.foreign.first()
    }

    /// Returns the first folder of the way, itself included, that an account other than root, the caller and `owner`
    /// controls. A group that has the owner in it and nobody else is the owner.
    pub(crate) fn foreign_to(&self, owner: u32) -> Option<&Foreign> {
        self.foreign.iter().find(|foreign| match foreign.account {
            Account::User(user) => user != owner,
            Account::Group(group) => !host::is_group_of_one(group, owner),
            Account::Others => true,
        })
    }

    /// Tells whether it is what was asked for, and not a folder above that.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Tells whether everybody can make entries in it and touch only their own, as in `/tmp`.
    #[allow(dead_code, reason = "for what is trusted, and where backups go")]
    pub(crate) fn is_shared(&self) -> bool {
        self.last.shared
    }

    /// Returns the folders of the way, itself first, with their paths. They can be walked from, not listed.
    pub(crate) fn upwards(&self) -> impl Iterator<Item = (BorrowedFd<'_>, &Path)> {
        std::iter::once(&self.last)
            .chain(self.above.iter().rev())
            .map(|step| (step.folder.as_fd(), step.path.as_path()))
    }

    /// Returns the folders above it, the nearest first, with their paths. They can be walked from, not listed.
    pub(crate) fn above(&self) -> impl Iterator<Item = (BorrowedFd<'_>, &Path)> {
        self.upwards().skip(1)
    }

    /// Tells whether an account other than root and the caller controls a folder of this way.
    pub(crate) fn is_foreign(&self, path: &Path) -> bool {
        self.foreign.iter().any(|foreign| path.starts_with(&foreign.path))
    }
}

/// A way that is being walked.
struct Walk {
    links: Links,
    missing: Missing,
    links_left: u32,
    above: Vec<Step>,
    here: Step,
    foreign: Vec<Foreign>,
}

impl Walk {
    fn from(start: &str, links: Links, missing: Missing) -> Result<Self, Obstacle> {
        let path = PathBuf::from(start);
        let folder = openat(CWD, start, STEP, Mode::empty()).map_err(|cause| obstacle(&path, cause))?;
        let mut walk = Self {
            links,
            missing,
            links_left: MOST_LINKS,
            above: Vec::new(),
            here: Step {
                folder,
                path,
                shared: false,
            },
            foreign: Vec::new(),
        };
        walk.look_around()?;
        Ok(walk)
    }

    fn to(mut self, path: &Path) -> Result<SafeFolder, Obstacle> {
        let mut parts = parts_of(path);
        let mut whole = true;
        while let Some(part) = parts.pop_front() {
            match part {
                Part::Root => {
                    if !self.above.is_empty() {
                        self.above.truncate(1);
                        self.up();
                    }
                }
                Part::Up => self.up(),
                Part::Down(name) => match self.down(&name)? {
                    Went::Down => {}
                    Went::Nowhere => {
                        whole = false;
                        break;
                    }
                    Went::Along(target) => {
                        for part in parts_of(&target).into_iter().rev() {
                            parts.push_front(part);
                        }
                    }
                },
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(&self.here.folder, ".", flags, Mode::empty())
            .map_err(|cause| obstacle(&self.here.path, cause))?;
        Ok(SafeFolder {
            folder,
            above: self.above,
            last: self.here,
            foreign: self.foreign,
            whole,
        })
    }

    /// The folder above the root is the root.
    fn up(&mut self) {
        if let Some(above) = self.above.pop() {
            self.here = above;
        }
    }

    /// Goes into a folder, where there is one.
    fn down(&mut self, name: &OsStr) -> Result<Went, Obstacle> {
        let path = self.here.path.join(name);
        let folder = match openat(&self.here.folder, name, STEP, Mode::empty()) {
            Ok(folder) => folder,
            Err(Errno::NOENT) if self.missing == Missing::End => return Ok(Went::Nowhere),
            Err(Errno::NOENT) => self.make(name, &path)?,
            // A link is no folder (ENOTDIR), or not to be followed (ELOOP).
            Err(cause @ (Errno::NOTDIR | Errno::LOOP)) => {
                return self.target(name, path, cause).map(Went::Along);
            }
            Err(cause) => return Err(obstacle(&path, cause)),
        };
        let next = Step {
            folder,
            path,
            shared: false,
        };
        self.above.push(std::mem::replace(&mut self.here, next));
        self.look_around()?;
        Ok(Went::Down)
    }

    fn make(&self, name: &OsStr, path: &Path) -> Result<OwnedFd, Obstacle> {
        let Missing::Made(mode) = self.missing else {
            return Err(obstacle(path, Errno::NOENT));
        };
        let made = || {
            match mkdirat(&self.here.folder, name, mode) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(cause) => return Err(cause),
            }
            // One that may not be listed cannot be synced either.
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            match openat(&self.here.folder, ".", flags, Mode::empty()) {
                Ok(parent) => rustix::fs::fsync(parent)?,
                Err(Errno::ACCESS) => {}
                Err(cause) => return Err(cause),
            }
            openat(&self.here.folder, name, STEP, Mode::empty())
        };
        made().map_err(|cause| obstacle(path, cause))
    }

    /// Returns where a link leads that may be followed. `otherwise` is what to say where there is none.
    fn target(&mut self, name: &OsStr, path: PathBuf, otherwise: Errno) -> Result<PathBuf, Obstacle> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let read = || {
            let link = openat(&self.here.folder, name, flags, Mode::empty())?;
            let found = fstat(&link)?;
            if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
                return Err(otherwise);
            }
            // Of the very link that was looked at.
            let target = readlinkat(&link, "", Vec::new())?;
            Ok((found, PathBuf::from(OsString::from_vec(target.into_bytes()))))
        };
        let (found, target) = match read() {
            Ok(read) => read,
            Err(cause) => return Err(obstacle(&path, cause)),
        };
        let others_could_have = !self.foreign.is_empty() || self.here.shared || !is_ours(found.st_uid);
        if self.links == Links::Refused || others_could_have {
            return Err(Obstacle { path, why: Why::Link });
        }
        if self.links_left == 0 {
            return Err(Obstacle {
                path,
                why: Why::TooManyLinks,
            });
        }
        self.links_left -= 1;
        Ok(target)
    }

    /// Notes who else can write here.
    fn look_around(&mut self) -> Result<(), Obstacle> {
        let found = fstat(&self.here.folder).map_err(|cause| obstacle(&self.here.path, cause))?;
        self.here.shared = found.st_mode & STICKY != 0 && found.st_uid == 0 && writable_by_others(&found);
        for account in controllers(&found) {
            // The group's bits are those of everybody in the list then.
            let account = match account {
                Account::Group(_) if has_access_list(&self.here.folder) => Account::Others,
                account => account,
            };
            self.foreign.push(Foreign {
                path: self.here.path.clone(),
                account,
            });
        }
        Ok(())
    }
}

/// Returns the accounts that can rename, remove and replace entries of a folder, those of root and the caller left out.
/// Where an access control list gives a right to write, the group's bits show it (acl(5)).
pub(crate) fn controllers(folder: &Stat) -> Vec<Account> {
    let mut accounts = Vec::new();
    if !is_ours(folder.st_uid) {
        accounts.push(Account::User(folder.st_uid));
    }
    // In a sticky folder each touches only what is its own, except the folder's owner.
    if folder.st_mode & STICKY == 0 || folder.st_uid != 0 {
        if folder.st_mode & 0o020 != 0 {
            accounts.push(Account::Group(folder.st_gid));
        }
        if folder.st_mode & 0o002 != 0 {
            accounts.push(Account::Others);
        }
    }
    accounts
}

/// Tells whether an access control list says who may do what in a folder (acl(5)).
fn has_access_list(folder: &OwnedFd) -> bool {
    // One that is open for walking through cannot be asked by its descriptor (EBADF, open(2)).
    let path = format!("/proc/self/fd/{}", folder.as_raw_fd());
    let mut none: [u8; 0] = [];
    getxattr(path, "system.posix_acl_access", &mut none).is_ok()
}

fn writable_by_others(folder: &Stat) -> bool {
    folder.st_mode & 0o022 != 0
}

/// Tells whether a user is root or the caller.
pub(crate) fn is_ours(user: u32) -> bool {
    user == 0 || user == rustix::process::geteuid().as_raw()
}

fn obstacle(path: &Path, cause: Errno) -> Obstacle {
    Obstacle {
        path: path.to_owned(),
        why: Why::System(cause),
    }
}

/// What came of a step down.
enum Went {
    Down,
    /// There is a link, which leads there.
    Along(PathBuf),
    Nowhere,
}

/// A step of a path.
enum Part {
    Root,
    Up,
    Down(OsString),
}

fn parts_of(path: &Path) -> VecDeque<Part> {
    path.components()
        .filter_map(|part| match part {
            Component::RootDir => Some(Part::Root),
            Component::ParentDir => Some(Part::Up),
            Component::Normal(name) => Some(Part::Down(name.to_owned())),
            Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;

//! What decides where we connect, as whom, with which key and what is pushed: only what nobody else can write.
//!
//! Trusted means owned by root or by the caller, and not writable by group or others; likewise each folder above it,
//! except a root-owned sticky one. A link on the way is trusted when its owner is and what it leads to is. A path that is
//! trusted stays so until it is opened: nobody else can change a part of it.

mod own_group;

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use batt_protocol::{Error, text};
use rustix::fs::{PROC_SUPER_MAGIC, statfs};
use rustix::process::geteuid;

use self::own_group::is_of_the_caller_alone;

/// As many links as the kernel follows (`path_resolution(7)`).
const MOST_LINKS: u32 = 40;
const STICKY: u32 = 0o1000;
const BY_GROUP: u32 = 0o020;
const BY_OTHERS: u32 = 0o002;

/// Refuses a file or folder that somebody else could have written or put there.
///
/// # Errors
/// A refusal (77) that names it and why; a usage error when it is not there.
pub(crate) fn require_trusted(path: &Path) -> Result<(), Error> {
    if is_there_and_trusted(path)? {
        return Ok(());
    }
    Err(Error::usage(format!("{} does not exist", shown(path))))
}

/// As [`require_trusted`], for what may be absent: tells whether it is there.
///
/// # Errors
/// A refusal (77) that names it and why.
pub(crate) fn is_there_and_trusted(path: &Path) -> Result<bool, Error> {
    let whole = std::path::absolute(path).map_err(|cause| cannot_look(path, cause))?;
    match walk(&whole, MOST_LINKS) {
        Ok(()) => Ok(true),
        Err(Objection::Missing) => Ok(false),
        Err(Objection::Looking(at, cause)) => Err(cannot_look(&at, cause)),
        Err(Objection::TooManyLinks) => Err(Error::refused(format!(
            "{} is not trusted: it leads through too many links",
            shown(path)
        ))),
        Err(Objection::Distrust { at, why }) => {
            let what = if at == whole {
                "it".to_owned()
            } else {
                format!("{}, on the way to it", shown(&at))
            };
            Err(
                Error::refused(format!("{} is not trusted: {}", shown(path), why.of(&what)))
                    .hint(why.hint(&at)),
            )
        }
    }
}

/// Why a file or folder is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distrust {
    /// Its owner is neither root nor the caller.
    Owner(u32),
    /// A group can write to it.
    Group(u32),
    /// Everybody can.
    Others,
}

impl Distrust {
    /// Judges what was opened or looked at; `metadata` is its own, not that of what a link leads to.
    pub(crate) fn of_metadata(metadata: &Metadata) -> Option<Self> {
        let mode = metadata.mode();
        if metadata.uid() != 0 && metadata.uid() != geteuid().as_raw() {
            Some(Self::Owner(metadata.uid()))
        } else if metadata.is_symlink() {
            // Its mode says nothing; only its owner, and who can write to its folder, can change where it leads.
            None
        } else if mode & BY_OTHERS != 0 {
            Some(Self::Others)
        } else if mode & BY_GROUP != 0 && !is_of_the_caller_alone(metadata.gid()) {
            Some(Self::Group(metadata.gid()))
        } else {
            None
        }
    }

    /// Returns the reason as a clause: `others can write to it`.
    pub(crate) fn of(self, what: &str) -> String {
        match self {
            Self::Owner(user) => format!("{what} belongs to user {user}"),
            Self::Group(group) => format!("group {group} can write to {what}"),
            Self::Others => format!("others can write to {what}"),
        }
    }

    /// Returns what a person can do about it.
    pub(crate) fn hint(self, path: &Path) -> String {
        match self {
            Self::Owner(_) if geteuid().is_root() => {
                format!("Look at what it holds, then `chown root {}`.", path.display())
            }
            Self::Owner(_) => "Look at what it holds, and use a copy of your own.".to_owned(),
            Self::Group(_) | Self::Others => {
                format!("Look at what it holds, then `chmod go-w {}`.", path.display())
            }
        }
    }
}

enum Objection {
    Missing,
    TooManyLinks,
    Looking(PathBuf, io::Error),
    Distrust { at: PathBuf, why: Distrust },
}

/// Goes down from the root: what stands in a folder that others can write is never looked at.
fn walk(path: &Path, links_left: u32) -> Result<(), Objection> {
    let mut reached = PathBuf::new();
    let parts: Vec<_> = path.components().collect();
    for (index, part) in parts.iter().enumerate() {
        reached.push(part);
        let metadata = look(&reached, |path| fs::symlink_metadata(path))?;
        let last = index + 1 == parts.len();
        if !last && !metadata.is_dir() && !metadata.is_symlink() {
            return Err(Objection::Missing);
        }
        match Distrust::of_metadata(&metadata) {
            // As `/tmp`: who can make entries there cannot change those of others.
            Some(Distrust::Group(_) | Distrust::Others)
                if !last && metadata.is_dir() && metadata.uid() == 0 && metadata.mode() & STICKY != 0 => {}
            Some(why) => return Err(Objection::Distrust { at: reached, why }),
            None => {}
        }
        if !metadata.is_symlink() {
            continue;
        }
        if is_descriptor(&reached) && is_open_only(&reached)? {
            return Ok(());
        }
        let Some(left) = links_left.checked_sub(1) else {
            return Err(Objection::TooManyLinks);
        };
        let target = look(&reached, |path| fs::read_link(path))?;
        let mut whole = reached.parent().unwrap_or(Path::new("/")).join(target);
        whole.extend(&parts[index + 1..]);
        return walk(&whole, left);
    }
    Ok(())
}

fn look<T>(path: &Path, call: impl FnOnce(&Path) -> io::Result<T>) -> Result<T, Objection> {
    call(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => Objection::Missing,
        _ => Objection::Looking(path.to_owned(), cause),
    })
}

/// Tells whether a link is an open descriptor of a process: `/dev/stdin` and what `<(...)` names lead to one (proc(5),
/// `/proc/pid/fd`).
fn is_descriptor(link: &Path) -> bool {
    link.parent().is_some_and(|folder| {
        folder.ends_with("fd") && statfs(folder).is_ok_and(|told| told.f_type == PROC_SUPER_MAGIC)
    })
}

/// Tells whether what a descriptor is open on has no name: a pipe of the caller's own, a terminal, a file that is
/// deleted. The caller has opened it; nobody can put another into its place.
fn is_open_only(link: &Path) -> Result<bool, Objection> {
    let metadata = look(link, |path| fs::metadata(path))?;
    let kind = metadata.file_type();
    let nameless =
        !look(link, |path| fs::read_link(path))?.is_absolute() && (kind.is_fifo() || kind.is_socket());
    if nameless || kind.is_char_device() {
        return Ok(true);
    }
    if metadata.nlink() > 0 {
        return Ok(false);
    }
    match Distrust::of_metadata(&metadata) {
        Some(why) => Err(Objection::Distrust {
            at: link.to_owned(),
            why,
        }),
        None => Ok(true),
    }
}

fn shown(path: &Path) -> String {
    text::quoted(&path.to_string_lossy())
}

fn cannot_look(path: &Path, cause: io::Error) -> Error {
    Error::usage(format!("cannot look at {}: {cause}", shown(path)))
}

#[cfg(test)]
mod tests;

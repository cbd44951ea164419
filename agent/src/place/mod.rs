//! `batt stage`, `batt place` and `batt aside`: how a restore brings files and folders to a place that another account may
//! control. Everything happens by descriptors, and nothing is written over.
//!
//! What is restored is made in a folder that nobody else can enter, gets its owner and mode there, and appears in its place by
//! one rename that replaces nothing. Whoever swaps a folder on the way for a link, or a name for another, meanwhile changes
//! what is his, and nothing else.

mod aside;
mod fill;
mod likeness;
mod rename;
mod stage;
mod target;

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use batt_protocol::Error;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::safe_path::Missing;
pub(crate) use aside::aside;
use likeness::Likeness;
use rename::rename_new;
pub(crate) use stage::run_in_stage;
use target::{Found, Target};

/// Folders that have to be made on the way, as `mkdir -p` would.
const FOLDER_MODE: Mode = Mode::from_bits_truncate(0o755);
/// How often something may appear in the place meanwhile.
const MOST_TRIES: u32 = 3;

/// What is to be put into a place.
#[derive(Debug)]
pub(crate) struct Placement {
    /// What is moved there, relative to the folder that this process is in; none for a file of what comes on stdin.
    pub(crate) from: Option<PathBuf>,
    /// Whose owner and mode a file gets.
    pub(crate) like: Option<PathBuf>,
    /// The mode of a file, when it is not that of another.
    pub(crate) mode: Option<Mode>,
    /// Endings of the names that belong to it and go aside with it.
    pub(crate) with: Vec<OsString>,
    /// Whether what is there goes aside.
    pub(crate) replace: bool,
}

/// What happened on the way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    /// What was there is there now.
    Kept(PathBuf),
    /// A file did not get the owner of another, for this reason.
    NotGivenAway(String),
}

/// Tells whether the person said `--replace`.
pub(crate) fn is_to_replace() -> bool {
    std::env::var_os("BATT_REPLACE").is_some_and(|replace| replace == "yes")
}

/// Finds out whether something could be put there now: nothing is there, or an empty folder, or it may go aside.
///
/// # Errors
/// What is there and stays.
pub(crate) fn require_free(path: &Path, with: &[OsString], replace: bool) -> Result<(), Error> {
    let target = Target::find(path, Missing::End)?;
    let none = OsString::new();
    for ending in std::iter::once(&none).chain(with) {
        let one = target.with_ending(ending);
        match one.found()? {
            Found::Nothing | Found::EmptyFolder => {}
            found => one.require_movable(found, replace)?,
        }
    }
    Ok(())
}

impl Placement {
    /// Puts it there.
    ///
    /// # Errors
    /// A place that is taken, and what the system says. What was put aside by then is kept there.
    pub(crate) fn put(&self, path: &Path, tell: &mut dyn FnMut(Happened)) -> Result<(), Error> {
        // A folder that is made has this mode from the moment it is there: to change it later would be to change that of
        // whatever is there by then.
        rustix::process::umask(Mode::from_bits_truncate(0o022));
        let target = Target::find(path, Missing::Made(FOLDER_MODE))?;
        match &self.from {
            Some(from) => self.put_moved(from, &target, tell),
            None => self.put_read(&mut std::io::stdin().lock(), &target, tell),
        }
    }

    /// Moves something there that was made where nobody else can enter.
    fn put_moved(&self, from: &Path, target: &Target, tell: &mut dyn FnMut(Happened)) -> Result<(), Error> {
        let source = Target::find_below(from)?;
        let found = source.found()?;
        let fail = |cause: Errno| target.fail("cannot move what was restored to", cause);
        match found {
            Found::Nothing => return Err(source.fail("cannot place", Errno::NOENT)),
            Found::Other if self.like.is_some() || self.mode.is_some() => {
                let file = source.open_regular()?;
                self.likeness(target, tell)?.give_to(&file).map_err(fail)?;
                rustix::fs::fsync(&file).map_err(fail)?;
            }
            _ => {}
        }
        let is_folder = matches!(found, Found::Folder | Found::EmptyFolder);
        self.put_when_free(target, tell, || {
            match rename_new(source.folder(), source.name(), target.folder(), target.name()) {
                // One folder takes the place of another only when that is empty (rename(2)).
                Err(Errno::EXIST) if is_folder => {
                    let (from, to) = (source.folder(), target.folder());
                    match rustix::fs::renameat(from, source.name(), to, target.name()) {
                        Err(Errno::NOTEMPTY | Errno::NOTDIR) => Err(Errno::EXIST),
                        // A file system is mounted there, in which the private folder is.
                        Err(Errno::BUSY | Errno::XDEV) => fill::fill(&source, target),
                        renamed => renamed,
                    }
                }
                Err(Errno::XDEV) if is_folder && target.open_folder().is_ok() => fill::fill(&source, target),
                renamed => renamed,
            }
        })
    }

    /// Writes a file that has no name until it is whole.
    fn put_read(
        &self,
        content: &mut dyn Read,
        target: &Target,
        tell: &mut dyn FnMut(Happened),
    ) -> Result<(), Error> {
        if let found @ (Found::EmptyFolder | Found::Folder | Found::Link | Found::Other) = target.found()? {
            target.require_movable(found, self.replace)?;
        }
        let likeness = self.likeness(target, tell)?;
        let fail = |cause: std::io::Error| target.fail("cannot write", cause);
        let mut partial =
            Partial::make(target).map_err(|cause| target.fail("cannot make a file for", cause))?;
        std::io::copy(content, &mut partial.file).map_err(fail)?;
        partial.file.flush().map_err(fail)?;
        likeness
            .give_to(&partial.file)
            .map_err(|cause| fail(cause.into()))?;
        partial.file.sync_all().map_err(fail)?;
        self.put_when_free(target, tell, || partial.name_it(target))
    }

    /// Lets `put` try until nothing is in its way that may go aside.
    fn put_when_free(
        &self,
        target: &Target,
        tell: &mut dyn FnMut(Happened),
        mut put: impl FnMut() -> Result<(), Errno>,
    ) -> Result<(), Error> {
        for ending in &self.with {
            // They belong to what was there, and would be taken for a part of what comes.
            let companion = target.with_ending(ending);
            match companion.found()? {
                Found::Nothing => {}
                found => {
                    companion.require_movable(found, self.replace)?;
                    aside::aside_all(target, &self.with, &mut |kept| tell(Happened::Kept(kept)))?;
                }
            }
        }
        for _ in 0..MOST_TRIES {
            match put() {
                Ok(()) => return target.sync(),
                Err(Errno::EXIST) => {
                    target.require_movable(target.found()?, self.replace)?;
                    aside::aside_all(target, &self.with, &mut |kept| tell(Happened::Kept(kept)))?;
                }
                Err(cause) => return Err(target.fail("cannot put what was restored at", cause)),
            }
        }
        Err(target.fail("somebody makes it again and again:", Errno::EXIST))
    }

    fn likeness(&self, target: &Target, tell: &mut dyn FnMut(Happened)) -> Result<Likeness, Error> {
        let (mut likeness, doubt) = match &self.like {
            Some(like) => Likeness::of(like)?,
            None => (Likeness::default(), None),
        };
        if let Some(doubt) = doubt {
            tell(Happened::NotGivenAway(format!(
                "`{}` belongs to user {} now, mode 600: {doubt}",
                target.path().display(),
                rustix::process::geteuid().as_raw(),
            )));
        }
        if let Some(mode) = self.mode {
            likeness.mode = mode;
        }
        Ok(likeness)
    }
}

/// A file in the folder of its place, without a name where the file system has such files.
struct Partial {
    file: File,
    name: Option<String>,
}

impl Partial {
    fn make(target: &Target) -> Result<Self, Errno> {
        let mode = Mode::RUSR | Mode::WUSR;
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        match rustix::fs::openat(target.folder(), ".", flags | OFlags::TMPFILE, mode) {
            Ok(file) => Ok(Self {
                file: file.into(),
                name: None,
            }),
            // open(2): the kernel, or the file system, has none.
            Err(Errno::ISDIR | Errno::OPNOTSUPP | Errno::NOENT | Errno::INVAL) => Self::named(target),
            Err(cause) => Err(cause),
        }
    }

    fn named(target: &Target) -> Result<Self, Errno> {
        let name = random_name(".batt-place-").map_err(|_| Errno::IO)?;
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(target.folder(), &name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Self {
            file: file.into(),
            name: Some(name),
        })
    }

    /// Lets it appear in its place, when nothing is there.
    fn name_it(&mut self, target: &Target) -> Result<(), Errno> {
        let Some(name) = &self.name else {
            use std::os::fd::AsRawFd as _;
            let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            let linked =
                rustix::fs::linkat(CWD, path, target.folder(), target.name(), AtFlags::SYMLINK_FOLLOW);
            return match linked {
                // No /proc here; this way takes a right that root has (CAP_DAC_READ_SEARCH).
                Err(Errno::NOENT) => rustix::fs::linkat(
                    &self.file,
                    "",
                    target.folder(),
                    target.name(),
                    AtFlags::EMPTY_PATH,
                ),
                linked => linked,
            };
        };
        if !rename::is_named(target.folder(), name, self.file.as_fd()) {
            return Err(Errno::STALE);
        }
        match rustix::fs::renameat_with(
            target.folder(),
            name,
            target.folder(),
            target.name(),
            RenameFlags::NOREPLACE,
        ) {
            Err(Errno::INVAL | Errno::NOSYS) => {
                rename_new(target.folder(), name.as_ref(), target.folder(), target.name())?
            }
            renamed => renamed?,
        }
        self.name = None;
        // Whoever controls the folder may have put another in its place meanwhile: that one is his.
        if rename::is_named(target.folder(), target.name(), self.file.as_fd()) {
            Ok(())
        } else {
            Err(Errno::STALE)
        }
    }
}

fn random_name(prefix: &str) -> Result<String, Error> {
    let mut chance = [0u8; 8];
    getrandom::fill(&mut chance).map_err(|cause| Error::system("cannot get random bytes", cause))?;
    Ok(format!("{prefix}{:016x}", u64::from_ne_bytes(chance)))
}

#[cfg(test)]
mod race;
#[cfg(test)]
mod tests;

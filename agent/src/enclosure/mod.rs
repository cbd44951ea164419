//! An enclosure: a mount namespace for one command, in which an empty folder of root's holds just what the command is shown
//! (mount_namespaces(7)). What is shown was opened before, so nobody leads it elsewhere by a name.

mod show;

use std::fs::DirBuilder;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use batt_protocol::{Error, ExitCode};
use rustix::fs::{FileType, Mode, OFlags, fstat};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change, mount_remount,
    move_mount, open_tree,
};

pub(crate) use show::{ShowRequest, show};

/// The folder that is an empty one in an enclosure. On the host only root sees what is in it.
const PLACE: &str = "/run/batt";

/// What may be done with what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    ReadOnly,
    Writable,
}

/// A file or folder that is to be shown, by a mount that nobody sees yet.
#[derive(Debug)]
pub(crate) struct Exhibit {
    tree: OwnedFd,
    is_folder: bool,
}

impl Exhibit {
    /// Takes an open file or folder, with all that is mounted below.
    ///
    /// # Errors
    /// A host that does not let this process mount, and a kernel before 5.2 (open_tree(2)).
    pub(crate) fn of(opened: BorrowedFd<'_>) -> Result<Self, Error> {
        let kind = fstat(opened).map_err(impossible)?.st_mode;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH
            | OpenTreeFlags::AT_RECURSIVE;
        Ok(Self {
            tree: open_tree(opened, "", flags).map_err(impossible)?,
            is_folder: FileType::from_raw_mode(kind) == FileType::Directory,
        })
    }
}

/// The namespace that this process is in from then on.
#[derive(Debug)]
pub(crate) struct Enclosure(());

impl Enclosure {
    /// Enters one.
    ///
    /// # Errors
    /// A host that does not let this process mount (69).
    pub(crate) fn enter() -> Result<Self, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(PLACE)
            .map_err(|cause| Error::system(format!("cannot make the folder `{PLACE}`"), cause))?;
        #[expect(deprecated, reason = "what makes it unsafe is UnshareFlags::FILES alone")]
        rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNS).map_err(impossible)?;
        // What is mounted here is nobody else's.
        mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE).map_err(impossible)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount("batt", PLACE, "tmpfs", flags, c"mode=0711,size=1m").map_err(impossible)?;
        Ok(Self(()))
    }

    /// Shows something at a path below the place, and returns where that is.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(crate) fn show(&self, exhibit: &Exhibit, below: &Path, access: Access) -> Result<PathBuf, Error> {
        let at = Path::new(PLACE).join(below);
        let folder = if exhibit.is_folder {
            Some(at.as_path())
        } else {
            at.parent()
        };
        let fail = |cause: std::io::Error| Error::system(format!("cannot make `{}`", at.display()), cause);
        // Whoever is shown something passes through, whatever the umask is.
        let umask = rustix::process::umask(Mode::empty());
        let made = folder.map(|folder| DirBuilder::new().recursive(true).mode(0o711).create(folder));
        rustix::process::umask(umask);
        made.transpose().map_err(fail)?;
        if !exhibit.is_folder {
            std::fs::File::create_new(&at).map_err(fail)?;
        }
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(exhibit.tree.as_fd(), "", rustix::fs::CWD, &at, flags).map_err(impossible)?;
        let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
        mount_change(&at, private).map_err(impossible)?;
        let mut flags = MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV;
        if access == Access::ReadOnly {
            flags |= MountFlags::RDONLY;
        }
        mount_remount(&at, flags, c"").map_err(impossible)?;
        Ok(at)
    }

    /// Returns the folder that holds what is shown, and nothing else.
    pub(crate) fn place(&self) -> &'static Path {
        Path::new(PLACE)
    }
}

/// Makes a folder the working one, by its path.
pub(crate) fn enter_folder(folder: &Path) -> Result<(), Error> {
    let fail = |cause: Errno| {
        Error::system(
            format!("cannot enter the folder `{}`", folder.display()),
            std::io::Error::from(cause),
        )
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(folder, flags, Mode::empty()).map_err(fail)?;
    rustix::process::fchdir(opened).map_err(fail)
}

fn impossible(cause: Errno) -> Error {
    Error::new(
        ExitCode::UNAVAILABLE,
        format!(
            "a mount namespace is needed for what another account controls, and cannot be had: {}",
            std::io::Error::from(cause)
        ),
    )
    .hint("It takes Linux 5.2 and root with CAP_SYS_ADMIN, which a container must be given.")
}

//! What may run as root: only what nobody else can write.
//!
//! Trusted means owned by root, or by the caller when that is not root, and not writable by group or others; likewise
//! each folder above it, except a root-owned sticky one. A link on the way is trusted when its owner is and what it
//! leads to is.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use batt_protocol::Error;

use crate::home::Home;

/// As many links as the kernel follows (path_resolution(7)).
const MOST_LINKS: u32 = 40;
const STICKY: u32 = 0o1000;
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Refuses what others could have written.
///
/// # Errors
/// A refusal (77) that names what is not trusted and why; a path that does not exist is an error too.
pub(crate) fn require_trusted(path: &Path) -> Result<(), Error> {
    walk(path, MOST_LINKS, End::Itself)
}

/// Refuses a folder that is no place to make a folder of ours in: like [`require_trusted`], and a root-owned sticky one
/// is good, as `/tmp` is.
///
/// # Errors
/// A refusal (77) that names what is not trusted and why; a path that does not exist is an error too.
pub(crate) fn require_trusted_above(path: &Path) -> Result<(), Error> {
    walk(path, MOST_LINKS, End::Above)
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// What is used itself.
    Itself,
    /// A folder above what is used.
    Above,
}

/// Refuses an entry of a folder that others could have put there: like [`require_trusted`] for the folder, and the owner
/// of the entry itself, which may be a link that leads nowhere.
///
/// # Errors
/// A refusal (77) that names what is not trusted and why.
pub(crate) fn require_trusted_entry(path: &Path) -> Result<(), Error> {
    require_trusted(path.parent().unwrap_or(Path::new("/")))?;
    let metadata = fs::symlink_metadata(path)
        .map_err(|cause| Error::system(format!("cannot look at `{}`", path.display()), cause))?;
    require_owner(path, &metadata)
}

/// Refuses a file that others could have written, and what is no regular file: opening a FIFO waits, and opening a device
/// may do something. Tells whether there is one.
///
/// # Errors
/// A refusal (77) that names what is not trusted and why.
pub(crate) fn require_trusted_file(path: &Path) -> Result<bool, Error> {
    if fs::symlink_metadata(path).is_err_and(|cause| cause.kind() == ErrorKind::NotFound) {
        return Ok(false);
    }
    require_trusted(path)?;
    let metadata = fs::metadata(path)
        .map_err(|cause| Error::system(format!("cannot look at `{}`", path.display()), cause))?;
    if metadata.is_file() {
        return Ok(true);
    }
    Err(Error::refused(format!(
        "`{}` is {}, and must be a regular file",
        path.display(),
        kind_of(&metadata)
    )))
}

/// Returns what something is that is no regular file.
pub(crate) fn kind_of(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_symlink() {
        "a link"
    } else {
        "a device"
    }
}

/// Refuses a home that others could have written to: the home itself, and the state in its `var`, by which batt knows what it
/// published, what it runs and what it may remove. A home that is not there is trusted.
///
/// # Errors
/// A refusal (77) that names what is not trusted and why.
pub(crate) fn require_trusted_home(home: &Home) -> Result<(), Error> {
    /// Its entries, and those of the folders among them. Those are closed to others, so nobody else gets further.
    const DEPTH: usize = 2;
    if fs::symlink_metadata(home.root()).is_err_and(|cause| cause.kind() == ErrorKind::NotFound) {
        return Ok(());
    }
    require_trusted(home.root())?;
    require_trusted_below(&home.var(), DEPTH)
}

fn require_trusted_below(path: &Path, depth: usize) -> Result<(), Error> {
    // What is gone by now, or closed to the caller, is not read either.
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    require_owner(path, &metadata)?;
    if metadata.is_symlink() {
        return if path.exists() {
            require_trusted(path)
        } else {
            Ok(())
        };
    }
    require_unwritable(path, &metadata, true)?;
    if metadata.is_dir() && depth > 0 {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            require_trusted_below(&entry.path(), depth - 1)?;
        }
    }
    Ok(())
}

/// Folders below which a destination may lie, though accounts other than root control them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AllowedForeign(Vec<PathBuf>);

impl AllowedForeign {
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        Self(folders)
    }

    /// Tells whether a folder is one of them, or below one.
    pub(crate) fn holds(&self, folder: &Path) -> bool {
        self.0.iter().any(|allowed| folder.starts_with(allowed))
    }
}

fn walk(path: &Path, links_left: u32, end: End) -> Result<(), Error> {
    let mut reached = PathBuf::new();
    let parts: Vec<Component<'_>> = path.components().collect();
    for (index, part) in parts.iter().enumerate() {
        reached.push(part);
        let metadata = fs::symlink_metadata(&reached)
            .map_err(|cause| Error::system(format!("cannot look at `{}`", reached.display()), cause))?;
        require_owner(&reached, &metadata)?;
        if metadata.is_symlink() {
            if links_left == 0 {
                return Err(Error::refused(format!(
                    "`{}` leads through too many links",
                    path.display()
                )));
            }
            let target = fs::read_link(&reached).map_err(|cause| {
                Error::system(format!("cannot read the link `{}`", reached.display()), cause)
            })?;
            let mut whole = reached.parent().unwrap_or(Path::new("/")).join(target);
            whole.extend(&parts[index + 1..]);
            return walk(&without_parents(&whole), links_left - 1, end);
        }
        let last = end == End::Itself && index + 1 == parts.len();
        require_unwritable(&reached, &metadata, last)?;
    }
    Ok(())
}

/// Resolves `..` by text. The folders before it were walked already, so they are no links.
fn without_parents(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut whole, part| {
        match part {
            Component::ParentDir => {
                whole.pop();
            }
            Component::CurDir => {}
            part => whole.push(part),
        }
        whole
    })
}

fn require_owner(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let caller = rustix::process::geteuid().as_raw();
    if metadata.uid() == 0 || metadata.uid() == caller {
        return Ok(());
    }
    Err(Error::refused(format!(
        "`{}` is not trusted: it belongs to user {}",
        path.display(),
        metadata.uid()
    ))
    .hint(format!(
        "Look at what it holds, then `chown {} {}`.",
        if caller == 0 {
            "root".to_owned()
        } else {
            caller.to_string()
        },
        path.display()
    )))
}

fn require_unwritable(path: &Path, metadata: &Metadata, last: bool) -> Result<(), Error> {
    let open = metadata.mode() & WRITABLE_BY_OTHERS;
    let sticky = metadata.is_dir() && !last && metadata.mode() & STICKY != 0 && metadata.uid() == 0;
    if open == 0 || sticky {
        return Ok(());
    }
    let by = match open {
        0o020 => "its group",
        0o002 => "others",
        _ => "its group and others",
    };
    Err(Error::refused(format!(
        "`{}` is not trusted: {by} can write to it",
        path.display()
    ))
    .hint(format!(
        "Look at what it holds, then `chmod go-w {}`.",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_sticky_folder_of_root_is_a_place_for_folders_of_ours_and_not_trusted_itself() {
        let folder = tempfile::tempdir().unwrap();
        chmod(folder.path(), 0o1777);
        require_trusted(folder.path()).unwrap_err();
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(require_trusted_above(folder.path()).is_ok(), is_root);
        chmod(folder.path(), 0o777);
        require_trusted_above(folder.path()).unwrap_err();
    }

    #[test]
    fn a_file_or_a_folder_above_it_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        chmod(&inner, 0o755);
        let file = inner.join("script");
        fs::write(&file, "").unwrap();
        chmod(&file, 0o755);
        require_trusted(&file).unwrap();
        chmod(&file, 0o775);
        assert!(
            require_trusted(&file)
                .unwrap_err()
                .message()
                .ends_with("script` is not trusted: its group can write to it")
        );
        chmod(&file, 0o755);
        chmod(&inner, 0o757);
        assert!(
            require_trusted(&file)
                .unwrap_err()
                .message()
                .ends_with("inner` is not trusted: others can write to it")
        );
    }

    #[test]
    fn a_link_is_followed_to_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        fs::write(&file, "").unwrap();
        chmod(&file, 0o755);
        let link = folder.path().join("link");
        symlink("script", &link).unwrap();
        require_trusted(&link).unwrap();
        chmod(&file, 0o777);
        assert!(require_trusted(&link).is_err());
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        assert!(
            require_trusted(&circle)
                .unwrap_err()
                .message()
                .contains("too many links")
        );
    }

    #[test]
    fn what_is_no_file_is_refused_and_what_is_not_there_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x");
        assert!(!require_trusted_file(&place).unwrap());
        fs::create_dir(&place).unwrap();
        let error = require_trusted_file(&place).unwrap_err();
        assert!(
            error
                .message()
                .ends_with("is a folder, and must be a regular file"),
            "{error}"
        );
        fs::remove_dir(&place).unwrap();
        fs::write(&place, "").unwrap();
        chmod(&place, 0o600);
        assert!(require_trusted_file(&place).unwrap());
    }

    #[test]
    fn the_state_of_a_home_is_a_part_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("home"));
        require_trusted_home(&home).unwrap();
        fs::create_dir_all(home.runs().join("x/bin")).unwrap();
        fs::write(home.host_id(), "").unwrap();
        for (place, mode) in [
            (home.root().to_owned(), 0o700),
            (home.var(), 0o700),
            (home.runs(), 0o700),
            (home.runs().join("x"), 0o700),
            (home.host_id(), 0o600),
        ] {
            chmod(&place, mode);
            chmod(&home.root().join("var"), 0o700);
        }
        chmod(&home.runs().join("x/bin"), 0o700);
        require_trusted_home(&home).unwrap();
        for place in [home.var(), home.runs(), home.runs().join("x"), home.host_id()] {
            let mode = fs::metadata(&place).unwrap().mode() & 0o777;
            chmod(&place, mode | 0o002);
            let error = require_trusted_home(&home).unwrap_err();
            assert!(
                error.message().contains(&format!("`{}`", place.display())),
                "{error}"
            );
            chmod(&place, mode);
        }
        symlink("/nowhere/at/all", home.var().join("link")).unwrap();
        require_trusted_home(&home).unwrap();
    }

    #[test]
    fn what_belongs_to_somebody_else_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return; // only root can give a file away
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        fs::write(&file, "").unwrap();
        chmod(&file, 0o755);
        std::os::unix::fs::chown(&file, Some(65_534), None).unwrap();
        assert!(
            require_trusted(&file)
                .unwrap_err()
                .message()
                .contains("belongs to user 65534")
        );
    }
}

//! What may run as root: only what nobody else can write.
//!
//! Trusted means owned by root, or by the caller when that is not root, and not writable by group or others; likewise
//! each folder above it, except a root-owned sticky one. A link on the way is trusted when its owner is and what it
//! leads to is.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use batt_protocol::Error;

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

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
    walk(path, MOST_LINKS, false)
}

/// Refuses a folder in which others could put what we make there away: like [`require_trusted`], but it may be a sticky one of
/// root, as `/tmp` is.
///
/// # Errors
/// A refusal (77) that names what is not trusted and why; a path that does not exist is an error too.
pub(crate) fn require_trusted_or_sticky(folder: &Path) -> Result<(), Error> {
    walk(folder, MOST_LINKS, true)
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

fn walk(path: &Path, links_left: u32, may_be_sticky: bool) -> Result<(), Error> {
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
            return walk(&without_parents(&whole), links_left - 1, may_be_sticky);
        }
        let last = index + 1 == parts.len() && !may_be_sticky;
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
    fn a_file_or_a_folder_above_it_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        chmod(&inner, 0o755);
        let file = inner.join("script");
        fs::write(&file, "").unwrap();
        chmod(&file, 0o755);
        require_trusted(&file).unwrap();
        chmod(&inner, 0o1777);
        assert!(require_trusted(&inner).is_err());
        // Only a folder of root's protects what others own in it.
        let by_root = fs::metadata(&inner).unwrap().uid() == 0;
        assert_eq!(require_trusted_or_sticky(&inner).is_ok(), by_root);
        chmod(&inner, 0o777);
        assert!(require_trusted_or_sticky(&inner).is_err());
        chmod(&inner, 0o755);
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

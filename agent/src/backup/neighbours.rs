//! The folders of many backups, opened one after the other.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, openat};

use super::BackupFolder;
use super::folder::{FOLDER, reach};

/// Opens folders of backups. Those of a day lie beside each other, so the folder above stays open until one lies elsewhere:
/// the way there costs more than all that is asked of twenty thousand of them.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    above: Option<(PathBuf, OwnedFd)>,
}

impl Neighbours {
    /// Opens the folder of a backup as [`BackupFolder::open`] does, and returns nothing where that fails.
    pub(super) fn open(&mut self, path: &Path) -> Option<BackupFolder> {
        let beside = self.open_beside(path);
        // It may be a link, of which only some are followed.
        beside.or_else(|| BackupFolder::open(path).ok())
    }

    fn open_beside(&mut self, path: &Path) -> Option<BackupFolder> {
        let (above, name) = (path.parent()?, path.file_name()?);
        let held = self
            .above
            .take()
            .filter(|(held, _)| held.as_os_str() == above.as_os_str());
        let held = match held {
            Some(held) => held,
            None => (above.to_owned(), reach(above).ok()?),
        };
        let folder = openat(&held.1, name, FOLDER, Mode::empty());
        self.above = Some(held);
        folder.ok().map(BackupFolder::of)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn holds(folder: Option<BackupFolder>, name: &str) -> bool {
        folder.is_some_and(|folder| folder.has(name))
    }

    #[test]
    fn each_folder_is_opened_and_no_other() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().canonicalize().unwrap();
        for backup in ["1/a", "1/b", "2/a"] {
            std::fs::create_dir_all(path.join(backup)).unwrap();
            std::fs::write(path.join(backup).join(backup.replace('/', "-")), "").unwrap();
        }
        let mut neighbours = Neighbours::default();
        for backup in ["1/a", "1/b", "2/a", "1/a"] {
            assert!(
                holds(neighbours.open(&path.join(backup)), &backup.replace('/', "-")),
                "{backup}"
            );
        }
        assert!(neighbours.open(&path.join("1/c")).is_none());
        assert!(neighbours.open(&path.join("3/a")).is_none());
        assert!(
            holds(neighbours.open(&path.join("2/a")), "2-a"),
            "what is not there changes nothing"
        );
    }

    #[test]
    fn a_folder_that_is_a_link_is_opened_as_one_that_lies_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().canonicalize().unwrap();
        std::fs::create_dir(path.join("there")).unwrap();
        symlink(path.join("there"), path.join("link")).unwrap();
        let mut neighbours = Neighbours::default();
        let alone = BackupFolder::open(&path.join("link")).is_ok();
        assert_eq!(neighbours.open(&path.join("link")).is_some(), alone);
        assert!(neighbours.open(&path.join("there")).is_some());
    }
}

//! `batt init`: the layout of a home, and the shipped scripts and templates in it.

use std::os::unix::fs::DirBuilderExt;

use batt_protocol::{BundleFolder, Error, FileName};

use super::record::{BundleRecord, Origin, Placed, digest_of, digest_on_disk, place};
use super::shipped::{SHIPPED, shipped};
use crate::files;
use crate::home::Home;

/// What an installation did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Installed {
    /// Files that are new or were brought up to date.
    pub(crate) written: Vec<String>,
    /// Files that a person has changed; they stay.
    pub(crate) kept: Vec<String>,
}

/// Makes the layout, and installs what is shipped where it is not there or was not changed since.
pub(crate) fn install(home: &Home) -> Result<Installed, Error> {
    make_layout(home)?;
    let mut record = BundleRecord::read(home)?;
    let mut installed = Installed::default();
    for (folder, name, content) in SHIPPED {
        let name: FileName = name.parse()?;
        let shown = format!("{}/{name}", folder.name());
        let known = record.get(*folder, &name);
        // What a controller has pushed takes the place of what is shipped.
        if known.is_some_and(|placed| placed.origin == Origin::Pushed) {
            continue;
        }
        let wanted = digest_of(content);
        match digest_on_disk(home, *folder, &name)? {
            Some(present) if present == wanted => {}
            Some(present) if known.is_none_or(|placed| placed.sha256 != present) => {
                installed.kept.push(shown);
                continue;
            }
            _ => {
                files::replace(&place(home, *folder, &name), content, folder.mode())?;
                installed.written.push(shown);
            }
        }
        record.set(Placed {
            folder: *folder,
            name,
            origin: Origin::Shipped,
            sha256: wanted,
        });
    }
    record.write(home)?;
    Ok(installed)
}

/// Makes the folders of a home, open for reading and closed for writing; what is secret in it is private by itself.
pub(super) fn make_layout(home: &Home) -> Result<(), Error> {
    let make = |path: &std::path::Path, mode: u32| {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(path)
            .map_err(|cause| Error::system(format!("cannot make the folder `{}`", path.display()), cause))
    };
    make(home.root(), 0o755)?;
    make(&home.scripts_available(), 0o755)?;
    make(&home.scripts_enabled(), 0o755)?;
    make(&home.conf(), 0o700)?;
    make(&home.var(), 0o700)
}

/// Puts a shipped file back where a pushed one was taken away.
pub(super) fn put_back(
    home: &Home,
    folder: BundleFolder,
    name: &FileName,
    record: &mut BundleRecord,
) -> Result<(), Error> {
    let Some(content) = shipped(folder, name.as_str()) else {
        return Ok(());
    };
    files::replace(&place(home, folder, name), content, folder.mode())?;
    record.set(Placed {
        folder,
        name: name.clone(),
        origin: Origin::Shipped,
        sha256: digest_of(content),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_a_person_has_changed_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("home"));
        assert_eq!(install(&home).unwrap().written.len(), SHIPPED.len());
        assert_eq!(install(&home).unwrap(), Installed::default());
        let conf = home.conf().join("backup-mysql.conf");
        std::fs::write(&conf, "MYSQL_CREDS=/root/.my.cnf\n").unwrap();
        std::fs::remove_file(home.scripts_available().join("backup-redis")).unwrap();
        let again = install(&home).unwrap();
        assert_eq!(again.kept, ["conf/backup-mysql.conf"]);
        assert_eq!(again.written, ["scripts-available/backup-redis"]);
        assert_eq!(
            std::fs::read_to_string(&conf).unwrap(),
            "MYSQL_CREDS=/root/.my.cnf\n"
        );
    }

    #[test]
    fn an_older_shipped_file_is_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        install(&home).unwrap();
        let script = home.scripts_available().join("backup-file");
        std::fs::write(&script, "old").unwrap();
        let mut record = BundleRecord::read(&home).unwrap();
        record.set(Placed {
            folder: BundleFolder::ScriptsAvailable,
            name: "backup-file".parse().unwrap(),
            origin: Origin::Shipped,
            sha256: digest_of(b"old"),
        });
        record.write(&home).unwrap();
        assert_eq!(install(&home).unwrap().written, ["scripts-available/backup-file"]);
    }
}

//! Judging what a script left: an exit code alone is never proof.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use batt_protocol::Error;
use batt_protocol::ExitCode;
use batt_protocol::text::quoted;

use crate::archive;
use crate::backup::{ArchiveRecord, GUIDE, MANIFEST, MOST_DEPTH, Mark, SUMS, open_file};
use crate::cancellation::Cancellation;
use crate::ledger::Ledger;

/// The most files that one backup may have.
const MOST_FILES: usize = 100_000;

/// What a script left, when all of it is good.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The archives, by name.
    pub(crate) archives: Vec<ArchiveRecord>,
    /// The folders, deepest first, for whoever syncs them.
    pub(crate) folders: Vec<PathBuf>,
}

/// Reads everything that lies in the service's folder, and holds it against the ledger of `batt store`.
///
/// Files become 0600 and folders 0700 on the way; each file is synced.
///
/// # Errors
/// The first thing that is not good, by name: the backup is failed then. A cancellation ends the reading, also in the
/// middle of a file.
pub(crate) fn judge(archives: &Path, ledger: &Ledger, cancellation: &Cancellation) -> Result<Judged, Error> {
    if let Some(failure) = ledger.failures().first() {
        return Err(failed(failure.to_string()));
    }
    let mut found = Found {
        root: archives.to_owned(),
        device: 0,
        files: Vec::new(),
        folders: Vec::new(),
    };
    found.device = fs::symlink_metadata(archives).map_or(0, |metadata| metadata.dev());
    found.walk(archives, 0)?;
    if found.files.is_empty() {
        return Err(failed("the script wrote nothing".to_owned())
            .hint("It must write at least one file into `$BATT_DEST/{service}/`, or use `batt store`."));
    }
    found.files.sort();
    let mut records = Vec::new();
    for file in &found.files {
        records.push(examine(archives, file, ledger, cancellation)?);
    }
    if let Some(name) = ledger
        .contents
        .keys()
        .find(|name| !ledger.stores.iter().any(|store| store.name == **name))
    {
        return Err(failed(format!(
            "a fact was recorded of {}, which was not stored",
            quoted(name)
        ))
        .hint("The name after `batt record --of` is the one that `batt store` gets."));
    }
    for store in &ledger.stores {
        if !records.iter().any(|record| record.file == store.file) {
            return Err(failed(format!("{} was stored, and is gone", quoted(&store.file))));
        }
    }
    Ok(Judged {
        archives: records,
        folders: found.folders,
    })
}

fn failed(message: String) -> Error {
    Error::new(ExitCode::FAILED, message)
}

struct Found {
    root: PathBuf,
    /// The file system that the backup is on.
    device: u64,
    files: Vec<String>,
    folders: Vec<PathBuf>,
}

impl Found {
    fn walk(&mut self, folder: &Path, depth: usize) -> Result<(), Error> {
        let cannot =
            |what: &Path, cause: std::io::Error| failed(format!("cannot read `{}`: {cause}", what.display()));
        let kind = fs::symlink_metadata(folder).map_err(|cause| cannot(folder, cause))?;
        if !kind.is_dir() {
            return Err(failed(format!("`{}` is no folder any more", folder.display())));
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
            .map_err(|cause| cannot(folder, cause))?;
        for entry in fs::read_dir(folder).map_err(|cause| cannot(folder, cause))? {
            let path = entry.map_err(|cause| cannot(folder, cause))?.path();
            let metadata = fs::symlink_metadata(&path).map_err(|cause| cannot(&path, cause))?;
            if metadata.dev() != self.device {
                return Err(failed(format!("`{}` is on another file system", path.display()))
                    .hint("What is mounted there would not be part of the backup."));
            }
            if metadata.is_dir() {
                if depth == MOST_DEPTH {
                    return Err(failed(format!("folders are nested more than {MOST_DEPTH} deep"))
                        .hint("Put them into one archive, for example with tar."));
                }
                self.walk(&path, depth + 1)?;
            } else {
                let name = self.name(&path)?;
                require_plain(&name, &metadata)?;
                self.files.push(name);
            }
            if self.files.len() > MOST_FILES {
                return Err(failed(format!("the script left more than {MOST_FILES} files"))
                    .hint("Put them into one archive, for example with tar."));
            }
        }
        self.folders.push(folder.to_owned());
        Ok(())
    }

    fn name(&self, path: &Path) -> Result<String, Error> {
        let name = path.strip_prefix(&self.root).unwrap_or(path);
        let Some(text) = name.to_str() else {
            return Err(failed(format!("the name of `{}` is not UTF-8", name.display())));
        };
        if [MANIFEST, SUMS, GUIDE].contains(&text) || Mark::owns(text) {
            return Err(failed(format!(
                "{} is a name that batt itself uses in a backup",
                quoted(text)
            )));
        }
        Ok(text.to_owned())
    }
}

/// Refuses whatever is no regular file of its own.
fn require_plain(name: &str, metadata: &fs::Metadata) -> Result<(), Error> {
    let shown = quoted(name);
    let kind = metadata.file_type();
    if kind.is_symlink() {
        return Err(failed(format!(
            "{shown} is a link; a backup holds only regular files"
        )));
    }
    if !kind.is_file() {
        use std::os::unix::fs::FileTypeExt;
        let what = if kind.is_fifo() {
            "a FIFO"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        };
        return Err(failed(format!(
            "{shown} is {what}; a backup holds only regular files"
        )));
    }
    if metadata.nlink() > 1 {
        return Err(failed(format!(
            "{shown} is a hard link to a file elsewhere, which could still be changed there"
        )));
    }
    if metadata.len() == 0 {
        return Err(failed(format!("{shown} is empty")));
    }
    Ok(())
}

fn examine(
    folder: &Path,
    name: &str,
    ledger: &Ledger,
    cancellation: &Cancellation,
) -> Result<ArchiveRecord, Error> {
    let shown = quoted(name);
    let cannot = |cause: std::io::Error| failed(format!("cannot read {shown}: {cause}"));
    let path = folder.join(name);
    let file = open_file(&path).map_err(cannot)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))
        .map_err(cannot)?;
    file.sync_all()
        .map_err(|cause| failed(format!("cannot write {shown} to the disk: {cause}")))?;
    let store = ledger.stores.iter().rev().find(|store| store.file == name);
    let examined = archive::examine_while(file, name, store.and_then(|store| store.check), &|| {
        !cancellation.is_requested()
    })
    .map_err(|damage| failed(format!("{shown}: {damage}")))?;
    if let Some(store) = store
        && (store.sha256 != examined.sha256 || store.bytes != examined.bytes)
    {
        return Err(
            failed(format!("{shown} reads back otherwise than it was written")).hint(
                "Something changed it after `batt store`, or the disk does not keep what is written to it.",
            ),
        );
    }
    let recorded = store.and_then(|store| ledger.contents.get(&store.name));
    Ok(ArchiveRecord {
        content: content_of(name, recorded, examined.facts.content())?,
        file: name.to_owned(),
        name: store.map(|store| store.name.clone()),
        check: examined.kind,
        bytes: examined.bytes,
        raw_bytes: examined.raw_bytes,
        sha256: examined.sha256,
        facts: examined
            .facts
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect::<BTreeMap<_, _>>(),
    })
}

/// Returns what an archive holds, as the script recorded it and as it was found on reading.
///
/// # Errors
/// The two differ: one of them is wrong, and a restore could not be held to either.
fn content_of(
    name: &str,
    recorded: Option<&BTreeMap<String, String>>,
    found: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut content = recorded.cloned().unwrap_or_default();
    for (key, value) in found {
        match content.insert(key.clone(), value.clone()) {
            Some(recorded) if recorded != *value => {
                return Err(failed(format!(
                    "{}: {} is {} in it, and was recorded as {}",
                    quoted(name),
                    quoted(key),
                    quoted(value),
                    quoted(&recorded)
                )));
            }
            _ => {}
        }
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(make: impl FnOnce(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let archives = folder.path().join("x");
        fs::create_dir(&archives).unwrap();
        make(&archives);
        judge(&archives, &Ledger::read(folder.path()), &Cancellation::never())
            .unwrap_err()
            .message()
            .to_owned()
    }

    #[test]
    fn what_is_no_whole_regular_file_fails_the_backup_by_name() {
        assert_eq!(message(|_| {}), "the script wrote nothing");
        assert_eq!(
            message(|f| fs::write(f.join("a.sql"), "").unwrap()),
            "`a.sql` is empty"
        );
        assert_eq!(
            message(|f| std::os::unix::fs::symlink("/etc/shadow", f.join("a")).unwrap()),
            "`a` is a link; a backup holds only regular files"
        );
        assert!(
            message(|f| {
                fs::write(f.join("../out"), "x").unwrap();
                fs::hard_link(f.join("../out"), f.join("a")).unwrap();
            })
            .starts_with("`a` is a hard link")
        );
        assert!(message(|f| fs::write(f.join(MANIFEST), "x").unwrap()).ends_with("uses in a backup"));
        assert_eq!(
            message(|f| {
                rustix::fs::mknodat(
                    rustix::fs::CWD,
                    f.join("deep"),
                    rustix::fs::FileType::Fifo,
                    rustix::fs::Mode::RUSR,
                    0,
                )
                .unwrap();
            }),
            "`deep` is a FIFO; a backup holds only regular files"
        );
    }

    #[test]
    fn a_gzip_of_nothing_and_a_cut_gzip_are_no_backup() {
        use std::io::Write;
        let gzip = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let empty = gzip(b"");
        assert!(message(|f| fs::write(f.join("a.sql.gz"), &empty).unwrap()).starts_with("`a.sql.gz`: "));
        let whole = gzip(&[7; 5000]);
        assert!(
            message(|f| fs::write(f.join("a.gz"), &whole[..whole.len() - 1]).unwrap())
                .starts_with("`a.gz`: ")
        );
    }

    #[test]
    fn what_is_whole_is_hashed_and_made_private() {
        let folder = tempfile::tempdir().unwrap();
        let archives = folder.path().join("x");
        fs::create_dir_all(archives.join("deep")).unwrap();
        fs::write(archives.join("deep/a"), "abc").unwrap();
        fs::set_permissions(archives.join("deep/a"), fs::Permissions::from_mode(0o666)).unwrap();
        let judged = judge(&archives, &Ledger::read(folder.path()), &Cancellation::never()).unwrap();
        assert_eq!(judged.archives[0].file, "deep/a");
        assert_eq!(
            judged.archives[0].sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let mode = fs::metadata(archives.join("deep/a"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(judged.folders, [archives.join("deep"), archives]);
    }
}

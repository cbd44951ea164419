//! Judging what a script left: an exit code alone is never proof.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use batt_protocol::Error;
use batt_protocol::ExitCode;
use batt_protocol::text::quoted;

use crate::archive;
use crate::backup::{ArchiveRecord, GUIDE, MANIFEST, MOST_DEPTH, Mark, SUMS, open_file};
use crate::cancellation::Cancellation;
use crate::ledger::{Ledger, StoreEnded, masked_facts};

/// The most files that one backup may have.
const MOST_FILES: usize = 100_000;

/// What a script left, when it is good.
#[derive(Debug)]
pub(super) struct Judged {
    /// The archives, by name.
    pub(super) archives: Vec<ArchiveRecord>,
    /// The folders, deepest first, for whoever syncs them.
    pub(super) folders: Vec<PathBuf>,
    /// Whether every archive was read again.
    pub(super) verified: bool,
}

impl Judged {
    /// Waits until the folders are on the disk.
    pub(super) fn sync_folders(&self) -> Result<(), Error> {
        self.folders
            .iter()
            .try_for_each(|folder| crate::files::sync_folder(folder))
    }
}

/// What archives are held against, and how.
#[derive(Clone, Copy)]
pub(super) struct Judging<'a> {
    /// What the script asked batt to store and record.
    pub(super) ledger: &'a Ledger,
    /// Whether what `batt store` wrote is read again: its length, hash and content are known from when it was written.
    pub(super) reread: bool,
    /// Ends the reading, also in the middle of a file.
    pub(super) cancellation: &'a Cancellation,
    /// Takes the secrets out of what is found, as they were taken out of the ledger.
    pub(super) hide: &'a dyn Fn(&str) -> String,
}

/// Reads everything that lies in the service's folder, and holds it against the ledger of `batt store`.
///
/// Files become 0600 and folders 0700 on the way; each file is synced.
///
/// # Errors
/// The first thing that is not good, by name. A cancellation ends the reading.
pub(super) fn judge(archives: &Path, judging: Judging<'_>) -> Result<Judged, Error> {
    let ledger = judging.ledger;
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
        records.push(judging.examine(archives, file)?);
    }
    if let Some(name) = facts_of_nothing(ledger).next() {
        return Err(failed(fact_of_nothing(name))
            .hint("The name after `batt record --of` is the one that `batt store` gets."));
    }
    let files: BTreeSet<&str> = records.iter().map(|record| record.file.as_str()).collect();
    for store in &ledger.stores {
        if !files.contains(store.file.as_str()) {
            return Err(failed(format!("{} was stored, and is gone", quoted(&store.file))));
        }
    }
    let stored = |record: &ArchiveRecord| ledger.store_of(&record.file).is_some();
    Ok(Judged {
        verified: judging.reread || !records.iter().any(stored),
        archives: records,
        folders: found.folders,
    })
}

/// Returns the names of which a fact was recorded, and that were not stored.
pub(super) fn facts_of_nothing(ledger: &Ledger) -> impl Iterator<Item = &str> {
    let stored: BTreeSet<&str> = ledger.stores.iter().map(|store| store.name.as_str()).collect();
    let names = ledger.contents.keys().map(String::as_str);
    names.filter(move |name| !stored.contains(name))
}

/// Returns what is wrong with a fact of something that was not stored.
pub(super) fn fact_of_nothing(name: &str) -> String {
    format!("a fact was recorded of {}, which was not stored", quoted(name))
}

pub(super) fn failed(message: String) -> Error {
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
pub(super) fn require_plain(name: &str, metadata: &fs::Metadata) -> Result<(), Error> {
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

impl Judging<'_> {
    /// Judges one file of a folder, and makes it 0600 and synced.
    ///
    /// # Errors
    /// What is not good about it.
    pub(super) fn examine(&self, folder: &Path, name: &str) -> Result<ArchiveRecord, Error> {
        let shown = quoted(name);
        let cannot = |cause: std::io::Error| failed(format!("cannot read {shown}: {cause}"));
        let file = open_file(&folder.join(name)).map_err(cannot)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))
            .map_err(cannot)?;
        file.sync_all()
            .map_err(|cause| failed(format!("cannot write {shown} to the disk: {cause}")))?;
        let store = self.ledger.store_of(name);
        let recorded = store.and_then(|store| self.ledger.contents.get(&store.name));
        if let Some(store) = store.filter(|_| !self.reread) {
            let bytes = file.metadata().map_err(cannot)?.len();
            return if bytes == store.bytes {
                Ok(record_of(store, recorded))
            } else {
                Err(otherwise(&shown))
            };
        }
        let examined = archive::examine_while(file, name, store.and_then(|store| store.check), &|| {
            !self.cancellation.is_requested()
        })
        .map_err(|damage| failed(format!("{shown}: {damage}")))?;
        if let Some(store) = store
            && (store.sha256 != examined.sha256 || store.bytes != examined.bytes)
        {
            return Err(otherwise(&shown));
        }
        let lacks = recorded.map(|recorded| archive::lacks(examined.kind, &examined.facts, recorded));
        if let Some(lacks) = lacks.as_deref().and_then(archive::lacks_in_words) {
            return Err(failed(format!("{shown} is without what the server has: {lacks}")));
        }
        let found = masked_facts(examined.facts.content(), self.hide);
        // What was said of it when it was written goes before it was read again.
        let mut facts = store.map(|store| store.facts.clone()).unwrap_or_default();
        facts.extend(
            examined
                .facts
                .iter()
                .map(|(key, value)| (key.to_owned(), (self.hide)(value))),
        );
        Ok(ArchiveRecord {
            content: content_of(name, recorded, &found)?,
            file: name.to_owned(),
            name: store.map(|store| store.name.clone()),
            check: examined.kind,
            bytes: examined.bytes,
            raw_bytes: examined.raw_bytes,
            sha256: examined.sha256,
            facts,
        })
    }
}

fn otherwise(shown: &str) -> Error {
    failed(format!("{shown} reads back otherwise than it was written"))
        .hint("Something changed it after `batt store`, or the disk does not keep what is written to it.")
}

/// Returns what is known of an archive from when it was written.
fn record_of(store: &StoreEnded, recorded: Option<&BTreeMap<String, String>>) -> ArchiveRecord {
    ArchiveRecord {
        file: store.file.clone(),
        name: Some(store.name.clone()),
        check: store.check,
        bytes: store.bytes,
        raw_bytes: store.raw_bytes,
        sha256: store.sha256.clone(),
        facts: store.facts.clone(),
        content: recorded.cloned().unwrap_or_default(),
    }
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
mod tests;

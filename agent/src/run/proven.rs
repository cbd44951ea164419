//! What of a service's work is proven: all of it, or those archives that `batt store` wrote and that read back whole.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use batt_protocol::text::{count, list_and, quoted};
use batt_protocol::{Error, Service};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::bounds::Shortcomings;
use super::judge::{self, Judged, Judging, fact_of_nothing, facts_of_nothing, failed};
use crate::backup::{ArchiveRecord, Manifest, Staging};
use crate::ledger::Failure;
use crate::scope::plain;

/// The most names in a sentence.
const MOST_NAMES: usize = 10;

/// What may be published.
#[derive(Debug)]
pub(super) struct Proven {
    pub(super) judged: Judged,
    /// What failed; nothing when all of it is proven.
    pub(super) shortcomings: Vec<String>,
    /// The names of archives that were to be in it, as far as is known.
    pub(super) missing: Vec<String>,
}

/// Judges what a script left. `complaint` is what is wrong with the end of the script.
///
/// When not all of it is good, what `batt store` wrote is judged archive by archive, and everything else leaves the folder
/// for the archives: a file that a failed script wrote by itself is vouched for by nobody.
///
/// # Errors
/// What is wrong, when nothing is proven: the backup is failed then.
pub(super) fn prove(
    staging: &Staging,
    complaint: Option<&str>,
    judging: Judging<'_>,
) -> Result<Proven, Error> {
    let whole = match complaint {
        None => judge::judge(&staging.archives(), judging),
        Some(complaint) => Err(failed(complaint.to_owned())),
    };
    let error = match whole {
        Ok(judged) => {
            return Ok(Proven {
                judged,
                shortcomings: Vec::new(),
                missing: Vec::new(),
            });
        }
        Err(error) => error,
    };
    let ledger = judging.ledger;
    if ledger.stores.is_empty() || !ledger.is_understood() || judging.cancellation.is_requested() {
        return Err(error);
    }
    let mut shortcomings = Shortcomings::default();
    shortcomings.add(error.message());
    ledger
        .failures()
        .iter()
        .for_each(|failure| shortcomings.add(&failure.to_string()));
    let mut missing: BTreeSet<&str> = ledger.failures().iter().filter_map(name_of).collect();
    for name in facts_of_nothing(ledger).filter(|name| !missing.contains(name)) {
        shortcomings.add(&fact_of_nothing(name));
    }
    missing.extend(facts_of_nothing(ledger));

    let Ok(aside) = staging.set_aside() else {
        return Err(error);
    };
    let archives = staging.archives();
    let mut records: Vec<ArchiveRecord> = Vec::new();
    let without_facts: BTreeSet<&str> = ledger.failures().iter().filter_map(without_facts).collect();
    let files: BTreeSet<&str> = ledger
        .stores
        .iter()
        .filter(|store| !without_facts.contains(store.name.as_str()))
        .map(|store| store.file.as_str())
        .collect();
    for file in files {
        match put_back(&aside, &archives, file, judging) {
            Ok(record) => records.push(record),
            Err(error) => {
                shortcomings.add(error.message());
                missing.extend(ledger.store_of(file).map(|store| store.name.as_str()));
            }
        }
    }
    if records.is_empty() {
        return Err(error);
    }
    let is_here = |name: &&str| records.iter().any(|record| record.name.as_deref() == Some(name));
    let missing = missing.into_iter().filter(|name| !is_here(name));
    Ok(Proven {
        missing: missing.map(str::to_owned).collect(),
        shortcomings: shortcomings.told(),
        judged: Judged {
            archives: records,
            folders: vec![archives],
            verified: true,
        },
    })
}

/// Moves an archive that `batt store` wrote back to where it is published, and reads it again.
///
/// # Errors
/// What is not good about it; it is not in the folder then.
fn put_back(aside: &Path, archives: &Path, file: &str, judging: Judging<'_>) -> Result<ArchiveRecord, Error> {
    let (from, to) = (aside.join(file), archives.join(file));
    let lies_here = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.dev());
    let metadata = match fs::symlink_metadata(&from) {
        Ok(metadata) => metadata,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return Err(failed(format!("{} was stored, and is gone", quoted(file))));
        }
        Err(cause) => return Err(failed(format!("cannot read {}: {cause}", quoted(file)))),
    };
    judge::require_plain(file, &metadata)?;
    if lies_here(archives).ok() != Some(metadata.dev()) {
        return Err(failed(format!("{} is on another file system", quoted(file))));
    }
    renameat_with(CWD, &from, CWD, &to, RenameFlags::empty())
        .map_err(|cause| failed(format!("cannot move {}: {cause}", quoted(file))))?;
    let again = Judging {
        reread: true,
        ..judging
    };
    again.examine(archives, file).inspect_err(|_| {
        let _ = fs::rename(&to, &from);
    })
}

/// Returns the name of the archive of which not all is recorded that a restore would be held to.
fn without_facts(failure: &Failure) -> Option<&str> {
    match failure {
        Failure::Fact { of, .. } => Some(of),
        _ => None,
    }
}

/// Returns the name of the archive that was not stored.
fn name_of(failure: &Failure) -> Option<&str> {
    match failure {
        Failure::Missing { name, .. }
        | Failure::Store { name, .. }
        | Failure::Unfinished { name }
        | Failure::Fact { of: name, .. } => Some(name),
        _ => None,
    }
}

impl Proven {
    /// Tells whether not all of it is proven.
    pub(super) fn is_partial(&self) -> bool {
        !self.shortcomings.is_empty()
    }

    /// Adds to what is missing from a part: items that were named, where the script names archives as its items, and what the
    /// last good backup has.
    pub(super) fn compare(&mut self, service: &Service, items: &[String], last: Option<&Manifest>) {
        if !self.is_partial() {
            return;
        }
        let names: BTreeSet<&str> = names(&self.judged.archives).collect();
        let items: Vec<Cow<'_, str>> = items.iter().map(|item| plain(service, item)).collect();
        let are_names = items.iter().any(|item| names.contains(item.as_ref()));
        let expected = items
            .iter()
            .filter(|_| are_names)
            .map(AsRef::as_ref)
            .chain(last.into_iter().flat_map(|last| self::names(&last.archives)));
        let more: BTreeSet<String> = expected
            .filter(|name| !names.contains(name) && !self.missing.iter().any(|known| known == name))
            .map(str::to_owned)
            .collect();
        self.missing.extend(more);
    }

    /// Returns what a person is told of a part: first how much of it there is and what is not in it, then what failed.
    pub(super) fn told(&self) -> Vec<String> {
        let mut told = vec![self.headline()];
        told.extend(self.shortcomings.iter().cloned());
        told
    }

    fn headline(&self) -> String {
        let here = count(self.judged.archives.len(), "archive");
        if self.missing.is_empty() {
            return format!("only a part is proven, {here}");
        }
        format!("only a part is proven, {here}, without {}", named(&self.missing))
    }
}

fn names(archives: &[ArchiveRecord]) -> impl Iterator<Item = &str> {
    archives.iter().filter_map(|archive| archive.name.as_deref())
}

/// Returns a list of names as a sentence has it, and how many more there are.
pub(super) fn named(names: &[String]) -> String {
    match names.split_at_checked(MOST_NAMES) {
        Some((first, rest)) if !rest.is_empty() => {
            let first: Vec<String> = first.iter().map(|name| quoted(name)).collect();
            format!("{} and {} more", first.join(", "), rest.len())
        }
        _ => list_and(names),
    }
}

#[cfg(test)]
mod tests;

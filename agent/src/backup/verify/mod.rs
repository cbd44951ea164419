//! Reading a published backup again, whole: every file is there, is what its manifest says, and is complete in itself.

mod archive_file;
mod damages;
mod folder;
mod papers;
mod place;
mod sums;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use batt_protocol::text::quoted;

use super::verified::Stamps;
use super::{ArchiveRecord, BackupFolder, GUIDE, MANIFEST, Manifest, SUMS};
use crate::archive;
use damages::Damages;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use sums::Sums;
pub(crate) use sums::sum_line;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verification {
    /// The backup's id, where its manifest can be read.
    pub(crate) id: Option<String>,
    /// The items that were asked for, as its manifest says.
    pub(crate) items: Vec<String>,
    /// The host that made it: its name and its id.
    pub(crate) host: Option<(String, String)>,
    /// Everything that is wrong, by file. Nothing means verified.
    pub(crate) damages: Vec<String>,
    /// What a person should know, and is no damage.
    pub(crate) remarks: Vec<String>,
    /// The files that were read as its archives.
    pub(crate) stamps: Stamps,
}

/// What is known of a backup from elsewhere, and its folder is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// The backup's id.
    pub(crate) id: &'a str,
    /// The SHA-256 of its manifest in lower-case hexadecimal.
    pub(crate) manifest_sha256: &'a str,
}

/// Reads the backup in `folder` again.
#[cfg(test)]
fn verify(folder: &Path) -> Verification {
    // It goes on whatever comes, so it always ends with an answer.
    verify_while(folder, None, &|| true).unwrap_or_else(|| Verification {
        id: None,
        items: Vec::new(),
        host: None,
        damages: vec!["the reading was stopped".to_owned()],
        remarks: Vec::new(),
        stamps: Stamps::new(),
    })
}

/// Reads the backup in `folder` again while `goes_on` says so, and holds the backup to what is known of it. None when it was
/// stopped: nothing is known then.
pub(crate) fn verify_while(
    folder: &Path,
    expected: Option<Expected<'_>>,
    goes_on: &dyn Fn() -> bool,
) -> Option<Verification> {
    verify_chosen(folder, expected, goes_on, &|_| true)
}

/// Does what [`verify_while`] does, and reads of the archives only those that are chosen.
pub(crate) fn verify_chosen(
    folder: &Path,
    expected: Option<Expected<'_>>,
    goes_on: &dyn Fn() -> bool,
    chosen: &dyn Fn(&ArchiveRecord) -> bool,
) -> Option<Verification> {
    let mut damages = Damages::default();
    let opened = match BackupFolder::open_itself(folder) {
        Ok(opened) => opened,
        Err(damage) => {
            damages.push(damage);
            return goes_on().then(|| damages.verification(None));
        }
    };
    let papers = papers::read(&opened, expected, goes_on, &mut damages);
    if let Some(manifest) = &papers.manifest {
        match expected {
            Some(expected) if expected.id != manifest.id() => damages.push(format!(
                "the backup `{}` lies here, and `{}` should",
                manifest.id(),
                expected.id
            )),
            _ => place::compare(folder, manifest, &mut damages),
        }
    }
    let mut known: BTreeSet<&str> = [MANIFEST, GUIDE, SUMS].into();
    match &papers.manifest {
        Some(manifest) => {
            if manifest.archives.is_empty() {
                damages.push(format!(
                    "`{MANIFEST}` names no archive: nothing is in this backup"
                ));
            }
            for record in &manifest.archives {
                if !known.insert(&record.file) {
                    damages.push(format!("`{MANIFEST}` names {} twice", quoted(&record.file)));
                    continue;
                }
                if !chosen(record) {
                    continue;
                }
                archive_file::check(
                    &opened,
                    record,
                    manifest,
                    papers.sums.as_ref(),
                    goes_on,
                    &mut damages,
                );
            }
            for name in papers.sums.iter().flat_map(|sums| sums.names()) {
                if known.insert(name) {
                    damages.push(format!(
                        "{} stands in `{SUMS}` and not in `{MANIFEST}`",
                        quoted(name)
                    ));
                }
            }
        }
        None => {
            for (name, sum) in papers.sums.iter().flat_map(|sums| sums.iter()) {
                if known.insert(name) {
                    archive_file::check_sum(&opened, name, sum, goes_on, &mut damages);
                }
            }
        }
    }
    folder::report_others(&opened, &known, goes_on, &mut damages);
    goes_on().then(|| damages.verification(papers.manifest.as_ref()))
}

/// Returns the SHA-256 of a file's content.
pub(crate) fn digest_of(file: File) -> std::io::Result<String> {
    digest_while(file, &|| true)
}

fn digest_while(mut file: File, goes_on: &dyn Fn() -> bool) -> std::io::Result<String> {
    let mut digest = archive::Digest::default();
    let mut buffer = vec![0u8; 256 << 10];
    loop {
        if !goes_on() {
            return Err(std::io::Error::other("the reading was stopped"));
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digest.hex()),
            Ok(length) => digest.update(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

//! What a backup says of itself: manifest.json, SHA256SUMS and RESTORE.md, held against each other and against what is
//! known from elsewhere.

use batt_protocol::text::escaped;

use super::sums::Sums;
use super::{Damages, Expected, GUIDE, MANIFEST, Manifest, SUMS, digest_while};
use crate::archive::Digest;
use crate::backup::BackupFolder;

/// The largest SHA256SUMS that is read, in bytes: 100,000 names as long as they can be.
const SUMS_LIMIT: u64 = 64 << 20;

/// What could be read and understood of the papers.
#[derive(Debug)]
pub(super) struct Papers {
    pub(super) manifest: Option<Manifest>,
    pub(super) sums: Option<Sums>,
}

/// Reads the papers and reports what is wrong with them.
pub(super) fn read(
    folder: &BackupFolder,
    expected: Option<Expected<'_>>,
    goes_on: &dyn Fn() -> bool,
    damages: &mut Damages,
) -> Papers {
    let sums = folder
        .read(SUMS, SUMS_LIMIT)
        .and_then(|text| Sums::parse(&text))
        .map_err(|damage| damages.push(damage))
        .ok();
    let manifest = match folder.read(MANIFEST, Manifest::LIMIT) {
        Ok(text) => understood(&text, sums.as_ref(), expected, damages),
        Err(damage) => {
            damages.push(damage);
            None
        }
    };
    check_guide(folder, sums.as_ref(), goes_on, damages);
    Papers { manifest, sums }
}

/// Parses the manifest. One that cannot be understood is told by its cause too: a later version may have written it.
fn understood(
    text: &[u8],
    sums: Option<&Sums>,
    expected: Option<Expected<'_>>,
    damages: &mut Damages,
) -> Option<Manifest> {
    let mut digest = Digest::default();
    digest.update(text);
    let found = digest.hex();
    let manifest = Manifest::parse(text, MANIFEST)
        .map_err(|error| damages.push(escaped(error.message()).into_owned()))
        .ok();
    let sum = sums.and_then(|sums| sums.of(MANIFEST));
    if sums.is_some() && sum.is_none() {
        damages.push(format!("`{MANIFEST}` does not stand in `{SUMS}`"));
    }
    // Another backup has another manifest: that it lies here is told by its id.
    let known = expected.filter(|expected| manifest.as_ref().is_none_or(|m| m.id() == expected.id));
    match known {
        Some(known) if known.manifest_sha256 != found => damages.push(format!(
            "`{MANIFEST}` was changed: its SHA-256 is not the one in the catalogue"
        )),
        Some(_) if sum.is_some_and(|sum| sum != found) => damages.push(format!(
            "`{SUMS}` was changed: its sum of `{MANIFEST}` is another one"
        )),
        None if sum.is_some_and(|sum| sum != found) => damages.push(format!(
            "`{MANIFEST}` and `{SUMS}` differ: one of them was changed"
        )),
        _ => {}
    }
    manifest
}

fn check_guide(
    folder: &BackupFolder,
    sums: Option<&Sums>,
    goes_on: &dyn Fn() -> bool,
    damages: &mut Damages,
) {
    let found = folder.file(GUIDE).and_then(|file| {
        digest_while(file, goes_on).map_err(|cause| format!("`{GUIDE}` cannot be read: {cause}"))
    });
    let sum = sums.map(|sums| sums.of(GUIDE));
    match (found, sum) {
        (Err(damage), _) => damages.push(damage),
        (Ok(_), Some(None)) => damages.push(format!("`{GUIDE}` does not stand in `{SUMS}`")),
        (Ok(found), Some(Some(sum))) if found != sum => {
            damages.push(format!("`{GUIDE}` and `{SUMS}` differ: one of them was changed"))
        }
        _ => {}
    }
}

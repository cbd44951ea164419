//! One archive of a backup, held against what is said of it.

use batt_protocol::text::quoted;

use super::sums::Sums;
use super::{Damages, MANIFEST, Manifest, SUMS, digest_while};
use crate::archive::{self, Examined};
use crate::backup::verified::Stamp;
use crate::backup::{ArchiveRecord, BackupFolder};
use crate::store::is_file_of;

/// As many differences of one archive's content as are told one by one.
const MOST_DIFFERENCES: usize = 20;

/// Reads an archive and reports what is not as its manifest and its sum say.
pub(super) fn check(
    folder: &BackupFolder,
    record: &ArchiveRecord,
    manifest: &Manifest,
    sums: Option<&Sums>,
    goes_on: &dyn Fn() -> bool,
    damages: &mut Damages,
) {
    let shown = quoted(&record.file);
    // Whoever reads the folder and whoever asks batt by name are to get the same.
    if let Some(name) = record
        .name
        .as_deref()
        .filter(|name| !is_file_of(&record.file, name))
    {
        damages.push(format!(
            "`{MANIFEST}` says that {shown} is the archive {}, whose file has another name",
            quoted(name)
        ));
    }
    let sum = sums.and_then(|sums| sums.of(&record.file));
    if sums.is_some() && sum.is_none() {
        damages.push(format!("{shown} does not stand in `{SUMS}`"));
    }
    let examined = match examine(folder, record, goes_on) {
        Ok((examined, stamp)) => {
            damages.was_read(&record.file, stamp);
            examined
        }
        Err(damage) => return damages.push(damage),
    };
    let by_manifest = examined.sha256 == record.sha256;
    let by_sum = sum.is_none_or(|sum| sum == examined.sha256);
    match (by_manifest, by_sum) {
        (true, true) => {}
        (true, false) => damages.push(format!("`{SUMS}` was changed: its sum of {shown} is another one")),
        (false, true) if sum.is_some() => {
            damages.push(format!(
                "`{MANIFEST}` was changed: its SHA-256 of {shown} is another one"
            ));
        }
        _ => damages.push(format!("{shown} was changed: its SHA-256 differs")),
    }
    compare_content(&shown, record, &manifest.batt, &examined, damages);
    // It may never have been held to that: a run need not read again what it stored.
    let lacks = archive::lacks(examined.kind, &examined.facts, &record.content);
    if let Some(lacks) = archive::lacks_in_words(&lacks) {
        damages.push(format!("{shown} is without what the server had: {lacks}"));
    }
}

/// Reads a file of which only the sum is known.
pub(super) fn check_sum(
    folder: &BackupFolder,
    name: &str,
    sum: &str,
    goes_on: &dyn Fn() -> bool,
    damages: &mut Damages,
) {
    let shown = quoted(name);
    let found = folder.file(name).and_then(|file| {
        digest_while(file, goes_on).map_err(|cause| format!("{shown} cannot be read to its end: {cause}"))
    });
    match found {
        Ok(found) if found == sum => {}
        Ok(_) => damages.push(format!("{shown} was changed: its SHA-256 differs")),
        Err(damage) => damages.push(damage),
    }
}

fn examine(
    folder: &BackupFolder,
    record: &ArchiveRecord,
    goes_on: &dyn Fn() -> bool,
) -> Result<(Examined, Stamp), String> {
    let shown = quoted(&record.file);
    let file = folder.file(&record.file)?;
    // Before it is read: who writes to it meanwhile changes it.
    let stamp = Stamp::of(&file).map_err(|cause| format!("{shown} cannot be read: {cause}"))?;
    let length = file
        .metadata()
        .map_err(|cause| format!("{shown} cannot be read: {cause}"))?
        .len();
    if length != record.bytes {
        return Err(format!("{shown} has {length} bytes instead of {}", record.bytes));
    }
    archive::examine_while(file, &record.file, record.check, goes_on)
        .map(|examined| (examined, stamp))
        .map_err(|damage| format!("{shown}: {damage}"))
}

/// Compares what the reading counted with what the manifest says of the same.
fn compare_content(
    shown: &str,
    record: &ArchiveRecord,
    batt: &str,
    examined: &Examined,
    damages: &mut Damages,
) {
    if record.raw_bytes != examined.raw_bytes {
        damages.push(format!(
            "`{MANIFEST}` says {} bytes are in {shown}, and {} are",
            record.raw_bytes, examined.raw_bytes
        ));
    }
    // Another version may have counted less. What it did count is the same.
    let all_counted = batt == env!("CARGO_PKG_VERSION");
    let mut differences = 0;
    for (key, value) in examined.facts.content() {
        let said = match record.content.get(key) {
            Some(said) if said == value => continue,
            Some(said) => quoted(said),
            None if all_counted => "nothing".to_owned(),
            None => continue,
        };
        differences += 1;
        if differences <= MOST_DIFFERENCES {
            damages.push(format!(
                "`{MANIFEST}` says {said} of {} in {shown}, which has {}",
                quoted(key),
                quoted(value)
            ));
        }
    }
    if differences > MOST_DIFFERENCES {
        damages.push(format!(
            "{} more differences of {shown}",
            differences - MOST_DIFFERENCES
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::CheckFacts;
    use crate::backup::manifest::tests::manifest;

    /// Returns what is told of an archive with 3 rows in `t`, whose manifest counts these.
    fn told(batt: &str, counted: &[(&str, &str)]) -> Vec<String> {
        let mut record = manifest("20260131T023000Z-00000a", &[], &["a"])
            .archives
            .remove(0);
        record.content = counted
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mut facts = CheckFacts::default();
        facts.insert_content("rows", "t", 3);
        let examined = Examined {
            bytes: record.bytes,
            sha256: record.sha256.clone(),
            compression: None,
            raw_bytes: record.raw_bytes,
            kind: None,
            facts,
        };
        let mut damages = Damages::default();
        compare_content("`a`", &record, batt, &examined, &mut damages);
        damages.verification(None).damages
    }

    #[test]
    fn rows_that_are_counted_otherwise_are_told_and_what_only_a_restore_can_count_is_not() {
        let own = env!("CARGO_PKG_VERSION");
        assert_eq!(
            told(own, &[("rows.t", "3"), ("table.t", "InnoDB")]),
            [] as [String; 0]
        );
        assert_eq!(
            told(own, &[("rows.t", "4")]),
            ["`manifest.json` says `4` of `rows.t` in `a`, which has `3`"]
        );
        assert_eq!(
            told(own, &[]),
            ["`manifest.json` says nothing of `rows.t` in `a`, which has `3`"]
        );
        assert_eq!(told("0.0.1", &[]), [] as [String; 0], "it could not count yet");
        assert_eq!(told("0.0.1", &[("rows.t", "4")]).len(), 1);
    }
}

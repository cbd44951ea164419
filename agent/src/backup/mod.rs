//! Published backups: their manifest, how they get to their place, and which there are.

mod catalogue;
mod destination;
mod drill;
mod entry;
mod folder;
mod guide;
mod identity;
mod manifest;
pub(crate) mod marks;
mod moved;
mod neighbours;
mod places;
mod presence;
mod publish;
mod rebuild;
mod verified;
mod verify;

pub(crate) use catalogue::{Catalogue, Line, begin, remember, remember_all};
pub(crate) use destination::{
    Destination, MOST_DEPTH, Staging, open_file, removal_name, remove_content, remove_content_but,
    remove_folder,
};
pub(crate) use drill::{Drill, Verdict};
pub(crate) use entry::Entry;
pub(crate) use folder::BackupFolder;
pub(crate) use guide::restore_guide;
pub(crate) use identity::Identity;
#[cfg(test)]
pub(crate) use manifest::tests::manifest as manifest_of;
pub(crate) use manifest::{ArchiveRecord, Manifest, ScriptRecord};
pub(crate) use marks::Mark;
pub(crate) use places::{places, remember_place};
pub(crate) use presence::{Found, present};
pub(crate) use publish::{Claim, Place, clean_up, is_left, promote, publish, settle};
pub(crate) use rebuild::{load, rebuild};
pub(crate) use verified::{Stamps, open_verified, write_stamps};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use verify::Sums;
pub(crate) use verify::{Expected, Verification, digest_of, sum_line, verify_chosen, verify_while};

#[cfg(test)]
pub(crate) fn example_manifest(archives: &[&str]) -> Manifest {
    manifest::tests::manifest("20260131T023000Z-00000a", &[], archives)
}

/// The file of a backup that says what it is.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The file of a backup that `sha256sum -c` reads.
pub(crate) const SUMS: &str = "SHA256SUMS";
/// The file of a backup that tells how to restore it without batt.
pub(crate) const GUIDE: &str = "RESTORE.md";

//! Writing the catalogue anew: one line for each backup instead of one for each thing that became known.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use batt_protocol::Error;

use super::{Catalogue, Line};
use crate::backup::Entry;
use crate::home::Home;
use crate::{files, lock};

/// As many lines may be more than twice those that are needed.
const SLACK: usize = 500;
/// How many backups are remembered that were replaced at one and the same place.
const MOST_REPLACED: usize = 20;
/// How many broken files are set aside; the last one makes room for the next.
const MOST_SET_ASIDE: usize = 4;

/// Tells whether a catalogue has far more lines than it needs.
pub(crate) fn is_wordy(catalogue: &Catalogue) -> bool {
    catalogue.lines > 2 * catalogue.entries.len() + catalogue.unknown.len() + SLACK
}

/// Writes the catalogue anew with these backups added to what the file says by then: a crash leaves the old one or the
/// new one. A file that is broken is set aside first; returns where to.
///
/// # Errors
/// A disk that does not take it, and a lock that somebody holds.
pub(crate) fn rewrite(home: &Home, add: Vec<Entry>) -> Result<Option<PathBuf>, Error> {
    let path = home.catalogue();
    let _lock = lock::catalogue(home)?;
    let (mut catalogue, trouble) = Catalogue::read_or_tell(home);
    let set_aside = match (trouble, catalogue.broken) {
        (Some(_), _) => Some(set_aside(&path, Original::Gone)?),
        (None, 0) => None,
        (None, _) => Some(set_aside(&path, Original::Kept)?),
    };
    let mut entries: BTreeMap<String, Entry> = catalogue
        .entries
        .drain(..)
        .map(|entry| (entry.id(), entry))
        .collect();
    entries.extend(add.into_iter().map(|entry| (entry.id(), entry)));
    let mut lines = Vec::new();
    for entry in without_long_replaced(entries.into_values().collect()) {
        lines.push(Line::Published(entry));
    }
    // What a crash left of a removal is found by these.
    for (entry, at) in catalogue.removed {
        if entry.is_being_removed() {
            let id = entry.id();
            lines.push(Line::Published(entry));
            lines.push(Line::Removed { id, at });
        }
    }
    let mut text = Vec::new();
    for line in &lines {
        serde_json::to_writer(&mut text, line)
            .map_err(|cause| Error::system("cannot write the catalogue", cause))?;
        text.push(b'\n');
    }
    for line in &catalogue.unknown {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    files::replace(&path, &text, 0o600)?;
    Ok(set_aside)
}

/// Leaves out what was replaced at its place so long ago that nobody compares with it any more. The newest of each place
/// may be there; that is asked of the disk, and not here: a disk may be away.
fn without_long_replaced(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by(|a, b| (a.time, &a.run).cmp(&(b.time, &b.run)));
    let mut seen: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let mut kept: Vec<Entry> = Vec::new();
    for entry in entries.into_iter().rev() {
        let count = seen.entry(entry.path.clone()).or_default();
        *count += 1;
        if *count <= 1 + MOST_REPLACED {
            kept.push(entry);
        }
    }
    kept.reverse();
    kept
}

/// What becomes of a file that is set aside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Original {
    /// It is a file: a crash must find it until the new one is in its place.
    Kept,
    /// It is no catalogue at all.
    Gone,
}

/// Keeps what is broken beside the catalogue, for a person to look at.
fn set_aside(path: &Path, original: Original) -> Result<PathBuf, Error> {
    let place = |number: usize| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".broken-{number}"));
        PathBuf::from(name)
    };
    let free = (1..=MOST_SET_ASIDE)
        .map(place)
        .find(|place| fs::symlink_metadata(place).is_err())
        .unwrap_or_else(|| place(MOST_SET_ASIDE));
    let fail = |cause: std::io::Error| {
        Error::system(
            format!("cannot set the broken catalogue `{}` aside", path.display()),
            cause,
        )
    };
    let is_folder = fs::symlink_metadata(&free).is_ok_and(|metadata| metadata.is_dir());
    match fs::symlink_metadata(&free) {
        Ok(_) if is_folder => fs::remove_dir_all(&free).map_err(fail)?,
        Ok(_) => fs::remove_file(&free).map_err(fail)?,
        Err(_) => {}
    }
    match original {
        Original::Kept => fs::hard_link(path, &free).map_err(fail)?,
        Original::Gone => fs::rename(path, &free).map_err(fail)?,
    }
    Ok(free)
}

//! Which backups of the catalogue are there.

use std::collections::BTreeMap;

use batt_protocol::Service;

use super::catalogue::remember_all;
use super::neighbours::Neighbours;
use super::{Catalogue, Entry, Line, Mark};
use crate::home::Home;

/// A backup that is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) entry: Entry,
    /// A person pinned it; also when its mark cannot be read.
    pub(crate) pinned: bool,
}

/// Returns the backups of these services (all, when none is named) that are there, oldest first.
///
/// A manifest that was never looked at, or that is not the file it was, is read, and remembered where the disk takes it.
/// Of those that had one and the same place only the newest can be there.
pub(crate) fn present(home: &Home, catalogue: Catalogue, services: &[Service]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut looked_at = Vec::new();
    let mut places: BTreeMap<std::path::PathBuf, ()> = BTreeMap::new();
    let mut entries = catalogue.into_entries();
    entries.reverse();
    let mut neighbours = Neighbours::default();
    for mut entry in entries {
        if places.contains_key(&entry.path) || !(services.is_empty() || services.contains(&entry.service)) {
            continue;
        }
        let folder = neighbours.open(&entry.path);
        if !entry.is_as_seen(folder.as_ref()) {
            let Some(seen) = entry.look() else { continue };
            looked_at.push(Line::Seen {
                id: entry.id(),
                seen: seen.clone(),
            });
            entry.seen = Some(seen);
        }
        places.insert(entry.path.clone(), ());
        let pinned = folder.is_some_and(|folder| folder.has(Mark::Pinned.file_name()));
        found.push(Found { entry, pinned });
    }
    if !looked_at.is_empty() {
        // Without it the next look takes as long as this one.
        let _ = remember_all(home, &looked_at);
    }
    found.reverse();
    found
}

//! The catalogue from manifests: when it is lost or broken, and when a person asks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use batt_protocol::text::count;
use batt_protocol::{Error, EventKind, RunId, Service};

use super::catalogue::{is_wordy, rewrite};
use super::{BackupFolder, Catalogue, Entry, places};
use crate::home::Home;
use crate::host;
use crate::pattern::{Layout, Pattern};
use crate::run_folder::RunFolder;

/// How many entries of folders are looked at. Twenty thousand backups by day have a fiftieth of them.
const MOST_ENTRIES: usize = 2_000_000;

/// What a rebuilding found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rebuilt {
    /// Backups of this host that are there.
    pub(crate) found: usize,
    /// Those of them that the catalogue did not know, or knew at another place.
    pub(crate) added: usize,
    /// The folders that were searched.
    pub(crate) searched: Vec<PathBuf>,
    /// Where the broken catalogue was put, when it was broken.
    pub(crate) set_aside: Option<PathBuf>,
    /// Folders that say to be a backup of this host, and that others could have written.
    pub(crate) distrusted: usize,
    /// The search ended before it had seen everything.
    pub(crate) cut_short: bool,
}

/// Reads the catalogue for work that depends on it. One that is lost or broken is made again, one that is wordy is
/// written anew; what there is to say about that is returned beside it. Nothing of this fails: what cannot be healed is
/// said, and what can be read is returned.
pub(crate) fn load(home: &Home, set: Option<&Pattern>) -> (Catalogue, Vec<String>) {
    let (catalogue, trouble) = Catalogue::read_or_tell(home);
    let broken_lines = catalogue.broken_lines();
    let why = match trouble {
        Some(error) => error.message().to_owned(),
        None if is_lost(home) => "the catalogue was lost".to_owned(),
        None if broken_lines > 0 => format!(
            "{} of the catalogue cannot be understood",
            count(broken_lines, "line")
        ),
        None => {
            if is_wordy(&catalogue) {
                // It is as good as it was when this fails.
                let _ = rewrite(home, Vec::new());
            }
            return (catalogue, Vec::new());
        }
    };
    let mut notes = vec![match rebuild(home, set, None) {
        Ok(rebuilt) => format!("{why}; {}", rebuilt.words()),
        Err(error) => format!("{why}, and cannot be made again: {error}"),
    }];
    let (healed, trouble) = Catalogue::read_or_tell(home);
    if trouble.is_some() {
        notes.push("nothing is known of earlier backups".to_owned());
        return (catalogue, notes);
    }
    (healed, notes)
}

/// Tells whether there was a catalogue once: runs were here, and it is not.
fn is_lost(home: &Home) -> bool {
    let missing = fs::symlink_metadata(home.catalogue()).is_err();
    missing && home.places().exists()
}

impl Rebuilt {
    /// Says what was found.
    pub(crate) fn words(&self) -> String {
        let mut words = format!(
            "it was made again from the manifests: {} found, {} of them new to it",
            count(self.found, "backup"),
            self.added
        );
        if let Some(place) = &self.set_aside {
            words.push_str(&format!("; the broken one is `{}`", place.display()));
        }
        if self.distrusted > 0 {
            words.push_str(&format!(
                "; {} that others could have written are not believed",
                self.distrusted
            ));
        }
        if self.cut_short {
            words.push_str("; the search was cut short, too many folders are there");
        }
        words
    }
}

/// Enters every backup of this host that lies where one of the known patterns, or `more`, puts backups, and that nobody but
/// root (or the caller) can have put there.
///
/// # Errors
/// A home without an id, whose backups nothing could tell from others'; a disk that does not take the catalogue.
pub(crate) fn rebuild(home: &Home, set: Option<&Pattern>, more: Option<&Pattern>) -> Result<Rebuilt, Error> {
    let Some(host_id) = host::known_host_id(home)? else {
        return Err(Error::program(
            "this home has no id yet: nothing was ever published from it",
        ));
    };
    let (catalogue, _) = Catalogue::read_or_tell(home);
    let known: BTreeMap<String, Entry> = catalogue
        .into_entries()
        .into_iter()
        .map(|entry| (entry.id(), entry))
        .collect();
    let mut search = Search {
        host_id: &host_id,
        known: &known,
        left: MOST_ENTRIES,
        found: BTreeMap::new(),
        distrusted: 0,
    };
    let patterns = all_places(home, set, more);
    let host = host::host_name();
    let mut searched = BTreeSet::new();
    for pattern in &patterns {
        let layout = pattern.layout();
        let root = layout.fixed_part(&host);
        // Backups are never published through a link, and never looked for through one.
        if fs::canonicalize(&root).is_ok_and(|real| real == root) {
            let depth = root.components().count() - 1;
            search.descend(&root, depth, &layout);
            searched.insert(root);
        } else {
            // Another name of the host than today's.
            search.descend_from_the_root(&layout, &mut searched);
        }
    }
    let (found, cut_short, distrusted) = (search.found, search.left == 0, search.distrusted);
    let count = found.len();
    let add: Vec<Entry> = found
        .into_values()
        .filter(|entry| known.get(&entry.id()) != Some(entry))
        .collect();
    let added = add
        .iter()
        .filter(|entry| {
            known
                .get(&entry.id())
                .is_none_or(|known| known.path != entry.path)
        })
        .count();
    Ok(Rebuilt {
        found: count,
        added,
        searched: searched.into_iter().collect(),
        set_aside: rewrite(home, add)?,
        distrusted,
        cut_short,
    })
}

/// Returns every pattern that is known, also from the runs that are kept: a home of an earlier version has remembered
/// none.
fn all_places(home: &Home, set: Option<&Pattern>, more: Option<&Pattern>) -> Vec<Pattern> {
    let mut patterns = places(home, set);
    let mut add = |pattern: Option<Pattern>| {
        patterns.extend(pattern.filter(|pattern| !patterns.contains(pattern)));
    };
    add(more.cloned());
    let host = host::host_name();
    let mut folders = BTreeSet::new();
    for folder in RunFolder::all(home).unwrap_or_default() {
        let order = folder.order().ok();
        add(order.and_then(|order| order.path?.parse().ok()));
        for event in folder.events().unwrap_or_default() {
            if let EventKind::RunStarted { path, .. } = event.event {
                folders.insert(PathBuf::from(path));
            }
        }
    }
    for folder in folders {
        if !patterns
            .iter()
            .any(|pattern| pattern.layout().holds(&folder, &host))
        {
            patterns.extend(Pattern::literal(&folder));
        }
    }
    patterns
}

/// A search for backups of this host.
struct Search<'a> {
    host_id: &'a str,
    known: &'a BTreeMap<String, Entry>,
    /// How many entries of folders may still be looked at.
    left: usize,
    found: BTreeMap<String, Entry>,
    /// How many say to be ours, and are not believed.
    distrusted: usize,
}

impl Search<'_> {
    /// Searches below a folder that is `depth` components deep for folders of the layout, and for backups in those.
    fn descend(&mut self, folder: &Path, depth: usize, layout: &Layout) {
        for name in self.folders_in(folder) {
            if depth == layout.depth() {
                self.consider(folder.join(&name), &name);
            } else if layout.can_hold(depth, &name) {
                self.descend(&folder.join(&name), depth + 1, layout);
            }
        }
    }

    /// Searches from the part on that the host's name does not change.
    fn descend_from_the_root(&mut self, layout: &Layout, searched: &mut BTreeSet<PathBuf>) {
        // A name that no host has ends the fixed part before `{host}`.
        let nobody = layout.fixed_part("\n");
        let known = nobody
            .iter()
            .take_while(|part| !part.to_string_lossy().contains('\n'));
        let root: PathBuf = known.collect();
        if root.components().count() > 1 && fs::canonicalize(&root).is_ok_and(|real| real == root) {
            self.descend(&root, root.components().count() - 1, layout);
            searched.insert(root);
        }
    }

    /// Returns the names of the folders in a folder; links are none.
    fn folders_in(&mut self, folder: &Path) -> Vec<String> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                names.extend(entry.file_name().into_string());
            }
        }
        // Of a backup and its copies the first by date is the one.
        names.sort();
        names
    }

    /// Takes what is a backup of this host, under the name that a backup of it has.
    fn consider(&mut self, place: PathBuf, name: &str) {
        let (service, beside) = match name.split_once('~') {
            None => (name, None),
            Some((service, run)) => (service, Some(run)),
        };
        let Ok(service) = service.parse::<Service>() else {
            return;
        };
        if beside.is_some_and(|run| run.parse::<RunId>().is_err()) {
            return;
        }
        let Ok(mut entry) = Entry::read(place) else {
            return;
        };
        let ours = entry
            .seen
            .as_ref()
            .is_some_and(|seen| seen.host_id == self.host_id);
        if !ours || entry.service != service || beside.is_some_and(|run| run != entry.run.as_str()) {
            return;
        }
        let id = entry.id();
        let known = self.known.get(&id);
        let is_known = known.is_some_and(|known| known.manifest_sha256 == entry.manifest_sha256);
        // The id of this host stands in every manifest of it. What only root could have written is believed.
        if !is_known && !BackupFolder::is_ours_alone(&entry.path) {
            self.distrusted += 1;
            return;
        }
        if let Some(known) = known {
            if known.path != entry.path && known.is_there() {
                // A copy. The one that is known stays the one.
                return;
            }
            // What was learnt of it since holds as long as it is the same.
            if known.manifest_sha256 == entry.manifest_sha256 {
                entry = Entry {
                    verified: known.verified,
                    drill: known.drill.clone(),
                    accepted: entry.accepted.or(known.accepted),
                    ..entry
                };
            }
        }
        self.found.entry(id).or_insert(entry);
    }
}

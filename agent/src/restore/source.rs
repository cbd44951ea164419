//! The backup that is restored: found by what a person said, and what is known of it.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use batt_protocol::text::{list_and, quoted};
use batt_protocol::{BackupState, Error, ExitCode, Service};
use chrono::{DateTime, Utc};

use super::missing::{local, missing, set_back_only};
use super::{From, Verb, choose};
use crate::backup::{
    ArchiveRecord, Catalogue, Entry, Expected, MANIFEST, Manifest, Stamps, verify_chosen, write_stamps,
};
use crate::cancellation::Cancellation;
use crate::home::Home;
use crate::scope::Scope;
use crate::settings::Settings;
use crate::{files, host, trust};

/// Which backup is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) service: Option<&'a Service>,
    pub(crate) from: &'a From,
    /// The items that were named; with none it is the promise of the service.
    pub(crate) items: &'a [String],
    pub(crate) verb: Verb,
    pub(crate) settings: &'a Settings,
}

impl Wanted<'_> {
    /// Tells whether a backup is good enough for the verb.
    fn counts(&self, entry: &Entry) -> bool {
        match self.verb {
            Verb::Restore => entry.counts(),
            // One whose drill failed can be drilled again, as when a script was wrong.
            Verb::Drill => entry.can_be_drilled(),
        }
    }

    /// Tells whether a backup was made when it was asked for.
    fn is_of_time(&self, entry: &Entry) -> bool {
        match self.from {
            From::Day(day) => local(entry.time).date() == *day,
            From::Time(time) => local(entry.time) <= *time,
            From::Newest | From::Id(..) | From::Path(_) => true,
        }
    }

    /// Tells whether a backup has all that is asked for: it was asked for that or more, or its archives have the names.
    fn is_covered_by(&self, entry: &Entry, asked: &Scope) -> bool {
        entry.scope().covers(asked)
            || (!self.items.is_empty()
                && entry
                    .manifest()
                    .is_some_and(|manifest| choose(&manifest, self.items).is_ok()))
    }
}

/// A backup, found.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What it says it is. Nothing of it is verified yet.
    pub(crate) manifest: Manifest,
    /// The SHA-256 of its manifest as it was read.
    manifest_sha256: String,
    /// What this home knows of it.
    pub(crate) entry: Option<Entry>,
    /// What is newer, counts, and has not all that is asked for: the id and what it holds.
    passed_over: Vec<String>,
    /// What is newer and would be the one, if its drill had not failed.
    set_back: Vec<Entry>,
    /// What is newer and would be the one, if it were not suspicious.
    suspicious: Vec<Entry>,
    /// The files that were read when it was verified.
    stamps: OnceCell<Stamps>,
}

impl Source {
    /// Finds a backup for a verb: of several that have all that is asked for the newest one.
    ///
    /// # Errors
    /// None there (65), with those that are nearest; a folder that holds none.
    pub(crate) fn find(home: &Home, wanted: Wanted<'_>) -> Result<Self, Error> {
        let Wanted { service, from, .. } = wanted;
        if let From::Path(path) = from {
            return Self::in_folder(home, service, path);
        }
        if let From::Id(_, named) = from
            && let Some(service) = service.filter(|service| *service != named)
        {
            return Err(Error::usage(format!(
                "the backup is one of `{named}`, and not of `{service}`"
            )));
        }
        let catalogue = Catalogue::read(home)?;
        let service = match (service, from) {
            (_, From::Id(_, named)) => named,
            (Some(service), _) => service,
            (None, _) => {
                return Err(Error::usage("no service was named").hint(
                    "`batt backups` shows what there is; `--from` takes an id or a folder without one.",
                ));
            }
        };
        let known: Vec<&Entry> = catalogue
            .entries()
            .filter(|entry| entry.service == *service && entry.is_there())
            .collect();
        let asked = Scope::asked(service, wanted.items, &wanted.settings.promise(service));
        let mut passed_over = Vec::new();
        let mut set_back = Vec::new();
        let mut suspicious = Vec::new();
        let found = known.iter().rev().copied().find(|entry| {
            if let From::Id(run, _) = from {
                return entry.run == *run;
            }
            let counts = wanted.counts(entry) && wanted.is_of_time(entry);
            let is_meant = counts && wanted.is_covered_by(entry, &asked);
            if !counts
                && entry.is_suspicious()
                && wanted.is_of_time(entry)
                && wanted.is_covered_by(entry, &asked)
            {
                suspicious.push(*entry);
            }
            let would_count = entry.can_be_drilled() && entry.failed_drill().is_some();
            if !counts && would_count && wanted.is_of_time(entry) && wanted.is_covered_by(entry, &asked) {
                set_back.push(*entry);
            }
            if counts && !is_meant {
                passed_over.push(format!("`{}` ({})", entry.id(), entry.scope().words()));
            }
            is_meant
        });
        let Some(entry) = found else {
            if let Some(newest) = set_back.first() {
                return Err(set_back_only(newest, &known, &asked));
            }
            let error = missing(service, from, &known, &asked);
            let is_promise = wanted.items.is_empty() && *from == From::Newest;
            let is_kept = known.iter().any(|entry| entry.scope().covers(&asked));
            return Err(if is_promise && !is_kept && !known.is_empty() {
                error.hint(format!(
                    "Or say in batt.toml what this host has of it: `[service.{service}]` with `items = [...]`."
                ))
            } else {
                error
            });
        };
        let (manifest, manifest_sha256) = Manifest::read_hashed(&entry.path)?;
        Ok(Self {
            folder: entry.path.clone(),
            manifest,
            manifest_sha256,
            entry: Some(entry.clone()),
            passed_over,
            set_back: set_back.into_iter().cloned().collect(),
            suspicious: suspicious.into_iter().cloned().collect(),
            stamps: OnceCell::new(),
        })
    }

    /// Adds to the error that this backup does not hold an item the newest older one that does.
    pub(crate) fn hint_at_older(&self, home: &Home, items: &[String], error: Error) -> Error {
        let Some(entry) = &self.entry else { return error };
        let Ok(catalogue) = Catalogue::read(home) else {
            return error;
        };
        let mut older = catalogue
            .entries()
            .rev()
            .filter(|other| other.service == entry.service && other.time < entry.time && other.counts());
        let holds = |other: &&Entry| {
            other
                .manifest()
                .is_some_and(|manifest| choose(&manifest, items).is_ok())
        };
        match older.find(holds) {
            None => error,
            Some(other) => error.hint(format!(
                "The newest backup that holds it: `--from {}` ({}).",
                other.id(),
                local(other.time).format("%Y-%m-%d %H:%M")
            )),
        }
    }

    fn in_folder(home: &Home, service: Option<&Service>, path: &Path) -> Result<Self, Error> {
        // The folder of a day has one folder for each service.
        let inner = service.map(|service| path.join(service.to_string()));
        let folder = match inner {
            Some(inner) if !path.join(MANIFEST).exists() && inner.join(MANIFEST).exists() => inner,
            _ => path.to_owned(),
        };
        if !folder.join(MANIFEST).exists() {
            let error = Error::new(
                ExitCode::NOTHING,
                format!("there is no backup in `{}`", folder.display()),
            );
            let inner = backups_below(&folder);
            return Err(if inner.is_empty() {
                error.hint(format!("A backup is the folder that has `{MANIFEST}` in it."))
            } else {
                error.hint(format!("There is {} below it.", list_and(&inner)))
            });
        }
        // Whoever named it may have named a link.
        let folder = std::fs::canonicalize(&folder).unwrap_or(folder);
        let (manifest, manifest_sha256) = Manifest::read_hashed(&folder)?;
        if let Some(service) = service.filter(|service| **service != manifest.service) {
            return Err(Error::usage(format!(
                "`{}` is a backup of `{}`, and not of `{service}`",
                folder.display(),
                manifest.service
            )));
        }
        // A catalogue that others could have written knows nothing.
        let catalogue = trust::require_trusted_home(home).and_then(|()| Catalogue::read(home));
        let entry = catalogue
            .ok()
            .and_then(|known| known.entries().find(|entry| entry.id() == manifest.id()).cloned());
        Ok(Self {
            folder,
            manifest,
            manifest_sha256,
            entry,
            passed_over: Vec::new(),
            set_back: Vec::new(),
            suspicious: Vec::new(),
            stamps: OnceCell::new(),
        })
    }

    /// Tells whether this host does not know to have made it: the catalogue of the home has it by its id and the SHA-256 of its
    /// manifest, or it is foreign, whatever it says of itself. Without a home everything is.
    pub(crate) fn is_foreign(&self, home: Option<&Home>) -> bool {
        let ours = home.and_then(|home| host::known_host_id(home).ok().flatten());
        let known = self
            .entry
            .as_ref()
            .is_some_and(|entry| entry.manifest_sha256 == self.manifest_sha256);
        !known || ours.as_ref() != Some(&self.manifest.host_id)
    }

    /// Refuses a backup that this host does not know, unless a person has said to know that. One that has the id of a backup of
    /// this host and is another one passes: it is damaged, and told so.
    ///
    /// # Errors
    /// A refusal (77).
    pub(crate) fn require_known(&self, home: Option<&Home>, is_said: bool) -> Result<(), Error> {
        if is_said || !self.is_foreign(home) || self.is_changed() {
            return Ok(());
        }
        Err(Error::refused(format!(
            "the backup in `{}` is not known to this host: it says that {} made it",
            self.folder.display(),
            quoted(&self.manifest.host)
        ))
        .hint(
            "What is in it may be anybody's. When you know where it comes from, say so: `batt restore --foreign ...`.",
        ))
    }

    fn is_changed(&self) -> bool {
        self.entry
            .as_ref()
            .is_some_and(|entry| entry.manifest_sha256 != self.manifest_sha256)
    }

    /// Returns what a person should know of the backup before it is restored.
    pub(crate) fn remarks(&self, home: &Home) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.is_foreign(Some(home)) {
            remarks.push(format!(
                "it is not known to this host; it says that {} made it",
                quoted(&self.manifest.host)
            ));
        }
        match self.manifest.state {
            BackupState::Good => {}
            BackupState::Partial => {
                remarks.push("it is partial: not everything that was asked for is in it".to_owned());
            }
            BackupState::Suspicious => {
                remarks.push("it is suspicious: it differed much from those before it".to_owned());
            }
        }
        remarks.extend(self.entry.as_ref().and_then(Entry::failure_of_drill));
        for entry in self.set_back.iter().take(3) {
            remarks.push(format!(
                "a newer one is passed over, `{}`: {}; `--from {0}` takes it all the same",
                entry.id(),
                entry.failure_of_drill().unwrap_or_default()
            ));
        }
        remarks.extend(self.suspicious.first().map(|newest| {
            let (those, last) = match self.suspicious.len() {
                1 => ("1 newer one is".to_owned(), ""),
                number => (format!("{number} newer ones are"), "the newest "),
            };
            let manifest = newest.manifest();
            let reason = manifest.and_then(|manifest| manifest.shortcomings.into_iter().next());
            format!(
                "{those} suspicious and passed over, {last}`{}`: {}; `--from {0}` takes it all the same, `batt accept {0}` as the new normal",
                newest.id(),
                reason.unwrap_or_else(|| "its manifest says why".to_owned())
            )
        }));
        if !self.passed_over.is_empty() {
            const SHOWN: usize = 3;
            let shown = &self.passed_over[..self.passed_over.len().min(SHOWN)];
            let more = match self.passed_over.len() - shown.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            remarks.push(format!(
                "newer ones hold less than what is asked for: {}{more}",
                shown.join(", ")
            ));
        }
        remarks.extend(
            self.manifest
                .warnings
                .iter()
                .map(|w| format!("it was made with a warning: {w}")),
        );
        remarks
    }

    /// Reads what is to be restored whole, and returns everything that is wrong with it; none when somebody wished to
    /// stop.
    pub(crate) fn damages(
        &self,
        chosen: &[ArchiveRecord],
        cancellation: &Cancellation,
    ) -> Option<Vec<String>> {
        let id = self.manifest.id();
        // Held to what this home remembers, else to what was read before.
        let expected = Expected {
            id: &id,
            manifest_sha256: self
                .entry
                .as_ref()
                .map_or(&self.manifest_sha256, |entry| &entry.manifest_sha256),
        };
        let files: BTreeSet<&str> = chosen.iter().map(|archive| archive.file.as_str()).collect();
        let is_chosen = |record: &ArchiveRecord| files.contains(record.file.as_str());
        let goes_on = || !cancellation.is_requested();
        let found = verify_chosen(&self.folder, Some(expected), &goes_on, &is_chosen)?;
        let _ = self.stamps.set(found.stamps);
        Some(found.damages)
    }

    /// Puts what was verified into a work folder: the manifest, and which files its archives were.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub(crate) fn write_to(&self, work: &Path) -> Result<(), Error> {
        let manifest = serde_json::to_vec(&self.manifest)
            .map_err(|cause| Error::system("cannot write the manifest", cause))?;
        files::replace(&work.join(MANIFEST), &manifest, 0o600)?;
        write_stamps(work, self.stamps.get().unwrap_or(&Stamps::new()))
    }

    /// Returns what this home knows of it, when it is the one that this home has published and not a copy.
    pub(crate) fn own_entry(&self) -> Option<&Entry> {
        let at = |path: &Path| std::fs::canonicalize(path).ok();
        self.entry
            .as_ref()
            .filter(|entry| at(&entry.path) == at(&self.folder))
    }

    /// Tells whether this very backup is still in its place.
    pub(crate) fn is_there(&self) -> bool {
        Manifest::read(&self.folder).is_ok_and(|manifest| manifest.id() == self.manifest.id())
    }

    /// Returns how old it is, in words.
    pub(crate) fn age(&self, now: DateTime<Utc>) -> String {
        let minutes = (now - self.manifest.started).num_minutes();
        match minutes {
            ..0 => "from the future".to_owned(),
            0..120 => format!("{} old", batt_protocol::text::count(minutes as usize, "minute")),
            120..2880 => format!(
                "{} old",
                batt_protocol::text::count(minutes as usize / 60, "hour")
            ),
            _ => format!(
                "{} old",
                batt_protocol::text::count(minutes as usize / 1440, "day")
            ),
        }
    }
}

/// Returns the names of the folders right below that are backups.
fn backups_below(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join(MANIFEST).exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.truncate(20);
    names
}

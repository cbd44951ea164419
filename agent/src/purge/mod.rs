//! Purging: what the rules of retention allow to go goes, and nothing else.

mod clock;
mod decision;
mod proof;
mod remove;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use batt_protocol::{Error, EventKind, ExitCode, RunId, Service};
use chrono::{DateTime, FixedOffset, Local, Offset, Utc};

use crate::backup::{self, Catalogue, Entry, Found, present};
use crate::cancellation::Cancellation;
use crate::home::Home;
use crate::host;
use crate::lock::{self, Lock};
use crate::pattern::Pattern;
use crate::retention::Rules;
use crate::run_folder::RunFolder;
use crate::scope::Scope;
use crate::settings::Settings;
pub(crate) use clock::{Clock, remember_clock, require_steady};
pub(crate) use decision::{AHEAD, Candidate, Decision, decide};
use proof::Proving;
pub(crate) use proof::Watch;
use remove::Removing;

/// What every purge of one call shares.
#[derive(Debug)]
pub(crate) struct Purge<'a> {
    home: &'a Home,
    clock: Clock,
    settings: Settings,
    host_id: String,
    places: Vec<Pattern>,
    /// The runs that go on.
    running: BTreeSet<RunId>,
    /// The folders that runs publish in now, or would.
    in_use: Vec<PathBuf>,
}

/// What became, or would become, of one backup.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) entry: Entry,
    pub(crate) decision: Decision,
    /// What it stands for among the backups of its service.
    group: Scope,
    /// It stays, and was read again before others went, or would be.
    pub(crate) read_again: bool,
    /// Why it is still there, though it was to go.
    pub(crate) failure: Option<Error>,
}

/// What a purge did, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) kept: usize,
    pub(crate) removed: usize,
    /// The bytes of the archives that were removed.
    pub(crate) bytes: u64,
}

impl Judgement {
    /// Tells whether the backup went, or would go.
    pub(crate) fn is_removed(&self) -> bool {
        matches!(self.decision, Decision::Removed(_)) && self.failure.is_none()
    }

    fn group(&self) -> proof::Group {
        (self.entry.service.clone(), self.group.clone())
    }

    /// Tells whether whoever has this has what the other one stands for.
    fn covers(&self, other: &Self) -> bool {
        self.entry.service == other.entry.service && self.group.covers(&other.group)
    }
}

impl Totals {
    /// Counts judgements.
    pub(crate) fn of<'a>(judgements: impl IntoIterator<Item = &'a Judgement>) -> Self {
        let mut totals = Self::default();
        for judgement in judgements {
            if judgement.is_removed() {
                totals.removed += 1;
                totals.bytes += judgement.entry.bytes;
            } else {
                totals.kept += 1;
            }
        }
        totals
    }
}

impl<'a> Purge<'a> {
    /// Prepares a purge. `set` is the pattern of batt.toml.
    ///
    /// # Errors
    /// A home whose id cannot be read: none of its backups could be told from others'. Settings that cannot be meant.
    pub(crate) fn prepare(home: &'a Home, set: Option<&Pattern>, clock: Clock) -> Result<Self, Error> {
        // Without one there is nothing that could be ours.
        let host_id = host::known_host_id(home)?.unwrap_or_default();
        let places = backup::places(home, set);
        let today = Local::now().fixed_offset();
        let name = host::host_name();
        let mut in_use: Vec<PathBuf> = places
            .iter()
            .filter_map(|place| place.expand(today, &name).ok())
            .collect();
        let mut running = BTreeSet::new();
        for folder in RunFolder::all(home)? {
            if folder.supervisor().is_some() {
                running.insert(folder.run().clone());
                let events = folder.events().unwrap_or_default();
                in_use.extend(events.into_iter().find_map(|event| match event.event {
                    EventKind::RunStarted { path, .. } => Some(PathBuf::from(path)),
                    _ => None,
                }));
            }
        }
        let settings = Settings::read(home)?;
        Ok(Self {
            home,
            clock,
            settings,
            host_id,
            places,
            running,
            in_use,
        })
    }

    /// Refuses to purge by a clock that jumped, or that backups are ahead of.
    ///
    /// # Errors
    /// What is wrong with the clock (2), with the way out.
    pub(crate) fn require_clock(&self, found: &[Found]) -> Result<(), Error> {
        require_steady(self.home, &self.clock)?;
        let known = clock::known_ahead(self.home);
        let ahead = self.ahead(found).into_iter().find(|id| !known.contains(id));
        match ahead {
            None => Ok(()),
            Some(id) => Err(Error::new(
                ExitCode::FAILED,
                format!("the backup `{id}` is dated ahead of the clock, so nothing is purged by it"),
            )
            .hint(
                "`date` shows the clock. When it is right, say so: `batt purge --clock-is-right` leaves such \
                 backups alone.",
            )),
        }
    }

    /// Believes the clock, because a person says that it is right, and that these backups from the future are no fault of
    /// it.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub(crate) fn believe(&self, ahead: &BTreeSet<String>) -> Result<(), Error> {
        clock::believe(self.home, &self.clock, ahead.clone())
    }

    /// Returns the ids of backups that are dated ahead of the clock.
    pub(crate) fn ahead(&self, found: &[Found]) -> BTreeSet<String> {
        let ahead = found
            .iter()
            .filter(|found| found.entry.time > self.clock.now + AHEAD);
        ahead.map(|found| found.entry.id()).collect()
    }

    /// Decides on the backups of one service, and changes nothing.
    pub(crate) fn judge(&self, found: &[Found], rules: &Rules) -> Vec<Judgement> {
        let candidates: Vec<Candidate<'_>> = found
            .iter()
            .map(|found| Candidate {
                entry: &found.entry,
                group: self.group_of(&found.entry),
                pinned: found.pinned,
                running: self.running.contains(&found.entry.run),
                ours: found.entry.is_ours(&self.host_id),
            })
            .collect();
        let decisions = decide(
            &candidates,
            rules,
            &self.settings.floor,
            self.clock.now,
            &local_offset,
        );
        found
            .iter()
            .zip(decisions)
            .map(|(found, decision)| Judgement {
                group: self.group_of(&found.entry),
                entry: found.entry.clone(),
                decision,
                read_again: false,
                failure: None,
            })
            .collect()
    }

    /// Returns what a backup stands for among those of its service.
    fn group_of(&self, entry: &Entry) -> Scope {
        entry.scope().within(&self.settings.promise(&entry.service))
    }

    /// Notes what would be read again before anything goes, and changes nothing.
    pub(crate) fn note_due(&self, judgements: &mut [Judgement]) {
        let due = self.proving().due(judgements);
        for (judgement, due) in judgements.iter_mut().zip(due) {
            judgement.read_again = due;
        }
    }

    /// Reads again what stays of the services in `judgements`, as far as something is to go for it; what is damaged calls the
    /// removals off and is returned. Whoever calls holds the locks of the services.
    pub(crate) fn prove(&self, judgements: &mut [Judgement], watch: &mut Watch<'_>) -> Vec<Error> {
        self.proving().prove(judgements, watch)
    }

    fn proving(&self) -> Proving<'_> {
        Proving {
            home: self.home,
            now: self.clock.now,
            settings: &self.settings,
        }
    }

    /// Removes what was judged to go; one that cannot be removed stops no other. Whoever calls holds the lock of the
    /// service.
    pub(crate) fn carry_out(&self, _held: &Lock, judgements: &mut [Judgement]) {
        let removing = self.removing();
        // The oldest first: if it ends on the way, what is newer is still there.
        for judgement in judgements {
            if judgement.is_removed() {
                judgement.failure = removing.remove(&judgement.entry).err();
            }
        }
    }

    /// Finishes the removals of a service that were interrupted. Whoever calls holds its lock.
    ///
    /// # Errors
    /// The first that cannot be finished, when all were tried.
    pub(crate) fn finish(&self, _held: &Lock, service: &Service, catalogue: &Catalogue) -> Result<(), Error> {
        let removing = self.removing();
        let mut first_error = Ok(());
        for entry in left_behind(catalogue).filter(|entry| entry.service == *service) {
            first_error = first_error.and(removing.finish_interrupted(entry));
        }
        first_error
    }

    fn removing(&self) -> Removing<'_> {
        Removing {
            home: self.home,
            host_id: &self.host_id,
            places: &self.places,
            in_use: &self.in_use,
            allowed: &self.settings.allow_foreign,
        }
    }
}

/// Purges one service by its rules within a run that holds its lock. Returns what became of each of its backups, and what is
/// damaged of those that were to stay.
///
/// # Errors
/// What keeps it from purging at all, as a clock that jumped.
pub(crate) fn purge_in_run(
    home: &Home,
    held: &Lock,
    service: &Service,
    rules: &Rules,
    watch: &mut Watch<'_>,
) -> Result<(Vec<Judgement>, Vec<Error>), Error> {
    let purge = Purge::prepare(home, None, Clock::read())?;
    let catalogue = Catalogue::read(home)?;
    purge.finish(held, service, &catalogue)?;
    let found = present(home, catalogue, std::slice::from_ref(service));
    purge.require_clock(&found)?;
    let mut judgements = purge.judge(&found, rules);
    let damaged = purge.prove(&mut judgements, watch);
    purge.carry_out(held, &mut judgements);
    Ok((judgements, damaged))
}

/// Finishes every removal of the home that was interrupted. What another one holds the lock of is left to that one.
///
/// # Errors
/// The first that cannot be finished, when all were tried.
pub(crate) fn finish_interrupted(home: &Home, catalogue: &Catalogue) -> Result<(), Error> {
    let services: BTreeSet<Service> = left_behind(catalogue)
        .map(|entry| entry.service.clone())
        .collect();
    if services.is_empty() {
        return Ok(());
    }
    let purge = Purge::prepare(home, None, Clock::read())?;
    let mut first_error = Ok(());
    for service in services {
        if let Ok(held) = lock::service(home, &service, Duration::ZERO, &Cancellation::never()) {
            first_error = first_error.and(purge.finish(&held, &service, catalogue));
        }
    }
    first_error
}

/// Returns the backups of which something is still there, out of sight.
fn left_behind(catalogue: &Catalogue) -> impl Iterator<Item = &Entry> {
    let all = catalogue.entries().chain(catalogue.removed());
    all.filter(|entry| entry.is_being_removed())
}

/// Returns the offset that this machine's local time had, or will have, at a time.
pub(crate) fn local_offset(time: DateTime<Utc>) -> FixedOffset {
    time.with_timezone(&Local).offset().fix()
}

//! What stays is read again before what it stays for goes.
//!
//! A backup that was whole last month may have rotted since, and a purge that believes last month's reading removes the whole ones
//! and keeps the rotten. So what stays of a promise is read again first, unless that was done within `max_proof_age`. One that
//! is damaged keeps everything of its promise.

use std::collections::BTreeMap;

use batt_protocol::{Error, ExitCode, Service};
use chrono::{DateTime, Utc};

use super::decision::Keep;
use super::{Decision, Judgement};
use crate::backup::{self, Entry, Expected, Line};
use crate::cancellation::Cancellation;
use crate::home::Home;
use crate::scope::Scope;
use crate::settings::Settings;

/// How a reading is followed and stopped.
pub(crate) struct Watch<'a> {
    /// Who may wish to stop.
    pub(crate) cancellation: &'a Cancellation,
    /// Learns which backup is read now.
    pub(crate) begins: &'a mut dyn FnMut(&Entry),
}

/// What a promise is held to.
pub(super) struct Proving<'a> {
    pub(super) home: &'a Home,
    pub(super) now: DateTime<Utc>,
    pub(super) settings: &'a Settings,
}

/// The backups that stand for one thing: of a service, what its promise covers or one selection of items.
pub(super) type Group = (Service, Scope);

impl Proving<'_> {
    /// Returns, in the order of the judgements, which backups are to be read again before anything goes: those that count, stay,
    /// and cover one that is to go.
    pub(super) fn due(&self, judgements: &[Judgement]) -> Vec<bool> {
        let going: Vec<&Judgement> = judgements
            .iter()
            .filter(|judgement| judgement.is_removed())
            .collect();
        let is_due = |judgement: &Judgement| {
            is_relied_on(&judgement.decision)
                && judgement.entry.counts()
                && !self.is_fresh(&judgement.entry)
                && going.iter().any(|going| judgement.covers(going))
        };
        judgements.iter().map(is_due).collect()
    }

    /// Reads what is due, and takes the removal of everything back that a damaged one would have stayed for. What was read is
    /// remembered. Returns what is wrong with those that are damaged.
    pub(super) fn prove(&self, judgements: &mut [Judgement], watch: &mut Watch<'_>) -> Vec<Error> {
        let due = self.due(judgements);
        let mut unproven: BTreeMap<Group, (String, ExitCode)> = BTreeMap::new();
        let mut errors: Vec<Error> = Vec::new();
        for (judgement, _) in judgements.iter_mut().zip(due).filter(|(_, due)| *due) {
            if watch.cancellation.is_requested() {
                break;
            }
            (watch.begins)(&judgement.entry);
            judgement.read_again = true;
            if let Err(error) = self.read(&mut judgement.entry, watch) {
                unproven.insert(judgement.group(), (judgement.entry.id(), error.exit()));
                errors.push(error);
            }
        }
        let stopped = watch.cancellation.requested();
        for judgement in judgements.iter_mut().filter(|judgement| judgement.is_removed()) {
            let covering = unproven.iter().find(|((service, group), _)| {
                *service == judgement.entry.service && group.covers(&judgement.group)
            });
            judgement.failure = match (stopped, covering) {
                (Some(wish), _) => Some(Error::new(wish.exit(), "the purge was interrupted")),
                (None, Some((_, (id, exit)))) => Some(Error::new(
                    *exit,
                    format!("`{id}`, which was to stay, could not be proven"),
                )),
                (None, None) => None,
            };
        }
        errors
    }

    /// Tells whether a backup was read whole, or came back from a drill, recently enough. What was read in the future was read by
    /// a clock that was wrong.
    fn is_fresh(&self, entry: &Entry) -> bool {
        let most = self.settings.service(&entry.service).max_proof_age();
        let drilled = entry.drill.as_ref().filter(|drill| drill.verdict.is_good());
        let last = entry.verified.max(drilled.map(|drill| drill.at));
        last.is_some_and(|at| (self.now - at).to_std().is_ok_and(|age| age < most))
    }

    /// Reads a backup whole, and remembers what came of it. A reading that somebody stopped says nothing.
    fn read(&self, entry: &mut Entry, watch: &Watch<'_>) -> Result<(), Error> {
        let id = entry.id();
        let expected = Expected {
            id: &id,
            manifest_sha256: &entry.manifest_sha256,
        };
        let goes_on = || !watch.cancellation.is_requested();
        let Some(found) = backup::verify_while(&entry.path, Some(expected), &goes_on) else {
            return Ok(());
        };
        entry.verified = found.damages.is_empty().then_some(self.now);
        entry.damaged = entry.verified.is_none();
        let known = Line::Verified {
            id: id.clone(),
            at: entry.verified,
        };
        backup::remember(self.home, &known)?;
        match found.damages.first() {
            None => Ok(()),
            Some(damage) => Err(Error::new(
                ExitCode::FAILED,
                format!(
                    "`{id}`, which was to stay, is damaged, so nothing goes that it stands for: {damage}"
                ),
            )
            .hint(format!(
                "`batt verify {} --all` reads all of them. The next purge does not count what is damaged.",
                entry.service
            ))),
        }
    }
}

/// Tells whether a backup stays so that others may go, and not because it is none of our business.
fn is_relied_on(decision: &Decision) -> bool {
    match decision {
        Decision::Removed(_) => false,
        Decision::Kept(keeps) => !keeps
            .iter()
            .any(|keep| matches!(keep, Keep::OtherHost | Keep::Running | Keep::Ahead)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancellation::Wish;
    use crate::purge::decision::Removal;
    use crate::scope::Scope;

    /// A wish to stop while a backup is read calls the removals off, and says nothing of the backup.
    #[test]
    fn a_reading_that_is_stopped_calls_the_removals_off_and_condemns_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let entry = |run: &str| {
            let manifest = backup::manifest_of(run, &[], &["a"]);
            Entry::published(folder.path().join(run), &manifest, String::new())
        };
        let judgement = |run: &str, decision: Decision| Judgement {
            entry: entry(run),
            decision,
            group: Scope::Everything,
            read_again: false,
            failure: None,
        };
        let mut judgements = [
            judgement("20260131T023000Z-00000a", Decision::Removed(Removal::NoRule)),
            judgement("20260201T023000Z-00000b", Decision::Kept(vec![Keep::Last])),
        ];
        let verified = judgements[1].entry.verified;
        let cancellation = Cancellation::never();
        let mut watch = Watch {
            cancellation: &cancellation,
            begins: &mut |_| cancellation.request(Wish::Interrupted),
        };
        let proving = Proving {
            home: &home,
            now: Utc::now(),
            settings: &Settings::default(),
        };
        assert_eq!(proving.due(&judgements), [false, true]);
        assert!(proving.prove(&mut judgements, &mut watch).is_empty());
        let failure = judgements[0].failure.as_ref().unwrap();
        assert_eq!(failure.exit(), ExitCode::INTERRUPTED);
        assert_eq!(judgements[1].entry.verified, verified);
        assert!(!home.catalogue().exists());
    }
}

//! The folder of a run, `BATT_HOME/var/runs/{id}`: what was asked, what happened, what the scripts printed, and who
//! supervises it while it goes on.

mod memory;
mod order;
mod orders;
mod supervision;

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use batt_protocol::wire::RunState;
use batt_protocol::{Error, Event, EventKind, ExitCode, RunId, RunSummary, Service};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::home::Home;
use crate::journal::Follower;
use memory::refuse_forgotten;
pub(crate) use memory::{forget_old_runs, forget_unadmitted};
pub(crate) use order::Order;
pub(crate) use orders::place_for_order;
pub(crate) use supervision::Supervision;

/// The folder of one run.
#[derive(Debug, Clone)]
pub(crate) struct RunFolder {
    run: RunId,
    path: PathBuf,
}

/// Whether a run is new to the host.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Nobody has started it.
    New(RunFolder),
    /// The host knows it.
    Known(RunFolder),
}

/// How far a service of a running run is; the last one counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) progress: Vec<EventKind>,
}

impl RunFolder {
    /// The most runs that are kept.
    pub(crate) const MOST_RUNS: usize = 1_000;
    /// The longest that a run is kept, in days.
    pub(crate) const MOST_DAYS: i64 = 90;

    /// Returns the folder of a run, whether it exists or not.
    pub(crate) fn of(home: &Home, run: &RunId) -> Self {
        Self {
            run: run.clone(),
            path: home.run(run),
        }
    }

    /// Admits a run at most once: the folder is made with its order in it, or it was there.
    ///
    /// # Errors
    /// A disk that does not take it; an id that is older than what is remembered, and so may have run.
    pub(crate) fn admit(home: &Home, order: &Order) -> Result<Admission, Error> {
        files::make_private_folder(&home.runs())?;
        let folder = Self::of(home, &order.run);
        if folder.order_file().exists() {
            return Ok(Admission::Known(folder));
        }
        refuse_forgotten(home, &order.run)?;
        // The order is written aside and moved in with its folder, so that a folder never is without its order.
        let partial = home.runs().join(format!(".{}.{}", order.run, std::process::id()));
        let fail = |cause: String| {
            Error::system(
                format!("cannot make the run's folder `{}`", folder.path.display()),
                cause,
            )
        };
        let text = serde_json::to_vec_pretty(order).map_err(|cause| fail(cause.to_string()))?;
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&partial)
            .map_err(|cause| fail(cause.to_string()))?;
        files::replace(&partial.join("order.json"), &text, 0o600)?;
        let moved = rustix::fs::renameat_with(
            rustix::fs::CWD,
            &partial,
            rustix::fs::CWD,
            &folder.path,
            rustix::fs::RenameFlags::NOREPLACE,
        );
        match moved {
            Ok(()) => files::sync_folder(&home.runs()).map(|()| Admission::New(folder)),
            Err(rustix::io::Errno::EXIST) => {
                let _ = fs::remove_dir_all(&partial);
                Ok(Admission::Known(folder))
            }
            Err(cause) => {
                let _ = fs::remove_dir_all(&partial);
                Err(fail(cause.to_string()))
            }
        }
    }

    /// Returns the folders of all runs that are kept, newest first.
    pub(crate) fn all(home: &Home) -> Result<Vec<Self>, Error> {
        let runs = home.runs();
        let entries = match fs::read_dir(&runs) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::system(format!("cannot read `{}`", runs.display()), error)),
        };
        let mut folders: Vec<Self> = entries
            .flatten()
            .filter_map(|entry| Some(Self::of(home, &entry.file_name().to_str()?.parse().ok()?)))
            .collect();
        // The ids of runs of the same second say nothing about their order; when they were admitted does.
        let admitted = |folder: &Self| {
            fs::metadata(folder.order_file())
                .and_then(|order| order.modified())
                .ok()
        };
        folders.sort_by(|a, b| {
            let same_second = || admitted(b).cmp(&admitted(a)).then_with(|| b.run.cmp(&a.run));
            b.run.time().cmp(&a.run.time()).then_with(same_second)
        });
        Ok(folders)
    }

    pub(crate) fn run(&self) -> &RunId {
        &self.run
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn exists(&self) -> bool {
        self.order_file().exists()
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// Returns the file that the log of a service begins in.
    pub(crate) fn log(&self, service: &Service) -> PathBuf {
        self.path.join(format!("{service}.log"))
    }

    /// Returns where a supervisor of its own puts what it prints.
    pub(crate) fn supervisor_log(&self) -> PathBuf {
        self.path.join("supervisor.log")
    }

    fn order_file(&self) -> PathBuf {
        self.path.join("order.json")
    }

    fn active_file(&self) -> PathBuf {
        self.path.join("active")
    }

    fn progress_file(&self) -> PathBuf {
        self.path.join("progress.json")
    }

    /// Returns what was asked.
    pub(crate) fn order(&self) -> Result<Order, Error> {
        let path = self.order_file();
        let unknown = || {
            Error::usage(format!("unknown run `{}`", self.run)).hint("`batt runs` lists those that are kept.")
        };
        let text = files::read_text(&path, Order::LIMIT)?.ok_or_else(unknown)?;
        serde_json::from_str(&text)
            .map_err(|cause| Error::system(format!("cannot read `{}`", path.display()), cause))
    }

    /// Returns how the run stands, and the exit code where it is known.
    pub(crate) fn state(&self) -> Result<(RunState, Option<ExitCode>), Error> {
        // Asked before the journal is read: a run that ends in between has then said so.
        let supervised = self.supervisor().is_some();
        let events = Follower::new(&self.journal()).read_new()?;
        let exit = exit_of(&events);
        let state = match (exit, supervised) {
            (Some(_), _) => RunState::Ended,
            (None, true) => RunState::Running,
            (None, false) => RunState::Interrupted,
        };
        Ok((state, exit))
    }

    /// Returns the events that the journal holds.
    pub(crate) fn events(&self) -> Result<Vec<Event>, Error> {
        Follower::new(&self.journal()).read_new()
    }

    /// Returns the line of `batt runs`.
    pub(crate) fn summary(&self) -> Result<RunSummary, Error> {
        let events = self.events()?;
        let mut summary = RunSummary {
            run: self.run.clone(),
            started: events.first().map_or_else(|| self.run.time(), |event| event.at),
            exit: exit_of(&events),
            totals: std::collections::BTreeMap::new(),
        };
        for event in events {
            if let EventKind::ServiceEnded { report } = event.event {
                *summary
                    .totals
                    .entry(report.outcome.word().to_owned())
                    .or_default() += 1;
            }
        }
        Ok(summary)
    }

    /// Removes a run that was admitted and could not start: its id is free again.
    pub(crate) fn remove_if_never_started(&self) {
        if !self.journal().exists() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }

    /// Writes how far the services are, for whoever follows from another process.
    pub(crate) fn write_progress(&self, progress: &Progress) -> Result<(), Error> {
        let path = self.progress_file();
        let fail = |cause: String| Error::system(format!("cannot write `{}`", path.display()), cause);
        let text = serde_json::to_vec(progress).map_err(|cause| fail(cause.to_string()))?;
        // After a crash nobody asks how far it had been.
        files::replace_unsynced(&path, &text, 0o600)
    }

    /// Returns how far the services are; nothing where that is not known.
    pub(crate) fn progress(&self) -> Vec<EventKind> {
        files::read_text(&self.progress_file(), 1 << 20)
            .ok()
            .flatten()
            .and_then(|text| serde_json::from_str::<Progress>(&text).ok())
            .map(|written| written.progress)
            .unwrap_or_default()
    }
}

/// Returns the exit code that a journal ends with.
fn exit_of(events: &[Event]) -> Option<ExitCode> {
    events.iter().rev().find_map(|event| match event.event {
        EventKind::RunEnded { exit, .. } => Some(exit),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use batt_protocol::AskedBy;

    use super::*;

    fn order(run: &str) -> Order {
        Order {
            run: run.parse().unwrap(),
            services: Vec::new(),
            path: None,
            wait_seconds: 0,
            asked_by: AskedBy::default(),
        }
    }

    fn id_of_today(chance: u8) -> String {
        RunId::new(chrono::Utc::now(), [0, 0, chance]).to_string()
    }

    #[test]
    fn a_run_is_admitted_once() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let order = order(&id_of_today(1));
        assert!(matches!(
            RunFolder::admit(&home, &order).unwrap(),
            Admission::New(_)
        ));
        let Admission::Known(known) = RunFolder::admit(&home, &order).unwrap() else {
            panic!("admitted twice")
        };
        assert_eq!(known.order().unwrap(), order);
        assert_eq!(fs::read_dir(home.runs()).unwrap().count(), 1);
    }

    #[test]
    fn an_id_that_may_have_been_forgotten_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            RunFolder::admit(&Home::at(folder.path()), &order("20200101T000000Z-000000")).unwrap_err();
        assert_eq!(error.exit(), ExitCode::REFUSED);
    }

    #[test]
    fn a_dead_supervisor_is_told_from_a_living_one() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let Admission::New(run) = RunFolder::admit(&home, &order(&id_of_today(2))).unwrap() else {
            panic!()
        };
        assert!(!run.is_interrupted());
        let supervision = run.supervise().unwrap().unwrap();
        assert_eq!(run.supervisor(), Some(rustix::process::getpid()));
        assert!(run.supervise().unwrap().is_none());
        drop(supervision);
        assert_eq!(run.supervisor(), None);
        assert!(run.is_interrupted());
        run.supervise().unwrap().unwrap().end().unwrap();
        assert!(!run.is_interrupted());
    }
}

//! Runs that were: their journals read again, through the same state as a run that goes on.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use batt_protocol::{Error, RunId, RunSummary, text};

use crate::event::{FleetEvent, FleetEventKind as Kind};
use crate::journal;
use crate::state::FleetState;
use crate::state_folder::StateFolder;

/// The longest line of a journal: the plan of a hundred thousand hosts.
const MAX_LINE: u64 = 64 << 20;
/// How much of a journal's end holds its last line: the totals of all classes.
const LAST_LINE: u64 = 16 << 10;

/// A run whose journal was read.
#[derive(Debug)]
pub(crate) struct PastRun {
    /// What was true at the end of the journal.
    pub(crate) state: FleetState,
    /// Its folder.
    pub(crate) folder: PathBuf,
}

/// Reads a run.
///
/// # Errors
/// A journal that is not there or holds what cannot be. A last line that was not finished is what a crash leaves, and
/// is passed over.
pub(crate) fn read(state_folder: &StateFolder, run: &RunId) -> Result<PastRun, Error> {
    let folder = state_folder.run(run);
    let path = folder.join(journal::NAME);
    let shown = text::quoted(&path.to_string_lossy());
    let file = File::open(&path).map_err(|cause| Error::system(format!("cannot read {shown}"), cause))?;
    let broken = |line: usize, why: &dyn std::fmt::Display| {
        Error::program(format!("{shown} cannot be read: line {line}: {why}"))
            .hint("The file was changed, or the disk is damaged; the logs beside it can still be read.")
    };
    let state = replay(BufReader::new(file)).map_err(|(line, why)| broken(line, &why))?;
    Ok(PastRun { state, folder })
}

/// Returns the state at the end of a journal.
///
/// # Errors
/// The line that cannot be, and why.
pub(crate) fn replay(mut reader: impl io::BufRead) -> Result<FleetState, (usize, String)> {
    let mut state: Option<FleetState> = None;
    let mut line = Vec::new();
    for number in 1.. {
        let broken = |cause: &dyn std::fmt::Display| (number, cause.to_string());
        line.clear();
        let size = (&mut reader)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|cause| broken(&cause))?;
        if size == 0 || line.last() != Some(&b'\n') {
            break;
        }
        let event: FleetEvent = serde_json::from_slice(&line).map_err(|cause| broken(&cause))?;
        match &mut state {
            None => state = Some(FleetState::planned(&event).map_err(|cause| broken(&cause))?),
            Some(state) => state.apply(&event).map_err(|cause| broken(&cause))?,
        }
    }
    state.ok_or_else(|| (1, "it does not tell what was planned".to_owned()))
}

/// Returns what `runs` shows of a run. One that ended says all in its last line; another one is read whole.
///
/// # Errors
/// Those of [`read`].
pub(crate) fn summary(state_folder: &StateFolder, run: &RunId) -> Result<RunSummary, Error> {
    let path = state_folder.run(run).join(journal::NAME);
    let (exit, totals) = match last_event(&path).ok().flatten().map(|event| event.event) {
        Some(Kind::RunEnded { exit, totals }) => (Some(exit), totals),
        _ => {
            let past = read(state_folder, run)?;
            (past.state.exit(), past.state.totals())
        }
    };
    Ok(RunSummary {
        run: run.clone(),
        started: run.time(),
        exit,
        totals: totals
            .into_iter()
            .map(|(class, count)| (class.word().to_owned(), count))
            .collect(),
    })
}

fn last_event(path: &Path) -> io::Result<Option<FleetEvent>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(LAST_LINE)))?;
    let mut end = Vec::new();
    file.take(LAST_LINE).read_to_end(&mut end)?;
    let Some(end) = end.strip_suffix(b"\n") else {
        return Ok(None);
    };
    let begin = end
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |place| place + 1);
    Ok(serde_json::from_slice(&end[begin..]).ok())
}

/// Finds the run that a person means: by its id, or by the beginning of one.
///
/// # Errors
/// No such run, or several.
pub(crate) fn find(state_folder: &StateFolder, wanted: &str) -> Result<RunId, Error> {
    let runs = state_folder.runs()?;
    let found: Vec<&RunId> = runs
        .iter()
        .filter(|run| run.as_str().starts_with(wanted))
        .collect();
    match found[..] {
        [run] => Ok(run.clone()),
        [] => Err(Error::usage(format!("there is no run {}", text::quoted(wanted)))
            .hint("`batt-fleet runs` lists them; `--last` takes the newest.")),
        [first, second, ..] => Err(Error::usage(format!(
            "{} is the beginning of {}, of `{first}` and `{second}` among them",
            text::quoted(wanted),
            text::count(found.len(), "run")
        ))
        .hint("Write more of the id.")),
    }
}

/// Returns the newest run.
///
/// # Errors
/// When there is none.
pub(crate) fn last(state_folder: &StateFolder) -> Result<RunId, Error> {
    state_folder
        .runs()?
        .into_iter()
        .next()
        .ok_or_else(|| Error::usage("there is no run yet").hint("`batt-fleet run` makes one."))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write as _;

    use batt_protocol::{ExitCode, HostClass};

    use super::*;
    use crate::event::{PlannedHost, Verb};

    const RUN: &str = "20260131T023000Z-1a2b3c";

    fn events() -> Vec<FleetEvent> {
        let event = |host: Option<&str>, event| FleetEvent {
            at: "2026-01-31T02:30:00Z".parse().unwrap(),
            host: host.map(|host| host.parse().unwrap()),
            event,
        };
        vec![
            event(
                None,
                Kind::RunPlanned {
                    run: RUN.parse().unwrap(),
                    verb: Verb::Run,
                    version: "0.1.0".into(),
                    asked_by: "ops@desk".into(),
                    hosts: vec![PlannedHost {
                        host: "db1".parse().unwrap(),
                        services: Vec::new(),
                    }],
                },
            ),
            event(Some("db1"), Kind::HostStarted),
            event(
                Some("db1"),
                Kind::HostEnded {
                    class: HostClass::Connect,
                    reason: Some("refused".into()),
                    hints: Vec::new(),
                    busy: false,
                },
            ),
            event(
                None,
                Kind::RunEnded {
                    exit: ExitCode::UNUSABLE,
                    totals: BTreeMap::from([(HostClass::Connect, 1)]),
                },
            ),
        ]
    }

    struct Place {
        folder: tempfile::TempDir,
        state: StateFolder,
    }

    fn place(events: &[FleetEvent], rest: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::resolve(Some(folder.path().to_owned()), |_| None).unwrap();
        let run = state.create_run(&RUN.parse().unwrap()).unwrap();
        let mut file = File::create(run.join(journal::NAME)).unwrap();
        for event in events {
            writeln!(file, "{}", serde_json::to_string(event).unwrap()).unwrap();
        }
        write!(file, "{rest}").unwrap();
        Place { folder, state }
    }

    #[test]
    fn a_run_that_ended_is_told_by_its_last_line() {
        let place = place(&events(), "");
        let run = find(&place.state, "20260131").unwrap();
        assert_eq!(last(&place.state).unwrap(), run);
        let summary = summary(&place.state, &run).unwrap();
        assert_eq!(summary.exit, Some(ExitCode::UNUSABLE));
        assert_eq!(summary.totals, BTreeMap::from([("connect".to_owned(), 1)]));
        let past = read(&place.state, &run).unwrap();
        assert_eq!(past.state.exit(), Some(ExitCode::UNUSABLE));
        assert_eq!(past.folder, place.folder.path().join("runs").join(RUN));
    }

    #[test]
    fn a_crash_leaves_a_readable_beginning() {
        for (count, rest, totals) in [(3, "{\"at\":\"20", 1), (2, "", 0), (1, "", 0)] {
            let place = place(&events()[..count], rest);
            let run: RunId = RUN.parse().unwrap();
            let summary = summary(&place.state, &run).unwrap();
            assert_eq!(summary.exit, None, "nobody knows");
            assert_eq!(summary.totals.len(), totals);
        }
    }

    #[test]
    fn a_journal_that_was_changed_is_named_with_its_line() {
        let run: RunId = RUN.parse().unwrap();
        let events = events();
        let mut twice = events.clone();
        twice.insert(1, events[1].clone());
        for (events, rest, line) in [
            (&events[..1], "garbage\n", "line 2"),
            (&twice[..], "", "line 3"),
            (&events[1..], "", "line 1"),
            (&events[..0], "", "line 1"),
        ] {
            let place = place(events, rest);
            let error = read(&place.state, &run).unwrap_err();
            assert!(error.message().contains(line), "{error}");
        }
    }

    #[test]
    fn a_run_is_found_by_the_beginning_of_its_id() {
        let place = place(&events(), "");
        place
            .state
            .create_run(&"20260131T023000Z-1b0000".parse().unwrap())
            .unwrap();
        assert!(
            find(&place.state, "20260131T023000Z-1")
                .unwrap_err()
                .message()
                .contains("2 runs")
        );
        assert!(find(&place.state, "20260131T023000Z-1b").is_ok());
        assert!(
            find(&place.state, "2025")
                .unwrap_err()
                .message()
                .contains("no run")
        );
    }
}

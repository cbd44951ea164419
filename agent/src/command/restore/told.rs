//! What is told of a restore: to people in words, to programs in JSON.

use batt_protocol::text::{count, escaped};
use batt_protocol::{Error, ExitCode, Service};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::cancellation::{Cancellation, Wish};
use crate::cli::{Format, Output};
use crate::console::Console;
use crate::report::table;
use crate::restore::{Attempted, Compared, Undone};

/// What came of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// Everything is there as it was recorded.
    Restored,
    /// The script and its loads succeeded, and what is there is not what was recorded.
    Different,
    /// The script failed.
    Failed,
    /// The backup is damaged; nothing was touched.
    Damaged,
    /// This host cannot do it.
    NotPossible,
    /// Somebody wished to stop.
    Cancelled,
    /// A restore would begin: `-n`.
    Ready,
}

/// What is told of a restore.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) exit: ExitCode,
    pub(super) outcome: Outcome,
    pub(super) id: String,
    pub(super) service: Service,
    /// What the backup was asked for; none is everything.
    pub(super) items: Vec<String>,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) time: DateTime<Utc>,
    pub(super) into: Option<String>,
    pub(super) script: String,
    pub(super) seconds: f64,
    pub(super) archives: Vec<Compared>,
    pub(super) compared: usize,
    pub(super) differences: Vec<String>,
    pub(super) damages: Vec<String>,
    pub(super) reason: Option<String>,
    pub(super) warnings: Vec<String>,
}

impl Report {
    /// Takes over what came of the script.
    pub(super) fn tell(&mut self, attempted: Attempted, dry_run: bool, cancellation: &Cancellation) {
        self.seconds = attempted.seconds;
        self.compared = attempted.comparison.compared();
        self.warnings.extend(attempted.warnings);
        let differences = attempted.comparison.differences();
        self.archives = attempted.comparison.archives;
        let (exit, outcome, reason) = match attempted.result {
            Ok(()) if dry_run => (ExitCode::OK, Outcome::Ready, None),
            Ok(()) if differences.is_empty() => (ExitCode::OK, Outcome::Restored, None),
            Ok(()) => {
                let reason = "what is there now is not what was recorded when the backup was made";
                (ExitCode::FAILED, Outcome::Different, Some(reason.to_owned()))
            }
            Err(Undone::Cancelled) => (
                cancellation.requested().map_or(ExitCode::UNFINISHED, Wish::exit),
                Outcome::Cancelled,
                Some("cancelled: what is there now may be a part".to_owned()),
            ),
            Err(Undone::NotHere(reason)) => (ExitCode::UNAVAILABLE, Outcome::NotPossible, Some(reason)),
            Err(Undone::Failed(reason)) => (ExitCode::FAILED, Outcome::Failed, Some(reason)),
        };
        if matches!(outcome, Outcome::Restored | Outcome::Different) {
            self.differences = differences;
        } else {
            // What was told until then is no account of what was restored.
            self.archives.clear();
            self.compared = 0;
        }
        (self.exit, self.outcome, self.reason) = (exit, outcome, reason);
    }
}

/// Shows what came of the restore.
pub(super) fn show(
    report: &Report,
    dry_run: bool,
    output: Output,
    console: &mut Console,
) -> Result<(), Error> {
    match output.format {
        Format::Json => return console.json(report),
        Format::JsonLines => return console.json_line(report),
        Format::Human => {}
    }
    if output.quiet && report.exit.is_ok() {
        return Ok(());
    }
    let service = &report.service;
    console.result(&match report.outcome {
        Outcome::Restored if report.compared == 0 => format!(
            "restored `{service}` in {:.1} s; the backup records nothing that it could be compared with",
            report.seconds
        ),
        Outcome::Restored => format!(
            "restored `{service}` in {:.1} s: {} compared, no difference",
            report.seconds,
            count(report.compared, "fact")
        ),
        Outcome::Different => format!(
            "restored `{service}` in {:.1} s, and {} found",
            report.seconds,
            count(report.differences.len(), "difference")
        ),
        Outcome::Failed if dry_run => format!("`{service}` would be refused; nothing was done"),
        Outcome::NotPossible if dry_run => {
            format!("`{service}` cannot be restored on this host; nothing was done")
        }
        Outcome::Failed => format!("`{service}` was not restored"),
        Outcome::Damaged => {
            format!("`{service}` was not restored: the backup is damaged; nothing was touched")
        }
        Outcome::NotPossible => format!("`{service}` cannot be restored on this host"),
        Outcome::Cancelled => format!("the restore of `{service}` was cancelled"),
        Outcome::Ready => format!("the backup is whole; `{service}` would be restored, nothing was done"),
    });
    debug_assert!(dry_run || report.outcome != Outcome::Ready);
    let rows: Vec<Vec<String>> = report.archives.iter().map(row).collect();
    table(&rows)
        .iter()
        .for_each(|line| console.result(&format!("  {line}")));
    let told = matches!(report.outcome, Outcome::Damaged);
    let reasons = report
        .reason
        .iter()
        .filter(|_| !told)
        .flat_map(|reason| reason.lines());
    for line in reasons
        .chain(report.differences.iter().map(String::as_str))
        .chain(report.damages.iter().map(String::as_str))
    {
        console.result(&format!("  {}", escaped(line)));
    }
    Ok(())
}

fn row(archive: &Compared) -> Vec<String> {
    let told = match (archive.compared, archive.differences.len()) {
        (0, 0) => "nothing to compare".to_owned(),
        (compared, 0) => format!("{} compared, no difference", count(compared, "fact")),
        (compared, differences) => format!(
            "{} compared, {}",
            count(compared, "fact"),
            count(differences, "difference")
        ),
    };
    vec![escaped(&archive.name).into_owned(), told]
}

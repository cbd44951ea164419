//! `batt restore`: from a backup back to what it is of.

use std::path::Path;

use batt_protocol::text::{count, escaped, quoted};
use batt_protocol::{Error, ExitCode, HumanBytes, Service};
use chrono::{DateTime, Local, Utc};
use serde::Serialize;

use super::live_log::LiveLog;
use crate::backup::{ArchiveRecord, GUIDE};
use crate::cancellation::Cancellation;
use crate::cli::{Format, Output, RestoreRequest};
use crate::console::Console;
use crate::home::Home;
use crate::process::Limits;
use crate::report::table;
use crate::restore::{Attempt, Attempted, Companion, Compared, From, Source, Undone, Verb, choose};
use crate::settings::Settings;
use crate::work_folder::WorkFolder;
use crate::{lock, trust};

/// What came of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
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
struct Report {
    exit: ExitCode,
    outcome: Outcome,
    id: String,
    service: Service,
    host: String,
    path: String,
    time: DateTime<Utc>,
    into: Option<String>,
    script: String,
    seconds: f64,
    archives: Vec<Compared>,
    compared: usize,
    differences: Vec<String>,
    damages: Vec<String>,
    reason: Option<String>,
    warnings: Vec<String>,
}

/// Restores what was asked for, or tells what would be.
pub(crate) fn restore(
    home: &Home,
    output: Output,
    request: RestoreRequest,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let cancellation = Cancellation::by_signals()?;
    let own = usable(home, &request.from);
    if let Some(home) = own {
        trust::require_trusted(home.root())?;
    }
    let settings = own.map_or_else(|| Ok(Settings::default()), Settings::read)?;
    let source = Source::find(home, request.service.as_ref(), &request.from, Verb::Restore)?;
    let service = source.manifest.service.clone();
    let chosen = choose(&source.manifest, &request.items)?;
    let scripts = Companion::find(own, service.name(), Verb::Restore)
        .ok_or_else(|| Companion::missing(service.name(), Verb::Restore, &source.folder.join(GUIDE)))?;
    let remarks = source.remarks(home);
    if !output.quiet {
        announce(&source, &request, &chosen, &scripts, console);
        remarks
            .iter()
            .for_each(|remark| console.remark(&format!("note: {}", escaped(remark))));
    }
    let _lock = match own.filter(|_| !request.dry_run) {
        Some(home) => Some(lock::service(home, &service, request.wait, &cancellation)?),
        None => None,
    };
    scripts.require_sound()?;
    let mut report = Report {
        exit: ExitCode::OK,
        outcome: Outcome::Ready,
        id: source.manifest.id(),
        service,
        host: source.manifest.host.clone(),
        path: source.folder.display().to_string(),
        time: source.manifest.started,
        into: request.into.clone(),
        script: scripts.to_string(),
        seconds: 0.0,
        archives: Vec::new(),
        compared: 0,
        differences: Vec::new(),
        damages: Vec::new(),
        reason: None,
        warnings: remarks,
    };
    if !output.quiet {
        let bytes = HumanBytes(chosen.iter().map(|archive| archive.bytes).sum());
        console.remark(&format!("verifying {bytes}"));
    }
    let damages = source.damages(&chosen, &cancellation);
    report.damages = damages.unwrap_or_default();
    if !report.damages.is_empty() {
        (report.exit, report.outcome) = (ExitCode::FAILED, Outcome::Damaged);
        report.reason = Some("the backup is damaged; nothing was touched".to_owned());
    } else if let Some(wish) = cancellation.requested() {
        (report.exit, report.outcome) = (wish.exit(), Outcome::Cancelled);
    } else {
        require_room(request.into.as_deref(), &chosen)?;
        if !request.dry_run {
            let attempt = Attempt {
                verb: Verb::Restore,
                home: own,
                source: &source,
                archives: &chosen,
                scripts: &scripts,
                into: request.into.as_deref(),
                replace: request.replace,
                place: WorkFolder::usual_place(),
                limits: Limits::default(),
                memory: None,
                log_limit: settings.log_limit,
            };
            let mut live = LiveLog::new(console, !output.quiet);
            let attempted = attempt.make(&cancellation, &mut |bytes| live.show(bytes))?;
            live.end();
            report.tell(attempted, &cancellation);
        }
    }
    show(&report, request.dry_run, output, console)?;
    Ok(report.exit)
}

impl Report {
    /// Takes over what came of the script.
    fn tell(&mut self, attempted: Attempted, cancellation: &Cancellation) {
        self.seconds = attempted.seconds;
        self.compared = attempted.comparison.compared();
        self.warnings.extend(attempted.warnings);
        let differences = attempted.comparison.differences();
        self.archives = attempted.comparison.archives;
        let (exit, outcome, reason) = match attempted.result {
            Ok(()) if differences.is_empty() => (ExitCode::OK, Outcome::Restored, None),
            Ok(()) => {
                let reason = "what is there now is not what was recorded when the backup was made";
                (ExitCode::FAILED, Outcome::Different, Some(reason.to_owned()))
            }
            Err(Undone::Cancelled) => (
                cancellation
                    .requested()
                    .map_or(ExitCode::UNFINISHED, crate::cancellation::Wish::exit),
                Outcome::Cancelled,
                Some("cancelled: what is there now may be a part".to_owned()),
            ),
            Err(Undone::TimedOut(reason)) => (ExitCode::UNFINISHED, Outcome::Failed, Some(reason)),
            Err(Undone::NotHere(reason)) => (ExitCode::UNFINISHED, Outcome::NotPossible, Some(reason)),
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

/// Returns the home where there is one. For a backup in a folder none is needed, so one that is closed to whoever calls is
/// passed over.
pub(super) fn usable<'a>(home: &'a Home, from: &From) -> Option<&'a Home> {
    let closed = || {
        std::fs::read_dir(home.conf())
            .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    };
    let passed_over = matches!(from, From::Path(_)) && closed();
    Some(home).filter(|home| home.is_laid_out() && !passed_over)
}

fn announce(
    source: &Source,
    request: &RestoreRequest,
    chosen: &[ArchiveRecord],
    scripts: &Companion,
    console: &mut Console,
) {
    let manifest = &source.manifest;
    console.remark(&format!(
        "from {}: `{}` of {}, made {}, {}",
        escaped(&source.folder.display().to_string()),
        manifest.service,
        quoted(&manifest.host),
        manifest.started.with_timezone(&Local).format("%Y-%m-%d %H:%M"),
        source.age(Utc::now())
    ));
    let raw = chosen.iter().map(|archive| archive.raw_bytes).sum();
    let whole = if chosen.len() == manifest.archives.len() {
        "all"
    } else {
        "only"
    };
    console.remark(&format!(
        "{whole} {}, {}: {}",
        count(chosen.len(), "archive"),
        HumanBytes(raw),
        names(chosen)
    ));
    let into = request.into.as_deref().map_or_else(
        || "where it came from".to_owned(),
        |into| format!("into {}", quoted(into)),
    );
    let replace = if request.replace {
        ", in the place of what is there"
    } else {
        ""
    };
    console.remark(&format!("{into}{replace}, by {}", escaped(&scripts.to_string())));
}

fn names(chosen: &[ArchiveRecord]) -> String {
    const SHOWN: usize = 10;
    let mut names: Vec<String> = chosen
        .iter()
        .take(SHOWN)
        .map(|archive| quoted(archive.called()))
        .collect();
    if chosen.len() > SHOWN {
        names.push(format!("and {} more", chosen.len() - SHOWN));
    }
    names.join(", ")
}

/// Refuses to begin what would not fit, where the target is a folder.
fn require_room(into: Option<&str>, chosen: &[ArchiveRecord]) -> Result<(), Error> {
    let Some(target) = into.filter(|into| into.starts_with('/')) else {
        return Ok(());
    };
    let existing = Path::new(target).ancestors().find(|folder| folder.is_dir());
    let Some(numbers) = existing.and_then(|folder| rustix::fs::statvfs(folder).ok()) else {
        return Ok(());
    };
    let room = numbers.f_bavail.saturating_mul(numbers.f_frsize);
    let needed: u64 = chosen.iter().map(|archive| archive.raw_bytes).sum();
    if room >= needed {
        return Ok(());
    }
    Err(Error::new(
        ExitCode::FAILED,
        format!(
            "no room in {}: {} are free, {} are needed",
            quoted(target),
            HumanBytes(room),
            HumanBytes(needed)
        ),
    ))
}

fn show(report: &Report, dry_run: bool, output: Output, console: &mut Console) -> Result<(), Error> {
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

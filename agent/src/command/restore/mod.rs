//! `batt restore`: from a backup back to what it is of.

mod told;

use std::path::Path;

use batt_protocol::text::{count, escaped, quoted};
use batt_protocol::{Error, ExitCode, HumanBytes};
use chrono::{Local, Utc};

use super::live_log::LiveLog;
use crate::backup::{ArchiveRecord, GUIDE};
use crate::cancellation::Cancellation;
use crate::cli::{Output, RestoreRequest};
use crate::console::Console;
use crate::home::Home;
use crate::process::Limits;
use crate::restore::{Attempt, Companion, From, Source, Verb, Wanted, choose};
use crate::settings::Settings;
use crate::work_folder::WorkFolder;
use crate::{lock, trust};
use told::{Outcome, Report, show};

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
        trust::require_trusted_home(home)?;
    }
    let settings = own.map_or_else(|| Ok(Settings::default()), Settings::read)?;
    let wanted = Wanted {
        service: request.service.as_ref(),
        from: &request.from,
        items: &request.items,
        verb: Verb::Restore,
        settings: &settings,
    };
    let source = Source::find(home, wanted)?;
    let service = source.manifest.service.clone();
    let chosen = choose(&source.manifest, &request.items)
        .map_err(|error| source.hint_at_older(home, &request.items, error))?;
    let scripts = Companion::find(own, service.name(), Verb::Restore)
        .ok_or_else(|| Companion::missing(service.name(), Verb::Restore, &source.folder.join(GUIDE)))?;
    let remarks = source.remarks(home);
    if !output.quiet {
        announce(&source, &request, &chosen, &scripts, console);
        remarks
            .iter()
            .for_each(|remark| console.remark(&format!("note: {}", escaped(remark))));
    }
    source.require_known(own, request.foreign)?;
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
        items: source.manifest.items.clone(),
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
        if !request.dry_run || scripts.knows_dry_run() {
            let attempt = Attempt {
                verb: Verb::Restore,
                home: own,
                source: &source,
                archives: &chosen,
                scripts: &scripts,
                into: request.into.as_deref(),
                replace: request.replace,
                dry_run: request.dry_run,
                place: WorkFolder::usual_place(),
                limits: Limits::default(),
                memory: None,
                confinement: None,
                log_limit: settings.log_limit,
            };
            let mut live = LiveLog::new(console, !output.quiet);
            let attempted = attempt.make(&cancellation, &mut |bytes| live.show(bytes))?;
            live.end();
            report.tell(attempted, request.dry_run, &cancellation);
        }
    }
    show(&report, request.dry_run, output, console)?;
    Ok(report.exit)
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
        ExitCode::UNAVAILABLE,
        format!(
            "no room in {}: {} are free, {} are needed",
            quoted(target),
            HumanBytes(room),
            HumanBytes(needed)
        ),
    ))
}

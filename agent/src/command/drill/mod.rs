//! `batt drill`: restores for rehearsal, in throw-away instances, and what they prove.

mod bounds;
mod told;

use std::collections::BTreeMap;
use std::path::Path;

use batt_protocol::{Error, ExitCode, HumanBytes, Service};
use chrono::Utc;

use super::live_log::LiveLog;
use super::restore::usable;
use crate::backup::{self, ArchiveRecord, Catalogue, Drill, GUIDE, Line, Verdict};
use crate::cancellation::{Cancellation, Wish};
use crate::cli::{DrillRequest, Output};
use crate::console::Console;
use crate::home::Home;
use crate::process::Limits;
use crate::restore::{
    Attempt, Attempted, Companion, Confinement, From, Source, Undone, Verb, Wanted, choose,
};
use crate::settings::Settings;
use crate::work_folder::WorkFolder;
use crate::{host, trust};
use told::{Came, Drilled, Drills, exit, show};

/// What every drill of a call shares.
struct Rehearsal<'a> {
    home: &'a Home,
    own: Option<&'a Home>,
    settings: Settings,
    cancellation: Cancellation,
    quiet: bool,
    /// Whether the backups or services were named.
    named: bool,
}

/// Rehearses the restore of backups.
pub(crate) fn drill(
    home: &Home,
    output: Output,
    request: &DrillRequest,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let own = usable(home, &request.from);
    if let Some(home) = own {
        trust::require_trusted_home(home)?;
    }
    let rehearsal = Rehearsal {
        home,
        own,
        settings: own.map_or_else(|| Ok(Settings::default()), Settings::read)?,
        cancellation: Cancellation::by_signals()?,
        quiet: output.quiet,
        named: !request.services.is_empty() || request.from != From::Newest,
    };
    let mut drills = Vec::new();
    let wanted = chosen(home, request)?;
    for service in &wanted {
        if let (true, Some(service)) = (rehearsal.cancellation.is_requested(), service) {
            let reason = "the call was ended before its turn".to_owned();
            drills.push(Drilled::without_backup(service, Came::Cancelled, reason));
            continue;
        }
        let drilled = rehearsal.drill(service.as_ref(), &request.from, console);
        drills.push(match (drilled, service) {
            (Ok(drilled), _) => drilled,
            // One that cannot be drilled keeps no other from it.
            (Err(error), Some(service)) if wanted.len() > 1 => {
                let came = match error.exit() {
                    ExitCode::UNAVAILABLE => Came::NOT_POSSIBLE,
                    _ => Came::NotStarted,
                };
                Drilled::without_backup(service, came, error.to_string())
            }
            (Err(error), _) => return Err(error),
        });
    }
    let exit = match (rehearsal.cancellation.requested(), exit(&drills)) {
        (_, ExitCode::OK) => ExitCode::OK,
        (Some(wish), _) => Wish::exit(wish),
        (None, exit) => exit,
    };
    let drills = Drills { exit, drills };
    show(&drills, output, console)?;
    Ok(exit)
}

/// Returns the services to drill; one that is not known until its backup is, for a folder.
fn chosen(home: &Home, request: &DrillRequest) -> Result<Vec<Option<Service>>, Error> {
    if !request.services.is_empty() {
        return Ok(request.services.iter().cloned().map(Some).collect());
    }
    if matches!(request.from, From::Id(..) | From::Path(_)) {
        return Ok(vec![None]);
    }
    let mut services: Vec<Service> = Catalogue::read(home)?
        .entries()
        .filter(|entry| entry.can_be_drilled() && entry.is_there())
        .map(|entry| entry.service.clone())
        .collect();
    services.sort();
    services.dedup();
    if services.is_empty() {
        return Err(Error::new(ExitCode::NOTHING, "there is no backup that counts")
            .hint("`batt` makes one of all that is enabled."));
    }
    Ok(services.into_iter().map(Some).collect())
}

impl Rehearsal<'_> {
    fn drill(&self, service: Option<&Service>, from: &From, console: &mut Console) -> Result<Drilled, Error> {
        let wanted = Wanted {
            service,
            from,
            items: &[],
            verb: Verb::Drill,
            settings: &self.settings,
        };
        let source = Source::find(self.home, wanted)?;
        let service = source.manifest.service.clone();
        let mut drilled = Drilled {
            id: Some(source.manifest.id()),
            service: service.clone(),
            items: source.manifest.items.clone(),
            path: Some(source.folder.display().to_string()),
            outcome: Came::NoScript,
            seconds: 0.0,
            compared: 0,
            differences: Vec::new(),
            reason: None,
            warnings: source.remarks(self.home),
        };
        let Some(scripts) = Companion::find(self.own, service.name(), Verb::Drill) else {
            let guide = source.folder.join(GUIDE);
            let error = Companion::missing(service.name(), Verb::Drill, &guide);
            drilled.reason = Some(error.to_string());
            // Whoever named it waits for a proof.
            if self.named {
                drilled.outcome = Came::NOT_POSSIBLE;
            }
            return Ok(drilled);
        };
        if !self.quiet {
            console.remark(&format!(
                "drilling `{service}`: {}, {}",
                drilled.id.as_deref().unwrap_or_default(),
                source.age(Utc::now())
            ));
        }
        let archives = choose(&source.manifest, &[])?;
        let Some(damages) = source.damages(&archives, &self.cancellation) else {
            drilled.outcome = Came::Cancelled;
            return Ok(drilled);
        };
        if damages.is_empty() {
            self.rehearse(&source, &archives, &scripts, &mut drilled, console)?;
        } else {
            let reason = format!("the backup is damaged\n{}", damages.join("\n"));
            let verdict = Verdict::Failed { compared: 0, reason };
            self.keep_if_there(&source, &mut drilled, verdict, BTreeMap::new())?;
        }
        Ok(drilled)
    }

    fn rehearse(
        &self,
        source: &Source,
        archives: &[ArchiveRecord],
        scripts: &Companion,
        drilled: &mut Drilled,
        console: &mut Console,
    ) -> Result<(), Error> {
        let limits = self.settings.service(&drilled.service).drill;
        let place = limits
            .scratch()
            .map_or_else(WorkFolder::usual_place, Path::to_owned);
        if let Some(lack) = lack_of_room(&place, archives) {
            drilled.outcome = Came::NOT_POSSIBLE;
            drilled.reason = Some(lack);
            return Ok(());
        }
        let attempt = Attempt {
            verb: Verb::Drill,
            home: self.own,
            source,
            archives,
            scripts,
            into: None,
            replace: false,
            dry_run: false,
            place,
            limits: Limits {
                max_duration: Some(limits.max_duration()),
                stall_timeout: None,
            },
            memory: limits.memory().or_else(usual_memory),
            confinement: Some(Confinement::new(&limits, self.settings.reserve)),
            log_limit: self.settings.log_limit,
        };
        let mut live = LiveLog::new(console, !self.quiet);
        let attempted = attempt.make(&self.cancellation, &mut |bytes| live.show(bytes))?;
        live.end();
        self.tell(source, drilled, attempted)
    }

    fn tell(&self, source: &Source, drilled: &mut Drilled, attempted: Attempted) -> Result<(), Error> {
        drilled.seconds = attempted.seconds;
        drilled.warnings.extend(attempted.warnings);
        let verdict = match attempted.result {
            Ok(()) => {
                let compared = attempted.comparison.compared();
                drilled.differences = bounds::differences(attempted.comparison.differences());
                if drilled.differences.is_empty() {
                    Verdict::good(compared)
                } else {
                    let reason = "what was restored is not what was recorded when the backup was made";
                    Verdict::Failed {
                        compared,
                        reason: reason.to_owned(),
                    }
                }
            }
            Err(Undone::Failed(reason)) => Verdict::Failed { compared: 0, reason },
            Err(Undone::NotHere(reason)) => {
                drilled.outcome = Came::NOT_POSSIBLE;
                drilled.reason = Some(bounds::reason(reason));
                return Ok(());
            }
            Err(Undone::Cancelled) => {
                drilled.outcome = Came::Cancelled;
                drilled.reason = Some("cancelled".to_owned());
                return Ok(());
            }
        };
        self.keep_if_there(source, drilled, verdict, attempted.facts)
    }

    /// Tells the verdict and writes the receipt, unless the backup is not what was drilled any more: then what failed says
    /// nothing of it.
    fn keep_if_there(
        &self,
        source: &Source,
        drilled: &mut Drilled,
        verdict: Verdict,
        facts: BTreeMap<String, String>,
    ) -> Result<(), Error> {
        if !verdict.is_good() && !source.is_there() {
            drilled.outcome = Came::Gone;
            drilled.reason = Some("the backup was replaced or removed meanwhile".to_owned());
            return Ok(());
        }
        drilled.outcome = Came::Drilled(verdict.outcome());
        drilled.compared = verdict.compared();
        drilled.reason = verdict.reason().map(|reason| bounds::reason(reason.to_owned()));
        let (Some(home), Some(entry)) = (self.own, source.own_entry()) else {
            return Ok(());
        };
        let (facts, left_out) = bounds::facts(facts);
        if left_out > 0 {
            let facts = batt_protocol::text::count(left_out, "fact");
            drilled
                .warnings
                .push(format!("the receipt has no room for {facts} that it recorded"));
        }
        let verdict = match verdict {
            Verdict::Failed { compared, mut reason } => {
                for difference in drilled.differences.iter().take(20) {
                    reason.push('\n');
                    reason.push_str(difference);
                }
                Verdict::Failed {
                    compared,
                    reason: bounds::reason(reason),
                }
            }
            good => good,
        };
        let drill = Drill {
            at: Utc::now(),
            seconds: drilled.seconds,
            verdict,
            facts,
        };
        let id = entry.id();
        backup::remember(home, &Line::Drilled { id, drill })
    }
}

/// Returns the memory that a drill may take where nothing is set: half of the machine's, and no less than any engine needs
/// to start.
fn usual_memory() -> Option<u64> {
    const LEAST: u64 = 2 << 30;
    host::memory().map(|bytes| (bytes / 2).max(LEAST))
}

/// Returns why an instance would not fit.
fn lack_of_room(place: &Path, archives: &[ArchiveRecord]) -> Option<String> {
    let numbers = rustix::fs::statvfs(place).ok()?;
    let room = numbers.f_bavail.saturating_mul(numbers.f_frsize);
    let needed: u64 = archives.iter().map(|archive| archive.raw_bytes).sum();
    (room < needed).then(|| {
        format!(
            "no room in `{}`: {} are free, {} are needed\nhint: `scratch` of `[drill]` in batt.toml names a folder with more.",
            place.display(),
            HumanBytes(room),
            HumanBytes(needed)
        )
    })
}

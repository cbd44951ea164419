//! One service of a run, from its lock to its published backup.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use batt_protocol::{BackupState, Error, EventKind, ExitCode, HumanBytes, Outcome, ServiceReport, Stage};
use chrono::{DateTime, Utc};

use super::bounds::bounded;
use super::failure::Failure;
use super::judge::{Judged, Judging};
use super::plan::PlannedService;
use super::process_names::ProcessNames;
use super::proven::prove;
use super::{Events, Plan, gates, papers, retention, secrets};
use crate::account::Stranger;
use crate::backup::{
    self, Catalogue, Claim, Destination, Entry, Line, Manifest, Place, ScriptRecord, Staging,
};
use crate::cancellation::Cancellation;
use crate::conf_file::Conf;
use crate::home::Home;
use crate::ledger::Ledger;
use crate::log::Mask;
use crate::process::Limits;
use crate::run_folder::RunFolder;
use crate::scope::Scope;
use crate::script::{Header, require_startable};
use crate::script_call::{CallFailure, Called, Environment, ScriptCall, last_lines};
use crate::store::MAX_RATE;
use crate::{host, lock, trust};

/// What every service of a run shares.
pub(super) struct Surroundings<'a> {
    pub(super) home: &'a Home,
    pub(super) plan: &'a Plan,
    pub(super) folder: &'a RunFolder,
    pub(super) events: &'a Events,
    pub(super) cancellation: &'a Cancellation,
    pub(super) host_id: &'a str,
    /// The running agent, for scripts to call.
    pub(super) agent: &'a Path,
    /// Set when earlier backups could not be purged.
    pub(super) purge_failed: &'a AtomicBool,
}

/// A backup that was published.
struct Published {
    place: Place,
    state: BackupState,
    bytes: u64,
    /// Why it is not good.
    reason: Option<String>,
    warnings: Vec<String>,
}

/// Backs one service up, and reports how it ended. Nothing that goes wrong here stops another service.
pub(super) fn back_up(around: &Surroundings<'_>, planned: &PlannedService) -> ServiceReport {
    let begun = Instant::now();
    let mut mask = Mask::new(Vec::new());
    let result = attempt(around, planned, &mut mask);
    let seconds = (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    let (service, items) = (planned.service.clone(), planned.items.clone());
    let report = match result {
        Ok(published) => ServiceReport {
            service,
            items,
            items_left_out: 0,
            outcome: match published.state {
                BackupState::Good => Outcome::Succeeded,
                BackupState::Partial => Outcome::Partial,
                BackupState::Suspicious => Outcome::Suspicious,
            },
            path: Some(published.place.path.display().to_string()),
            bytes: published.bytes,
            seconds,
            reason: published.reason,
            warnings: published.warnings,
        },
        Err(failure) => ServiceReport {
            service,
            items,
            items_left_out: 0,
            outcome: failure.outcome,
            path: None,
            bytes: 0,
            seconds,
            reason: Some(failure.reason),
            warnings: Vec::new(),
        },
    };
    bounded(ServiceReport {
        reason: report.reason.map(|reason| mask.whole(&reason)),
        warnings: (report.warnings.iter()).map(|text| mask.whole(text)).collect(),
        items: report.items.iter().map(|item| mask.whole(item)).collect(),
        ..report
    })
}

/// Attempts it. `mask` becomes the one for what is told of it, as soon as the secrets are known.
fn attempt(
    around: &Surroundings<'_>,
    planned: &PlannedService,
    mask: &mut Mask,
) -> Result<Published, Failure> {
    let (home, plan, service) = (around.home, around.plan, &planned.service);
    if let Some(refusal) = &planned.refusal {
        return Err(refusal.clone().into());
    }
    if around.cancellation.is_requested() {
        return Err(Failure::not_started());
    }
    let locked = lock::service(home, service, plan.wait, around.cancellation);
    if around.cancellation.is_requested() {
        return Err(Failure::not_started());
    }
    let held = locked?;
    let script = home.script(service.name());
    trust::require_trusted(&script)?;
    require_startable(&script)?;
    let conf = Conf::of_service(home, service)?;
    conf.files()
        .iter()
        .try_for_each(|file| trust::require_trusted(file))?;

    let asked = Scope::of(service, &planned.items);
    let expected = (Catalogue::read_or_tell(home).0)
        .covering(service, &asked)
        .find(|entry| entry.scope() == asked)
        .map(|entry| entry.bytes);
    let destination = Destination::open(&plan.path, &plan.allow_foreign)?;
    if let Err(no_room) = require_room(plan, &destination, expected) {
        retention::make_room(around, planned, &held, no_room)?;
        require_room(plan, &destination, expected)?;
    }
    let staging = Staging::create(&destination, &home.staging(), service, &plan.run)?;
    if destination.is_foreign() {
        require_staging_room(&staging, expected)?;
    }
    around.events.emit(EventKind::ServiceStarted {
        service: service.clone(),
        items: planned.items.clone(),
        expected_bytes: expected,
    });
    // As it is now: somebody may write to it while it runs.
    let header = Header::parse(&fs::read(&script).unwrap_or_default());
    let script_record = ScriptRecord {
        path: script.display().to_string(),
        sha256: papers::digest(&script)?,
    };
    let started = Utc::now();
    let running = Running {
        around,
        planned,
        staging: &staging,
        expected,
    };
    let Called { result, warnings, .. } = running.run(&script, &conf)?;
    let complaint = running.complaint(result)?;

    let mut everywhere = Mask::new(conf.secrets());
    let mut ledger = Ledger::read(&staging.path()).masked(|text| everywhere.whole(text));
    let secrets = secrets::of_content(&conf, &planned.items, &ledger);
    *mask = Mask::new(secrets.clone());
    ledger.mask_content(|text| mask.without_secrets(text));
    let hiding = RefCell::new(Mask::new(secrets));
    running.show(Stage::Verifying);
    // Read now: hours may have passed since the script was started.
    let (catalogue, unreadable) = Catalogue::read_or_tell(home);
    let judging = Judging {
        ledger: &ledger,
        reread: planned.is_read_again(&catalogue, Utc::now()),
        cancellation: around.cancellation,
        hide: &|text| hiding.borrow_mut().whole(text),
    };
    let proven = prove(&staging, complaint.as_deref(), judging);
    if around.cancellation.is_requested() {
        return Err(Failure::cancelled());
    }
    let mut proven = proven.map_err(|error| running.with_last_lines(error))?;
    let last = (catalogue.covering(service, &asked).find_map(Entry::manifest))
        .map(|last| last.narrowed_to(&planned.items, &proven.judged.archives));
    proven.compare(service, &planned.items, last.as_ref());

    let mut manifest = running.manifest(started, script_record, &proven.judged, &ledger);
    manifest.warnings.extend(warnings);
    manifest.warnings.extend(recorded_warnings(&ledger));
    if !manifest.verified {
        manifest.warnings.push(format!(
            "it was not read again before it was published, as `reread_every` allows: `batt verify {service}` proves it"
        ));
    }
    let reason = if proven.is_partial() {
        manifest.state = BackupState::Partial;
        manifest.shortcomings = proven.told();
        Some(manifest.shortcomings.join("\n") + &running.last_lines())
    } else {
        let earlier = || {
            let covering = catalogue.covering(service, &asked).filter_map(Entry::manifest);
            let others = covering.skip(1).take(gates::REMEMBERED - 1);
            others
                .map(|earlier| earlier.narrowed_to(&planned.items, &proven.judged.archives))
                .collect()
        };
        last.and_then(|last| gates::apply(&mut manifest, last, earlier, &planned.settings.gates))
    };
    for text in manifest.warnings.iter_mut().chain(&mut manifest.shortcomings) {
        *text = mask.whole(text);
    }
    let is_ours = |earlier: &Manifest, sha256: &str| {
        let mut entries = catalogue.entries();
        entries.any(|entry| entry.manifest_sha256 == sha256 && entry.id() == earlier.id())
    };
    let published = papers::write(&staging.archives(), &manifest, &header.restore).and_then(|sha256| {
        proven.judged.sync_folders()?;
        let claim = Claim {
            manifest: &manifest,
            promise: &Scope::of(service, &planned.settings.items),
            is_ours: &is_ours,
        };
        let place = backup::publish(&destination, &staging, &claim)?;
        Ok((place, sha256))
    });
    // Of a part that cannot be published it is still told what failed first.
    let (place, manifest_sha256) = published.map_err(|error| Failure::from(error).also(reason.as_deref()))?;
    let mut warnings = manifest.warnings.clone();
    if manifest.state == BackupState::Good {
        let beside = place.beside.iter();
        warnings.extend(beside.map(|reason| format!("published beside: {reason}")));
    }
    // Backups are made without it all the same.
    warnings
        .extend(unreadable.map(|error| format!("it was not compared with the last good backup: {error}")));
    // By what was written, and not by what may lie there by now.
    let mut known = vec![Line::Published(Entry::published(
        place.path.clone(),
        &manifest,
        manifest_sha256,
    ))];
    known.extend(place.aside.iter().map(|aside| Line::Moved {
        id: aside.id.clone(),
        path: aside.path.clone(),
    }));
    if let Err(error) = backup::remember_all(home, &known) {
        warnings.push(error.to_string());
    }
    if manifest.state == BackupState::Good {
        warnings.extend(retention::purge(around, planned, &held));
    }
    Ok(Published {
        place,
        state: manifest.state,
        bytes: manifest.bytes(),
        reason,
        warnings,
    })
}

/// Refuses to start what would not fit.
fn require_room(plan: &Plan, destination: &Destination, expected: Option<u64>) -> Result<(), Error> {
    let shown = destination.path().display();
    if plan.require_mount && !destination.is_on_a_mount() {
        return Err(
            Error::refused(format!("nothing is mounted at the destination `{shown}`"))
                .hint("`require_mount` in batt.toml asks for it: mount the backup disk."),
        );
    }
    let (room, needed) = (
        destination.room()?,
        expected.unwrap_or(0).saturating_add(plan.reserve),
    );
    if room < needed {
        return Err(Error::new(
            ExitCode::FAILED,
            format!(
                "no room in `{shown}`: {} are free, {} are needed for a backup as the last one and the reserve",
                HumanBytes(room),
                HumanBytes(needed)
            ),
        )
        .hint("Remove old backups, or lower `reserve` in batt.toml."));
    }
    Ok(())
}

/// Refuses to start what would not fit where scripts write when the destination is not root's alone.
fn require_staging_room(staging: &Staging, expected: Option<u64>) -> Result<(), Error> {
    let (room, needed) = (staging.room()?, expected.unwrap_or(0));
    if room >= needed {
        return Ok(());
    }
    Err(Error::new(
        ExitCode::FAILED,
        format!(
            "no room in `{}`, where the backup is made before it is moved: {} are free, the last one had {}",
            staging.path().display(),
            HumanBytes(room),
            HumanBytes(needed)
        ),
    )
    .hint("A destination that only root controls needs no such room."))
}

/// The script of a service, while it runs.
struct Running<'a> {
    around: &'a Surroundings<'a>,
    planned: &'a PlannedService,
    staging: &'a Staging,
    expected: Option<u64>,
}

impl Running<'_> {
    fn run(&self, script: &Path, conf: &Conf) -> Result<Called, Error> {
        let names = self.names();
        let call = ScriptCall {
            agent: self.around.agent.to_owned(),
            script: script.to_owned(),
            arguments: self.planned.items.iter().map(OsString::from).collect(),
            environment: self.environment(conf),
            mark: names.mark(),
            cgroup: names.cgroup(),
            failure_file: self.failure_file(),
            log: self.log_file(),
            log_limit: self.around.plan.log_limit,
            secrets: conf.secrets(),
            nice: self.planned.settings.nice,
            limits: Limits {
                max_duration: self.planned.settings.max_duration,
                stall_timeout: self.planned.settings.stall_timeout,
            },
            memory: None,
            stranger: Stranger::allot(),
            cell: None,
        };
        call.run(self.around.cancellation, || self.show(Stage::Running))
    }

    /// Emits how far the service is, and returns the bytes in its staging folder.
    fn show(&self, stage: Stage) -> u64 {
        let bytes = self.staging.bytes();
        self.around.events.emit(EventKind::ServiceProgressed {
            service: self.planned.service.clone(),
            stage,
            bytes,
            expected_bytes: self.expected,
        });
        bytes
    }

    /// Returns what the backup is, as its manifest will say unless something is found out about it.
    fn manifest(
        &self,
        started: DateTime<Utc>,
        script: ScriptRecord,
        judged: &Judged,
        ledger: &Ledger,
    ) -> Manifest {
        Manifest {
            format: Manifest::FORMAT,
            batt: env!("CARGO_PKG_VERSION").to_owned(),
            host: host::host_name(),
            host_id: self.around.host_id.to_owned(),
            service: self.planned.service.clone(),
            items: self.planned.items.clone(),
            run: self.around.plan.run.clone(),
            started,
            ended: Utc::now(),
            utc_offset: self.around.plan.started.offset().local_minus_utc(),
            archives: judged.archives.clone(),
            script,
            state: BackupState::Good,
            shortcomings: Vec::new(),
            verified: judged.verified,
            unchanged_since: None,
            facts: ledger.facts.clone(),
            warnings: Vec::new(),
        }
    }

    fn log_file(&self) -> PathBuf {
        self.around.folder.log(&self.planned.service)
    }

    fn failure_file(&self) -> PathBuf {
        self.around
            .folder
            .path()
            .join(format!("{}.launch-failure", self.planned.service))
    }

    fn names(&self) -> ProcessNames<'_> {
        ProcessNames {
            host_id: self.around.host_id,
            run: &self.around.plan.run,
            service: &self.planned.service,
        }
    }

    fn environment(&self, conf: &Conf) -> Environment {
        let mut environment = Environment::clean();
        let tools = self.around.folder.path().join("bin");
        let home = Some(self.around.home);
        environment.set_common(&self.planned.service, home, Some(conf), &tools);
        environment.set("TMPDIR", self.staging.temporary());
        environment.set("BATT_DEST", self.staging.path());
        environment.set("BATT_RUN_ID", self.around.plan.run.as_str());
        if let Some(rate) = self.planned.settings.max_rate {
            environment.set(MAX_RATE, rate.to_string());
        }
        environment
    }

    /// Returns the last lines of the log, each on a line of its own.
    fn last_lines(&self) -> String {
        last_lines(&self.log_file())
    }

    /// Adds the last lines of the log to what is wrong with the files: a script that ends with `exit 0` has told the
    /// cause there, and nowhere else.
    fn with_last_lines(&self, error: Error) -> Failure {
        let failure = Failure::from(error);
        Failure {
            reason: failure.reason + &self.last_lines(),
            ..failure
        }
    }

    /// Returns what is wrong with the end of a script that ended by itself.
    ///
    /// # Errors
    /// An end after which nothing may be published: what happened, and the last lines of the log.
    fn complaint(&self, result: Result<(), CallFailure>) -> Result<Option<String>, Failure> {
        let failure = |outcome: Outcome, reason: String| Err(Failure { outcome, reason });
        match result {
            Ok(()) => Ok(None),
            Err(CallFailure::Complained { complaint, .. }) => Ok(Some(complaint)),
            Err(CallFailure::Cancelled) => Err(Failure::cancelled()),
            Err(CallFailure::TimedOut(reason)) => failure(Outcome::TimedOut, reason),
            Err(CallFailure::OverLimit(reason) | CallFailure::Lost(reason)) => {
                failure(Outcome::Failed, reason)
            }
        }
    }
}

/// Returns what the script recorded as a warning.
fn recorded_warnings(ledger: &Ledger) -> impl Iterator<Item = String> {
    let recorded = ledger.facts.iter().filter(|(key, _)| key.starts_with("warning"));
    recorded.map(|(_, text)| text.clone())
}

//! One service of a run, from its lock to its published backup.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use batt_protocol::text::count;
use batt_protocol::{BackupState, Error, EventKind, ExitCode, HumanBytes, Outcome, ServiceReport, Stage};
use chrono::{DateTime, Utc};

use super::failure::Failure;
use super::judge::{Judged, Judging};
use super::plan::PlannedService;
use super::process_names::ProcessNames;
use super::proven::prove;
use super::{Events, Plan, gates, papers};
use crate::backup::{self, Catalogue, Destination, Entry, Line, Manifest, Place, ScriptRecord, Staging};
use crate::cancellation::Cancellation;
use crate::conf_file::Conf;
use crate::home::Home;
use crate::ledger::Ledger;
use crate::log::{LogReader, LogWriter, Mask};
use crate::process::{self, Cgroup, Ended, LaunchRequest, Limits, ScriptProcess, Start, Verdict};
use crate::run_folder::RunFolder;
use crate::script::{Header, require_startable};
use crate::{host, lock, trust};

/// How many lines of its log the reason of a failed service has.
const LAST_LINES: usize = 5;

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
    let result = attempt(around, planned);
    let seconds = (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    let service = planned.service.clone();
    match result {
        Ok(published) => ServiceReport {
            service,
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
            outcome: failure.outcome,
            path: None,
            bytes: 0,
            seconds,
            reason: Some(failure.reason),
            warnings: Vec::new(),
        },
    }
}

fn attempt(around: &Surroundings<'_>, planned: &PlannedService) -> Result<Published, Failure> {
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
    let _lock = locked?;
    let script = home.script(service.name());
    trust::require_trusted(&script)?;
    require_startable(&script)?;
    let conf = Conf::of_service(home, service)?;
    conf.files()
        .iter()
        .try_for_each(|file| trust::require_trusted(file))?;

    let expected = Catalogue::read(home)?
        .last(service, &planned.items)
        .map(|entry| entry.bytes);
    let destination = Destination::open(&plan.path)?;
    require_room(plan, &destination, expected)?;
    let staging = Staging::create(&destination, service, &plan.run)?;
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
    let ended = running.run(&script, &conf)?;
    let complaint = running.complaint(&ended)?;

    let mut mask = Mask::new(conf.secrets());
    let ledger = Ledger::read(&staging.path()).masked(|text| mask.whole(text));
    running.show(Stage::Verifying);
    // Read now: hours may have passed since the script was started.
    let catalogue = Catalogue::read(home)?;
    let judging = Judging {
        ledger: &ledger,
        reread: planned.is_read_again(&catalogue, Utc::now()),
        cancellation: around.cancellation,
    };
    let proven = prove(&staging, complaint.as_deref(), judging);
    if around.cancellation.is_requested() {
        return Err(Failure::cancelled());
    }
    let mut proven = proven.map_err(|error| running.with_last_lines(error))?;
    let last = catalogue.last_manifest(service, &planned.items);
    proven.compare(&planned.items, last.as_ref());

    let mut manifest = running.manifest(started, script_record, &proven.judged, &ledger);
    manifest.warnings.extend(warnings_of(&ended, &ledger));
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
        last.and_then(|last| gates::apply(&mut manifest, &last, &planned.settings.gates))
    };
    papers::write(&staging.archives(), &manifest, &header.restore)?;
    proven.judged.sync_folders()?;
    let place = backup::publish(&destination, &staging, &manifest)?;
    let mut warnings = manifest.warnings.clone();
    if manifest.state == BackupState::Good {
        let beside = place.beside.iter();
        warnings.extend(beside.map(|reason| format!("published beside: {reason}")));
    }
    let remembered =
        Entry::read(place.path.clone()).and_then(|entry| backup::remember(home, &Line::Published(entry)));
    if let Err(error) = remembered {
        warnings.push(error.to_string());
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

/// The script of a service, while it runs.
struct Running<'a> {
    around: &'a Surroundings<'a>,
    planned: &'a PlannedService,
    staging: &'a Staging<'a>,
    expected: Option<u64>,
}

impl Running<'_> {
    fn run(&self, script: &Path, conf: &Conf) -> Result<Ended, Error> {
        let plan = self.around.plan;
        let names = self.names();
        let cgroup = Cgroup::make(&names.cgroup());
        let start = Start {
            launcher: self.around.agent.to_owned(),
            launch: LaunchRequest {
                failure_file: self.failure_file(),
                cgroup: cgroup.as_ref().map(|cgroup| cgroup.path().to_owned()),
                nice: self.planned.settings.nice,
                memory: None,
                script: script.to_owned(),
                items: self.planned.items.iter().map(OsString::from).collect(),
            },
            environment: self.environment(conf)?,
            mark: names.marked(),
            cgroup,
            log: LogWriter::create(&self.log_file(), plan.log_limit)?,
            mask: Mask::new(conf.secrets()),
        };
        let limits = Limits {
            max_duration: self.planned.settings.max_duration,
            stall_timeout: self.planned.settings.stall_timeout,
        };
        ScriptProcess::start(start)?.wait(limits, self.around.cancellation, || self.show(Stage::Running))
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

    fn environment(&self, conf: &Conf) -> Result<Vec<(OsString, OsString)>, Error> {
        let (home, service) = (self.around.home, &self.planned.service);
        let tools = self.around.folder.path().join("bin");
        let user = host::user();
        let inherited =
            |name: &str, otherwise: &str| std::env::var_os(name).unwrap_or_else(|| otherwise.into());
        let mut path: OsString = tools.into();
        path.push(":");
        path.push(inherited(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ));
        let mut environment: Vec<(OsString, OsString)> = conf
            .values()
            .iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        let mut set = |name: &str, value: OsString| environment.push((name.into(), value));
        set("HOME", user.home.into());
        set("USER", user.name.clone().into());
        set("LOGNAME", user.name.into());
        if let Some(zone) = std::env::var_os("TZ") {
            set("TZ", zone);
        }
        set("LC_ALL", "C.UTF-8".into());
        set("PATH", path);
        set("TMPDIR", self.staging.temporary().into());
        set("BATT_DEST", self.staging.path().into());
        set("BATT_SERVICE", service.name().as_str().into());
        if let Some(instance) = service.instance() {
            set("BATT_INSTANCE", instance.into());
        }
        set("BATT_HOME", home.root().into());
        set("BATT_CONF", home.conf().into());
        set("BATT_RUN_ID", self.around.plan.run.as_str().into());
        set(ProcessNames::VARIABLE, self.names().mark().into());
        Ok(environment)
    }

    /// Returns the last lines of the log, each on a line of its own.
    fn last_lines(&self) -> String {
        let lines = LogReader::new(&self.log_file()).last_lines(LAST_LINES);
        lines.iter().map(|line| format!("\n| {line}")).collect()
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
    fn complaint(&self, ended: &Ended) -> Result<Option<String>, Failure> {
        let failure = |outcome: Outcome, what: String| {
            let reason = what + &self.last_lines();
            Err(Failure { outcome, reason })
        };
        match ended.verdict {
            Verdict::Cancelled => return Err(Failure::cancelled()),
            Verdict::TooLong(most) => {
                return failure(
                    Outcome::TimedOut,
                    format!("stopped after `max_duration`, {} seconds", most.as_secs()),
                );
            }
            Verdict::Stalled(most) => {
                let what = format!(
                    "stopped: neither its log nor its files grew for {} seconds",
                    most.as_secs()
                );
                return failure(Outcome::TimedOut, what);
            }
            Verdict::ByItself => {}
        }
        if let Ok(reason) = fs::read_to_string(self.failure_file()) {
            return Err(Failure {
                outcome: Outcome::Failed,
                reason,
            });
        }
        let complaint = process::describe(ended.status).map(|what| format!("the script failed: {what}"));
        if !ended.all_gone {
            // They may still write.
            let also = complaint.map(|complaint| complaint + "; ").unwrap_or_default();
            return failure(
                Outcome::Failed,
                format!("{also}processes of the script cannot be killed"),
            );
        }
        Ok(complaint)
    }
}

/// Returns what a person should know of how the script ended, and what it recorded as a warning.
fn warnings_of(ended: &Ended, ledger: &Ledger) -> Vec<String> {
    let mut warnings = Vec::new();
    if ended.left_behind > 0 {
        warnings.push(format!(
            "the script left {} behind, now killed",
            count(ended.left_behind, "process")
        ));
    }
    if let Some(error) = &ended.log_failure {
        warnings.push(error.to_string());
    }
    let recorded = ledger.facts.iter().filter(|(key, _)| key.starts_with("warning"));
    warnings.extend(recorded.map(|(_, text)| text.clone()));
    warnings
}

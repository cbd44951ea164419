//! One restore or drill: its script called in a folder of its own, and what came of it.

use std::path::PathBuf;
use std::time::Instant;

use batt_protocol::text::{list_and, quoted};
use batt_protocol::{Error, HumanBytes};

use super::confinement::Confined;
use super::{Companion, Comparison, Confinement, Source, Verb, lack, words};
use crate::account::Stranger;
use crate::backup::ArchiveRecord;
use crate::cancellation::Cancellation;
use crate::conf_file::Conf;
use crate::hatch::Keeper;
use crate::home::Home;
use crate::ledger::{Evidence, Ledger};
use crate::log::{LogReader, Mask};
use crate::process::{self, Limits};
use crate::script_call::{CallFailure, Environment, ScriptCall, last_lines};
use crate::trust;
use crate::work_folder::WorkFolder;

/// The exit code of a script that says: this host cannot do it (`EX_UNAVAILABLE`, sysexits.h).
const UNAVAILABLE: i32 = 69;

/// A restore or drill, before it begins.
pub(crate) struct Attempt<'a> {
    pub(crate) verb: Verb,
    /// The home, where there is one.
    pub(crate) home: Option<&'a Home>,
    pub(crate) source: &'a Source,
    /// What is to be restored, in the order of the manifest.
    pub(crate) archives: &'a [ArchiveRecord],
    pub(crate) scripts: &'a Companion,
    /// Where to, when that was said.
    pub(crate) into: Option<&'a str>,
    /// Whether what is there may go.
    pub(crate) replace: bool,
    /// Whether nothing is to be done, and only said what would be refused.
    pub(crate) dry_run: bool,
    /// Below which folder to work.
    pub(crate) place: PathBuf,
    pub(crate) limits: Limits,
    /// Bytes of memory.
    pub(crate) memory: Option<u64>,
    /// How its script is confined, where it is.
    pub(crate) confinement: Option<Confinement>,
    /// Bytes of the log that are kept.
    pub(crate) log_limit: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Attempted {
    /// Whether everything was restored, as far as the script and its loads tell.
    pub(crate) result: Result<(), Undone>,
    /// Whether it is what was recorded.
    pub(crate) comparison: Comparison,
    /// What the script recorded of the whole.
    pub(crate) facts: std::collections::BTreeMap<String, String>,
    /// How long the script took.
    pub(crate) seconds: f64,
    pub(crate) warnings: Vec<String>,
}

/// Why not everything was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Undone {
    /// Somebody wished to stop.
    Cancelled,
    /// This host cannot do it, which says nothing of the backup.
    NotHere(String),
    /// It failed.
    Failed(String),
}

impl Attempt<'_> {
    /// Calls the script, and compares. `show` gets what it prints, as it does.
    ///
    /// # Errors
    /// What kept the script from being called.
    pub(crate) fn make(
        &self,
        cancellation: &Cancellation,
        show: &mut dyn FnMut(&[u8]),
    ) -> Result<Attempted, Error> {
        self.scripts.require_sound()?;
        let conf = self
            .home
            .map(|home| Conf::of_service(home, &self.source.manifest.service))
            .transpose()?;
        if let Some(conf) = &conf {
            conf.files()
                .iter()
                .try_for_each(|file| trust::require_trusted(file))?;
        }
        let work = WorkFolder::make(&self.place)?;
        self.source.write_to(&work.path())?;
        let strangers = process::adopt_orphans();
        let agent = std::env::current_exe()
            .map_err(|cause| Error::system("cannot find the running program", cause))?;
        let script = self.scripts.place(&work)?;
        let stranger = Stranger::allot();
        let number = stranger.as_ref().map(Stranger::uid);
        let confined = self
            .confinement
            .as_ref()
            .map(|confinement| confinement.prepare(&work, &agent, (&script, self.archives), number))
            .transpose()?;
        let keeper = confined
            .as_ref()
            .map(|confined| self.keeper(&work, confined))
            .transpose()?;
        let environment = self.environment(&work, conf.as_ref(), confined.as_ref());
        let mut secrets = environment.secrets();
        secrets.extend(conf.iter().flat_map(Conf::secrets));
        let call = ScriptCall {
            agent,
            script: confined
                .as_ref()
                .map_or(script, |confined| confined.script.clone()),
            arguments: self
                .archives
                .iter()
                .map(|archive| archive.called().into())
                .collect(),
            environment,
            mark: work.mark().to_owned(),
            cgroup: work.mark().to_owned(),
            failure_file: work.failure_file(),
            log: work.log(),
            log_limit: self.log_limit,
            secrets: secrets.clone(),
            nice: None,
            limits: self.limits,
            memory: self.memory,
            stranger,
            cell: confined.map(|confined| (confined.cell, confined.allowance)),
        };
        let mut shown = Shown {
            log: LogReader::new(&work.log()),
            position: 0,
        };
        let begun = Instant::now();
        let called = call.run(cancellation, || shown.show(show))?;
        let seconds = (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        shown.show(show);
        drop(keeper);
        let hidden = process::end_descendants(&strangers);
        let mut mask = Mask::new(secrets);
        let ledger = Ledger::read(&work.path()).masked(|text| mask.whole(text));
        let mut warnings = called.warnings;
        warnings.extend(self.confinement.as_ref().and_then(Confinement::warning));
        if let (Err(CallFailure::Complained { .. }), Some(memory)) = (&called.result, called.memory_of_each) {
            let memory = HumanBytes(memory);
            warnings.push(format!(
                "each of its processes could take {memory} of memory: when that was the cause, set `memory` of `[drill]`"
            ));
        }
        if hidden > 0 {
            let processes = batt_protocol::text::count(hidden, "process");
            warnings.push(format!(
                "the script left {processes} behind that had hidden, now killed"
            ));
        }
        let result = match (self.verb, called.result, called.log_failure) {
            // It said what nobody can read.
            (Verb::Drill, Err(CallFailure::Complained { .. }), Some(error))
                if !ledger.has(Evidence::Damaged) =>
            {
                Err(Undone::NotHere(lack::of_log(&error)))
            }
            (_, result, _) => self.judge(result, &ledger, &work),
        };
        Ok(Attempted {
            result,
            comparison: Comparison::of(&self.source.manifest, self.archives, &ledger)
                .masked(|text| mask.whole(text)),
            facts: ledger.facts,
            seconds,
            warnings,
        })
    }

    /// Opens the hatch of a cell, for its account alone.
    fn keeper(&self, work: &WorkFolder, confined: &Confined) -> Result<Keeper, Error> {
        let backup = (&self.source.manifest, self.source.folder.as_path(), self.archives);
        Keeper::start(&work.path(), Confined::SOCKET, confined.account, backup)
    }

    fn environment(
        &self,
        work: &WorkFolder,
        conf: Option<&Conf>,
        confined: Option<&Confined>,
    ) -> Environment {
        let service = &self.source.manifest.service;
        let mut environment = match confined {
            Some(confined) => confined.environment(service),
            None => {
                let mut environment = Environment::of_caller(service);
                environment.set_common(service, self.home, conf, &work.tools());
                environment.set("TMPDIR", work.scratch());
                environment.set("BATT_SCRATCH", work.scratch());
                environment.set("BATT_SOURCE", &self.source.folder);
                environment
            }
        };
        environment.set("BATT_VERB", self.verb.word());
        if let Some(into) = self.into {
            environment.set("BATT_TARGET", into);
        }
        if self.source.is_foreign(self.home) {
            environment.set("BATT_FOREIGN", "yes");
        }
        if self.replace {
            environment.set("BATT_REPLACE", "yes");
        }
        if self.dry_run {
            environment.set("BATT_DRY_RUN", "yes");
        }
        environment
    }

    /// Believes the script only as far as what it called says the same.
    fn judge(
        &self,
        result: Result<(), CallFailure>,
        ledger: &Ledger,
        work: &WorkFolder,
    ) -> Result<(), Undone> {
        let log = work.log();
        let last_lines = last_lines(&log);
        let no_room = match self.verb {
            Verb::Drill => lack::of_room(&work.scratch()),
            _ => None,
        };
        let failures: Vec<String> = ledger.failures().iter().map(ToString::to_string).collect();
        match result {
            // What is damaged stays so, whatever this host lacks for the rest.
            Err(failure) if ledger.has(Evidence::Damaged) => {
                let ending = match failure {
                    CallFailure::Complained { complaint, .. } => complaint + &last_lines,
                    CallFailure::TimedOut(reason)
                    | CallFailure::OverLimit(reason)
                    | CallFailure::Lost(reason) => reason,
                    CallFailure::Cancelled => return Err(Undone::Cancelled),
                };
                return Err(Undone::Failed(lines(failures, &ending) + &self.rest(ledger)));
            }
            Err(CallFailure::Cancelled) => return Err(Undone::Cancelled),
            Err(CallFailure::TimedOut(reason)) => {
                let hint = "`max_duration` of `[drill]` in batt.toml gives it longer.";
                return Err(Undone::NotHere(format!("{reason}\nhint: {hint}")));
            }
            Err(CallFailure::OverLimit(reason)) => {
                let hint =
                    "`[drill]` in batt.toml says what a drill may take, and where it works (`scratch`).";
                return Err(Undone::NotHere(format!("{reason}\nhint: {hint}")));
            }
            Err(CallFailure::Complained {
                code: Some(UNAVAILABLE),
                ..
            }) => {
                let lack = no_room.map(|lack| format!("\n{lack}")).unwrap_or_default();
                return Err(Undone::NotHere(format!(
                    "this host cannot do it{last_lines}{lack}"
                )));
            }
            // Engines do not always say so, and some crash of it.
            Err(CallFailure::Complained { complaint, .. }) if no_room.is_some() => {
                let lack = no_room.unwrap_or_default();
                return Err(Undone::NotHere(format!("{complaint}: {lack}")));
            }
            // Nobody could start it, or somebody else ended it: the backup has no part in that.
            Err(CallFailure::Lost(reason)) if self.verb == Verb::Drill => {
                return Err(Undone::NotHere(lines(failures, &reason)));
            }
            Err(CallFailure::Complained {
                code: None,
                complaint,
            }) if self.verb == Verb::Drill => {
                let reason = lines(failures, &(complaint + &last_lines));
                return Err(Undone::NotHere(format!("{reason}\nhint: {}", words::KILLED_HINT)));
            }
            Err(CallFailure::Lost(reason)) => {
                return Err(Undone::Failed(lines(failures, &reason)));
            }
            Err(CallFailure::Complained { code, complaint }) => {
                let said = LogReader::new(&log).last_lines_within(lack::LINES.0, lack::LINES.1);
                let refused = ledger.has(Evidence::Refused);
                let lack = lack::lack(code, &said, refused).filter(|_| self.verb == Verb::Drill);
                return Err(match lack {
                    Some(lack) => Undone::NotHere(format!("{complaint}: {lack}")),
                    None => {
                        let reason = lines(failures, &(complaint + &last_lines));
                        Undone::Failed(reason + &self.rest(ledger))
                    }
                });
            }
            Ok(()) => {}
        }
        if !failures.is_empty() {
            return Err(Undone::Failed(failures.join("\n") + &self.rest(ledger)));
        }
        if self.dry_run {
            return Ok(());
        }
        let loaded: std::collections::BTreeSet<&str> =
            ledger.loads.iter().map(|load| load.name.as_str()).collect();
        let missing: Vec<&str> = self
            .archives
            .iter()
            .map(ArchiveRecord::called)
            .filter(|name| !loaded.contains(name))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Undone::Failed(format!(
            "the script succeeded, and never loaded {}",
            list_and(&missing)
        )))
    }
}

impl Attempt<'_> {
    /// Returns which archives were loaded whole although not all were, in a line of its own.
    fn rest(&self, ledger: &Ledger) -> String {
        if self.dry_run {
            return String::new();
        }
        let loaded = |archive: &&ArchiveRecord| {
            let name = archive.called();
            ledger.loads.iter().any(|load| load.name == name) && !ledger.has_failed_to_load(name)
        };
        let (came, not): (Vec<&ArchiveRecord>, Vec<&ArchiveRecord>) = self.archives.iter().partition(loaded);
        if came.is_empty() || not.is_empty() {
            return String::new();
        }
        format!("\nloaded whole: {}; not: {}", named(&came), named(&not))
    }
}

/// Returns the names of archives, the first of many.
fn named(archives: &[&ArchiveRecord]) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<String> = archives
        .iter()
        .take(SHOWN)
        .map(|archive| quoted(archive.called()))
        .collect();
    if archives.len() > SHOWN {
        names.push(format!("{} more", archives.len() - SHOWN));
    }
    names.join(", ")
}

fn lines(failures: Vec<String>, reason: &str) -> String {
    let reasons: Vec<String> = failures.into_iter().chain([reason.to_owned()]).collect();
    reasons.join("\n")
}

/// How much of a log was shown.
struct Shown {
    log: LogReader,
    position: u64,
}

impl Shown {
    /// Shows what is new, and returns how much there is.
    fn show(&mut self, show: &mut dyn FnMut(&[u8])) -> u64 {
        while let Ok(Some((from, bytes))) = self.log.read(self.position, 64 << 10) {
            if from > self.position {
                let dropped = from - self.position;
                show(format!("\n[{dropped} bytes were dropped]\n").as_bytes());
            }
            self.position = from + bytes.len() as u64;
            show(&bytes);
        }
        self.position
    }
}

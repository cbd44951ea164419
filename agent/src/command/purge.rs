//! `batt purge`: what the rules of retention allow to go goes.

use std::collections::{BTreeMap, BTreeSet};

use batt_protocol::text::{count, escaped};
use batt_protocol::{Error, ExitCode, HumanBytes, Service};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::backup::{self, Entry, Found, present};
use crate::cancellation::Cancellation;
use crate::cli::{Format, Output, PurgeRequest};
use crate::console::Console;
use crate::home::Home;
use crate::host;
use crate::lock::{self, Lock};
use crate::purge::{self, Clock, Decision, Judgement, Purge, Totals, Watch};
use crate::retention::Rules;
use crate::settings::Settings;

/// `batt purge --format json`.
#[derive(Serialize)]
struct Told<'a> {
    exit: ExitCode,
    dry_run: bool,
    kept: usize,
    removed: usize,
    bytes: u64,
    backups: Vec<ToldBackup<'a>>,
    errors: Vec<String>,
}

/// One backup of it.
#[derive(Serialize)]
struct ToldBackup<'a> {
    id: String,
    service: &'a Service,
    items: &'a [String],
    path: String,
    time: DateTime<Utc>,
    bytes: u64,
    /// `kept`, `removed`, or `failed`: it was to go, and is still there.
    decision: &'static str,
    /// It stays, and was read again before others went, or would be.
    read_again: bool,
    reasons: Vec<String>,
}

/// Purges services, by the rules of the command line or else of batt.toml. One that is busy, or cannot be purged, keeps no
/// other from it.
pub(crate) fn purge(
    home: &Home,
    output: Output,
    request: &PurgeRequest,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let settings = Settings::read(home)?;
    let (catalogue, notes) = backup::load(home, settings.path.as_ref());
    notes.iter().for_each(|note| console.remark(note));
    let everything = present(home, catalogue, &[]);
    let purge = Purge::prepare(home, settings.path.as_ref(), Clock::read())?;
    let in_scope = |found: &Found| is_in_scope(found, request);
    let rules = rules_of(&everything, &settings, request)?;
    if request.clock_is_right {
        if !request.dry_run {
            purge.believe(&purge.ahead(&everything))?;
        }
    } else {
        let concerned: Vec<Found> = everything
            .iter()
            .filter(|found| in_scope(found) && rules.contains_key(&found.entry.service))
            .cloned()
            .collect();
        purge.require_clock(&concerned)?;
    }
    let mut work = Work {
        home,
        purge,
        request,
        errors: Vec::new(),
    };
    let judgements = if request.dry_run {
        let found = everything.into_iter().filter(in_scope).collect();
        let mut judgements = work.judge(found, &rules);
        work.purge.note_due(&mut judgements);
        judgements
    } else {
        work.purge(&rules, &mut |entry| {
            if !output.quiet {
                console.remark(&format!(
                    "reading `{}` again, {}",
                    entry.id(),
                    HumanBytes(entry.bytes)
                ));
            }
        })?
    };
    let exit = exit_of(&judgements, &work.errors);
    show(&judgements, &work.errors, exit, request, output, console)?;
    if !request.dry_run {
        purge::remember_clock(home, &Clock::read())?;
    }
    Ok(exit)
}

fn is_in_scope(found: &Found, request: &PurgeRequest) -> bool {
    let named = request.services.is_empty() || request.services.contains(&found.entry.service);
    named
        && request.path.as_ref().is_none_or(|path| {
            let folder = found.entry.path.parent();
            folder.is_some_and(|folder| path.layout().holds(folder, &host::host_name()))
        })
}

/// Returns the rules of each service that is purged: the named ones, or all that have backups and rules.
fn rules_of(
    everything: &[Found],
    settings: &Settings,
    request: &PurgeRequest,
) -> Result<BTreeMap<Service, Rules>, Error> {
    let there: BTreeSet<&Service> = everything.iter().map(|found| &found.entry.service).collect();
    if let Some(service) = request.services.iter().find(|service| !there.contains(service)) {
        return Err(
            Error::new(ExitCode::NOTHING, format!("there is no backup of `{service}`"))
                .hint("`batt backups` shows what there is."),
        );
    }
    let of = |service: &Service| {
        if request.rules.is_empty() {
            settings.service(service).retention.unwrap_or_default()
        } else {
            request.rules.clone()
        }
    };
    let asked: Vec<&Service> = if request.services.is_empty() {
        there.into_iter().collect()
    } else {
        request.services.iter().collect()
    };
    let mut rules = BTreeMap::new();
    for service in asked.iter().copied() {
        let own = of(service);
        if !own.is_empty() {
            rules.insert(service.clone(), own);
        } else if !request.services.is_empty() {
            return Err(no_rules(&format!("there is no rule for `{service}`")));
        }
    }
    if rules.is_empty() && !asked.is_empty() {
        return Err(no_rules("there is no rule, so nothing is purged"));
    }
    if asked.is_empty() && request.rules.is_empty() && settings.has_no_retention() {
        return Err(no_rules("there is no rule, so nothing would ever be purged"));
    }
    Ok(rules)
}

fn no_rules(what: &str) -> Error {
    Error::usage(what).hint(
        "Write rules into batt.toml, as here, or name one: `batt purge --keep-last 3`.\n\n[retention]\nkeep_last = \
         3\nkeep_daily = 7\nkeep_weekly = 4\nmax_days = 90\n",
    )
}

/// A purge of several services.
struct Work<'a> {
    home: &'a Home,
    purge: Purge<'a>,
    request: &'a PurgeRequest,
    errors: Vec<Error>,
}

impl Work<'_> {
    /// Judges what was found, service by service.
    fn judge(&self, found: Vec<Found>, rules: &BTreeMap<Service, Rules>) -> Vec<Judgement> {
        let mut by_service: BTreeMap<Service, Vec<Found>> = BTreeMap::new();
        for found in found {
            by_service
                .entry(found.entry.service.clone())
                .or_default()
                .push(found);
        }
        let judged = by_service.into_iter().filter_map(|(service, found)| {
            let rules = rules.get(&service)?;
            Some(self.purge.judge(&found, rules))
        });
        judged.flatten().collect()
    }

    /// Purges with the lock of each service: what is there is looked at when it is held.
    fn purge(
        &mut self,
        rules: &BTreeMap<Service, Rules>,
        reading: &mut dyn FnMut(&Entry),
    ) -> Result<Vec<Judgement>, Error> {
        let cancellation = Cancellation::by_signals()?;
        let mut locks: BTreeMap<Service, Lock> = BTreeMap::new();
        for service in rules.keys() {
            match lock::service(self.home, service, self.request.wait, &cancellation) {
                Ok(lock) => {
                    locks.insert(service.clone(), lock);
                }
                Err(error) => self.errors.push(error),
            }
        }
        let catalogue = backup::Catalogue::read(self.home)?;
        for (service, lock) in &locks {
            self.errors
                .extend(self.purge.finish(lock, service, &catalogue).err());
        }
        let services: Vec<Service> = locks.keys().cloned().collect();
        if services.is_empty() {
            return Ok(Vec::new());
        }
        let found = present(self.home, catalogue, &services).into_iter();
        let found = found.filter(|found| is_in_scope(found, self.request)).collect();
        let mut judgements = self.judge(found, rules);
        let mut watch = Watch {
            cancellation: &cancellation,
            begins: reading,
        };
        self.errors.extend(self.purge.prove(&mut judgements, &mut watch));
        for judgement in judgements.iter_mut().filter(|judgement| judgement.is_removed()) {
            if let Some(wish) = cancellation.requested() {
                judgement.failure = Some(Error::new(wish.exit(), "the purge was interrupted"));
            } else if let Some(lock) = locks.get(&judgement.entry.service) {
                self.purge.carry_out(lock, std::slice::from_mut(judgement));
            }
        }
        Ok(judgements)
    }
}

/// One code where all that went wrong has the same, and `failed` otherwise.
fn exit_of(judgements: &[Judgement], errors: &[Error]) -> ExitCode {
    let failures = judgements
        .iter()
        .filter_map(|judgement| judgement.failure.as_ref());
    let exits: BTreeSet<ExitCode> = failures.chain(errors).map(Error::exit).collect();
    match exits.len() {
        0 => ExitCode::OK,
        1 => exits.first().copied().unwrap_or(ExitCode::FAILED),
        _ => ExitCode::FAILED,
    }
}

fn reasons(judgement: &Judgement) -> Vec<String> {
    let mut reasons = match &judgement.decision {
        Decision::Kept(keeps) => keeps.iter().map(ToString::to_string).collect(),
        Decision::Removed(removal) => vec![removal.to_string()],
    };
    reasons.extend(judgement.failure.as_ref().map(ToString::to_string));
    reasons
}

fn show(
    judgements: &[Judgement],
    errors: &[Error],
    exit: ExitCode,
    request: &PurgeRequest,
    output: Output,
    console: &mut Console,
) -> Result<(), Error> {
    let totals = Totals::of(judgements);
    let told = judgements.iter().map(|judgement| ToldBackup {
        id: judgement.entry.id(),
        service: &judgement.entry.service,
        items: &judgement.entry.items,
        path: judgement.entry.path.display().to_string(),
        time: judgement.entry.time,
        bytes: judgement.entry.bytes,
        decision: match (&judgement.decision, &judgement.failure) {
            (_, Some(_)) => "failed",
            (Decision::Kept(_), None) => "kept",
            (Decision::Removed(_), None) => "removed",
        },
        read_again: judgement.read_again,
        reasons: reasons(judgement),
    });
    match output.format {
        Format::Json => console.json(&Told {
            exit,
            dry_run: request.dry_run,
            kept: totals.kept,
            removed: totals.removed,
            bytes: totals.bytes,
            backups: told.collect(),
            errors: errors.iter().map(ToString::to_string).collect(),
        })?,
        Format::JsonLines => told.into_iter().try_for_each(|told| console.json_line(&told))?,
        Format::Human => {
            for judgement in judgements {
                show_one(judgement, request, output, console);
            }
            let due = judgements.iter().filter(|judgement| judgement.read_again).count();
            if request.dry_run && due > 0 && !output.quiet {
                console.result(&format!("{} would be read again first", count(due, "backup")));
            }
            if !output.quiet {
                console.result(&words(totals, request.dry_run));
            }
        }
    }
    errors.iter().for_each(|error| console.error(error));
    Ok(())
}

fn show_one(judgement: &Judgement, request: &PurgeRequest, output: Output, console: &mut Console) {
    let word = match (&judgement.decision, &judgement.failure) {
        (_, Some(_)) => "STILL THERE",
        (Decision::Removed(_), None) if request.dry_run => "would go",
        (Decision::Removed(_), None) => "removed",
        (Decision::Kept(_), None) => "stays",
    };
    let is_told = match &judgement.failure {
        Some(_) => true,
        None => !output.quiet && (request.dry_run || judgement.is_removed()),
    };
    if is_told {
        console.result(&format!(
            "{word}  {}  {}  {}  {}",
            judgement.entry.id(),
            escaped(&judgement.entry.scope().words()),
            escaped(&judgement.entry.path.display().to_string()),
            escaped(&reasons(judgement).join(", "))
        ));
    }
}

/// Says what was done, or would be.
fn words(totals: Totals, dry_run: bool) -> String {
    let (stay, go) = if dry_run {
        ("would stay", "would go")
    } else {
        ("kept", "removed")
    };
    format!(
        "{} {stay}, {} {go}, {} {}",
        count(totals.kept, "backup"),
        totals.removed,
        HumanBytes(totals.bytes),
        if dry_run { "would be free" } else { "freed" }
    )
}

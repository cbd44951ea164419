//! `batt backups`: what is published.

use std::collections::{BTreeMap, BTreeSet};

use batt_protocol::text::escaped;
use batt_protocol::{BackupReport, BackupState, DrillOutcome, Error, ExitCode, HumanBytes, Service};
use chrono::{DateTime, Local, Utc};

use crate::backup::{self, Found, present};
use crate::cli::{Format, Output, Shown};
use crate::console::Console;
use crate::home::Home;
use crate::purge::{Clock, Decision, Purge};
use crate::report::table;
use crate::retention::Rules;
use crate::scope::Scope;
use crate::settings::Settings;

/// Shows the backups that are there, oldest first.
pub(crate) fn backups(
    home: &Home,
    output: Output,
    shown: &Shown,
    console: &mut Console,
) -> Result<ExitCode, Error> {
    // What is published is shown whatever stands in batt.toml; that is told all the same.
    let settings = Settings::read(home).unwrap_or_else(|error| {
        console.error(&error);
        Settings::default()
    });
    if let Some(more) = &shown.rebuild {
        let rebuilt = backup::rebuild(home, settings.path.as_ref(), more.as_ref())?;
        if let Some(more) = more {
            backup::remember_place(home, more)?;
        }
        console.remark(&format!("the catalogue: {}", rebuilt.words()));
    }
    let (catalogue, notes) = backup::load(home, settings.path.as_ref());
    notes.iter().for_each(|note| console.remark(note));
    let found = present(home, catalogue, &shown.services);
    let reports = reports(home, &settings, &found)?;
    match output.format {
        Format::Json => console.json(&BTreeMap::from([("backups", &reports)]))?,
        Format::JsonLines => reports.iter().try_for_each(|report| console.json_line(report))?,
        Format::Human => {
            if reports.is_empty() && shown.services.is_empty() {
                console.remark("nothing is published yet");
            } else if !reports.is_empty() {
                let header = HEADER.map(str::to_owned).to_vec();
                let rows: Vec<Vec<String>> = std::iter::once(header).chain(reports.iter().map(row)).collect();
                // At once: a line at a time takes as long as all the rest.
                console.result(&table(&rows).join("\n"));
                for Found { entry, .. } in &found {
                    if let Some(failure) = entry.failure_of_drill() {
                        let id = entry.id();
                        console.remark(&escaped(&format!(
                            "`{id}`: {failure}; `batt restore --from {id}` takes it all the same"
                        )));
                    }
                }
            }
        }
    }
    let missing = shown
        .services
        .iter()
        .filter(|service| !found.iter().any(|found| found.entry.service == **service));
    let mut exit = ExitCode::OK;
    for service in missing {
        console.remark(&format!("there is no backup of `{service}`"));
        exit = ExitCode::NOTHING;
    }
    Ok(exit)
}

/// Returns what is shown of each, with the rules that keep it where its service has rules.
fn reports(home: &Home, settings: &Settings, found: &[Found]) -> Result<Vec<BackupReport>, Error> {
    let mut rules: BTreeMap<&Service, Rules> = BTreeMap::new();
    let mut ruled: BTreeMap<&Service, Vec<Found>> = BTreeMap::new();
    for found in found {
        let service = &found.entry.service;
        let rules = rules
            .entry(service)
            .or_insert_with(|| settings.service(service).retention.unwrap_or_default());
        if !rules.is_empty() {
            ruled.entry(service).or_default().push(found.clone());
        }
    }
    let mut kept_by: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if !ruled.is_empty() {
        let purge = Purge::prepare(home, settings.path.as_ref(), Clock::read())?;
        for (service, found) in &ruled {
            for judgement in purge.judge(found, &rules[service]) {
                let keeps = match &judgement.decision {
                    Decision::Kept(keeps) => keeps.as_slice(),
                    Decision::Removed(_) => &[],
                };
                let words = keeps.iter().map(|keep| keep.word().to_owned()).collect();
                kept_by.insert(judgement.entry.id(), words);
            }
        }
    }
    let latest = latest(settings, found);
    let report = |found: &Found| BackupReport {
        pinned: found.pinned,
        latest: latest.contains(&found.entry.id()),
        kept_by: kept_by.remove(&found.entry.id()),
        ..found.entry.report()
    };
    Ok(found.iter().map(report).collect())
}

/// Returns the ids of those that are meant by the names of their services alone.
fn latest(settings: &Settings, found: &[Found]) -> BTreeSet<String> {
    let mut meant: BTreeMap<&Service, String> = BTreeMap::new();
    let mut promises: BTreeMap<&Service, Scope> = BTreeMap::new();
    for Found { entry, .. } in found.iter().rev() {
        let service = &entry.service;
        if meant.contains_key(service) || !entry.counts() {
            continue;
        }
        let promise = promises
            .entry(service)
            .or_insert_with(|| settings.promise(service));
        if entry.scope().covers(promise) {
            meant.insert(service, entry.id());
        }
    }
    meant.into_values().collect()
}

const HEADER: [&str; 8] = ["ID", "MADE", "ITEMS", "SIZE", "STATE", "PROOF", "MARKS", "PATH"];

fn row(report: &BackupReport) -> Vec<String> {
    let time = |at: DateTime<Utc>| at.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string();
    let state = match (report.state, report.accepted) {
        (BackupState::Suspicious, Some(_)) => "accepted",
        (state, _) => state.word(),
    };
    let proof = match (
        report.drill,
        report.drill_failed.or(report.drilled),
        report.verified,
    ) {
        (Some(DrillOutcome::Failed), Some(at), _) => format!("drill failed {}", time(at)),
        (Some(outcome), Some(at), _) => format!("{outcome} {}", time(at)),
        (_, _, Some(at)) => format!("verified {}", time(at)),
        (_, _, None) if report.damaged => "damaged".to_owned(),
        (_, _, None) => "not verified".to_owned(),
    };
    let set = [(report.latest, "latest"), (report.pinned, "pinned")];
    let mut marks: Vec<&str> = set.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
    match &report.kept_by {
        None => {}
        Some(rules) if rules.is_empty() => marks.push("may go"),
        // What is pinned is kept by that as well.
        Some(rules) => marks.extend(rules.iter().map(String::as_str).filter(|rule| *rule != "pinned")),
    }
    let marks = if marks.is_empty() {
        "-".to_owned()
    } else {
        marks.join(", ")
    };
    vec![
        report.id.clone(),
        time(report.time),
        escaped(&Scope::as_named(&report.items).words()).into_owned(),
        HumanBytes(report.bytes).to_string(),
        state.to_owned(),
        proof,
        marks,
        escaped(&report.path).into_owned(),
    ]
}

//! `batt backups`: what is published.

use std::collections::BTreeMap;

use batt_protocol::{BackupReport, BackupState, Error, ExitCode, HumanBytes, Service};
use chrono::{DateTime, Local, Utc};

use crate::backup::{self, Found, present};
use crate::cli::{Format, Output, Shown};
use crate::console::Console;
use crate::home::Home;
use crate::purge::{Clock, Decision, Purge};
use crate::report::table;
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
            let rows: Vec<Vec<String>> = reports.iter().map(row).collect();
            if !rows.is_empty() {
                // At once: a line at a time takes as long as all the rest.
                console.result(&table(&rows).join("\n"));
            }
            if rows.is_empty() {
                console.remark("nothing is published yet");
            }
        }
    }
    Ok(ExitCode::OK)
}

/// Returns what is shown of each, with the rules that keep it where its service has rules.
fn reports(home: &Home, settings: &Settings, found: &[Found]) -> Result<Vec<BackupReport>, Error> {
    let mut by_service: BTreeMap<&Service, Vec<Found>> = BTreeMap::new();
    for found in found {
        by_service
            .entry(&found.entry.service)
            .or_default()
            .push(found.clone());
    }
    let mut kept_by: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (service, found) in &by_service {
        let rules = settings.service(service).retention.unwrap_or_default();
        if rules.is_empty() {
            continue;
        }
        let purge = Purge::prepare(home, settings.path.as_ref(), Clock::read())?;
        for judgement in purge.judge(found, &rules) {
            if let Decision::Kept(keeps) = &judgement.decision {
                let words = keeps.iter().map(|keep| keep.word().to_owned()).collect();
                kept_by.insert(judgement.entry.id(), words);
            } else {
                kept_by.insert(judgement.entry.id(), Vec::new());
            }
        }
    }
    let report = |found: &Found| BackupReport {
        pinned: found.pinned,
        kept_by: kept_by.remove(&found.entry.id()),
        ..found.entry.report()
    };
    Ok(found.iter().map(report).collect())
}

fn row(report: &BackupReport) -> Vec<String> {
    let time = |at: DateTime<Utc>| at.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string();
    let mut state = match (report.state, report.accepted) {
        (BackupState::Suspicious, Some(_)) => "accepted".to_owned(),
        (state, _) => state.word().to_owned(),
    };
    if report.pinned {
        state.push_str(", pinned");
    }
    vec![
        report.service.to_string(),
        time(report.time),
        HumanBytes(report.bytes).to_string(),
        state,
        report.verified.map_or_else(
            || "not verified".to_owned(),
            |at| format!("verified {}", time(at)),
        ),
        match (report.drilled, report.drill_failed) {
            (_, Some(at)) => format!("drill failed {}", time(at)),
            (Some(at), None) => format!("drilled {}", time(at)),
            (None, None) => "never drilled".to_owned(),
        },
        match &report.kept_by {
            None => String::new(),
            Some(rules) if rules.is_empty() => "may go".to_owned(),
            Some(rules) => rules.join(", "),
        },
        batt_protocol::text::escaped(&report.path).into_owned(),
    ]
}

//! `batt backups`: what is published.

use std::collections::BTreeMap;

use batt_protocol::{BackupReport, Error, ExitCode, HumanBytes, Service};
use chrono::Local;

use crate::backup::Catalogue;
use crate::cli::{Format, Output};
use crate::console::Console;
use crate::home::Home;
use crate::report::table;

/// Shows the backups that are there, oldest first.
pub(crate) fn backups(
    home: &Home,
    output: Output,
    services: &[Service],
    console: &mut Console,
) -> Result<ExitCode, Error> {
    let reports: Vec<BackupReport> = Catalogue::read(home)?
        .entries()
        .filter(|entry| services.is_empty() || services.contains(&entry.service))
        .filter(|entry| entry.is_there())
        .map(crate::backup::Entry::report)
        .collect();
    match output.format {
        Format::Json => console.json(&BTreeMap::from([("backups", &reports)]))?,
        Format::JsonLines => reports.iter().try_for_each(|report| console.json_line(report))?,
        Format::Human => {
            let rows: Vec<Vec<String>> = reports.iter().map(row).collect();
            table(&rows).iter().for_each(|line| console.result(line));
            if rows.is_empty() {
                console.remark("nothing is published yet");
            }
        }
    }
    Ok(ExitCode::OK)
}

fn row(report: &BackupReport) -> Vec<String> {
    let time =
        |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string();
    vec![
        report.service.to_string(),
        time(report.time),
        HumanBytes(report.bytes).to_string(),
        report.verified.map_or_else(
            || "not verified".to_owned(),
            |at| format!("verified {}", time(at)),
        ),
        report.drilled.map_or_else(
            || "never drilled".to_owned(),
            |at| format!("drilled {}", time(at)),
        ),
        report.path.clone(),
    ]
}

//! `batt runs`: the runs that are kept.

use std::collections::BTreeMap;

use batt_protocol::wire::RunState;
use batt_protocol::{Error, ExitCode, RunSummary};
use chrono::Local;

use crate::cli::{Format, Output};
use crate::console::Console;
use crate::home::Home;
use crate::report::table;
use crate::run_folder::RunFolder;

/// Lists the runs, newest first.
pub(crate) fn runs(home: &Home, output: Output, console: &mut Console) -> Result<ExitCode, Error> {
    let folders = RunFolder::all(home)?;
    let summaries: Vec<RunSummary> = folders.iter().map(RunFolder::summary).collect::<Result<_, _>>()?;
    match output.format {
        Format::Json => console.json(&BTreeMap::from([("runs", &summaries)]))?,
        Format::JsonLines => summaries
            .iter()
            .try_for_each(|summary| console.json_line(summary))?,
        Format::Human => {
            let mut rows = Vec::new();
            for (folder, summary) in folders.iter().zip(&summaries) {
                rows.push(row(summary, folder.state()?.0));
            }
            table(&rows).iter().for_each(|line| console.result(line));
            if rows.is_empty() {
                console.remark("nothing has run yet");
            }
        }
    }
    Ok(ExitCode::OK)
}

fn row(summary: &RunSummary, state: RunState) -> Vec<String> {
    let how = match (state, summary.exit) {
        (RunState::Running, _) => "running".to_owned(),
        (_, Some(exit)) => format!("exit {exit}"),
        (_, None) => "interrupted".to_owned(),
    };
    let totals: Vec<String> = summary
        .totals
        .iter()
        .map(|(outcome, count)| format!("{count} {outcome}"))
        .collect();
    vec![
        summary.run.to_string(),
        summary
            .started
            .with_timezone(&Local)
            .format("%Y-%m-%d %H:%M:%S")
            .to_string(),
        how,
        totals.join(", "),
    ]
}

//! `batt-fleet runs`.

use std::fmt::Write as _;

use serde::Serialize;

use batt_protocol::json_text::Shape;
use batt_protocol::{Error, ExitCode, RunSummary};

use crate::cli::{Format, RunsArguments};
use crate::history;
use crate::state_folder::StateFolder;
use crate::world::World;

#[derive(Serialize)]
struct Runs {
    runs: Vec<RunSummary>,
}

/// Lists the runs, newest first. One that cannot be read is told and left out.
///
/// # Errors
/// A folder of runs that cannot be read.
pub(super) fn runs(arguments: &RunsArguments, world: &mut World<'_>) -> Result<ExitCode, Error> {
    let state_folder = StateFolder::resolve(arguments.state.state.clone(), world.variable)?;
    let mut exit = ExitCode::OK;
    let mut runs = Vec::new();
    for run in state_folder.runs()? {
        match history::summary(&state_folder, &run) {
            Ok(summary) => runs.push(summary),
            Err(error) => exit = world.fail(&error),
        }
    }
    match arguments.output.format {
        Format::Json => world.print_json(&Runs { runs }, Shape::Document)?,
        Format::Jsonl => runs
            .iter()
            .try_for_each(|run| world.print_json(run, Shape::Line))?,
        Format::Human => world.print(&table(&runs))?,
    }
    Ok(exit)
}

fn table(runs: &[RunSummary]) -> String {
    let mut out = String::new();
    for run in runs {
        let exit = match run.exit {
            Some(exit) => format!("exit {exit}"),
            None => "no end".to_owned(),
        };
        let totals: Vec<String> = run
            .totals
            .iter()
            .map(|(class, count)| format!("{count} {class}"))
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{}  {}  {exit:<8}  {}",
            run.run,
            run.started.format("%Y-%m-%d %H:%M:%S UTC"),
            totals.join(", ")
        );
    }
    out
}

//! The end of a command that connected to hosts, for people and for machines.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use batt_protocol::json_text::Shape;
use batt_protocol::wire::PlannedService;
use batt_protocol::{Error, ExitCode, FileChange, HostClass};

use crate::cli::Format;
use crate::dispatch::FleetEnd;
use crate::event::{Installed, Phase};
use crate::report::{self, Look};
use crate::state::{HostRecord, HostState};
use crate::world::World;

/// `--format json` of `ping`, `push` and `run --dry-run`.
#[derive(Debug, Serialize)]
struct ErrandReport {
    exit: ExitCode,
    totals: BTreeMap<HostClass, usize>,
    hosts: Vec<ErrandHost>,
}

#[derive(Debug, Serialize)]
struct ErrandHost {
    host: String,
    class: HostClass,
    reason: Option<String>,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_id: Option<String>,
    phases: Vec<PhaseTime>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<ShownKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<Installed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<FileChange>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pushed: Option<Pushed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned: Option<Vec<PlannedService>>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PhaseTime {
    phase: Phase,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct ShownKey {
    fingerprint: String,
    key: String,
}

#[derive(Debug, Serialize)]
struct Pushed {
    added: usize,
    replaced: usize,
    removed: usize,
}

impl ErrandReport {
    fn of(end: &FleetEnd) -> Self {
        Self {
            exit: end.exit,
            totals: end.state.totals(),
            hosts: end.state.hosts().iter().map(host).collect(),
        }
    }

    fn write(&self, world: &mut World<'_>) -> Result<(), Error> {
        world.print_json(self, Shape::Document)
    }
}

/// Writes how it ended: in the format that was asked for, with `told` before the summary for people.
pub(super) fn write(end: &FleetEnd, format: Format, told: &str, world: &mut World<'_>) -> Result<(), Error> {
    match format {
        // Its lines were written as things happened.
        Format::Jsonl => Ok(()),
        Format::Json => ErrandReport::of(end).write(world),
        Format::Human => world.print(told).and_then(|()| write_summary(end, world)),
    }
}

/// Writes the summary for people.
pub(super) fn write_summary(end: &FleetEnd, world: &mut World<'_>) -> Result<(), Error> {
    let look = Look::new(report::size_of(io::stdout()), world.variable);
    world.finish(|out| report::write_summary(out, &end.state, end.exit, &end.problems, look))
}

fn host(record: &HostRecord) -> ErrandHost {
    let report = record.report();
    let facts = &record.facts;
    ErrandHost {
        host: report.host,
        class: report.class,
        reason: report.reason,
        seconds: report.seconds,
        version: facts.agent_version.clone(),
        host_id: facts.host_id.clone(),
        phases: phases(record)
            .into_iter()
            .map(|(phase, seconds)| PhaseTime { phase, seconds })
            .collect(),
        keys: facts
            .keys
            .iter()
            .map(|(fingerprint, key)| ShownKey {
                fingerprint: fingerprint.clone(),
                key: key.clone(),
            })
            .collect(),
        agent: facts.installed,
        changes: facts.changes.clone(),
        pushed: facts.pushed.map(|(added, replaced, removed)| Pushed {
            added,
            replaced,
            removed,
        }),
        planned: facts.planned.clone(),
        warnings: facts.warnings.clone(),
    }
}

/// Returns each phase of a host that ended with the seconds that it took, in order.
pub(super) fn phases(record: &HostRecord) -> Vec<(Phase, f64)> {
    let HostState::Ended(end) = &record.state else {
        return Vec::new();
    };
    let begins = &record.facts.phases;
    let ends = begins.iter().skip(1).map(|(_, at)| *at).chain([end.ended]);
    begins
        .iter()
        .zip(ends)
        .map(|((phase, begin), end)| (*phase, (end - *begin).as_seconds_f64().max(0.0)))
        .collect()
}

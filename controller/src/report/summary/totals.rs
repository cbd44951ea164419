//! The totals of a run: hosts by class, services by outcome, and how it ended.

use std::collections::BTreeMap;

use batt_inventory::fold;
use batt_protocol::{ExitCode, HostClass, HumanBytes, Outcome, Service, text::count};
use chrono::{DateTime, Utc};

use super::exit_words::exit_words;
use super::page::Page;
use crate::event::Verb;
use crate::report::columns::{to_the_left, to_the_right, width};
use crate::report::host_line::total_bytes;
use crate::report::look::Ink;
use crate::report::span::took;
use crate::state::{FleetState, HostRecord, HostState};

/// The columns of a number under its heading.
const NUMBER: usize = 5;

/// What all hosts made of one service.
#[derive(Default)]
struct ServiceTotal {
    outcomes: BTreeMap<Outcome, usize>,
    /// On how many hosts its end is not known.
    open: usize,
    bytes: u64,
    longest: f64,
}

/// Adds the tables.
pub(super) fn add(page: &mut Page, state: &FleetState) {
    add_classes(page, state);
    add_services(page, state);
}

fn add_classes(page: &mut Page, state: &FleetState) {
    let mut classes: BTreeMap<HostClass, Vec<&HostRecord>> = BTreeMap::new();
    for record in state.hosts() {
        classes.entry(record.report().class).or_default().push(record);
    }
    page.block();
    let first = classes
        .keys()
        .map(|class| class.word().len())
        .max()
        .unwrap_or(0)
        .max("class".len());
    page.cut(Ink::Strong, &format!("{}  hosts", to_the_left("class", first)));
    for (class, records) in &classes {
        let names = fold(records.iter().map(|record| record.host.as_str())).join(", ");
        let number = to_the_right(&records.len().to_string(), NUMBER);
        page.cut(
            Ink::Plain,
            &format!("{}  {number}  {names}", to_the_left(class.word(), first)),
        );
    }
    if classes.len() != 1 {
        let number = to_the_right(&state.hosts().len().to_string(), NUMBER);
        page.cut(Ink::Plain, &format!("{}  {number}", to_the_left("all", first)));
    }
}

fn add_services(page: &mut Page, state: &FleetState) {
    let mut services: BTreeMap<Service, ServiceTotal> = BTreeMap::new();
    for record in state.hosts() {
        for report in record.report().services {
            let total = services.entry(report.service.clone()).or_default();
            *total.outcomes.entry(report.outcome).or_default() += 1;
            total.bytes = total.bytes.saturating_add(report.bytes);
            total.longest = total.longest.max(report.seconds);
        }
        if let HostState::Ended(end) = &record.state {
            for service in &end.open {
                services.entry(service.clone()).or_default().open += 1;
            }
        }
    }
    if services.is_empty() {
        return;
    }
    page.block();
    let names = services.keys().map(|service| width(&service.to_string()));
    let first = names.max().unwrap_or(0).max("service".len());
    let heading = format!("{}     bytes    longest  outcomes", to_the_left("service", first));
    page.cut(Ink::Strong, &heading);
    for (service, total) in &services {
        let bytes = HumanBytes(total.bytes).to_string();
        let numbers = format!("  {bytes:>8}  {:>9}", took(total.longest));
        let name = to_the_left(&service.to_string(), first);
        let line = format!("{name}{numbers}  {}", total.outcomes());
        page.labelled(0, first + numbers.len() + 2, Ink::Plain, "", &line);
    }
}

impl ServiceTotal {
    /// `3 succeeded, 1 failed, 1 not known`.
    fn outcomes(&self) -> String {
        let mut parts: Vec<String> = self
            .outcomes
            .iter()
            .map(|(outcome, number)| format!("{number} {outcome}"))
            .collect();
        if self.open > 0 {
            parts.push(format!("{} not known", self.open));
        }
        parts.join(", ")
    }
}

/// Adds the last lines: the run, where its logs are, and the exit code.
pub(super) fn add_end(page: &mut Page, state: &FleetState, exit: ExitCode) {
    let plan = state.plan();
    let ok = state.totals().get(&HostClass::Ok).copied().unwrap_or(0);
    let seconds = (last_end(state).unwrap_or(plan.started) - plan.started).as_seconds_f64();
    let mut run = format!(
        "{}: {ok} of {} ok in {}",
        plan.run,
        count(state.hosts().len(), "host"),
        took(seconds)
    );
    if plan.verb == Verb::Run {
        let bytes = state.hosts().iter().fold(0_u64, |sum, record| {
            sum.saturating_add(total_bytes(&record.report().services))
        });
        run.push_str(&format!(", {}", HumanBytes(bytes)));
    }
    page.block();
    page.labelled(0, 6, Ink::Strong, "run", &format!("   {run}"));
    if plan.verb == Verb::Run {
        let has_log = |record: &&HostRecord| {
            let report = record.report();
            report.class != HostClass::Ok && !report.services.is_empty()
        };
        let host = match state.hosts().iter().find(has_log) {
            Some(record) => record.host.as_str(),
            None => "HOST",
        };
        let logs = format!("  `batt-fleet logs {} {host}`", plan.run);
        page.labelled(0, 6, Ink::Strong, "logs", &logs);
    }
    let ink = if exit.is_ok() { Ink::Good } else { Ink::Bad };
    let words = format!("  {exit}: {}", exit_words(exit, plan.verb));
    page.labelled(0, 6, ink, "exit", &words);
}

fn last_end(state: &FleetState) -> Option<DateTime<Utc>> {
    let ends = state.hosts().iter().filter_map(|record| match &record.state {
        HostState::Ended(end) => Some(end.ended),
        _ => None,
    });
    ends.max()
}

//! How a host ended, in one line: what the bars leave behind and the plain lines say.

use batt_protocol::{HostClass, HostReport, HumanBytes, Outcome, ServiceReport, text::count};

use super::columns::shown;
use super::span::took;
use crate::event::Verb;
use crate::state::{HostFacts, HostRecord};

/// Returns how a host ended, and the rest of the line: what it did, or the first line of its reason.
pub(super) fn end_of(record: &HostRecord, verb: Verb) -> (HostClass, String) {
    let report = record.report();
    let words = match report.class {
        HostClass::Ok => well(record, &report, verb),
        _ => first_line(report.reason.as_deref()),
    };
    (report.class, words)
}

/// Returns how a service ended: `mysql succeeded, 220 MiB in 12.1 s`, `mysql failed: the disk is full`.
pub(super) fn service_end(report: &ServiceReport) -> String {
    let warned = match report.warnings.len() {
        0 => String::new(),
        warnings => format!(", {}", count(warnings, "warning")),
    };
    match report.outcome {
        Outcome::Succeeded => format!(
            "{} succeeded, {} in {}{warned}",
            report.service,
            HumanBytes(report.bytes),
            took(report.seconds)
        ),
        outcome => format!(
            "{} {outcome}: {}{}{warned}",
            report.service,
            first_line(report.reason.as_deref()),
            published(report)
                .map(|where_to| format!(", {where_to}"))
                .unwrap_or_default()
        ),
    }
}

/// Returns what is published of a service that did not succeed, and where: a part of it, or all with a doubt.
pub(super) fn published(report: &ServiceReport) -> Option<String> {
    let path = report
        .path
        .as_deref()
        .filter(|_| report.outcome != Outcome::Succeeded)?;
    Some(format!("{} in {}", HumanBytes(report.bytes), shown(path)))
}

fn well(record: &HostRecord, report: &HostReport, verb: Verb) -> String {
    let facts = &record.facts;
    let did = match verb {
        Verb::Run => backed_up(&report.services),
        Verb::Plan => planned(facts),
        Verb::Push => pushed(facts),
        Verb::PushCheck => match facts.changes.as_deref().unwrap_or_default() {
            [] => "nothing differs".to_owned(),
            [_] => "1 file differs".to_owned(),
            changes => format!("{} files differ", changes.len()),
        },
        Verb::Ping => match &facts.agent_version {
            Some(version) => format!("batt {}", shown(version)),
            None => "reached".to_owned(),
        },
    };
    let of_services: usize = report.services.iter().map(|service| service.warnings.len()).sum();
    // The run's own record repeats there what its services were warned of.
    let warned = match of_services.max(facts.warnings.len()) {
        0 => String::new(),
        warnings => format!(", {}", count(warnings, "warning")),
    };
    format!("{did} in {}{warned}", took(report.seconds))
}

fn backed_up(services: &[ServiceReport]) -> String {
    let bytes = HumanBytes(total_bytes(services));
    match services {
        [service] => format!("{}, {bytes}", service.service),
        _ => format!("{}, {bytes}", count(services.len(), "service")),
    }
}

fn planned(facts: &HostFacts) -> String {
    let services = facts.planned.as_deref().unwrap_or_default();
    let refused = services
        .iter()
        .filter(|service| service.refusal.is_some())
        .count();
    let would = format!("{} would run", count(services.len() - refused, "service"));
    let pushed = match facts.changes.as_deref().unwrap_or_default() {
        [] => String::new(),
        changes => format!(", after a push of {}", count(changes.len(), "file")),
    };
    match refused {
        0 => format!("{would}{pushed}"),
        _ => format!("{would}, {refused} not{pushed}"),
    }
}

fn pushed(facts: &HostFacts) -> String {
    let (added, replaced, removed) = facts.pushed.unwrap_or_default();
    let parts: Vec<String> = [(added, "added"), (replaced, "replaced"), (removed, "removed")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    match parts.is_empty() {
        true => "nothing to push".to_owned(),
        false => format!(
            "{}: {}",
            count(added + replaced + removed, "file"),
            parts.join(", ")
        ),
    }
}

/// Returns the bytes of all archives of these services.
pub(super) fn total_bytes(services: &[ServiceReport]) -> u64 {
    services
        .iter()
        .fold(0, |sum, service| sum.saturating_add(service.bytes))
}

/// Returns the first line of a reason, safe to show.
pub(super) fn first_line(reason: Option<&str>) -> String {
    let reason = reason.unwrap_or("it did not say why").trim();
    shown(reason.lines().next().unwrap_or_default())
}

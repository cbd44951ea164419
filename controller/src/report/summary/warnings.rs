//! What stopped nothing, and a person should know: of hosts, equal ones folded, and of the program itself.

use std::collections::HashMap;

use batt_inventory::fold;
use batt_protocol::text::count;

use super::likeness::likeness;
use super::page::Page;
use crate::report::columns::shown;
use crate::report::look::Ink;
use crate::state::{FleetState, HostRecord};

/// The most warnings that are shown; those that more hosts share are not more important, so the first count.
const MOST: usize = 50;
const LINES: usize = 4;

/// Adds warnings and problems.
pub(super) fn add(page: &mut Page, state: &FleetState, problems: &[String]) {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<(String, Vec<&HostRecord>)> = Vec::new();
    for record in state.hosts() {
        for text in warnings(record) {
            let place = *places
                .entry(likeness(&text, record.host.as_str()))
                .or_insert(groups.len());
            match groups.get_mut(place) {
                Some((_, hosts)) if hosts.last().is_some_and(|last| last.host == record.host) => {}
                Some((_, hosts)) => hosts.push(record),
                None => groups.push((text, vec![record])),
            }
        }
    }
    if !groups.is_empty() {
        page.block();
    }
    for (text, hosts) in groups.iter().take(MOST) {
        let names = fold(hosts.iter().map(|record| record.host.as_str())).join(", ");
        let (first, more) = text.trim().split_once('\n').unwrap_or((text.trim(), ""));
        let rest = format!("  {names}: {}", shown(first));
        page.labelled(0, 2, Ink::Warning, "warning", &rest);
        page.foreign(2, more, LINES);
    }
    if groups.len() > MOST {
        let more = count(groups.len() - MOST, "more warning");
        page.cut(
            Ink::Plain,
            &format!("({more}; the journal of the run has them all)"),
        );
    }
    if !problems.is_empty() {
        page.block();
    }
    for problem in problems {
        page.labelled(0, 2, Ink::Bad, "problem", &format!("  {}", shown(problem)));
    }
}

/// Returns the warnings of a host, each once: its services' own repeat what the run told of them.
fn warnings(record: &HostRecord) -> Vec<String> {
    let mut all = record.facts.warnings.clone();
    for service in record.report().services {
        for text in &service.warnings {
            let told = format!("{}: {text}", service.service);
            if !all.contains(&told) {
                all.push(told);
            }
        }
    }
    all
}

//! Hosts that did not end well: class, reason, hints, services that did not succeed, and the last lines of their logs.
//! Hosts that say the same stand together, in the inventory's order.

use std::collections::HashMap;

use batt_inventory::fold;
use batt_protocol::{HostClass, HostReport, Outcome, Service, ServiceReport, text::count};

use super::likeness::likeness;
use super::page::Page;
use crate::report::columns::shown;
use crate::report::host_line::published;
use crate::report::look::Ink;
use crate::state::{FleetState, HostRecord, HostState};

/// The last lines of a log that are shown.
const LOG_LINES: usize = 10;
/// How many different ends of the same log are shown of hosts that otherwise say the same.
const LOG_ENDS: usize = 3;
/// The lines of one reason that are shown.
const REASON_LINES: usize = 12;

/// A host that did not end well.
struct Failure<'a> {
    record: &'a HostRecord,
    report: HostReport,
    hints: &'a [String],
    open: &'a [Service],
}

/// What hosts have in common that stand together.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    class: HostClass,
    succeeded: usize,
    words: Vec<String>,
    services: Vec<(Service, Outcome)>,
}

impl<'a> Failure<'a> {
    fn of(record: &'a HostRecord) -> Option<Self> {
        let report = record.report();
        let (hints, open): (&[_], &[_]) = match &record.state {
            HostState::Ended(end) => (&end.hints, &end.open),
            _ => (&[], &[]),
        };
        (report.class != HostClass::Ok).then_some(Self {
            record,
            report,
            hints,
            open,
        })
    }

    fn reason(&self) -> &str {
        self.report.reason.as_deref().unwrap_or_default()
    }

    fn bad_services(&self) -> impl Iterator<Item = &ServiceReport> {
        self.report
            .services
            .iter()
            .filter(|service| service.outcome != Outcome::Succeeded)
    }

    fn succeeded(&self) -> usize {
        self.report.services.len() - self.bad_services().count()
    }

    fn key(&self) -> Key {
        let like = |words: &str| likeness(words, self.record.host.as_str());
        let of_services = self.bad_services().map(|service| service.reason.as_deref());
        let mut words = vec![like(self.reason())];
        words.extend(self.hints.iter().map(|hint| like(hint)));
        words.extend(of_services.map(|reason| like(reason.unwrap_or_default())));
        words.extend(self.open.iter().map(Service::to_string));
        Key {
            class: self.report.class,
            succeeded: self.succeeded(),
            words,
            services: self
                .bad_services()
                .map(|service| (service.service.clone(), service.outcome))
                .collect(),
        }
    }
}

/// Adds all failures: first the hosts of which nothing is good, then those of which something is.
pub(super) fn add(page: &mut Page, state: &FleetState) {
    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut groups: Vec<Vec<Failure<'_>>> = Vec::new();
    for failure in state.hosts().iter().filter_map(Failure::of) {
        let place = *places.entry(failure.key()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(failure),
            None => groups.push(vec![failure]),
        }
    }
    // A stable sort keeps the inventory's order.
    groups.sort_by_key(|group| group.first().is_some_and(|failure| failure.succeeded() > 0));
    for group in &groups {
        add_group(page, group);
    }
}

fn add_group(page: &mut Page, group: &[Failure<'_>]) {
    let [first, ..] = group else { return };
    page.block();
    let class = first.report.class;
    let ink = match class {
        HostClass::Skipped | HostClass::Cancelled => Ink::Warning,
        _ => Ink::Bad,
    };
    let names = folded(group.iter());
    let number = match group.len() {
        1 => String::new(),
        number => format!(" ({number} hosts)"),
    };
    page.labelled(0, 2, ink, class.word(), &format!("  {names}{number}"));

    // Hosts that are alike may still have named themselves: then the first one speaks for all.
    let differ = group.iter().any(|other| other.reason() != first.reason());
    let reason = match differ {
        true => format!("{}: {}", first.record.host, first.reason()),
        false => first.reason().to_owned(),
    };
    page.foreign(2, &reason, REASON_LINES);
    if first.succeeded() > 0 {
        let all = first.report.services.len() + first.open.len();
        page.foreign(
            2,
            &format!("{} of {} succeeded", first.succeeded(), count(all, "service")),
            1,
        );
    }
    for hint in first.hints {
        page.foreign(2, &format!("hint: {hint}"), REASON_LINES);
    }
    for service in first.bad_services() {
        add_service(page, group, first, service);
    }
    for service in first.open {
        page.labelled(
            2,
            2,
            Ink::Bad,
            &service.to_string(),
            " is not known to have ended",
        );
        add_log(page, group, service);
    }
}

fn add_service(page: &mut Page, group: &[Failure<'_>], first: &Failure<'_>, service: &ServiceReport) {
    let reason = service.reason.as_deref().unwrap_or("it did not say why").trim();
    let (line, more) = reason.split_once('\n').unwrap_or((reason, ""));
    let line = shown(line);
    // The host's reason repeats it when there is only one.
    if !shown(first.reason()).contains(&line) {
        let label = format!("{} {}", service.service, service.outcome);
        page.labelled(2, 2, Ink::Bad, &label, &format!(": {line}"));
    }
    // An agent quotes the end of the log behind its reason; where the log itself is shown, once is enough.
    let has_log = !first.record.log.lines(&service.service, LOG_LINES).is_empty();
    let is_told = |line: &&str| !(has_log && line.starts_with("| "));
    let more: Vec<&str> = more.lines().filter(is_told).collect();
    page.foreign(2, &more.join("\n"), REASON_LINES);
    if let Some(where_to) = published(service) {
        // Of hosts that are alike, the first one speaks for all.
        let whose = match group.len() {
            1 => String::new(),
            _ => format!(" on {}", first.record.host),
        };
        let words = format!("published beside{whose}: {where_to}");
        page.labelled(2, 2, Ink::Plain, "", &words);
    }
    add_log(page, group, &service.service);
}

/// Adds the last lines of a service's log: once where all hosts have the same.
fn add_log(page: &mut Page, group: &[Failure<'_>], service: &Service) {
    let mut ends: Vec<(Vec<String>, Vec<&Failure<'_>>)> = Vec::new();
    for failure in group {
        let lines = failure.record.log.lines(service, LOG_LINES);
        if lines.is_empty() {
            continue;
        }
        match ends.iter_mut().find(|(known, _)| *known == lines) {
            Some((_, hosts)) => hosts.push(failure),
            None => ends.push((lines, vec![failure])),
        }
    }
    for (lines, hosts) in ends.iter().take(LOG_ENDS) {
        let whose = match hosts.len() == group.len() {
            true => String::new(),
            false => format!(" on {}", folded(hosts.iter().copied())),
        };
        page.labelled(2, 2, Ink::Plain, "", &format!("last lines of {service}{whose}:"));
        for line in lines {
            page.log_line(2, line);
        }
    }
    let others: usize = ends.iter().skip(LOG_ENDS).map(|(_, hosts)| hosts.len()).sum();
    if others > 0 {
        let words = format!("({}, other last lines)", count(others, "more host"));
        page.labelled(2, 2, Ink::Plain, "", &words);
    }
}

fn folded<'a, 'b: 'a>(failures: impl Iterator<Item = &'a Failure<'b>>) -> String {
    fold(failures.map(|failure| failure.record.host.as_str())).join(", ")
}

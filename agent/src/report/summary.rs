//! A run when it has ended: one line a service, its reason and its warnings below, and the totals.

use std::collections::BTreeMap;

use batt_protocol::text::escaped;
use batt_protocol::{HumanBytes, Outcome, RunReport, ServiceReport};

/// Returns the lines of the summary; with `quiet`, of what did not succeed.
pub(crate) fn summary(report: &RunReport, quiet: bool) -> Vec<String> {
    let shown: Vec<&ServiceReport> = report
        .services
        .iter()
        .filter(|service| !quiet || service.outcome != Outcome::Succeeded)
        .collect();
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|service| {
            vec![
                service.service.to_string(),
                service.outcome.to_string(),
                if service.path.is_some() {
                    HumanBytes(service.bytes).to_string()
                } else {
                    String::new()
                },
                format!("{:.1} s", service.seconds),
                service
                    .path
                    .as_deref()
                    .map(|path| escaped(path).into_owned())
                    .unwrap_or_default(),
            ]
        })
        .collect();
    let mut lines = Vec::new();
    for (line, service) in table(&rows).into_iter().zip(shown) {
        lines.push(line);
        for text in service.reason.iter().flat_map(|reason| reason.lines()) {
            lines.push(format!("    {}", escaped(text)));
        }
        for warning in &service.warnings {
            lines.extend(warned(warning).lines().map(|line| format!("    {line}")));
        }
    }
    if !quiet {
        lines.push(totals(report));
    }
    lines
}

/// Returns a warning as a person reads it: what there is to do on a line of its own.
pub(super) fn warned(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(escaped).collect();
    format!("warning: {}", lines.join("\n  "))
}

fn totals(report: &RunReport) -> String {
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    for service in &report.services {
        *counts.entry(service.outcome).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(outcome, count)| format!("{count} {outcome}"))
        .collect();
    format!("run {}: {} (exit {})", report.run, counts.join(", "), report.exit)
}

/// Returns rows as lines whose columns stand below each other.
pub(crate) fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, outcome: Outcome, reason: Option<&str>) -> ServiceReport {
        ServiceReport {
            items: Vec::new(),
            items_left_out: 0,
            service: name.parse().unwrap(),
            outcome,
            path: (outcome == Outcome::Succeeded).then(|| "/opt/backup/mysql".to_owned()),
            bytes: 1536,
            seconds: 2.04,
            reason: reason.map(str::to_owned),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn failures_are_told_with_their_reason() {
        let report = RunReport {
            run: "20260131T023000Z-00000a".parse().unwrap(),
            exit: batt_protocol::ExitCode::FAILED,
            services: vec![
                service("mysql", Outcome::Succeeded, None),
                service("file", Outcome::Failed, Some("exit code 1\n| tar: \x1b[31mno")),
            ],
        };
        assert_eq!(
            summary(&report, false),
            [
                "mysql  succeeded  1.5 KiB  2.0 s  /opt/backup/mysql",
                "file   failed              2.0 s",
                "    exit code 1",
                "    | tar: \\x1b[31mno",
                "run 20260131T023000Z-00000a: 1 succeeded, 1 failed (exit 2)"
            ]
        );
        assert_eq!(summary(&report, true).len(), 3);
    }

    #[test]
    fn a_warning_has_its_hint_on_a_line_of_its_own() {
        assert_eq!(
            warned("it jumped\nhint: set it"),
            "warning: it jumped\n  hint: set it"
        );
        assert_eq!(warned("a\u{1b}[2J"), "warning: a\\x1b[2J");
    }
}

//! A run while it goes on: bars for a person at a terminal, plain lines otherwise, JSON lines for programs.

use std::collections::BTreeMap;
use std::io::Write;

use batt_protocol::json_text::{self, Shape};
use batt_protocol::text::{count, escaped, list_and};
use batt_protocol::{Event, EventKind, HumanBytes, Outcome, Service, ServiceReport, Stage};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::summary::warned;
use crate::run::Reader;

/// Returns the line that tells how a service ended.
fn ended(report: &ServiceReport) -> String {
    match report.outcome {
        Outcome::Succeeded => {
            format!(
                "{}: succeeded, {} in {:.1} s",
                report.service,
                HumanBytes(report.bytes),
                report.seconds
            )
        }
        outcome => {
            let reason = report.reason.as_deref().unwrap_or_default();
            let first = reason.lines().next().unwrap_or_default();
            let beside = report
                .path
                .as_deref()
                .map(|path| format!("; in {}", escaped(path)));
            format!(
                "{}: {outcome}: {}{}",
                report.service,
                escaped(first),
                beside.unwrap_or_default()
            )
        }
    }
}

/// Returns the line that tells what retention removed.
fn purged(service: &Service, kept: usize, removed: usize, bytes: u64) -> String {
    format!(
        "{service}: purged {}, {} freed, {kept} kept",
        count(removed, "earlier backup"),
        HumanBytes(bytes)
    )
}

/// One line for each change, on the stream of remarks.
pub(crate) struct Lines<W> {
    to: W,
    quiet: bool,
}

impl<W: Write> Lines<W> {
    pub(crate) fn new(to: W, quiet: bool) -> Self {
        Self { to, quiet }
    }
}

impl<W: Write + Send> Reader for Lines<W> {
    fn read(&mut self, event: &Event) {
        let line = match &event.event {
            EventKind::RunStarted {
                run, services, path, ..
            } => {
                let names: Vec<String> = services.iter().map(ToString::to_string).collect();
                format!("run {run}: {} to {}", list_and(&names), escaped(path))
            }
            EventKind::ServiceStarted { service, .. } => format!("{service}: started"),
            EventKind::ServicePurged {
                service,
                kept,
                removed: removed @ 1..,
                bytes,
            } => purged(service, *kept, *removed, *bytes),
            EventKind::ServiceEnded { report } if report.outcome != Outcome::Succeeded => {
                let _ = writeln!(self.to, "{}", ended(report));
                return;
            }
            EventKind::ServiceEnded { report } => ended(report),
            EventKind::Warned { text, .. } => warned(text),
            EventKind::CancelRequested => "cancelled: ending what runs".to_owned(),
            _ => return,
        };
        if !self.quiet {
            let _ = writeln!(self.to, "{line}");
        }
    }
}

/// A bar for each running service.
pub(crate) struct Bars {
    screen: MultiProgress,
    bars: BTreeMap<Service, ProgressBar>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        Self {
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8)),
            bars: BTreeMap::new(),
        }
    }

    fn start(&mut self, service: &Service, expected: Option<u64>) {
        let template = match expected {
            Some(_) => "{prefix:<14} {bar:20} {bytes:>10} of ~{total_bytes:<10} {bytes_per_sec:>12} {msg}",
            None => "{prefix:<14} {spinner} {bytes:>10} {bytes_per_sec:>12} {elapsed:>4} {msg}",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self
            .screen
            .add(ProgressBar::new(expected.unwrap_or(0)).with_style(style.progress_chars("=> ")));
        bar.set_prefix(service.to_string());
        self.bars.insert(service.clone(), bar);
    }
}

impl Reader for Bars {
    fn read(&mut self, event: &Event) {
        match &event.event {
            EventKind::ServiceStarted {
                service,
                expected_bytes,
                ..
            } => self.start(service, *expected_bytes),
            EventKind::ServiceProgressed {
                service,
                stage,
                bytes,
                ..
            } => {
                if let Some(bar) = self.bars.get(service) {
                    bar.set_position(*bytes);
                    bar.set_message(if *stage == Stage::Verifying {
                        "verifying"
                    } else {
                        ""
                    });
                    bar.tick();
                }
            }
            EventKind::ServiceEnded { report } => {
                if let Some(bar) = self.bars.remove(&report.service) {
                    bar.finish_and_clear();
                }
                let _ = self.screen.println(ended(report));
            }
            EventKind::ServicePurged {
                service,
                kept,
                removed: removed @ 1..,
                bytes,
            } => {
                let _ = self.screen.println(purged(service, *kept, *removed, *bytes));
            }
            EventKind::Warned { text, .. } => {
                let _ = self.screen.println(warned(text));
            }
            EventKind::CancelRequested => {
                let _ = self.screen.println("cancelled: ending what runs");
            }
            _ => {}
        }
    }
}

/// Every event of the journal as a line of JSON.
pub(crate) struct JsonEvents<W>(pub(crate) W);

impl<W: Write + Send> Reader for JsonEvents<W> {
    fn read(&mut self, event: &Event) {
        if !matches!(event.event, EventKind::ServiceProgressed { .. })
            && let Ok(line) = json_text::of(event, Shape::Line)
        {
            let _ = self.0.write_all(line.as_bytes()).and_then(|()| self.0.flush());
        }
    }
}

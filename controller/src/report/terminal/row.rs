//! The row of a running host: its name, its service, and a bar, or the phase that it waits in.

use batt_protocol::{HumanBytes, Stage};
use chrono::{DateTime, Utc};

use crate::report::columns::{fit, to_the_left, to_the_right, width};
use crate::report::doing::{Doing, RunningService, Watch};
use crate::report::look::{Glyphs, Ink, Line, Look};
use crate::report::span::{estimate, going_on};
use crate::state::{FleetState, HostRecord, HostState, Running, Standing};

const PERCENT: usize = 4;
const BYTES: usize = 8;
const RATE: usize = 10;
const LEFT: usize = 11;
const GAP: usize = 2;
/// A shorter bar tells nothing.
const SHORTEST_BAR: usize = 5;
const LONGEST_BAR: usize = 50;

/// How the columns of all rows are laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    usable: usize,
    host: usize,
    service: usize,
    bar: usize,
    has_rate: bool,
}

impl Columns {
    /// Lays out the rows of these hosts.
    pub(super) fn of(state: &FleetState, hosts: &[(&HostRecord, &Watch)], usable: usize) -> Self {
        let host = host_columns(state, usable);
        let service = hosts
            .iter()
            .filter_map(|(_, watch)| match &watch.doing {
                Doing::Service(running) => Some(width(&label(running))),
                _ => None,
            })
            .max()
            .unwrap_or(0)
            .min(usable / 5);
        // What is least needed goes first.
        let mut room = usable.saturating_sub(host + GAP + service + GAP + PERCENT + GAP + BYTES);
        let mut take = |columns: usize| {
            let fits = room >= GAP + columns;
            if fits {
                room -= GAP + columns;
            }
            fits
        };
        let has_rate = take(RATE);
        take(LEFT);
        let bar = room.saturating_sub(GAP).min(LONGEST_BAR);
        Self {
            usable,
            host,
            service,
            bar: if bar < SHORTEST_BAR { 0 } else { bar },
            has_rate,
        }
    }

    /// The columns of the bar and its percents, which words take where there is no estimate.
    fn middle(&self) -> usize {
        match self.bar {
            0 => PERCENT,
            bar => bar + GAP + PERCENT,
        }
    }
}

/// Returns the columns for the names of hosts, the same for all rows of a run.
pub(super) fn host_columns(state: &FleetState, usable: usize) -> usize {
    let longest = state
        .hosts()
        .iter()
        .map(|record| record.host.as_str().len())
        .max();
    longest.unwrap_or(0).min((usable / 4).max(12)).min(usable)
}

/// Returns the row.
pub(super) fn row(
    record: &HostRecord,
    watch: &Watch,
    now: DateTime<Utc>,
    columns: &Columns,
    look: Look,
) -> Line {
    let mut line = Line::new(look);
    let name = fit(record.host.as_str(), columns.host, look.cut_mark());
    line.add(Ink::Strong, &to_the_left(&name, columns.host));
    line.add(Ink::Plain, "  ");
    let waited = format!("{} {}", watch.doing.words(), going_on(now - watch.since));
    match (&watch.doing, &record.state) {
        (Doing::Service(running), HostState::Running(run)) => {
            let name = label(running);
            let name = fit(&name, columns.service, look.cut_mark());
            line.add(Ink::Plain, &to_the_left(&name, columns.service));
            line.add(Ink::Plain, "  ");
            let progress = Progress::of(run, running);
            progress.add_to(&mut line, &waited, watch.rate(), columns);
        }
        _ => {
            let room = columns.usable.saturating_sub(line.columns());
            line.add(Ink::Plain, &fit(&waited, room, look.cut_mark()));
        }
    }
    line
}

/// `mysql`, `mysql 2/3`, `mysql 1/3 +1` where others run at once.
fn label(running: &RunningService) -> String {
    let mut label = running.service.to_string();
    if running.of > 1 {
        label.push_str(&format!(" {}/{}", running.place, running.of));
    }
    if running.others > 0 {
        label.push_str(&format!(" +{}", running.others));
    }
    label
}

/// How far the services are that run on a host.
struct Progress {
    bytes: u64,
    expected: Option<u64>,
    stage: Stage,
}

impl Progress {
    fn of(run: &Running, first: &RunningService) -> Self {
        let mut progress = Self {
            bytes: 0,
            expected: Some(0),
            stage: first.stage,
        };
        for service in &run.services {
            if let Standing::Running {
                bytes,
                expected_bytes,
                ..
            } = &service.standing
            {
                progress.bytes = progress.bytes.saturating_add(*bytes);
                progress.expected = progress
                    .expected
                    .zip(*expected_bytes)
                    .map(|(sum, bytes)| sum.saturating_add(bytes));
            }
        }
        progress
    }

    fn add_to(&self, line: &mut Line, waited: &str, rate: Option<f64>, columns: &Columns) {
        let is_verifying = self.stage == Stage::Verifying;
        // The bytes stand still while they are read again.
        let rate = rate.filter(|_| !is_verifying && columns.has_rate);
        let mut end = String::new();
        match self.expected.filter(|expected| *expected > 0 && !is_verifying) {
            Some(expected) => {
                self.add_bar(line, expected, columns);
                let left = expected.saturating_sub(self.bytes) as f64;
                // The first bytes of a dump tell nothing of the pace of the rest.
                let tells = self.bytes.saturating_mul(50) >= expected;
                if let Some(rate) = rate.filter(|rate| *rate >= 1.0 && left > 0.0 && tells) {
                    end = to_the_right(&format!("{} left", estimate(left / rate)), LEFT);
                }
            }
            None if width(waited) <= columns.middle() => {
                line.add(Ink::Plain, &to_the_left(waited, columns.middle()));
            }
            None => {
                line.add(Ink::Plain, &" ".repeat(columns.middle()));
                end = waited.to_owned();
            }
        }
        let bytes = HumanBytes(self.bytes).to_string();
        line.add(Ink::Plain, &format!("  {}", to_the_right(&bytes, BYTES)));
        let room = columns.usable.saturating_sub(line.columns() + GAP);
        let needed = RATE + GAP + width(&end);
        // What a host does is more than how fast it does it.
        if let Some(rate) = rate.filter(|_| end.is_empty() || needed <= room) {
            let rate = format!("{}/s", HumanBytes(rate as u64));
            line.add(Ink::Plain, &format!("  {}", to_the_right(&rate, RATE)));
        }
        if !end.is_empty() && line.columns() + GAP + width(&end) <= columns.usable {
            line.add(Ink::Plain, &format!("  {end}"));
        }
    }

    fn add_bar(&self, line: &mut Line, expected: u64, columns: &Columns) {
        let part = self.bytes as f64 / expected as f64;
        if columns.bar > 0 {
            bar(line, columns.bar, part);
            line.add(Ink::Plain, "  ");
        }
        // What is not verified is not all of it.
        let percent = format!("{}%", ((part * 100.0) as u64).min(99));
        line.add(Ink::Plain, &to_the_right(&percent, PERCENT));
    }
}

/// Adds a bar of which `part` is done.
pub(super) fn bar(line: &mut Line, columns: usize, part: f64) {
    // A cast of what is out of range ends at the nearest number that fits.
    let full = ((part * columns as f64) as usize).min(columns);
    let (done, left) = match line.look().glyphs {
        Glyphs::Unicode => ("━", "─"),
        Glyphs::Ascii => ("=", "-"),
    };
    line.add(Ink::Good, &done.repeat(full));
    line.add(Ink::Faint, &left.repeat(columns - full));
}

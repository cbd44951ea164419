//! The line of the whole fleet, below the bars.

use batt_protocol::{HostClass, HumanBytes, text::count};
use chrono::{DateTime, Utc};

use super::row::bar;
use crate::report::columns::{fit, width};
use crate::report::doing::Watches;
use crate::report::host_line::total_bytes;
use crate::report::look::{Ink, Line, Look};
use crate::report::span::going_on;
use crate::state::{FleetState, HostState};

/// When so few hosts are left, the line says what the slowest of them waits for.
const FEW: usize = 3;
/// From so many columns on there is a bar for the fleet.
const WIDE: usize = 120;
const BAR: usize = 24;

/// Returns the line, at most `usable` columns wide. What does not fit is left out from its end.
pub(super) fn fleet_line(
    state: &FleetState,
    watches: &Watches,
    now: DateTime<Utc>,
    usable: usize,
    look: Look,
) -> Line {
    let mut line = Line::new(look);
    let hosts = state.hosts().len();
    if usable >= WIDE {
        bar(&mut line, BAR, state.ended() as f64 / hosts.max(1) as f64);
        line.add(Ink::Plain, "  ");
    }
    let beginning = match state.cancel() {
        Some(_) => "cancelling: ",
        None => "",
    };
    let done = format!("{beginning}{} of {}", state.ended(), count(hosts, "host"));
    line.add(Ink::Strong, &fit(&done, usable, look.cut_mark()));
    for (ink, part) in parts(state, watches, now) {
        if line.columns() + 2 + width(&part) > usable {
            break;
        }
        line.add(Ink::Plain, "  ");
        line.add(ink, &part);
    }
    line
}

fn parts(state: &FleetState, watches: &Watches, now: DateTime<Utc>) -> Vec<(Ink, String)> {
    let totals = state.totals();
    let ok = totals.get(&HostClass::Ok).copied().unwrap_or(0);
    let failed = state.ended() - ok;
    let running = state.active().count();
    let waiting = state.hosts().len() - state.ended() - running;
    let slowest = match waiting == 0 && running <= FEW {
        true => watches.longest(state),
        false => None,
    };
    // The last one is named instead.
    let counted = if slowest.is_some() && running == 1 {
        0
    } else {
        running
    };
    let mut parts = Vec::new();
    for (ink, number, what) in [
        (Ink::Good, ok, "ok"),
        (Ink::Bad, failed, "failed"),
        (Ink::Plain, counted, "running"),
        (Ink::Plain, waiting, "waiting"),
    ] {
        if number > 0 {
            parts.push((ink, format!("{number} {what}")));
        }
    }
    parts.push((Ink::Plain, going_on(now - state.plan().started)));
    if let Some((host, watch)) = slowest {
        let since = going_on(now - watch.since);
        parts.push((
            Ink::Plain,
            format!("waiting on {host}: {} {since}", watch.doing.sentence()),
        ));
    }
    let bytes = state.hosts().iter().fold(0_u64, |sum, record| {
        sum.saturating_add(match &record.state {
            HostState::Running(run) => run.bytes().0,
            HostState::Ended(end) => total_bytes(&end.services),
            HostState::Queued | HostState::Connecting(_) | HostState::Ready(_) => 0,
        })
    });
    if bytes > 0 {
        parts.push((Ink::Plain, HumanBytes(bytes).to_string()));
        let rate: f64 = state
            .active()
            .filter_map(|record| watches.of(&record.host)?.rate())
            .sum();
        if rate >= 1.0 {
            parts.push((Ink::Plain, format!("{}/s", HumanBytes(rate as u64))));
        }
    }
    parts
}

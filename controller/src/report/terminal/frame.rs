//! All that is drawn at one tick: a row for each running host, at most as many as fit, and the line of the fleet.

use chrono::{DateTime, Utc};

use super::fleet_line::fleet_line;
use super::row::{Columns, row};
use crate::report::columns::fit;
use crate::report::doing::{Watch, Watches};
use crate::report::look::{Ink, Line, Look, Size};
use crate::state::{FleetState, HostRecord, HostState};

/// Rows of the terminal that are left to lines of ended hosts, besides the line of the fleet and the cursor's.
const LEFT_ROWS: usize = 3;

/// Returns the lines to draw.
pub(super) fn frame(
    state: &FleetState,
    watches: &Watches,
    now: DateTime<Utc>,
    size: Size,
    look: Look,
) -> Vec<Line> {
    // A character in the last column makes some terminals wrap.
    let usable = size.columns.saturating_sub(1);
    let mut hosts: Vec<(&HostRecord, &Watch)> = state
        .active()
        .filter_map(|record| Some((record, watches.of(&record.host)?)))
        .collect();
    // Who came first is shown: rows then only vanish and follow, and a host that is stuck is always seen.
    hosts.sort_by_key(|(record, _)| started(&record.state));
    let room = size.rows.saturating_sub(LEFT_ROWS + 2);
    let hidden = match hosts.len() <= room {
        true => 0,
        // The row that tells of the others takes the place of one.
        false => hosts.len() - room.saturating_sub(1),
    };
    hosts.truncate(hosts.len() - hidden);

    let columns = Columns::of(state, &hosts, usable);
    let mut lines: Vec<Line> = hosts
        .iter()
        .map(|(record, watch)| row(record, watch, now, &columns, look))
        .collect();
    if hidden > 0 && room > 0 {
        let mut line = Line::new(look);
        let words = format!("and {hidden} more");
        line.add(Ink::Faint, &fit(&words, usable, look.cut_mark()));
        lines.push(line);
    }
    lines.push(fleet_line(state, watches, now, usable, look));
    lines
}

fn started(state: &HostState) -> Option<DateTime<Utc>> {
    match state {
        HostState::Queued => None,
        HostState::Connecting(now) | HostState::Ready(now) => Some(now.started),
        HostState::Running(run) => Some(run.started),
        HostState::Ended(end) => end.started,
    }
}

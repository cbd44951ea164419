//! A run on a terminal: a line for each host that has ended, and below them bars for those that run. Drawn from the
//! state on a tick, and only when the terminal has taken what was drawn before.

mod fleet_line;
mod frame;
mod row;

use std::io;

use batt_protocol::HostClass;
use chrono::{DateTime, Utc};

use self::frame::frame;
use super::columns::{fit, to_the_left};
use super::doing::Watches;
use super::host_line::end_of;
use super::look::{Ink, Line, Look, Size};
use super::plain::PATIENCE;
use super::screen::Screen;
use crate::event::{FleetEvent, FleetEventKind as Kind, Verb};
use crate::host::Host;
use crate::reader::Reader;
use crate::state::{FleetState, HostRecord};

/// Shows a run on a terminal.
pub(crate) struct Terminal {
    pub(super) screen: Screen,
    look: Look,
    size: Box<dyn Fn() -> Option<Size> + Send>,
    now: Box<dyn Fn() -> DateTime<Utc> + Send>,
    watches: Watches,
    /// Hosts whose line was not written yet.
    ended: Vec<Host>,
    drawn: Vec<Line>,
}

impl Terminal {
    /// Returns the reader that draws on this output. `size` is asked at every tick, so that a resize is followed.
    pub(crate) fn new(
        screen: Screen,
        look: Look,
        size: impl Fn() -> Option<Size> + Send + 'static,
        now: impl Fn() -> DateTime<Utc> + Send + 'static,
    ) -> Self {
        Self {
            screen,
            look,
            size: Box::new(size),
            now: Box::new(now),
            watches: Watches::default(),
            ended: Vec::new(),
            drawn: Vec::new(),
        }
    }

    /// Writes the lines of ended hosts in place of what was drawn, and `frame` below them.
    fn draw(&mut self, state: &FleetState, size: Size, frame: Vec<Line>) -> io::Result<()> {
        if self.ended.is_empty() && frame == self.drawn {
            return Ok(());
        }
        // A terminal that was made narrower has wrapped what was drawn.
        let above: usize = self
            .drawn
            .iter()
            .map(|line| line.columns().div_ceil(size.columns.max(1)).max(1))
            .sum();
        // All of it appears at once where the terminal knows synchronized updates; others ignore the mode. What was
        // there is erased first: some terminals wrap the blank end of a row that was longer before.
        let mut text = String::from("\x1b[?2026h");
        if above > 0 {
            text.push_str(&format!("\x1b[{}A\r\x1b[J", above.min(size.rows)));
        }
        let ended = std::mem::take(&mut self.ended);
        let names = row::host_columns(state, size.columns.saturating_sub(1));
        let lines = ended
            .iter()
            .filter_map(|host| state.host(host))
            .map(|record| ended_line(record, state.plan().verb, size, names, self.look));
        for line in lines.chain(frame.iter().cloned()) {
            text.push_str(line.text());
            text.push('\n');
        }
        text.push_str("\x1b[?2026l");
        self.drawn = frame;
        self.screen.write(&text)
    }

    fn size(&self) -> Size {
        let usual = Size {
            columns: 80,
            rows: 24,
        };
        (self.size)().unwrap_or(usual)
    }
}

impl Reader for Terminal {
    fn name(&self) -> &'static str {
        "the bars"
    }

    fn on_event(&mut self, event: &FleetEvent, _state: &FleetState) -> io::Result<()> {
        if let (Kind::HostEnded { .. }, Some(host)) = (&event.event, &event.host) {
            self.ended.push(host.clone());
        }
        Ok(())
    }

    fn on_tick(&mut self, state: &FleetState) -> io::Result<()> {
        if !self.screen.is_idle()? {
            return Ok(());
        }
        let (now, size) = ((self.now)(), self.size());
        self.watches.look(state, now);
        let frame = frame(state, &self.watches, now, size, self.look);
        self.draw(state, size, frame)
    }

    fn finish(&mut self, state: &FleetState) -> io::Result<()> {
        let size = self.size();
        self.draw(state, size, Vec::new())?;
        // What follows on the same terminal, a summary, stands apart.
        self.screen.write("\n")?;
        self.screen.finish(PATIENCE)
    }

    fn is_essential(&self) -> bool {
        false
    }
}

/// Returns the line that a host leaves; `names` is the width of the column for names.
fn ended_line(record: &HostRecord, verb: Verb, size: Size, names: usize, look: Look) -> Line {
    let (class, words) = end_of(record, verb);
    let usable = size.columns.saturating_sub(1);
    let name = fit(record.host.as_str(), names, look.cut_mark());
    let mut line = Line::new(look);
    line.add(Ink::Strong, &to_the_left(&name, names));
    let ink = match class {
        HostClass::Ok => Ink::Good,
        HostClass::Skipped | HostClass::Cancelled => Ink::Warning,
        _ => Ink::Bad,
    };
    line.add(Ink::Plain, "  ");
    line.add(ink, class.word());
    // The usual classes are short, so that what follows them stands in one column.
    let gap = 9_usize.saturating_sub(class.word().len()).max(2);
    line.add(Ink::Plain, &" ".repeat(gap));
    let room = usable.saturating_sub(line.columns());
    line.add(Ink::Plain, &fit(&words, room, look.cut_mark()));
    line
}

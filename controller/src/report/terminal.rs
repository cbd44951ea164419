//! A run on a terminal: a line for each host that has ended, and below them bars for those that run. Drawn from the
//! state on a tick, and only when the terminal has taken what was drawn before.

mod fleet_line;
mod frame;
mod row;

use std::io;

use chrono::{DateTime, Utc};

use self::frame::frame;
use super::columns::{fit, to_the_left};
use super::doing::Watches;
use super::host_line::end_of;
use super::look::{Ink, Line, Look, Size};
use super::plain::PATIENCE;
use super::screen::Screen;
use crate::event::{FleetEvent, FleetEventKind as Kind};
use crate::host::Host;
use crate::reader::Reader;
use crate::state::FleetState;
use batt_protocol::HostClass;

/// Shows a run on a terminal.
pub(crate) struct Terminal {
    screen: Screen,
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
        let mut text = String::new();
        // A terminal that was made narrower has wrapped what was drawn.
        let above: usize = self
            .drawn
            .iter()
            .map(|line| line.columns().div_ceil(size.columns).max(1))
            .sum();
        if above > 0 {
            text.push_str(&format!("\x1b[{}A\r", above.min(size.rows)));
        }
        let ended = std::mem::take(&mut self.ended);
        let lines = ended
            .iter()
            .filter_map(|host| ended_line(host, state, size, self.look));
        for line in lines.chain(frame.iter().cloned()) {
            // Written over, then the rest of the row erased: nothing flickers.
            text.push_str(line.text());
            text.push_str("\x1b[K\n");
        }
        text.push_str("\x1b[J");
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
        self.screen.finish(PATIENCE)
    }

    fn is_essential(&self) -> bool {
        false
    }
}

fn ended_line(host: &Host, state: &FleetState, size: Size, look: Look) -> Option<Line> {
    let (class, words) = end_of(state.host(host)?, state.plan().verb);
    let usable = size.columns.saturating_sub(1);
    let name_columns = row::host_columns(state, usable);
    let name = fit(host.as_str(), name_columns, look.cut_mark());
    let mut line = Line::new(look);
    line.add(Ink::Strong, &to_the_left(&name, name_columns));
    let ink = match class {
        HostClass::Ok => Ink::Good,
        HostClass::Skipped | HostClass::Cancelled => Ink::Warning,
        _ => Ink::Bad,
    };
    line.add(Ink::Plain, "  ");
    line.add(ink, class.word());
    // Most ends are `ok` and `failed`, so that what follows them stands in one column.
    line.add(
        Ink::Plain,
        &" ".repeat(8_usize.saturating_sub(class.word().len()).max(2)),
    );
    let room = usable.saturating_sub(line.columns());
    line.add(Ink::Plain, &fit(&words, room, look.cut_mark()));
    Some(line)
}

//! Machine output: the report of a run as one JSON document, or its events as lines.

use std::io::{self, Write};

use batt_protocol::ExitCode;
use batt_protocol::json_text::{self, Shape};

use super::screen::{Patience, Screen};
use crate::event::FleetEvent;
use crate::reader::Reader;
use crate::state::FleetState;

/// Writes the report of a run that ended with this exit code.
///
/// # Errors
/// Those of the output.
pub(crate) fn write_report(output: &mut dyn Write, state: &FleetState, exit: ExitCode) -> io::Result<()> {
    let document = json_text::of(&state.report(exit), Shape::Document)?;
    output.write_all(document.as_bytes())?;
    output.flush()
}

/// Writes each event that the journal keeps, a line as the journal has it.
#[derive(Debug)]
pub(crate) struct JsonLines(Screen);

impl JsonLines {
    /// Returns the reader that writes to this output.
    pub(crate) fn new(screen: Screen) -> Self {
        Self(screen)
    }
}

impl Reader for JsonLines {
    fn name(&self) -> &'static str {
        "the lines of JSON"
    }

    fn on_event(&mut self, event: &FleetEvent, _state: &FleetState) -> io::Result<()> {
        if !event.event.is_kept() {
            return Ok(());
        }
        self.0.write(&json_text::of(event, Shape::Line)?)
    }

    fn finish(&mut self, _state: &FleetState) -> io::Result<()> {
        self.0.finish(Patience::Endless)
    }
}

//! What every reader of a run is: bars, plain lines, JSON, log files. The dispatcher gives it each event after the
//! state has taken it in.

use std::io;

use crate::event::FleetEvent;
use crate::state::FleetState;

/// A reader of a run. One that fails is removed and named at the end; the run goes on without it.
///
/// All readers are called on the thread that serves the hosts, so none may wait: what can block for long (a terminal
/// that is stopped) belongs on a thread of the reader's own.
pub(crate) trait Reader {
    /// Returns its name for the message that it was lost: "the log files".
    fn name(&self) -> &'static str;

    /// Takes an event, and the state after it.
    ///
    /// # Errors
    /// When it cannot go on. It is not called again.
    fn on_event(&mut self, event: &FleetEvent, state: &FleetState) -> io::Result<()>;

    /// Is called some ten times a second while the run goes on, for what is drawn from the state.
    ///
    /// # Errors
    /// As above.
    fn on_tick(&mut self, _state: &FleetState) -> io::Result<()> {
        Ok(())
    }

    /// Is called once after the last event.
    ///
    /// # Errors
    /// When what it keeps is not complete.
    fn finish(&mut self, _state: &FleetState) -> io::Result<()> {
        Ok(())
    }

    /// Tells whether losing it makes the run end 1: what it keeps is part of the result.
    fn is_essential(&self) -> bool {
        true
    }
}

//! Where all streams go: to one of them at a time.

use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::error::Trouble;

/// The stream that all become.
#[derive(Debug)]
pub(super) struct Sink<W> {
    turn: Mutex<Turn<W>>,
    changed: Condvar,
}

/// Whose turn it is, and what is written by whose it is.
#[derive(Debug)]
pub(super) struct Turn<W> {
    output: W,
    phase: Phase,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// No table is there yet for rows.
    Tables,
    Rows,
    /// One of them has failed.
    Closed,
}

impl<W: Write> Sink<W> {
    pub(super) fn new(output: W) -> Self {
        Self {
            turn: Mutex::new(Turn {
                output,
                phase: Phase::Tables,
            }),
            changed: Condvar::new(),
        }
    }

    /// Writes what is not rows.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), Trouble> {
        self.state().write(bytes)
    }

    /// From now on rows may come.
    pub(super) fn begin_rows(&self) {
        let mut turn = self.state();
        if turn.phase == Phase::Tables {
            turn.phase = Phase::Rows;
        }
        self.changed.notify_all();
    }

    /// Returns the turn of one that has rows, as soon as it is its.
    pub(super) fn of_rows(&self) -> Result<MutexGuard<'_, Turn<W>>, Trouble> {
        let turn = self
            .changed
            .wait_while(self.state(), |turn| turn.phase == Phase::Tables)
            .unwrap_or_else(PoisonError::into_inner);
        match turn.phase {
            Phase::Closed => Err(Trouble::Over),
            Phase::Tables | Phase::Rows => Ok(turn),
        }
    }

    pub(super) fn flush(&self) -> Result<(), Trouble> {
        Ok(self.state().output.flush()?)
    }

    /// Nothing goes through any more.
    pub(super) fn close(&self) {
        self.state().phase = Phase::Closed;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, Turn<W>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write> Turn<W> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        if self.phase == Phase::Closed {
            return Err(Trouble::Over);
        }
        Ok(self.output.write_all(bytes)?)
    }
}

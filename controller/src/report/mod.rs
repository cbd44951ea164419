//! How a run of the fleet is shown: bars or plain lines while it goes on, a summary or JSON at its end. Reads events
//! and the state, writes to what it is given, and knows neither transport nor dispatch.

mod columns;
mod doing;
mod host_line;
mod json;
mod look;
mod plain;
mod screen;
mod span;
mod summary;
mod terminal;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;

use crate::clock::Clock;
use crate::reader::Reader;

pub(crate) use self::json::{JsonLines, write_report};
pub(crate) use self::look::{Look, size_of};
pub(crate) use self::plain::{Amount, Plain};
pub(crate) use self::screen::Screen;
pub(crate) use self::summary::write_summary;
pub(crate) use self::terminal::Terminal;

/// Returns the reader that shows on stderr how a run goes on: bars on a terminal, plain lines elsewhere, under `CI`
/// and where only failures are asked for.
///
/// # Errors
/// When there is no thread for it.
pub(crate) fn progress(
    amount: Amount,
    clock: Clock,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> io::Result<Box<dyn Reader>> {
    let size = size_of(io::stderr());
    let screen = Screen::new(io::stderr())?;
    let now = move || clock.now();
    if amount == Amount::Everything && size.is_some() && look::may_have_bars(variable) {
        let look = Look::new(size, variable);
        let size = || size_of(io::stderr());
        Ok(Box::new(Terminal::new(screen, look, size, now)))
    } else {
        Ok(Box::new(Plain::new(screen, amount, now)))
    }
}

//! The end of a run for a person: failures with their reasons and last words, equal ones folded, then warnings, totals,
//! and the exit code with its meaning.

mod exit_words;
mod failures;
mod likeness;
mod page;
mod totals;
mod warnings;

use std::io::{self, Write};

use batt_protocol::ExitCode;

use self::page::Page;
use super::look::Look;
use crate::state::FleetState;

/// Writes the summary of a run that ended with this exit code. `problems` are what went wrong with the program and its
/// machine, as sentences.
///
/// # Errors
/// Those of the output.
pub(crate) fn write_summary(
    output: &mut dyn Write,
    state: &FleetState,
    exit: ExitCode,
    problems: &[String],
    look: Look,
) -> io::Result<()> {
    let mut page = Page::new(look);
    failures::add(&mut page, state);
    warnings::add(&mut page, state, problems);
    totals::add(&mut page, state);
    totals::add_end(&mut page, state, exit);
    output.write_all(page.text().as_bytes())?;
    output.flush()
}

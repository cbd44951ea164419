//! `batt interleave --rows N -- COMMAND [ARG...]`: several dump programs of one database at once become one dump, on stdout.
//!
//! COMMAND runs `N + 2` times at once, with one word more: `definitions` for a dump without rows, routines, triggers and events, `filled` for the
//! names of the tables that have rows, and `rows-0`, `rows-1` and so on for dumps of nothing but rows; and then once more with `programs`, for a dump of nothing but routines, triggers and
//! events. What comes out is what one dump program writes that does all of it, but for the order of rows: the tables, the rows of all as they come,
//! statement by statement, what runs, and the views. There have to be rows of each table that has some, and those of one table in several of these dumps
//! only where it is the only one there. Of each stream only a part is kept, in memory: one whose turn has not come waits at its pipe.

mod error;
mod part;
mod rows;
mod sink;
mod tables;
mod text;

use std::ffi::OsString;
use std::io::{BufReader, Write};
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

pub(crate) use error::InterleaveError;
use part::{Command, Part, Parts};
use rows::Tables;
use sink::Sink;

use crate::cancellation::{Cancellation, Wish};

/// What a script asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InterleaveRequest {
    /// How many programs dump rows.
    pub(crate) rows: u16,
    /// The command with its arguments.
    pub(crate) command: Vec<OsString>,
}

/// Runs the programs, and writes the one dump that theirs are together.
///
/// It succeeds only when each of them ended with exit code 0, and wrote a complete dump of what it was to dump. Where one does not, or somebody
/// wishes to stop, all are ended, and have ended when this returns.
pub(crate) fn interleave(
    request: &InterleaveRequest,
    output: impl Write + Send,
    cancellation: &Cancellation,
) -> Result<(), InterleaveError> {
    let command = Command::of(&request.command)?;
    let parts = Parts::default();
    let sink = Sink::new(output);
    thread::scope(|scope| {
        scope.spawn(|| {
            cancellation.wait();
            if let Some(wish) = cancellation.requested() {
                fail(&parts, &sink, InterleaveError::Cancelled(wish));
            }
        });
        let done = all(request.rows, &command, &parts, &sink);
        // Nothing runs that this could end; it ends the thread that waits for it.
        cancellation.request(Wish::Terminated);
        done
    })
}

fn all<W: Write + Send>(
    rows: u16,
    command: &Command<'_>,
    parts: &Parts,
    sink: &Sink<W>,
) -> Result<(), InterleaveError> {
    let words = (0..rows).map(|number| format!("rows-{number}"));
    let started: Vec<Part> = ["definitions", "filled"]
        .map(str::to_owned)
        .into_iter()
        .chain(words)
        .map_while(|word| {
            parts
                .start(command, word)
                .map_err(|error| fail(parts, sink, error))
                .ok()
        })
        .collect();
    let (views, filled, dumped) = thread::scope(|scope| {
        let mut started = started.into_iter();
        let (definitions, filled) = (started.next(), started.next());
        let filled = filled.map(|part| {
            scope.spawn(move || {
                part.read(|output| text::filled(BufReader::new(output)))
                    .map_err(|error| fail(parts, sink, error))
                    .unwrap_or_default()
            })
        });
        let dumped: Vec<_> = started
            .map(|part| {
                scope.spawn(move || {
                    part.read(|output| rows::pass(output, sink))
                        .map_err(|error| fail(parts, sink, error))
                        .unwrap_or_default()
                })
            })
            .collect();
        let views = definitions.and_then(|part| {
            part.read(|output| text::definitions(BufReader::new(output), sink))
                .map_err(|error| fail(parts, sink, error))
                .ok()
        });
        let of =
            |thread: ScopedJoinHandle<'_, Tables>| thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        (
            views,
            filled.map(of).unwrap_or_default(),
            dumped.into_iter().map(of).collect::<Vec<Tables>>(),
        )
    });
    parts.outcome()?;
    tables::hold(&filled, &dumped).map_err(InterleaveError::Rows)?;
    let programs = parts.start(command, "programs".to_owned())?;
    let _ = programs
        .read(|output| text::programs(BufReader::new(output), sink))
        .map_err(|error| fail(parts, sink, error));
    parts.outcome()?;
    sink.write(&views.unwrap_or_default())
        .and_then(|()| sink.flush())
        .map_err(|trouble| trouble.of("definitions"))
}

/// Ends all of them. The first reason is that of the whole.
fn fail<W: Write>(parts: &Parts, sink: &Sink<W>, error: InterleaveError) {
    parts.fail(error);
    sink.close();
}

#[cfg(test)]
mod tests;

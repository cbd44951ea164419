//! A run as plain lines, one per change: for pipes, files, cron and CI. When nothing changes for long, a line says so.

use std::io;
use std::time::Duration;

use batt_protocol::{EventKind, HostClass, Outcome, text::count};
use chrono::{DateTime, TimeDelta, Utc};

use super::columns::shown;
use super::doing::Watches;
use super::host_line::{end_of, first_line, service_end};
use super::screen::{Patience, Screen};
use super::span::going_on;
use crate::event::{FleetEvent, FleetEventKind as Kind, Interruption};
use crate::host::Host;
use crate::reader::Reader;
use crate::state::FleetState;

/// How long nothing may be said while the run goes on.
const SILENCE: TimeDelta = TimeDelta::seconds(30);
/// How long the output is waited for at the end.
pub(super) const PATIENCE: Patience = Patience::Short(Duration::from_secs(5));

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    /// Every change.
    Everything,
    /// Failures only.
    Failures,
}

/// Shows a run as plain lines.
pub(crate) struct Plain {
    screen: Screen,
    amount: Amount,
    now: Box<dyn Fn() -> DateTime<Utc> + Send>,
    watches: Watches,
    last: Option<DateTime<Utc>>,
}

impl Plain {
    /// Returns the reader that writes to this output.
    pub(crate) fn new(
        screen: Screen,
        amount: Amount,
        now: impl Fn() -> DateTime<Utc> + Send + 'static,
    ) -> Self {
        Self {
            screen,
            amount,
            now: Box::new(now),
            watches: Watches::default(),
            last: None,
        }
    }

    fn say(&mut self, words: &str) -> io::Result<()> {
        self.last = Some((self.now)());
        self.screen.write(&format!("{words}\n"))
    }
}

impl Reader for Plain {
    fn name(&self) -> &'static str {
        "the plain lines"
    }

    fn on_event(&mut self, event: &FleetEvent, state: &FleetState) -> io::Result<()> {
        let Some((weight, words)) = told(event, state) else {
            return Ok(());
        };
        if self.amount == Amount::Failures && weight == Weight::Change {
            return Ok(());
        }
        match &event.host {
            Some(host) => self.say(&format!("{host}: {words}")),
            None => self.say(&words),
        }
    }

    fn on_tick(&mut self, state: &FleetState) -> io::Result<()> {
        if self.amount == Amount::Failures || state.is_over() {
            return Ok(());
        }
        let now = (self.now)();
        self.watches.look(state, now);
        let last = *self.last.get_or_insert(now);
        if now - last < SILENCE {
            return Ok(());
        }
        let words = standing(state, &self.watches, now);
        self.say(&words)
    }

    fn finish(&mut self, _state: &FleetState) -> io::Result<()> {
        self.screen.finish(PATIENCE)
    }

    fn is_essential(&self) -> bool {
        false
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Change,
    Failure,
}

fn told(event: &FleetEvent, state: &FleetState) -> Option<(Weight, String)> {
    let record = |host: &Option<Host>| host.as_ref().and_then(|host| state.host(host));
    match &event.event {
        Kind::HostEnded { .. } => {
            let (class, words) = end_of(record(&event.host)?, state.plan().verb);
            let weight = match class {
                HostClass::Ok => Weight::Change,
                _ => Weight::Failure,
            };
            Some((weight, format!("{class}: {words}")))
        }
        Kind::HostWarned { text } => Some((Weight::Change, format!("warning: {}", first_line(Some(text))))),
        Kind::ConnectionLost { reason, attempt } => Some((
            Weight::Change,
            format!(
                "connection lost, attempt {attempt} to reach it again: {}",
                first_line(Some(reason))
            ),
        )),
        Kind::Agent { event } => match &event.event {
            EventKind::ServiceEnded { report } => {
                let weight = match report.outcome {
                    Outcome::Succeeded => Weight::Change,
                    _ => Weight::Failure,
                };
                Some((weight, service_end(report)))
            }
            EventKind::Warned { service, text } => {
                let whose = service.as_ref().map(|service| format!("{service}: "));
                let words = first_line(Some(text));
                Some((
                    Weight::Change,
                    format!("warning: {}{words}", whose.unwrap_or_default()),
                ))
            }
            _ => None,
        },
        Kind::CancelRequested { by } => {
            let why = match by {
                Interruption::Interrupt => "interrupted",
                Interruption::Terminate => "told to terminate",
                Interruption::Deadline => "the deadline of the run passed",
            };
            let words = format!("{why}: no new hosts, running ones are cancelled");
            Some((Weight::Failure, words))
        }
        Kind::ReaderFailed { reader, reason } => Some((
            Weight::Failure,
            format!("{} stopped: {}", shown(reader), shown(reason)),
        )),
        _ => None,
    }
}

/// Returns how the whole run stands: `3 of 5 hosts ended, 1 not ok, 2 running; waiting on db7: connecting 55 s`.
fn standing(state: &FleetState, watches: &Watches, now: DateTime<Utc>) -> String {
    let bad = state
        .totals()
        .iter()
        .filter(|(class, _)| **class != HostClass::Ok)
        .map(|(_, number)| number)
        .sum::<usize>();
    let mut words = format!(
        "{} of {} ended",
        state.ended(),
        count(state.hosts().len(), "host")
    );
    for (number, what) in [
        (bad, "not ok"),
        (state.active().count(), "running"),
        (state.queued().count(), "waiting"),
    ] {
        if number > 0 {
            words.push_str(&format!(", {number} {what}"));
        }
    }
    if let Some((host, watch)) = watches.longest(state) {
        words.push_str(&format!(
            "; longest {host}: {} {}",
            watch.doing.sentence(),
            going_on(now - watch.since)
        ));
    }
    words
}

//! A run on a host, from the order to its end: what it tells goes to the reporter, a stop is passed on and has to be
//! confirmed, and a line that breaks is mended while the run goes on there.

mod verdict;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use batt_protocol::wire::{Reply, Request, RunState};
use batt_protocol::{ExitCode, HostClass, RunId, Service, ServiceRequest};

use crate::event::{FleetEventKind as Kind, Phase};
use crate::push::Verified;
use crate::reporter::HostReporter;
use crate::session::{Session, check_run, out_of_place};
use crate::state::{HostState, Running};
use crate::stop::{Stop, StopReason};
use crate::trouble::Trouble;

/// How long a host may take to confirm that a run which was told to end has ended.
const CONFIRMATION: Duration = Duration::from_secs(30);
/// How long a host may take to accept an order: it heals what an interrupted run left before.
const ACCEPTANCE: Duration = Duration::from_secs(120);
/// How often a host is tried again after its line broke.
const ATTEMPTS: u32 = 3;
/// How long to wait before each of them, at most; half of it is chance, so that a fleet does not come back at once.
const PAUSES: [Duration; ATTEMPTS as usize] = [
    Duration::from_secs(2),
    Duration::from_secs(8),
    Duration::from_secs(20),
];
/// How often a line may break in one run, however much went on in between.
const MOST_BREAKS: u32 = 100;

/// The most services whose logs one host may send.
const MOST_LOGS: usize = 1_000;

/// The most events of one host: a thousand services, each with its beginning, its end and many warnings.
const MOST_EVENTS: u64 = 100_000;

/// An order to run.
#[derive(Debug, Clone)]
pub(crate) struct RunOrder {
    /// The id of the run, one for all hosts.
    pub(crate) run: RunId,
    /// What to back up; none means what the host has enabled.
    pub(crate) services: Vec<ServiceRequest>,
    /// What the controller says of itself.
    pub(crate) controller: String,
}

/// A way to reach the host again.
pub(crate) trait Reconnect {
    /// Connects and reads the greeting; the same host has to answer.
    async fn reconnect(&mut self, reporter: &mut HostReporter) -> Result<Session, Trouble>;
}

/// Gives the order and follows the run to its end. The order is in the journal before a byte of it leaves.
///
/// # Errors
/// Every end but a good one, in its class.
pub(crate) async fn run(
    order: &RunOrder,
    verified: Verified,
    line: &mut impl Reconnect,
    reporter: &mut HostReporter,
    stop: &Stop,
) -> Result<(), Trouble> {
    reporter.emit(Kind::PhaseEntered { phase: Phase::Run }).await?;
    reporter.record(Kind::OrderSent).await?;
    let mut following = Following {
        order,
        reporter,
        stop,
        stopped: None,
        logs: BTreeMap::new(),
        events: 0,
    };
    let unconfirmed = async {
        let reason = stop.wait().await;
        sleep(CONFIRMATION).await;
        reason
    };
    tokio::select! {
        biased;
        result = following.until_it_ends(verified.into_session(), line) => result,
        reason = unconfirmed => Err(not_confirmed(reason)),
    }
}

struct Following<'a> {
    order: &'a RunOrder,
    reporter: &'a mut HostReporter,
    stop: &'a Stop,
    /// Why the host was told to end the run, once it was.
    stopped: Option<StopReason>,
    /// How much of each service's log is known.
    logs: BTreeMap<Service, u64>,
    /// How many events it told, on all lines.
    events: u64,
}

impl Following<'_> {
    async fn until_it_ends(&mut self, session: Session, line: &mut impl Reconnect) -> Result<(), Trouble> {
        let mut breaks = 0;
        let mut session = Ok(session);
        let mut attempt = 0;
        let mut known = 0;
        loop {
            let broken = match session {
                Ok(session) => match self.converse(session).await {
                    Err(trouble) if trouble.class == HostClass::Lost => trouble,
                    result => return result,
                },
                Err(trouble) if is_worth_another_try(&trouble) => trouble,
                Err(trouble) => return Err(trouble),
            };
            // Attempts count anew once something new was heard.
            if self.heard() > known {
                known = self.heard();
                attempt = 0;
            }
            breaks += 1;
            if attempt == ATTEMPTS || breaks > MOST_BREAKS {
                return Err(given_up(&broken, attempt));
            }
            let pause = PAUSES[attempt as usize];
            attempt += 1;
            let reason = broken.reason;
            self.reporter
                .emit(Kind::ConnectionLost { reason, attempt })
                .await?;
            // Who is told to stop has no time to lose; there is no other end to a pause.
            tokio::select! {
                biased;
                _ = self.stop.wait() => {}
                () = sleep(jittered(pause)) => {}
            }
            session = line.reconnect(self.reporter).await;
        }
    }

    fn state(&self) -> Result<&Running, Trouble> {
        match self.reporter.state() {
            HostState::Running(running) => Ok(running),
            _ => Err(Trouble::protocol("the host does not run what it was told to run")),
        }
    }

    fn heard(&self) -> u64 {
        let logs = self
            .logs
            .values()
            .fold(0_u64, |sum, known| sum.saturating_add(*known));
        self.state()
            .map_or(0, |running| running.sequence)
            .saturating_add(logs)
    }

    async fn converse(&mut self, mut session: Session) -> Result<(), Trouble> {
        let run = &self.order.run;
        if !self.state()?.accepted {
            let request = Request::Run {
                run: run.clone(),
                services: self.order.services.clone(),
                controller: self.order.controller.clone(),
            };
            let accepted = timeout(ACCEPTANCE, session.ask(&request))
                .await
                .unwrap_or_else(|_| {
                    let seconds = ACCEPTANCE.as_secs();
                    Err(Trouble::lost(format!(
                        "the host did not take the order within {seconds} s"
                    )))
                });
            match accepted? {
                Ok(Reply::Accepted {
                    run: theirs,
                    attached,
                }) => {
                    check_run(run, &theirs)?;
                    self.reporter.emit(Kind::Accepted { attached }).await?;
                }
                Ok(_) => return Err(out_of_place("accepted")),
                Err(refusal) => return Err(Trouble::refused(&refusal)),
            }
        }
        let request = Request::Follow {
            run: run.clone(),
            after: self.state()?.sequence,
            logs: self.logs.clone(),
        };
        session.send(&request).await?;
        let mut told_to_stop = false;
        loop {
            tokio::select! {
                biased;
                reason = self.stop.wait(), if !told_to_stop => {
                    // On every new line again: it may be the one that arrives.
                    told_to_stop = true;
                    self.stopped = self.stopped.or(Some(reason));
                    session.send(&Request::Cancel { run: run.clone() }).await?;
                }
                reply = session.receive() => {
                    if let Some(result) = self.take(reply?, told_to_stop).await? {
                        return result;
                    }
                }
            }
        }
    }

    /// Takes one reply; returns the result of the run when it was the last one.
    async fn take(
        &mut self,
        reply: Reply,
        told_to_stop: bool,
    ) -> Result<Option<Result<(), Trouble>>, Trouble> {
        let ours = &self.order.run;
        match reply {
            Reply::Event { run, event } => {
                check_run(ours, &run)?;
                self.events = self.events.saturating_add(1);
                if self.events > MOST_EVENTS {
                    return Err(Trouble::protocol(
                        "the host tells more events than a run can have",
                    ));
                }
                self.reporter.emit(Kind::Agent { event }).await?;
            }
            Reply::Progress {
                run,
                service,
                stage,
                bytes,
                expected_bytes,
            } => {
                check_run(ours, &run)?;
                let progressed = Kind::Progressed {
                    service,
                    stage,
                    bytes,
                    expected_bytes,
                };
                // Progress is no record: a host may send it before the event that makes sense of it.
                let _ = self.reporter.emit(progressed).await;
            }
            Reply::Log {
                run,
                service,
                offset,
                bytes,
            } => {
                check_run(ours, &run)?;
                let known = self.logs.get(&service).copied().unwrap_or(0);
                let Some(end) = offset.checked_add(bytes.len() as u64).filter(|_| offset >= known) else {
                    return Err(Trouble::protocol(format!(
                        "the log of `{service}` goes backwards"
                    )));
                };
                let received = Kind::LogReceived {
                    service: service.clone(),
                    offset,
                    bytes,
                };
                self.reporter.emit(received).await?;
                self.logs.insert(service, end);
                if self.logs.len() > MOST_LOGS {
                    return Err(Trouble::protocol(
                        "the host sends logs of more services than there can be",
                    ));
                }
            }
            Reply::Ended { run, exit, state } => {
                check_run(ours, &run)?;
                return self.ended(exit, state).map(Some);
            }
            Reply::Cancelling { run } => check_run(ours, &run)?,
            // The run may have ended before the word to end it came.
            Reply::Refused(_) if told_to_stop => {}
            Reply::Refused(refusal) => return Err(Trouble::refused(&refusal)),
            _ => return Err(out_of_place("event")),
        }
        Ok(None)
    }

    fn ended(&self, exit: Option<ExitCode>, state: RunState) -> Result<Result<(), Trouble>, Trouble> {
        let running = self.state()?;
        match state {
            RunState::Running => {
                return Err(Trouble::protocol(
                    "the host ends the record of a run that goes on",
                ));
            }
            RunState::Interrupted => return Ok(Err(verdict::interrupted())),
            RunState::Ended if exit.is_none() || exit != running.exit => {
                return Err(Trouble::protocol(
                    "the end that the host tells is not the one in its record",
                ));
            }
            RunState::Ended => {}
        }
        Ok(if running.is_proven(&self.order.services) {
            Ok(())
        } else {
            Err(verdict::of(running, &self.order.services, self.stopped))
        })
    }
}

/// Tells whether the next attempt may go better. A host that answers otherwise than before will not change its mind.
fn is_worth_another_try(trouble: &Trouble) -> bool {
    matches!(
        trouble.class,
        HostClass::Lost | HostClass::Resolve | HostClass::Connect | HostClass::TimedOut
    )
}

fn given_up(last: &Trouble, attempts: u32) -> Trouble {
    let reason = match attempts {
        0 => last.reason.clone(),
        1 => format!("{}; 1 further attempt did not help", last.reason),
        many => format!("{}; {many} further attempts did not help", last.reason),
    };
    still_there(Trouble::lost(reason))
}

fn not_confirmed(reason: StopReason) -> Trouble {
    let why = reason.trouble("while it ran").reason;
    still_there(Trouble::lost(format!(
        "{why}, but the host did not confirm the end of the run within {} s",
        CONFIRMATION.as_secs()
    )))
}

fn still_there(trouble: Trouble) -> Trouble {
    trouble.hint("The run may go on there: `batt runs` on the host tells, `batt cancel RUN` ends it.")
}

/// Returns between half and all of a pause.
fn jittered(pause: Duration) -> Duration {
    let mut chance = [0; 1];
    // Without chance all come back at once; that is no reason not to come back.
    let _ = getrandom::fill(&mut chance);
    pause / 2 + pause / 2 * u32::from(chance[0]) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_within_their_bounds() {
        for pause in PAUSES {
            for _ in 0..100 {
                let jittered = jittered(pause);
                assert!(jittered >= pause / 2 && jittered <= pause);
            }
        }
    }
}

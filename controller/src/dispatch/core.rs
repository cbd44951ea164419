//! What the dispatcher knows and decides, without a runtime: its decisions are tested as plain calls.

use batt_protocol::{ExitCode, HostClass};

use super::FleetEnd;
use super::readers::FailedReader;
use crate::event::{FleetEvent, FleetEventKind as Kind, Interruption};
use crate::host::Host;
use crate::state::{FleetState, HostState};

/// The state, and what went wrong on our side.
pub(super) struct Core {
    state: FleetState,
    /// How often a person, or a system that shuts down, asked for the end.
    asked: u32,
    problems: Vec<String>,
    failed: bool,
}

/// What follows from an interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Answer {
    /// Nothing: the end has been asked for before.
    GoOn,
    /// No new hosts; those that run are told to end.
    Cancel,
    /// All work is dropped where it is. Runs on hosts go on.
    Leave,
}

impl Core {
    pub(super) fn new(state: FleetState) -> Self {
        Self {
            state,
            asked: 0,
            problems: Vec::new(),
            failed: false,
        }
    }

    pub(super) fn state(&self) -> &FleetState {
        &self.state
    }

    /// Applies an event; tells whether it holds. Host tasks tell nothing that cannot be, so one that does not is a
    /// fault of ours: it is named, and the run ends 1.
    pub(super) fn apply(&mut self, event: &FleetEvent) -> bool {
        match self.state.apply(event) {
            Ok(()) => true,
            Err(illegal) => {
                let host = event.host.as_ref().map_or("the run", Host::as_str);
                self.problem(format!("an event of {host} was not taken: {illegal}"));
                false
            }
        }
    }

    /// Notes that something failed on our side.
    pub(super) fn problem(&mut self, sentence: String) {
        self.failed = true;
        self.problems.push(sentence);
    }

    pub(super) fn lost_reader(&mut self, failed: &FailedReader) {
        let sentence = format!("{} stopped: {}", failed.name, failed.reason);
        if failed.is_essential {
            self.problem(sentence);
        } else {
            self.problems.push(sentence);
        }
    }

    /// Decides what an interruption means. The deadline cancels once; who asks twice leaves at once.
    pub(super) fn interrupted(&mut self, by: Interruption) -> Answer {
        let cancelled = self.state.cancel().is_some();
        if by == Interruption::Deadline {
            return if cancelled { Answer::GoOn } else { Answer::Cancel };
        }
        self.asked += 1;
        match (self.asked, cancelled) {
            (1, false) => Answer::Cancel,
            (1, true) => Answer::GoOn,
            _ => Answer::Leave,
        }
    }

    /// Returns the ends of the hosts whose turn will not come.
    pub(super) fn never_started(&self, by: Interruption) -> Vec<(Host, Kind)> {
        let (class, reason) = match by {
            Interruption::Deadline => (
                HostClass::TimedOut,
                "the deadline of the whole run passed before its turn came",
            ),
            Interruption::Interrupt | Interruption::Terminate => {
                (HostClass::Cancelled, "interrupted before its turn came")
            }
        };
        self.state
            .queued()
            .map(|record| (record.host.clone(), end(class, reason, &[])))
            .collect()
    }

    /// Returns the ends of the hosts that are left where they are.
    pub(super) fn abandoned(&self) -> Vec<(Host, Kind)> {
        let ended = |state: &HostState| match state {
            HostState::Ended(_) => None,
            HostState::Running(_) => Some(end(
                HostClass::Lost,
                "left before the run on the host ended",
                &["The run may go on there: `batt runs` on the host tells, `batt cancel RUN` ends it."],
            )),
            HostState::Queued | HostState::Connecting(_) | HostState::Ready(_) => Some(end(
                HostClass::Cancelled,
                "interrupted before the order was sent",
                &[],
            )),
        };
        self.state
            .hosts()
            .iter()
            .filter_map(|record| Some((record.host.clone(), ended(&record.state)?)))
            .collect()
    }

    /// Returns the end of a host whose work is over without having told one.
    pub(super) fn end_without_word(&mut self, host: &Host, fault: Option<String>) -> Option<Kind> {
        if let HostState::Ended(_) = self.state.host(host)?.state {
            return None;
        }
        let why = fault.unwrap_or_else(|| "it told no end".to_owned());
        self.problem(format!("the work on {host} failed in batt-fleet itself: {why}"));
        Some(end(HostClass::Lost, "batt-fleet itself failed at this host", &[]))
    }

    /// Returns the exit code of the whole. An interruption stands alone; so does a failure of our own.
    pub(super) fn exit(&self) -> ExitCode {
        let interrupted = self.state.cancel().and_then(Interruption::exit);
        match interrupted {
            Some(exit) => exit,
            None if self.failed => ExitCode::PROGRAM,
            None => self.state.verdict(),
        }
    }

    pub(super) fn end(self) -> FleetEnd {
        FleetEnd {
            exit: self.exit(),
            state: self.state,
            problems: self.problems,
        }
    }
}

fn end(class: HostClass, reason: &str, hints: &[&str]) -> Kind {
    Kind::HostEnded {
        class,
        reason: Some(reason.to_owned()),
        hints: hints.iter().map(|hint| (*hint).to_owned()).collect(),
        busy: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::event::{PlannedHost, Verb};

    fn core(hosts: &[&str]) -> Core {
        let planned = |host: &&str| PlannedHost {
            host: host.parse().unwrap(),
            services: Vec::new(),
        };
        let plan = FleetEvent {
            at: Clock::start().now(),
            host: None,
            event: Kind::RunPlanned {
                run: "20260131T023000Z-1a2b3c".parse().unwrap(),
                verb: Verb::Run,
                version: String::new(),
                asked_by: String::new(),
                hosts: hosts.iter().map(planned).collect(),
            },
        };
        Core::new(FleetState::planned(&plan).unwrap())
    }

    fn tell(core: &mut Core, host: Option<&str>, event: Kind) -> bool {
        core.apply(&FleetEvent {
            at: Clock::start().now(),
            host: host.map(|host| host.parse().unwrap()),
            event,
        })
    }

    #[test]
    fn once_cancels_and_twice_leaves() {
        let mut core = core(&["a", "b"]);
        assert!(tell(&mut core, Some("a"), Kind::HostStarted));
        assert_eq!(core.interrupted(Interruption::Interrupt), Answer::Cancel);
        assert!(tell(
            &mut core,
            None,
            Kind::CancelRequested {
                by: Interruption::Interrupt
            }
        ));
        let never = core.never_started(Interruption::Interrupt);
        assert_eq!(never.len(), 1);
        for (host, end) in never {
            assert!(tell(&mut core, Some(host.as_str()), end));
        }
        assert_eq!(core.interrupted(Interruption::Terminate), Answer::Leave);
        for (host, end) in core.abandoned() {
            assert!(tell(&mut core, Some(host.as_str()), end));
        }
        assert!(core.state().is_over());
        assert_eq!(core.exit(), ExitCode::INTERRUPTED, "the first one counts");
    }

    #[test]
    fn a_deadline_cancels_and_the_hosts_tell_the_exit_code() {
        let mut core = core(&["a"]);
        assert_eq!(core.interrupted(Interruption::Deadline), Answer::Cancel);
        assert!(tell(
            &mut core,
            None,
            Kind::CancelRequested {
                by: Interruption::Deadline
            }
        ));
        assert_eq!(core.interrupted(Interruption::Deadline), Answer::GoOn);
        assert_eq!(
            core.interrupted(Interruption::Interrupt),
            Answer::GoOn,
            "it is being ended"
        );
        for (host, end) in core.never_started(Interruption::Deadline) {
            assert!(tell(&mut core, Some(host.as_str()), end));
        }
        assert_eq!(core.exit(), ExitCode::UNFINISHED);
        assert_eq!(core.interrupted(Interruption::Interrupt), Answer::Leave);
    }

    #[test]
    fn work_that_tells_no_end_gets_one() {
        let mut core = core(&["a"]);
        let host: Host = "a".parse().unwrap();
        assert!(tell(&mut core, Some("a"), Kind::HostStarted));
        let end = core.end_without_word(&host, Some("it panicked".into())).unwrap();
        assert!(tell(&mut core, Some("a"), end));
        assert!(core.end_without_word(&host, None).is_none());
        assert_eq!(core.exit(), ExitCode::PROGRAM);
        assert_eq!(core.end().problems.len(), 1);
    }

    #[test]
    fn an_event_that_cannot_be_is_named_and_changes_nothing() {
        let mut core = core(&["a"]);
        assert!(!tell(&mut core, Some("b"), Kind::HostStarted));
        assert_eq!(core.state().queued().count(), 1);
        assert_eq!(core.exit(), ExitCode::PROGRAM);
    }

    #[test]
    fn only_an_essential_reader_makes_the_run_fail() {
        for (is_essential, exit) in [(false, ExitCode::OK), (true, ExitCode::PROGRAM)] {
            let mut core = core(&[]);
            core.lost_reader(&FailedReader {
                name: "the bars",
                reason: "broken pipe".into(),
                is_essential,
            });
            assert_eq!(core.exit(), exit);
            assert_eq!(core.end().problems, ["the bars stopped: broken pipe"]);
        }
    }
}

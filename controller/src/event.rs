//! What happened in a run of the fleet, in the past tense. Facts only: the run's journal is these events, a JSON line
//! each, and every reader (state, log files, history, JSON, bars, summary) sees the same stream.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use batt_protocol::wire::PlannedService;
use batt_protocol::{Event, ExitCode, FileChange, HostClass, RunId, Service, ServiceRequest, Stage};

use crate::host::Host;

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FleetEvent {
    /// When it happened, by the controller's clock.
    pub(crate) at: DateTime<Utc>,
    /// The host it happened on; none when it concerns the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<Host>,
    /// What happened.
    pub(crate) event: FleetEventKind,
}

/// What happened. A kind that this version does not know is read as `Unknown` and passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum FleetEventKind {
    /// Everything that the run will do is known; nothing was sent yet. The first event of every run.
    RunPlanned {
        /// Its id.
        run: RunId,
        /// What it does on each host.
        verb: Verb,
        /// The version of `batt-fleet`.
        version: String,
        /// Who asked for it, as `user@host` of the controller.
        asked_by: String,
        /// The selected hosts, in the inventory's order.
        hosts: Vec<PlannedHost>,
    },
    /// Somebody asked for the end of the run.
    CancelRequested {
        /// How.
        by: Interruption,
    },
    /// A reader failed and was removed; the run went on.
    ReaderFailed {
        /// Its name.
        reader: String,
        /// Why.
        reason: String,
    },
    /// The run ended. Nothing follows.
    RunEnded {
        /// The exit code of the whole.
        exit: ExitCode,
        /// How many hosts ended in each class.
        #[serde(default)]
        totals: BTreeMap<HostClass, usize>,
    },

    /// The host's turn came.
    HostStarted,
    /// The host is in this phase from now on.
    PhaseEntered {
        /// Which.
        phase: Phase,
    },
    /// The agent greeted.
    Greeted {
        /// The version of `batt` there.
        version: String,
        /// What tells the host from every other, whatever names it has.
        host_id: String,
        /// The host's own name.
        host_name: String,
    },
    /// Something on the host that a person should know, and that stopped nothing.
    HostWarned {
        /// What; escaped already.
        text: String,
    },
    /// A key that the host showed, for a person who wants to pin it.
    KeyShown {
        /// The fingerprint: `SHA256:...`.
        fingerprint: String,
        /// The key as the inventory's `host_key` takes it: `ssh-ed25519 AAAA...`.
        key: String,
    },
    /// The host told what a push would change.
    Compared {
        /// The files that differ; empty when there are none.
        changes: Vec<FileChange>,
    },
    /// The bundle is in place on the host, and the host computed its digest from its disk.
    Pushed {
        /// Files that were not there.
        added: usize,
        /// Files that were there with another content.
        replaced: usize,
        /// Files that are gone.
        removed: usize,
    },
    /// The agent of this version of ours is in place on the host, with its home.
    AgentInstalled {
        /// Whether its binary had to be sent.
        installed: Installed,
    },
    /// The host told what a run would do.
    Planned {
        /// Each service, in order.
        services: Vec<PlannedService>,
    },
    /// The order to run is about to be sent. On the disk before a byte of it leaves.
    OrderSent,
    /// The host has a run with our id.
    Accepted {
        /// Whether it had it before this order.
        attached: bool,
    },
    /// Something happened in the run on the host: the agent's own event, as in its journal there.
    Agent {
        /// It.
        event: Event,
    },
    /// A service went on. Not kept in the journal; the latest counts.
    Progressed {
        /// The service.
        service: Service,
        /// What it is doing.
        stage: Stage,
        /// Bytes in its staging folder so far.
        bytes: u64,
        /// The bytes of the last backup of the same items, where there is one.
        expected_bytes: Option<u64>,
    },
    /// A part of the log of a service arrived. Not kept in the journal: it goes to `logs/{host}.log`.
    LogReceived {
        /// The service.
        service: Service,
        /// The place of the first byte in all that the script printed; a gap says that bytes were dropped.
        offset: u64,
        /// The bytes, as the script printed them.
        #[serde(with = "batt_protocol::wire::bytes")]
        bytes: Vec<u8>,
    },
    /// The connection was lost while the run goes on there; the host is tried again.
    ConnectionLost {
        /// Why.
        reason: String,
        /// Which of the further attempts comes now, from 1.
        attempt: u32,
    },
    /// The host has ended for this run.
    HostEnded {
        /// How.
        class: HostClass,
        /// Why, when it is not `ok`.
        reason: Option<String>,
        /// What to do about it.
        #[serde(default)]
        hints: Vec<String>,
        /// Whether somebody else held a lock there, and nothing else went wrong.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        busy: bool,
    },
    /// A kind that a later version emits.
    #[serde(other)]
    Unknown,
}

impl FleetEventKind {
    /// Tells whether the journal keeps it.
    pub(crate) fn is_kept(&self) -> bool {
        !matches!(self, Self::Progressed { .. } | Self::LogReceived { .. })
    }
}

/// What a run does on each host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verb {
    /// Backs up.
    Run,
    /// Asks what a run would do, and changes nothing.
    Plan,
    /// Puts the bundle in place.
    Push,
    /// Asks what a push would change, and changes nothing.
    PushCheck,
    /// Connects.
    Ping,
}

/// A selected host, and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedHost {
    /// Its name.
    pub(crate) host: Host,
    /// What to back up; none means what the host has enabled.
    #[serde(default)]
    pub(crate) services: Vec<ServiceRequest>,
}

/// What is being done on a host, and has a deadline of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Its name is looked up.
    Resolve,
    /// A connection to its address is opened.
    Connect,
    /// Keys are exchanged, and the host shows who it is.
    Handshake,
    /// We log in.
    Authenticate,
    /// The binary of the agent is put in place.
    Install,
    /// The agent is started, as root where that is asked for, and has to greet.
    Greeting,
    /// The bundle is compared and put in place.
    Push,
    /// What was asked for is done.
    Run,
}

impl Phase {
    /// Returns the word that stands in JSON and on the screen.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Handshake => "handshake",
            Self::Authenticate => "authenticate",
            Self::Install => "install",
            Self::Greeting => "greeting",
            Self::Push => "push",
            Self::Run => "run",
        }
    }
}

/// What an installation of the agent did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Installed {
    /// It sent the binary.
    New,
    /// The same binary was there.
    Already,
}

/// How somebody asked for the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Interruption {
    /// Ctrl-C, or SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// The deadline of the whole run passed.
    Deadline,
}

impl Interruption {
    /// Returns the exit code of a run that was ended so; none when the hosts tell it.
    pub(crate) fn exit(self) -> Option<ExitCode> {
        match self {
            Self::Interrupt => Some(ExitCode::INTERRUPTED),
            Self::Terminate => Some(ExitCode::TERMINATED),
            Self::Deadline => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_journal_reads_back() {
        let line = r#"{"at":"2026-01-31T02:30:00Z","host":"db1","event":{"kind":"phase-entered","phase":"connect"}}"#;
        let event: FleetEvent = serde_json::from_str(line).unwrap();
        assert_eq!(
            event.event,
            FleetEventKind::PhaseEntered {
                phase: Phase::Connect
            }
        );
        assert_eq!(serde_json::to_string(&event).unwrap(), line);
    }

    #[test]
    fn a_kind_of_a_later_version_is_passed_over() {
        let line = r#"{"at":"2026-01-31T02:30:00Z","event":{"kind":"moon-rose","phase":"full"},"more":1}"#;
        let event: FleetEvent = serde_json::from_str(line).unwrap();
        assert_eq!((event.host, event.event), (None, FleetEventKind::Unknown));
    }

    #[test]
    fn a_journal_cannot_name_a_path_as_a_host() {
        let line = r#"{"at":"2026-01-31T02:30:00Z","host":"../../x","event":{"kind":"host-started"}}"#;
        assert!(serde_json::from_str::<FleetEvent>(line).is_err());
    }

    #[test]
    fn progress_and_logs_stay_out_of_the_journal() {
        let log = FleetEventKind::LogReceived {
            service: "mysql".parse().unwrap(),
            offset: 0,
            bytes: Vec::new(),
        };
        assert!(!log.is_kept());
        assert!(FleetEventKind::OrderSent.is_kept());
    }
}

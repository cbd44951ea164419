//! What an agent answers.

use serde::{Deserialize, Serialize};

use super::bytes;
use crate::{Event, ExitCode, FileChange, RunId, RunSummary, Service, Stage};

/// One reply, a line of JSON. A reply that this version does not know is read as `Unknown` and passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// What a push would change.
    Compared {
        /// Some of the changes.
        changes: Vec<FileChange>,
        /// Whether more of them follow in another line.
        more: bool,
    },
    /// The bundle is in place.
    Pushed {
        /// Its digest, computed from the disk.
        bundle: String,
    },
    /// A run with this id exists now.
    Accepted {
        /// The run.
        run: RunId,
        /// Whether it existed before.
        attached: bool,
    },
    /// What a run would do.
    Planned {
        /// Each service, in order.
        services: Vec<PlannedService>,
    },
    /// Something happened.
    Event {
        /// The run.
        run: RunId,
        /// What happened.
        event: Event,
    },
    /// How far a service is; the latest counts.
    Progress {
        /// The run.
        run: RunId,
        /// The service.
        service: Service,
        /// What it is doing.
        stage: Stage,
        /// Bytes in its staging folder so far.
        bytes: u64,
        /// The bytes of the last backup of the same items.
        expected_bytes: Option<u64>,
    },
    /// A part of the log of a service. An offset beyond what came before says that the bytes between were dropped.
    Log {
        /// The run.
        run: RunId,
        /// The service.
        service: Service,
        /// The place of the first byte in all that the script printed.
        offset: u64,
        /// The bytes.
        #[serde(with = "bytes")]
        bytes: Vec<u8>,
    },
    /// The log that was asked for is complete.
    LogsEnded {
        /// The run.
        run: RunId,
        /// The service.
        service: Service,
    },
    /// The followed run ended, and everything of it was sent.
    Ended {
        /// The run.
        run: RunId,
        /// The exit code of the run; none when its supervisor died before it could say.
        exit: Option<ExitCode>,
        /// How it ended.
        state: RunState,
    },
    /// Nothing happened for a while, and the agent is there.
    Alive,
    /// The run was told to end.
    Cancelling {
        /// The run.
        run: RunId,
    },
    /// The runs that the host knows.
    Status {
        /// Newest first, at most 100.
        runs: Vec<RunStatus>,
    },
    /// The last request was refused.
    Refused(Refusal),
    /// A reply of a later version.
    #[serde(other)]
    Unknown,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The exit code that the same request would have ended in on the host.
    pub exit: ExitCode,
    /// What happened.
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub hints: Vec<String>,
}

/// One service of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedService {
    /// The service.
    pub service: Service,
    /// Where its backup would be published.
    pub path: String,
    /// Why it would not run, when it would not.
    pub refusal: Option<String>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Its supervisor is alive.
    Running,
    /// It ended by itself, and said so.
    Ended,
    /// Its supervisor died before it could say how it ended.
    Interrupted,
}

/// One run that the host knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStatus {
    /// What `batt runs` shows of it.
    pub summary: RunSummary,
    /// How it stands.
    pub state: RunState,
}

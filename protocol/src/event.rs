//! What happened on a host, in the past tense.
//!
//! The agent emits events; the run's journal, the terminal and, through the wire, the controller read them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ExitCode, RunId, Service, ServiceReport};

/// One event of a run, as it stands in the journal: a line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The place in the journal, from 1.
    pub sequence: u64,
    /// When it happened, by the host's clock.
    pub at: DateTime<Utc>,
    /// What happened.
    pub event: EventKind,
}

/// What happened. A kind that this version does not know is read as `Unknown` and passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum EventKind {
    /// The run started; everything it will do is known.
    RunStarted {
        /// Its id.
        run: RunId,
        /// The host's own name.
        host: String,
        /// The version of `batt`.
        version: String,
        /// What it will back up, in order.
        services: Vec<Service>,
        /// Where to: the pattern, expanded for this run.
        path: String,
        /// The offset of the host's local time from UTC that expanded the pattern, in seconds.
        utc_offset: i32,
        /// Who asked for it.
        asked_by: AskedBy,
    },
    /// The script of a service started.
    ServiceStarted {
        /// The service.
        service: Service,
        /// Its items; none means what its script decides.
        items: Vec<String>,
        /// The bytes of the last backup of the same items, where there is one.
        expected_bytes: Option<u64>,
    },
    /// A service went on. Not kept in the journal.
    ServiceProgressed {
        /// The service.
        service: Service,
        /// What it is doing.
        stage: Stage,
        /// Bytes in its staging folder so far.
        bytes: u64,
        /// The bytes of the last backup of the same items, where there is one.
        expected_bytes: Option<u64>,
    },
    /// A service ended.
    ServiceEnded {
        /// How, and what it left.
        report: ServiceReport,
    },
    /// Earlier backups of a service were removed as its rules of retention allow, or none had to go.
    ServicePurged {
        /// The service.
        service: Service,
        /// How many of its backups are there now.
        kept: usize,
        /// How many were removed.
        removed: usize,
        /// The bytes of their archives.
        bytes: u64,
    },
    /// Something that a person should know, and that stopped nothing.
    Warned {
        /// The service, unless it concerns the whole run.
        service: Option<Service>,
        /// What.
        text: String,
    },
    /// Somebody asked for the end of the run.
    CancelRequested,
    /// The run ended. Nothing follows.
    RunEnded {
        /// The exit code of the whole.
        exit: ExitCode,
        /// How long it took.
        seconds: f64,
    },
    /// A kind that a later version emits.
    #[serde(other)]
    Unknown,
}

/// What a running service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Its script runs.
    Running,
    /// What it made is read again, hashed and judged.
    Verifying,
    /// A stage that a later version has.
    #[serde(other)]
    Unknown,
}

/// Who asked for a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedBy {
    /// The user `batt` runs as.
    pub user: String,
    /// `SUDO_USER`, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo_user: Option<String>,
    /// The first word of `SSH_CONNECTION`, where there is one: the client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_client: Option<String>,
    /// What the controller said of itself, where one asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_a_later_version_is_passed_over() {
        let line = r#"{"sequence":7,"at":"2026-01-31T02:30:00Z","event":{"kind":"moon-rose","phase":"full"},"more":1}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!((event.sequence, event.event), (7, EventKind::Unknown));
    }
}

//! What a controller asks of an agent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bytes;
use crate::{BundleFile, BundleFolder, FileName, RunId, Service, ServiceRequest};

/// One request, a line of JSON. Verbs are a closed list; they take ids, services and items, never a path, a command
/// line or an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Request {
    /// Names files of the bundle; repeated until all are named. Not answered.
    Offer {
        /// Some of the bundle's files.
        files: Vec<BundleFile>,
    },
    /// Asks what a push of the offered bundle would change. Answered by `compared`.
    Compare,
    /// Sends a part of an offered file, from the beginning on. Not answered.
    File {
        /// The file's folder.
        folder: BundleFolder,
        /// The file's name.
        name: FileName,
        /// The next bytes.
        #[serde(with = "bytes")]
        bytes: Vec<u8>,
    },
    /// Puts the offered bundle in place. Answered by `pushed`.
    Commit {
        /// Replaces files that were changed on the host, and keeps the old ones aside.
        force: bool,
    },
    /// Starts a run, or attaches to it when the host knows its id. Answered by `accepted`; a `follow` sees the rest.
    Run {
        /// The id, made by the controller.
        run: RunId,
        /// What to back up; none means what the host has enabled.
        services: Vec<ServiceRequest>,
        /// What the controller says of itself.
        controller: String,
    },
    /// Asks what a run would do. Answered by `planned`.
    Plan {
        /// What to back up; none means what the host has enabled.
        services: Vec<ServiceRequest>,
    },
    /// Asks for the events and the logs of a run from a position on. Answered by `event`, `progress`, `log` and, at the
    /// end, `ended`.
    Follow {
        /// The run.
        run: RunId,
        /// The sequence number of the last event that is known; 0 for none.
        after: u64,
        /// The length of what is known of each service's log.
        #[serde(default)]
        logs: BTreeMap<Service, u64>,
    },
    /// Asks for the end of a run. Answered by `cancelling`; a `follow` sees the rest.
    Cancel {
        /// The run.
        run: RunId,
    },
    /// Asks for the runs that the host knows, newest first. Answered by `status`.
    Status,
    /// Asks for the log of a service. Answered by `log`s and one `logs-ended`.
    Logs {
        /// The run.
        run: RunId,
        /// The service.
        service: Service,
        /// Where to begin.
        offset: u64,
    },
    /// A verb of a later version. It is refused.
    #[serde(other)]
    Unknown,
}

//! The shapes of machine output. Tests and other tools rely on them; fields are only ever added.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{DrillOutcome, ExitCode, HostClass, Outcome, RunId, Service};

/// How one service of a run ended, and what it left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// The service.
    pub service: Service,
    /// What was asked for of it; nothing is everything. As many as a line has room for.
    #[serde(default)]
    pub items: Vec<String>,
    /// How many more were asked for.
    #[serde(default, skip_serializing_if = "is_none")]
    pub items_left_out: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// The folder of the published backup, where there is one.
    pub path: Option<String>,
    /// The bytes of its archives.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Why it did not succeed, with what to do about it.
    pub reason: Option<String>,
    /// What a person should know although it succeeded.
    #[serde(default)]
    pub warnings: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_none(number: &usize) -> bool {
    *number == 0
}

/// `batt ... --format json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The id of the run.
    pub run: RunId,
    /// The exit code of the whole.
    pub exit: ExitCode,
    /// Every service that was asked for, in order.
    pub services: Vec<ServiceReport>,
}

/// One host of a fleet run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostReport {
    /// Its name in the inventory.
    pub host: String,
    /// How it ended.
    pub class: HostClass,
    /// Why, when it is not `ok`.
    pub reason: Option<String>,
    /// How long it took, from the first attempt to connect.
    pub seconds: f64,
    /// Its services; those that are known to have ended, when the host was lost.
    pub services: Vec<ServiceReport>,
    /// The services that are not known to have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Service>,
}

/// `batt-fleet run --format json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FleetReport {
    /// The id of the run.
    pub run: RunId,
    /// The exit code of the whole.
    pub exit: ExitCode,
    /// How many hosts ended in each class.
    pub totals: BTreeMap<HostClass, usize>,
    /// Every selected host, in the inventory's order.
    pub hosts: Vec<HostReport>,
}

/// One line of `runs --format json` of both programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The id of the run.
    pub run: RunId,
    /// When it started.
    pub started: DateTime<Utc>,
    /// Its exit code; none while it is not known.
    pub exit: Option<ExitCode>,
    /// How many services, or hosts, ended in which way.
    pub totals: BTreeMap<String, usize>,
}

/// What a published backup is worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupState {
    /// Everything that was asked for is in it.
    #[default]
    Good,
    /// Some of what was asked for is in it, and proven.
    Partial,
    /// It is whole, but differs so much from the last good one that a person has to look.
    Suspicious,
}

impl BackupState {
    /// Returns the word that stands in JSON and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Partial => "partial",
            Self::Suspicious => "suspicious",
        }
    }
}

/// One line of `batt backups --format json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupReport {
    /// `{run}.{service}`.
    pub id: String,
    /// The service.
    pub service: Service,
    /// The items that were asked for; none is everything that the service had.
    #[serde(default)]
    pub items: Vec<String>,
    /// Its folder.
    pub path: String,
    /// When its run started.
    pub time: DateTime<Utc>,
    /// The bytes of its archives.
    pub bytes: u64,
    /// When it was last read whole and found good.
    pub verified: Option<DateTime<Utc>>,
    /// Whether it was found damaged when it was last read.
    #[serde(default)]
    pub damaged: bool,
    /// When it was last restored for rehearsal, and everything came back.
    pub drilled: Option<DateTime<Utc>>,
    /// When its last rehearsal failed; none when it did not.
    #[serde(default)]
    pub drill_failed: Option<DateTime<Utc>>,
    /// What its last rehearsal said; none when there was none that said something.
    #[serde(default)]
    pub drill: Option<DrillOutcome>,
    /// What is wrong with it, where that failed.
    #[serde(default)]
    pub drill_reason: Option<String>,
    /// What it is worth.
    #[serde(default)]
    pub state: BackupState,
    /// When a person took a suspicious one as the new normal.
    #[serde(default)]
    pub accepted: Option<DateTime<Utc>>,
    /// Whether a person keeps it whatever the rules of retention say.
    #[serde(default)]
    pub pinned: bool,
    /// Whether it is the one that is meant by the name of its service alone: the newest that counts and holds what this host's
    /// settings name, or everything.
    #[serde(default)]
    pub latest: bool,
    /// What keeps it, in one word each; none where its service has no rules, and empty when it may go.
    #[serde(default)]
    pub kept_by: Option<Vec<String>>,
}

/// One line of `batt verify --format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedBackup {
    /// `{run}.{service}`; none when the manifest cannot be read.
    pub id: Option<String>,
    /// The items that were asked for; none is everything that the service had, or a manifest that cannot be read.
    #[serde(default)]
    pub items: Vec<String>,
    /// Its folder.
    pub path: String,
    /// Whether everything in it is as its manifest says.
    pub verified: bool,
    /// What is not, when it is not.
    pub reason: Option<String>,
    /// What a person should know, and is no damage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

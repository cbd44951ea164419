//! The words that `batt` and `batt-fleet` both speak: names, events, outcomes, exit codes, reports and the wire.
//!
//! This crate knows no other crate of the workspace and does nothing by itself: no I/O, no async, no clock.

mod bundle;
mod class;
mod drill;
mod duration;
mod error;
mod event;
mod exit;
pub mod json_text;
mod outcome;
mod report;
mod run_id;
mod service;
mod size;
pub mod text;
pub mod wire;

pub use bundle::{BundleFile, BundleFolder, Change, FileChange, FileName, bundle_text};
pub use class::HostClass;
pub use drill::DrillOutcome;
pub use duration::parse_duration;
pub use error::Error;
pub use event::{AskedBy, Event, EventKind, Stage};
pub use exit::{EXIT_TABLE, ExitCode, Tally};
pub use outcome::Outcome;
pub use report::{
    BackupReport, BackupState, FleetReport, HostReport, RunReport, RunSummary, ServiceReport, VerifiedBackup,
};
pub use run_id::RunId;
pub use service::{Service, ServiceName, ServiceRequest};
pub use size::{HumanBytes, parse_size};

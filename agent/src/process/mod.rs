//! Processes: starting a script in a session of its own, watching it, and ending everything that it started.

mod cgroup;
mod launch;
mod script;
mod tree;

pub(crate) use cgroup::Cgroup;
pub(crate) use launch::{LaunchRequest, launch};
pub(crate) use script::{Ended, Limits, ScriptProcess, Start, Verdict, describe};
pub(crate) use tree::{Family, adopt_orphans, end_descendants};

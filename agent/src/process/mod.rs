//! Processes: starting a script in a session of its own, watching it, and ending everything that it started.

mod allowance;
mod cell;
mod cgroup;
mod launch;
mod maker;
mod script;
mod tree;

pub(crate) use allowance::Allowance;
pub(crate) use cell::{ACCOUNT, Cell, SCRATCH, SCRIPTS, SOCKET, TOOLS, View};
pub(crate) use cgroup::Cgroup;
pub(crate) use launch::{LaunchRequest, launch};
pub(crate) use maker::Maker;
pub(crate) use script::{Ended, Limits, ScriptProcess, Start, Verdict, describe};
pub(crate) use tree::{Family, adopt_orphans, end_descendants};

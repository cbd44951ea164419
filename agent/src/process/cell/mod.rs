//! A cell: where a process runs that may do whatever it likes, because its content came from elsewhere.
//!
//! It runs as an account that nobody has, without capabilities and without a way to get any, in mount, pid, ipc, uts and
//! network namespaces of its own, with a root that shows programs and what is its own (namespaces(7), pivot_root(2)). Two
//! processes of batt stand between it and whoever started it: the [`warden`] outside, which waits and ends as the process
//! ended, and the first process inside, [`within`], which makes the root, gives up all rights and starts the process.

mod account;
mod loopback;
mod root;
mod warden;
mod within;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(super) use warden::guard;
pub(super) use within::inhabit;

/// What a cell is made of. It travels from `batt` to `batt launch` as an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cell {
    /// The process that waits for the cell: it ends with it.
    pub(crate) owner: u32,
    /// The number of the account, inside; outside too where root makes the cell.
    pub(crate) stranger: u32,
    /// What it shows; none where nothing is hidden and no namespace is asked for.
    pub(crate) view: Option<View>,
    /// Processes and threads at a time.
    pub(crate) processes: u64,
    /// Seconds of a processor that each process may take.
    pub(crate) processor_seconds: Option<u64>,
    /// The length that a file may have.
    pub(crate) file_bytes: u64,
}

/// What a cell shows of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct View {
    /// An empty folder, that the root is made on.
    pub(crate) root: PathBuf,
    /// The one folder that can be written, shown as [`SCRATCH`].
    pub(crate) scratch: PathBuf,
    /// The folder of the scripts, shown as [`SCRIPTS`].
    pub(crate) scripts: PathBuf,
    /// The program `batt`, shown in [`TOOLS`].
    pub(crate) agent: PathBuf,
    /// The socket that whoever made the cell listens to, shown as [`SOCKET`].
    pub(crate) socket: PathBuf,
    /// Further folders, shown where they are.
    pub(crate) programs: Vec<PathBuf>,
}

/// The folder in a cell that can be written.
pub(crate) const SCRATCH: &str = "/scratch";
/// The folder in a cell that has the scripts.
pub(crate) const SCRIPTS: &str = "/run/batt/scripts";
/// The folder in a cell that has `batt` in it.
pub(crate) const TOOLS: &str = "/run/batt/bin";
/// The socket in a cell.
pub(crate) const SOCKET: &str = "/run/batt/socket";
/// The name of the account in a cell.
pub(crate) const ACCOUNT: &str = "drill";

/// What a person may do where no cell can be had.
const WAY_OUT: &str = "hint: `unconfined = true` in `[drill]` of batt.toml does without; whatever is in a backup can then \
                       look around on this host";

impl Cell {
    /// Returns what can be said in one argument.
    pub(super) fn argument(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl std::str::FromStr for Cell {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

/// Returns why there is no cell, as it is told.
fn no_cell(step: &str, cause: &dyn std::fmt::Display) -> String {
    format!("this host gives a drill no surroundings of its own: {step}: {cause}\n{WAY_OUT}")
}

/// Makes namespaces (unshare(2)).
#[allow(
    deprecated,
    reason = "only a table of descriptors of its own is unsafe, and that is not asked for"
)]
fn unshare(flags: rustix::thread::UnshareFlags) -> rustix::io::Result<()> {
    rustix::thread::unshare(flags)
}

/// Returns a path below another root.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

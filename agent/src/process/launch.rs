//! The last step before a script: `batt launch` puts itself into the place that a script runs in, and becomes it.
//!
//! What has to happen between fork and exec happens in a program of its own, so that no unsafe code is needed.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_protocol::{Error, ExitCode};
use rustix::process::{Resource, Rlimit, setrlimit, setsid};

use super::Cgroup;
use super::cell::{self, Cell};
use crate::files;

/// How a script is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaunchRequest {
    /// Where the reason goes when it cannot be started.
    pub(crate) failure_file: PathBuf,
    /// The group it runs in.
    pub(crate) cgroup: Option<PathBuf>,
    /// How much it gives way to others.
    pub(crate) nice: Option<i32>,
    /// Bytes of memory that each of its processes may take.
    pub(crate) memory: Option<u64>,
    /// The cell that it runs in, where its content is not to be trusted.
    pub(crate) cell: Option<Cell>,
    /// Whether this is the process that begins inside of the cell.
    pub(crate) inside: bool,
    /// The script.
    pub(crate) script: PathBuf,
}

/// How the names of the variables begin that hold the items of a script, on their way to it. Its own command line tells them to
/// every account of the host, and no other one has to.
const ITEM: &str = "BATT_LAUNCH_ITEM_";

/// Returns the variables that hand items to a launcher.
pub(super) fn handed(items: &[OsString]) -> impl Iterator<Item = (OsString, OsString)> {
    let numbered = items.iter().enumerate();
    numbered.map(|(number, item)| (format!("{ITEM}{number}").into(), item.clone()))
}

/// Returns the command that is the script with the items that were handed to this process.
pub(super) fn script_with_items(script: &Path) -> Command {
    let mut command = Command::new(script);
    for number in 0.. {
        let name = format!("{ITEM}{number}");
        let Some(item) = std::env::var_os(&name) else {
            break;
        };
        command.arg(item).env_remove(name);
    }
    command
}

impl LaunchRequest {
    /// Returns the arguments of `batt launch` that say this.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![
            "launch".into(),
            "--failure-file".into(),
            self.failure_file.clone().into(),
        ];
        if let Some(cgroup) = &self.cgroup {
            arguments.extend(["--cgroup".into(), cgroup.clone().into()]);
        }
        if let Some(nice) = self.nice {
            arguments.push(format!("--nice={nice}").into());
        }
        if let Some(memory) = self.memory {
            arguments.push(format!("--memory={memory}").into());
        }
        if let Some(cell) = &self.cell {
            arguments.extend(["--cell".into(), cell.argument().into()]);
        }
        if self.inside {
            arguments.push("--inside".into());
        }
        arguments.extend(["--".into(), self.script.clone().into()]);
        arguments
    }
}

/// Becomes the script, which returns only when it fails; or, for a cell, waits for its end, and returns how to end.
pub(crate) fn launch(request: &LaunchRequest) -> Result<ExitCode, Error> {
    if let Some(cell) = request.cell.as_ref().filter(|_| request.inside) {
        return cell::inhabit(request, cell);
    }
    // The parent started this process as no group's leader, so it can lead a session.
    setsid().map_err(|cause| Error::system("cannot start a session", cause))?;
    if let Some(cgroup) = &request.cgroup {
        // Without it the family is still found by session, mark and descent.
        let _ = Cgroup::at(cgroup).enter();
    }
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o077));
    // A core file would hold what the script knows, passwords too.
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
    if let Some(nice) = request.nice {
        let _ = rustix::process::nice(nice);
    }
    if let Some(memory) = request.memory {
        // Heap and private mappings (setrlimit(2)): what a server takes, and not the files that it maps.
        let _ = setrlimit(
            Resource::Data,
            Rlimit {
                current: Some(memory),
                maximum: Some(memory),
            },
        );
    }
    if let Some(cell) = &request.cell {
        return cell::guard(request, cell);
    }
    let cause = script_with_items(&request.script).exec();
    let reason = unstartable(&request.script, &cause);
    files::replace(&request.failure_file, reason.as_bytes(), 0o600)?;
    Err(Error::new(ExitCode::FAILED, reason))
}

/// Returns why a script cannot be started.
pub(super) fn unstartable(script: &Path, cause: &std::io::Error) -> String {
    let shown = script.display();
    match rustix::io::Errno::from_io_error(cause) {
        Some(rustix::io::Errno::NOEXEC) => {
            format!("the script `{shown}` is no program that the kernel can run")
        }
        Some(rustix::io::Errno::TXTBSY) => format!("the script `{shown}` is being written"),
        Some(rustix::io::Errno::ACCESS) => {
            format!(
                "the script `{shown}` may not be executed: {cause} (is it on a file system mounted `noexec`?)"
            )
        }
        Some(rustix::io::Errno::TOOBIG) => {
            format!("the items of `{shown}` are too long for one command line")
        }
        _ => format!("the script `{shown}` cannot be started: {cause}"),
    }
}

//! `batt supervise`: the process that a run asked for through `serve` belongs to, in a session of its own.

use batt_protocol::{Error, ExitCode, RunId};
use chrono::Local;

use crate::cancellation::Cancellation;
use crate::home::Home;
use crate::host;
use crate::process::Cgroup;
use crate::report::ProgressFile;
use crate::run::{self, Plan};
use crate::run_folder::RunFolder;

/// Supervises an admitted run to its end.
pub(crate) fn supervise(home: &Home, run: &RunId) -> Result<ExitCode, Error> {
    // Out of the session of sshd, and out of its control group: both end with the connection.
    let _ = rustix::process::setsid();
    let host_id = host::host_id(home)?;
    let cgroup = Cgroup::make(&run::supervisor_cgroup(&host_id, run)).filter(|cgroup| cgroup.enter().is_ok());
    let exit = to_its_end(home, run);
    if let Some(cgroup) = cgroup {
        cgroup.leave();
    }
    exit
}

fn to_its_end(home: &Home, run: &RunId) -> Result<ExitCode, Error> {
    let cancellation = Cancellation::by_signals()?;
    let folder = RunFolder::of(home, run);
    let order = folder.order()?;
    let plan = Plan::make(home, &order, Local::now().fixed_offset())?;
    let supervision = folder
        .supervise()?
        .ok_or_else(|| Error::program(format!("another process supervises the run `{run}`")))?;
    let readers: Vec<Box<dyn run::Reader>> = vec![Box::new(ProgressFile::new(folder.clone()))];
    Ok(run::execute(home, &plan, &folder, supervision, readers, &cancellation)?.exit)
}

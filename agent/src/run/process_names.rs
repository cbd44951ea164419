//! The names by which the processes of one service of a run are found again, by its supervisor or by whoever heals it.

use batt_protocol::{RunId, Service};

use crate::archive::Digest;
use crate::process::{Cgroup, Family};
use crate::script_call::MARK;

/// Returns the name of the control group of a run's supervisor.
pub(crate) fn supervisor_cgroup(host_id: &str, run: &RunId) -> String {
    format!("{}-{run}", host_id.get(..8).unwrap_or(host_id))
}

/// One service of one run on one host.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProcessNames<'a> {
    pub(super) host_id: &'a str,
    pub(super) run: &'a RunId,
    pub(super) service: &'a Service,
}

impl ProcessNames<'_> {
    /// Returns the value of the variable, which no other script has.
    pub(super) fn mark(self) -> String {
        format!("{}.{}.{}", self.host_id, self.run, self.service)
    }

    /// Returns the line of the environment.
    fn marked(self) -> String {
        format!("{MARK}={}", self.mark())
    }

    /// Returns the name of the control group, which every account of the machine can read: it tells nothing of the service.
    pub(super) fn cgroup(self) -> String {
        let mut digest = Digest::default();
        // No other account knows the whole id of the host, so that none can try the names of services.
        digest.update(self.mark().as_bytes());
        let digest = digest.hex();
        let short = digest.get(..16).unwrap_or(&digest);
        format!("{}.{short}", supervisor_cgroup(self.host_id, self.run))
    }

    /// Returns what can still be found of the processes when their supervisor has died.
    pub(super) fn orphans(self) -> Family {
        Family {
            leader: None,
            cgroup: Cgroup::existing(&self.cgroup()),
            mark: self.marked(),
            since: 0,
        }
    }
}

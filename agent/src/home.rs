//! Where everything of one `batt` lies. A host is moved as a whole by its home: tests run many hosts on one machine.

use std::path::{Path, PathBuf};

use batt_protocol::{RunId, Service, ServiceName};

/// `BATT_HOME`: the folder that everything of batt but the backups lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    root: PathBuf,
}

impl Home {
    /// Where the home is unless `--home` or the variable says otherwise.
    pub(crate) const DEFAULT: &str = "/opt/batt";

    /// Returns the home at `root`, made absolute from the working folder.
    pub(crate) fn at(root: &Path) -> Self {
        Self {
            root: std::path::absolute(root).unwrap_or_else(|_| root.to_owned()),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Tells whether `batt init` or a push has made the layout.
    pub(crate) fn is_laid_out(&self) -> bool {
        self.scripts_available().is_dir()
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.conf().join("batt.toml")
    }

    pub(crate) fn conf(&self) -> PathBuf {
        self.root.join("conf")
    }

    pub(crate) fn scripts_available(&self) -> PathBuf {
        self.root.join("scripts-available")
    }

    pub(crate) fn scripts_enabled(&self) -> PathBuf {
        self.root.join("scripts-enabled")
    }

    /// Returns the path of the script that backs a service up.
    pub(crate) fn script(&self, service: &ServiceName) -> PathBuf {
        self.scripts_available().join(format!("backup-{service}"))
    }

    /// Returns the path of the link that makes a service run by default.
    pub(crate) fn link(&self, service: &Service) -> PathBuf {
        self.scripts_enabled().join(format!("backup-{service}"))
    }

    pub(crate) fn var(&self) -> PathBuf {
        self.root.join("var")
    }

    pub(crate) fn runs(&self) -> PathBuf {
        self.var().join("runs")
    }

    pub(crate) fn run(&self, run: &RunId) -> PathBuf {
        self.runs().join(run.as_str())
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.var().join("locks")
    }

    /// Returns where scripts write whose backups go to a folder that others control.
    pub(crate) fn staging(&self) -> PathBuf {
        self.var().join("staging")
    }

    /// Returns the record of what was installed or pushed.
    pub(crate) fn bundle_record(&self) -> PathBuf {
        self.var().join("bundle.json")
    }

    /// Returns where a forced push keeps what it replaced.
    pub(crate) fn replaced(&self) -> PathBuf {
        self.var().join("replaced")
    }

    /// Returns the log of what was refused by wire.
    pub(crate) fn refusals(&self) -> PathBuf {
        self.var().join("refused.log")
    }

    /// Returns what that log was before it was begun again.
    pub(crate) fn earlier_refusals(&self) -> PathBuf {
        self.var().join("refused.log.1")
    }

    /// Returns the file that says what a controller may ask for.
    pub(crate) fn policy(&self) -> PathBuf {
        self.conf().join("policy.toml")
    }

    pub(crate) fn host_id(&self) -> PathBuf {
        self.var().join("host-id")
    }

    pub(crate) fn catalogue(&self) -> PathBuf {
        self.var().join("catalogue.jsonl")
    }

    /// Returns the file of the patterns that runs have put backups by.
    pub(crate) fn places(&self) -> PathBuf {
        self.var().join("places")
    }

    /// Returns the file that remembers the clock.
    pub(crate) fn clock(&self) -> PathBuf {
        self.var().join("clock.json")
    }
}

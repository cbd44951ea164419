//! The lab: throw-away hosts on one machine, an inventory and a key to reach them, and a fleet folder with something to back
//! up. Tests use it as a library, people by `batt-lab`.

mod address;
mod blueprint;
mod builtin;
mod fleet;
mod host;
mod inventory;
mod key;
mod notes;
mod openssh;
mod processes;
mod program;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

pub use blueprint::{Blueprint, Kind, Network, Pace};
pub use host::LabHost;
pub use notes::Database;
pub use program::run_main;

use crate::host::under_test;
use address::Range;
use host::Access;

/// Throw-away hosts, all gone when this is dropped.
#[derive(Debug)]
pub struct Lab {
    hosts: Vec<LabHost>,
    folder: PathBuf,
    /// Removes the folder; none when it is somebody else's.
    _temporary: Option<TempDir>,
    _range: Range,
}

impl Lab {
    /// Starts hosts that are in-process SSH servers. Needs nothing installed.
    #[track_caller]
    pub fn builtin(hosts: usize) -> Self {
        Self::start(&Blueprint::new(Kind::Builtin, hosts, under_test("batt"))).expect("the lab starts")
    }

    /// Starts hosts that are OpenSSH servers, each with an `/opt` of its own. Needs root.
    #[track_caller]
    pub fn openssh(hosts: usize) -> Self {
        Self::start(&Blueprint::new(Kind::OpenSsh, hosts, under_test("batt"))).expect("the lab starts")
    }

    /// Starts the hosts of a blueprint; returns once all of them answer.
    ///
    /// # Errors
    /// What could not be made or started.
    pub fn start(blueprint: &Blueprint) -> io::Result<Self> {
        if blueprint.kind == Kind::OpenSsh {
            openssh::require()?;
        }
        let temporary = match &blueprint.folder {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("batt-lab-").tempdir()?),
        };
        let folder = match (&blueprint.folder, &temporary) {
            (Some(folder), _) => new_folder(folder)?,
            (None, Some(temporary)) => temporary.path().canonicalize()?,
            (None, None) => return Err(io::Error::other("the lab has no folder")),
        };
        let range = Range::claim(blueprint.hosts)?;
        let identity = key::make()?;
        let access = Arc::new(Access {
            user: current_user(),
            identity_file: folder.join("id_ed25519"),
            public: identity.public_key().clone(),
            public_line: key::public_line(&identity)?,
        });
        key::write(&identity, &access.identity_file)?;
        let mut lab = Self {
            hosts: Vec::new(),
            folder,
            _temporary: temporary,
            _range: range,
        };
        for (number, name) in (1u8..).zip(blueprint.names()) {
            let host = LabHost::make(
                &lab.folder,
                &name,
                number,
                &lab._range,
                blueprint,
                Arc::clone(&access),
            )
            .map_err(|error| {
                io::Error::new(error.kind(), format!("cannot make the host `{name}`: {error}"))
            })?;
            lab.hosts.push(host);
        }
        for host in &lab.hosts {
            host.launch().map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("cannot start the host `{}`: {error}", host.name()),
                )
            })?;
        }
        for host in &lab.hosts {
            host.wait_until_it_answers()?;
        }
        fleet::write(&lab.folder, &lab.hosts, blueprint)?;
        inventory::write(&lab.inventory(), &lab.hosts, blueprint, &lab._range)?;
        let known: io::Result<String> = lab.hosts.iter().map(LabHost::known_hosts_line).collect();
        fs::write(lab.known_hosts(), known?)?;
        Ok(lab)
    }

    /// Returns the folder of the lab, which is a fleet folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the inventory, for `batt-fleet -i`.
    pub fn inventory(&self) -> PathBuf {
        self.folder.join("inventory.toml")
    }

    /// Returns the keys of all hosts as they were at the start, for ssh's `UserKnownHostsFile`.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// Returns all hosts, in the inventory's order. A host that was never there is not among them.
    pub fn hosts(&self) -> &[LabHost] {
        &self.hosts
    }

    /// Returns a host by its name.
    #[track_caller]
    pub fn host(&self, name: &str) -> &LabHost {
        let names = || self.hosts.iter().map(LabHost::name).collect::<Vec<_>>();
        let host = self.hosts.iter().find(|host| host.name() == name);
        host.unwrap_or_else(|| panic!("no host `{name}` among {:?}", names()))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // All are told to end before any is waited for.
        for host in &self.hosts {
            host.ask_to_end();
        }
        for host in &self.hosts {
            host.end();
        }
    }
}

/// Makes a folder that nothing is in yet.
fn new_folder(folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        return Err(io::Error::other(format!("`{}` is not empty", folder.display())));
    }
    folder.canonicalize()
}

/// Returns the name of the account that the lab runs under, as a login would have it.
fn current_user() -> String {
    if rustix::process::geteuid().is_root() {
        return "root".to_owned();
    }
    std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| "lab".to_owned())
}

//! One host of the lab: its folder, its address, the server that lets people in, and what can happen to it.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use russh::keys::PublicKey;

use super::address::Range;
use super::blueprint::{Blueprint, Kind, Network};
use super::builtin::BuiltinServer;
use super::openssh::{Cable, Sshd};
use super::{key, notes, processes};
use crate::process::PATIENCE;

const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How long runs may take to end when they are asked to.
const GRACE: Duration = Duration::from_secs(10);

/// Who is let in.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) user: String,
    pub(super) identity_file: PathBuf,
    pub(super) public: PublicKey,
    pub(super) public_line: String,
}

/// A host.
#[derive(Debug)]
pub struct LabHost {
    name: String,
    folder: PathBuf,
    address: SocketAddr,
    kind: Kind,
    cable: Option<Cable>,
    access: Arc<Access>,
    server: Mutex<Option<Server>>,
}

#[derive(Debug)]
enum Server {
    Builtin(#[expect(dead_code, reason = "it is held to be dropped")] BuiltinServer),
    OpenSsh(Sshd),
}

impl LabHost {
    pub(super) fn make(
        lab: &Path,
        name: &str,
        number: u8,
        range: &Range,
        blueprint: &Blueprint,
        access: Arc<Access>,
    ) -> io::Result<Self> {
        let (address, cable) = match (blueprint.kind, blueprint.network) {
            (Kind::OpenSsh, Network::Namespaces) => {
                let (near, far) = range.cable(number)?;
                (
                    far,
                    Some(Cable {
                        interface: range.interface(number),
                        near,
                    }),
                )
            }
            _ => (range.loopback(number), None),
        };
        let host = Self {
            name: name.to_owned(),
            folder: lab.join("hosts").join(name),
            address,
            kind: blueprint.kind,
            cable,
            access,
            server: Mutex::new(None),
        };
        for folder in ["backup", "bin", "opt-batt", "user"] {
            fs::create_dir_all(host.folder.join(folder))?;
        }
        // A home that the first push lays out.
        fs::remove_dir(host.home_folder())?;
        if blueprint.installed {
            install(&blueprint.agent, &host.folder.join("bin/batt"))?;
        }
        key::write(&key::make()?, &host.host_key_file())?;
        notes::write_database(
            &host.notes_folder(),
            name,
            blueprint.database_of(name),
            blueprint.pace.page_bytes(),
        )?;
        notes::write_site(&host.site_folder(), name)?;
        Ok(host)
    }

    /// Returns its name in the inventory.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where it is reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the user to log in as.
    pub fn user(&self) -> &str {
        &self.access.user
    }

    /// Returns the private key that opens it.
    pub fn identity(&self) -> &Path {
        &self.access.identity_file
    }

    /// Returns its host key as it is now, `ssh-ed25519 AAAA...`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn host_key(&self) -> io::Result<String> {
        let text = fs::read_to_string(self.host_key_file().with_extension("pub"))?;
        Ok(text.trim().to_owned())
    }

    /// Returns a line about its key as it is now, as ssh keeps it of hosts that it knows.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn known_hosts_line(&self) -> io::Result<String> {
        let key = self.host_key()?;
        Ok(format!("[{}]:{} {key}\n", self.address.ip(), self.address.port()))
    }

    /// Returns its folder on this machine.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns BATT_HOME as the host itself names it.
    pub fn agent_home(&self) -> PathBuf {
        match self.kind {
            Kind::Builtin => self.home_folder(),
            Kind::OpenSsh => PathBuf::from("/opt/batt"),
        }
    }

    /// Returns the agent's path as the host itself names it.
    pub fn agent_path(&self) -> PathBuf {
        match self.kind {
            Kind::Builtin => self.folder.join("bin/batt"),
            Kind::OpenSsh => PathBuf::from("/opt/bin/batt"),
        }
    }

    /// Returns where it keeps backups, as the host itself names it.
    pub fn backup_pattern(&self) -> PathBuf {
        match self.kind {
            Kind::Builtin => self.backup_folder().join("%Y/%m/%d"),
            Kind::OpenSsh => PathBuf::from("/opt/backup/%Y/%m/%d"),
        }
    }

    /// Returns BATT_HOME as this machine sees it.
    pub fn home_folder(&self) -> PathBuf {
        self.folder.join("opt-batt")
    }

    /// Returns the folder of its backups as this machine sees it.
    pub fn backup_folder(&self) -> PathBuf {
        self.folder.join("backup")
    }

    pub(super) fn notes_folder(&self) -> PathBuf {
        self.folder.join("notes")
    }

    pub(super) fn site_folder(&self) -> PathBuf {
        self.folder.join("site")
    }

    fn host_key_file(&self) -> PathBuf {
        self.folder.join("host_ed25519")
    }

    /// Starts its server again after [`Self::stop`], and waits until it answers.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(&self) -> io::Result<()> {
        self.launch()?;
        self.wait_until_it_answers()
    }

    pub(super) fn launch(&self) -> io::Result<()> {
        let mut server = self.server();
        *server = Some(match self.kind {
            Kind::Builtin => {
                Server::Builtin(BuiltinServer::start(self, &self.host_key_file(), &self.access)?)
            }
            Kind::OpenSsh => Server::OpenSsh(Sshd::start(
                self,
                &self.host_key_file(),
                &self.access,
                self.cable.as_ref(),
            )?),
        });
        Ok(())
    }

    pub(super) fn wait_until_it_answers(&self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Err(error) = TcpStream::connect_timeout(&self.address, PATIENCE) else {
                return Ok(());
            };
            let ended = match self.server().as_mut() {
                Some(Server::OpenSsh(sshd)) => sshd.last_words(),
                _ => None,
            };
            if let Some(words) = ended {
                return Err(io::Error::other(format!(
                    "the host `{}` did not start: {words}",
                    self.name
                )));
            }
            if Instant::now() > deadline {
                return Err(io::Error::other(format!(
                    "the host `{}` does not answer: {error}",
                    self.name
                )));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Stops its server: connections end, and new ones are refused. Runs go on, except on an OpenSSH host, which goes
    /// down as a whole, as by a cut of its power.
    pub fn stop(&self) {
        drop(self.server().take());
    }

    /// Gives it another host key; connections end.
    ///
    /// # Errors
    /// It does not start again.
    pub fn change_host_key(&self) -> io::Result<()> {
        self.stop();
        key::write(&key::make()?, &self.host_key_file())?;
        self.start()
    }

    /// Freezes an OpenSSH host: the kernel still accepts, but nobody answers.
    ///
    /// # Panics
    /// The host is of the other kind, or not running.
    pub fn freeze(&self) {
        self.sshd(Sshd::freeze);
    }

    /// Wakes it again.
    ///
    /// # Panics
    /// The host is of the other kind, or not running.
    pub fn thaw(&self) {
        self.sshd(Sshd::thaw);
    }

    /// Cuts the cable of a host in a network namespace: what is sent to it is lost, without a word.
    ///
    /// # Panics
    /// The host has no cable, or the cut fails.
    pub fn cut_cable(&self) {
        self.with_cable(Cable::cut);
    }

    /// Mends the cable.
    ///
    /// # Panics
    /// The host has no cable, or it cannot be mended.
    pub fn mend_cable(&self) {
        self.with_cable(Cable::mend);
    }

    fn with_cable(&self, action: impl FnOnce(&Cable, &Sshd) -> io::Result<()>) {
        let cable = self
            .cable
            .as_ref()
            .expect("only hosts in a network namespace have a cable");
        self.sshd(|sshd| action(cable, sshd))
            .expect("`ip` does what it is told");
    }

    fn sshd<R>(&self, action: impl FnOnce(&Sshd) -> R) -> R {
        match self.server().as_ref() {
            Some(Server::OpenSsh(sshd)) => action(sshd),
            _ => panic!("`{}` is no running OpenSSH host", self.name),
        }
    }

    /// Asks everything that runs on the host to end.
    pub(super) fn ask_to_end(&self) {
        if let Some(Server::OpenSsh(sshd)) = self.server().as_ref() {
            sshd.thaw();
        }
        processes::terminate(&self.processes());
    }

    /// Ends everything that runs on the host, and its server.
    pub(super) fn end(&self) {
        processes::end(|| self.processes(), GRACE);
        self.stop();
        processes::remove_control_groups(&self.home_folder());
    }

    fn processes(&self) -> Vec<rustix::process::Pid> {
        match self.server().as_ref() {
            Some(Server::OpenSsh(sshd)) => sshd.processes(),
            Some(Server::Builtin(_)) | None => processes::of_host(&self.folder, &self.agent_home()),
        }
    }

    fn server(&self) -> MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts the agent in its place: linked where that can be, for it is large and hosts may be many.
fn install(agent: &Path, place: &Path) -> io::Result<()> {
    let linked = fs::hard_link(agent, place);
    linked
        .or_else(|_| fs::copy(agent, place).map(|_| ()))
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("the agent `{}` cannot be installed: {error}", agent.display()),
            )
        })
}

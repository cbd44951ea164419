//! One OpenSSH server that is many hosts: it listens on an address of the loopback network for each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::until;
use crate::finished::Finished;
use crate::server::SEARCH_PATH;
use crate::zone::far_from_midnight;

/// Tells apart the fleets of one test program.
static FLEETS: AtomicU32 = AtomicU32::new(0);

/// A server that stops when it is dropped, with all its connections.
#[derive(Debug)]
pub struct Sshd {
    child: Child,
    network: String,
    /// The port, the same on every address.
    pub port: u16,
    /// Who may log in: whoever runs the tests.
    pub user: String,
    /// The key that lets that user in.
    pub identity: PathBuf,
    /// The server's key, as an inventory pins it.
    pub host_key: String,
}

impl Sshd {
    /// Starts a server for `hosts` hosts, with its files in `folder`.
    pub fn start(folder: &Path, hosts: usize, lines: &str) -> Self {
        // OpenSSH separates privileges only when it has some.
        if rustix::process::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").expect("root can make sshd's folder");
        }
        let host = new_key(&folder.join("sshd_host"));
        let identity = folder.join("identity");
        let key = new_key(&identity);
        fs::write(folder.join("authorized_keys"), format!("{key}\n")).expect("the folder can be written");
        let user = Finished::run(Command::new("id").arg("-un"))
            .success()
            .trim()
            .to_owned();
        loop {
            let number = std::process::id().wrapping_mul(31) + FLEETS.fetch_add(1, Ordering::SeqCst);
            let network = format!("127.{}.{}", 64 + number / 250 % 60, 1 + number % 250);
            // Somebody else may take the port before sshd does; then the next one.
            let port = free_port();
            let addresses: Vec<String> = (0..hosts).map(|at| address(&network, at)).collect();
            if let Some(child) = launch(folder, &addresses, lines, port) {
                return Self {
                    child,
                    network,
                    port,
                    user,
                    identity,
                    host_key: host,
                };
            }
        }
    }

    /// Returns the address of a host by its place in the list.
    pub fn address(&self, at: usize) -> String {
        address(&self.network, at)
    }

    /// Returns an address of this network where nothing listens.
    pub fn unused_address(&self) -> String {
        address(&self.network, 200)
    }

    /// Returns how many connections there are.
    pub fn connections(&self) -> usize {
        children(self.child.id()).len()
    }

    /// Kills the processes of all connections that there are now, as the kernel's memory killer does.
    pub fn kill_connections(&self) {
        for process in children(self.child.id()) {
            kill(process);
        }
    }

    /// Ends the listener and then its connections.
    fn stop(&mut self) {
        let connections = children(self.child.id());
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Those that the listener has accepted in between have no parent any more, and no user either.
        connections.into_iter().for_each(kill);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes a key without a passphrase and returns its public part as `ssh-ed25519 AAAA...`.
pub fn new_key(file: &Path) -> String {
    let mut keygen = Command::new("ssh-keygen");
    keygen
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(file);
    Finished::run(&mut keygen).success();
    public_key(file)
}

/// Returns the public part of a key.
pub fn public_key(file: &Path) -> String {
    let text = fs::read_to_string(file.with_extension("pub")).expect("the key can be read");
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn address(network: &str, at: usize) -> String {
    format!("{network}.{}", at + 1)
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("there is a free port")
        .port()
}

fn launch(folder: &Path, addresses: &[String], lines: &str, port: u16) -> Option<Child> {
    let shown = folder.display();
    let listen: String = addresses
        .iter()
        .map(|address| format!("ListenAddress {address}\n"))
        .collect();
    let zone = far_from_midnight().map_or_else(String::new, |zone| format!(" TZ={zone}"));
    // With a level of its own, bash does not take itself for a login over the network and leaves ~/.bashrc alone.
    let configuration = format!(
        "Port {port}\n{listen}HostKey {shown}/sshd_host\nAuthorizedKeysFile {shown}/authorized_keys\n\
         SetEnv SHLVL=5 PATH={shown}/bin:{SEARCH_PATH}{zone}\nUsePAM no\nStrictModes no\nPidFile none\n\
         PermitRootLogin yes\nMaxStartups 500\n{lines}\n"
    );
    let file = folder.join("sshd_config");
    fs::write(&file, configuration).expect("the folder can be written");
    let log_file = folder.join("sshd_log");
    let log = fs::File::create(&log_file).expect("the folder can be written");
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f"]).arg(&file).stdin(Stdio::null());
    let mut child = command.stderr(log).spawn().expect("`make test` installs sshd");
    let mut started = None;
    until("sshd listens", || {
        let log = fs::read_to_string(&log_file).expect("the log can be read");
        let listening = log.matches("Server listening on").count();
        started = match child.try_wait().expect("a child can be asked") {
            Some(status) if !log.contains("Address already in use") => {
                panic!("sshd ended with {status}: {log}")
            }
            Some(_) => Some(false),
            // It goes on with the addresses that it could have, and some may be missing.
            None if log.contains("Address already in use") => {
                let _ = child.kill();
                let _ = child.wait();
                Some(false)
            }
            None => (listening == addresses.len()).then_some(true),
        };
        started.is_some()
    });
    (started == Some(true)).then_some(child)
}

fn kill(process: u32) {
    let process = i32::try_from(process)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(process) = process {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
}

/// Returns the children of a process.
fn children(parent: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let listed = listed.unwrap_or_default();
    listed
        .split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

//! Real OpenSSH for tests: an sshd of its own for each test, with keys and files in a private folder, and an ssh-agent.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Boxed, Passphrase, PassphraseSource, SshSettings, SshTransport, Target};

/// A server that stops when it is dropped.
pub(crate) struct Sshd {
    child: Child,
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
}

impl Sshd {
    /// Starts a server with an ed25519 host key, which lets root in by `user_ed25519`.
    pub(crate) fn start() -> Sshd {
        Sshd::with(&["ed25519"], "")
    }

    /// Starts a server with these kinds of host keys and these further lines of sshd_config.
    pub(crate) fn with(host_keys: &[&str], lines: &str) -> Sshd {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all("/run/sshd").unwrap();
        for kind in host_keys {
            keygen(kind, "", &folder.path().join(format!("host_{kind}")));
        }
        keygen("ed25519", "", &folder.path().join("user_ed25519"));
        std::fs::copy(
            folder.path().join("user_ed25519.pub"),
            folder.path().join("authorized_keys"),
        )
        .unwrap();
        loop {
            // Somebody else may take the port before sshd does; then the next one.
            let port = free_port();
            if let Some(child) = launch(folder.path(), host_keys, lines, port) {
                return Sshd { child, folder, port };
            }
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a user key of this kind that the server accepts, and returns its file.
    pub(crate) fn user_key(&self, kind: &str, passphrase: &str) -> PathBuf {
        let file = self.file(&format!("other_{kind}"));
        keygen(kind, passphrase, &file);
        let mut accepted = std::fs::read_to_string(self.file("authorized_keys")).unwrap();
        accepted.push_str(&std::fs::read_to_string(public(&file)).unwrap());
        std::fs::write(self.file("authorized_keys"), accepted).unwrap();
        file
    }

    /// The host key as `ssh-ed25519 AAAA...`.
    pub(crate) fn host_key(&self, kind: &str) -> String {
        key_line(&self.file(&format!("host_{kind}.pub")))
    }

    /// The server, with its host key pinned and the key that it accepts.
    pub(crate) fn target(&self) -> Target {
        Target {
            name: "h1".to_string(),
            address: "127.0.0.1".to_string(),
            port: self.port,
            user: "root".to_string(),
            identity: Some(self.file("user_ed25519")),
            pinned: vec![self.host_key("ed25519")],
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// An ssh-agent that stops when it is dropped.
pub(crate) struct Agent {
    child: Child,
    folder: TempDir,
}

impl Agent {
    pub(crate) fn start() -> Agent {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("ssh-agent");
        command
            .arg("-D")
            .arg("-a")
            .arg(folder.path().join("socket"))
            .stdout(Stdio::null());
        let agent = Agent {
            child: command.spawn().unwrap(),
            folder,
        };
        until("ssh-agent listens", || agent.socket().exists());
        agent
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub(crate) fn add(&self, key: &Path) {
        run(Command::new("ssh-add")
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", self.socket()));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Passphrases that a test knows, one per attempt; counts how often it was asked.
#[derive(Default)]
pub(crate) struct Passphrases {
    pub(crate) answers: Vec<&'static str>,
    pub(crate) asked: std::sync::atomic::AtomicUsize,
}

impl PassphraseSource for Passphrases {
    fn ask<'a>(&'a self, _file: &'a Path, attempt: u32) -> Boxed<'a, Option<Passphrase>> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let answer = self.answers.get(attempt as usize - 1);
        Box::pin(async move { answer.map(|answer| Passphrase(answer.to_string())) })
    }
}

/// A transport that knows nothing but what its targets say.
pub(crate) fn plain_transport() -> SshTransport {
    SshTransport::new(settings()).unwrap()
}

pub(crate) fn settings() -> SshSettings {
    SshSettings {
        known_hosts: Vec::new(),
        home: None,
        agent: None,
        passphrases: Arc::new(Passphrases::default()),
    }
}

pub(crate) fn keygen(kind: &str, passphrase: &str, file: &Path) {
    run(Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f"])
        .arg(file));
}

/// The first two fields of a public key's file.
pub(crate) fn key_line(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

pub(crate) fn public(file: &Path) -> PathBuf {
    file.with_extension("pub")
}

pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Waits for the condition; a minute is far more than any of ours takes on a loaded machine.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn launch(folder: &Path, host_keys: &[&str], lines: &str, port: u16) -> Option<Child> {
    let shown = folder.display();
    let keys: String = host_keys
        .iter()
        .map(|kind| format!("HostKey {shown}/host_{kind}\n"))
        .collect();
    // With a level of its own, bash does not take itself for a login over the network and leaves ~/.bashrc alone.
    let configuration = format!(
        "Port {port}\nListenAddress 127.0.0.1\n{keys}AuthorizedKeysFile {shown}/authorized_keys\n\
         SetEnv SHLVL=5\nUsePAM no\nStrictModes no\nPidFile none\nPermitRootLogin yes\nMaxStartups 500\n{lines}\n"
    );
    std::fs::write(folder.join("sshd_config"), configuration).unwrap();
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new("/usr/sbin/sshd");
    command
        .arg("-D")
        .arg("-e")
        .arg("-f")
        .arg(folder.join("sshd_config"))
        .stdin(Stdio::null())
        .stderr(log);
    let mut child = command.spawn().unwrap();
    let listening = format!("Server listening on 127.0.0.1 port {port}");
    let mut started = None;
    until("sshd listens", || {
        let log = std::fs::read_to_string(folder.join("log")).unwrap();
        started = match child.try_wait().unwrap() {
            Some(_) if log.contains("Address already in use") => Some(false),
            Some(status) => panic!("sshd ended with {status}: {log}"),
            None => log.contains(&listening).then_some(true),
        };
        started.is_some()
    });
    (started == Some(true)).then_some(child)
}

fn stop(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

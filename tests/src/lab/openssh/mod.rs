//! A host that is a real sshd, in namespaces of its own: its mounts, so that `/opt/batt` and `/opt/backup` are its own; its
//! processes, so that none is left when it goes; its name; and, where wanted, its network.

mod cable;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

pub(super) use cable::Cable;

use super::host::{Access, LabHost};
use super::processes;
use crate::finished::INSTALL_HINT;
use crate::process::PATIENCE;
use crate::server::{SEARCH_PATH, program};

const SCRIPT: &str = include_str!("host.sh");
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Tells whether hosts of this kind can be had here.
///
/// # Errors
/// What is missing.
pub(super) fn require() -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err(io::Error::other(
            "hosts with namespaces of their own need root; the built-in kind does not",
        ));
    }
    let found = SEARCH_PATH
        .split(':')
        .any(|folder| Path::new(folder).join("sshd").is_file());
    if found {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "`sshd` is not installed\n{INSTALL_HINT}"
        )))
    }
}

/// A running host. Dropped, it is gone with all of its processes, as by a cut of its power.
#[derive(Debug)]
pub(super) struct Sshd {
    child: Mutex<Child>,
    log: PathBuf,
}

impl Sshd {
    /// Starts the host.
    pub(super) fn start(
        host: &LabHost,
        host_key: &Path,
        access: &Access,
        cable: Option<&Cable>,
    ) -> io::Result<Self> {
        let folder = host.folder();
        let keys = folder.join("authorized_keys");
        fs::write(&keys, format!("{}\n", access.public_line))?;
        fs::write(folder.join("sshd_config"), configuration(host, host_key, &keys))?;
        let log = folder.join("sshd.log");
        let output = File::create(&log)?;
        let mut command = Command::new(program("unshare"));
        command.args([
            "--mount",
            "--pid",
            "--uts",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--propagation",
            "private",
        ]);
        if cable.is_some() {
            command.arg("--net");
        }
        command
            .args(["--", "sh", "-c", SCRIPT, "host"])
            .arg(folder)
            .arg(host.name())
            .arg(program("sshd"))
            .args(cable.map(|_| "cable"))
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output);
        let sshd = Self {
            child: Mutex::new(command.spawn()?),
            log,
        };
        if let Some(cable) = cable {
            cable.lay(&sshd, host.address().ip())?;
            let mut child = sshd.child.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(stdin) = &mut child.stdin {
                stdin.write_all(b"\n")?;
            }
        }
        Ok(sshd)
    }

    /// Returns its first process, which all others of the host end with.
    fn init(&self) -> io::Result<Pid> {
        let unshare = self.child.lock().unwrap_or_else(PoisonError::into_inner).id();
        let children = format!("/proc/{unshare}/task/{unshare}/children");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let known = fs::read_to_string(&children).unwrap_or_default();
            let first = known
                .split_whitespace()
                .next()
                .and_then(|word| Pid::from_raw(word.parse().ok()?));
            if let Some(init) = first {
                return Ok(init);
            }
            if Instant::now() > deadline {
                return Err(io::Error::other("the host has no process"));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Returns what it said when it has ended; none while it runs.
    pub(super) fn last_words(&mut self) -> Option<String> {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        match child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!(
                "{status}\n{}",
                fs::read_to_string(&self.log).unwrap_or_default().trim()
            )),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Stops all of its processes where they are.
    pub(super) fn freeze(&self) {
        for process in self.all() {
            let _ = kill_process(process, Signal::STOP);
        }
    }

    /// Lets them go on.
    pub(super) fn thaw(&self) {
        for process in self.all() {
            let _ = kill_process(process, Signal::CONT);
        }
    }

    /// Returns its processes, except those that make it a host.
    pub(super) fn processes(&self) -> Vec<Pid> {
        let init = self.init().ok();
        let is_sshd = |process: &Pid| {
            let comm = format!("/proc/{}/comm", process.as_raw_nonzero());
            fs::read_to_string(comm).is_ok_and(|name| name.trim() == "sshd")
        };
        let all = self.all().into_iter();
        all.filter(|process| Some(*process) != init && !is_sshd(process))
            .collect()
    }

    fn all(&self) -> Vec<Pid> {
        let namespace = |process: &Path| fs::read_link(process.join("ns/pid")).ok();
        let Ok(init) = self.init() else { return Vec::new() };
        let Some(own) = namespace(Path::new(&format!("/proc/{}", init.as_raw_nonzero()))) else {
            return Vec::new();
        };
        processes::all(|process| namespace(process).as_ref() == Some(&own))
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let running = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        if running(self.child.get_mut().unwrap_or_else(PoisonError::into_inner))
            && let Ok(init) = self.init()
        {
            // The kernel takes all others of the namespace with it, and lets it be waited for when they are gone.
            let _ = kill_process(init, Signal::KILL);
        }
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = child.wait();
    }
}

fn configuration(host: &LabHost, host_key: &Path, keys: &Path) -> String {
    let address = host.address();
    // A shell level of its own: bash takes itself for a login over the network otherwise, and reads ~/.bashrc.
    format!(
        "Port {}\nListenAddress {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\n\
         PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         MaxStartups 200:30:400\nMaxSessions 100\nUseDNS no\nPrintMotd no\n\
         SetEnv SHLVL=5 PATH=/opt/bin:{SEARCH_PATH}\nSubsystem sftp internal-sftp\n",
        address.port(),
        address.ip(),
        host_key.display(),
        keys.display(),
    )
}

//! Private servers for tests: each in a temporary folder of its own, on a Unix socket, gone when it is dropped.
//! Started by a root user they run under the account of their package, as in production.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::finished::{Finished, INSTALL_HINT};
use crate::process::PATIENCE;

pub mod fake_mysql;
pub mod fake_postgresql;
pub mod fake_redis;
pub mod mariadb;
pub mod postgresql;
pub mod redis;
pub mod sqlite;

/// As much of an answer as a fake server gives that answers without end: where nobody hangs up, the test has to end.
pub const FLOOD: u64 = 384 << 20;

/// Writes the same again and again, until there is nobody who reads, and counts it.
fn flood(output: &mut impl Write, again: &[u8], told: &AtomicU64) -> Option<()> {
    let length = again.len() as u64;
    while told.fetch_add(length, Ordering::Relaxed) + length < FLOOD {
        output.write_all(again).ok()?;
    }
    Some(())
}

/// How often it is asked meanwhile.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The account that a server runs under.
#[derive(Debug, Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// Finds the account of a package; `None` when the tests do not run as root, and so cannot change it.
    fn of_package(name: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let accounts = fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
        let fields: Vec<&str> = accounts
            .lines()
            .map(|line| line.split(':').collect())
            .find(|fields: &Vec<&str>| fields.first() == Some(&name))
            .unwrap_or_else(|| panic!("there is no account `{name}`\n{INSTALL_HINT}"));
        Some(Self {
            user: fields[2].parse().expect("a user id"),
            group: fields[3].parse().expect("a group id"),
        })
    }

    /// Returns a command that runs a program under this account.
    fn command(account: Option<Self>, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/");
        if let Some(account) = account {
            command.uid(account.user).gid(account.group);
        }
        command
    }

    /// Gives a folder and all that is in it to this account.
    fn take(account: Option<Self>, folder: &Path) {
        let Some(account) = account else { return };
        chown(folder, Some(account.user), Some(account.group)).expect("root can give a folder away");
        for entry in fs::read_dir(folder).expect("the folder can be listed") {
            let path = entry.expect("the folder can be listed").path();
            if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
                Self::take(Some(account), &path);
            } else {
                chown(&path, Some(account.user), Some(account.group)).expect("root can give a file away");
            }
        }
    }
}

/// Where clients and servers are looked for.
pub(crate) const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// Finds a program; panics with a hint when it is not installed.
pub(crate) fn program(name: &str) -> PathBuf {
    let folders = SEARCH_PATH.split(':').map(PathBuf::from);
    folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("`{name}` is not installed\n{INSTALL_HINT}"))
}

/// Finds the first of these programs that is installed; panics with a hint when none is.
fn first_program(names: &[&str]) -> PathBuf {
    let found = names.iter().find(|name| is_installed(name));
    program(found.or(names.first()).expect("there is a name"))
}

fn is_installed(name: &str) -> bool {
    SEARCH_PATH
        .split(':')
        .any(|folder| Path::new(folder).join(name).is_file())
}

/// Makes a private folder whose path is short enough for a Unix socket in it (107 bytes, unix(7)).
fn private_folder(account: Option<Account>) -> TempDir {
    let folder = tempfile::Builder::new()
        .prefix("batt-")
        .tempdir_in("/tmp")
        .expect("/tmp can be written");
    Account::take(account, folder.path());
    if account.is_some() {
        // As the folders of sockets are in /run: who has an account in the server need not have one on the host.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).expect("the mode can be set");
    }
    folder
}

/// A running server.
#[derive(Debug)]
struct Running {
    child: Mutex<Child>,
    /// The signal that ends it at once, its children with it.
    stop: Signal,
}

impl Running {
    /// Starts a server with its output in `log`, and returns once `answers` says that it can be used.
    fn start(mut command: Command, log: &Path, stop: Signal, answers: impl Fn() -> bool) -> Self {
        let output = File::create(log).expect("the log can be created");
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file can be shared"))
            .stderr(output);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let running = Self {
            child: Mutex::new(child),
            stop,
        };
        let deadline = Instant::now() + PATIENCE;
        while !answers() {
            let ended = running.child().try_wait().expect("a child can be waited for");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the server does not answer: {command:?}, ended: {ended:?}\n{}",
                fs::read_to_string(log).unwrap_or_default()
            );
            thread::sleep(POLL_INTERVAL);
        }
        running
    }

    /// Ends the server at once, as a crash does, and waits until it is gone.
    fn kill(&self) {
        let mut child = self.child();
        if matches!(child.try_wait(), Ok(None)) {
            kill_process(Pid::from_child(&child), self.stop).ok();
            child.wait().ok();
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks until the answer is yes.
#[track_caller]
fn wait_until(what: &str, answer: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !answer() {
        assert!(Instant::now() < deadline, "waited too long for: {what}");
        thread::sleep(POLL_INTERVAL);
    }
}

/// Fills `target` with a copy of a freshly initialised data folder. The first to ask has it made by `initialise`, in a folder
/// that it is given; it is kept beside the test programs, as `name`, for all later tests.
fn copy_of_template(name: &str, account: Option<Account>, target: &Path, initialise: impl FnOnce(&Path)) {
    let store = templates();
    let template = store.join(name);
    let lock = File::create(store.join(format!("{name}.lock"))).expect("the lock can be created");
    lock.lock().expect("the lock can be taken");
    if !template.exists() {
        let folder = private_folder(account);
        initialise(&folder.path().join("data"));
        let unfinished = store.join(format!("{name}.unfinished"));
        fs::remove_dir_all(&unfinished).ok();
        copy(&folder.path().join("data"), &unfinished);
        fs::rename(&unfinished, &template).expect("a folder can be renamed");
    }
    drop(lock);
    copy(&template, target);
    Account::take(account, target);
}

/// The folder of templates: `tmp` in cargo's target folder, two levels above the running test program's.
fn templates() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its path");
    let target = program
        .ancestors()
        .nth(3)
        .expect("test programs are in target/PROFILE/deps");
    let folder = target.join("tmp");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

fn copy(from: &Path, to: &Path) {
    Finished::run(
        Command::new("cp")
            .arg("-a")
            .arg("--reflink=auto")
            .arg("--")
            .arg(from)
            .arg(to),
    )
    .success();
}

/// Returns a word that changes with a program's build, for the name of a template.
fn build_of(program: &Path) -> String {
    let metadata = fs::metadata(program).expect("the program can be looked at");
    format!("{}-{}", metadata.size(), metadata.mtime())
}

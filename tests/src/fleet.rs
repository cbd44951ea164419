//! A fleet for the black-box tests of the controller: hosts behind a private sshd, each with an address, a home and a
//! place for backups of its own, and the folder that `batt-fleet` starts from.

mod running;
mod sshd;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::finished::Finished;
use crate::host::under_test;
use crate::process::until;
use crate::server::SEARCH_PATH;
use crate::zone::far_from_midnight;

pub use running::Running;
pub use sshd::{Sshd, new_key, public_key};

/// What the service `work` does, by its setting `WORK_MODE`.
const WORK: &str = r#"#!/bin/sh
# batt: summary  Does as its settings say
echo "work as $WORK_MODE"
echo $$ > "$WORK_MARK.part" && mv "$WORK_MARK.part" "$WORK_MARK"
case $WORK_MODE in
fail) echo "the disk is on fire" >&2; exit 3 ;;
hang) sleep 600 & sleep 600 ;;
gate) while [ ! -e "$WORK_GATE" ]; do sleep 0.02; done ;;
hostile) printf 'a\033]0;title\007b \342\200\256c\n\033[2J\rover\n' >&2; exit 4 ;;
esac
printf '%s\n' "$@" > "$BATT_DEST/$BATT_SERVICE/items"
"#;

/// Hosts, an inventory of them, and the folder that belongs to it.
#[derive(Debug)]
pub struct Fleet {
    folder: TempDir,
    sshd: RefCell<Option<Sshd>>,
    hosts: RefCell<BTreeMap<String, BTreeMap<String, String>>>,
    groups: RefCell<String>,
}

impl Fleet {
    /// Makes a fleet of these hosts, all in the group `db`, which backs up the service `work`. All are well.
    pub fn of(names: &[&str]) -> Self {
        Self::with_sshd(names, "")
    }

    /// Makes a fleet whose sshd has these further lines in its configuration.
    pub fn with_sshd(names: &[&str], lines: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("batt-fleet-")
            .tempdir()
            .expect("a temporary folder");
        for name in ["bin", "user", "fleet", "scratch"] {
            fs::create_dir(folder.path().join(name)).expect("the folder can be written");
        }
        let sshd = Sshd::start(folder.path(), names.len(), lines);
        let fleet = Self {
            folder,
            sshd: RefCell::new(None),
            hosts: RefCell::default(),
            groups: RefCell::default(),
        };
        for (at, name) in names.iter().enumerate() {
            let place = fleet.host_folder(name);
            fs::create_dir(&place).expect("the folder can be written");
            fleet.set(name, "address", &quoted(&sshd.address(at)));
            fleet.set(name, "port", &sshd.port.to_string());
            fleet.set(name, "user", &quoted(&sshd.user));
            fleet.set(name, "identity", &quoted(&path_text(&sshd.identity)));
            fleet.set(name, "host_key", &format!("[{}]", quoted(&sshd.host_key)));
            fleet.set(name, "agent_path", &quoted(&path_text(&under_test("batt"))));
            fleet.set(name, "agent_home", &quoted(&path_text(&fleet.home(name))));
            fleet.set(name, "path", &quoted(&fleet.pattern(name)));
            fleet.mode(name, "good");
        }
        fleet.group("db", names, &["work"]);
        fleet.script("work", WORK);
        fleet.sshd.replace(Some(sshd));
        fleet
    }

    /// Adds a group of hosts.
    pub fn group(&self, name: &str, hosts: &[&str], services: &[&str]) {
        let mut groups = self.groups.borrow_mut();
        writeln!(
            groups,
            "[groups.{name}]\nhosts = {hosts:?}\nservices = {services:?}"
        )
        .expect("a String can be written");
    }

    /// Sets a key of a host in the inventory to a value as TOML has it.
    pub fn set(&self, host: &str, key: &str, value: &str) {
        let mut hosts = self.hosts.borrow_mut();
        let settings = hosts.entry(host.to_owned()).or_default();
        settings.insert(key.to_owned(), value.to_owned());
    }

    /// Takes a key of a host away.
    pub fn unset(&self, host: &str, key: &str) {
        if let Some(settings) = self.hosts.borrow_mut().get_mut(host) {
            settings.remove(key);
        }
    }

    /// Puts an executable in the place of a host's agent.
    pub fn fake_agent(&self, host: &str, script: &str) {
        let path = self.host_folder(host).join("agent");
        write_executable(&path, script);
        self.set(host, "agent_path", &quoted(&path_text(&path)));
    }

    /// Puts an executable into the search path of all hosts, before the system's.
    pub fn program_on_hosts(&self, name: &str, script: &str) {
        write_executable(&self.path("bin").join(name), script);
    }

    /// Sets what the service `work` does on a host: `good`, `fail`, `hang`, `gate` (until [`Fleet::open_gate`]) or
    /// `hostile`.
    pub fn mode(&self, host: &str, mode: &str) {
        let settings = format!(
            "WORK_MODE={mode}\nWORK_MARK={}\nWORK_GATE={}\n",
            self.mark(host).display(),
            self.gate(host).display()
        );
        self.file(&format!("conf/hosts/{host}/backup-work.conf"), &settings);
    }

    /// Lets the service `work` on a host go on.
    pub fn open_gate(&self, host: &str) {
        fs::write(self.gate(host), "").expect("the folder can be written");
    }

    /// Waits until the service `work` has started on a host, and returns the process of its script.
    pub fn started(&self, host: &str) -> u32 {
        let mark = self.mark(host);
        until(&format!("work starts on {host}"), || mark.exists());
        let process = fs::read_to_string(mark).expect("the mark can be read");
        process.trim().parse().expect("a process id")
    }

    /// Tells whether the service `work` has ever started on a host.
    pub fn has_started(&self, host: &str) -> bool {
        self.mark(host).exists()
    }

    /// Writes a script into the fleet folder.
    pub fn script(&self, service: &str, content: &str) {
        self.file(&format!("scripts-available/backup-{service}"), content);
    }

    /// Writes a file into the fleet folder; executable, as scripts have to be.
    pub fn file(&self, name: &str, content: &str) {
        let path = self.path("fleet").join(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder can be written");
        write_executable(&path, content);
    }

    /// Returns the fleet folder.
    pub fn fleet_folder(&self) -> PathBuf {
        self.path("fleet")
    }

    /// Returns a folder for whatever a test needs.
    pub fn scratch(&self) -> PathBuf {
        self.path("scratch")
    }

    /// Returns the folder in which the controller keeps runs.
    pub fn state(&self) -> PathBuf {
        self.path("state/batt-fleet")
    }

    /// Returns batt's home on a host.
    pub fn home(&self, host: &str) -> PathBuf {
        self.host_folder(host).join("batt")
    }

    /// Returns where backups go on a host.
    pub fn pattern(&self, host: &str) -> String {
        path_text(&self.host_folder(host).join("backup/%Y/%m/%d"))
    }

    /// Returns the home of the person who runs the controller.
    pub fn user_home(&self) -> PathBuf {
        self.path("user")
    }

    /// Returns the folders of the published backups of a service on a host.
    pub fn backups(&self, host: &str, service: &str) -> Vec<PathBuf> {
        let mut folders = vec![self.host_folder(host).join("backup")];
        for _ in ["year", "month", "day"] {
            folders = folders.iter().flat_map(|folder| entries(folder)).collect();
        }
        let of_days = folders.iter().map(|day| day.join(service));
        of_days.filter(|path| path.is_dir()).collect()
    }

    /// Returns the sshd of all hosts.
    #[track_caller]
    pub fn with<T>(&self, ask: impl FnOnce(&mut Sshd) -> T) -> T {
        ask(self.sshd.borrow_mut().as_mut().expect("sshd runs"))
    }

    /// Stops sshd for good; its connections with it.
    pub fn stop_sshd(&self) {
        self.sshd.replace(None);
    }

    /// Runs `batt-fleet` in the fleet folder to its end.
    pub fn fleet(&self, arguments: &[&str]) -> Finished {
        Finished::run(self.command().args(arguments))
    }

    /// Starts `batt-fleet` in the fleet folder.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command();
        command.args(arguments);
        Running::start(command, self.folder.path())
    }

    /// Returns `batt-fleet`, to be run in the fleet folder with an environment of its own.
    pub fn command(&self) -> Command {
        self.write_inventory();
        let mut command = Command::new(under_test("batt-fleet"));
        command
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("HOME", self.user_home())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.fleet_folder());
        command
    }

    /// Runs `batt` on a host, as somebody who sits there.
    pub fn batt(&self, host: &str, arguments: &[&str]) -> Finished {
        let mut command = Command::new(under_test("batt"));
        command.env_clear().env("PATH", SEARCH_PATH);
        command.arg("--home").arg(self.home(host)).args(arguments);
        command.envs(far_from_midnight().map(|zone| ("TZ", zone)));
        Finished::run(command.env("HOME", self.user_home()))
    }

    /// Runs `batt-fleet ... --format json` and returns its exit code and its document.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let arguments = [arguments, &["--format", "json"]].concat();
        let finished = self.fleet(&arguments);
        let document = serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|error| panic!("{error} in:\n{}\n{}", finished.stdout, finished.stderr));
        (finished.code, document)
    }

    fn write_inventory(&self) {
        let mut text = self.groups.borrow().clone();
        for (host, settings) in self.hosts.borrow().iter() {
            writeln!(text, "[hosts.{host}]").expect("a String can be written");
            for (key, value) in settings {
                writeln!(text, "{key} = {value}").expect("a String can be written");
            }
        }
        fs::write(self.path("fleet").join("inventory.toml"), text).expect("the folder can be written");
    }

    fn host_folder(&self, host: &str) -> PathBuf {
        self.path(&format!("host-{host}"))
    }

    fn mark(&self, host: &str) -> PathBuf {
        self.scratch().join(format!("{host}.mark"))
    }

    fn gate(&self, host: &str) -> PathBuf {
        self.scratch().join(format!("{host}.gate"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Returns the entry of a host in the document of a run.
#[track_caller]
pub fn host_of<'a>(document: &'a Value, name: &str) -> &'a Value {
    let hosts = document["hosts"].as_array().expect("hosts are a list");
    hosts
        .iter()
        .find(|host| host["host"] == name)
        .unwrap_or_else(|| panic!("`{name}` is not in {document:#}"))
}

/// Asserts the class of a host in the document of a run, and that its reason holds a text.
#[track_caller]
pub fn assert_class(document: &Value, name: &str, class: &str, reason: &str) {
    let host = host_of(document, name);
    assert_eq!(host["class"], class, "{host:#}");
    let told = host["reason"].as_str().unwrap_or_default();
    assert!(told.contains(reason), "`{reason}` is not in {host:#}");
}

/// Returns the text of every file below a folder. One that goes while it is looked at was none.
pub fn texts_below(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut texts = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if path.is_file() {
                match fs::read(&path) {
                    Ok(content) => {
                        texts.insert(path, String::from_utf8_lossy(&content).into_owned());
                    }
                    Err(cause) => assert_eq!(cause.kind(), ErrorKind::NotFound, "{}", path.display()),
                }
            }
        }
    }
    texts
}

/// Returns a text as TOML has it.
pub fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn write_executable(path: &Path, content: &str) {
    fs::write(path, content).expect("the folder can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .collect()
}

fn path_text(path: &Path) -> String {
    path.to_str().expect("test folders are UTF-8").to_owned()
}

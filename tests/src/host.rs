//! A host in a temporary folder: a home and a place for backups of its own, and the program under test.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::finished::Finished;
use crate::server::{SEARCH_PATH, program};
use crate::zone::far_from_midnight;

/// A host with the shipped scripts installed.
#[derive(Debug)]
pub struct Host {
    folder: TempDir,
    zone: Option<String>,
}

impl Host {
    /// Makes a host by `batt init`.
    pub fn new() -> Self {
        Self::new_in(&std::env::temp_dir())
    }

    /// Makes a host whose folder is a new one in `parent`.
    pub fn new_in(parent: &Path) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("batt-host-")
            .tempdir_in(parent)
            .expect("a temporary folder");
        let host = Self {
            folder,
            zone: far_from_midnight(),
        };
        fs::create_dir(host.user_home()).expect("the folder can be written");
        let mut init = host.command(&under_test("batt"));
        init.arg("--home").arg(host.home()).arg("init");
        Finished::run(&mut init).success();
        host
    }

    /// Returns batt's home.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("batt")
    }

    /// Returns a folder for whatever a test needs beside home and backups.
    pub fn scratch(&self) -> PathBuf {
        let scratch = self.folder.path().join("scratch");
        fs::create_dir_all(&scratch).expect("the folder can be written");
        scratch
    }

    /// Sets the settings that lead a service to a server, as the server tells them.
    pub fn lead_to(&self, service: &str, environment: &[(&str, String)]) {
        let settings: Vec<(&str, &str)> = environment
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        self.configure(service, &settings);
    }

    /// Sets the settings of a service for this host alone, in place of those set before.
    pub fn configure(&self, service: &str, settings: &[(&str, &str)]) {
        let path = self.home().join(format!("conf/backup-{service}.local.conf"));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .expect("conf can be written");
        for (key, value) in settings {
            let quoted = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('$', "\\$")
                .replace('`', "\\`");
            writeln!(file, "{key}=\"{quoted}\"").expect("conf can be written");
        }
    }

    /// Runs `batt` on this host.
    pub fn batt(&self, arguments: &[&str]) -> Finished {
        let mut command = self.command(&under_test("batt"));
        Finished::run(command.args(self.location()).args(arguments))
    }

    /// Returns the command that calls `batt` on this host, for a test that starts it by itself.
    pub fn batt_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&under_test("batt"));
        command.args(self.location()).args(arguments);
        command
    }

    /// Returns the folder that has everything of this host in it.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `batt` on this host under strace; returns also the arguments of every program that was started meanwhile.
    pub fn batt_traced(&self, arguments: &[&str]) -> (Finished, String) {
        let trace = self.scratch().join("trace");
        let trace_to = [
            "-f",
            "-qq",
            "-e",
            "trace=execve,execveat",
            "-e",
            "signal=none",
            "-s",
            "65536",
            "-o",
        ];
        let wrapper: Vec<&str> = trace_to.into_iter().chain(trace.to_str()).collect();
        let finished = self.batt_within("strace", &wrapper, arguments);
        // Without -v the environment, where secrets may be, is but counted.
        (
            finished,
            fs::read_to_string(&trace).expect("strace writes its trace"),
        )
    }

    /// Returns how many programs `batt` starts on this host, the first with it. Each costs more than the little that most of them do.
    #[track_caller]
    pub fn programs_started(&self, arguments: &[&str]) -> usize {
        let (finished, trace) = self.batt_traced(arguments);
        finished.success();
        let began = |line: &&str| line.contains("execve") && line.ends_with("= 0");
        trace.lines().filter(began).count()
    }

    /// Runs `batt` on this host by a program that takes a command line at the end of its own.
    pub fn batt_within(&self, wrapper: &str, its_arguments: &[&str], arguments: &[&str]) -> Finished {
        let mut command = self.command(&program(wrapper));
        command
            .args(its_arguments)
            .arg(under_test("batt"))
            .args(self.location())
            .args(arguments);
        Finished::run(&mut command)
    }

    /// Runs a shell command in a mount namespace of its own, with `batt` as a function that calls it on this host. None, and
    /// a loud word, where that is not allowed.
    #[allow(clippy::print_stderr, reason = "what is skipped is told loudly")]
    pub fn in_mounts(&self, script: &str) -> Option<Finished> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: only root can mount");
            return None;
        }
        let command = self.batt_command(&[]);
        let words: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| format!("'{}'", word.to_string_lossy()))
            .collect();
        let script = format!("set -e; batt() {{ {} \"$@\"; }}\n{script}", words.join(" "));
        let mut unshare = Command::new("unshare");
        unshare
            .args(["-m", "sh", "-c", &script])
            .env("HOME", self.user_home());
        Some(Finished::run(&mut unshare))
    }

    /// Returns the folder of the one backup of a service that is published.
    #[track_caller]
    pub fn backup(&self, service: &str) -> PathBuf {
        let found = self.backups(service);
        assert_eq!(found.len(), 1, "backups of {service}: {found:?}");
        found.into_iter().next().expect("there is one")
    }

    /// Returns the folders of all published backups of a service.
    pub fn backups(&self, service: &str) -> Vec<PathBuf> {
        let mut folders = vec![self.folder.path().join("backup")];
        for _ in ["year", "month", "day"] {
            folders = folders.iter().flat_map(|folder| entries(folder)).collect();
        }
        folders
            .iter()
            .map(|day| day.join(service))
            .filter(|path| path.is_dir())
            .collect()
    }

    /// Returns the manifest of the one backup of a service.
    #[track_caller]
    pub fn manifest(&self, service: &str) -> Value {
        let path = self.backup(service).join("manifest.json");
        serde_json::from_slice(&fs::read(path).expect("the manifest can be read"))
            .expect("a manifest is JSON")
    }

    /// Returns a fact of the one backup of a service.
    #[track_caller]
    pub fn fact(&self, service: &str, key: &str) -> String {
        let mut facts = self.facts(service, key);
        facts
            .remove(key)
            .unwrap_or_else(|| panic!("no fact `{key}` among {facts:?}"))
    }

    /// Returns the facts of the one backup of a service whose keys begin with `prefix`.
    #[track_caller]
    pub fn facts(&self, service: &str, prefix: &str) -> BTreeMap<String, String> {
        let facts = self.manifest(service)["facts"].clone();
        let facts: BTreeMap<String, String> = serde_json::from_value(facts).expect("facts are texts");
        facts
            .into_iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .collect()
    }

    /// Returns what the scripts of a service have said in all runs.
    pub fn logs(&self, service: &str) -> String {
        let runs = entries(&self.home().join("var/runs"));
        runs.iter()
            .filter_map(|run| fs::read_to_string(run.join(format!("{service}.log"))).ok())
            .collect()
    }

    /// Runs the commands of a backup's RESTORE.md one after the other, in its folder, as an administrator would.
    #[track_caller]
    pub fn restore(&self, backup: &Path, environment: &[(&str, String)]) {
        let guide = fs::read_to_string(backup.join("RESTORE.md")).expect("RESTORE.md can be read");
        let commands = commands_of(&guide);
        assert!(!commands.is_empty(), "no commands in:\n{guide}");
        // Who is not root leaves it out, as the guides say.
        let alone = "runuser() { shift 3; \"$@\"; }\n";
        let alone = if rustix::process::geteuid().is_root() {
            ""
        } else {
            alone
        };
        let script = format!("set -euo pipefail\n{alone}{}", commands.join("\n"));
        let mut shell = self.command(&program("bash"));
        shell.arg("-c").arg(&script).current_dir(backup);
        shell.envs(environment.iter().map(|(key, value)| (key, value)));
        let finished = Finished::run(&mut shell);
        assert_eq!(finished.code, Some(0), "{script}\n---\n{}", finished.stderr);
    }

    /// Asserts that a secret is nowhere on this host: not in journals, logs, locks, manifests or guides. Archives and
    /// conf files, where it may be, are left out.
    #[track_caller]
    pub fn assert_nowhere(&self, secret: &str) {
        let mut folders = vec![self.home(), self.folder.path().join("backup")];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for path in entries(&folder) {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                if path.is_symlink() {
                    // As each run's link to the program itself.
                } else if path.is_dir() {
                    folders.push(path);
                } else if path.is_file() && !name.ends_with(".zst") && !name.ends_with(".conf") {
                    files += 1;
                    let content = fs::read(&path).expect("the file can be read");
                    let found = content
                        .windows(secret.len())
                        .any(|window| window == secret.as_bytes());
                    assert!(!found, "the secret is in {}", path.display());
                }
            }
        }
        assert!(files > 0, "there is nothing to look at");
    }

    /// Returns the folder that is `HOME` for what runs on this host.
    pub fn user_home(&self) -> PathBuf {
        self.folder.path().join("user")
    }

    fn location(&self) -> [String; 4] {
        let pattern = self.folder.path().join("backup/%Y/%m/%d");
        [
            "--home".to_owned(),
            path_text(&self.home()),
            "--path".to_owned(),
            path_text(&pattern),
        ]
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("HOME", self.user_home());
        command.env("LC_ALL", "C.UTF-8").current_dir(self.folder.path());
        command.envs(self.zone.as_ref().map(|zone| ("TZ", zone)));
        command
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns a program under test, which cargo has built beside the tests.
pub fn under_test(name: &str) -> PathBuf {
    // Programs of an earlier commit, to see what was possible there.
    if let Some(folder) = std::env::var_os("BATT_TEST_PROGRAMS") {
        return PathBuf::from(folder).join(name);
    }
    let test = std::env::current_exe().expect("a program knows its path");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("test programs are in target/PROFILE/deps");
    profile.join(format!("{name}-under-test"))
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

/// Returns the commands of a guide: what stands in its fenced blocks of shell.
fn commands_of(guide: &str) -> Vec<&str> {
    let mut inside = false;
    let mut commands = Vec::new();
    for line in guide.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside {
            commands.push(line);
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::commands_of;

    #[test]
    fn commands_are_what_is_fenced() {
        assert_eq!(
            commands_of("# a\n```sh\nls -l\n```\ntext\n```\nid\n```\n"),
            ["ls -l", "id"]
        );
    }
}

//! Drop-in services of a test: scripts that a test writes itself, and what came of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::finished::Finished;
use crate::host::Host;

/// What `--format json` says of one service.
#[derive(Debug)]
pub struct Told {
    /// The exit code of `batt`.
    pub exit: i32,
    /// The id of the run.
    pub run: String,
    /// The service's outcome.
    pub outcome: String,
    /// Why it did not succeed; empty when it did.
    pub reason: String,
    /// Its warnings, one a line.
    pub warnings: String,
    /// Where its backup was published.
    pub path: Option<PathBuf>,
}

impl Host {
    /// Puts a shell script into `scripts-available` as `backup-{service}`, and returns its path.
    pub fn drop_in(&self, service: &str, body: &str) -> PathBuf {
        self.drop_in_raw(service, format!("#!/bin/sh\n{body}\n").as_bytes(), 0o755)
    }

    /// Puts these very bytes into `scripts-available` as `backup-{service}`.
    pub fn drop_in_raw(&self, service: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = self.home().join(format!("scripts-available/backup-{service}"));
        fs::write(&path, content).expect("the script can be written");
        chmod(&path, mode);
        path
    }

    /// Writes batt.toml.
    pub fn settings(&self, text: &str) {
        let path = self.home().join("conf/batt.toml");
        fs::write(&path, text).expect("batt.toml can be written");
        chmod(&path, 0o600);
    }

    /// Lets the host promise these items of a service: batt.toml names them, and nothing else.
    pub fn promise(&self, service: &str, items: &[&str]) {
        // What JSON escapes is escaped in the same way in TOML.
        let items = serde_json::json!(items);
        self.settings(&format!("[service.{service}]\nitems = {items}\n"));
    }

    /// Backs up what the host is made to promise of a service.
    pub fn batt_promised(&self, service: &str, items: &[&str]) -> Finished {
        self.promise(service, items);
        self.batt(&[service])
    }

    /// Writes a conf file of this name.
    pub fn conf(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home().join("conf").join(name);
        let mut options = fs::OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path);
        std::io::Write::write_all(&mut file.expect("conf can be opened"), text.as_bytes())
            .expect("conf can be written");
        path
    }

    /// Backs one service up by a script with this body, and returns what was told of it.
    #[track_caller]
    pub fn try_script(&self, service: &str, body: &str) -> Told {
        self.drop_in(service, body);
        self.told(service, &[service])
    }

    /// Runs `batt` and returns what its JSON says of one service.
    #[track_caller]
    pub fn told(&self, service: &str, arguments: &[&str]) -> Told {
        let all: Vec<&str> = ["--format", "json"]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        told(service, self.batt(&all))
    }

    /// Runs `batt` with another pattern for the place of backups.
    pub fn batt_at(&self, pattern: &Path, arguments: &[&str]) -> Finished {
        let usual = self.batt_command(arguments);
        let mut command = std::process::Command::new(usual.get_program());
        command.env_clear();
        command.envs(usual.get_envs().filter_map(|(key, value)| Some((key, value?))));
        let mut is_pattern = false;
        for word in usual.get_args() {
            command.arg(if is_pattern { pattern.as_os_str() } else { word });
            is_pattern = word == "--path";
        }
        Finished::run(&mut command)
    }

    /// Returns every file below the folder for backups with its content, and every link, as text. What goes while it is looked at was
    /// not there.
    pub fn published(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        walk(&self.root().join("backup"), &mut found);
        found
    }

    /// Returns the manifest of the backup in a folder.
    #[track_caller]
    pub fn manifest_of(&self, backup: &Path) -> Value {
        let bytes = fs::read(backup.join("manifest.json")).expect("the manifest can be read");
        serde_json::from_slice(&bytes).expect("a manifest is JSON")
    }

    /// Returns what `batt backups` says, oldest first.
    #[track_caller]
    pub fn listed(&self) -> Vec<Value> {
        let said = self.batt(&["--format", "json", "backups"]).success();
        let said: Value = serde_json::from_str(&said).expect("backups are JSON");
        said["backups"].as_array().expect("backups are a list").clone()
    }

    /// Asserts that nothing but published backups is below the folder for backups, and that each verifies.
    #[track_caller]
    pub fn assert_sound(&self) {
        for path in self.published().keys() {
            let shown = path.display().to_string();
            assert!(!shown.contains("/."), "left behind: {shown}");
        }
        let verified = self.batt(&["verify", "--all"]);
        assert!(
            matches!(verified.code, Some(0 | 65)),
            "{}{}",
            verified.stdout,
            verified.stderr
        );
    }
}

/// Reads what `--format json` said of one service.
#[track_caller]
pub fn told(service: &str, finished: Finished) -> Told {
    let said = finished.said();
    let report: Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("no JSON ({error}), exit {:?}:\n{said}", finished.code));
    let services = report["services"].as_array().expect("services are a list");
    let own = services
        .iter()
        .find(|entry| entry["service"] == service)
        .unwrap_or_else(|| panic!("`{service}` is not in:\n{said}"));
    let exit = finished.code.expect("batt ends by itself");
    assert_eq!(
        report["exit"], exit,
        "the report and the exit code differ:\n{said}"
    );
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let warnings = own["warnings"].as_array().into_iter().flatten();
    Told {
        exit,
        run: text(&report["run"]),
        outcome: text(&own["outcome"]),
        reason: text(&own["reason"]),
        warnings: warnings.map(text).collect::<Vec<_>>().join("\n"),
        path: own["path"].as_str().map(PathBuf::from),
    }
}

impl Told {
    /// Asserts that it failed for a reason that holds these words, and that nothing was published.
    #[track_caller]
    pub fn failed(&self, words: &[&str]) {
        self.ended("failed", 2, words);
    }

    /// Asserts how it ended, with which exit code, and with which words in its reason.
    #[track_caller]
    pub fn ended(&self, outcome: &str, exit: i32, words: &[&str]) {
        assert_eq!((self.outcome.as_str(), self.exit), (outcome, exit), "{self:?}");
        for word in words {
            assert!(self.reason.contains(word), "`{word}` is not in: {self:?}");
        }
        assert_eq!(self.path, None);
    }

    /// Asserts that it is published beside with this outcome, for a reason that holds these words, and returns where.
    #[track_caller]
    pub fn beside(&self, outcome: &str, words: &[&str]) -> &Path {
        assert_eq!((self.outcome.as_str(), self.exit), (outcome, 2), "{self:?}");
        for word in words {
            assert!(self.reason.contains(word), "`{word}` is not in: {self:?}");
        }
        let path = self.path.as_deref().expect("what is published has a path");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        assert!(name.ends_with(&format!("~{}", self.run)), "{self:?}");
        path
    }

    /// Asserts that it succeeded, and returns where its backup is.
    #[track_caller]
    pub fn succeeded(&self) -> &Path {
        assert_eq!((self.outcome.as_str(), self.exit), ("succeeded", 0), "{self:?}");
        self.path.as_deref().expect("a backup that succeeded has a path")
    }
}

/// Sets the permissions of a file or folder.
pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions can be set");
}

fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type().expect("an entry has a kind");
        if kind.is_dir() {
            found.insert(path.clone(), Vec::new());
            walk(&path, found);
        } else if kind.is_file() {
            match fs::read(&path) {
                Ok(content) => {
                    found.insert(path, content);
                }
                Err(cause) => assert_eq!(cause.kind(), ErrorKind::NotFound, "{}", path.display()),
            }
        } else {
            found.insert(path, b"neither file nor folder".to_vec());
        }
    }
}

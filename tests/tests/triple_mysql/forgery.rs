//! Copies of a backup in which somebody has changed something, so that all sums are right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::mariadb::MariaDb;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::content::configure;

/// A copy of a backup that no catalogue knows, and a host that has never seen it.
pub(crate) struct Forgery {
    folder: TempDir,
    host: Host,
}

impl Forgery {
    /// Copies a backup.
    pub(crate) fn of(backup: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(backup).arg(folder.path().join("mysql"));
        Finished::run(&mut copy).success();
        Self {
            folder,
            host: Host::new(),
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("mysql").join(file)
    }

    /// Changes the manifest.
    pub(crate) fn doctor(self, from: &str, to: &str) -> Self {
        let text = fs::read_to_string(self.path("manifest.json")).unwrap();
        assert!(text.contains(from), "`{from}` is not in:\n{text}");
        fs::write(self.path("manifest.json"), text.replacen(from, to, 1)).unwrap();
        self.sum("manifest.json");
        self
    }

    /// Puts a statement before the last line of a dump.
    pub(crate) fn append(self, archive: &str, statement: &str) -> Self {
        let end = "\n-- Dump completed";
        self.replace(archive, end, &format!("\n{statement}{end}"))
    }

    /// Puts something else in the place of the last of these words in a dump.
    pub(crate) fn replace(self, archive: &str, from: &str, to: &str) -> Self {
        let file = self.path(archive);
        let dump = Command::new("zstd")
            .arg("-dc")
            .arg(&file)
            .output()
            .unwrap()
            .stdout;
        let place = dump
            .windows(from.len())
            .rposition(|text| text == from.as_bytes())
            .unwrap_or_else(|| panic!("`{from}` is not in the dump"));
        let forged = [&dump[..place], to.as_bytes(), &dump[place + from.len()..]].concat();
        let plain = self.folder.path().join("plain");
        fs::write(&plain, &forged).unwrap();
        Finished::run(
            Command::new("zstd")
                .args(["-qf"])
                .arg(&plain)
                .arg("-o")
                .arg(&file),
        )
        .success();
        let compressed = fs::read(&file).unwrap();

        let mut manifest: Value =
            serde_json::from_slice(&fs::read(self.path("manifest.json")).unwrap()).unwrap();
        let archives = manifest["archives"].as_array_mut().unwrap();
        let record = archives.iter_mut().find(|one| one["file"] == archive).unwrap();
        record["bytes"] = compressed.len().into();
        record["raw_bytes"] = forged.len().into();
        record["sha256"] = hex(&compressed).into();
        fs::write(
            self.path("manifest.json"),
            serde_json::to_vec_pretty(&manifest).unwrap(),
        )
        .unwrap();
        self.sum(archive);
        self.sum("manifest.json");
        self
    }

    /// Puts the sum of a file right, where it is in the list.
    fn sum(&self, file: &str) {
        let sums = fs::read_to_string(self.path("SHA256SUMS")).unwrap();
        let sum = hex(&fs::read(self.path(file)).unwrap());
        let lines: Vec<String> = sums
            .lines()
            .map(|line| {
                if line.ends_with(&format!("  {file}")) {
                    format!("{sum}  {file}")
                } else {
                    line.to_owned()
                }
            })
            .collect();
        fs::write(self.path("SHA256SUMS"), lines.join("\n") + "\n").unwrap();
    }

    /// Verifies it.
    pub(crate) fn verify(&self) -> Finished {
        let folder = self.path("");
        self.host.batt(&["verify", "--from", folder.to_str().unwrap()])
    }

    /// Asserts that a text is in no file of the host that has drilled or restored it.
    #[track_caller]
    pub(crate) fn assert_nowhere(&self, text: &str) {
        self.host.assert_nowhere(text);
    }

    /// Drills it.
    pub(crate) fn drill(&self) -> Finished {
        let folder = self.path("");
        self.host
            .batt(&["drill", "mysql", "--from", folder.to_str().unwrap()])
    }
}

impl Forgery {
    /// Drills it where something else is mounted first, if that can be.
    pub(crate) fn drill_in_mounts(&self, mounts: &str) -> Option<Finished> {
        let folder = self.path("");
        self.host
            .in_mounts(&format!("{mounts}\nbatt drill mysql --from {}", folder.display()))
    }

    /// Restores it into a server that has nothing of it.
    pub(crate) fn restore_to(&self, server: &MariaDb, arguments: &[&str]) -> Finished {
        configure(&self.host, server, &[]);
        let folder = self.path("");
        let from = [
            "restore",
            "mysql",
            "--foreign",
            "--from",
            folder.to_str().unwrap(),
        ];
        self.host.batt(&[&from, arguments].concat())
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

//! Backups of any date: written as batt publishes them, whole and with their sums, so that a test has a year of them in a
//! moment. The catalogue learns of them by `batt backups --rebuild`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::drop_in::chmod;
use crate::host::Host;

/// A backup that is to be written.
#[derive(Debug, Clone)]
pub struct Published {
    /// The service, or an instance of it.
    pub service: String,
    /// When its script started, as `2026-01-31T02:30:00Z`.
    pub time: String,
    /// The items that were asked for.
    pub items: Vec<String>,
    /// `good`, `partial` or `suspicious`.
    pub state: String,
    /// The host that made it; this one when none is named.
    pub host_id: Option<String>,
    /// The bytes of its one archive.
    pub bytes: usize,
    /// It stands beside another one of its day.
    pub beside: bool,
    /// The offset of local time from UTC, in seconds.
    pub utc_offset: i32,
}

impl Published {
    /// Returns a good backup of everything.
    pub fn of(service: &str, time: &str) -> Self {
        Self {
            service: service.to_owned(),
            time: time.to_owned(),
            items: Vec::new(),
            state: "good".to_owned(),
            host_id: None,
            bytes: 1_000,
            beside: false,
            utc_offset: 0,
        }
    }

    /// Returns the id of its run.
    pub fn run(&self) -> String {
        let digits: String = self.time.chars().filter(|c| !matches!(c, '-' | ':')).collect();
        // Told apart from others of the same second by what it is of.
        let chance = Sha256::digest(format!("{}{:?}", self.service, self.items));
        format!("{digits}-{:02x}{:02x}{:02x}", chance[0], chance[1], chance[2])
    }

    /// Returns its id.
    pub fn id(&self) -> String {
        format!("{}.{}", self.run(), self.service)
    }

    /// Returns its folder below the folder that dates begin in.
    pub fn place(&self, root: &Path) -> PathBuf {
        let name = if self.beside {
            format!("{}~{}", self.service, self.run())
        } else {
            self.service.clone()
        };
        root.join(self.time[..10].replace('-', "/")).join(name)
    }

    fn manifest(&self, host_id: &str, sha256: &str) -> Value {
        json!({
            "format": 1, "batt": "0.1.0", "host": "h",
            "host_id": self.host_id.as_deref().unwrap_or(host_id),
            "service": self.service, "items": self.items, "run": self.run(),
            "started": self.time, "ended": self.time, "utc_offset": self.utc_offset,
            "archives": [{"file": "data.txt", "bytes": self.bytes, "raw_bytes": self.bytes, "sha256": sha256}],
            "script": {"path": "/x", "sha256": "0"}, "state": self.state, "facts": {}, "warnings": [],
        })
    }
}

impl Host {
    /// Returns this host's id, made by a first call when there is none.
    pub fn id(&self) -> String {
        let path = self.home().join("var/host-id");
        if !path.exists() {
            fs::create_dir_all(self.home().join("var")).expect("var can be made");
            fs::write(&path, "0123456789abcdef0123456789abcdef\n").expect("the id can be written");
        }
        fs::read_to_string(path)
            .expect("the id can be read")
            .trim()
            .to_owned()
    }

    /// Returns the folder that the dates of backups begin in.
    pub fn backup_root(&self) -> PathBuf {
        self.root().join("backup")
    }

    /// Writes a backup of any date, and returns its folder.
    pub fn publish(&self, backup: &Published) -> PathBuf {
        self.publish_below(&self.backup_root(), backup)
    }

    /// Writes a backup of any date below another folder.
    pub fn publish_below(&self, root: &Path, backup: &Published) -> PathBuf {
        let place = backup.place(root);
        fs::create_dir_all(&place).expect("the place can be made");
        for folder in place.ancestors().take_while(|folder| *folder != root) {
            chmod(folder, 0o700);
        }
        let mut sums = String::new();
        let mut write = |name: &str, content: &[u8]| {
            fs::write(place.join(name), content).expect("the backup can be written");
            chmod(&place.join(name), 0o600);
            let sum = sha256(content);
            if name != "SHA256SUMS" {
                sums.push_str(&format!("{sum}  {name}\n"));
            }
            sum
        };
        let data = write("data.txt", &vec![b'x'; backup.bytes]);
        write("RESTORE.md", b"# how\n");
        let manifest = backup.manifest(&self.id(), &data);
        write(
            "manifest.json",
            &serde_json::to_vec_pretty(&manifest).expect("a manifest is JSON"),
        );
        let sums = sums;
        fs::write(place.join("SHA256SUMS"), sums).expect("the backup can be written");
        chmod(&place.join("SHA256SUMS"), 0o600);
        place
    }

    /// Tells the catalogue of all backups that are there.
    #[track_caller]
    pub fn rebuild(&self) {
        let pattern = self.backup_root().join("%Y/%m/%d");
        let pattern = pattern.to_str().expect("test folders are UTF-8").to_owned();
        self.batt(&["backups", "--rebuild", "--path", &pattern]).success();
    }

    /// Returns the ids of the backups that batt says are there, oldest first.
    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        let said = self.batt(&["--format", "json", "backups"]).success();
        let said: Value = serde_json::from_str(&said).expect("JSON");
        let backups = said["backups"].as_array().expect("a list");
        let ids = backups.iter().map(|backup| backup["id"].as_str().expect("an id"));
        ids.map(str::to_owned).collect()
    }
}

/// Returns the SHA-256 of some bytes in hexadecimal.
pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

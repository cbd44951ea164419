//! A backup that is small enough to be damaged in every way there is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use batt_protocol::BackupState;
use chrono::{DateTime, Utc};

use super::{FIRST, sha256};
use crate::archive::fixtures::fixture;
use crate::archive::{self, Kind};
use crate::backup::{
    ArchiveRecord, GUIDE, MANIFEST, Manifest, SUMS, ScriptRecord, open_file, restore_guide, sum_line,
};

/// A small backup with the papers that a run writes: a dump and a plain file in a folder of its own.
pub(super) struct Small {
    pub(super) root: tempfile::TempDir,
}

impl Small {
    pub(super) fn new() -> Self {
        let small = Self {
            root: tempfile::tempdir().unwrap(),
        };
        small.make("2026/01/31/mysql", FIRST);
        small
    }

    pub(super) fn make(&self, place: &str, run: &str) -> PathBuf {
        let folder = self.root.path().join(place);
        fs::create_dir_all(folder.join("deep")).unwrap();
        let dump = zstd::encode_all(&fixture("mariadb-undated.sql")[..], 3).unwrap();
        fs::write(folder.join("app.sql.zst"), dump).unwrap();
        fs::write(folder.join("deep/notes of\n1"), format!("made by {run}\n")).unwrap();
        let manifest = Manifest {
            format: Manifest::FORMAT,
            batt: env!("CARGO_PKG_VERSION").to_owned(),
            host: "db1".to_owned(),
            host_id: "0123456789abcdef0123456789abcdef".to_owned(),
            service: "mysql".parse().unwrap(),
            items: Vec::new(),
            run: run.parse().unwrap(),
            started: started(run),
            ended: started(run),
            utc_offset: 0,
            archives: vec![
                record(&folder, "app.sql.zst", Some(Kind::Mysql)),
                record(&folder, "deep/notes of\n1", None),
            ],
            script: ScriptRecord {
                path: "/opt/batt/scripts-available/backup-mysql".to_owned(),
                sha256: "0".repeat(64),
            },
            state: BackupState::Good,
            shortcomings: Vec::new(),
            verified: true,
            unchanged_since: None,
            facts: BTreeMap::from([("version".to_owned(), "10.11".to_owned())]),
            warnings: Vec::new(),
        };
        write_papers(&folder, &manifest);
        folder
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.root.path().join("2026/01/31/mysql")
    }
}

fn started(run: &str) -> DateTime<Utc> {
    let text = run.split_once('Z').unwrap().0;
    chrono::NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S")
        .unwrap()
        .and_utc()
}

fn record(folder: &Path, file: &str, check: Option<Kind>) -> ArchiveRecord {
    let opened = open_file(&folder.join(file)).unwrap();
    let examined = archive::examine_while(opened, file, check, &|| true).unwrap();
    ArchiveRecord {
        file: file.to_owned(),
        name: None,
        check: examined.kind,
        bytes: examined.bytes,
        raw_bytes: examined.raw_bytes,
        sha256: examined.sha256,
        facts: BTreeMap::new(),
        content: examined.facts.content().clone(),
    }
}

/// Writes RESTORE.md, the manifest, and sums that fit both.
pub(super) fn write_papers(folder: &Path, manifest: &Manifest) {
    fs::write(folder.join(GUIDE), restore_guide(manifest, &[])).unwrap();
    fs::write(
        folder.join(MANIFEST),
        serde_json::to_vec_pretty(manifest).unwrap(),
    )
    .unwrap();
    let mut sums: String = manifest
        .archives
        .iter()
        .map(|archive| sum_line(&archive.sha256, &archive.file))
        .collect();
    for paper in [GUIDE, MANIFEST] {
        sums.push_str(&sum_line(&sha256(&folder.join(paper)), paper));
    }
    fs::write(folder.join(SUMS), sums).unwrap();
}

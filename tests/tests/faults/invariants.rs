//! What must hold after every fault (docs/faults.md):
//!
//! I1 what is visible at a final place verifies against its manifest; I2 an earlier backup is as it was, unless a verified
//! one of all its items took its place; I3 exit 0 exactly when all was published and verified; I4 no process of a run
//! outlives it; I5 a secret is nowhere but where it was put; I7 journals, disk and catalogue agree; I8 a run is executed at
//! most once. I6, that everything is bounded, is a test of its own for each thing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::process::assert_none_lives;
use serde_json::Value;

/// A host with one service, `data`, and one good backup of it, whose state is held against what it was before.
pub(crate) struct Watched {
    pub(crate) host: Host,
    secret: String,
    /// The visible backups as they were when the invariants last held: files by name, by folder.
    earlier: BTreeMap<PathBuf, Files>,
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A script that stores one archive by batt and writes another by itself. It prints its secret, records each run that
/// executes it, and waits while the file `waits` is there.
const SCRIPT: &str = r#"#!/bin/bash
set -euo pipefail
echo "$BATT_RUN_ID" >> SCRATCH/executed
echo "the password is $DATA_PASSWORD"
batt store numbers.txt -- seq 1 "${DATA_LINES:-20000}"
batt record --of numbers.txt rows.numbers "${DATA_LINES:-20000}"
mkdir "$BATT_DEST/data/deep"
echo "$BATT_RUN_ID" > "$BATT_DEST/data/deep/run.txt"
while [ -e SCRATCH/waits ]; do touch SCRATCH/waiting; sleep 0.02; done
"#;

impl Watched {
    pub(crate) fn new() -> Self {
        Self::new_in(&std::env::temp_dir())
    }

    /// Makes one in a folder of `parent`.
    pub(crate) fn new_in(parent: &Path) -> Self {
        let host = Host::new_in(parent);
        let scratch = host.scratch().display().to_string();
        host.drop_in_raw("data", SCRIPT.replace("SCRATCH", &scratch).as_bytes(), 0o755);
        let secret = format!("canary-{:08x}-{}", std::process::id(), scratch.len());
        host.configure("data", &[("DATA_PASSWORD", &secret)]);
        host.told("data", &["data"]).succeeded();
        let mut watched = Self {
            host,
            secret,
            earlier: BTreeMap::new(),
        };
        watched.earlier = watched.visible();
        watched
    }

    /// Asserts everything that must hold after a fault: at once, and after the next run, which must succeed.
    ///
    /// `finished` is how the run ended that the fault hit, with its report as JSON where there is one.
    #[track_caller]
    pub(crate) fn invariants(&mut self, fault: &str, finished: Option<&Finished>) {
        self.hold_at_once(fault, finished);
        let next = self.host.batt(&["--format", "json", "data"]);
        assert_eq!(next.code, Some(0), "{fault}: the next run\n{}", next.said());
        self.hold_at_once(&format!("{fault}, after the next run"), Some(&next));
        self.hold_after_recovery(fault);
        self.earlier = self.visible();
    }

    /// Asserts what must hold at any moment.
    #[track_caller]
    pub(crate) fn hold_at_once(&self, fault: &str, finished: Option<&Finished>) {
        let visible = self.visible();
        // I1
        for folder in visible.keys() {
            let mut check = Command::new("sha256sum");
            check.args(["--strict", "--quiet", "-c", "SHA256SUMS"]);
            let sums = Finished::run(check.current_dir(folder));
            assert_eq!(
                sums.code,
                Some(0),
                "{fault}: I1 {}\n{}",
                folder.display(),
                sums.said()
            );
            let shown = folder.display().to_string();
            let verified = self.host.batt(&["verify", "--from", &shown]);
            assert_eq!(verified.code, Some(0), "{fault}: I1\n{}", verified.said());
        }
        // I2
        for (folder, files) in &self.earlier {
            let now = visible
                .get(folder)
                .unwrap_or_else(|| panic!("{fault}: I2 {} is gone", folder.display()));
            if run_of(now) == run_of(files) {
                assert!(now == files, "{fault}: I2 {} was changed", folder.display());
            } else {
                let names = |files: &Files| files.keys().cloned().collect::<BTreeSet<_>>();
                assert!(
                    names(now).is_superset(&names(files)),
                    "{fault}: I2 less took the place of {}",
                    folder.display()
                );
            }
        }
        if let Some(finished) = finished {
            self.hold_report(fault, finished, &visible);
        }
        // I5
        self.host.assert_nowhere(&self.secret);
        // I8
        let executed = fs::read_to_string(self.host.scratch().join("executed")).unwrap_or_default();
        let runs: Vec<&str> = executed.lines().collect();
        let different: BTreeSet<&str> = runs.iter().copied().collect();
        assert_eq!(
            runs.len(),
            different.len(),
            "{fault}: I8 a run was executed twice: {runs:?}"
        );
    }

    /// I3: the exit code, the report and the disk say the same.
    #[track_caller]
    fn hold_report(&self, fault: &str, finished: &Finished, visible: &BTreeMap<PathBuf, Files>) {
        let said = finished.said();
        let report: Option<Value> = serde_json::from_str(&finished.stdout).ok();
        if finished.code == Some(0) {
            assert!(report.is_some(), "{fault}: I3 exit 0 without a report\n{said}");
        }
        let Some(report) = report else { return };
        let run = report["run"].as_str().unwrap_or_default();
        let good = report["services"][0]["outcome"] == "succeeded";
        let is_there = visible.values().any(|files| run_of(files) == run);
        assert_eq!(is_there, good, "{fault}: I3 report and disk\n{said}");
        // A run whose own journal failed is not good, though its backup may be.
        let exit = finished.code;
        assert!(
            exit != Some(0) || good,
            "{fault}: I3 exit code and report\n{said}"
        );
        assert!(
            exit == Some(0) || !good || exit == Some(1),
            "{fault}: I3 exit code {exit:?}\n{said}"
        );
    }

    /// Asserts what must hold once a run has healed what a fault left.
    #[track_caller]
    fn hold_after_recovery(&self, fault: &str) {
        // I4
        assert_none_lives(&self.host.root().display().to_string());
        // Nothing is left of what never became visible.
        for path in self.host.published().keys() {
            let inner = path.strip_prefix(self.host.root()).unwrap();
            let shown = inner.display().to_string();
            assert!(!shown.contains("/."), "{fault}: left behind: {shown}");
        }
        for leftover in fs::read_dir(self.host.home().join("var/runs")).unwrap().flatten() {
            let name = leftover.file_name().to_string_lossy().into_owned();
            assert!(!name.starts_with('.'), "{fault}: left behind: {name}");
            assert!(
                !leftover.path().join("active").exists(),
                "{fault}: I7 {name} is said to go on"
            );
        }
        // I7: what is listed is what is there.
        let listed = self.json(&["backups"]);
        let listed: BTreeSet<PathBuf> = array(&listed["backups"])
            .iter()
            .map(|backup| PathBuf::from(backup["path"].as_str().unwrap()))
            .collect();
        let there: BTreeSet<PathBuf> = self.visible().into_keys().collect();
        assert_eq!(listed, there, "{fault}: I7 catalogue and disk");
        // And each run that is remembered has an end.
        let runs = self.json(&["runs"]);
        for run in array(&runs["runs"]) {
            let id = run["run"].as_str().unwrap();
            let journal = self.host.home().join("var/runs").join(id).join("events.jsonl");
            assert!(
                !run["exit"].is_null() || !journal.exists(),
                "{fault}: I7 {id} has no end"
            );
        }
    }

    #[track_caller]
    fn json(&self, command: &[&str]) -> Value {
        let arguments: Vec<&str> = ["--format", "json"].iter().chain(command).copied().collect();
        serde_json::from_str(&self.host.batt(&arguments).success()).expect("JSON")
    }

    /// Returns the backups at final places, whatever made them.
    pub(crate) fn visible(&self) -> BTreeMap<PathBuf, Files> {
        let mut folders: BTreeMap<PathBuf, Files> = BTreeMap::new();
        for (path, content) in self.host.published() {
            let mut ancestors = path.ancestors();
            let Some(backup) = ancestors.find(|folder| is_backup(folder)) else {
                continue;
            };
            if path.is_file() {
                let name = path.strip_prefix(backup).unwrap().to_owned();
                folders
                    .entry(backup.to_owned())
                    .or_default()
                    .insert(name, content);
            }
        }
        folders
    }
}

fn is_backup(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let parent = folder.parent().and_then(Path::file_name).unwrap_or_default();
    (name == "data" || name.starts_with("data~")) && !parent.to_string_lossy().starts_with('.')
}

/// Returns the run that a backup is of.
pub(crate) fn run_of(files: &Files) -> &str {
    let text = files.get(Path::new("deep/run.txt"));
    text.and_then(|text| std::str::from_utf8(text).ok())
        .unwrap_or_default()
        .trim_end()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

//! What holds for every shipped script: it can be run, is clean shell, tells of itself, and has a template of settings.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(project().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn every_script_passes_shellcheck() {
    let scripts = files("scripts-available");
    assert!(!scripts.is_empty());
    Finished::run(Command::new("shellcheck").args(&scripts)).success();
}

#[test]
fn every_script_can_be_run_and_stops_at_errors() {
    for script in files("scripts-available") {
        let mode = fs::metadata(&script).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{} is not executable", name(&script));
        let text = fs::read_to_string(&script).unwrap();
        assert!(text.starts_with("#!/bin/bash\n"), "{}", name(&script));
        assert!(text.contains("\nset -euo pipefail\n"), "{}", name(&script));
    }
}

#[test]
fn every_script_tells_of_itself() {
    for script in files("scripts-available")
        .iter()
        .filter(|script| name(script).starts_with("backup-"))
    {
        let text = fs::read_to_string(script).unwrap();
        let entries = |key: &str| {
            text.lines()
                .filter(|line| line.starts_with(&format!("# batt: {key} ")))
                .count()
        };
        assert_eq!(entries("summary"), 1, "{}", name(script));
        assert!(entries("restore") >= 1, "{}", name(script));
        assert!(entries("option") <= 1, "{}", name(script));
    }
}

#[test]
fn every_script_has_a_template_and_every_template_its_script() {
    let mut scripts: Vec<String> = files("scripts-available")
        .iter()
        .filter(|script| name(script).starts_with("backup-"))
        .map(|script| format!("{}.conf", name(script)))
        .collect();
    scripts.sort();
    let templates = files("conf");
    let mut templates: Vec<&str> = templates.iter().map(|path| name(path)).collect();
    templates.retain(|template| *template != "backup.conf");
    assert_eq!(templates, scripts);
}

#[test]
fn a_template_changes_nothing() {
    for template in files("conf") {
        let text = fs::read_to_string(&template).unwrap();
        let active: Vec<_> = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        assert!(active.is_empty(), "{}: {active:?}", name(&template));
    }
}

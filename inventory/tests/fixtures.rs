//! Each file in `fixtures/invalid` breaks one rule, and `NAME.expected` beside it holds the exact report. Each file in
//! `fixtures/valid` is an inventory, and `NAME.expected` holds the hosts that it makes.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use batt_inventory::{Host, Inventory};

/// Returns the fixtures of a folder with what is expected of each.
fn fixtures(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let inputs = paths
        .iter()
        .filter(|path| path.extension().is_none_or(|extension| extension != "expected"));
    let expected = |path: &PathBuf| fs::read_to_string(format!("{}.expected", path.display())).unwrap();
    let fixtures: Vec<_> = inputs.map(|path| (path.clone(), expected(path))).collect();
    assert_eq!(
        paths.len(),
        fixtures.len() * 2,
        "each fixture has one file of expectations"
    );
    fixtures
}

/// Loads a fixture, and names it in reports by its name alone.
fn load(path: &Path) -> Result<Inventory, String> {
    let folder = format!("{}/", path.parent().unwrap().display());
    Inventory::load(&[path.to_owned()]).map_err(|error| error.to_string().replace(&folder, ""))
}

fn shown(host: &Host, folder: &Path) -> String {
    let mut line = format!("{} {}:{}", host.name, host.address, host.port);
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            write!(line, " {name}={value}").unwrap();
        }
    };
    field("user", host.user.clone().unwrap_or_default());
    field("become", host.become_method.as_str().replace("none", ""));
    let identity = host
        .identity
        .as_ref()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    field(
        "identity",
        identity.replace(&format!("{}/", folder.display()), ""),
    );
    field("host_keys", host.host_keys.len().to_string().replace('0', ""));
    field(
        "agent",
        format!("{}:{}", host.agent_path, host.agent_home).replace("/usr/local/bin/batt:/opt/batt", ""),
    );
    field("path", host.path.clone().unwrap_or_default());
    field("services", host.services.join(","));
    field(
        "groups",
        host.groups
            .iter()
            .map(AsRef::as_ref)
            .collect::<Vec<&str>>()
            .join(","),
    );
    let vars: Vec<String> = host
        .vars
        .iter()
        .map(|(key, value)| format!("{key}:{value}"))
        .collect();
    field("vars", vars.join(","));
    line
}

#[test]
fn every_invalid_file_is_refused_in_the_words_expected() {
    let mut wrong = String::new();
    for (path, expected) in fixtures("invalid") {
        let report = load(&path).expect_err(&path.display().to_string()) + "\n";
        if report != expected {
            write!(
                wrong,
                "--- {}\nexpected:\n{expected}got:\n{report}",
                path.display()
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_valid_file_makes_the_hosts_expected() {
    let mut wrong = String::new();
    for (path, expected) in fixtures("valid") {
        let inventory = load(&path).unwrap();
        let lines: String = inventory
            .hosts()
            .iter()
            .map(|host| shown(host, path.parent().unwrap()) + "\n")
            .collect();
        if lines != expected {
            write!(
                wrong,
                "--- {}\nexpected:\n{expected}got:\n{lines}",
                path.display()
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_report_has_a_place_and_a_hint() {
    for (path, _) in fixtures("invalid") {
        let error = Inventory::load(std::slice::from_ref(&path)).unwrap_err();
        assert!(
            error.line().is_some() && error.column().is_some(),
            "{}",
            path.display()
        );
        assert!(
            !error.hint().is_empty() && !error.message().is_empty(),
            "{}",
            path.display()
        );
        assert!(!error.to_string().contains("hunter2"), "{}", path.display());
        assert!(
            error.message().starts_with(|c: char| !c.is_uppercase()),
            "{}",
            path.display()
        );
    }
}

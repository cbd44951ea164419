//! The borders of the house: imports point one way, between crates and between the modules of one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each crate may depend on, of our own.
const CRATES: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("inventory", &[]),
    ("agent", &["batt-protocol"]),
    ("controller", &["batt-protocol", "batt-inventory"]),
];

/// The modules of the agent, from the ground up: each may import those before it, never one after it.
const AGENT: &[&str] = &[
    "reserved",
    "files",
    "home",
    "pattern",
    "retention",
    "cancellation",
    "descriptors",
    "kernel_calls",
    "host",
    "home_access",
    "safe_path",
    "trust",
    "scope",
    "secrets",
    "enclosure",
    "account",
    "conf_file",
    "fact",
    "archive",
    "ending",
    "ledger",
    "interleave",
    "store",
    "log",
    "journal",
    "lock",
    "run_folder",
    "process",
    "settings",
    "script",
    "script_call",
    "bundle",
    "backup",
    "place",
    "purge",
    "hatch",
    "record",
    "load",
    "work_folder",
    "preflight",
    "restore",
    "run",
    "report",
    "serve",
    "console",
    "cli",
    "command",
    "fuzzing",
];

/// The modules of the inventory, likewise.
const INVENTORY: &[&str] = &[
    "line",
    "text",
    "suggest",
    "error",
    "name",
    "value",
    "nodeset",
    "source",
    "settings",
    "draft",
    "native",
    "plain",
    "tree",
    "ansible",
    "host",
    "inventory",
    "explain",
    "load",
    "group_source",
    "selection_error",
    "pattern",
    "select",
    "fuzzing",
];

/// The modules of the controller, likewise.
const CONTROLLER: &[&str] = &[
    "world",
    "clock",
    "trouble",
    "trust",
    "descriptors",
    "shell",
    "host",
    "event",
    "state",
    "state_folder",
    "journal",
    "history",
    "reader",
    "log_files",
    "report",
    "reporter",
    "transport",
    "login",
    "passphrase",
    "bundle",
    "agent_binary",
    "host_ids",
    "host_memory",
    "session",
    "push",
    "install",
    "stop",
    "signals",
    "follow",
    "cli",
    "ground",
    "host_task",
    "dispatch",
    "command",
    "fuzzing",
];

/// What would be possible in that order, and must not be: what is shown knows nothing of how hosts are reached.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("event", &["state", "transport"]),
    ("state", &["transport", "reader"]),
    (
        "report",
        &["transport", "session", "push", "host_task", "dispatch"],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn a_crate_knows_only_those_below_it() {
    for (name, allowed) in CRATES {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        let own: Vec<&str> = manifest
            .lines()
            .map(|line| line.split(['.', '=', ' ']).next().unwrap_or_default())
            .filter(|dependency| dependency.starts_with("batt"))
            .collect();
        for dependency in own {
            assert!(
                allowed.contains(&dependency),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn a_module_of_the_agent_imports_only_those_below_it() {
    require_order("agent", AGENT);
}

#[test]
fn a_module_of_the_inventory_imports_only_those_below_it() {
    require_order("inventory", INVENTORY);
}

#[test]
fn a_module_of_the_controller_imports_only_those_below_it() {
    require_order("controller", CONTROLLER);
    let source = root().join("controller/src");
    for (module, forbidden) in FORBIDDEN {
        for file in rust_files(&source)
            .iter()
            .filter(|file| module_of(&source, file).as_deref() == Some(module))
        {
            for imported in imports(&fs::read_to_string(file).unwrap()) {
                assert!(
                    !forbidden.contains(&imported.as_str()),
                    "{}: imports `{imported}`",
                    file.display()
                );
            }
        }
    }
}

/// Requires that every `crate::x` in a file of the module `y` has `x` before `y` in the order.
fn require_order(name: &str, order: &[&str]) {
    let source = root().join(name).join("src");
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in rust_files(&source) {
        let Some(module) = module_of(&source, &file) else {
            continue;
        };
        let place = order.iter().position(|known| *known == module);
        let place =
            place.unwrap_or_else(|| panic!("the module `{module}` of {name} has no place in the order"));
        seen.insert(module.clone());
        let text = fs::read_to_string(&file).unwrap();
        for imported in imports(&text) {
            match order.iter().position(|known| *known == imported) {
                Some(other) if other <= place => {}
                Some(_) => wrong.push(format!("{}: `{module}` imports `{imported}`", file.display())),
                None => wrong.push(format!(
                    "{}: `{imported}` has no place in the order",
                    file.display()
                )),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        seen.len(),
        order.len(),
        "the order names modules that are not there"
    );
}

/// Returns the modules that a file names as `crate::module`, its tests left out.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.split("crate::")
        .skip(1)
        .zip(code.split("crate::"))
        // `pub(crate)` is no import, and `$crate::` belongs to a macro.
        .filter(|(_, before)| !before.ends_with(['$', '_']))
        .map(|(after, _)| {
            after
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_' || c.is_ascii_digit())
                .collect()
        })
        .filter(|module: &String| !module.is_empty())
        .collect()
}

fn module_of(source: &Path, file: &Path) -> Option<String> {
    let first = file
        .strip_prefix(source)
        .unwrap()
        .components()
        .next()?
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    let module = first.trim_end_matches(".rs").to_owned();
    (!["lib", "main"].contains(&module.as_str())).then_some(module)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Tests may see everything.
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if ["tests", "tests.rs", "fake_agent", "fake_agent.rs"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn each_script_has_its_template() {
    for entry in fs::read_dir(root().join("scripts-available")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // Scripts that restore have the settings of the one that backs up.
        if !name.starts_with("backup-") {
            continue;
        }
        assert!(
            root().join("conf").join(format!("{name}.conf")).is_file(),
            "{name} has no template in conf/"
        );
    }
}

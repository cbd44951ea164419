//! What must hold of each reader of text that others wrote, for any bytes. Our tests drive these properties with proptest,
//! the targets in `fuzz/` with libFuzzer.
//!
//! A property that does not hold panics.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a property fails"
)]
#![allow(unreachable_pub, reason = "the targets in `fuzz/` are another crate")]

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use crate::{Format, HostName, Inventory, NoGroups, Selection, expand, fold};

/// An inventory for patterns to choose from.
const KNOWN: &str = r#"
[groups.db]
hosts = ["db[1-3]"]
vars = { env = "prod", port = 5432 }
[groups.web]
hosts = ["web[01-12]", "db1"]
[groups.all-of-it]
children = ["db", "web"]
[hosts."a.example.net"]
vars = { rack = ["r1", "r2"] }
"#;

/// An inventory in each of its forms: it is understood, with hosts that have names, or told where it is not.
pub fn inventories(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for (file, format) in [
        ("x.toml", Format::Native),
        ("x.ini", Format::AnsibleIni),
        ("x", Format::PlainList),
    ] {
        match Inventory::parse(Path::new(file), text, format) {
            Ok(inventory) => require_whole(&inventory),
            Err(error) => {
                assert_showable(&error.to_string());
                let lines = text.lines().count() + 1;
                assert!(
                    error.line().is_none_or(|line| (1..=lines).contains(&line)),
                    "{error}"
                );
                assert!(error.column().is_none_or(|column| column >= 1), "{error}");
            }
        }
    }
}

fn require_whole(inventory: &Inventory) {
    let mut names = BTreeSet::new();
    for host in inventory.hosts() {
        assert!(names.insert(host.name.as_str()), "a host is there twice");
        assert_eq!(HostName::parse(host.name.as_str()).as_ref(), Ok(&host.name));
        assert_showable(&host.address);
        assert_ne!(host.port, 0);
        assert!(inventory.explain(host.name.as_str()).is_some());
    }
    for group in inventory.groups() {
        assert!(group.hosts().all(|host| names.contains(host.name.as_str())));
    }
    if let Ok(all) = inventory.select(&Selection::default(), &NoGroups) {
        assert_eq!(all.len(), names.len());
    }
}

/// The brackets of a name: what they expand to folds to the same names, in a bounded number.
pub fn nodesets(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let names = match expand(text) {
        Ok(names) => names,
        Err(error) => return assert_showable(&error.to_string()),
    };
    assert!(!names.is_empty() && names.len() <= 100_000);
    assert!(names.len() == 1 || names.iter().all(|name| name.len() <= 1_000));
    // What holds brackets of its own in a part that is no number cannot be folded and read again.
    if names.len() > 2_000 || names.iter().any(|name| name.contains(['[', ']', ','])) {
        return;
    }
    let all: BTreeSet<&String> = names.iter().collect();
    let again: BTreeSet<String> = fold(&names)
        .iter()
        .flat_map(|folded| expand(folded).unwrap_or_else(|error| panic!("{folded}: {error}")))
        .collect();
    assert_eq!(again.iter().collect::<BTreeSet<_>>(), all, "{text:?}");
}

/// A pattern: it chooses hosts of the inventory, at least one, or says why not.
pub fn patterns(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let inventory = Inventory::parse(Path::new("x.toml"), KNOWN, Format::Native).expect("it is good");
    match inventory.matching(text, &NoGroups) {
        Ok(hosts) => {
            let names: BTreeSet<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
            assert!(!names.is_empty() && names.len() == hosts.len());
        }
        Err(error) => {
            assert_showable(error.message());
            assert_showable(error.hint());
        }
    }
}

/// A terminal is not driven by what it shows.
fn assert_showable(message: &str) {
    let active = message
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    assert_eq!(active, None, "{message:?}");
}

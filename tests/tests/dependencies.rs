//! Holds Cargo.lock against advisories, those of GitHub too: RustSec misses most of russh's.
//!
//! It needs no network, so it knows what was known when the floors were last raised. `cargo deny check` asks RustSec
//! anew where there is a network.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

/// Crate, first release without a known hole, and what the older ones have.
const FLOORS: &[(&str, [u64; 3], &str)] = &[
    ("bytes", [1, 11, 1], "an overflow"),
    (
        "russh",
        [0, 63, 1],
        "GHSA-47hw-gvq5-r2gm: a server forges exit statuses; CVE-2026-46702, -46705, -48108 and older",
    ),
    ("shlex", [1, 3, 0], "RUSTSEC-2024-0006"),
    ("tar", [0, 4, 45], "a member is written outside of the folder"),
    ("time", [0, 3, 47], "a stack that overflows"),
];

/// Crates that must not be there at all.
const BANNED: &[(&str, &str)] = &[
    ("native-tls", "cryptography is not the system's"),
    ("openssl", "cryptography is not the system's"),
    ("openssl-sys", "cryptography is not the system's"),
    ("serde_yml", "RUSTSEC-2025-0068"),
    ("tokio-tar", "unmaintained, with a hole"),
    ("yaml-rust", "unmaintained"),
];

/// Returns name and version of every locked crate.
fn locked() -> Vec<(String, String)> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock")).unwrap();
    let value = |block: &str, key: &str| {
        block.lines().find_map(|line| {
            Some(
                line.strip_prefix(key)?
                    .strip_prefix(" = \"")?
                    .trim_end_matches('"')
                    .to_owned(),
            )
        })
    };
    let packages: Vec<(String, String)> = text
        .split("[[package]]")
        .skip(1)
        .map(|block| (value(block, "name").unwrap(), value(block, "version").unwrap()))
        .collect();
    assert!(packages.len() > 50, "Cargo.lock was not understood");
    packages
}

fn numbers(version: &str) -> [u64; 3] {
    let mut parts = version
        .split(['.', '-', '+'])
        .map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[test]
fn nothing_locked_has_a_known_hole() {
    let packages = locked();
    for (name, floor, advisory) in FLOORS {
        for (_, version) in packages.iter().filter(|(locked, _)| locked == name) {
            assert!(
                numbers(version) >= *floor,
                "{name} {version} is older than {floor:?}: {advisory}"
            );
        }
    }
}

#[test]
fn nothing_banned_is_locked() {
    for (name, version) in locked() {
        let banned = BANNED.iter().find(|(banned, _)| *banned == name);
        assert!(
            banned.is_none(),
            "{name} {version} is locked: {}",
            banned.map_or("", |(_, why)| why)
        );
    }
}

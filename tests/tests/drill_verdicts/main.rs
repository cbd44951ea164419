//! What a drill says: evidence against a backup is one thing, and an engine or a host that lets the drill down another. A real engine
//! is ended in the middle, or lacks something; content is bad while the engine is well.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod content;
mod cron;
mod engines;
mod limits;
mod plugins;
mod scripts;

use std::fs;

use batt_tests::host::Host;
use serde_json::Value;

/// Puts lines into a shipped script of a host, before the first line that has this in it.
fn insert(host: &Host, script: &str, before: &str, lines: &str) {
    let path = host.home().join("scripts-available").join(script);
    let text = fs::read_to_string(&path).unwrap();
    let at = text.find(before).unwrap();
    let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
    fs::write(&path, format!("{}{lines}\n{}", &text[..begin], &text[begin..])).unwrap();
}

/// Drills a service: the exit code, and what is told of the one drill.
fn drill(host: &Host, service: &str) -> (i32, Value) {
    let finished = host.batt(&["--format", "json", "drill", service]);
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    (finished.code.unwrap(), report["drills"][0].clone())
}

/// Asserts that a drill says nothing of the backup: a word on what is missing, a hint, and no receipt.
#[track_caller]
fn assert_not_possible(host: &Host, service: &str, why: &str) {
    let catalogue = host.home().join("var/catalogue.jsonl");
    let before = fs::read(&catalogue).unwrap();
    let (exit, told) = drill(host, service);
    assert_eq!(
        (exit, told["outcome"].as_str()),
        (69, Some("not-possible")),
        "{told:#}"
    );
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains(why), "{reason}");
    assert!(reason.contains("hint: "), "{reason}");
    assert!(fs::read(&catalogue).unwrap() == before, "no receipt");
    // It counts as before: it is found and read, whatever the script says of that place.
    let found = host.batt(&["restore", service, "-n", "--into", "/nonexistent/new"]);
    found.says("verifying");
    assert_ne!(found.code, Some(65), "{}", found.said());
}

/// Asserts that a drill has evidence against the backup, with the engine's own words.
#[track_caller]
fn assert_failed(host: &Host, service: &str, why: &str) {
    let (exit, told) = drill(host, service);
    assert_eq!((exit, told["outcome"].as_str()), (2, Some("failed")), "{told:#}");
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains(why), "{reason}");
}

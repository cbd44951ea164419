//! The examples of docs/wire-protocol.md, as fixtures: each is understood, and written again as it stands.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use batt_protocol::EventKind;
use batt_protocol::wire::{GREETING_START, Greeting, Reply, Request, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Returns the lines of the blocks of a kind.
fn examples(kind: &str) -> Vec<String> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/wire-protocol.md");
    let text = std::fs::read_to_string(document).unwrap();
    let start = format!("```{kind}\n");
    let blocks = text.split(start.as_str()).skip(1);
    let lines: Vec<String> = blocks
        .flat_map(|block| block.split("```").next().unwrap().lines())
        .map(str::to_owned)
        .collect();
    assert!(!lines.is_empty(), "no example of a {kind}");
    lines
}

fn round_trip<T: Serialize + DeserializeOwned>(line: &str) -> T {
    let message: T = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let written = encode(&message).unwrap();
    let (written, line): (Value, Value) = (
        serde_json::from_slice(&written).unwrap(),
        serde_json::from_str(line).unwrap(),
    );
    assert_eq!(written, line);
    message
}

fn tags(lines: &[String], tag: &str) -> BTreeSet<String> {
    lines
        .iter()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()[tag]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn the_greeting_starts_as_it_is_looked_for() {
    for line in examples("greeting") {
        assert!(line.starts_with(GREETING_START));
        round_trip::<Greeting>(&line);
    }
}

#[test]
fn every_verb_has_an_example_that_is_understood() {
    let lines = examples("request");
    for line in &lines {
        assert_ne!(round_trip::<Request>(line), Request::Unknown);
    }
    let verbs = [
        "cancel", "commit", "compare", "file", "follow", "logs", "offer", "plan", "run", "status",
    ];
    assert_eq!(tags(&lines, "verb"), verbs.map(str::to_owned).into());
}

#[test]
fn every_reply_has_an_example_that_is_understood() {
    let lines = examples("reply");
    for line in &lines {
        match round_trip::<Reply>(line) {
            Reply::Unknown => panic!("not understood: {line}"),
            Reply::Event { event, .. } => assert_ne!(event.event, EventKind::Unknown, "{line}"),
            _ => {}
        }
    }
    let replies = [
        "accepted",
        "alive",
        "cancelling",
        "compared",
        "ended",
        "event",
        "log",
        "logs-ended",
        "planned",
        "progress",
        "pushed",
        "refused",
        "status",
    ];
    assert_eq!(tags(&lines, "reply"), replies.map(str::to_owned).into());
}

#[test]
fn what_a_later_version_adds_is_passed_over_or_refused() {
    assert_eq!(
        serde_json::from_str::<Request>(r#"{"verb":"teleport","to":"mars"}"#).unwrap(),
        Request::Unknown
    );
    assert_eq!(
        serde_json::from_str::<Reply>(r#"{"reply":"sang","song":1}"#).unwrap(),
        Reply::Unknown
    );
    let more = r#"{"verb":"commit","force":true,"colour":"red"}"#;
    assert_eq!(
        serde_json::from_str::<Request>(more).unwrap(),
        Request::Commit { force: true }
    );
}

#[test]
fn a_path_cannot_be_said() {
    for name in ["../x", "/etc/passwd", "a/b", "-x", ""] {
        let line =
            serde_json::json!({"verb": "file", "folder": "conf", "name": name, "bytes": ""}).to_string();
        assert!(serde_json::from_str::<Request>(&line).is_err(), "{name}");
        let line = serde_json::json!({"verb": "plan", "services": [{"service": name}]}).to_string();
        assert!(serde_json::from_str::<Request>(&line).is_err(), "{name}");
        let line = serde_json::json!({"verb": "cancel", "run": name}).to_string();
        assert!(serde_json::from_str::<Request>(&line).is_err(), "{name}");
    }
}

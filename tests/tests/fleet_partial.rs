//! What stands beside on a host of a fleet, a part or something suspicious, is told with its place, and is no success.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use batt_tests::fleet::{Fleet, assert_class, host_of};

/// Stores two archives; one fails in the mode `part`, and both are small in the mode `small`.
const SCRIPT: &str = r#"#!/bin/sh
size=2000000
[ "$WORK_MODE" != small ] || size=1000
batt store a -- head -c $size /dev/zero
if [ "$WORK_MODE" = part ]; then
    batt store b -- false
else
    batt store b -- head -c $size /dev/zero
fi
"#;

#[test]
fn a_part_and_what_is_suspicious_are_told_with_their_places() {
    let fleet = Fleet::of(&["db1", "db2"]);
    fleet.script("work", SCRIPT);
    fleet.fleet(&["run", "--group", "db"]).code(0);

    fleet.mode("db1", "part");
    fleet.mode("db2", "small");
    let (code, document) = fleet.json(&["run", "--group", "db"]);
    assert_eq!((code, &document["exit"]), (Some(2), &2.into()));
    let run = document["run"].as_str().unwrap();
    for (host, outcome, why) in [
        ("db1", "partial", "without `b`"),
        ("db2", "suspicious", "`max_shrink` is 50%"),
    ] {
        assert_class(&document, host, "failed", why);
        let service = &host_of(&document, host)["services"][0];
        assert_eq!(service["outcome"], outcome);
        let path = service["path"].as_str().unwrap();
        assert!(path.ends_with(&format!("/work~{run}")), "{path}");
        assert!(std::path::Path::new(path).join("RESTORE.md").exists());
        assert!(service["bytes"].as_u64().unwrap() > 0, "{service}");
        assert!(service["reason"].as_str().unwrap().contains(why), "{service}");
    }

    let table = fleet.fleet(&["run", "--group", "db"]).code(2).stdout;
    for words in [
        "is partial",
        "is suspicious",
        "1 suspicious",
        "published beside",
        "/work~",
    ] {
        assert!(table.contains(words), "`{words}` is not in:\n{table}");
    }
}

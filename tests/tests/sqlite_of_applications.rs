//! Databases of SQLite that need what only their application has: a collation, a function. The copy is fine, and the check cannot run:
//! that is no damage. Tables that need none of it are checked as ever.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::sqlite;
use serde_json::{Value, json};

const SCHEMA: &str = "
    CREATE TABLE users (name TEXT COLLATE NOCASE); CREATE UNIQUE INDEX u ON users (name); INSERT INTO users VALUES ('a'), ('B');
    CREATE TABLE settings (key TEXT COLLATE NOCASE PRIMARY KEY, value) WITHOUT ROWID; INSERT INTO settings VALUES ('k', 'v');
    CREATE TABLE doubled (a INT, b INT AS (abs(a)) VIRTUAL); INSERT INTO doubled (a) VALUES (1);
    CREATE TABLE found (a INT); CREATE INDEX f ON found (abs(a)); INSERT INTO found VALUES (1), (2);
    CREATE TABLE plain (x INT, y INT); CREATE INDEX p ON plain (x); INSERT INTO plain VALUES (1, 10), (2, 20);
";
/// What an application calls its own.
const OWN: &str = "PRAGMA writable_schema = ON;
    UPDATE sqlite_master SET sql = replace(replace(sql, 'NOCASE', 'NOCASE_UTF8'), 'abs(', 'folded(');";

fn database(host: &Host, more: &str) -> PathBuf {
    let file = host.scratch().join("app.db");
    sqlite::sql(&file, &format!("{SCHEMA}{OWN}{more}"));
    file
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_only_its_application_can_check_is_copied_drilled_and_restored() {
    let host = Host::new();
    let file = database(&host, "");
    let finished = host
        .batt(&["--format", "json", "--sqlite-db", text(&file)])
        .code(0);
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["services"][0]["outcome"], "succeeded", "{report}");
    let warning = report["services"][0]["warnings"][0].as_str().unwrap();
    for part in [
        "copied, cannot be checked here, because ",
        "no such collation sequence: `NOCASE_UTF8`",
        "unknown function: `folded()`",
        "not looked at: `users`, `settings`, `doubled`",
    ] {
        assert!(warning.contains(part), "{warning}");
    }
    let content = host.content("sqlite", text(&file));
    assert_eq!(content["rows.plain"], "2");
    assert_eq!(content["rows.found"], "2");
    assert_eq!(content["table.settings"], "table");
    assert!(!content.contains_key("rows.settings"), "{content:?}");
    host.batt(&["verify"]).code(0);
    host.settings(&format!("[service.sqlite]\nitems = [\"{}\"]\n", text(&file)));
    host.batt_drill("sqlite").code(0).says("proven");

    let rows = || {
        sqlite::sql(
            &file,
            "SELECT sql FROM sqlite_master; SELECT * FROM users; SELECT a FROM found; SELECT * FROM plain",
        )
    };
    let before = rows();
    fs::remove_file(&file).unwrap();
    let restored = host.batt_restore(&[], &["sqlite"]).code(0);
    restored.says("no difference");
    restored.says("restored, cannot be checked here, because");
    assert_eq!(rows(), before);
}

#[test]
fn what_is_damaged_beside_it_is_still_found() {
    let host = Host::new();
    // The index is of another column than it says.
    let file = database(
        &host,
        "UPDATE sqlite_master SET sql = 'CREATE INDEX p ON plain (y)' WHERE name = 'p';",
    );
    host.batt(&["--sqlite-db", text(&file)])
        .code(2)
        .says("is damaged");
    assert_eq!(host.backups("sqlite"), Vec::<PathBuf>::new());
}

#[test]
fn what_could_be_counted_there_and_cannot_be_here_says_nothing_of_the_backup() {
    let host = Host::new();
    let file = database(&host, "");
    host.batt(&["--sqlite-db", text(&file)]).code(0);
    host.settings(&format!("[service.sqlite]\nitems = [\"{}\"]\n", text(&file)));
    // As if the programs of that host had known the collation.
    let backup = host.backup("sqlite");
    let path = backup.join("manifest.json");
    let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    manifest["archives"][0]["content"]["rows.settings"] = json!("1");
    fs::write(&path, manifest.to_string()).unwrap();
    let sums = backup.join("SHA256SUMS");
    let kept = fs::read_to_string(&sums).unwrap();
    let kept: String = kept
        .lines()
        .filter(|line| !line.ends_with("  manifest.json"))
        .map(|line| format!("{line}\n"))
        .collect();
    let digest = Finished::run(Command::new("sha256sum").arg(&path)).success();
    fs::write(&sums, format!("{kept}{}  manifest.json\n", &digest[..64])).unwrap();
    let finished = Host::new().batt(&["drill", "--from", text(&backup)]);
    finished.code(69).says("cannot be here");
}

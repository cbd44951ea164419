//! Whatever the files of SQLite's own suite leave behind comes back: a database for each of them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use batt_tests::finished::Finished;
use batt_tests::host::Host;
use batt_tests::server::sqlite::client;

use crate::difference::assert_same;

/// Makes databases of some files each.
const WORKERS: usize = 4;
/// Of what a file of the suite leaves behind, in bytes. Two or three are larger, and all of one row.
const LARGEST: u64 = 20_000_000;

/// Returns the files of the suite.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension() == Some(OsStr::new("test")) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Tells whether what stands on a line before a brace says that statements of SQL follow.
fn announces_sql(before: &str) -> bool {
    let words: Vec<&str> = before.split_whitespace().collect();
    matches!(
        words.as_slice(),
        [.., "execsql" | "execsql2" | "catchsql"]
            | [.., "db", "eval"]
            | [.., "do_execsql_test" | "do_catchsql_test", _]
            | [.., "do_execsql_test" | "do_catchsql_test", "-db", _, _]
    )
}

/// Returns the statements of a file, as far as they stand in it and are not made by Tcl. What would take away what the others made is
/// left out.
fn statements(text: &str) -> String {
    let mut sql = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let line = rest[..at].rfind('\n').map_or(0, |end| end + 1);
        let is_sql = announces_sql(&rest[line..at]);
        rest = &rest[at + 1..];
        if !is_sql {
            continue;
        }
        let (mut depth, mut escaped) = (1, false);
        let end = rest.char_indices().find_map(|(at, character)| {
            match (escaped, character) {
                (true, _) => escaped = false,
                (false, '\\') => escaped = true,
                (false, '{') => depth += 1,
                (false, '}') => depth -= 1,
                (false, _) => {}
            }
            (depth == 0).then_some(at)
        });
        let Some(end) = end else { break };
        for statement in rest[..end].split(";\n") {
            let first = statement
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_uppercase();
            if !matches!(first.as_str(), "DROP" | "ATTACH" | "DETACH" | "ROLLBACK") {
                sql += statement;
                sql += ";\n";
            }
        }
        rest = &rest[end..];
    }
    sql
}

/// Makes the database of a file. Many of its statements are meant to fail, and some to take long.
fn make(file: &Path, folder: &Path) -> Option<PathBuf> {
    let bytes = fs::read(file).unwrap();
    let sql = statements(&bytes.iter().map(|byte| char::from(*byte)).collect::<String>());
    let database = folder.join(file.file_name().unwrap()).with_extension("db");
    let mut command = Command::new("timeout");
    // Safe: nothing of the suite writes files elsewhere.
    command
        .args(["5", "sqlite3", "-safe", "-batch", "-init", "/dev/null"])
        .arg(&database)
        .current_dir(folder);
    Finished::run_with(&mut command, sql.as_bytes());
    let size = fs::metadata(&database).map_or(0, |found| found.len());
    // What was stopped in the middle of a transaction ends it here.
    let checked = Finished::run(client(&database).arg("PRAGMA integrity_check(1)"));
    let said = checked.said();
    let of_an_application = ["no such ", "unknown function", "unknown tokenizer"];
    let is_whole = checked.stdout == "ok\n" || of_an_application.iter().any(|words| said.contains(words));
    ((1..=LARGEST).contains(&size) && is_whole && !said.contains("malformed")).then_some(database)
}

fn dump(database: &Path) -> String {
    Finished::run(client(database).arg(".dump")).said()
}

#[test]
#[ignore = "needs the sources of SQLite: `make regression` fetches them"]
fn what_the_suite_of_sqlite_creates_comes_back() {
    let suite =
        PathBuf::from(std::env::var_os("BATT_REGRESSION_SQLITE").expect("the folder of the suite is named"));
    let host = Host::new();
    let folder = host.scratch().join("databases");
    fs::create_dir(&folder).unwrap();
    let files = files(&suite);
    let parts = files.chunks(files.len().div_ceil(WORKERS));
    let databases: Vec<PathBuf> = thread::scope(|scope| {
        let workers: Vec<_> = parts
            .map(|part| {
                scope.spawn(|| {
                    part.iter()
                        .filter_map(|file| make(file, &folder))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    assert!(
        databases.len() > 1_000,
        "the suite left {} databases",
        databases.len()
    );
    let names: Vec<&str> = databases.iter().map(|path| path.to_str().unwrap()).collect();
    let before: Vec<String> = databases.iter().map(|path| dump(path)).collect();

    host.batt_promised("sqlite", &names).code(0);
    host.batt(&["verify"]).code(0);
    host.batt_drill("sqlite").code(0).says("proven");
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    host.batt_restore(&[], &["sqlite"]).code(0).says("no difference");
    for (database, before) in databases.iter().zip(&before) {
        assert_same(database.to_str().unwrap(), before, &dump(database));
    }
}

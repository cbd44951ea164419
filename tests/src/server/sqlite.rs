//! SQLite database files. There is no server: the "server" is whoever has the file open.

use std::path::Path;
use std::process::Command;

use super::{SEARCH_PATH, program};
use crate::finished::Finished;

/// Runs SQL statements on a database file, which is made when it is not there; returns the rows. Panics on an error.
#[track_caller]
pub fn sql(file: &Path, statements: &str) -> String {
    Finished::run_with(&mut client(file), statements.as_bytes()).success()
}

/// Returns a database as SQL: schema and all rows.
#[track_caller]
pub fn fingerprint(file: &Path) -> String {
    sql(file, ".dump\nPRAGMA user_version;\n")
}

/// Returns a client for a database file.
pub fn client(file: &Path) -> Command {
    let mut command = Command::new(program("sqlite3"));
    command
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .args(["-batch", "-bail", "-init", "/dev/null"])
        .arg(file);
    command
}

//! The zoo of SQLite.

use std::fs;

use batt_tests::host::Host;
use batt_tests::server::sqlite;

use super::difference::assert_same;

const ALL: &str = include_str!("../../zoo/sqlite/all.sql");

#[test]
fn everything_of_a_file_comes_back() {
    let host = Host::new();
    let folder = host.scratch().join("odd 'place' \"q\" größe;%20#?");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("zoo's \\ file.db");
    sqlite::sql(&file, ALL);
    let other = folder.join("utf-16.db");
    sqlite::sql(
        &other,
        "PRAGMA encoding = 'UTF-16be'; CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('größe 🙂');",
    );
    let empty = folder.join("empty.db");
    fs::write(&empty, "").unwrap();
    let files = [&file, &other, &empty];
    let told = |files: &[&std::path::PathBuf]| -> String {
        let pragmas = "PRAGMA encoding; PRAGMA application_id; PRAGMA auto_vacuum; PRAGMA page_size; PRAGMA journal_mode;";
        files
            .iter()
            .map(|file| sqlite::fingerprint(file) + &sqlite::sql(file, pragmas))
            .collect()
    };
    let before = told(&files);

    let items: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    host.batt_promised("sqlite", &items).code(0);
    host.batt(&["verify"]).code(0);
    host.batt_drill("sqlite").code(0).says("proven");
    for file in files {
        fs::remove_file(file).unwrap();
    }
    host.batt_restore(&[], &["sqlite"]).code(0);

    assert_same("what was restored", &before, &told(&files));
}

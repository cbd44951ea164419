//! The sqlite service on real database files, also while somebody writes to them.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use batt_tests::host::Host;
use batt_tests::server::sqlite;

const SCHEMA: &str = "
    CREATE TABLE article (id INTEGER PRIMARY KEY, title TEXT, picture BLOB);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO article (title, picture) SELECT 'näme 🙂 ' || i, randomblob(20) FROM n;
    CREATE VIEW recent AS SELECT * FROM article WHERE id > 1990;
    CREATE TRIGGER shout AFTER INSERT ON article BEGIN UPDATE article SET title = upper(title) WHERE id = NEW.id; END;
    PRAGMA user_version = 42;
";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn everything_comes_back_equal_whatever_the_file_is_called() {
    let host = Host::new();
    let names = [
        "plain.db",
        "it's \"quoted\".db",
        "$(touch pwned).db",
        "a?mode=memory#x%41.db",
        "-readonly",
        "two\nlines",
    ];
    let files: Vec<_> = names.iter().map(|name| host.scratch().join(name)).collect();
    for file in &files {
        // Named by its folder, since sqlite3 takes `file:` and dashes in a name for something else.
        sqlite::sql(file, SCHEMA);
    }
    let before: Vec<String> = files.iter().map(|file| sqlite::fingerprint(file)).collect();

    let arguments: Vec<String> = files
        .iter()
        .map(|file| format!("--sqlite-db={}", text(file)))
        .collect();
    host.batt(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        .code(0);

    assert_eq!(host.content("sqlite", text(&files[0]))["user_version"], "42");
    for file in &files {
        fs::remove_file(file).unwrap();
    }
    host.batt(&["verify"]).code(0);
    host.restore(&host.backup("sqlite"), &[("owner", "root".to_owned())]);
    let after: Vec<String> = files.iter().map(|file| sqlite::fingerprint(file)).collect();
    assert_eq!(after, before);
}

#[test]
fn what_is_in_the_write_ahead_log_is_saved_and_what_is_not_committed_is_not() {
    let host = Host::new();
    let file = host.scratch().join("busy.db");
    sqlite::sql(&file, "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER)");
    let mut writer = sqlite::client(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = writer.stdin.take().unwrap();
    pipe.write_all(b"PRAGMA wal_autocheckpoint = 0;\nINSERT INTO t VALUES (1), (2);\nBEGIN;\nINSERT INTO t VALUES (3);\nSELECT 'ready';\n")
        .unwrap();
    let mut answers = std::io::BufReader::new(writer.stdout.take().unwrap());
    let mut line = String::new();
    while line != "ready\n" {
        line.clear();
        assert_ne!(
            std::io::BufRead::read_line(&mut answers, &mut line).unwrap(),
            0,
            "the writer has ended"
        );
    }

    host.configure("sqlite", &[("SQLITE_DATABASES", text(&file))]);
    host.batt(&["sqlite"]).code(0);
    drop(pipe);
    writer.wait().unwrap();

    assert_eq!(host.content("sqlite", text(&file))["journal_mode"], "wal");
    fs::remove_file(&file).unwrap();
    host.restore(&host.backup("sqlite"), &[("owner", "root".to_owned())]);
    assert_eq!(sqlite::sql(&file, "SELECT id FROM t"), "1\n2\n");
}

#[test]
fn a_backup_leaves_no_files_beside_the_database() {
    let host = Host::new();
    let file = host.scratch().join("quiet.db");
    sqlite::sql(&file, "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER)");

    host.batt(&["--sqlite-db", text(&file)]).code(0);

    let left: Vec<_> = fs::read_dir(host.scratch())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["quiet.db"]);
}

#[test]
fn a_backup_of_a_database_starts_few_programs() {
    let host = Host::new();
    let file = host.scratch().join("small.db");
    sqlite::sql(&file, "CREATE TABLE t (id INTEGER)");
    let started = host.programs_started(&["--sqlite-db", text(&file)]);
    assert!(started <= 24, "{started} programs");
}

#[test]
fn what_is_no_database_fails_by_its_name_and_is_not_made() {
    let host = Host::new();
    let missing = host.scratch().join("missing.db");
    let garbage = host.scratch().join("garbage.db");
    fs::write(
        &garbage,
        "no database at all, but long enough to be looked at".repeat(40),
    )
    .unwrap();
    let damaged = host.scratch().join("damaged.db");
    sqlite::sql(
        &damaged,
        &format!("{SCHEMA} CREATE INDEX titles ON article (title);"),
    );
    let mut bytes = fs::read(&damaged).unwrap();
    for page in bytes.chunks_mut(4096).skip(4) {
        page[0..64].fill(0x55);
    }
    fs::write(&damaged, bytes).unwrap();

    for path in [&missing, &garbage, &damaged] {
        let finished = host.batt(&["--sqlite-db", text(path)]).code(2);
        finished.says(text(path));
    }
    for word in ["relative.db", "-rf"] {
        let finished = host.batt(&[&format!("--sqlite-db={word}")]).code(2);
        finished.says(&format!("`{word}`: it is no absolute path"));
    }
    let finished = host.batt(&["sqlite"]).code(2);
    finished.says("SQLITE_DATABASES");
    assert!(!missing.exists());
    assert!(host.backups("sqlite").is_empty());
}
